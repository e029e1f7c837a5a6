package webhooks

import (
	"sync"
	"time"

	"scrip/core/ledger"
)

// Refused is what [Options].Observe is told of a delivery to a connection that
// was not authentic; such a delivery is not stored.
const Refused ledger.QueueState = "refused"

// refusedEvery is how often refusals at one connection are written to the log.
const refusedEvery = time.Minute

// refusals tell of deliveries that were refused: anybody may send some, but a
// wrong secret, or a clock that is off, refuses all.
type refusals struct {
	o Options

	mu    sync.Mutex
	next  map[string]time.Time // by connection, on the monotonic clock
	count map[string]int
}

func newRefusals(o Options) *refusals {
	return &refusals{o: o, next: map[string]time.Time{}, count: map[string]int{}}
}

func (f *refusals) see(connection string) {
	f.o.Observe(connection, Refused)
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[connection]++
	if now.Before(f.next[connection]) {
		return
	}
	f.o.Log.Warn("deliveries are refused: they are not signed with a secret of the connection's, or too long ago by this machine's clock",
		"connection", connection, "refused", f.count[connection], "clock", f.o.Wall().UTC().Format(time.RFC3339))
	f.next[connection], f.count[connection] = now.Add(refusedEvery), 0
}
