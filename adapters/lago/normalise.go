package lago

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/sale"
)

// delivered is an event's envelope. The object stands under the name of its
// kind. Swept is the id of an event that a sweep wrote; Lago's own have none.
type delivered struct {
	Type   string `json:"webhook_type"`
	Object string `json:"object_type"`
	Swept  string `json:"scrip_id"`
}

// times are those that an object may have; they tell when it changed last.
type times struct {
	Created    *time.Time `json:"created_at"`
	Updated    *time.Time `json:"updated_at"`
	Settled    *time.Time `json:"settled_at"`
	Failed     *time.Time `json:"failed_at"`
	Voided     *time.Time `json:"voided_at"`
	Triggered  *time.Time `json:"triggered_at"`
	Terminated *time.Time `json:"terminated_at"`
	Synced     *time.Time `json:"last_balance_sync_at"`
}

func (t times) latest() (at core.Time) {
	for _, one := range []*time.Time{t.Created, t.Updated, t.Settled, t.Failed, t.Voided, t.Triggered, t.Terminated, t.Synced} {
		at = max(at, timeOf(one))
	}
	return at
}

// subject is what events say of an object, whatever kind it is.
type subject struct {
	ID       string   `json:"lago_id"`
	Customer string   `json:"external_customer_id"`
	Invoice  string   `json:"lago_invoice_id"`
	Invoices []string `json:"invoice_ids"`
	Moved    string   `json:"lago_wallet_transaction_id"`
	Owner    struct {
		External string `json:"external_id"`
	} `json:"customer"`
	Wallet struct {
		Customer string `json:"external_customer_id"`
	} `json:"wallet"`
	Event times `json:"event"`
	times
}

// Normalise turns a verified body into neutral terms. Lago gives events neither
// an id nor a time: the id is a hash of the body, which is the same on each
// attempt, and the time is that of the object's last change, if it tells one.
// What an object says is its state when the event was written, not when it
// happened.
func (a *Adapter) Normalise(body []byte) (adapters.Event, error) {
	var d delivered
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &d) != nil || json.Unmarshal(body, &fields) != nil {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it is not the JSON of one")
	}
	raw := fields[d.Object]
	if d.Type == "" || d.Object == "" || len(raw) == 0 || raw[0] != '{' {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it has no type or object")
	}
	sum := sha256.Sum256(body)
	e := adapters.Event{ID: hex.EncodeToString(sum[:]), Type: d.Type, Kind: adapters.UnknownEvent}
	if d.Swept != "" {
		e.ID = d.Swept
	}
	var s subject
	if json.Unmarshal(raw, &s) != nil {
		return adapters.Event{}, unreadable(&e)
	}
	e.Object, e.At = s.ID, max(s.latest(), s.Event.latest())
	for _, id := range []string{s.Customer, s.Owner.External, s.Wallet.Customer} {
		if e.Customer == "" {
			e.Customer = id
		}
	}
	for _, id := range append(s.Invoices, s.Invoice, s.Moved) {
		if id != "" {
			e.Related = append(e.Related, id)
		}
	}
	return e, apply(&e, raw)
}

func unreadable(e *adapters.Event) error {
	return adapters.Errorf(adapters.CodeInvalid, "event of type %q lacks what it is about", clip(e.Type, 64))
}

// apply decides what the event means.
func apply(e *adapters.Event, raw json.RawMessage) error {
	switch e.Type {
	case "customer.created", "customer.updated":
		var c customer
		if json.Unmarshal(raw, &c) != nil || c.External == "" {
			return unreadable(e)
		}
		e.Kind, e.Object, e.Customer, e.Neutral = adapters.CustomerEvent, c.External, c.External, c.External
		if e.Type == "customer.created" { // a later event does not say who caused it
			e.Mark = c.Metadata.intent()
		}
		return nil
	case "wallet_transaction.created", "wallet_transaction.updated":
		return moved(e, raw)
	case "invoice.payment_status_updated", "invoice.voided", "invoice.payment_dispute_lost":
		return sold(e, raw)
	case "credit_note.created":
		return refunded(e, raw)
	}
	if why := nothingToApply(e.Type); why != "" {
		e.Kind, e.Reason = adapters.SystemEvent, why
		return nil
	}
	e.Reason = "no rule knows this type"
	return nil
}

// moved reads a movement of a wallet: of a grant where it came in, else of the
// vendor's ledger.
func moved(e *adapters.Event, raw json.RawMessage) error {
	var t transaction
	if json.Unmarshal(raw, &t) != nil || t.ID == "" || t.Type != "inbound" && t.Type != "outbound" {
		return unreadable(e)
	}
	e.Kind, e.Neutral = adapters.EntryEvent, t.Metadata.get(metaWindow)
	if t.inbound() {
		e.Kind = adapters.GrantEvent
	}
	if e.Neutral == "" {
		e.Neutral = t.Metadata.get(metaGrant)
	}
	if e.Type == "wallet_transaction.created" {
		e.Mark = t.Metadata.intent()
	}
	if e.Mark == "" {
		e.Reason = "a movement of " + string(t.Amount) + " that we did not make"
		if plainWord(t.Kind) && plainWord(t.Status) {
			e.Reason += ": " + t.Kind + ", " + t.Status
		}
	}
	return nil
}

// sold reads an invoice for a pack: paid, called off, or contested and lost.
// What was paid for the pack is the price before taxes.
func sold(e *adapters.Event, raw json.RawMessage) error {
	var nested struct {
		Invoice json.RawMessage `json:"invoice"` // of a dispute, by one of the vendor's two accounts
	}
	if json.Unmarshal(raw, &nested) == nil && len(nested.Invoice) > 0 {
		raw = nested.Invoice
	}
	var i invoice
	if json.Unmarshal(raw, &i) != nil || i.ID == "" {
		return unreadable(e)
	}
	if e.Object, e.Customer = i.ID, i.Customer.External; e.At == 0 {
		e.At = i.latest()
	}
	purchase, _ := saleOf(i.Fees)
	if purchase == "" {
		e.Kind, e.Reason = adapters.SystemEvent, "the invoice is for no purchase of ours"
		return renewed(e, &i)
	}
	e.Neutral = string(purchase)
	paid := i.Payment == "succeeded"
	switch {
	case e.Type == "invoice.payment_dispute_lost":
		e.Kind, e.Reason, paid = adapters.DisputeEvent, "lost", false
	case e.Type == "invoice.voided" && paid:
		e.Kind, e.Reason = adapters.SystemEvent, "a paid invoice was voided: its money goes back by a credit note, if it does"
		return nil
	case e.Type == "invoice.payment_status_updated" && paid:
		e.Kind = adapters.PaymentEvent
	case e.Type == "invoice.voided" || i.Payment == "failed":
		e.Kind = adapters.FailedEvent
	default:
		e.Kind, e.Reason = adapters.SystemEvent, "an invoice on its way"
		return nil
	}
	amount, err := money(i.Net, i.Currency)
	if err != nil {
		return unreadable(e)
	}
	e.Payment = &sale.Payment{Purchase: purchase, Object: i.ID, Paid: amount, Settled: paid && e.Kind == adapters.PaymentEvent}
	return nil
}

// renewed reads an invoice that sells no pack of ours. One of a subscription of
// the customer's that was paid proves the period that the plan's own fee is for,
// before taxes; of several the latest. Other fees are no part of its price.
func renewed(e *adapters.Event, i *invoice) error {
	if e.Type != "invoice.payment_status_updated" || i.Payment != "succeeded" || i.Total == nil || *i.Total == 0 {
		return nil
	}
	var r sale.Renewal
	var net int64
	for _, f := range i.Fees {
		from, err := time.Parse(time.RFC3339, f.From)
		if err != nil {
			from, err = time.Parse(time.DateOnly, f.From)
		}
		if f.Item.Type != "subscription" || f.Subscription == "" || f.Net == nil || err != nil || from.Unix() <= 0 {
			continue
		}
		if core.TimeOf(from) > r.Start {
			r.Start, r.Subscription, net = core.TimeOf(from), f.Subscription, 0
		}
		if core.TimeOf(from) == r.Start && f.Subscription == r.Subscription {
			net += *f.Net
		}
	}
	if r.Start == 0 || net == 0 {
		return nil
	}
	var err error
	if r.Paid, err = money(&net, i.Currency); err != nil {
		return unreadable(e)
	}
	r.Settled = i.Paid != nil && *i.Paid == *i.Total
	e.Kind, e.Reason, e.Renewal = adapters.RenewalEvent, "", &r
	return nil
}

// refunded reads a credit note: money that goes back for a pack.
func refunded(e *adapters.Event, raw json.RawMessage) error {
	var n struct {
		Invoice  string `json:"lago_invoice_id"`
		Currency string `json:"currency"`
		Refund   *int64 `json:"refund_amount_cents"`
		Items    []struct {
			Fee fee `json:"fee"`
		} `json:"items"`
	}
	if json.Unmarshal(raw, &n) != nil || n.Invoice == "" || n.Refund == nil {
		return unreadable(e)
	}
	var fees []fee
	for _, i := range n.Items {
		fees = append(fees, i.Fee)
	}
	purchase, _ := saleOf(fees)
	if purchase == "" || *n.Refund <= 0 {
		e.Kind, e.Reason = adapters.SystemEvent, "no money goes back for a purchase of ours"
		return nil
	}
	amount, err := money(n.Refund, n.Currency)
	if err != nil {
		return unreadable(e)
	}
	e.Kind, e.Neutral = adapters.RefundEvent, string(purchase)
	e.Payment = &sale.Payment{Purchase: purchase, Object: n.Invoice, Paid: amount, Settled: true}
	return nil
}

// money reads an amount in the parts that Lago counts a currency in.
func money(cents *int64, code string) (core.Money, error) {
	currency, err := core.ParseCurrency(strings.ToLower(code))
	if err != nil || cents == nil || *cents < 0 {
		return core.Money{}, adapters.Errorf(adapters.CodeInvalid, "no amount")
	}
	return core.Money{Minor: core.Amount(*cents), Currency: currency}, nil
}

// plainWord reports whether a text of the vendor's may be shown.
func plainWord(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// families are the types of Lago's events that change nothing here, by the
// beginning of their names. Source: lago-api, app/services/webhooks.
var families = [...]struct{ prefix, why string }{
	{"wallet.depleted_ongoing_balance", "an alert of the vendor's on its own balance; the core keeps the balance"},
	{"wallet.", "about a wallet as a whole; its movements have events of their own"},
	{"wallet_transaction.payment_failure", "about a purchased top-up, of which we make none"},
	{"invoice.payment_failure", "invoice.payment_status_updated tells of it"},
	{"invoice.", "an invoice on its way, or for no purchase of ours"},
	{"payment.", "invoice.payment_status_updated tells of it"},
	{"payment_receipt.", "a document of the vendor's"}, {"payment_request.", "about the vendor's own collection"},
	{"payment_provider.", "about the vendor's own connection to a payment provider"}, {"dunning_campaign.", "about the vendor's own collection"},
	{"credit_note.", "a document of the vendor's, or a refund that failed: credit_note.created tells what goes back"},
	{"subscription.", "the vendor's subscriptions carry no credits of ours"}, {"fee.", "the vendor's fees draw on no wallet of ours"},
	{"event.", "about usage events, of which we send none"}, {"events.", "about usage events, of which we send none"},
	{"alert.", "an alert of the vendor's; the core keeps the balance"},
	{"customer.", "about the vendor's own handling of a customer"},
	{"plan.", "about the vendor's own objects"}, {"feature.", "about the vendor's own objects"},
	{"integration.", "about the vendor's own connections"},
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
