package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

const (
	// recoverEvery is how often lost events are looked for by default.
	recoverEvery = time.Hour
	// recoverRetry is when a search that failed is taken up again.
	recoverRetry = time.Minute
	// overlap is how far a search reaches back before the end of the last one,
	// beside the vendor's lag of reads: clocks differ, and events take time.
	overlap = core.Time(10 * time.Minute / time.Microsecond)
	// underWay is how young an event may be for its delivery to be under way:
	// it is not lost yet, and left for the next search.
	underWay = core.Time(5 * time.Minute / time.Microsecond)
)

// recoveryKind are records of how far lost events of a connection have been
// looked for, by connection.
const recoveryKind = "recovery"

type recovery struct {
	Until   core.Time `json:"until"`             // business time up to which all was read, to the last page
	Checked core.Time `json:"checked"`           // wall time at which that was so
	Running *running  `json:"running,omitempty"` // a search that has not come to its end
}

type running struct {
	Since core.Time `json:"since"`
	Until core.Time `json:"until"`
	progress
}

// recovers reports whether lost events of a connection can be looked for.
func recovers(port *adapters.Port) bool { return port.Lists() || port.Sweeps() }

// recoverLoop looks for lost events of a connection until ctx ends.
func (w *Worker) recoverLoop(ctx context.Context, connection string) {
	for rest(ctx, w.recoverDue(ctx, connection)) {
	}
}

// recoverDue looks for lost events if it is time to, and says when to come
// again.
func (w *Worker) recoverDue(ctx context.Context, connection string) (wait time.Duration) {
	again := min(recoverRetry, w.o.Recover)
	defer func() {
		if r := recover(); r != nil {
			w.o.Log.Error("looking for lost events panicked", "connection", connection, "panic", fmt.Sprint(r))
			wait = again
		}
	}()
	state, err := w.recovery(ctx, connection)
	if err == nil && state != nil {
		if left := time.Duration(state.Checked-w.o.wall())*time.Microsecond + w.o.Recover; left > 0 {
			return min(left, w.o.Recover)
		}
	}
	added := 0
	if err == nil {
		added, err = w.Recover(ctx, connection)
	}
	if added > 0 {
		w.o.Log.Warn("events had never arrived", "connection", connection, "events", added)
	}
	if err != nil {
		if ctx.Err() == nil {
			w.o.Log.Warn("lost events could not be looked for", "connection", connection, "error", err)
		}
		return again
	}
	return w.o.Recover
}

// Recover stores what happened at the vendor since the last time and never
// arrived here, and reports how many events that are. The first time it only
// remembers the present. How far it has come moves on when the last page has
// been read, not before; what was broken off goes on where it stood. Run calls
// it every Options.Recover.
func (w *Worker) Recover(ctx context.Context, connection string) (added int, err error) {
	state, err := w.recovery(ctx, connection)
	if err != nil {
		return 0, err
	}
	now := w.o.Ledger.Now()
	if state == nil {
		return 0, w.keep(ctx, connection, recovery{Until: now, Checked: w.o.wall()})
	}
	if state.Running == nil {
		since := min(state.Until, now)
		if port := w.o.Ports[connection]; port != nil {
			since -= overlap + core.Time(port.Traits().ReadLag/time.Microsecond)
		}
		state.Running = &running{Since: max(0, since), Until: now - underWay}
	}
	s, err := w.search(connection, state.Running.Since)
	if err != nil {
		return 0, err
	}
	s.done, s.until = state.Running.progress, state.Running.Until
	s.keep = func(ctx context.Context, p progress) error {
		state.Running.progress = p
		return w.keep(ctx, connection, *state)
	}
	added, err = s.run(ctx)
	if err == nil {
		return added, w.keep(ctx, connection, recovery{Until: state.Running.Until, Checked: w.o.wall()})
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if keepErr := s.keep(settle, s.done); keepErr != nil {
		w.o.Log.Warn("how far lost events were looked for could not be kept", "connection", connection, "error", keepErr)
	}
	return added, err
}

// recovery reads how far a connection has come, nil before the first time.
func (w *Worker) recovery(ctx context.Context, connection string) (*recovery, error) {
	r, err := w.o.Ledger.Reader().Records.Record(ctx, ledger.RecordKey{Kind: recoveryKind, ID: connection})
	if err != nil || r == nil || r.Deleted {
		return nil, err
	}
	var state recovery
	if err := json.Unmarshal(r.Body, &state); err != nil {
		return nil, core.Errorf(core.CodeInternal, "the record of lost events of connection %q cannot be read: %v", connection, err)
	}
	return &state, nil
}

func (w *Worker) keep(ctx context.Context, connection string, state recovery) error {
	key := ledger.RecordKey{Kind: recoveryKind, ID: connection}
	return w.o.Ledger.Do(ctx, &ledger.Op{
		Names:  func(b *ledger.Batch) { b.Records = append(b.Records, key) },
		Decide: func(tx *ledger.Tx) error { return tx.PutRecord(key, state) },
	})
}
