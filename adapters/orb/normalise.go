package orb

import (
	"encoding/json"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// delivered is an event's envelope. The object stands under a name of its
// kind; those that are read here are named.
type delivered struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	Created      *time.Time      `json:"created_at"`
	Customer     *customerObject `json:"customer"`
	Invoice      *subject        `json:"invoice"`
	CreditNote   *subject        `json:"credit_note"`
	Subscription *subject        `json:"subscription"`
	Backfill     *subject        `json:"backfill"`
	Properties   json.RawMessage `json:"properties"`
}

// subject is what events say of an object, whatever kind it is.
type subject struct {
	ID         string `json:"id"`
	InvoiceID  string `json:"invoice_id"`
	CustomerID string `json:"customer_id"`
	Customer   struct {
		ID       string `json:"id"`
		External string `json:"external_customer_id"`
	} `json:"customer"`
}

// Normalise turns a verified body into neutral terms. Orb collects no money
// for us, so no event proves a payment; and of the ledger it reports
// increments alone. The mark is that of the block's or new customer's own
// metadata. Later events of a customer say nothing of who caused them, so they
// carry none: a change in the vendor's app is never taken for an echo. Whether
// an event is of test or live mode is not told; the key decides.
func (a *Adapter) Normalise(body []byte) (adapters.Event, error) {
	var d delivered
	if err := json.Unmarshal(body, &d); err != nil {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it is not the JSON of one")
	}
	if d.ID == "" || d.Type == "" || d.Created == nil || d.Created.Unix() <= 0 {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it has no id, type or time")
	}
	e := adapters.Event{ID: d.ID, Type: d.Type, Kind: adapters.UnknownEvent, At: core.TimeOf(*d.Created)}
	if d.Customer != nil {
		e.Customer, e.Neutral = d.Customer.ID, d.Customer.External
		e.Object = e.Customer
	}
	d.about(&e)
	return e, d.apply(&e)
}

// about names the object where it is no customer.
func (d *delivered) about(e *adapters.Event) {
	for _, s := range []*subject{d.Invoice, d.CreditNote, d.Subscription, d.Backfill} {
		if s == nil {
			continue
		}
		e.Object, e.Customer = s.ID, s.Customer.ID
		if e.Customer == "" {
			e.Customer = s.CustomerID
		}
		if s.InvoiceID != "" {
			e.Related = append(e.Related, s.InvoiceID)
		}
	}
}

// apply decides what the event means.
func (d *delivered) apply(e *adapters.Event) error {
	switch e.Type {
	case "customer.created", "customer.edited":
		if d.Customer == nil || d.Customer.ID == "" {
			return unreadable(e)
		}
		e.Kind = adapters.CustomerEvent
		if e.Type == "customer.created" {
			e.Mark = d.Customer.Metadata.intent()
		}
		return nil
	case "customer.credit_ledger_incremented":
		return d.incremented(e)
	}
	if why := nothingToApply(e.Type); why != "" {
		e.Kind, e.Reason = adapters.SystemEvent, why
		return nil
	}
	e.Reason = "no rule knows this type"
	return nil
}

// incremented reads a new credit block, which is the event's object.
func (d *delivered) incremented(e *adapters.Event) error {
	var p struct {
		Block struct {
			ID       string       `json:"id"`
			Balance  rest.Decimal `json:"balance"`
			Source   string       `json:"credit_block_source"`
			Metadata meta         `json:"metadata"`
		} `json:"block"`
	}
	if json.Unmarshal(d.Properties, &p) != nil || p.Block.ID == "" {
		return unreadable(e)
	}
	e.Kind, e.Object, e.Neutral = adapters.GrantEvent, p.Block.ID, p.Block.Metadata[metaGrant]
	e.Mark = p.Block.Metadata.intent()
	if e.Mark == "" {
		e.Reason = "a block of " + string(p.Block.Balance) + " credits that we did not make"
		if plainWord(p.Block.Source) {
			e.Reason += ", source " + p.Block.Source
		}
	}
	return nil
}

func unreadable(e *adapters.Event) error {
	return adapters.Errorf(adapters.CodeInvalid, "event %q of type %q lacks what it is about", clip(e.ID, 64), clip(e.Type, 64))
}

// plainWord reports whether a text of the vendor's may be shown.
func plainWord(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// families are the types of Orb's events that change nothing here, by the
// beginning of their names. Source: the union of webhook events in Orb's
// TypeScript library.
var families = [...]struct{ prefix, why string }{
	{"customer.credit_balance_", "an alert of the vendor's on its own balance; the core keeps the balance"},
	{"customer.balance_transaction_created", "a balance of money for the vendor's invoices, no credits"},
	{"customer.", "about the vendor's own handling of a customer"},
	{"invoice.", "the vendor's invoices are for no purchase of ours: another connection collects the money"},
	{"credit_note.", "the vendor's invoices are for no purchase of ours: another connection collects the money"},
	{"subscription.", "the vendor's subscriptions carry no credits of ours"},
	{"credit_block.", "about the vendor's own bookkeeping"},
	{"backfill.", "about usage events, of which we send none"},
	{"billable_metric.", "about usage events, of which we send none"},
	{"ingestion.", "about usage events, of which we send none"},
	{"event.", "about usage events, of which we send none"},
	{"data_exports.", "about the vendor's own objects"},
	{"payment_method.", "about payment methods, which another connection keeps"},
	{"plan.", "about the vendor's own objects"},
	{"price.", "about the vendor's own objects"},
	{"license", "about the vendor's own objects"},
	{"metric.", "about the vendor's own objects"},
	{"accounting_sync.", "about the vendor's own bookkeeping"},
	{"sales_order.", "about the vendor's own bookkeeping"},
	{"transaction.", "about the vendor's own bookkeeping"},
	{"resource_event.test", "a test of the endpoint"},
}

// nothingToApply says why an event of a known type changes nothing, "" for an
// unknown one.
func nothingToApply(kind string) string {
	for _, f := range families {
		if strings.HasPrefix(kind, f.prefix) {
			return f.why
		}
	}
	return ""
}
