package stripe

import (
	"encoding/json"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/sale"
)

// entry is a movement in the ledger of a grant, which is the event's object:
// movements themselves are never linked.
func (d *delivered) entry(e *adapters.Event, s subject) error {
	type side struct {
		Type string `json:"type"`
	}
	var x struct{ Credit, Debit side }
	if json.Unmarshal(d.Data.Object, &x) != nil {
		return unreadable(e)
	}
	e.Kind = adapters.EntryEvent
	if s.CreditGrant != "" {
		e.Object, e.Related = string(s.CreditGrant), append(e.Related, s.ID)
	}
	if kind := x.Credit.Type + x.Debit.Type; plainWord.MatchString(kind) {
		e.Reason = kind
	}
	return nil
}

// sale reads an invoice: a payment when the vendor calls it paid, else the end
// of an attempt to pay. Invoices that sell no pack of ours mean nothing.
func (d *delivered) sale(e *adapters.Event, s subject) error {
	purchase := core.ID(s.Metadata[metaPurchase])
	if !purchase.Valid(core.PurchaseID) {
		return d.renewal(e)
	}
	var x struct {
		Status   string `json:"status"`
		Currency string `json:"currency"`
		Paid     *int64 `json:"amount_paid"`
	}
	if json.Unmarshal(d.Data.Object, &x) != nil || x.Paid == nil {
		return unreadable(e)
	}
	paid, err := money(*x.Paid, x.Currency)
	if err != nil {
		return unreadable(e)
	}
	e.Kind, e.Mark, e.Neutral = adapters.FailedEvent, "", string(purchase)
	if e.Type == "invoice.paid" {
		e.Kind = adapters.PaymentEvent
	}
	e.Payment = &sale.Payment{Purchase: purchase, Object: e.Object, Paid: paid, Settled: e.Type == "invoice.paid" && x.Status == "paid"}
	return nil
}

// final reads an invoice that cannot change any more. One of a subscription has
// drawn on grants for the consumption up to the end of its period, but for the
// first, which bills nothing that was consumed. Newer API versions name the
// subscription elsewhere, the reason of the invoice is in all.
func (d *delivered) final(e *adapters.Event, s subject) {
	var x struct {
		Subscription ref    `json:"subscription"`
		Reason       string `json:"billing_reason"`
		PeriodEnd    int64  `json:"period_end"`
	}
	readable := json.Unmarshal(d.Data.Object, &x) == nil
	billed := x.Subscription != "" || strings.HasPrefix(x.Reason, "subscription")
	if readable && billed && x.Reason != "subscription_create" {
		e.Kind, e.Mark, e.Until = adapters.FinalEvent, "", seconds(x.PeriodEnd)
		return
	}
	e.Kind, e.Reason, e.Neutral = adapters.SystemEvent, unsold, s.Metadata[metaPurchase]
}

// refund reads a charge of which money went back: all that did so far. The
// purchase is found by the invoice, which newer API versions do not name.
func (d *delivered) refund(e *adapters.Event, s subject) error {
	var x struct {
		Currency string `json:"currency"`
		Refunded *int64 `json:"amount_refunded"`
	}
	if json.Unmarshal(d.Data.Object, &x) != nil || x.Refunded == nil {
		return unreadable(e)
	}
	return moneyBack(e, s, adapters.RefundEvent, *x.Refunded, x.Currency, true)
}

// dispute reads a dispute: what is contested. It is settled when it was won,
// so that the money stays.
func (d *delivered) dispute(e *adapters.Event, s subject) error {
	var x struct {
		Status   string `json:"status"`
		Currency string `json:"currency"`
		Amount   *int64 `json:"amount"`
	}
	if json.Unmarshal(d.Data.Object, &x) != nil || x.Amount == nil {
		return unreadable(e)
	}
	moved := e.Type == "charge.dispute.funds_withdrawn" || e.Type == "charge.dispute.funds_reinstated"
	switch {
	case strings.HasPrefix(x.Status, "warning_") && !moved:
		e.Kind, e.Reason = adapters.SystemEvent, "an inquiry: no money has moved"
		return nil
	case x.Status == "charge_refunded" && !moved:
		e.Kind, e.Reason = adapters.SystemEvent, "charge.refunded tells what went back"
		return nil
	case !standing[x.Status] && !moved:
		e.Reason = "no rule knows this state of a dispute"
		return nil
	}
	if plainWord.MatchString(x.Status) {
		e.Reason = x.Status
	}
	won := x.Status == "won" || e.Type == "charge.dispute.funds_reinstated" && x.Status != "lost"
	return moneyBack(e, s, adapters.DisputeEvent, *x.Amount, x.Currency, won)
}

// standing are the states of a dispute in which it is said where its money is.
var standing = map[string]bool{"needs_response": true, "under_review": true, "won": true, "lost": true}

// unpaid reads a refund that failed: the customer did not get the money.
func (d *delivered) unpaid(e *adapters.Event, s subject) error {
	var x struct {
		Status   string `json:"status"`
		Currency string `json:"currency"`
		Amount   *int64 `json:"amount"`
	}
	if json.Unmarshal(d.Data.Object, &x) != nil || x.Amount == nil {
		return unreadable(e)
	}
	if x.Status != "failed" && x.Status != "canceled" {
		e.Kind, e.Reason = adapters.SystemEvent, nothingToApply["refund.created"]
		return nil
	}
	e.Reason = x.Status
	return moneyBack(e, s, adapters.RefundEvent, *x.Amount, x.Currency, false)
}

func moneyBack(e *adapters.Event, s subject, kind adapters.EventKind, minor int64, currency string, settled bool) error {
	if c, err := core.ParseCurrency(strings.ToLower(currency)); err != nil || carries(c) != nil {
		e.Kind, e.Reason = adapters.SystemEvent, "nothing is sold in this currency"
		return nil
	}
	amount, err := money(minor, currency)
	if err != nil {
		return unreadable(e)
	}
	e.Kind, e.Mark = kind, ""
	purchase := core.ID(s.Metadata[metaPurchase])
	if !purchase.Valid(core.PurchaseID) {
		purchase = ""
	}
	object := e.Object
	if s.Invoice != "" {
		object = string(s.Invoice)
	}
	e.Neutral = string(purchase)
	e.Payment = &sale.Payment{Purchase: purchase, Object: object, Paid: amount, Settled: settled}
	return nil
}

// unreadable refuses an event about money that cannot be read exactly.
func unreadable(e *adapters.Event) error {
	return adapters.Errorf(adapters.CodeInvalid, "event %q of type %q has no amount that can be read exactly", clip(e.ID, 64), clip(e.Type, 64))
}

const (
	paidTellsIt    = "invoice.paid tells of the payment"
	invoiceTellsIt = "the invoice's own events tell of it"
	noRule         = "nothing in the core depends on it"
	unsold         = "an invoice on its way"
)

// nothingToApply are the known types that change nothing in the core, with
// the reason.
var nothingToApply = map[string]string{
	"invoice.payment_succeeded": paidTellsIt, "invoice_payment.paid": paidTellsIt,
	"invoice.created": unsold, "invoice.updated": unsold, "invoice.upcoming": unsold, "invoice.sent": unsold,
	"invoice.payment_action_required":  "the customer has to act before the invoice is paid",
	"invoice.payment_attempt_required": "the customer has to act before the invoice is paid",
	"invoice.overdue":                  unsold, "invoice.will_be_due": unsold, "invoice.overpaid": "more was paid than the invoice asked for",
	"invoiceitem.created": invoiceTellsIt, "invoiceitem.deleted": invoiceTellsIt, "invoiceitem.updated": invoiceTellsIt,
	"payment_intent.created": invoiceTellsIt, "payment_intent.succeeded": invoiceTellsIt,
	"payment_intent.payment_failed": invoiceTellsIt, "payment_intent.canceled": invoiceTellsIt,
	"payment_intent.requires_action": invoiceTellsIt, "payment_intent.processing": invoiceTellsIt,
	"charge.succeeded": invoiceTellsIt, "charge.failed": invoiceTellsIt, "charge.pending": invoiceTellsIt, "charge.updated": invoiceTellsIt,
	"refund.created":                "charge.refunded tells what went back",
	"customer.subscription.created": noRule, "customer.subscription.updated": noRule, "customer.subscription.deleted": noRule,
	"customer.subscription.paused": noRule, "customer.subscription.resumed": noRule, "customer.subscription.trial_will_end": noRule,
	"customer.subscription.pending_update_applied": noRule, "customer.subscription.pending_update_expired": noRule,
	"billing.meter.created": noRule, "billing.meter.updated": noRule, "billing.meter.deactivated": "consumption can no longer be told, reactivate the meter",
	"billing.meter.reactivated": noRule, "billing.alert.triggered": noRule,
	"price.created": noRule, "price.updated": noRule, "price.deleted": noRule,
	"product.created": noRule, "product.updated": noRule, "product.deleted": noRule,
	"test_helpers.test_clock.created": noRule, "test_helpers.test_clock.deleted": noRule,
	"test_helpers.test_clock.advancing": noRule, "test_helpers.test_clock.ready": noRule,
	"test_helpers.test_clock.internal_failure": "the vendor's test clock failed",
}

// born are the types that tell of an object just made, so that a mark in its
// metadata is the one of the request that made it.
var born = map[string]bool{
	"customer.created": true, "billing.credit_grant.created": true, "invoice.created": true, "invoiceitem.created": true,
	"customer.subscription.created": true,
}
