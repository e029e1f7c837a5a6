package sandbox

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// periodEnd is the instant n intervals after a subscription's anchor. Months
// keep the anchor's day, or the last one where a month is shorter.
func (w *world) periodEnd(s *subscription, n int64) int64 {
	y, ok := w.st.Prices.get(firstPrice(s))
	if !ok {
		y = &price{Interval: "month", IntervalCount: 1}
	}
	anchor, steps := time.Unix(s.Anchor, 0).UTC(), int(n*y.IntervalCount)
	switch y.Interval {
	case "day":
		return anchor.AddDate(0, 0, steps).Unix()
	case "week":
		return anchor.AddDate(0, 0, 7*steps).Unix()
	case "year":
		steps *= 12
	}
	first := time.Date(anchor.Year(), anchor.Month()+time.Month(steps), 1, anchor.Hour(), anchor.Minute(), anchor.Second(), 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(anchor.Day(), last)-1).Unix()
}

// licensed names the items that are paid in advance, to compare two lists.
func (w *world) licensed(items []*subItem) string {
	var text strings.Builder
	for _, it := range items {
		if y, ok := w.st.Prices.get(it.Price); ok && y.UsageType != "metered" {
			fmt.Fprintf(&text, "%s x %d;", it.Price, it.Quantity)
		}
	}
	return text.String()
}

func (w *world) newCycleInvoice(s *subscription, reason string, from, to int64) *invoice {
	x := &invoice{
		ID: w.a.NewID("in_", 24), Created: w.now, Customer: s.Customer, Currency: s.Currency, Status: draft, BillingReason: reason,
		Collection: s.Collection, AutoAdvance: true, PeriodStart: from, PeriodEnd: to, Subscription: s.ID, Metadata: map[string]string{},
	}
	if s.Collection == sendInvoice {
		until := w.now + s.DaysDue*day
		x.DueDate = &until
	}
	return x
}

// advanceLines bills the licensed items for a period ahead. A first period
// that is shorter than an interval costs its share.
func (w *world) advanceLines(x *invoice, s *subscription, from, to int64, share *big.Rat) {
	for _, it := range s.Items {
		y, ok := w.st.Prices.get(it.Price)
		if !ok || y.UsageType == "metered" {
			continue
		}
		amount := new(big.Rat).Mul(y.unit(), new(big.Rat).SetInt64(it.Quantity))
		w.addLine(x, s, it, from, to, it.Quantity, wholeHalfUp(amount.Mul(amount, share)))
	}
}

func (w *world) addLine(x *invoice, s *subscription, it *subItem, from, to, quantity, amount int64) {
	x.Lines = append(x.Lines, &invoiceLine{
		ID: w.a.NewID("il_", 24), Amount: amount, Description: w.lineText(it.Price, quantity), Price: it.Price, Quantity: quantity,
		PeriodStart: from, PeriodEnd: to, Subscription: s.ID, SubItem: it.ID, Metadata: it.Metadata,
	})
}

func (w *world) lineText(priceID string, quantity int64) string {
	name := "Subscription"
	if y, ok := w.st.Prices.get(priceID); ok {
		if p, ok := w.st.Products.get(y.Product); ok {
			name = p.Name
		}
	}
	return fmt.Sprintf("%d × %s", quantity, name)
}

// wholeHalfUp rounds to whole minor units, halves away from zero.
func wholeHalfUp(r *big.Rat) int64 {
	twice := new(big.Int).Mul(r.Num(), big.NewInt(2))
	if r.Sign() >= 0 {
		twice.Add(twice, r.Denom())
	} else {
		twice.Sub(twice, r.Denom())
	}
	return twice.Quo(twice, new(big.Int).Mul(r.Denom(), big.NewInt(2))).Int64()
}

// usageLines adds a line for each metered item over a period that has ended;
// the amounts follow when the invoice finalizes.
func (w *world) usageLines(x *invoice, s *subscription, from, to int64) {
	for _, it := range s.Items {
		if y, ok := w.st.Prices.get(it.Price); ok && y.UsageType == "metered" {
			w.addLine(x, s, it, from, to, 0, 0)
		}
	}
	w.readUsage(x)
}

// readUsage brings the metered lines of a draft up to the usage reported by now.
func (w *world) readUsage(x *invoice) {
	for _, l := range x.Lines {
		y, ok := w.st.Prices.get(l.Price)
		m, metered := w.st.Meters.get(meterOf(y))
		if !ok || !metered || l.Subscription == "" {
			continue
		}
		used, _ := w.aggregate(m, x.Customer, l.PeriodStart, l.PeriodEnd)
		l.Quantity = wholeHalfUp(used)
		l.Amount = max(0, wholeHalfUp(used.Mul(used, y.unit())))
		l.Description = w.lineText(l.Price, l.Quantity)
	}
}

func meterOf(y *price) string {
	if y == nil {
		return ""
	}
	return y.Meter
}

// announce files a draft of a subscription and says when it finalizes.
func (w *world) announce(s *subscription, x *invoice, atOnce bool) {
	s.Latest = w.st.Invoices.add(x).ID
	w.emit("invoice.created", w.renderInvoice(x), nil)
	if atOnce || w.a.Variant(draftsFinalizeAtOnce) {
		w.finalize(x)
		w.collect(x)
		return
	}
	then := w.now + finalizesAfter
	x.FinalizesAt = &then
}

// firstInvoice bills the first period at creation.
func (w *world) firstInvoice(s *subscription, short, prorate bool) {
	share := big.NewRat(1, 1)
	if short {
		share = new(big.Rat)
		if full := s.Anchor - w.periodEnd(s, -1); prorate && full > 0 {
			share.SetFrac64(s.PeriodEnd-s.PeriodStart, full)
		}
	}
	x := w.newCycleInvoice(s, "subscription_create", s.PeriodStart, s.PeriodStart)
	w.advanceLines(x, s, s.PeriodStart, s.PeriodEnd, share)
	w.announce(s, x, true)
}

// usageInvoice bills what was used since the period began.
func (w *world) usageInvoice(s *subscription, until int64, reason string) {
	x := w.newCycleInvoice(s, reason, s.PeriodStart, until)
	w.usageLines(x, s, s.PeriodStart, until)
	if len(x.Lines) > 0 {
		w.announce(s, x, false)
	}
}

// turnPeriod ends a period: what was used in it and what comes next are billed
// together, unless the subscription ends here.
func (w *world) turnPeriod(s *subscription) {
	if s.CancelAtEnd {
		w.usageInvoice(s, s.PeriodEnd, "subscription_cycle")
		w.endSubscription(s)
		return
	}
	from, to := s.PeriodStart, s.PeriodEnd
	w.change("customer.subscription.updated", func() obj { return w.renderSubscription(s) }, func() {
		s.Cycle++
		s.PeriodStart, s.PeriodEnd = to, w.periodEnd(s, s.Cycle+1)
		x := w.newCycleInvoice(s, "subscription_cycle", from, to)
		w.usageLines(x, s, from, to)
		w.advanceLines(x, s, s.PeriodStart, s.PeriodEnd, big.NewRat(1, 1))
		w.announce(s, x, false)
	})
}

func (w *world) endSubscription(s *subscription) {
	now := w.now
	s.Status, s.EndedAt = "canceled", &now
	if s.CanceledAt == nil {
		s.CanceledAt = &now
	}
	w.emit("customer.subscription.deleted", w.renderSubscription(s), nil)
}

// subscriptionPaid moves a subscription between active and past due as its
// invoices are paid or fail.
func (w *world) subscriptionPaid(x *invoice, ok bool) {
	s, found := w.st.Subscriptions.get(x.Subscription)
	if !found || s.EndedAt != nil {
		return
	}
	w.change("customer.subscription.updated", func() obj { return w.renderSubscription(s) }, func() {
		s.Status = "past_due"
		if ok {
			s.Status = "active"
		}
	})
}
