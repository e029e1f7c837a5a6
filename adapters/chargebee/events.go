package chargebee

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Events lists events since a time, oldest first, as webhooks carry them.
func (a *Adapter) Events(ctx context.Context, since core.Time, p adapters.Page) (adapters.Listing[[]byte], error) {
	q := pageOf(p)
	q.Set("occurred_at[after]", strconv.FormatInt(max(earliest, unix(since)-1), 10))
	q.Set("sort_by[asc]", "occurred_at")
	items, next, err := list[json.RawMessage](ctx, a, "/events", "event", q)
	out := adapters.Listing[[]byte]{Next: next}
	for _, raw := range items {
		out.Items = append(out.Items, raw)
	}
	return out, err
}

// Confirm reads an event back from the vendor, since nothing proves the content
// of a delivery. What the vendor says happened is what counts, whatever the
// delivery said; a payment is read as well, and proves nothing once it is no
// success any more.
func (a *Adapter) Confirm(ctx context.Context, e adapters.Event) (adapters.Event, error) {
	var got struct {
		Event json.RawMessage `json:"event"`
	}
	if err := a.api.Get(ctx, rest.Path("events", e.ID), nil, &got); err != nil {
		return adapters.Event{}, err
	}
	read, err := a.Normalise(got.Event)
	if err != nil || read.ID != e.ID {
		return adapters.Event{}, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the event that was asked for")
	}
	read.Hint = false
	if read.Kind != adapters.PaymentEvent && read.Kind != adapters.RenewalEvent || len(read.Related) == 0 {
		return read, nil
	}
	var paid struct {
		Transaction transactionObject `json:"transaction"`
	}
	if err := a.api.Get(ctx, rest.Path("transactions", read.Related[0]), url.Values{}, &paid); err != nil {
		return adapters.Event{}, err
	}
	if t := paid.Transaction; t.ID != read.Related[0] || t.Type != "payment" || t.Status != "success" {
		read.Reason = "the vendor calls the payment no success any more"
		if read.Payment != nil {
			read.Payment.Settled = false
		}
		if read.Renewal != nil {
			read.Renewal.Settled = false
		}
	}
	return read, nil
}

var (
	_ adapters.EventLister = (*Adapter)(nil)
	_ adapters.Confirmer   = (*Adapter)(nil)
)
