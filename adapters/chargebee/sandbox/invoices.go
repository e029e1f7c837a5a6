package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
)

// States of an invoice.
const (
	paid       = "paid"
	posted     = "posted"
	paymentDue = "payment_due"
	notPaid    = "not_paid"
	voided     = "voided"
	pending    = "pending"
)

// collectable refuses what cannot be collected: nobody here has a card.
func (c *call) collectable(owner *customer, collection string, total int64) error {
	if collection == "off" || total == 0 || c.a.Variant(invoiceWithoutCard) {
		return nil
	}
	return failure(http.StatusBadRequest, "payment_method_not_present", "The customer %.60s has no payment method, and auto_collection is on", owner.ID)
}

// createInvoice bills one-off charges, by item prices and by amounts.
func createInvoice(c *call) (any, error) {
	f := c.form()
	x := &invoice{Sub: f.text("subscription_id", maxID), Note: f.text("invoice_note", 2000), PO: f.text("po_number", 100)}
	ownerID, currency := f.text("customer_id", maxID), f.text("currency_code", 3)
	names := f.column("item_prices", "item_price_id")
	quantities := f.numbers("item_prices", "quantity", len(names), 1)
	prices := f.numbers("item_prices", "unit_price", len(names), -1)
	texts := f.column("charges", "description")
	amounts := f.numbers("charges", "amount", max(len(texts), len(f.in.Under("charges[amount]"))), 0)
	collection := f.word("auto_collection", "", "on", "off")
	terms, hasTerms := f.number("net_term_days")
	isPending := f.flag("create_pending_invoice", false)
	f.skip("remove_general_note", "retain_payment_source", "payment_initiator")
	if err := f.end(); err != nil {
		return nil, err
	}
	owner, err := c.billed(x, ownerID)
	if err != nil {
		return nil, err
	}
	x.NetTerms = owner.NetTerms
	if hasTerms {
		x.NetTerms = terms
	}
	x.Currency = cmp.Or(currency, x.Currency, owner.currency())
	for i, name := range names {
		l, err := c.lineOf(name, x.Currency, quantities[i], prices[i])
		if err != nil {
			return nil, err
		}
		x.Lines = append(x.Lines, l)
	}
	for i, n := range amounts {
		l := line{Type: "adhoc", Unit: n, Quantity: 1, Description: "Charge"}
		if i < len(texts) {
			l.Description = texts[i]
		}
		if n == 0 {
			return nil, wrong(fmt.Sprintf("charges[amount][%d]", i), "should be greater than 0")
		}
		x.Lines = append(x.Lines, l)
	}
	if len(x.Lines) == 0 {
		return nil, wrong("item_prices[item_price_id][0]", "give item prices or charges")
	}
	if err := c.collectable(owner, or(collection, owner.AutoCollection), x.sum()); err != nil && !isPending {
		return nil, err
	}
	if isPending {
		x.Status = pending
	}
	bill := c.bill(owner, x)
	typ := "invoice_generated"
	if isPending {
		typ = "pending_invoice_created"
	}
	c.tellInvoice(typ, bill)
	return obj{"invoice": c.renderInvoice(bill)}, nil
}

// billed is whom an invoice is for: a customer, or the owner of a subscription.
func (c *call) billed(x *invoice, ownerID string) (*customer, error) {
	if x.Sub != "" {
		sub, err := c.subscriptionNamed(x.Sub)
		if err != nil {
			return nil, err
		}
		ownerID, x.Currency = sub.Customer, sub.Currency
	}
	if ownerID == "" {
		return nil, wrong("customer_id", "give it or subscription_id")
	}
	return c.customerNamed(ownerID)
}

func (c *call) lineOf(name, currency string, quantity, unit int64) (line, error) {
	p, ok := c.st.Prices.get(name)
	if !ok {
		return line{}, missing("item_price", name)
	}
	if of, ok := c.st.Items.get(p.Item); !ok || of.Type != "charge" {
		return line{}, wrong("item_prices[item_price_id][0]", "%.60s is not the item price of a charge", name)
	}
	if p.Currency != currency {
		return line{}, wrong("currency_code", "the item price %.60s is in %s", name, p.Currency)
	}
	if unit < 0 {
		unit = p.Price
	}
	return line{Type: "charge_item_price", Price: p.ID, Description: or(p.External, p.Name), Unit: unit, Quantity: max(1, quantity)}, nil
}

func (x *invoice) sum() int64 {
	var sum int64
	for _, l := range x.Lines {
		sum += l.Unit * l.Quantity
	}
	return sum
}

// bill makes an invoice. Promotional credits are applied to it by themselves.
func (w *world) bill(owner *customer, x *invoice) *invoice {
	x.ID, x.Customer, x.Date, x.Total = fmt.Sprintf("INV-%d", 1001+len(w.st.Invoices.Rows)), owner.ID, w.at(), x.sum()
	x.Due = x.Date + x.NetTerms*day
	for i := range x.Lines {
		l := &x.Lines[i]
		l.ID, l.From, l.To = w.a.NewID("li_", 17), or(l.From, x.Date), or(l.To, x.Date)
	}
	w.made(&x.stamps)
	w.st.Invoices.add(x)
	if x.Status != pending {
		w.post(owner, x)
	}
	return x
}

// post applies credits and makes an invoice due.
func (w *world) post(owner *customer, x *invoice) {
	if n := min(owner.Promotional[x.Currency], x.Total); n > 0 {
		x.Credits = n
		w.addPromotion(owner, promotion{Type: "decrement", Amount: n, Currency: x.Currency, Description: "applied to invoice " + x.ID, Credit: "general"})
	}
	switch {
	case x.due() == 0:
		x.Status, x.PaidAt = paid, w.at()
	case x.NetTerms > 0:
		x.Status = posted
	default:
		x.Status = paymentDue
	}
}

func (c *call) invoice() (*invoice, error) {
	if x, ok := c.st.Invoices.get(c.Path("id")); ok {
		return x, nil
	}
	return nil, missing("invoice", c.Path("id"))
}

func getInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	return obj{"invoice": c.renderInvoice(x)}, nil
}

func listInvoices(c *call) (any, error) {
	return list(c, listing{
		name: "invoice", filters: "id subscription_id customer_id recurring status price_type date paid_at total amount_paid amount_due updated_at", sorts: "date updated_at", deleted: true,
	}, c.st.Invoices.Rows, c.renderInvoice, nil)
}

func closeInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	f := c.form()
	f.skip("comment", "invoice_note", "remove_general_note")
	if err := f.end(); err != nil {
		return nil, err
	}
	owner, ok := c.st.Customers.get(x.Customer)
	if x.Status != pending || !ok {
		return nil, invalidState("The invoice is %s; only a pending one can be closed", x.Status)
	}
	c.post(owner, x)
	c.changed(&x.stamps)
	c.tellInvoice("invoice_generated", x)
	return obj{"invoice": c.renderInvoice(x)}, nil
}

func voidInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	f := c.form()
	f.skip("comment", "void_reason_code")
	if err := f.end(); err != nil {
		return nil, err
	}
	if x.Status == voided || x.Status == pending || x.Paid > 0 {
		return nil, invalidState("The invoice is %s with %d paid; it cannot be voided", x.Status, x.Paid)
	}
	x.Status, x.VoidedAt = voided, c.at()
	c.changed(&x.stamps)
	c.tellInvoice("invoice_updated", x)
	return obj{"invoice": c.renderInvoice(x)}, nil
}

func (w *world) tellInvoice(typ string, x *invoice) {
	w.tell(typ, "api", obj{"invoice": w.renderInvoice(x)})
}

func (w *world) renderInvoice(x *invoice) obj {
	lines, payments, notes := []obj{}, []obj{}, []obj{}
	for _, l := range x.Lines {
		lines = append(lines, full(obj{
			"id": l.ID, "date_from": l.From, "date_to": l.To, "unit_amount": l.Unit, "quantity": l.Quantity, "amount": l.Unit * l.Quantity, "pricing_model": "per_unit",
			"is_taxed": false, "tax_amount": int64(0), "discount_amount": int64(0), "item_level_discount_amount": int64(0), "description": l.Description,
			"entity_type": l.Type, "entity_id": l.Price, "customer_id": x.Customer, "subscription_id": x.Sub, "object": "line_item",
		}))
	}
	for _, id := range x.Payments {
		if t, ok := w.st.Transactions.get(id); ok {
			payments = append(payments, obj{"txn_id": t.ID, "applied_amount": t.Applied, "applied_at": t.Created, "txn_status": t.Status, "txn_date": t.Created, "txn_amount": t.Amount})
		}
	}
	for _, n := range w.st.Notes.Rows {
		if n.Invoice == x.ID {
			notes = append(notes, obj{"cn_id": n.ID, "cn_reason_code": n.Reason, "cn_date": n.Created, "cn_total": n.Total, "cn_status": n.Status})
		}
	}
	var remarks any
	if x.Note != "" {
		remarks = []obj{{"note": x.Note}}
	}
	out := obj{
		"id": x.ID, "customer_id": x.Customer, "subscription_id": x.Sub, "recurring": x.Recurring, "status": x.Status, "price_type": "tax_exclusive",
		"currency_code": x.Currency, "date": x.Date, "due_date": x.Due, "net_term_days": x.NetTerms, "tax": int64(0), "sub_total": x.Total, "total": x.Total,
		"amount_due": x.due(), "amount_paid": x.Paid, "amount_adjusted": x.Adjusted, "write_off_amount": int64(0), "credits_applied": x.Credits,
		"paid_at": some(x.PaidAt), "voided_at": some(x.VoidedAt), "po_number": x.PO, "updated_at": x.Updated, "resource_version": x.Version, "first_invoice": false,
		"has_advance_charges": false, "term_finalized": true, "is_gifted": false, "deleted": x.Deleted, "line_items": lines, "linked_payments": payments,
		"applied_credits": []obj{}, "adjustment_credit_notes": []obj{}, "issued_credit_notes": notes, "notes": remarks, "object": "invoice",
	}
	return full(out)
}
