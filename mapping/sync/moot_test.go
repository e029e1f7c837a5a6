package sync

import (
	"context"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// TestWindowOfALeftConnection: an account leaves while a window is open, and
// the connection goes from the config before the window would have closed. Its
// order asks for nothing any more; that of a window which is open waits.
func TestWindowOfALeftConnection(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		v := newVendor()
		w := newWorld(t, one(v))
		w.customer("acme", "Acme")
		w.grant("acme", 1000_00)
		w.debit("acme", 250_00)
		w.drain()
		if leaves {
			w.move((*core.Account).Leave, (*mapping.Outward).Withdraw)
		}
		told := v.calls["consume"]
		delete(w.w.conns, "main")
		w.advance(time.Minute)
		want, code := ledger.Ignored, core.Code("")
		if !leaves {
			want, code = ledger.Waiting, core.CodeUnavailable
		}
		err := w.w.Drain(context.Background())
		if err == nil && !leaves || err != nil && core.CodeOf(err) != code {
			t.Errorf("leaves %v: drained with %v", leaves, err)
		}
		var last ledger.Intent
		for _, i := range w.intents(adapters.ConsumeKind) {
			if body, err := mapping.DecodeBody(i.Body); err == nil && body.Consume != nil && body.Consume.Early == nil {
				last = i
			}
		}
		w.state(last, want)
		if got := v.calls["consume"]; got != told {
			t.Errorf("leaves %v: %d calls tell consumption, want %d", leaves, got, told)
		}
	}
}
