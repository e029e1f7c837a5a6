package queue

import (
	"context"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/core"
	"scrip/core/ledger"
)

const (
	drainTries = 10                    // how often Drain lifts one item's delay
	drainPause = 10 * time.Millisecond // between looks that found nothing to do
	drainPage  = 500
)

// Drain works until nothing due is waiting, lifting the delays between
// attempts; leases it respects. What is parked, and what waits behind it,
// does not count. An item that failed through several lifted delays ends the
// drain with an error, and stays in the queue.
func (r *Runner) Drain(ctx context.Context) error {
	tries := map[core.ID]int{}
	idle := r.o.Wall()
	for {
		var jobs conc.WaitGroup
		n, err := r.dispatch(ctx, ctx, &jobs)
		jobs.Wait()
		var left remains
		if err == nil && n == 0 {
			left, err = r.look(ctx, tries)
		}
		switch {
		case ctx.Err() != nil:
			return core.Errorf(core.CodeUnavailable, "the %s was not empty when the time was up", string(r.o.Queue))
		case err != nil:
			return err
		case n > 0:
			idle = r.o.Wall()
			continue
		case left.busy == 0 && left.lifted == 0 && left.stuck == 0:
			return nil
		case left.lifted > 0:
			idle = r.o.Wall()
			continue
		case left.busy == 0, r.o.Wall() > idle.Add(left.patience(r.o.Lease)):
			return core.Errorf(core.CodeUnavailable, "%d items of the %s are still waiting after repeated attempts, the first: %s",
				left.stuck+left.busy, string(r.o.Queue), left.reason)
		}
		select {
		case <-time.After(drainPause):
		case <-ctx.Done():
		}
	}
}

// remains is what a look found: items whose delay it lifted, items that
// another worker has or that wait behind one, and items tried too often.
type remains struct {
	lifted, busy, stuck int
	reason              string
}

// patience is how long to wait for items that another worker has: until its
// lease ends, or shortly when some will not move anyway.
func (r remains) patience(lease time.Duration) time.Duration {
	if r.stuck > 0 {
		return 2 * time.Second
	}
	return lease + time.Second
}

// block is why the items of a stream that are due after it cannot move.
type block struct {
	due    core.Time
	failed bool // and not parked
}

// item is what Drain needs to know of a queued thing.
type item struct {
	id      core.ID
	stream  [2]string
	due     core.Time
	retryAt core.Time
	reason  string
}

// look counts what is waiting and lifts delays.
func (r *Runner) look(ctx context.Context, tries map[core.ID]int) (remains, error) {
	var left remains
	now, wall := r.o.Ledger.Now(), r.o.Wall()
	if idle, err := r.empty(ctx, now); idle || err != nil {
		return left, err // the usual end, without a walk over all open windows
	}
	blocked := map[[2]string]block{}
	err := r.each(ctx, ledger.Parked, func(i item) error {
		if b, is := blocked[i.stream]; !is || i.due < b.due {
			blocked[i.stream] = block{due: i.due}
		}
		return nil
	})
	if err != nil {
		return left, err
	}
	err = r.each(ctx, ledger.Waiting, func(i item) error {
		if b, is := blocked[i.stream]; is && i.stream != [2]string{} && b.due <= i.due {
			if b.failed {
				left.stuck++
			}
			return nil
		}
		switch {
		case i.due > now:
		case i.retryAt <= wall:
			left.busy++
		case tries[i.id] >= drainTries:
			left.stuck++
			if left.reason == "" {
				left.reason = i.reason
			}
			blocked[i.stream] = block{i.due, true}
		default:
			tries[i.id]++
			left.lifted++
			return r.o.Ledger.Hurry(ctx, r.o.Queue, i.id)
		}
		return nil
	})
	return left, err
}

// empty reports whether nothing due is waiting.
func (r *Runner) empty(ctx context.Context, now core.Time) (bool, error) {
	stats, err := r.o.Ledger.Reader().Queues.Stats(ctx, now)
	if err != nil {
		return false, err
	}
	for _, s := range stats {
		if s.Queue == r.o.Queue && s.Waiting > 0 {
			return false, nil
		}
	}
	return true, nil
}

// each walks the items of a queue in one state.
func (r *Runner) each(ctx context.Context, state ledger.QueueState, yield func(item) error) error {
	f := ledger.QueueFilter{State: state, Limit: drainPage}
	for {
		page, err := r.page(ctx, f)
		if err != nil {
			return err
		}
		for _, i := range page {
			if err := yield(i); err != nil {
				return err
			}
			f.After = i.id
		}
		if len(page) < drainPage {
			return nil
		}
	}
}

func (r *Runner) page(ctx context.Context, f ledger.QueueFilter) ([]item, error) {
	queues := r.o.Ledger.Reader().Queues
	if r.o.Queue == ledger.Inbox {
		events, err := queues.Events(ctx, f)
		items := make([]item, len(events))
		for i, e := range events {
			items[i] = item{id: e.ID, retryAt: e.RetryAt, reason: e.Reason}
		}
		return items, err
	}
	intents, err := queues.Intents(ctx, f)
	items := make([]item, len(intents))
	for i, n := range intents {
		items[i] = item{n.ID, [2]string{n.Connection, n.Customer}, n.Due, n.RetryAt, n.Reason}
	}
	return items, err
}
