package sandbox

import (
	"net/http"
	"strings"
)

func renderIntent(x *intent) obj {
	var failure any
	if x.Declined != "" {
		failure = obj{"type": "card_error", "code": "card_declined", "decline_code": x.Declined, "message": "Your card was declined.", "charge": x.Charge}
	}
	return obj{
		"id": x.ID, "object": "payment_intent", "created": x.Created, "livemode": false, "amount": x.Amount, "amount_received": x.Received,
		"amount_capturable": 0, "amount_details": obj{"tip": obj{}}, "currency": x.Currency, "customer": x.Customer, "invoice": orNull(x.Invoice),
		"latest_charge": orNull(x.Charge), "status": x.Status, "last_payment_error": failure, "metadata": x.Metadata,
		"client_secret": x.ID + "_secret_sandbox", "canceled_at": at(x.Cancelled), "cancellation_reason": nil,
		"capture_method": "automatic", "confirmation_method": "automatic", "payment_method_types": []string{"card"}, "payment_method_options": obj{},
		"application": nil, "application_fee_amount": nil, "automatic_payment_methods": nil, "description": nil, "next_action": nil,
		"on_behalf_of": nil, "payment_method": nil, "processing": nil, "receipt_email": nil, "review": nil, "setup_future_usage": nil,
		"shipping": nil, "statement_descriptor": nil, "statement_descriptor_suffix": nil, "transfer_data": nil, "transfer_group": nil,
	}
}

func renderCharge(x *charge) obj {
	status := "succeeded"
	if x.Failure != "" {
		status = "failed"
	}
	captured := x.Amount
	if x.Failure != "" {
		captured = 0
	}
	return obj{
		"id": x.ID, "object": "charge", "created": x.Created, "livemode": false, "amount": x.Amount, "amount_captured": captured,
		"amount_refunded": x.Refunded, "refunded": x.Refunded == x.Amount, "currency": x.Currency, "customer": x.Customer,
		"invoice": orNull(x.Invoice), "payment_intent": orNull(x.Intent), "disputed": x.Disputed, "status": status, "captured": x.Failure == "",
		"paid": x.Failure == "", "failure_code": orNull(x.Failure), "failure_message": nil, "metadata": obj{}, "description": nil,
		"balance_transaction": nil, "billing_details": obj{}, "fraud_details": obj{}, "outcome": nil, "payment_method": nil,
		"refunds": obj{"object": "list", "data": []obj{}, "has_more": false, "url": "/v1/charges/" + x.ID + "/refunds"}, "receipt_url": nil,
	}
}

func (w *world) addCharge(x *invoice, failure string) *charge {
	ch := w.st.Charges.add(&charge{
		ID: w.a.NewID("ch_", 24), Created: w.now, Amount: x.due(), Currency: x.Currency, Customer: x.Customer,
		Invoice: x.ID, Intent: x.Intent, Failure: failure,
	})
	if pi, ok := w.st.Intents.get(x.Intent); ok {
		pi.Charge = ch.ID
	}
	return ch
}

// settle marks an open invoice as paid, in money unless it costs nothing or
// was paid elsewhere. One payment is told of by several events.
func (w *world) settle(x *invoice, elsewhere bool) {
	due, now := x.due(), w.now
	before := w.renderInvoice(x)
	if due > 0 && !elsewhere {
		ch := w.addCharge(x, "")
		x.Charge = ch.ID
		w.emit("charge.succeeded", renderCharge(ch), nil)
		if pi, ok := w.st.Intents.get(x.Intent); ok {
			pi.Status, pi.Received, pi.Declined = "succeeded", due, ""
			w.emit("payment_intent.succeeded", renderIntent(pi), nil)
		}
	}
	if elsewhere {
		w.cancelIntent(x)
	}
	x.Status, x.AmountPaid, x.PaidAt, x.OutOfBand = paid, due, &now, elsewhere
	x.Attempts++
	after := w.renderInvoice(x)
	w.emit("invoice.updated", after, diff(before, after))
	w.emit("invoice.paid", after, nil)
	w.emit("invoice.payment_succeeded", after, nil)
	w.subscriptionPaid(x, true)
}

// decline records an attempt to pay that failed.
func (w *world) decline(x *invoice, reason string) *intent {
	x.Attempts++
	ch := w.addCharge(x, "card_declined")
	w.emit("charge.failed", renderCharge(ch), nil)
	pi, ok := w.st.Intents.get(x.Intent)
	if ok {
		pi.Declined, pi.Status = reason, "requires_payment_method"
		w.emit("payment_intent.payment_failed", renderIntent(pi), nil)
	}
	w.emit("invoice.payment_failed", w.renderInvoice(x), nil)
	w.subscriptionPaid(x, false)
	return pi
}

func (w *world) cancelIntent(x *invoice) {
	if pi, ok := w.st.Intents.get(x.Intent); ok && pi.Status != "succeeded" {
		now := w.now
		pi.Status, pi.Cancelled = "canceled", &now
		w.emit("payment_intent.canceled", renderIntent(pi), nil)
	}
}

// collect charges an invoice of a subscription that advances by itself. The
// card works unless the customer's says otherwise; other invoices wait.
func (w *world) collect(x *invoice) {
	if x.Status != open || x.Subscription == "" || !x.AutoAdvance || x.Collection != chargeAutomatic {
		return
	}
	if owner, ok := w.st.Customers.get(x.Customer); ok && owner.Card == "declined" {
		w.decline(x, "insufficient_funds")
		return
	}
	w.settle(x, false)
}

func payInvoice(c *call) (any, error) {
	x, err := c.invoice(draft, open, uncollectible)
	if err != nil {
		return nil, err
	}
	elsewhere, method := c.p.flag("paid_out_of_band"), c.p.text("payment_method")
	c.p.flag("forgive")
	c.p.flag("off_session")
	if c.p.err != nil {
		return nil, c.p.err
	}
	if x.Status == draft {
		c.finalize(x)
	}
	if x.Status == paid {
		return c.renderInvoice(x), nil
	}
	out := elsewhere != nil && *elsewhere
	owner, ok := c.st.Customers.get(x.Customer)
	bad := ok && owner.Card == "declined" || method != nil && (strings.Contains(*method, "Declined") || strings.Contains(*method, "chargeCustomerFail"))
	if bad && !out {
		e := &apiError{Status: http.StatusPaymentRequired, Kept: true, Type: "card_error", Decline: "generic_decline", Message: "Your card was declined."}
		if pi := c.decline(x, e.Decline); pi != nil {
			e.Intent = renderIntent(pi)
		}
		return nil, e.code("card_declined")
	}
	c.settle(x, out)
	return c.renderInvoice(x), nil
}

func getIntent(c *call) (any, error) {
	x, ok := c.st.Intents.get(c.Path("id"))
	if !ok {
		return nil, gone("payment_intent", c.Path("id"))
	}
	return renderIntent(x), nil
}

func listIntents(c *call) (any, error) {
	owner, created := c.p.text("customer"), c.p.within("created")
	return list(c, "/v1/payment_intents", c.st.Intents.Rows, func(x *intent) bool {
		return (owner == nil || x.Customer == *owner) && created(x.Created)
	}, renderIntent)
}

func getCharge(c *call) (any, error) {
	x, ok := c.st.Charges.get(c.Path("id"))
	if !ok {
		return nil, gone("charge", c.Path("id"))
	}
	return renderCharge(x), nil
}

func listCharges(c *call) (any, error) {
	owner, pi, created := c.p.text("customer"), c.p.text("payment_intent"), c.p.within("created")
	return list(c, "/v1/charges", c.st.Charges.Rows, func(x *charge) bool {
		return (owner == nil || x.Customer == *owner) && (pi == nil || x.Intent == *pi) && created(x.Created)
	}, renderCharge)
}
