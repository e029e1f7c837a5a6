package chargebee

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/sale"
)

// many is one object or a list of them: the documents and the types of the
// vendor's own library differ in how events name what they are about.
type many[T any] []T

// UnmarshalJSON reads a list, or one object as a list of one.
func (m *many[T]) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return json.Unmarshal(b, (*[]T)(m))
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil || string(b) == "null" {
		return err
	}
	*m = many[T]{one}
	return nil
}

// content is what an event is about, whatever of it the event has.
type content struct {
	Customer    *customerObject    `json:"customer"`
	Invoice     *invoiceObject     `json:"invoice"`
	Transaction *transactionObject `json:"transaction"`
	Note        *struct {
		ID       string `json:"id"`
		Customer string `json:"customer_id"`
	} `json:"credit_note"`
	Subscription *subscriptionObject `json:"subscription"`
	Blocks       many[block]         `json:"grant_blocks"`
	Block        many[block]         `json:"grant_block"`
	Operations   many[operation]     `json:"ledger_operations"`
	Operation    many[operation]     `json:"ledger_operation"`
}

func seconds(at int64) core.Time { return core.TimeOf(time.Unix(at, 0)) }

// Normalise turns a verified body into neutral terms. Every event is a hint,
// since webhooks do not authenticate their content. A mark is taken only from
// what an event says of its own cause: of a new customer, block or invoice, and
// of an operation of the ledger. Whether an event is of a test site is not told.
func (a *Adapter) Normalise(body []byte) (adapters.Event, error) {
	var d struct {
		ID      string  `json:"id"`
		At      int64   `json:"occurred_at"`
		Type    string  `json:"event_type"`
		Content content `json:"content"`
	}
	if json.Unmarshal(body, &d) != nil {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it is not the JSON of one")
	}
	if d.ID == "" || d.Type == "" || d.At <= 0 || d.At > farAway {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event: it has no id, type or time")
	}
	e := adapters.Event{ID: d.ID, Type: d.Type, Kind: adapters.UnknownEvent, At: seconds(d.At), Hint: true}
	d.Content.about(&e)
	if !d.Content.apply(&e) {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "event %q of type %q lacks what it is about", clip(e.ID, 64), clip(e.Type, 64))
	}
	return e, nil
}

// about names the event's object and customer.
func (c *content) about(e *adapters.Event) {
	if x := c.Customer; x != nil {
		e.Customer, e.Object, e.Neutral = x.ID, x.ID, x.neutral()
	}
	if x := c.Subscription; x != nil {
		e.Object, e.Customer = x.ID, x.Customer
	}
	if x := c.Note; x != nil {
		e.Object, e.Customer = x.ID, x.Customer
	}
	if x := c.Invoice; x != nil {
		e.Object, e.Customer = x.ID, x.Customer
	}
}

// apply decides what the event means; false when it lacks what it is about.
func (c *content) apply(e *adapters.Event) bool {
	switch e.Type {
	case "customer_created", "customer_changed", "customer_deleted":
		e.Kind = adapters.CustomerEvent
		if c.Customer != nil && e.Type == "customer_created" {
			e.Mark = intentOf(c.Customer.Meta)
		}
		return e.Customer != ""
	case "grant_blocks_created", "grant_blocks_updated":
		return c.granted(e)
	case "ledger_updated":
		return c.moved(e)
	case "payment_succeeded", "payment_failed", "payment_refunded", "invoice_generated", "invoice_updated", "invoice_deleted":
		return c.sold(e)
	}
	e.Reason = "no rule knows this type"
	for _, f := range families {
		if strings.HasPrefix(e.Type, f.prefix) {
			e.Kind, e.Reason = adapters.SystemEvent, f.why
			break
		}
	}
	return true
}

func (c *content) granted(e *adapters.Event) bool {
	list := append(c.Blocks, c.Block...)
	if len(list) == 0 || list[0].ID == "" {
		return false
	}
	e.Kind, e.Object, e.Neutral = adapters.GrantEvent, list[0].ID, list[0].Metadata[metaGrant]
	for _, b := range list[1:] {
		e.Related = append(e.Related, b.ID)
	}
	if e.Type == "grant_blocks_created" {
		if e.Mark = intentOf(list[0].Metadata); e.Mark == "" {
			e.Reason = "a block that we did not make"
		}
	}
	return true
}

// moved reads operations of the ledger. A capture of ours has our mark for its
// id, an allocation in its metadata.
func (c *content) moved(e *adapters.Event) bool {
	list := append(c.Operations, c.Operation...)
	if len(list) == 0 || list[0].ID == "" {
		return false
	}
	op := list[0]
	e.Kind, e.Object, e.Reason = adapters.EntryEvent, op.ID, "an operation of the vendor's ledger"
	if id := core.ID(op.ID); id.Valid(core.IntentID) {
		e.Mark = id
	} else if op.Type == "allocation" {
		e.Mark = intentOf(op.Metadata)
	}
	for _, other := range list[1:] {
		e.Related = append(e.Related, other.ID)
	}
	return true
}

// sold reads an invoice, and the transaction where there is one. Only the
// invoice of a purchase of ours means something.
func (c *content) sold(e *adapters.Event) bool {
	x := c.Invoice
	if x == nil || x.ID == "" {
		return false
	}
	if c.Transaction != nil {
		e.Related = append(e.Related, c.Transaction.ID)
	}
	purchase, intent := x.marks()
	e.Kind, e.Neutral, e.Reason = adapters.SystemEvent, string(purchase), "an invoice on its way"
	if purchase == "" {
		e.Reason = "the invoice is for no purchase of ours"
		return c.renewal(e)
	}
	pay := &sale.Payment{Purchase: purchase, Object: x.ID}
	minor, currency := int64(0), x.Currency
	covered := x.Paid != nil && *x.Paid == 0 && x.Status == "paid" // by credits of the customer's alone: no payment tells of it
	switch e.Type {
	case "payment_succeeded":
		return c.paid(e, pay)
	case "invoice_generated":
		if !covered {
			e.Mark = intent
			return true
		}
		return c.paid(e, pay)
	case "payment_failed":
	case "payment_refunded":
		if c.Transaction == nil || c.Transaction.Amount == nil {
			return false
		}
		minor, currency, pay.Settled = *c.Transaction.Amount, c.Transaction.Currency, true
		e.Claim = c.Transaction.ID
	default:
		if e.Type == "invoice_updated" && x.Status != "voided" {
			return true
		}
		e.Reason = "the sale was called off"
	}
	var ok bool
	if pay.Paid, ok = money(minor, currency); !ok {
		return false
	}
	e.Kind, e.Payment, e.Reason = adapters.FailedEvent, pay, ""
	if pay.Settled {
		e.Kind = adapters.RefundEvent
	}
	return true
}

// paid reads what an invoice was settled with: payments, and credits in money
// that the customer had. It counts when nothing is due any more.
func (c *content) paid(e *adapters.Event, pay *sale.Payment) bool {
	x := c.Invoice
	if x.Paid == nil || x.Due == nil || x.Credits < 0 {
		return false
	}
	var ok bool
	pay.Paid, ok = money(*x.Paid+x.Credits, x.Currency)
	pay.Settled = x.Status == "paid" && *x.Due == 0 && (c.Transaction == nil || c.Transaction.Status == "success")
	e.Kind, e.Payment, e.Reason = adapters.PaymentEvent, pay, ""
	return ok
}

// renewal reads an invoice that sells no pack of ours. One of a subscription of
// the customer's that was paid proves the period that the plan's line is for,
// which is the latest; other lines are no part of its price. What was written
// off or adjusted proves nothing.
func (c *content) renewal(e *adapters.Event) bool {
	x := c.Invoice
	if e.Type != "payment_succeeded" && e.Type != "invoice_generated" || x.Status != "paid" || x.Total == nil || *x.Total == 0 {
		return true
	}
	var r sale.Renewal
	var from, minor int64
	for _, l := range x.Lines {
		if l.Subscription == "" || l.Type != "plan_item_price" && l.Type != "plan" || l.From <= 0 || l.From > farAway {
			continue
		}
		if l.From > from {
			from, minor, r.Subscription = l.From, 0, l.Subscription
		}
		if l.From == from && l.Subscription == r.Subscription {
			minor += l.Amount - l.Discount
		}
	}
	if from == 0 || minor == 0 {
		return true
	}
	var ok bool
	if r.Paid, ok = money(minor, x.Currency); !ok || x.Paid == nil || x.Due == nil {
		return false
	}
	r.Start, r.Settled = seconds(from), *x.Due == 0 && *x.Paid+x.Credits == *x.Total && (c.Transaction == nil || c.Transaction.Status == "success")
	e.Kind, e.Reason, e.Neutral, e.Renewal = adapters.RenewalEvent, "", "", &r
	return true
}

// families are the types of events that change nothing here, by the beginning
// of their names. Source: the enumeration of event types in the vendor's own
// library.
var families = [...]struct{ prefix, why string }{
	{"ledger_account_balance", "the vendor's own balance; the core keeps the balance"},
	{"promotional_credits", "money for the vendor's invoices, no credits of a unit"},
	{"credit_note", "payment_refunded tells what went back"},
	{"transaction_", "the payment's own events tell of it"},
	{"payment_", "about the vendor's own handling of payments"},
	{"refund_initiated", "payment_refunded tells what went back"},
	{"pending_invoice", "an invoice on its way"},
	{"invoice_", "an invoice on its way"},
	{"subscription_", "the vendor's subscriptions carry the ledger; the core decides what is granted"},
	{"alert_status_changed", "an alert of the vendor's on its own balance; the core keeps the balance"},
	{"usage_file_ingested", "about usage events, of which we send none"},
	{"add_usages_reminder", "about usage events, of which we send none"},
	{"unbilled_charges", "about the vendor's own billing"},
	{"card_", "about payment methods, which the vendor keeps"},
	{"payment_source", "about payment methods, which the vendor keeps"},
	{"item_", "about the vendor's own catalogue"},
	{"coupon_", "about the vendor's own catalogue"},
	{"hierarchy_", "about the vendor's own handling of customers"},
}
