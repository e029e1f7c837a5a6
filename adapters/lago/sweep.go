package lago

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// The places of a customer's sweep after its wallets.
const (
	atInvoices = "invoices"
	atPeriods  = "periods"
	atNotes    = "credit_notes"
)

// payable is how long before a sweep's begin an invoice may have been made that
// was paid since: lists know no time of payment.
const payable = 90 * day

// Sweep reads the objects that lost events were about, since Lago lists no
// events and gives a delivery up after 25 seconds: the customers that were
// created, or with a customer the movements of its wallets, its invoices for
// packs and for periods of subscriptions that were paid, and the refunds of packs. Lists are newest first and have
// no filter by time of creation: they are read until they are older. What is
// told is what the object says now. Failed attempts to pay happen more than
// once, and are not told.
func (a *Adapter) Sweep(ctx context.Context, since core.Time, customer string, p adapters.Page) (adapters.Listing[[]byte], error) {
	since -= since % second // Lago's own times are whole seconds
	if customer == "" {
		return a.sweepCustomers(ctx, since, p)
	}
	var out adapters.Listing[[]byte]
	all, err := a.wallets(ctx, customer)
	if err != nil {
		return out, err
	}
	steps := make([]string, 0, len(all)+3)
	for _, w := range all {
		if w.Moved == nil || core.TimeOf(*w.Moved) >= since {
			steps = append(steps, w.ID)
		}
	}
	steps = append(steps, atInvoices, atPeriods, atNotes)
	step, rest, _ := strings.Cut(p.Cursor, "/")
	at := 0
	if p.Cursor != "" {
		for at < len(steps) && steps[at] != step {
			at++
		}
	}
	if at == len(steps) {
		return out, badCursor()
	}
	s := sweeper{a: a, customer: customer, since: since, page: adapters.Page{Cursor: rest, Limit: p.Limit}}
	var next string
	switch steps[at] {
	case atInvoices:
		next, err = s.invoices(ctx)
	case atPeriods:
		next, err = s.periods(ctx)
	case atNotes:
		next, err = s.notes(ctx)
	default:
		next, err = s.movements(ctx, steps[at])
	}
	switch {
	case err != nil:
		return out, err
	case next != "":
		out.Next = steps[at] + "/" + next
	case at+1 < len(steps):
		out.Next = steps[at+1] + "/"
	}
	out.Items = s.items
	return out, nil
}

// sweeper reads one page of one list as events.
type sweeper struct {
	a        *Adapter
	customer string
	since    core.Time
	page     adapters.Page
	items    [][]byte
}

// tell writes an event: its id names the fact, so it is the same each time.
func (s *sweeper) tell(kind, object, id string, raw any) error {
	body, err := json.Marshal(map[string]any{"webhook_type": kind, "object_type": object, object: raw, "scrip_id": "sweep/" + kind + "/" + id})
	s.items = append(s.items, body)
	return err
}

func (a *Adapter) sweepCustomers(ctx context.Context, since core.Time, p adapters.Page) (out adapters.Listing[[]byte], err error) {
	s := sweeper{}
	out.Next, err = a.page(ctx, "/customers", "customers", url.Values{}, p, func(raw json.RawMessage, id string, t times) (bool, error) {
		if timeOf(t.Created) < since {
			return true, nil
		}
		return false, s.tell("customer.created", "customer", id, raw)
	})
	if err == nil {
		out.Items = s.items
	}
	return out, err
}

// movements tells what was made in a wallet, with as much of the wallet as says
// whose it is.
func (s *sweeper) movements(ctx context.Context, wallet string) (string, error) {
	return s.a.page(ctx, rest.Path("wallets", wallet, "wallet_transactions"), "wallet_transactions", url.Values{}, s.page, func(raw json.RawMessage, id string, t times) (bool, error) {
		if timeOf(t.Created) < s.since {
			return true, nil
		}
		var fields map[string]any
		dec := json.NewDecoder(strings.NewReader(string(raw)))
		dec.UseNumber()
		if dec.Decode(&fields) != nil {
			return false, adapters.Errorf(adapters.CodeBadAnswer, "a listed transaction cannot be read")
		}
		fields["wallet"] = map[string]string{"lago_id": wallet, "external_customer_id": s.customer}
		return false, s.tell("wallet_transaction.created", "wallet_transaction", id, fields)
	})
}

// invoices tells which one-off invoices for packs were paid. Each is read, since
// lists show no lines.
func (s *sweeper) invoices(ctx context.Context) (string, error) {
	q := url.Values{"external_customer_id": {s.customer}, "invoice_type": {"one_off"}}
	return s.a.page(ctx, "/invoices", "invoices", q, s.page, func(raw json.RawMessage, id string, t times) (bool, error) {
		var i invoice
		switch {
		case json.Unmarshal(raw, &i) != nil:
			return false, adapters.Errorf(adapters.CodeBadAnswer, "a listed invoice cannot be read")
		case timeOf(t.Created) < s.since-payable:
			return true, nil
		case i.Payment != "succeeded", i.Metadata.get(metaPurchase) == "":
			return false, nil
		}
		whole, err := s.invoice(ctx, id, &i)
		if err != nil {
			return false, err
		}
		purchase, _ := saleOf(i.Fees)
		if purchase == "" || i.Payment != "succeeded" || i.paid() < s.since {
			return false, nil
		}
		return false, s.tell("invoice.payment_status_updated", "invoice", id, whole)
	})
}

// periods tells which invoices of subscriptions were paid that bill a period.
func (s *sweeper) periods(ctx context.Context) (string, error) {
	q := url.Values{"external_customer_id": {s.customer}, "invoice_type": {"subscription"}}
	return s.a.page(ctx, "/invoices", "invoices", q, s.page, func(raw json.RawMessage, id string, t times) (bool, error) {
		var i invoice
		switch {
		case json.Unmarshal(raw, &i) != nil:
			return false, adapters.Errorf(adapters.CodeBadAnswer, "a listed invoice cannot be read")
		case timeOf(t.Created) < s.since-payable:
			return true, nil
		case i.Payment != "succeeded", i.latest() < s.since:
			return false, nil
		}
		whole, err := s.invoice(ctx, id, &i)
		if err != nil {
			return false, err
		}
		e := adapters.Event{Type: "invoice.payment_status_updated"}
		if err := renewed(&e, &i); err != nil || e.Kind != adapters.RenewalEvent {
			return false, nil //nolint:nilerr // an invoice that cannot be read as one of a period is none
		}
		return false, s.tell(e.Type, "invoice", id, whole)
	})
}

// invoice reads one with its lines.
func (s *sweeper) invoice(ctx context.Context, id string, i *invoice) (json.RawMessage, error) {
	var got struct {
		Invoice json.RawMessage `json:"invoice"`
	}
	if err := s.a.api.Get(ctx, rest.Path("invoices", id), nil, &got); err != nil {
		return nil, err
	}
	if json.Unmarshal(got.Invoice, i) != nil || i.ID != id {
		return nil, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the invoice that was asked for")
	}
	return got.Invoice, nil
}

// paid is when the invoice was paid: its line tells, and where it does not, the
// invoice's last change.
func (i *invoice) paid() core.Time {
	at := i.latest()
	for _, f := range i.Fees {
		at = max(at, timeOf(f.Paid))
	}
	return at
}

// notes tells which credit notes were made; those that send no money back for a
// pack mean nothing.
func (s *sweeper) notes(ctx context.Context) (string, error) {
	return s.a.page(ctx, "/credit_notes", "credit_notes", url.Values{"external_customer_id": {s.customer}}, s.page, func(raw json.RawMessage, id string, t times) (bool, error) {
		if timeOf(t.Created) < s.since {
			return true, nil
		}
		e := adapters.Event{Type: "credit_note.created"}
		if err := refunded(&e, raw); err != nil || e.Kind != adapters.RefundEvent {
			return false, nil //nolint:nilerr // a note that cannot be read as one for a pack is none
		}
		return false, s.tell(e.Type, "credit_note", id, raw)
	})
}

var (
	_ adapters.Sweeper = (*Adapter)(nil)
)
