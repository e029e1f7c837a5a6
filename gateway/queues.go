package gateway

import (
	"context"
	"net/http"

	"scrip/core"
	"scrip/core/ledger"
)

type queueParams struct {
	State      string `query:"state" enum:"waiting,applied,ignored,parked"`
	Connection string `query:"connection"`
	Limit      string `query:"limit" doc:"1 to 1000, 100 when left out"`
	Cursor     string `query:"cursor" doc:"next_cursor of the page before"`
}

// EventView is what a vendor delivered, as the API answers it.
type EventView struct {
	ID         string  `json:"id"`
	Connection string  `json:"connection"`
	VendorID   string  `json:"vendor_id"`
	Type       string  `json:"type"`
	State      string  `json:"state" enum:"waiting,applied,ignored,parked"`
	Reason     string  `json:"reason" doc:"why it is ignored, parked or tried again"`
	Attempts   int     `json:"attempts"`
	Digest     string  `json:"digest" doc:"SHA-256 of the body, in hex"`
	ReceivedAt *string `json:"received_at" format:"date-time"`
	RetryAt    *string `json:"retry_at" format:"date-time" doc:"wall time before which it is not tried again"`
	SettledAt  *string `json:"settled_at" format:"date-time"`
}

type eventDetail struct {
	EventView
	Body string `json:"body" doc:"as it was delivered"`
}

// IntentView is what a vendor must hear, as the API answers it.
type IntentView struct {
	ID         string  `json:"id" doc:"also the idempotency key and the mark at the vendor"`
	Connection string  `json:"connection"`
	Customer   string  `json:"customer"`
	Kind       string  `json:"kind"`
	Ref        string  `json:"ref" doc:"what it is about"`
	State      string  `json:"state" enum:"waiting,applied,ignored,parked"`
	Reason     string  `json:"reason" doc:"why it is ignored, parked or tried again"`
	Attempts   int     `json:"attempts"`
	Tried      bool    `json:"tried" doc:"a call was begun: the vendor may have acted"`
	DueAt      *string `json:"due_at" format:"date-time"`
	RetryAt    *string `json:"retry_at" format:"date-time" doc:"wall time before which it is not tried again"`
	CreatedAt  *string `json:"created_at" format:"date-time"`
	SettledAt  *string `json:"settled_at" format:"date-time"`
}

type intentDetail struct {
	IntentView
	Body string `json:"body" doc:"JSON, fixed before the first call"`
}

type parkBody struct {
	Reason string `json:"reason,omitempty" doc:"for whoever looks next"`
}

func viewEvent(e *ledger.Event) EventView {
	return EventView{
		ID: string(e.ID), Connection: e.Connection, VendorID: e.VendorID, Type: e.Type, State: string(e.State), Reason: e.Reason,
		Attempts: e.Attempts, Digest: e.Digest, ReceivedAt: timeView(e.Received), RetryAt: timeView(e.RetryAt), SettledAt: timeView(e.Settled),
	}
}

func viewIntent(i *ledger.Intent) IntentView {
	return IntentView{
		ID: string(i.ID), Connection: i.Connection, Customer: i.Customer, Kind: i.Kind, Ref: i.Ref, State: string(i.State), Reason: i.Reason,
		Attempts: i.Attempts, Tried: i.Tried, DueAt: timeView(i.Due), RetryAt: timeView(i.RetryAt), CreatedAt: timeView(i.Created), SettledAt: timeView(i.Settled),
	}
}

func (p *queueParams) filter(kind, prefix string) (f ledger.QueueFilter, limit int, err error) {
	if limit, err = limitOf(p.Limit); err != nil {
		return f, 0, err
	}
	after, err := textAt(p.Cursor, kind)
	if err != nil {
		return f, 0, err
	}
	if after != "" && !core.ID(after).Valid(prefix) {
		return f, 0, core.InField(core.Errorf(core.CodeMalformed, "the cursor is not one that this list gave"), "cursor")
	}
	f = ledger.QueueFilter{State: ledger.QueueState(p.State), Connection: p.Connection, After: core.ID(after), Limit: limit + 1}
	switch f.State {
	case "", ledger.Waiting, ledger.Applied, ledger.Ignored, ledger.Parked:
		return f, limit, nil
	}
	return f, 0, core.InField(core.Errorf(core.CodeInvalid, "the state must be waiting, applied, ignored or parked"), "state")
}

func (g *gateway) mountQueues() {
	register(g, read, route{method: http.MethodGet, path: "/v1/inbox", id: "list-inbox", summary: "List what vendors delivered", tag: "queues"}, g.inbox)
	register(g, read, route{method: http.MethodGet, path: "/v1/inbox/{id}", id: "get-inbox", summary: "Read a delivery with its body", tag: "queues"},
		func(ctx context.Context, p *idParam, _ *none) (*answer[eventDetail], error) {
			e, err := g.event(ctx, p.ID)
			if err != nil {
				return nil, err
			}
			return ok(eventDetail{viewEvent(e), string(e.Body)})
		})
	register(g, write, route{method: http.MethodPost, path: "/v1/inbox/{id}/replay", id: "replay-inbox", summary: "Apply a delivery again; what was applied is not applied twice", tag: "queues", empty: true},
		func(ctx context.Context, p *idParam, _ *emptyBody) (*answer[EventView], error) {
			e, err := g.event(ctx, p.ID)
			if err == nil {
				err = g.Ledger.ReplayEvent(ctx, e.ID)
			}
			if err == nil {
				e, err = g.event(ctx, p.ID)
			}
			if err != nil {
				return nil, err
			}
			return ok(viewEvent(e))
		})
	register(g, read, route{method: http.MethodGet, path: "/v1/outbox", id: "list-outbox", summary: "List what vendors must hear", tag: "queues"}, g.outbox)
	register(g, read, route{method: http.MethodGet, path: "/v1/outbox/{id}", id: "get-outbox", summary: "Read an intent with its body", tag: "queues"},
		func(ctx context.Context, p *idParam, _ *none) (*answer[intentDetail], error) {
			i, err := g.intent(ctx, p.ID)
			if err != nil {
				return nil, err
			}
			return ok(intentDetail{viewIntent(i), string(i.Body)})
		})
	register(g, write, route{method: http.MethodPost, path: "/v1/outbox/{id}/retry", id: "retry-outbox", summary: "Try an intent again", tag: "queues", empty: true},
		func(ctx context.Context, p *idParam, _ *emptyBody) (*answer[IntentView], error) {
			return g.onIntent(ctx, p.ID, g.Ledger.RetryIntent)
		})
	register(g, write, route{method: http.MethodPost, path: "/v1/outbox/{id}/park", id: "park-outbox", summary: "Take an intent out of the queue until it is retried", tag: "queues", empty: true},
		func(ctx context.Context, p *idParam, b *parkBody) (*answer[IntentView], error) {
			if err := checkText(b.Reason, 500, "reason"); err != nil {
				return nil, err
			}
			reason := b.Reason
			if reason == "" {
				reason = "parked by hand"
			}
			return g.onIntent(ctx, p.ID, func(ctx context.Context, id core.ID) error { return g.Ledger.ParkIntent(ctx, id, reason) })
		})
}

func (g *gateway) event(ctx context.Context, text string) (*ledger.Event, error) {
	id, err := checkID(text, core.EventID, "delivery")
	if err != nil {
		return nil, err
	}
	e, err := g.Ledger.Reader().Queues.Event(ctx, id)
	if err == nil && e == nil {
		err = core.Errorf(core.CodeNotFound, "there is no such delivery")
	}
	return e, readFault(err)
}

func (g *gateway) intent(ctx context.Context, text string) (*ledger.Intent, error) {
	id, err := checkID(text, core.IntentID, "intent")
	if err != nil {
		return nil, err
	}
	i, err := g.Ledger.Reader().Queues.Intent(ctx, id)
	if err == nil && i == nil {
		err = core.Errorf(core.CodeNotFound, "there is no such intent")
	}
	return i, readFault(err)
}

// onIntent does something to an intent and answers with what it is now.
func (g *gateway) onIntent(ctx context.Context, text string, do func(context.Context, core.ID) error) (*answer[IntentView], error) {
	i, err := g.intent(ctx, text)
	if err == nil {
		err = do(ctx, i.ID)
	}
	if err == nil {
		i, err = g.intent(ctx, text)
	}
	if err != nil {
		return nil, err
	}
	return ok(viewIntent(i))
}

func (g *gateway) inbox(ctx context.Context, p *queueParams, _ *none) (*answer[list[EventView]], error) {
	f, limit, err := p.filter("inbox", core.EventID)
	if err != nil {
		return nil, err
	}
	items, err := g.Ledger.Reader().Queues.Events(ctx, f)
	if err != nil {
		return nil, readFault(err)
	}
	return ok(pageOf(items, limit, viewEvent, func(e *ledger.Event) *string { return cursorOf("inbox", string(e.ID)) }))
}

func (g *gateway) outbox(ctx context.Context, p *queueParams, _ *none) (*answer[list[IntentView]], error) {
	f, limit, err := p.filter("outbox", core.IntentID)
	if err != nil {
		return nil, err
	}
	items, err := g.Ledger.Reader().Queues.Intents(ctx, f)
	if err != nil {
		return nil, readFault(err)
	}
	return ok(pageOf(items, limit, viewIntent, func(i *ledger.Intent) *string { return cursorOf("outbox", string(i.ID)) }))
}
