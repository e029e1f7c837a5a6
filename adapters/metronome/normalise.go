package metronome

import (
	"encoding/json"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// delivered is an event: flat where it tells of the life of a contract, credit
// or commit, else with properties. It has ids and no amounts.
type delivered struct {
	ID         string     `json:"id"`
	Type       string     `json:"type"`
	Timestamp  *time.Time `json:"timestamp,omitempty"`
	Customer   string     `json:"customer_id,omitempty"`
	Contract   string     `json:"contract_id,omitempty"`
	Credit     string     `json:"credit_id,omitempty"`
	CreditSays rest.Texts `json:"credit_custom_fields,omitempty"`
	Commit     string     `json:"commit_id,omitempty"`
	CommitSays rest.Texts `json:"commit_custom_fields,omitempty"`
	Offset     string     `json:"offset_id,omitempty"` // of a notice some time before or after
	Properties *struct {
		Timestamp *time.Time `json:"timestamp"`
		Finalized *time.Time `json:"invoice_finalized_date"`
		Customer  string     `json:"customer_id"`
		Contract  string     `json:"contract_id"`
		Invoice   string     `json:"invoice_id"`
		Alert     string     `json:"alert_id"`
	} `json:"properties,omitempty"`
}

// The types of events that tell of a new lot.
const (
	creditCreated = "credit.create"
	commitCreated = "commit.create"
)

// Normalise turns a verified body into neutral terms. The vendor collects no
// money for us, so no event proves a payment. The mark is that of the lot's
// custom fields, where they are declared, and only of its creation: later
// events say nothing of who caused them. Some events have no time, and all but
// the flat ones do not tell their environment: the token decides.
func (a *Adapter) Normalise(body []byte) (adapters.Event, error) {
	var d delivered
	if err := json.Unmarshal(body, &d); err != nil {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it is not the JSON of one")
	}
	if d.ID == "" || d.Type == "" {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it has no id or type")
	}
	e := adapters.Event{ID: d.ID, Type: d.Type, Kind: adapters.UnknownEvent, Customer: d.Customer, Object: first(d.Credit, d.Commit, d.Contract)}
	at := d.Timestamp
	if p := d.Properties; p != nil {
		e.Customer, e.Object = p.Customer, first(p.Invoice, p.Alert, p.Contract)
		if at = p.Timestamp; at == nil {
			at = p.Finalized
		}
	}
	if at != nil && at.Unix() > 0 {
		e.At = core.TimeOf(*at)
	}
	d.apply(&e)
	if strings.HasPrefix(e.Type, "alerts.") {
		e.ID += "@" + e.At.String() // an alert has one id, however often it fires
	}
	if (e.Kind == adapters.GrantEvent || e.Kind == adapters.FinalEvent) && (e.Object == "" || e.Customer == "") {
		return e, adapters.Errorf(adapters.CodeInvalid, "event %.64q of type %.64q lacks what it is about", e.ID, e.Type)
	}
	return e, nil
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// apply decides what the event means.
func (d *delivered) apply(e *adapters.Event) {
	says := d.CreditSays
	if d.Commit != "" {
		says = d.CommitSays
	}
	if d.Offset != "" {
		e.Kind, e.Reason = adapters.SystemEvent, "a notice some time before or after the event of this name"
		return
	}
	switch e.Type {
	case creditCreated, commitCreated:
		e.Kind, e.Neutral = adapters.GrantEvent, says[metaGrant]
		if id := core.ID(says[metaIntent]); id.Valid(core.IntentID) {
			e.Mark = id
		} else {
			e.Reason = "a grant that bears no mark of ours"
		}
		return
	case "credit.edit", "credit.archive", "commit.edit", "commit.archive":
		e.Kind, e.Neutral = adapters.GrantEvent, says[metaGrant]
		return
	case "invoice.finalized":
		// Neither the period nor what was drawn is told: it would have to be read.
		e.Kind, e.Hint = adapters.FinalEvent, true
		return
	}
	e.Reason = "no rule knows this type"
	for _, f := range families {
		if strings.HasPrefix(e.Type, f.prefix) {
			e.Kind, e.Reason = adapters.SystemEvent, f.why
			return
		}
	}
}

// families are the types of events that change nothing here, by the beginning
// of their names. Source: docs.metronome.com, webhooks.
var families = [...]struct{ prefix, why string }{
	{"alerts.", "an alert of the vendor's own; the core keeps the balance"},
	{"credit.segment.", "the core begins and ends grants at its own instant"},
	{"commit.segment.", "the core begins and ends grants at its own instant"},
	{"contract.", "the vendor's contracts carry no credits of ours"},
	{"invoice.", "the vendor's invoices are for no purchase of ours: another connection collects the money"},
	{"payment_gate.", "the vendor's invoices are for no purchase of ours: another connection collects the money"},
	{"integration.", "about the vendor's own links to other systems"},
	{"marketplaces.", "about the vendor's own links to other systems"},
	{"webhooks.test", "a test of the endpoint"},
}
