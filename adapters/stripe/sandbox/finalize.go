package sandbox

import (
	"cmp"
	"slices"
)

func finalizeInvoice(c *call) (any, error) {
	x, err := c.invoice(draft)
	if err != nil {
		return nil, err
	}
	advance := c.p.flag("auto_advance")
	if c.p.err != nil {
		return nil, c.p.err
	}
	if advance != nil {
		x.AutoAdvance = *advance
	}
	c.finalize(x)
	return c.renderInvoice(x), nil
}

// finalize makes a draft binding: usage is read, credits and the customer
// balance are applied, a number and a payment are made. What costs nothing is
// paid at once.
func (w *world) finalize(x *invoice) {
	before := w.renderInvoice(x)
	w.readUsage(x)
	w.applyCredits(x)
	if owner, ok := w.st.Customers.get(x.Customer); ok {
		if x.Number == "" {
			x.Number = w.invoiceNumber(owner)
		}
		w.applyBalance(x, owner)
	}
	now := w.now
	x.Status, x.FinalizedAt, x.FinalizesAt = open, &now, nil
	if x.EffectiveAt == nil {
		x.EffectiveAt = &now
	}
	x.PayURL = w.a.BaseURL() + "/_sandbox/invoice/" + x.ID
	if x.due() > 0 {
		pi := w.st.Intents.add(&intent{
			ID: w.a.NewID("pi_", 24), Created: w.now, Amount: x.due(), Currency: x.Currency, Customer: x.Customer, Invoice: x.ID,
			Status: "requires_payment_method", Metadata: map[string]string{},
		})
		x.Intent = pi.ID
		w.emit("payment_intent.created", renderIntent(pi), nil)
	}
	after := w.renderInvoice(x)
	w.emit("invoice.finalized", after, nil)
	w.emit("invoice.updated", after, diff(before, after))
	if x.due() == 0 {
		w.settle(x, false)
	}
}

// applyCredits draws on grants for metered lines, in the documented order.
func (w *world) applyCredits(x *invoice) {
	if x.Subscription == "" {
		return
	}
	for _, l := range x.Lines {
		y, ok := w.st.Prices.get(l.Price)
		if !ok || y.Meter == "" || l.Amount <= 0 {
			continue
		}
		left := l.Amount
		for _, g := range w.burnOrder(x, y.ID) {
			take := min(left, g.available(w.now))
			if take <= 0 {
				continue
			}
			e := w.record(g, creditsApplied, take, x.ID, l.ID)
			l.Credits = append(l.Credits, creditUse{Grant: g.ID, Entry: e.ID, Amount: take})
			if left -= take; left == 0 {
				break
			}
		}
	}
}

// burnOrder lists the grants that an invoice's line may draw on: lower
// priority number, earlier expiry, promotional, earlier effect, earlier made.
func (w *world) burnOrder(x *invoice, price string) []*grant {
	var usable []*grant
	for _, g := range w.st.Grants.Rows {
		inTime := x.PeriodEnd >= g.EffectiveAt && (g.ExpiresAt == nil || x.PeriodEnd < *g.ExpiresAt)
		if g.Customer == x.Customer && g.Currency == x.Currency && inTime && g.covers(price) && g.available(w.now) > 0 {
			usable = append(usable, g)
		}
	}
	first := w.a.Variant(neverExpiringFirst)
	slices.SortStableFunc(usable, func(a, b *grant) int {
		return cmp.Or(
			cmp.Compare(a.Priority, b.Priority), byExpiry(a, b, first), cmp.Compare(b.Category, a.Category),
			cmp.Compare(a.EffectiveAt, b.EffectiveAt), cmp.Compare(a.Created, b.Created))
	})
	return usable
}

// byExpiry puts earlier expiries first, and those without one last or first.
func byExpiry(a, b *grant, neverFirst bool) int {
	switch {
	case a.ExpiresAt != nil && b.ExpiresAt != nil:
		return cmp.Compare(*a.ExpiresAt, *b.ExpiresAt)
	case a.ExpiresAt == nil && b.ExpiresAt == nil:
		return 0
	case (a.ExpiresAt == nil) == neverFirst:
		return -1
	default:
		return 1
	}
}

// applyBalance uses the customer's balance: what stands to the customer's
// credit lowers the invoice, what is owed raises it.
func (w *world) applyBalance(x *invoice, owner *customer) {
	x.StartingBalance = owner.Balance
	if owner.Balance != 0 && owner.Currency == x.Currency || x.total() < 0 {
		applied := max(owner.Balance, -x.total())
		if applied != 0 {
			x.BalanceApplied = applied
			before := renderCustomer(owner)
			w.moveBalance(owner, -applied, x.Currency, "applied_to_invoice", x.ID)
			after := renderCustomer(owner)
			w.emit("customer.updated", after, diff(before, after))
		}
	}
	ending := owner.Balance
	x.EndingBalance = &ending
}

func voidInvoice(c *call) (any, error) {
	x, err := c.invoice(open, uncollectible)
	if err != nil {
		return nil, err
	}
	c.void(x)
	return c.renderInvoice(x), nil
}

// void takes an invoice back: credits return to their grants, and end there at
// once where the grant's time is over.
func (w *world) void(x *invoice) {
	now := w.now
	w.change("invoice.updated", func() obj { return w.renderInvoice(x) }, func() {
		x.Status, x.VoidedAt, x.AutoAdvance = void, &now, false
	})
	for _, l := range x.Lines {
		for _, u := range l.Credits {
			g, ok := w.st.Grants.get(u.Grant)
			if !ok {
				continue
			}
			w.record(g, creditsReinstated, u.Amount, x.ID, l.ID)
			if g.lapsed(w.now) {
				w.expireRest(g)
			}
		}
	}
	if owner, ok := w.st.Customers.get(x.Customer); ok && x.BalanceApplied != 0 {
		w.change("customer.updated", func() obj { return renderCustomer(owner) }, func() {
			w.moveBalance(owner, x.BalanceApplied, x.Currency, "unapplied_from_invoice", x.ID)
		})
	}
	w.cancelIntent(x)
	w.emit("invoice.voided", w.renderInvoice(x), nil)
}

func markUncollectible(c *call) (any, error) {
	x, err := c.invoice(open)
	if err != nil {
		return nil, err
	}
	now := c.now
	c.change("invoice.updated", func() obj { return c.renderInvoice(x) }, func() {
		x.Status, x.UncollectibleAt, x.AutoAdvance = uncollectible, &now, false
	})
	c.emit("invoice.marked_uncollectible", c.renderInvoice(x), nil)
	return c.renderInvoice(x), nil
}

// due is the next instant at which something happens by itself.
func (w *world) due() (int64, bool) {
	var first int64
	found := false
	consider := func(t int64) {
		if !found || t < first {
			first, found = t, true
		}
	}
	for _, g := range w.st.Grants.Rows {
		if !g.Granted && g.VoidedAt == nil && !g.lapsed(g.EffectiveAt) {
			consider(g.EffectiveAt)
		}
		if t, ok := w.expiryDue(g); ok {
			consider(t)
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if x.Status == draft && x.FinalizesAt != nil {
			consider(*x.FinalizesAt)
		}
	}
	for _, s := range w.st.Subscriptions.Rows {
		if s.EndedAt == nil {
			consider(s.PeriodEnd)
		}
	}
	return first, found
}

// runDue does what is due now: grants take effect, periods turn, drafts
// finalize, grants expire, in this order.
func (w *world) runDue() {
	for _, g := range w.st.Grants.Rows {
		if !g.Granted && g.VoidedAt == nil && g.EffectiveAt <= w.now && !g.lapsed(g.EffectiveAt) {
			w.takeEffect(g)
		}
	}
	for _, s := range slices.Clone(w.st.Subscriptions.Rows) {
		if s.EndedAt == nil && s.PeriodEnd <= w.now {
			w.turnPeriod(s)
		}
	}
	for _, x := range slices.Clone(w.st.Invoices.Rows) {
		if x.Status == draft && x.FinalizesAt != nil && *x.FinalizesAt <= w.now {
			w.finalize(x)
			w.collect(x)
		}
	}
	for _, g := range w.st.Grants.Rows {
		if t, ok := w.expiryDue(g); ok && t <= w.now {
			w.expireRest(g)
		}
	}
}
