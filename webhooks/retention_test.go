package webhooks

import (
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// TestForgottenBodies: an event whose body was emptied when it was old cannot
// be replayed, which is said; its effect stays, and a delivery that comes once
// more is still known.
func TestForgottenBodies(t *testing.T) {
	const age = 400 * 24 * time.Hour
	w := newWorld(t)
	p := w.buy("buy")
	w.deliver(paid("evt_1", p))
	w.post("main", "good", []byte("not json"))
	w.drain()
	forget := func(want int) {
		t.Helper()
		n, err := w.led.ForgetRaw(w.ctx, age, 10)
		if err != nil || n != want {
			t.Fatalf("emptied %d, %v, want %d", n, err, want)
		}
	}
	w.nowTime.Add(age.Microseconds())
	forget(0) // exactly as old is not older
	w.nowTime.Add(1)
	forget(1)
	forget(0)
	applied, parked := w.events()[0], w.events()[1]
	if !applied.Forgotten() || applied.State != ledger.Applied || len(applied.Digest) != 64 || parked.Forgotten() || string(parked.Body) != "not json" {
		t.Fatalf("the events are %+v and %+v", applied, parked)
	}
	err := w.led.ReplayEvent(w.ctx, applied.ID)
	if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(err.Error(), "cannot be replayed") || !strings.Contains(err.Error(), "retention.raw") {
		t.Errorf("a replay gave %v", err)
	}
	if e := w.events()[0]; e.State != ledger.Applied || e.Reason != applied.Reason {
		t.Errorf("a refused replay left %+v", e)
	}
	w.must(w.led.ReplayEvent(w.ctx, parked.ID))
	w.deliver(paid("evt_1", p))
	w.drain()
	if list := w.events(); len(list) != 2 || len(list[0].Body) != 0 || w.balance() != 1000_00 {
		t.Errorf("after another delivery there are %d events, balance %d", len(list), w.balance())
	}
}

// A delivery of nothing at all was never emptied.
func TestForgottenIsNotEmpty(t *testing.T) {
	w := newWorld(t)
	w.post("main", "good", nil)
	if e := w.last(); e.Forgotten() || len(e.Body) != 0 {
		t.Errorf("an empty delivery is %+v", e)
	}
}
