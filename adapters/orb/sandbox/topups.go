package sandbox

import "time"

type topUpParams struct {
	Currency  *string `json:"currency"`
	Threshold *string `json:"threshold"`
	Amount    *string `json:"amount"`
	Basis     *string `json:"per_unit_cost_basis"`
	Invoice   *struct {
		AutoCollection *bool   `json:"auto_collection"`
		NetTerms       *int    `json:"net_terms"`
		Memo           *string `json:"memo"`
		RequirePayment bool    `json:"require_successful_payment"`
	} `json:"invoice_settings"`
	ExpireAfter *int       `json:"expires_after"`
	ExpireUnit  *string    `json:"expires_after_unit"`
	ActiveFrom  *time.Time `json:"active_from"`
}

// topUp checks the request; the amounts come as strings.
func (in *topUpParams) topUp() (*topUp, error) {
	var s shape
	read := func(field string, text *string) amount {
		got, err := parseAmount(or(text, ""))
		s.check(err == nil && got.sign() >= 0, "%s: a decimal string is required", field)
		return got
	}
	t := &topUp{Threshold: read("threshold", in.Threshold), Amount: read("amount", in.Amount), Basis: or(in.Basis, "")}
	read("per_unit_cost_basis", in.Basis)
	s.check(t.Amount.sign() > 0, "amount: it has to be greater than 0")
	s.check(in.Currency != nil, "currency: field required")
	ok := in.Invoice != nil && in.Invoice.AutoCollection != nil && in.Invoice.NetTerms != nil && *in.Invoice.NetTerms >= 0 && *in.Invoice.NetTerms <= maxDays
	s.check(ok, "invoice_settings: auto_collection and net_terms are required")
	if ok {
		t.Collect, t.NetTerms, t.Memo, t.MustPay = *in.Invoice.AutoCollection, *in.Invoice.NetTerms, in.Invoice.Memo, in.Invoice.RequirePayment
	}
	s.check((in.ExpireAfter == nil) == (in.ExpireUnit == nil), "expires_after and expires_after_unit come together")
	s.check(in.ExpireUnit == nil || *in.ExpireUnit == "day" || *in.ExpireUnit == "month", "expires_after_unit: it is day or month")
	s.check(in.ExpireAfter == nil || *in.ExpireAfter > 0 && *in.ExpireAfter <= maxDays, "expires_after: it is between 1 and 36500")
	t.ExpireAfter, t.ExpireUnit, t.ActiveFrom = in.ExpireAfter, in.ExpireUnit, in.ActiveFrom
	return t, s.problem()
}

func createTopUp(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	var in topUpParams
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	t, err := in.topUp()
	if err != nil {
		return nil, err
	}
	if t.ActiveFrom != nil && t.ActiveFrom.Before(c.now.Add(-10*day)) {
		return nil, violates("active_from is more than 10 days in the past")
	}
	unit, err := c.unit(x, in.Currency)
	if err != nil {
		return nil, err
	}
	l := c.ledger(x, unit)
	for _, old := range c.st.TopUps.Rows {
		if old.Ledger == l.key() {
			c.st.TopUps.remove(old.ID) // a new one replaces the old
			break
		}
	}
	t.ID, t.Ledger = c.a.NewID("", 16), l.key()
	c.st.TopUps.add(t)
	c.touched(l)
	return c.renderTopUp(t), nil
}

func (w *world) renderTopUp(t *topUp) obj {
	l, ok := w.st.Ledgers.get(t.Ledger)
	if !ok {
		l = &ledger{}
	}
	return obj{
		"id": t.ID, "currency": l.Unit, "threshold": t.Threshold.String(), "amount": t.Amount.String(), "per_unit_cost_basis": t.Basis,
		"invoice_settings": obj{"auto_collection": t.Collect, "net_terms": t.NetTerms, "memo": t.Memo, "require_successful_payment": t.MustPay},
		"expires_after":    t.ExpireAfter, "expires_after_unit": t.ExpireUnit,
	}
}

// ofCustomer says whether a top-up is one of a customer.
func (w *world) ofCustomer(t *topUp, x *customer) bool {
	l, ok := w.st.Ledgers.get(t.Ledger)
	return ok && l.Customer == x.ID
}

func listTopUps(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	return list(c, pageLimit, c.st.TopUps.Rows, func(t *topUp) bool { return c.ofCustomer(t, x) }, c.renderTopUp)
}

// deleteTopUp ends a top-up and voids what is still to be paid for it.
func deleteTopUp(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	id := c.Path("top_up_id")
	t, ok := c.st.TopUps.get(id)
	if !ok || !c.ofCustomer(t, x) {
		return nil, missing("top-up", id)
	}
	c.st.TopUps.remove(id)
	l, _ := c.st.Ledgers.get(t.Ledger)
	for _, b := range l.Blocks {
		if b.TopUp != id || b.Status != pendingPayment {
			continue
		}
		for _, bill := range b.Invoices {
			if v, ok := c.st.Invoices.get(bill); ok && v.Status == issued {
				c.void(v)
			}
		}
	}
	return nil, nil
}

// refill fires the ledger's top-up when the balance is at or below its
// threshold, and says whether it did. It pauses while a block of it is unpaid.
func (w *world) refill(l *ledger) bool {
	var t *topUp
	for _, x := range w.st.TopUps.Rows {
		if x.Ledger == l.key() {
			t = x
		}
	}
	if t == nil || t.ActiveFrom != nil && t.ActiveFrom.After(w.now) || l.Balance.cmp(t.Threshold) > 0 {
		return false
	}
	for _, b := range l.Blocks {
		if b.TopUp == t.ID && b.Status == pendingPayment && !b.Expired {
			return false
		}
	}
	at, initial := w.second(), t.Amount
	b := &block{Balance: initial, Initial: &initial, Effective: &at, Basis: &t.Basis, Status: active, Source: "top_up", TopUp: t.ID}
	if t.ExpireAfter != nil {
		end := at.AddDate(0, 0, *t.ExpireAfter)
		if *t.ExpireUnit == "month" {
			end = at.AddDate(0, *t.ExpireAfter, 0)
		}
		end = dated(end)
		b.Expiry = &end
	}
	w.grant(l, b, &invoiceSettings{AutoCollection: &t.Collect, NetTerms: &t.NetTerms, Memo: t.Memo, RequirePayment: t.MustPay}, nil)
	return true
}
