package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
	"scrip/core/ledger"
)

var inboxCases = []testCase{
	{"every field of an event comes back", eventRoundTrip},
	{"a delivery that is there already stays one row", eventDedupe},
	{"claims take the oldest and lease them", eventClaims},
	{"a retry waits by the wall clock", eventRetry},
	{"settling needs the newest fence", eventFence},
	{"what is settled or parked is not claimed, until it waits again", eventStates},
	{"concurrent claims share no event", eventClaimRace},
	{"lists filter and resume", eventLists},
	{"an effect and its mark commit together", eventEffect},
	{"old bodies of settled events are emptied, the oldest first", eventForget},
}

// event is a delivery as it is first kept.
func (w *world) event(name string) *ledger.Event {
	w.serial++
	vendor := fmt.Sprintf("evt_%s_%d", name, w.serial)
	return &ledger.Event{
		ID: core.NewID(core.EventID, vendor, "inbox", "east/"+vendor, 0), Connection: "east", VendorID: vendor, Type: "invoice.paid",
		Body: []byte("{\"raw\": \"ü\x00\xff\"}"), Digest: "abc", Received: start, State: ledger.Waiting,
	}
}

// arrive keeps n events.
func (w *world) arrive(n int) []*ledger.Event {
	w.Helper()
	list := make([]*ledger.Event, n)
	for i := range list {
		list[i] = w.event("x")
		list[i].Received += core.Time(i) // what came at one instant has no order among partitions
		w.need(w.write(ledger.Changes{Events: list[i : i+1]}))
	}
	return list
}

// settleEvent writes back a claimed event under its fence.
func (w *world) settleEvent(e *ledger.Event, change func(*ledger.Event)) error {
	return w.store.Commit(w.ctx, &ledger.Batch{Events: []ledger.Lease{{ID: e.ID, Fence: e.Fence}}}, func(s *ledger.State) (*ledger.Changes, error) {
		now := *s.Events[e.ID]
		change(&now)
		return &ledger.Changes{Events: []*ledger.Event{&now}}, nil
	})
}

// readEvent reads an event, which must be there.
func (w *world) readEvent(id core.ID) *ledger.Event {
	w.Helper()
	e, err := w.reader.Queues.Event(w.ctx, id)
	w.need(err)
	if e == nil {
		w.Fatalf("event %s is not there", id)
	}
	return e
}

func eventRoundTrip(w *world) {
	e := w.event("full")
	e.Reason, e.Attempts, e.RetryAt, e.Settled, e.State = "because ü", 3, start+1, start+2, ledger.Ignored
	empty := w.event("empty")
	empty.Body, empty.Type, empty.Digest = []byte{}, "", ""
	w.need(w.write(ledger.Changes{Events: []*ledger.Event{e, empty}}))
	w.same("full", w.readEvent(e.ID), e)
	w.same("empty", w.readEvent(empty.ID), empty)
	if none, err := w.reader.Queues.Event(w.ctx, "inb_none"); err != nil || none != nil {
		w.Errorf("an event that never came is %v, %v", none, err)
	}
}

// eventDedupe is what the receiver does: it asks in the commit that stores.
func eventDedupe(w *world) {
	e := w.event("twice")
	received := 0
	deliver := func() error {
		return w.store.Commit(w.ctx, &ledger.Batch{Events: []ledger.Lease{{ID: e.ID}}}, func(s *ledger.State) (*ledger.Changes, error) {
			if s.Events[e.ID] != nil {
				return &ledger.Changes{}, nil
			}
			received++
			return &ledger.Changes{Events: []*ledger.Event{e}}, nil
		})
	}
	p := pool.New().WithErrors()
	for range 20 {
		p.Go(deliver)
	}
	w.need(p.Wait())
	claimed := w.claim(ledger.Inbox, start, start, 10)
	w.same("claimed", ids(claimed), sorted(e.ID))
	w.need(w.settleEvent(claimed[0].Event, func(e *ledger.Event) { e.State, e.Settled = ledger.Applied, start+1 }))
	w.need(deliver())
	w.same("state after a late delivery", w.readEvent(e.ID).State, ledger.Applied)
	list, err := w.reader.Queues.Events(w.ctx, ledger.QueueFilter{Limit: 10})
	w.need(err)
	w.same("rows", len(list), 1)
}

func eventClaims(w *world) {
	list := w.arrive(5)
	first := w.claim(ledger.Inbox, start, start, 2)
	w.same("the two oldest", ids(first), sorted(list[0].ID, list[1].ID))
	for _, c := range first {
		if c.Event != nil && c.Event.Fence != 1 {
			w.Errorf("the first claim has fence %d", c.Event.Fence)
		}
	}
	minute := core.Time(time.Minute.Microseconds())
	w.same("the next", ids(w.claim(ledger.Inbox, start, start+minute-1, 10)), sorted(list[2].ID, list[3].ID, list[4].ID))
	w.same("nothing is left", ids(w.claim(ledger.Inbox, start, start+minute-1, 10)), sorted())
	again := w.claim(ledger.Inbox, start, start+minute, 10)
	w.same("the first lease has ended", ids(again), sorted(list[0].ID, list[1].ID))
	for _, c := range again {
		if c.Event.Fence != 2 {
			w.Errorf("the second claim has fence %d", c.Event.Fence)
		}
		w.same("stored fence", w.readEvent(c.Event.ID).Fence, 2)
	}
}

func eventRetry(w *world) {
	w.arrive(1)
	claimed := w.claim(ledger.Inbox, start, start, 1)[0].Event
	w.need(w.settleEvent(claimed, func(e *ledger.Event) { e.Attempts, e.RetryAt, e.Reason = e.Attempts+1, start+hour, "not yet" }))
	w.same("before", ids(w.claim(ledger.Inbox, start+9*hour, start+hour-1, 10)), sorted())
	again := w.claim(ledger.Inbox, 0, start+hour, 10)
	w.same("after", ids(again), sorted(claimed.ID))
	if e := again[0].Event; e.Attempts != 1 || e.Reason != "not yet" || e.RetryAt != start+hour {
		w.Errorf("claimed %+v", e)
	}
}

func eventFence(w *world) {
	w.arrive(1)
	slow := w.claim(ledger.Inbox, start, start, 1)[0].Event
	quick := w.claim(ledger.Inbox, start, start+hour, 1)[0].Event
	apply := func(e *ledger.Event) { e.State, e.Reason = ledger.Applied, fmt.Sprint(e.Fence) }
	if err := w.settleEvent(slow, apply); !errors.Is(err, ledger.ErrFenced) {
		w.Errorf("the old claim settled: %v", err)
	}
	w.same("after the old claim", w.readEvent(slow.ID).State, ledger.Waiting)
	w.need(w.settleEvent(quick, apply))
	if err := w.settleEvent(slow, apply); !errors.Is(err, ledger.ErrFenced) {
		w.Errorf("the old claim settled afterwards: %v", err)
	}
	w.same("after the new claim", w.readEvent(slow.ID).Reason, "2")
	missing := &ledger.Event{ID: "inb_none", Fence: 1}
	if err := w.settleEvent(missing, apply); !errors.Is(err, ledger.ErrFenced) {
		w.Errorf("an event that does not exist was held: %v", err)
	}
	// A fence refusal leaves the rest of its commit undone.
	c := w.everything(ann)
	err := w.store.Commit(w.ctx, &ledger.Batch{Events: []ledger.Lease{{ID: slow.ID, Fence: 1}}}, func(*ledger.State) (*ledger.Changes, error) { return &c, nil })
	if a, _ := w.reader.Accounts.Account(w.ctx, ann); !errors.Is(err, ledger.ErrFenced) || a != nil {
		w.Errorf("the commit gave %v, the account is %v", err, a)
	}
}

func eventStates(w *world) {
	w.arrive(3)
	for i, c := range w.claim(ledger.Inbox, start, start, 3) {
		state := []ledger.QueueState{ledger.Applied, ledger.Ignored, ledger.Parked}[i]
		w.need(w.settleEvent(c.Event, func(e *ledger.Event) { e.State, e.Reason, e.Settled = state, "said so", start+1 }))
	}
	w.same("none waits", ids(w.claim(ledger.Inbox, start+hour, start+hour, 10)), sorted())
	parked, err := w.reader.Queues.Events(w.ctx, ledger.QueueFilter{State: ledger.Parked, Limit: 10})
	w.need(err)
	if len(parked) != 1 {
		w.Fatalf("%d events are parked", len(parked))
	}
	// A person lets it be tried again, without a claim.
	parked[0].Fence = 0
	w.need(w.settleEvent(&parked[0], func(e *ledger.Event) { e.State, e.RetryAt, e.Attempts = ledger.Waiting, 0, 0 }))
	again := w.claim(ledger.Inbox, start, start, 10)
	w.same("it waits", ids(again), sorted(parked[0].ID))
	w.same("fence", again[0].Event.Fence, 2)
	w.same("body", again[0].Event.Body, parked[0].Body)
}

func eventClaimRace(w *world) {
	list := w.arrive(40)
	p := pool.NewWithResults[[]ledger.Claimed]().WithErrors()
	for range 8 {
		p.Go(func() (mine []ledger.Claimed, err error) {
			for {
				items, err := w.store.Claim(w.ctx, ledger.Inbox, start, start, 3, time.Minute)
				if err != nil || len(items) == 0 {
					return mine, err
				}
				mine = append(mine, items...)
			}
		})
	}
	shares, err := p.Wait()
	w.need(err)
	want := []core.ID{}
	for _, e := range list {
		want = append(want, e.ID)
	}
	w.same("claimed by all", ids(slices.Concat(shares...)), sorted(want...))
}

func eventLists(w *world) {
	list := w.arrive(6)
	for i, e := range list {
		w.need(w.settleEvent(&ledger.Event{ID: e.ID}, func(e *ledger.Event) {
			if i%2 == 1 {
				e.State = ledger.Parked
			}
		}))
	}
	other := w.event("other")
	other.Connection, other.Received = "west", start+9
	w.need(w.write(ledger.Changes{Events: []*ledger.Event{other}}))
	page := func(f ledger.QueueFilter) []core.ID {
		w.Helper()
		events, err := w.reader.Queues.Events(w.ctx, f)
		w.need(err)
		got := []core.ID{}
		for _, e := range events {
			got = append(got, e.ID)
		}
		return got
	}
	w.same("all", page(ledger.QueueFilter{Limit: 100}), []core.ID{list[0].ID, list[1].ID, list[2].ID, list[3].ID, list[4].ID, list[5].ID, other.ID})
	w.same("parked", page(ledger.QueueFilter{State: ledger.Parked, Limit: 100}), []core.ID{list[1].ID, list[3].ID, list[5].ID})
	w.same("parked, page", page(ledger.QueueFilter{State: ledger.Parked, After: list[1].ID, Limit: 1}), []core.ID{list[3].ID})
	w.same("after one that is not in the filter", page(ledger.QueueFilter{State: ledger.Parked, After: list[2].ID, Limit: 9}), []core.ID{list[3].ID, list[5].ID})
	w.same("west", page(ledger.QueueFilter{Connection: "west", State: ledger.Waiting, Limit: 9}), []core.ID{other.ID})
	w.same("none", page(ledger.QueueFilter{Connection: "west", State: ledger.Parked, Limit: 9}), []core.ID{})
}

func eventEffect(w *world) {
	w.arrive(1)
	e := w.claim(ledger.Inbox, start, start, 1)[0].Event
	t := w.terms(ann, 10)
	apply := func(spoil bool) error {
		return w.store.Commit(w.ctx, &ledger.Batch{Accounts: []ledger.AccountKey{ann}, Events: []ledger.Lease{{ID: e.ID, Fence: e.Fence}}}, func(s *ledger.State) (*ledger.Changes, error) {
			a, done := accountIn(s, ann), *s.Events[e.ID]
			done.State = ledger.Applied
			if _, err := a.Issue(t, start); err != nil {
				return nil, err
			}
			c := &ledger.Changes{Accounts: []*core.Account{a}, Events: []*ledger.Event{&done}}
			if spoil {
				n := ledger.Natural{Key: "n", ID: t.ID}
				c.Naturals = []ledger.Natural{n, n}
			}
			return c, nil
		})
	}
	if err := apply(true); err == nil {
		w.Fatal("the spoilt commit succeeded")
	}
	a, err := w.reader.Accounts.Account(w.ctx, ann)
	if err != nil || a != nil || w.readEvent(e.ID).State != ledger.Waiting {
		w.Errorf("after a failure the account is %v (%v), the event %v", a, err, w.readEvent(e.ID).State)
	}
	w.need(apply(false))
	w.same("state", w.readEvent(e.ID).State, ledger.Applied)
	w.same("balance", w.account(ann).Balance(start).Posted, 10)
}
