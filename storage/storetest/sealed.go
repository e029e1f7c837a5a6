package storetest

import (
	"context"

	"scrip/core/ledger"
)

// sealed is a store behind what the ledger does with every change before a
// store sees it.
type sealed struct{ ledger.Store }

// Commit implements [ledger.Store].
func (s sealed) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	return s.Store.Commit(ctx, b, func(state *ledger.State) (*ledger.Changes, error) {
		c, err := decide(state)
		if c != nil {
			for _, a := range c.Accounts {
				if a != nil {
					a.Seal()
				}
			}
		}
		return c, err
	})
}
