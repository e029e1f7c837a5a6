package stripe

import (
	"encoding/json"
	"time"

	"scrip/adapters"
	"scrip/core"
)

// delivered is an event's envelope, of either form. Created is seconds in a
// snapshot event and RFC 3339 in a thin one.
type delivered struct {
	ID       string          `json:"id"`
	Object   string          `json:"object"`
	Type     string          `json:"type"`
	Created  json.RawMessage `json:"created"`
	Livemode bool            `json:"livemode"`
	Request  json.RawMessage `json:"request"`
	Related  struct {
		ID string `json:"id"`
	} `json:"related_object"`
	Data struct {
		Object json.RawMessage `json:"object"`
		Reason usageReason     `json:"reason"`
	} `json:"data"`
}

// subject is what events say of their object, whatever kind it is.
type subject struct {
	ID            string `json:"id"`
	Customer      ref    `json:"customer"`
	Metadata      meta   `json:"metadata"`
	Invoice       ref    `json:"invoice"`
	Charge        ref    `json:"charge"`
	PaymentIntent ref    `json:"payment_intent"`
	CreditGrant   ref    `json:"credit_grant"`
	Alert         ref    `json:"alert"`
}

// Normalise turns a verified body into neutral terms: a snapshot event, or a
// thin one, which Stripe uses for errors of meter events. Amounts are read as
// integers or refused.
//
// The mark is that of the request that caused the event, where its
// idempotency key is one of ours, or of the object when it was just made.
// Later events of an object say nothing of who caused them, so they carry no
// mark from it: a change in the dashboard is never taken for an echo. Payments,
// refunds and disputes carry none: they are news even of our own objects.
func (a *Adapter) Normalise(body []byte) (adapters.Event, error) {
	var d delivered
	if err := json.Unmarshal(body, &d); err != nil {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it is not the JSON of one")
	}
	if d.ID == "" || d.Type == "" {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it has no id or type")
	}
	e := adapters.Event{ID: d.ID, Type: d.Type, Kind: adapters.UnknownEvent, Live: d.Livemode}
	switch d.Object {
	case "event":
		return d.snapshot(e)
	case "v2.core.event":
		return d.thin(e)
	}
	return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: its object is of another kind")
}

func (d *delivered) snapshot(e adapters.Event) (adapters.Event, error) {
	var created int64
	var s subject
	if json.Unmarshal(d.Created, &created) != nil || json.Unmarshal(d.Data.Object, &s) != nil {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "event %q has no time or no object", clip(e.ID, 64))
	}
	e.At, e.Object, e.Customer = seconds(created), s.ID, string(s.Customer)
	e.Mark = d.cause()
	for _, other := range []ref{s.Invoice, s.Charge, s.PaymentIntent} {
		if other != "" && string(other) != e.Object {
			e.Related = append(e.Related, string(other))
		}
	}
	return e, d.apply(&e, s)
}

// apply decides what the event means.
func (d *delivered) apply(e *adapters.Event, s subject) error {
	switch e.Type {
	case "customer.created", "customer.updated", "customer.deleted":
		e.Kind, e.Customer, e.Neutral = adapters.CustomerEvent, s.ID, s.Metadata[metaCustomer]
	case "billing.credit_grant.created", "billing.credit_grant.updated":
		e.Kind, e.Neutral = adapters.GrantEvent, s.Metadata[metaGrant]
	case "billing.credit_balance_transaction.created":
		return d.entry(e, s)
	case "invoice.paid", "invoice.payment_failed", "invoice.voided", "invoice.marked_uncollectible", "invoice.finalization_failed", "invoice.deleted":
		return d.sale(e, s)
	case "invoice.finalized":
		d.final(e, s)
	case "charge.refunded":
		return d.refund(e, s)
	case "charge.refund.updated", "refund.updated", "refund.failed":
		return d.unpaid(e, s)
	case "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
		"charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated":
		return d.dispute(e, s)
	default:
		if why, known := nothingToApply[e.Type]; known {
			e.Kind, e.Reason = adapters.SystemEvent, why
		} else {
			e.Reason = "no rule knows this type"
		}
		e.Neutral = s.Metadata[metaPurchase]
		if e.Object == "" {
			e.Object = string(s.Alert)
		}
	}
	if e.Mark == "" && born[e.Type] {
		e.Mark = s.Metadata.intent()
	}
	return nil
}

// cause is the mark in the idempotency key of the request behind the event.
// Old API versions have the request's id alone.
func (d *delivered) cause() core.ID {
	var request struct {
		Key string `json:"idempotency_key"`
	}
	if json.Unmarshal(d.Request, &request) != nil {
		return ""
	}
	return intentID(request.Key)
}

// thin reads an event whose object is not in it. Only those about meters mean
// anything here; they name the first few meter events that were not counted.
func (d *delivered) thin(e adapters.Event) (adapters.Event, error) {
	var created time.Time
	if json.Unmarshal(d.Created, &created) != nil {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "event %q has no time", clip(e.ID, 64))
	}
	e.At, e.Object = core.TimeOf(created), d.Related.ID
	switch e.Type {
	case "v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found":
		e.Kind = adapters.UsageEvent
		d.Data.Reason.explain(&e)
	default:
		e.Reason = "no rule knows this type"
	}
	return e, nil
}

// usageReason is why meter events were not counted.
type usageReason struct {
	Count int64 `json:"error_count"`
	Types []struct {
		Code    string `json:"code"`
		Samples []struct {
			Request struct {
				Identifier string `json:"identifier"`
			} `json:"request"`
		} `json:"sample_errors"`
	} `json:"error_types"`
}

// explain puts the codes into the reason and the events' identifiers, which
// are marks of ours, into Related; the first one is the mark.
func (r *usageReason) explain(e *adapters.Event) {
	e.Reason = "meter events were not counted, the vendor has the details"
	codes := ""
	for _, t := range r.Types {
		if plainWord.MatchString(t.Code) {
			codes += " " + t.Code
		}
		for _, s := range t.Samples {
			id := s.Request.Identifier
			if id == "" {
				continue
			}
			if e.Mark == "" {
				e.Mark = intentID(id)
			}
			e.Related = append(e.Related, clip(id, 100))
		}
	}
	if codes != "" {
		e.Reason = "meter events were not counted:" + clip(codes, 400)
	}
}
