package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/queue"
)

// patience is how many attempts an event gets before it is parked: about a
// day, at the delays of [queue.Backoff].
const patience = 152

// settleTime bounds the commit that puts an event back.
const settleTime = 4 * time.Second

// Worker applies stored events. It is safe for concurrent use.
type Worker struct {
	o      Options
	runner *queue.Runner
}

// NewWorker makes the inbox worker.
func NewWorker(o Options) *Worker {
	w := &Worker{o: o.withDefaults()}
	w.runner = queue.New(queue.Options{
		Ledger: o.Ledger, Queue: ledger.Inbox, Wall: w.o.wall, Work: w.work,
		Workers: w.o.Workers, Lease: o.Lease, Poll: o.Poll, Log: w.o.Log,
	})
	return w
}

// Run works until ctx ends, and looks for lost events now and then.
func (w *Worker) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var searches conc.WaitGroup
	defer searches.Wait()
	defer stop()
	for name, port := range w.o.Ports {
		if w.o.Recover > 0 && recovers(port) {
			searches.Go(func() { w.recoverLoop(ctx, name) })
		}
	}
	return w.runner.Run(ctx)
}

// Kick makes Run look at the inbox now.
func (w *Worker) Kick() { w.runner.Kick() }

// Step applies at most one event that is waiting, and reports whether there
// was one.
func (w *Worker) Step(ctx context.Context) (bool, error) { return w.runner.Step(ctx) }

// Drain works until nothing is waiting, without the delays between attempts.
// An event that keeps failing ends it with an error and stays in the queue.
func (w *Worker) Drain(ctx context.Context) error { return w.runner.Drain(ctx) }

// work carries one event to its end, or puts it back.
func (w *Worker) work(ctx context.Context, item ledger.Claimed) {
	e := item.Event
	defer func() {
		if r := recover(); r != nil {
			w.o.Log.Error("applying an event panicked", "event", string(e.ID), "panic", fmt.Sprint(r))
			w.write(ctx, e, ending{state: ledger.Parked, reason: "applying it failed inside, see the log"})
		}
	}()
	r, err := w.judge(ctx, e)
	if err == nil {
		err = w.apply(ctx, e, r)
	}
	switch {
	case err == nil || errors.Is(err, ledger.ErrFenced):
	case ctx.Err() != nil:
		w.write(ctx, e, ending{state: ledger.Waiting, reason: e.Reason})
	default:
		w.again(ctx, e, err)
	}
}

// ending is how an attempt at an event ends.
type ending struct {
	state  ledger.QueueState
	reason string
}

// ruling is what an event means here: an ending, or an effect that decides it
// in the commit that has the effect.
type ruling struct {
	ending
	names    func(*ledger.Batch)
	effect   func(*ledger.Tx) (ending, error)
	customer string // that the event is about, "" when it is none of ours
}

func ignored(format string, args ...any) ruling {
	return ruling{ending: ending{ledger.Ignored, fmt.Sprintf(format, args...)}}
}

func parked(format string, args ...any) ruling {
	return ruling{ending: ending{ledger.Parked, fmt.Sprintf(format, args...)}}
}

// apply commits a ruling: effect and mark together, or neither.
func (w *Worker) apply(ctx context.Context, e *ledger.Event, r ruling) error {
	var end ending
	err := w.o.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Events = append(b.Events, ledger.Lease{ID: e.ID, Fence: e.Fence})
			r.namesCustomer(b)
			if r.names != nil {
				r.names(b)
			}
		},
		Decide: func(tx *ledger.Tx) (err error) {
			row := *tx.Event(e.ID)
			end = r.ending
			if row.State != ledger.Waiting {
				return nil // settled by somebody else
			}
			if r.effect != nil {
				if end, err = r.effect(tx); err != nil {
					return err
				}
			}
			row.State, row.Reason, row.Settled, row.RetryAt = end.state, end.reason, tx.Now, 0
			row.Attempts++
			r.forget(tx, &row)
			tx.PutEvent(&row)
			return nil
		},
	})
	if err == nil {
		w.o.Observe(e.Connection, end.state)
		if end.state == ledger.Parked {
			w.o.Log.Warn("an event is parked", "event", string(e.ID), "connection", e.Connection, "type", e.Type, "reason", end.reason)
		}
	}
	return err
}

// again puts an event back for a later attempt, or parks it when it had many.
func (w *Worker) again(ctx context.Context, e *ledger.Event, cause error) {
	reason := "the ledger could not take it"
	if core.CodeOf(cause) != core.CodeInternal {
		reason = cause.Error()
	}
	if e.Attempts+1 >= patience {
		w.write(ctx, e, ending{ledger.Parked, fmt.Sprintf("given up after %d attempts: %s", e.Attempts+1, reason)})
		return
	}
	if core.CodeOf(cause) == core.CodeInternal {
		w.o.Log.Error("an event could not be applied", "event", string(e.ID), "connection", e.Connection, "error", cause)
	}
	w.write(ctx, e, ending{ledger.Waiting, reason})
}

// write marks an event without any effect. It outlives ctx, so that a stopping
// worker leaves nothing leased.
func (w *Worker) write(ctx context.Context, e *ledger.Event, end ending) {
	stopped := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err := w.o.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Events = append(b.Events, ledger.Lease{ID: e.ID, Fence: e.Fence}) },
		Decide: func(tx *ledger.Tx) error {
			row := *tx.Event(e.ID)
			if row.State != ledger.Waiting {
				return nil
			}
			row.State, row.Reason, row.RetryAt = end.state, end.reason, 0
			switch {
			case end.state != ledger.Waiting:
				row.Settled = tx.Now
				row.Attempts++
			case !stopped:
				row.Attempts++
				row.RetryAt = w.o.wall().Add(queue.Backoff(row.ID, row.Attempts))
			}
			tx.PutEvent(&row)
			return nil
		},
	})
	if err != nil {
		w.o.Log.Warn("an event could not be written back", "event", string(e.ID), "error", err)
		return
	}
	w.o.Observe(e.Connection, end.state)
}
