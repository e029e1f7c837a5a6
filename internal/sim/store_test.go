package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// store is the database as one life of the program sees it: it fails, and its
// failures are where the program dies.
type store struct {
	ledger.Store
	p *process
}

// settled is how a queued item has ended.
type settled struct {
	state ledger.QueueState
	at    core.Time
	body  string
}

var (
	errDisk  = errors.New("disk I/O error")
	errAgain = errors.New("decide once more")
)

// Close leaves the database open: others use it.
func (s *store) Close() error { return nil }

// Commit commits, or fails, or does both.
func (s *store) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	w := s.p.w
	if s.p.dead {
		return errDead
	}
	draw := w.dice.IntN(1000)
	switch {
	case w.calm || w.steady:
		draw = 1000
	case draw < 12 && !w.plan.has("crash"), draw >= 12 && !w.plan.has("store"):
		draw = 1000
	}
	switch {
	case draw < 3:
		s.p.die("before a commit")
		return errDead
	case draw >= 12 && draw < 18:
		w.say("a commit fails")
		return errDisk
	case draw >= 18 && draw < 24:
		w.say("a commit fails, and nobody knows")
		return fmt.Errorf("%w: %w", ledger.ErrUnknown, errDisk)
	case draw >= 40 && draw < 70:
		// A database may ask for the decision again.
		_ = s.Store.Commit(ctx, b, func(state *ledger.State) (*ledger.Changes, error) {
			if _, err := decide(state); err != nil {
				return nil, err
			}
			return nil, errAgain
		})
	}
	err := s.Store.Commit(ctx, b, func(state *ledger.State) (*ledger.Changes, error) {
		before := map[core.ID]settled{}
		for id, i := range state.Intents {
			before[id] = settled{i.State, i.Settled, string(i.Body)}
		}
		for id, e := range state.Events {
			before[id] = settled{e.State, e.Settled, ""}
		}
		changes, err := decide(state)
		if err == nil {
			w.judge.settled(before, changes)
			w.judge.held(b, before, changes)
		}
		return changes, err
	})
	switch {
	case err != nil:
	case draw >= 9 && draw < 12:
		s.p.die("after a commit")
		return errDead
	case draw >= 24 && draw < 32:
		w.say("a commit succeeds, and nobody knows")
		return fmt.Errorf("%w: %w", ledger.ErrUnknown, errDisk)
	}
	return err
}

// Claim leases items, or fails.
func (s *store) Claim(ctx context.Context, q ledger.Queue, now, wall core.Time, n int, lease time.Duration) ([]ledger.Claimed, error) {
	w := s.p.w
	if s.p.dead {
		return nil, errDead
	}
	if w.chance("store", 100) {
		w.say("a claim fails")
		return nil, errDisk
	}
	items, err := s.Store.Claim(ctx, q, now, wall, n, lease)
	for _, i := range items {
		if i.Intent != nil {
			w.judge.fences[i.Intent.ID] = i.Intent.Fence
		} else {
			w.judge.fences[i.Event.ID] = i.Event.Fence
		}
	}
	if err == nil && len(items) > 0 && w.chance("crash", 250) {
		s.p.die("after a claim")
		return nil, errDead
	}
	return items, err
}

// Forget empties old deliveries.
func (s *store) Forget(ctx context.Context, before core.Time, n int) (int, error) {
	if s.p.dead {
		return 0, errDead
	}
	return s.Store.Forget(ctx, before, n)
}
