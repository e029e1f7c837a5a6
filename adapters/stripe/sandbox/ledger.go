package sandbox

// Kinds of ledger entries; the first two add, the others take.
const (
	creditsGranted    = "credits_granted"
	creditsReinstated = "credits_application_invoice_voided"
	creditsApplied    = "credits_applied"
	creditsExpired    = "credits_expired"
	creditsVoided     = "credits_voided"
)

func (e *ledgerEntry) adds() bool { return e.Kind == creditsGranted || e.Kind == creditsReinstated }

// record writes an entry of a grant's ledger and tells of it; nothing for 0.
func (w *world) record(g *grant, kind string, amount int64, invoice, line string) *ledgerEntry {
	if amount == 0 {
		return nil
	}
	prefix := "cbtxn_test_"
	if w.a.Variant(ledgerOtherPrefix) {
		prefix = "bcbtxn_"
	}
	e := w.st.Ledger.add(&ledgerEntry{ID: w.a.NewID(prefix, 24), Created: w.now, Grant: g.ID, Kind: kind, Amount: amount, Invoice: invoice, Line: line})
	if e.adds() {
		g.Remaining += amount
	} else {
		g.Remaining -= amount
	}
	w.caused("").emit("billing.credit_balance_transaction.created", w.renderEntry(e), nil)
	return e
}

// takeEffect records the credit of a grant whose time has come.
func (w *world) takeEffect(g *grant) {
	g.Granted = true
	w.record(g, creditsGranted, g.Value, "", "")
}

// expireRest records the end of a grant.
func (w *world) expireRest(g *grant) {
	g.Expired = true
	w.record(g, creditsExpired, g.Remaining, "", "")
}

// expiryDue is when a grant's expiry is recorded by itself.
func (w *world) expiryDue(g *grant) (int64, bool) {
	if !g.Granted || g.Expired || g.VoidedAt != nil || g.ExpiresAt == nil {
		return 0, false
	}
	if w.a.Variant(naturalExpirySilent) {
		return *g.ExpiresAt + silentExpiryLag, true
	}
	return *g.ExpiresAt, true
}

func (w *world) renderEntry(e *ledgerEntry) obj {
	currency := ""
	if g, ok := w.st.Grants.get(e.Grant); ok {
		currency = g.Currency
	}
	out := obj{
		"id": e.ID, "object": "billing.credit_balance_transaction", "created": e.Created, "effective_at": e.Created,
		"credit_grant": e.Grant, "livemode": false, "test_clock": nil, "credit": nil, "debit": nil,
	}
	var source any
	if e.Invoice != "" {
		source = obj{"invoice": e.Invoice, "invoice_line_item": e.Line}
	}
	if e.adds() {
		out["type"] = "credit"
		out["credit"] = obj{"type": e.Kind, "amount": money(currency, e.Amount), "credits_application_invoice_voided": source}
	} else {
		out["type"] = "debit"
		out["debit"] = obj{"type": e.Kind, "amount": money(currency, e.Amount), "credits_applied": source}
	}
	return out
}

func listLedger(c *call) (any, error) {
	owner, only := c.p.needText("customer"), c.p.text("credit_grant")
	if c.p.err != nil {
		return nil, c.p.err
	}
	if _, ok := c.st.Customers.get(owner); !ok {
		return nil, noSuch("customer", "customer", owner)
	}
	return list(c, "/v1/billing/credit_balance_transactions", c.st.Ledger.Rows, func(e *ledgerEntry) bool {
		g, ok := c.st.Grants.get(e.Grant)
		return ok && g.Customer == owner && (only == nil || e.Grant == *only)
	}, c.renderEntry)
}

func getLedgerEntry(c *call) (any, error) {
	e, ok := c.st.Ledger.get(c.Path("id"))
	if !ok {
		return nil, gone("billing.credit_balance_transaction", c.Path("id"))
	}
	return c.renderEntry(e), nil
}

// balanceSummary adds up the grants that a filter selects, per currency.
func balanceSummary(c *call) (any, error) {
	p := c.p
	x := c.customerOf("customer")
	if !p.has("filter") {
		p.fail(missing("filter"))
	}
	p.needText("filter[type]")
	kind := p.oneOf("filter[type]", "credit_grant", "applicability_scope")
	var keep func(*grant) bool
	if kind == "credit_grant" {
		id := p.needText("filter[credit_grant]")
		if g, ok := c.st.Grants.get(id); p.err == nil && (!ok || g.Customer != x.ID || !g.readable()) {
			p.fail(noSuch("filter[credit_grant]", "billing.credit_grant", id))
		}
		keep = func(g *grant) bool { return g.ID == id }
	} else {
		prices := c.scope("filter[applicability_scope]")
		keep = func(g *grant) bool { return g.Customer == x.ID && g.coversAll(prices) && g.readable() }
	}
	if p.err != nil {
		return nil, p.err
	}
	var order []string
	ledger, available := map[string]int64{}, map[string]int64{}
	for _, g := range c.st.Grants.Rows {
		if !keep(g) {
			continue
		}
		if _, seen := ledger[g.Currency]; !seen {
			order = append(order, g.Currency)
		}
		ledger[g.Currency] += g.Remaining
		available[g.Currency] += g.available(c.now)
	}
	balances := []obj{}
	for _, currency := range order {
		balances = append(balances, obj{
			"ledger_balance": money(currency, ledger[currency]), "available_balance": money(currency, available[currency]),
		})
	}
	return obj{"object": "billing.credit_balance_summary", "customer": x.ID, "customer_account": nil, "livemode": false, "balances": balances}, nil
}

// coversAll says whether a grant applies to every one of the prices; none
// stands for the scope of all metered prices.
func (g *grant) coversAll(prices []string) bool {
	if len(g.Prices) == 0 {
		return true
	}
	for _, id := range prices {
		if !g.covers(id) {
			return false
		}
	}
	return len(prices) > 0
}

// covers says whether a grant applies to a metered price.
func (g *grant) covers(price string) bool {
	if len(g.Prices) == 0 {
		return true
	}
	for _, id := range g.Prices {
		if id == price {
			return true
		}
	}
	return false
}
