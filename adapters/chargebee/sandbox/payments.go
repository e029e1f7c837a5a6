package sandbox

import (
	"net/http"
	"net/url"
)

// pay writes down an attempt to pay an invoice.
func (w *world) pay(x *invoice, t transaction) *transaction {
	t.ID, t.Customer, t.Sub, t.Currency, t.Invoice, t.Type = w.a.NewID("txn_", 17), x.Customer, x.Sub, x.Currency, x.ID, "payment"
	w.made(&t.stamps)
	made := w.st.Transactions.add(&t)
	x.Payments = append(x.Payments, t.ID)
	typ := "payment_failed"
	if t.Status == "success" {
		typ = "payment_succeeded"
		made.Applied = min(t.Amount, x.due())
		x.Paid += made.Applied
		if x.due() == 0 {
			x.Status, x.PaidAt = paid, w.at()
		}
	} else {
		made.ErrorCode, made.ErrorText = "card_declined", "The card was declined"
	}
	w.changed(&x.stamps)
	if w.a.Variant(invoiceToldFirst) {
		w.tellInvoice("invoice_updated", x)
		w.tellPayment(typ, x, made, nil)
	} else {
		w.tellPayment(typ, x, made, nil)
		w.tellInvoice("invoice_updated", x)
	}
	return made
}

func (w *world) tellPayment(typ string, x *invoice, t *transaction, n *creditNote) {
	content := obj{"transaction": w.renderTransaction(t), "invoice": w.renderInvoice(x)}
	if owner, ok := w.st.Customers.get(x.Customer); ok {
		content["customer"] = w.renderCustomer(owner)
	}
	if sub, ok := w.st.Subscriptions.get(x.Sub); ok {
		content["subscription"] = w.renderSubscription(sub)
	}
	if n != nil {
		content["credit_note"] = renderNote(n)
	}
	w.tell(typ, "api", content)
}

// recordPayment writes down money that came some other way.
func recordPayment(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	f := c.form()
	method := f.need("transaction[payment_method]", 40)
	if method != "" {
		f.word("transaction[payment_method]", "cash", "check", "bank_transfer", "other", "custom")
	}
	reference := f.text("transaction[reference_number]", 100)
	status := f.word("transaction[status]", "success", "failure")
	n, given := f.number("transaction[amount]")
	f.skip("comment", "transaction")
	if err := f.end(); err != nil {
		return nil, err
	}
	if !given {
		n = x.due()
	}
	if x.due() <= 0 || x.Status == pending || n == 0 {
		return nil, invalidState("The invoice is %s with %d due; it takes no payment", x.Status, x.due())
	}
	t := c.pay(x, transaction{Method: method, Gateway: "not_applicable", Reference: reference, Status: status, Amount: n})
	return obj{"invoice": c.renderInvoice(x), "transaction": c.renderTransaction(t)}, nil
}

// collectPayment can do nothing: nobody here has a payment method.
func collectPayment(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	f := c.form()
	f.skip("amount", "comment", "payment_initiator", "payment_source_id")
	if err := f.end(); err != nil {
		return nil, err
	}
	return nil, failure(http.StatusBadRequest, "payment_method_not_present", "The customer %.60s has no payment method", x.Customer)
}

// collectNow makes a page on which a customer pays all that is due.
func collectNow(c *call) (any, error) {
	f := c.form()
	owner := f.need("customer[id]", maxID)
	f.text("currency_code", 3)
	f.skip("redirect_url")
	if err := f.end(); err != nil {
		return nil, err
	}
	x, err := c.customerNamed(owner)
	if err != nil {
		return nil, err
	}
	if len(c.unpaid(x.ID)) == 0 {
		return nil, invalidState("The customer %.60s has no invoice to pay", x.ID)
	}
	return obj{"hosted_page": obj{
		"id": c.a.NewID("", 32), "type": "collect_now", "state": "created", "embed": false, "created_at": c.at(), "expires_at": c.at() + hour, "updated_at": c.at(),
		"url": c.a.BaseURL() + "/_sandbox/invoice/" + url.PathEscape(x.ID), "object": "hosted_page",
	}}, nil
}

// unpaid is what a customer has to pay, oldest first.
func (w *world) unpaid(customer string) []*invoice {
	var out []*invoice
	for _, x := range w.st.Invoices.Rows {
		if x.Customer == customer && x.due() > 0 && x.Status != pending && !x.Deleted {
			out = append(out, x)
		}
	}
	return out
}

// refundInvoice gives money back.
func refundInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	f := c.form()
	n, given := f.number("refund_amount")
	reason := f.word("credit_note[reason_code]", "other", "product_unsatisfactory", "service_unsatisfactory", "order_change", "order_cancellation", "waiver")
	f.skip("comment", "customer_notes")
	if err := f.end(); err != nil {
		return nil, err
	}
	left := c.refundable(x)
	if !given {
		n = left
	}
	if n <= 0 || n > left {
		return nil, invalidState("The invoice has %d left to refund, not %d", left, n)
	}
	t, note := c.refund(x, n, reason)
	return obj{"invoice": c.renderInvoice(x), "transaction": c.renderTransaction(t), "credit_note": renderNote(note)}, nil
}

func (w *world) refundable(x *invoice) int64 {
	left := x.Paid
	for _, n := range w.st.Notes.Rows {
		if n.Invoice == x.ID {
			left -= n.Refunded
		}
	}
	return left
}

// refund makes a credit note and its transaction. The invoice stays paid.
func (w *world) refund(x *invoice, n int64, reason string) (*transaction, *creditNote) {
	note := &creditNote{ID: w.a.NewID("CN-", 10), Customer: x.Customer, Sub: x.Sub, Invoice: x.ID, Type: "refundable", Status: "refunded", Reason: reason, Currency: x.Currency, Total: n, Refunded: n}
	w.made(&note.stamps)
	w.st.Notes.add(note)
	t := &transaction{ID: w.a.NewID("txn_", 17), Customer: x.Customer, Sub: x.Sub, Type: "refund", Method: "card", Gateway: "chargebee", Status: "success",
		Currency: x.Currency, Amount: n, Applied: n, Invoice: x.ID, Note: note.ID}
	for _, id := range x.Payments {
		if p, ok := w.st.Transactions.get(id); ok && p.Status == "success" {
			t.Refunds, t.Method, t.Gateway = p.ID, p.Method, p.Gateway
		}
	}
	w.made(&t.stamps)
	w.st.Transactions.add(t)
	w.changed(&x.stamps)
	w.tell("credit_note_created", "api", obj{"credit_note": renderNote(note)})
	w.tellPayment("payment_refunded", x, t, note)
	w.tellInvoice("invoice_updated", x)
	return t, note
}

func (w *world) renderTransaction(t *transaction) obj {
	var linked, notes []obj
	if x, ok := w.st.Invoices.get(t.Invoice); ok {
		linked = append(linked, obj{"invoice_id": x.ID, "applied_amount": t.Applied, "applied_at": t.Created, "invoice_date": x.Date, "invoice_total": x.Total, "invoice_status": x.Status})
	}
	if n, ok := w.st.Notes.get(t.Note); ok {
		notes = append(notes, obj{"cn_id": n.ID, "applied_amount": t.Applied, "applied_at": t.Created, "cn_reason_code": n.Reason, "cn_date": n.Created, "cn_total": n.Total,
			"cn_status": n.Status, "cn_reference_invoice_id": n.Invoice})
	}
	return full(obj{
		"id": t.ID, "customer_id": t.Customer, "subscription_id": t.Sub, "payment_method": t.Method, "gateway": t.Gateway, "reference_number": t.Reference, "type": t.Type,
		"date": t.Created, "currency_code": t.Currency, "amount": t.Amount, "status": t.Status, "updated_at": t.Updated, "resource_version": t.Version, "deleted": false,
		"refunded_txn_id": t.Refunds, "error_code": t.ErrorCode, "error_text": t.ErrorText, "linked_invoices": linked, "linked_credit_notes": notes, "object": "transaction",
	})
}

func getTransaction(c *call) (any, error) {
	if t, ok := c.st.Transactions.get(c.Path("id")); ok {
		return obj{"transaction": c.renderTransaction(t)}, nil
	}
	return nil, missing("transaction", c.Path("id"))
}

func listTransactions(c *call) (any, error) {
	return list(c, listing{
		name: "transaction", filters: "id customer_id subscription_id payment_method type status amount date reference_number updated_at", sorts: "date updated_at", deleted: true,
	}, c.st.Transactions.Rows, c.renderTransaction, nil)
}

func renderNote(n *creditNote) obj {
	return full(obj{
		"id": n.ID, "customer_id": n.Customer, "reference_invoice_id": n.Invoice, "subscription_id": n.Sub, "type": n.Type, "status": n.Status, "reason_code": n.Reason, "price_type": "tax_exclusive",
		"currency_code": n.Currency, "date": n.Created, "total": n.Total, "sub_total": n.Total, "amount_allocated": int64(0), "amount_refunded": n.Refunded,
		"amount_available": n.Total - n.Refunded, "updated_at": n.Updated, "resource_version": n.Version, "deleted": false, "object": "credit_note",
	})
}

func getNote(c *call) (any, error) {
	if n, ok := c.st.Notes.get(c.Path("id")); ok {
		return obj{"credit_note": renderNote(n)}, nil
	}
	return nil, missing("credit_note", c.Path("id"))
}

func listNotes(c *call) (any, error) {
	return list(c, listing{name: "credit_note", filters: "id customer_id reference_invoice_id type status date total updated_at", sorts: "date", deleted: true}, c.st.Notes.Rows, renderNote, nil)
}
