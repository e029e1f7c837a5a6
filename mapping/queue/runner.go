// Package queue runs the workers of the ledger's durable queues: it claims
// due items under leases, hands them out within a bound, and can drain a
// queue without waiting for the delays between attempts.
package queue

import (
	"context"
	"log/slog"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/core"
	"scrip/core/ledger"
)

// Options configure a runner. Ledger, Queue, Wall and Work are required.
type Options struct {
	Ledger *ledger.Ledger
	Queue  ledger.Queue
	Wall   func() core.Time // leases and delays follow it
	// Work does one claimed item and writes it back; an item that it leaves
	// alone comes back when its lease ends. ctx ends before the lease does.
	Work    func(ctx context.Context, item ledger.Claimed)
	Workers int           // items worked on at once, 16 when zero
	Lease   time.Duration // 30 s when zero
	Poll    time.Duration // how often the queue is looked at without a kick, 250 ms when zero
	Grace   time.Duration // how long running work may go on after a stop, 10 s when zero
	Log     *slog.Logger
}

// Runner works off one queue. Several may, in one process or in many: leases
// keep them apart.
type Runner struct {
	o     Options
	slots chan struct{}
	kick  chan struct{}
}

// New makes a runner.
func New(o Options) *Runner {
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = 250 * time.Millisecond
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner{o: o, slots: make(chan struct{}, o.Workers), kick: make(chan struct{}, 1)}
}

// Kick makes Run look at the queue now.
func (r *Runner) Kick() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. Work that is running then may end within the
// grace; what it leaves undone is put back for the next worker.
func (r *Runner) Run(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var jobs conc.WaitGroup
	defer jobs.Wait()
	defer func() {
		timer := time.AfterFunc(r.o.Grace, stop)
		jobs.Wait()
		timer.Stop()
	}()
	for {
		n, err := r.dispatch(ctx, working, &jobs)
		if ctx.Err() != nil {
			return nil
		}
		pause := r.o.Poll
		if err != nil {
			r.o.Log.Error("the queue cannot be claimed", "queue", string(r.o.Queue), "error", err)
			pause = MinDelay
		}
		if n > 0 {
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-r.kick:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// gatherTime is how long a claim waits for company: it is a commit of its own,
// which slots that come free one after the other share.
const gatherTime = 3 * time.Millisecond

// gather takes the slots that are free, and, while they are few, those that
// come free within a moment.
func (r *Runner) gather(ctx context.Context) (free int) {
	timer := time.NewTimer(gatherTime)
	defer timer.Stop()
	for {
		select {
		case r.slots <- struct{}{}:
			free++
			continue
		default:
		}
		if free+1 >= cap(r.slots)/4 {
			return free
		}
		select {
		case r.slots <- struct{}{}:
			free++
		case <-timer.C:
			return free
		case <-ctx.Done():
			return free
		}
	}
}

// dispatch waits for a free slot, claims as many items as there are slots,
// and starts work on each. It returns how many it claimed.
func (r *Runner) dispatch(ctx, working context.Context, jobs *conc.WaitGroup) (int, error) {
	free := 0
	select {
	case r.slots <- struct{}{}:
		free++
	case <-ctx.Done():
		return 0, nil
	}
	return r.claim(ctx, working, jobs, free+r.gather(ctx))
}

// Step claims at most one due item and returns when work on it has ended. It
// reports whether there was one.
func (r *Runner) Step(ctx context.Context) (bool, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return false, nil
	}
	var jobs conc.WaitGroup
	n, err := r.claim(ctx, ctx, &jobs, 1)
	jobs.Wait()
	return n > 0, err
}

// claim claims an item for each of the slots that were taken, as many as there
// are, and starts work on them.
func (r *Runner) claim(ctx, working context.Context, jobs *conc.WaitGroup, free int) (int, error) {
	wall := r.o.Wall()
	items, err := r.o.Ledger.Store().Claim(ctx, r.o.Queue, r.o.Ledger.Now(), wall, free, r.o.Lease)
	for ; free > len(items); free-- {
		<-r.slots
	}
	for _, item := range items {
		jobs.Go(func() {
			defer r.Kick()
			defer func() { <-r.slots }()
			// A margin of the lease is left for writing the item back.
			ctx, cancel := context.WithTimeout(working, r.o.Lease*5/6)
			defer cancel()
			r.o.Work(ctx, item)
		})
	}
	return len(items), err
}
