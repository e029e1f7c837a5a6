package storetest

import (
	"context"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
)

// eventForget empties what is old and settled, and nothing else.
func eventForget(w *world) {
	states := []ledger.QueueState{ledger.Applied, ledger.Waiting, ledger.Ignored, ledger.Parked, ledger.Applied, ledger.Applied}
	list := make([]*ledger.Event, len(states))
	for i, state := range states {
		list[i] = w.event("old")
		list[i].State, list[i].Received, list[i].Reason, list[i].Settled = state, start+core.Time(len(states)-i)*hour, "said so", start+9*hour
		w.need(w.write(ledger.Changes{Events: list[i : i+1]}))
	}
	forget := func(before core.Time, n, want int) {
		w.Helper()
		got, err := w.store.Forget(w.ctx, before, n)
		w.need(err)
		w.same("emptied", got, want)
	}
	kept := func(want ...bool) {
		w.Helper()
		for i, e := range list {
			expected := *e
			if !want[i] {
				expected.Body = []byte{}
			}
			w.same("event", w.readEvent(e.ID), &expected)
			w.same("forgotten", w.readEvent(e.ID).Forgotten(), !want[i])
		}
	}
	forget(start+hour, 10, 0) // the instant itself is not before
	kept(true, true, true, true, true, true)
	forget(start+6*hour, 2, 2)
	kept(true, true, true, true, false, false)
	forget(start+6*hour, 2, 1)
	kept(true, true, false, true, false, false)
	forget(core.Never, 0, 0)
	forget(core.Never, 10, 1)
	kept(false, true, false, true, false, false)
	forget(core.Never, 10, 0)
	// A delivery that comes again later does not bring a body back.
	again := *list[0]
	w.need(w.write(ledger.Changes{Events: []*ledger.Event{&again}}))
	kept(false, true, false, true, false, false)
	ended, cancel := context.WithCancel(w.ctx)
	cancel()
	if n, err := w.store.Forget(ended, core.Never, 10); err == nil || n != 0 {
		w.Errorf("an ended context emptied %d, %v", n, err)
	}
}

func (p *pair) forget(t *rapid.T) {
	before, n := p.now+core.Time(rapid.IntRange(-3, 1).Draw(t, "before"))*hour, rapid.IntRange(0, 3).Draw(t, "n")
	want, _ := p.model.Forget(p.ctx, before, n)
	if got, err := p.store.Forget(p.ctx, before, n); err != nil || got != want {
		t.Fatalf("the store emptied %d (%v), the model %d", got, err, want)
	}
}
