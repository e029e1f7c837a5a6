package sandbox

import "slices"

// createTransactions tops a wallet up, takes from it, or both; one part that is
// refused refuses all.
func createTransactions(c *call) (any, error) {
	p, err := c.root("wallet_transaction")
	if err != nil {
		return nil, err
	}
	x, found := c.st.Wallets.get(p.word("wallet_id"))
	if !found || !c.live(x) {
		return nil, invalid("wallet_id", "wallet_not_found")
	}
	if x.Status == terminated {
		return nil, invalid("wallet_id", "wallet_is_terminated")
	}
	f, t := faults{}, c.readTopUp(x, p)
	t.Paid, t.Granted = p.credits("paid_credits", f), p.credits("granted_credits", f)
	if list, code := p.pairs("metadata", mostPairs); code != "" {
		f["metadata"] = code
	} else {
		t.Metadata = list
	}
	if n := p.number("priority"); n != nil {
		t.Priority = c.priority(*n, "priority", f)
	}
	if p.has("name") && t.Name != nil && (*t.Name == "" || len([]rune(*t.Name)) > 255) {
		f.add("name", "value_is_out_of_range")
	}
	c.checkTopUp(x, t.Paid, t.Granted, p.flag("ignore_paid_top_up_limits"), f)
	void := c.readVoid(x, p, f)
	if err := f.problem(); err != nil {
		return nil, err
	}
	list := c.topUp(x, t)
	if void != nil {
		out := c.newTxn(x, topUp{Source: manual, Priority: t.Priority, Metadata: t.Metadata, Name: t.Name, Order: t.Order, Method: t.Method}, voided, outbound, void.sum)
		c.takeOff(x, out, void.from)
		c.later("refresh", x.Customer, 0, nil)
		list = append(list, out)
	}
	shown := []obj{}
	for _, t := range list {
		shown = append(shown, c.renderTxn(t))
	}
	return obj{"wallet_transactions": shown}, nil
}

// live says whether a wallet's customer still exists.
func (w *world) live(x *wallet) bool {
	owner, ok := w.st.Customers.get(x.Customer)
	return ok && owner.Deleted == nil
}

func (c *call) readTopUp(x *wallet, p params) topUp {
	t := topUp{Source: manual, Priority: defaultPriority, Name: p.text("name"), Order: p.text("purchase_order_number"), Method: p.payment(x.Method)}
	t.RequiresPayment = x.RequiresPayment
	if p.given("invoice_requires_successful_payment") {
		t.RequiresPayment = p.flag("invoice_requires_successful_payment") && !c.a.Variant(noLicence)
	}
	return t
}

// checkTopUp holds a top-up against the wallet's limits and against amounts
// that are worth nothing.
func (w *world) checkTopUp(x *wallet, paid, given dec, ignoreLimits bool, f faults) {
	if x.Rate.sign() <= 0 {
		return
	}
	for name, credits := range map[string]dec{"paid_credits": paid, "granted_credits": given} {
		sum, err := toppedUp(credits, x.Rate, x.Currency)
		switch {
		case err != nil:
			f.add(name, "invalid_"+name, "invalid_amount")
		case credits.sign() > 0 && sum.Cents == 0 && w.since(v150):
			f.add(name, "amount_rounds_to_zero")
		}
	}
	sum, err := toppedUp(paid, x.Rate, x.Currency)
	if err != nil || paid.sign() == 0 || ignoreLimits {
		return
	}
	if x.Min != nil && sum.Cents < *x.Min {
		f.add("paid_credits", "amount_below_minimum")
	}
	if x.Max != nil && sum.Cents > *x.Max {
		f.add("paid_credits", "amount_above_maximum")
	}
}

// voiding is what a request takes from a wallet, and from which grant.
type voiding struct {
	sum  worth
	from *txn
}

// readVoid reads and checks what is taken, against the balance as it is before
// the same request gives anything.
func (c *call) readVoid(x *wallet, p params, f faults) *voiding {
	credits := p.credits("voided_credits", f)
	id := p.word("voided_transaction_id")
	if id != "" && c.since(head) {
		return c.readTargeted(x, id, credits, f)
	}
	if credits.sign() == 0 {
		return nil
	}
	sum, err := takenOff(credits, x.Rate, x.Currency)
	switch {
	case err != nil:
		f.add("voided_credits", "invalid_voided_credits", "invalid_amount")
	case sum.Credits.cmp(x.Credits) > 0:
		f.add("voided_credits", "insufficient_credits")
	case x.Traceable && sum.Cents > c.remaining(x):
		f.add("amount_cents", "exceeds_available_amount")
	}
	return &voiding{sum: sum}
}

// readTargeted reads a void of one grant: of all that is left of it, or of an
// amount.
func (c *call) readTargeted(x *wallet, id string, credits dec, f faults) *voiding {
	from, ok := c.st.Txns.get(id)
	switch {
	case !x.Traceable:
		f.add("voided_transaction_id", "wallet_not_traceable")
	case !ok || from.Wallet != x.ID || from.Type != inbound || from.Status != settled:
		f.add("voided_transaction_id", "wallet_transaction_not_found")
	case from.Remaining == 0:
		f.add("voided_transaction_id", "no_remaining_amount")
	}
	if len(f) > 0 {
		return nil
	}
	if credits.sign() == 0 {
		left := worth{major(from.Remaining, x.Currency).per(x.Rate).round(creditPlaces), from.Remaining}
		return &voiding{left, from}
	}
	sum, err := takenOff(credits, x.Rate, x.Currency)
	switch {
	case err != nil:
		f.add("voided_credits", "invalid_voided_credits", "invalid_amount")
	case sum.Credits.cmp(x.Credits) > 0:
		f.add("voided_credits", "insufficient_credits")
	case sum.Cents > from.Remaining:
		f.add("amount_cents", "exceeds_remaining_transaction_amount")
	}
	return &voiding{sum, from}
}

func listTransactions(c *call) (any, error) {
	x, err := c.walletOf()
	if err != nil {
		return nil, err
	}
	status, kind := c.among("status", pending, settled, failed), c.among("transaction_status", purchased, granted, voided, invoiced)
	direction, filter := c.among("transaction_type", inbound, outbound), c.metadataFilter()
	return page(c, "wallet_transactions", c.txnsOf(x.ID), func(t *txn) bool {
		return status(t.Status) && kind(t.Kind) && direction(t.Type) && (!c.since(v151) || filter(t.note))
	}, c.renderTxn)
}

// note is the value of one metadata key.
func (t *txn) note(key string) (string, bool) {
	i := slices.IndexFunc(t.Metadata, func(p pair) bool { return p.Key == key })
	if i < 0 {
		return "", false
	}
	return t.Metadata[i].Value, true
}

func (c *call) txnOf() (*txn, error) {
	t, ok := c.st.Txns.get(c.Path("txn_id"))
	if !ok {
		return nil, missing("wallet_transaction")
	}
	return t, nil
}

func getTransaction(c *call) (any, error) {
	t, err := c.txnOf()
	if err != nil {
		return nil, err
	}
	out := c.renderTxn(t)
	out["applied_invoice_custom_sections"] = []any{}
	return obj{"wallet_transaction": out}, nil
}

// txnPaymentURL makes the link behind which a purchase of credits is paid.
func txnPaymentURL(c *call) (any, error) {
	t, err := c.txnOf()
	if err != nil {
		return nil, err
	}
	switch {
	case t.Kind != purchased:
		return nil, invalid("base", "wallet_transaction_not_purchased")
	case t.Status == settled:
		return nil, invalid("base", "wallet_transaction_already_settled")
	case t.Invoice == nil:
		return nil, invalid("base", "wallet_transaction_has_no_attached_invoice")
	}
	x, _ := c.st.Invoices.get(*t.Invoice)
	out, err := c.paymentLink(x)
	if err != nil {
		return nil, err
	}
	delete(out, "lago_invoice_id")
	out["lago_wallet_transaction_id"] = t.ID
	return obj{"wallet_transaction_payment_details": out}, nil
}

// sources answers both sides of what served what.
func sources(plural, direction string) handler {
	return func(c *call) (any, error) {
		t, err := c.txnOf()
		if err != nil {
			return nil, err
		}
		x, _ := c.st.Wallets.get(t.Wallet)
		if !x.Traceable {
			return nil, invalid("wallet", "not_traceable")
		}
		if t.Type != direction {
			return nil, invalid("transaction_type", "invalid_transaction_type")
		}
		near, far := func(o *consumption) string { return o.Inbound }, func(o *consumption) string { return o.Outbound }
		if direction == outbound {
			near, far = far, near
		}
		return page(c, plural, c.st.Consumptions.Rows, func(o *consumption) bool { return near(o) == t.ID }, func(o *consumption) obj {
			other, _ := c.st.Txns.get(far(o))
			return obj{
				"lago_id": o.ID, "amount_cents": o.Cents, "credit_amount": major(o.Cents, x.Currency).per(x.Rate).round(creditPlaces),
				"created_at": instant(o.Created), "wallet_transaction": c.renderTxn(other),
			}
		})
	}
}

func (w *world) renderTxn(t *txn) obj {
	x, _ := w.st.Wallets.get(t.Wallet)
	out := obj{
		"lago_id": t.ID, "lago_wallet_id": t.Wallet, "lago_invoice_id": t.Invoice, "lago_credit_note_id": t.Note,
		"lago_voided_invoice_id": t.VoidedInvoice, "billing_entity_code": x.Entity, "status": t.Status, "source": t.Source,
		"transaction_status": t.Kind, "transaction_type": t.Type, "amount": major(t.Cents, x.Currency), "credit_amount": t.Credits,
		"remaining_amount_cents": nil, "remaining_credit_amount": nil, "priority": t.Priority, "purchase_order_number": t.Order,
		"settled_at": stamp(t.Settled), "failed_at": stamp(t.Failed), "created_at": instant(t.Created),
		"invoice_requires_successful_payment": t.RequiresPayment, "metadata": filled(t.Metadata), "name": t.Name, "payment_method": t.Method,
	}
	if t.Type == inbound && t.Status == settled && x.Traceable {
		out["remaining_amount_cents"] = t.Remaining
		out["remaining_credit_amount"] = major(t.Remaining, x.Currency).per(x.Rate).round(creditPlaces)
	}
	return out
}

// txnNotice is a transaction as its webhooks have it.
func (w *world) txnNotice(t *txn) obj {
	out := w.renderTxn(t)
	if x, ok := w.st.Wallets.get(t.Wallet); ok {
		out["wallet"] = w.walletFields(x)
	}
	return out
}

func (w *world) tellTxn(typ string, t *txn) {
	w.tell(typ, "wallet_transaction", func() obj { return w.txnNotice(t) })
}
