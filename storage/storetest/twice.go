package storetest

import (
	"context"
	"errors"

	"scrip/core/ledger"
)

// Twice is a store that has every decision made, throws it away and has it made
// again, as a store may after a conflict: what a decision leaves outside of its
// state must not show.
func Twice(s ledger.Store) ledger.Store { return twice{s} }

type twice struct{ ledger.Store }

var errThrownAway = errors.New("thrown away")

// Commit implements [ledger.Store].
func (s twice) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	if err := s.Store.Commit(ctx, b, func(state *ledger.State) (*ledger.Changes, error) {
		if _, err := decide(state); err != nil {
			return nil, err
		}
		return nil, errThrownAway
	}); !errors.Is(err, errThrownAway) {
		return err
	}
	return s.Store.Commit(ctx, b, decide)
}
