package webhooks

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/sourcegraph/conc/pool"

	"scrip/adapters"
	"scrip/core/ledger"
)

// A flood of valid deliveries: each is stored or told to come again, and what
// was acknowledged is there, once, also while the store fails now and then.
//
// WH-14.
func TestFlood(t *testing.T) {
	w := newWorld(t)
	const events, senders = 1000, 64
	var acknowledged, refused atomic.Int64
	taken := make([]atomic.Bool, events)
	flood := pool.New().WithMaxGoroutines(senders)
	for i := range events {
		flood.Go(func() {
			if i%200 == 0 {
				w.store.off.Store(i%400 == 0)
			}
			body := raw(wire{ID: fmt.Sprint("evt_", i), Type: "customer.updated", Kind: adapters.CustomerEvent, Object: fmt.Sprint("cus_", i)})
			for range 2 { // every event is sent twice
				switch rec := w.post("main", "good", body); {
				case rec.Code == http.StatusOK:
					acknowledged.Add(1)
					taken[i].Store(true)
				case rec.Code == http.StatusServiceUnavailable && rec.Header().Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("a delivery was answered %d %v", rec.Code, rec.Header())
				}
			}
		})
	}
	flood.Wait()
	w.store.off.Store(false)
	stored := map[string]int{}
	f := ledger.QueueFilter{Limit: 1000}
	for {
		list, err := w.led.Reader().Queues.Events(w.ctx, f)
		w.must(err)
		for _, e := range list {
			stored[e.VendorID]++
			f.After = e.ID
		}
		if len(list) < f.Limit {
			break
		}
	}
	for i := range taken {
		if n := stored[fmt.Sprint("evt_", i)]; taken[i].Load() && n != 1 || n > 1 {
			t.Errorf("event %d was acknowledged: %t, and is there %d times", i, taken[i].Load(), n)
		}
	}
	if acknowledged.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d were acknowledged and %d refused: the test shows nothing", acknowledged.Load(), refused.Load())
	}
	w.drain()
	if _, err := w.led.Reader().AuditAll(w.ctx, nil); err != nil {
		t.Error(err)
	}
}
