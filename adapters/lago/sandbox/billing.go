package sandbox

import (
	"slices"
	"time"
)

// bill makes one invoice for periods of a customer's subscriptions: a draft
// where the customer has a grace period, final otherwise.
func (w *world) bill(customer string, list []period) {
	byCurrency := map[string][]period{}
	for _, p := range list {
		if s, ok := w.st.Subs.get(p.Sub); ok {
			if pl, ok := w.planNamed(s.Plan); ok {
				byCurrency[pl.Currency] = append(byCurrency[pl.Currency], p)
			}
		}
	}
	owner, _ := w.st.Customers.get(customer)
	for _, currency := range sortedKeys(byCurrency) {
		x := w.newInvoice(customer, "subscription", currency)
		x.Periods = byCurrency[currency]
		x.Fees = w.feesOf(x.Periods)
		for _, p := range x.Periods {
			x.Progressive += w.progressed(p)
		}
		x.Progressive = min(x.Progressive, sumOf(x.Fees))
		if owner.grace() > 0 {
			x.Issuing = x.Issuing.AddDate(0, 0, int(owner.grace()))
			w.price(x)
			w.tellInvoice("invoice.drafted", x)
			w.flag(customer)
			continue
		}
		w.finalize(x)
	}
}

// progressed is what was billed progressively of a period that ends.
func (w *world) progressed(p period) int64 {
	s, ok := w.st.Subs.get(p.Sub)
	if !ok || p.Reason == "subscription_starting" {
		return 0
	}
	var sum int64
	for _, cents := range s.Progressed {
		sum += cents
	}
	return sum
}

// feesOf computes what some periods cost, from the events there are by now.
func (w *world) feesOf(list []period) []fee {
	var out []fee
	for _, p := range list {
		s, ok := w.st.Subs.get(p.Sub)
		pl, known := w.planNamed(s.Plan)
		if !ok || !known || p.Reason == "in_advance_charge" {
			continue
		}
		switch {
		case p.Reason == "subscription_starting":
			out = append(out, w.baseFee(s, pl, p.From, p.To)...)
			continue
		case p.Reason == "progressive_billing":
		case pl.InAdvance && p.Reason == "subscription_periodic":
			out = append(out, w.baseFee(s, pl, p.To, w.boundary(s, p.To))...)
		case !pl.InAdvance:
			out = append(out, w.baseFee(s, pl, p.From, p.To)...)
		}
		out = append(out, w.usageFees(s, p.From, p.To, false)...)
	}
	return out
}

// baseFee is a plan's own price, by the day where the period is cut short.
func (w *world) baseFee(s *subscription, pl *plan, from, to time.Time) []fee {
	if pl.Cents == 0 {
		return nil
	}
	owner, _ := w.st.Customers.get(s.Customer)
	zone := owner.zone()
	start := calendarStart(from.In(zone), pl.Interval)
	if s.Billing == "anniversary" {
		start = from
	}
	full, used := days(start, w.boundary(s, from)), days(from, to)
	part := major(pl.Cents*min(used, full), pl.Currency).per(whole(full))
	f := fee{
		ID: w.uuid(), Kind: "subscription", Code: pl.Code, Name: pl.Name, Item: s.ID, ItemType: "Subscription", Sub: s.ID, Units: whole(1),
		Unit: part.round(creditPlaces), From: &from, To: &to, Created: w.now,
	}
	f.Cents, _ = minor(part, pl.Currency).round(0).int()
	return []fee{f}
}

// days counts the days that two instants span, a begun one as a whole.
func days(from, to time.Time) int64 {
	const slack = time.Hour // clocks change
	return max(1, int64((to.Sub(from)+day-1-slack)/day))
}

// finalizeDraft computes a draft anew and makes it final.
func (w *world) finalizeDraft(x *invoice) {
	x.Fees = w.feesOf(x.Periods)
	x.Progressive = min(x.Progressive, sumOf(x.Fees))
	w.finalize(x)
	w.flag(x.Customer)
}

// billPeriods is the hourly clock: it bills every subscription whose period is
// over, one invoice a customer.
func (w *world) billPeriods() {
	byCustomer := map[string][]period{}
	for _, s := range w.st.Subs.Rows {
		if s.Status != active || nextAt(s.To, minuteBill).After(w.now) {
			continue
		}
		byCustomer[s.Customer] = append(byCustomer[s.Customer], period{Sub: s.ID, From: s.From, To: s.To, Reason: "subscription_periodic"})
	}
	for _, customer := range sortedKeys(byCustomer) {
		w.bill(customer, byCustomer[customer])
		for _, p := range byCustomer[customer] {
			s, _ := w.st.Subs.get(p.Sub)
			s.Lifetime += sumOf(w.usageFees(s, s.From, s.To, false))
			s.Progressed, s.From, s.To = nil, s.To, w.boundary(s, s.To)
		}
		w.flag(customer)
	}
}

// checkThresholds bills what was used so far when the subscription's usage,
// without tax, has come to a threshold that it had not passed.
func (w *world) checkThresholds(s *subscription) {
	s.Flagged = nil
	pl, ok := w.planNamed(s.Plan)
	if !ok || s.Status != active || len(pl.Thresholds) == 0 || w.a.Variant(noLicence) {
		return
	}
	fees := w.usageFees(s, s.From, s.To, false)
	reached := passedThreshold(pl.Thresholds, s.Historical+s.Lifetime+sumOf(fees))
	if reached <= s.Passed {
		return
	}
	s.Passed = reached
	x := w.newInvoice(s.Customer, "progressive_billing", pl.Currency)
	p := period{Sub: s.ID, From: s.From, To: s.To, Reason: "progressive_billing"}
	x.Fees, x.Periods, x.Progressive = fees, []period{p}, min(w.progressed(p), sumOf(fees))
	s.Progressed = map[string]int64{}
	for _, f := range fees {
		s.Progressed[f.Code] += f.Cents
	}
	w.finalize(x)
	w.tellSubscription("subscription.usage_threshold_reached", s, thresholdNotice(pl, reached))
}

// passedThreshold is the highest threshold at or below some usage; after the
// last fixed one the recurring one comes again and again.
func passedThreshold(list []usageThreshold, used int64) int64 {
	var last, top int64
	for _, t := range list {
		if !t.Recurring {
			top = max(top, t.Cents)
			if t.Cents <= used {
				last = max(last, t.Cents)
			}
		}
	}
	i := slices.IndexFunc(list, func(t usageThreshold) bool { return t.Recurring })
	if i >= 0 && used >= top+list[i].Cents {
		last = top + (used-top)/list[i].Cents*list[i].Cents
	}
	return last
}

// thresholdNotice shows which threshold was reached: the last one at or below
// some usage.
func thresholdNotice(pl *plan, reached int64) obj {
	var hit any
	list := []obj{}
	for _, t := range pl.Thresholds {
		if t.Recurring || t.Cents <= reached {
			hit = obj{
				"lago_id": t.ID, "threshold_display_name": t.Name, "amount_cents": t.Cents, "recurring": t.Recurring, "created_at": instant(pl.Created),
				"updated_at": instant(pl.Created),
			}
		}
		list = append(list, obj{"threshold_display_name": t.Name, "amount_cents": t.Cents, "recurring": t.Recurring})
	}
	return obj{"usage_threshold": hit, "applicable_usage_thresholds": list}
}
