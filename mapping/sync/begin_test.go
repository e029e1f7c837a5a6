package sync

import (
	"context"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// TestBeginFails: an intent that could not be begun is not held until its lease
// ends, and nothing was asked of the vendor.
func TestBeginFails(t *testing.T) {
	v := newVendor()
	w := queued(t, v)
	w.must(w.w.Prepare(w.ctx))
	wall := core.Time(w.wall.Load())
	claim := func(at core.Time) []ledger.Claimed {
		t.Helper()
		items, err := w.led.Store().Claim(w.ctx, ledger.Outbox, w.led.Now(), at, 1, 30*time.Second)
		w.must(err)
		return items
	}
	items := claim(wall)
	if len(items) != 1 {
		t.Fatalf("%d items are due", len(items))
	}
	gone, cancel := context.WithCancel(w.ctx)
	cancel() // the ledger does not take the commit that begins the call
	w.w.work(gone, items[0])
	if calls, _ := v.count("grant"); calls != 0 {
		t.Errorf("%d calls were made", calls)
	}
	again := claim(wall.Add(time.Second))
	if len(again) != 1 || again[0].Intent.ID != items[0].Intent.ID || again[0].Intent.Tried {
		t.Fatalf("a second later there are %+v", again)
	}
	w.w.work(w.ctx, again[0])
	w.drain()
	w.state(w.only(adapters.GrantKind), ledger.Applied)
}
