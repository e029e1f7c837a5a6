package sandbox

import (
	"net/http"
	"strings"

	"scrip/adapters/sandbox"
)

// gate is a commit that waits for its payment. It has no identity before.
type gate struct {
	ID       string `json:"workflow_id"`
	Contract string `json:"contract_id"`
	Invoice  string `json:"invoice_id"`
	Kind     string `json:"payment_gate_type"`
	Commit   *grant `json:"commit"`
	Outcome  string `json:"outcome"`
}

func (x *gate) key() string { return x.ID }

// openGate starts the payment of a commit: Metronome charges through its
// billing provider, or asks the receiver of webhooks to charge.
func (w *world) openGate(k *contract, g *grant, kind string) {
	x := w.st.Gates.add(&gate{ID: uuid(w.a), Contract: k.ID, Invoice: uuid(w.a), Kind: kind, Commit: g})
	if kind != "EXTERNAL" {
		return
	}
	var sum amount
	if g.Invoicing != nil {
		for _, i := range g.Invoicing.Items {
			sum = sum.add(i.Amount)
		}
	}
	w.emit("payment_gate.external_initiate", obj{"properties": obj{
		"workflow_type": "manual_commit", "customer_id": k.Customer, "contract_id": k.ID, "invoice_id": x.Invoice,
		"workflow_id": x.ID, "invoice_total": bare(sum), "invoice_currency": currencyOf(w, g),
	}})
}

func currencyOf(w *world, g *grant) string {
	unit := usdCents
	if g.Invoicing != nil {
		unit = g.Invoicing.Unit
	}
	u, _ := w.unit(unit)
	return u.label()
}

// label is a unit's name without its denomination.
func (x unit) label() string {
	name, _, _ := strings.Cut(x.Name, " (")
	return name
}

// settle ends a payment: paid makes the commit, failed leaves none.
func (w *world) settle(x *gate, outcome string) {
	k, _ := w.st.Contracts.get(x.Contract)
	x.Outcome = outcome
	body := obj{
		"workflow_type": "manual_commit", "customer_id": k.Customer, "contract_id": k.ID, "invoice_id": x.Invoice, "payment_status": outcome,
		"timestamp": stamp(w.now),
	}
	const declined = "Your card has insufficient funds."
	intent := obj{"payment_intent_id": "pi_" + w.a.NewID("", 22)}
	if outcome == "failed" {
		body["error_message"] = declined
		intent["error"] = obj{"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds", "message": declined}
	} else if x.Commit.Invoicing != nil {
		for _, i := range x.Commit.Invoicing.Items {
			w.issue(x.Commit, i, x.Invoice)
		}
	}
	put(body, "billing_provider", x.Kind != "EXTERNAL", obj{"type": "stripe", "stripe": intent})
	w.emit("payment_gate.payment_status", obj{"properties": body})
	if outcome == "paid" {
		w.addGrant(x.Commit)
	}
}

// release is the answer to payment_gate.external_initiate.
func release(c *call) (any, error) {
	var in struct {
		ID      string `json:"workflow_id"`
		Outcome string `json:"outcome"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	outcome := lower(in.Outcome)
	x, ok := c.st.Gates.get(in.ID)
	switch {
	case !ok || x.Kind != "EXTERNAL":
		return nil, missing("Workflow", in.ID)
	case outcome != "paid" && outcome != "failed":
		return nil, invalid("outcome must be paid or failed, not %q", in.Outcome)
	case x.Outcome != "":
		return nil, invalid("Workflow %s has ended as %s", x.ID, x.Outcome)
	}
	c.settle(x, outcome)
	return nil, nil
}

// pay settles the payment of a gated commit; Metronome itself takes no money
// for anything else, it hands invoices to a billing provider.
func pay(a *sandbox.Account, p sandbox.Payment) error {
	w := worldOf(a)
	for _, x := range w.st.Gates.Rows {
		if x.ID != p.Object && x.Invoice != p.Object && x.Contract != p.Object {
			continue
		}
		switch {
		case p.Outcome != "paid" && p.Outcome != "failed":
			return refusal(http.StatusUnprocessableEntity, "not_supported: payments of gated commits are not %s; refunds happen at the billing provider", p.Outcome)
		case x.Outcome == "":
			w.settle(x, p.Outcome)
			return nil
		}
	}
	if _, ok := w.st.Invoices.get(p.Object); ok {
		return refusal(http.StatusUnprocessableEntity, "not_supported: invoices are collected by the billing provider; pay takes a contract with a gated commit")
	}
	return refusal(http.StatusNotFound, "there is no payment %q that waits; pay takes a contract with a gated commit, its invoice or its workflow", p.Object)
}
