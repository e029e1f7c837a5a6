package storetest

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
)

func compareText(a, b any) int { return strings.Compare(text(a), text(b)) }

func (p *pair) arrive(t *rapid.T) {
	vendor := fmt.Sprintf("evt_%d", rapid.IntRange(0, 9).Draw(t, "event"))
	p.serial++ // no two come at one instant: those have no order among partitions
	e := &ledger.Event{
		ID: core.NewID(core.EventID, vendor, "inbox", vendor, 0), Connection: rapid.SampledFrom(dumpConnections).Draw(t, "connection"), VendorID: vendor,
		Body: []byte(vendor), Received: p.now + core.Time(p.serial), State: ledger.Waiting,
	}
	_ = p.commit(t, ledger.Batch{Events: []ledger.Lease{{ID: e.ID}}}, func(s *ledger.State) (*ledger.Changes, error) {
		if s.Events[e.ID] != nil {
			return &ledger.Changes{}, nil
		}
		return &ledger.Changes{Events: []*ledger.Event{e}}, nil
	})
}

func (p *pair) sendIntent(t *rapid.T) {
	customer := drawKey.Draw(t, "account").Customer
	n := rapid.IntRange(0, 30).Draw(t, "intent")
	p.serial++
	i := &ledger.Intent{
		ID: core.NewID(core.IntentID, customer, "random", fmt.Sprint(n), 0), Connection: rapid.SampledFrom(dumpConnections).Draw(t, "connection"),
		Customer: customer, Body: fmt.Append(nil, p.now), Due: p.now + core.Time(rapid.IntRange(-2, 3).Draw(t, "due"))*hour,
		State: ledger.Waiting, Created: p.now + core.Time(p.serial),
	}
	_ = p.commit(t, ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
		return &ledger.Changes{Intents: []*ledger.Intent{i}}, nil
	})
}

// claim claims from both. Which of several due items a bounded claim takes is
// fixed, so the answers are equal as sets.
func (p *pair) claim(t *rapid.T) {
	queue := rapid.SampledFrom([]ledger.Queue{ledger.Inbox, ledger.Outbox}).Draw(t, "queue")
	n, wall := rapid.SampledFrom([]int{1, 100}).Draw(t, "n"), p.now+core.Time(rapid.IntRange(-1, 2).Draw(t, "wall"))*hour
	if queue == ledger.Outbox {
		n = 100 // intents due at one instant have no order among streams
	}
	want, _ := p.model.Claim(p.ctx, queue, p.now, wall, n, 90*time.Minute)
	got, err := p.store.Claim(p.ctx, queue, p.now, wall, n, 90*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if g, m := p.claimed(got), p.claimed(want); g != m {
		t.Fatalf("claimed from %s: the store gave\n%s, the model\n%s", queue, g, m)
	}
	for _, c := range want {
		if c.Event != nil {
			p.events = append(p.events, *c.Event)
		} else {
			p.intents = append(p.intents, *c.Intent)
		}
	}
}

// claimed writes claimed items down in the order of their ids.
func (p *pair) claimed(items []ledger.Claimed) string {
	var b strings.Builder
	for _, id := range ids(items) {
		for _, c := range items {
			if c.Event != nil && c.Event.ID == id || c.Intent != nil && c.Intent.ID == id {
				b.WriteString(text(c) + "\n")
			}
		}
	}
	return b.String()
}

// settle settles something that was claimed, by whatever fence it had then.
func (p *pair) settle(t *rapid.T) {
	state := rapid.SampledFrom([]ledger.QueueState{ledger.Applied, ledger.Ignored, ledger.Parked, ledger.Waiting}).Draw(t, "state")
	retry := p.now + core.Time(rapid.IntRange(-1, 2).Draw(t, "retry"))*hour
	if len(p.events) > 0 && (len(p.intents) == 0 || rapid.Bool().Draw(t, "inbox")) {
		e := rapid.SampledFrom(p.events).Draw(t, "event")
		_ = p.commit(t, ledger.Batch{Events: []ledger.Lease{{ID: e.ID, Fence: e.Fence}}}, func(s *ledger.State) (*ledger.Changes, error) {
			now := *s.Events[e.ID]
			now.State, now.RetryAt, now.Attempts, now.Reason, now.Type = state, retry, now.Attempts+1, string(state), "typed"
			return &ledger.Changes{Events: []*ledger.Event{&now}}, nil
		})
		return
	}
	if len(p.intents) == 0 {
		t.Skip("nothing was claimed")
	}
	i := rapid.SampledFrom(p.intents).Draw(t, "intent")
	keep := rapid.Bool().Draw(t, "keep the lease")
	_ = p.commit(t, ledger.Batch{Intents: []ledger.Lease{{ID: i.ID, Fence: i.Fence}}}, func(s *ledger.State) (*ledger.Changes, error) {
		now := *s.Intents[i.ID]
		now.State, now.RetryAt, now.Attempts, now.Tried, now.Leased = state, retry, now.Attempts+1, true, keep
		return &ledger.Changes{Settled: []*ledger.Intent{&now}}, nil
	})
}
