package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"scrip/adapters/sandbox"
)

func due(a *sandbox.Account) (time.Time, bool) {
	t, ok := worldOf(a).due()
	return time.Unix(t, 0).UTC(), ok
}

func runDue(a *sandbox.Account) { worldOf(a).runDue() }

// refusal is an error of the control API.
func refusal(status int, format string, args ...any) error {
	return &sandbox.Refusal{Status: status, Message: fmt.Sprintf(format, args...)}
}

// payable finds the invoice behind the id of an invoice, payment or charge.
func (w *world) payable(id string) (*invoice, bool) {
	if pi, ok := w.st.Intents.get(id); ok {
		id = pi.Invoice
	}
	if ch, ok := w.st.Charges.get(id); ok {
		id = ch.Invoice
	}
	return w.st.Invoices.get(id)
}

// pay lets a payment succeed or fail, or takes a charge back.
func pay(a *sandbox.Account, p sandbox.Payment) error {
	w := worldOf(a)
	x, ok := w.payable(p.Object)
	if !ok {
		return refusal(http.StatusNotFound, "there is no invoice %q; pay takes the id of an invoice, payment intent or charge", p.Object)
	}
	if p.Outcome == "paid" || p.Outcome == "failed" {
		return w.attempt(x, p.Outcome == "paid")
	}
	ch, ok := w.st.Charges.get(x.Charge)
	if !ok {
		return refusal(http.StatusConflict, "invoice %s was not paid with a charge, so nothing can be %s", x.ID, p.Outcome)
	}
	amount := ch.Amount - ch.Refunded
	if p.Amount != "" {
		n, err := p.Amount.Int64()
		if err != nil || n <= 0 || n > amount {
			return refusal(http.StatusBadRequest, "amount %q is not between 1 and the %d minor units left of the charge", p.Amount, amount)
		}
		amount = n
	}
	return w.takeBack(ch, p.Outcome, amount)
}

func (w *world) attempt(x *invoice, succeeds bool) error {
	if x.Status == draft {
		w.finalize(x)
	}
	if x.Status != open && x.Status != uncollectible {
		return refusal(http.StatusConflict, "invoice %s is %s and takes no payment", x.ID, x.Status)
	}
	if succeeds {
		w.settle(x, false)
	} else {
		w.decline(x, "insufficient_funds")
	}
	return nil
}

// takeBack refunds or disputes a charge, or ends its dispute as won.
func (w *world) takeBack(ch *charge, outcome string, amount int64) error {
	before := renderCharge(ch)
	switch outcome {
	case "refunded":
		if amount <= 0 {
			return refusal(http.StatusConflict, "charge %s is refunded already", ch.ID)
		}
		ch.Refunded += amount
		after := renderCharge(ch)
		w.emit("charge.refunded", after, diff(before, after))
	case "disputed":
		if ch.Disputed {
			return refusal(http.StatusConflict, "charge %s is disputed already", ch.ID)
		}
		ch.Disputed = true
		d := w.st.Disputes.add(&dispute{ID: w.a.NewID("du_", 24), Created: w.now, Amount: amount, Charge: ch.ID, Status: "needs_response"})
		w.emit("charge.dispute.created", renderDispute(d, ch), nil)
		w.emit("charge.dispute.funds_withdrawn", renderDispute(d, ch), nil)
		d.Status = "under_review"
	default:
		for _, d := range w.st.Disputes.Rows {
			if d.Charge == ch.ID && d.Status != "won" {
				d.Status = "won"
				w.emit("charge.dispute.funds_reinstated", renderDispute(d, ch), nil)
				w.emit("charge.dispute.closed", renderDispute(d, ch), nil)
				return nil
			}
		}
		return refusal(http.StatusConflict, "charge %s has no open dispute to win; let it be disputed first", ch.ID)
	}
	return nil
}

func renderDispute(d *dispute, ch *charge) obj {
	return obj{
		"id": d.ID, "object": "dispute", "created": d.Created, "livemode": false, "amount": d.Amount, "currency": ch.Currency,
		"charge": ch.ID, "payment_intent": orNull(ch.Intent), "reason": "general", "status": d.Status, "is_charge_refundable": false,
		"balance_transactions": []obj{}, "evidence": obj{}, "evidence_details": obj{"due_by": d.Created + 7*day, "has_evidence": false, "past_due": false, "submission_count": 0},
		"metadata": obj{},
	}
}

// hosted is the page behind an invoice's payment link.
func hosted(a *sandbox.Account, id string) (sandbox.HostedPage, bool) {
	w := worldOf(a)
	x, ok := w.st.Invoices.get(id)
	if !ok {
		return sandbox.HostedPage{}, false
	}
	return sandbox.HostedPage{
		Title:   "Invoice " + x.Number,
		Lines:   []string{"Amount due: " + major(x.Currency, x.due()) + " " + x.Currency, "Status: " + x.Status},
		Payable: x.Status == open,
	}, true
}

// mutate changes an object as a person in the dashboard, or a bug, might.
func mutate(a *sandbox.Account, m sandbox.Mutation) error {
	w := worldOf(a)
	defer func() { w.st.usage = nil }() // made again from what the table holds then
	switch m.Object {
	case "customer":
		return mutateRow(w, m, &w.st.Customers, "customer", renderCustomer, func(x *customer) { w.removeCustomer(x, m.Webhook) },
			func(x *customer) { x.ID = a.NewID("cus_", 14) })
	case "grant", "credit_grant":
		return mutateRow(w, m, &w.st.Grants, "billing.credit_grant", renderGrant, func(x *grant) { w.st.Grants.remove(x.ID) },
			func(x *grant) { x.ID, x.Created = a.NewID("credgr_test_", 24), w.now })
	case "invoice":
		return mutateRow(w, m, &w.st.Invoices, "invoice", w.renderInvoice, func(x *invoice) { w.removeInvoice(x, m.Webhook) },
			func(x *invoice) { x.ID, x.Created = a.NewID("in_", 24), w.now })
	case "meter_event":
		return mutateRow(w, m, &w.st.MeterEvents, "", nil, func(x *meterEvent) { w.st.MeterEvents.remove(x.ID) },
			func(x *meterEvent) { x.ID, x.Identifier = a.NewID("mtrev_", 24), a.NewID("", 36) })
	case "subscription":
		return mutateRow(w, m, &w.st.Subscriptions, "customer.subscription", w.renderSubscription, func(x *subscription) { w.endSubscription(x) },
			func(x *subscription) { x.ID = a.NewID("sub_", 24) })
	default:
		return refusal(http.StatusBadRequest, "object %q cannot be changed; use customer, grant, invoice, meter_event or subscription", m.Object)
	}
}

// mutateRow applies a mutation to a row of a table. Fields are those of the
// stored row, by the names that a snapshot shows.
func mutateRow[T any, P interface {
	*T
	row
}](w *world, m sandbox.Mutation, t *table[P], event string, render func(P) obj, remove func(P), rename func(P)) error {
	x, ok := t.get(m.ID)
	if !ok && m.Object == "meter_event" {
		x, ok = any(w.eventNamed(m.ID)).(P)
		ok = ok && x != nil
	}
	if !ok {
		return refusal(http.StatusNotFound, "there is no %s %q", m.Object, m.ID)
	}
	tell := func(suffix string, x P, before obj) {
		if m.Webhook && render != nil {
			w.emit(event+suffix, render(x), before)
		}
	}
	switch m.Op {
	case "delete":
		remove(x)
		return nil
	case "duplicate":
		twin := new(T)
		if err := copyInto(twin, x); err != nil {
			return err
		}
		rename(twin)
		t.add(twin)
		tell(".created", twin, nil)
		return nil
	}
	changed := new(T)
	if err := copyInto(changed, x); err != nil {
		return err
	}
	fields, err := json.Marshal(m.Fields)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(fields))
	dec.DisallowUnknownFields()
	if err := dec.Decode(changed); err != nil {
		return refusal(http.StatusBadRequest, "fields do not fit a %s: %v", m.Object, err)
	}
	if P(changed).key() != x.key() {
		return refusal(http.StatusBadRequest, "the id of a %s cannot be changed", m.Object)
	}
	var before obj
	if render != nil {
		before = render(x)
	}
	*x = *changed
	if before != nil {
		tell(".updated", x, diff(before, render(x)))
	}
	return nil
}

// eventNamed finds a meter event by its identifier.
func (w *world) eventNamed(identifier string) *meterEvent {
	for _, e := range w.st.MeterEvents.Rows {
		if e.Identifier == identifier {
			return e
		}
	}
	return nil
}

// copyInto makes a deep copy through JSON, the form that snapshots take.
func copyInto(to, from any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}
