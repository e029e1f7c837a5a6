package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
	"scrip/core/ledger"
)

var outboxCases = []testCase{
	{"every field of an intent comes back", intentRoundTrip},
	{"an equal id is kept as it was first", intentDedupe},
	{"the id of another customer's intent fails the commit", intentClash},
	{"one customer at one connection is one stream", intentStreams},
	{"a stream follows the due time, then the order of arrival", intentOrder},
	{"a parked head stops its stream alone", intentParked},
	{"intents become due by business time", intentDue},
	{"leases and retries follow the wall clock", intentWall},
	{"settling needs the newest fence", intentFence},
	{"settling may keep the lease", intentLeased},
	{"concurrent claims share no intent and keep every stream's order", intentClaimRace},
	{"lists filter and resume", intentLists},
	{"a customer's are listed apart", intentsOf},
	{"statistics count by queue and connection", queueStats},
}

// intent waits to be told to a connection from due on.
func (w *world) intent(connection, customer string, due core.Time) *ledger.Intent {
	return &ledger.Intent{
		ID: w.id(core.IntentID, customer), Connection: connection, Customer: customer, Kind: "grant", Ref: "grn_1",
		Body: []byte(`{"amount":"1.00"}`), Due: due, State: ledger.Waiting, Created: start,
	}
}

// send stores intents.
func (w *world) send(list ...*ledger.Intent) {
	w.Helper()
	w.need(w.write(ledger.Changes{Intents: list}))
}

// settle writes back an intent under its fence.
func (w *world) settle(i *ledger.Intent, change func(*ledger.Intent)) error {
	return w.store.Commit(w.ctx, &ledger.Batch{Intents: []ledger.Lease{{ID: i.ID, Fence: i.Fence}}}, func(s *ledger.State) (*ledger.Changes, error) {
		now := *s.Intents[i.ID]
		change(&now)
		return &ledger.Changes{Settled: []*ledger.Intent{&now}}, nil
	})
}

func applied(i *ledger.Intent) { i.State, i.Settled = ledger.Applied, start+1 }
func parked(i *ledger.Intent)  { i.State, i.Reason = ledger.Parked, "refused" }

// intentClash: an order that was dropped for its id would never be told.
func intentClash(w *world) {
	first := w.intent("east", "ann", start)
	w.send(first)
	for name, change := range map[string]func(*ledger.Intent){
		"customer":   func(i *ledger.Intent) { i.Customer = "bob" },
		"connection": func(i *ledger.Intent) { i.Connection = "west" },
		"kind":       func(i *ledger.Intent) { i.Kind = "consume" },
	} {
		other := *first
		change(&other)
		if err := w.write(ledger.Changes{Intents: []*ledger.Intent{&other}}); err == nil {
			w.Errorf("an intent of another %s took the id", name)
		}
	}
	w.same("the first", w.readIntent(first.ID), first)
}

func (w *world) readIntent(id core.ID) *ledger.Intent {
	w.Helper()
	i, err := w.reader.Queues.Intent(w.ctx, id)
	w.need(err)
	if i == nil {
		w.Fatalf("intent %s is not there", id)
	}
	return i
}

func intentRoundTrip(w *world) {
	i := w.intent("east", "ann", start+hour)
	i.Kind, i.Ref, i.Body, i.Due = "purchase", "pur_ü", []byte{0, 255}, core.Never
	w.send(i)
	w.same("new", w.readIntent(i.ID), i)
	i.Body, i.Due, i.State, i.Reason, i.Attempts = []byte("{}"), start+2*hour, ledger.Parked, "why ü", 9
	i.RetryAt, i.Settled, i.Tried = start+3*hour, start+4*hour, true
	w.need(w.settle(i, func(now *ledger.Intent) { *now = *i }))
	w.same("settled", w.readIntent(i.ID), i)
	if none, err := w.reader.Queues.Intent(w.ctx, "int_none"); err != nil || none != nil {
		w.Errorf("an intent that was never sent is %v, %v", none, err)
	}
}

func intentDedupe(w *world) {
	i := w.intent("east", "ann", start)
	again := *i
	again.Body, again.Due = []byte("other"), start+hour
	w.send(i)
	w.send(&again, w.intent("east", "bob", start))
	w.same("as first", w.readIntent(i.ID), i)
	list, err := w.reader.Queues.Intents(w.ctx, ledger.QueueFilter{Limit: 10})
	w.need(err)
	w.same("rows", len(list), 2)
	claimed := w.claim(ledger.Outbox, start, start, 10)
	w.same("claimed", len(claimed), 2)
	w.need(w.settle(i, func(n *ledger.Intent) { applied(n) }))
	w.send(&again)
	w.same("state", w.readIntent(i.ID).State, ledger.Applied)
}

func intentStreams(w *world) {
	var list []*ledger.Intent
	for _, stream := range [][2]string{{"east", "ann"}, {"east", "ann"}, {"west", "ann"}, {"east", "bob"}, {"west", "ann"}} {
		list = append(list, w.intent(stream[0], stream[1], start))
	}
	w.send(list...)
	first := w.claim(ledger.Outbox, start, start, 10)
	w.same("heads", ids(first), sorted(list[0].ID, list[2].ID, list[3].ID))
	w.same("none while they are leased", ids(w.claim(ledger.Outbox, start, start, 10)), sorted())
	for _, c := range first {
		if c.Intent.ID == list[0].ID {
			w.need(w.settle(c.Intent, applied))
		}
	}
	w.same("the next of the settled stream", ids(w.claim(ledger.Outbox, start, start, 10)), sorted(list[1].ID))
}

func intentOrder(w *world) {
	late, early, tie := w.intent("east", "ann", start+2), w.intent("east", "ann", start+1), w.intent("east", "ann", start+2)
	w.send(late)
	w.send(early)
	w.send(tie)
	for _, want := range []*ledger.Intent{early, late, tie} {
		got := w.claim(ledger.Outbox, start+hour, start, 10)
		w.same("head", ids(got), sorted(want.ID))
		w.need(w.settle(got[0].Intent, applied))
	}
	first, second := w.intent("east", "bob", start), w.intent("east", "cat", start-1)
	w.send(first, second)
	w.same("one of two streams is the one due first", ids(w.claim(ledger.Outbox, start, start, 1)), sorted(second.ID))
}

func intentParked(w *world) {
	head, behind, other := w.intent("east", "ann", start), w.intent("east", "ann", start), w.intent("west", "ann", start)
	w.send(head, behind, other)
	for _, c := range w.claim(ledger.Outbox, start, start, 10) {
		if c.Intent.ID == head.ID {
			w.need(w.settle(c.Intent, parked))
		}
	}
	w.same("the stream stands", ids(w.claim(ledger.Outbox, start+hour, start+hour, 10)), sorted(other.ID))
	w.need(w.settle(&ledger.Intent{ID: head.ID}, func(i *ledger.Intent) { i.State, i.Reason = ledger.Ignored, "given up" }))
	w.same("it goes on", ids(w.claim(ledger.Outbox, start+hour, start+hour, 10)), sorted(behind.ID))
}

func intentDue(w *world) {
	open, next := w.intent("east", "ann", start+hour), w.intent("east", "ann", start+2*hour)
	w.send(open, next)
	w.same("not yet", ids(w.claim(ledger.Outbox, start+hour-1, start+9*hour, 10)), sorted())
	got := w.claim(ledger.Outbox, start+hour, 1, 10)
	w.same("due, whatever the wall says", ids(got), sorted(open.ID))
	w.need(w.settle(got[0].Intent, applied))
	w.same("its follower is not", ids(w.claim(ledger.Outbox, start+2*hour-1, start+9*hour, 10)), sorted())
	w.same("and then is", ids(w.claim(ledger.Outbox, start+2*hour, start+9*hour, 10)), sorted(next.ID))
}

func intentWall(w *world) {
	head, behind := w.intent("east", "ann", start), w.intent("east", "ann", start)
	w.send(head, behind)
	claimed := w.claim(ledger.Outbox, start, start, 1)[0].Intent
	w.need(w.settle(claimed, func(i *ledger.Intent) { i.Attempts, i.RetryAt, i.Tried = 1, start+hour, true }))
	w.same("neither it nor what is behind", ids(w.claim(ledger.Outbox, start+9*hour, start+hour-1, 10)), sorted())
	again := w.claim(ledger.Outbox, start, start+hour, 10)
	w.same("again", ids(again), sorted(head.ID))
	if i := again[0].Intent; i.Fence != 2 || i.Attempts != 1 || !i.Tried {
		w.Errorf("claimed %+v", i)
	}
	minute := core.Time(time.Minute.Microseconds())
	w.same("leased", ids(w.claim(ledger.Outbox, start+9*hour, start+hour+minute-1, 10)), sorted())
	w.same("the lease has ended", ids(w.claim(ledger.Outbox, start, start+hour+minute, 10)), sorted(head.ID))
}

func intentFence(w *world) {
	i := w.intent("east", "ann", start)
	w.send(i)
	slow := w.claim(ledger.Outbox, start, start, 1)[0].Intent
	quick := w.claim(ledger.Outbox, start, start+hour, 1)[0].Intent
	if slow.Fence != 1 || quick.Fence != 2 {
		w.Errorf("fences %d, %d", slow.Fence, quick.Fence)
	}
	if err := w.settle(slow, applied); !errors.Is(err, ledger.ErrFenced) {
		w.Errorf("the old claim settled: %v", err)
	}
	w.same("state", w.readIntent(i.ID).State, ledger.Waiting)
	w.need(w.settle(quick, applied))
	if err := w.settle(&ledger.Intent{ID: "int_none", Fence: 1}, applied); !errors.Is(err, ledger.ErrFenced) {
		w.Errorf("an intent that does not exist was held: %v", err)
	}
}

func intentLeased(w *world) {
	i := w.intent("east", "ann", start)
	w.send(i)
	claimed := w.claim(ledger.Outbox, start, start, 1)[0].Intent
	w.need(w.settle(claimed, func(i *ledger.Intent) { i.Body, i.Tried, i.Leased = []byte("fixed"), true, true }))
	w.same("still leased", ids(w.claim(ledger.Outbox, start, start, 1)), sorted())
	w.need(w.settle(claimed, func(i *ledger.Intent) { i.Attempts++; i.Leased = false }))
	again := w.claim(ledger.Outbox, start, start, 1)
	w.same("given back", ids(again), sorted(i.ID))
	if c := again[0].Intent; string(c.Body) != "fixed" || !c.Tried || c.Attempts != 1 || c.Leased {
		w.Errorf("claimed %+v", c)
	}
}

// intentClaimRace lets workers carry out streams and checks that each stream
// was told in its order.
func intentClaimRace(w *world) {
	customers, each := []string{"ann", "bob", "cat", "dan"}, 6
	want := map[string]string{}
	for n := range each {
		for _, customer := range customers {
			i := w.intent("east", customer, start)
			i.Ref = fmt.Sprint(n)
			w.send(i)
			want[customer] += i.Ref
		}
	}
	type told struct{ customer, ref string }
	heard := make(chan told, len(customers)*each)
	p := pool.New().WithErrors().WithContext(w.ctx).WithCancelOnError()
	for range 5 {
		p.Go(func(ctx context.Context) error {
			// A worker may find every stream taken and must look again; all
			// the work together is bounded.
			for len(heard) < cap(heard) && ctx.Err() == nil {
				items, err := w.store.Claim(w.ctx, ledger.Outbox, start, start, 2, time.Minute)
				if err != nil {
					return err
				}
				for _, c := range items {
					heard <- told{c.Intent.Customer, c.Intent.Ref}
					if err := w.settle(c.Intent, applied); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	w.need(p.Wait())
	close(heard)
	got := map[string]string{}
	for h := range heard {
		got[h.customer] += h.ref
	}
	w.same("told", got, want)
}

func intentLists(w *world) {
	var list []*ledger.Intent
	for n := range 6 {
		list = append(list, w.intent([]string{"east", "west"}[n%2], "ann", start))
	}
	w.send(list...)
	w.need(w.settle(list[2], parked))
	w.need(w.settle(list[4], parked))
	page := func(f ledger.QueueFilter) []core.ID {
		w.Helper()
		intents, err := w.reader.Queues.Intents(w.ctx, f)
		w.need(err)
		got := []core.ID{}
		for _, i := range intents {
			got = append(got, i.ID)
		}
		return got
	}
	w.same("first page", page(ledger.QueueFilter{Limit: 2}), []core.ID{list[0].ID, list[1].ID})
	w.same("next page", page(ledger.QueueFilter{Limit: 9, After: list[1].ID}), []core.ID{list[2].ID, list[3].ID, list[4].ID, list[5].ID})
	w.same("parked", page(ledger.QueueFilter{State: ledger.Parked, Connection: "east", Limit: 9}), []core.ID{list[2].ID, list[4].ID})
	w.same("west", page(ledger.QueueFilter{Connection: "west", After: list[1].ID, Limit: 9}), []core.ID{list[3].ID, list[5].ID})
}

func queueStats(w *world) {
	events := w.arrive(3)
	west := w.event("west")
	west.Connection, west.Received = "west", start+7
	w.need(w.write(ledger.Changes{Events: []*ledger.Event{west}}))
	w.need(w.settleEvent(&ledger.Event{ID: events[0].ID}, func(e *ledger.Event) { e.State = ledger.Parked }))
	w.need(w.settleEvent(&ledger.Event{ID: events[1].ID}, func(e *ledger.Event) { e.State = ledger.Applied }))
	due, open, later, done, stuck := w.intent("east", "ann", start), w.intent("east", "ann", start+hour), w.intent("east", "ann", start+2*hour),
		w.intent("south", "ann", start), w.intent("east", "bob", start+9*hour)
	due.Created, open.Created = start-5, start-9
	w.send(due, open, later, done, stuck)
	w.need(w.settle(done, applied))
	w.need(w.settle(stuck, parked))
	list, err := w.reader.Queues.Stats(w.ctx, start)
	w.need(err)
	slices.SortFunc(list, func(a, b ledger.QueueStats) int {
		return strings.Compare(string(a.Queue)+a.Connection, string(b.Queue)+b.Connection)
	})
	w.same("statistics", list, []ledger.QueueStats{
		{Connection: "east", Queue: ledger.Inbox, Waiting: 1, Parked: 1, Oldest: start + 2, NextDue: core.Never},
		{Connection: "west", Queue: ledger.Inbox, Waiting: 1, Oldest: start + 7, NextDue: core.Never},
		{Connection: "east", Queue: ledger.Outbox, Waiting: 1, Open: 2, Parked: 1, Oldest: start - 5, NextDue: start + hour},
	})
	list, err = w.reader.Queues.Stats(w.ctx, start+hour)
	w.need(err)
	for _, s := range list {
		if s.Queue == ledger.Outbox && (s.Waiting != 2 || s.Open != 1 || s.Oldest != start-9 || s.NextDue != start+2*hour) {
			w.Errorf("an hour later: %+v", s)
		}
	}
}
