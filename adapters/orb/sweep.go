package orb

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// The types of events that a sweep tells.
const (
	customerCreated   = "customer.created"
	ledgerIncremented = "customer.credit_ledger_incremented"
)

// Sweep reads the objects that lost events were about, since Orb lists no
// events: the customers that were created, or with a customer the increments
// of its ledgers, unit by unit, which make credit blocks. These are the events
// of Orb's that mean anything here and that leave an object with a date:
// invoices are for no purchase of ours, and an object does not tell when it
// was edited, which is for a comparison to find. An increment that waits for
// its payment has not been told by Orb, so it is left out; its date stays that
// of its creation, so that one paid only long afterwards is for a comparison,
// too. Source: Orb's OpenAPI document, GET /customers and GET
// /customers/{customer_id}/credits/ledger, both newest first and by created_at.
//
// The mark of a customer is that of the last order of ours that wrote its
// metadata; that of a block never changes.
func (a *Adapter) Sweep(ctx context.Context, since core.Time, customer string, p adapters.Page) (adapters.Listing[[]byte], error) {
	since -= since % second // Orb's own times are whole seconds
	q := url.Values{"created_at[gte]": {instant(since)}, "limit": {strconv.Itoa(limit(p))}}
	if customer == "" {
		return a.sweepCustomers(ctx, since, q, p.Cursor)
	}
	return a.sweepLedgers(ctx, since, customer, q, p.Cursor)
}

// second is one second of the core's time.
const second = core.Time(time.Second / time.Microsecond)

// sweptBody is an event as a sweep writes it.
type sweptBody struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Created    time.Time       `json:"created_at"`
	Customer   json.RawMessage `json:"customer"`
	Properties any             `json:"properties"`
}

// swept writes an event: its id names the fact, so it is the same each time.
func swept(kind, object string, created *time.Time, customer json.RawMessage, properties any) ([]byte, error) {
	if object == "" || created == nil || created.Unix() <= 0 {
		return nil, adapters.Errorf(adapters.CodeBadAnswer, "a listed object has no id or no date of creation")
	}
	return json.Marshal(sweptBody{"sweep/" + kind + "/" + object, kind, created.UTC(), customer, properties})
}

func (a *Adapter) sweepCustomers(ctx context.Context, since core.Time, q url.Values, cursor string) (adapters.Listing[[]byte], error) {
	var out adapters.Listing[[]byte]
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	got, err := list[json.RawMessage](ctx, a, "/customers", q)
	if err != nil {
		return out, err
	}
	for _, raw := range got.Data {
		var c struct {
			ID      string     `json:"id"`
			Created *time.Time `json:"created_at"`
		}
		if json.Unmarshal(raw, &c) != nil {
			return out, adapters.Errorf(adapters.CodeBadAnswer, "a listed customer cannot be read")
		}
		body, err := swept(customerCreated, c.ID, c.Created, raw, struct{}{})
		if err != nil {
			return out, err
		}
		if core.TimeOf(*c.Created) >= since { // the filter is the vendor's to keep
			out.Items = append(out.Items, body)
		}
	}
	out.Next = got.next
	return out, nil
}

// increment is an entry that made a block.
type increment struct {
	entry
	Created  *time.Time      `json:"created_at"`
	Status   string          `json:"entry_status"`
	Customer json.RawMessage `json:"customer"`
}

// sweepLedgers reads one page of one unit's ledger. A cursor is the unit's
// place among those that are read, and Orb's own cursor.
func (a *Adapter) sweepLedgers(ctx context.Context, since core.Time, customer string, q url.Values, cursor string) (adapters.Listing[[]byte], error) {
	var out adapters.Listing[[]byte]
	place, next, _ := strings.Cut(cursor, ":")
	at := 0
	if cursor != "" {
		var err error
		if at, err = strconv.Atoi(place); err != nil || at < 0 || at >= len(a.units) {
			return out, adapters.Errorf(adapters.CodeInvalid, "the cursor is not one of this list")
		}
	}
	q.Set("entry_type", "increment")
	if next != "" {
		q.Set("cursor", next)
	}
	got, err := listIn[increment](ctx, a, customer, a.units[at], ofEntries, q)
	if err != nil {
		return out, err
	}
	for i := range got.Data {
		e := &got.Data[i]
		if e.Type != "increment" || e.Status == "pending" {
			continue
		}
		body, err := e.body(customer)
		if err != nil {
			return out, err
		}
		if core.TimeOf(*e.Created) >= since {
			out.Items = append(out.Items, body)
		}
	}
	switch {
	case got.next != "":
		out.Next = strconv.Itoa(at) + ":" + got.next
	case at+1 < len(a.units):
		out.Next = strconv.Itoa(at+1) + ":"
	}
	return out, nil
}

// body writes the increment as its event: the entry has the metadata that its
// block was made with.
func (e *increment) body(customer string) ([]byte, error) {
	var owner struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(e.Customer, &owner) != nil || owner.ID != customer {
		return nil, adapters.Errorf(adapters.CodeBadAnswer, "a listed entry is not of the customer that was asked for")
	}
	type made struct {
		ID       string       `json:"id"`
		Balance  rest.Decimal `json:"balance"`
		Metadata meta         `json:"metadata"`
	}
	return swept(ledgerIncremented, e.Block.ID, e.Created, e.Customer, struct {
		Block made `json:"block"`
	}{made{e.Block.ID, e.Amount, e.Metadata}})
}

var _ adapters.Sweeper = (*Adapter)(nil)
