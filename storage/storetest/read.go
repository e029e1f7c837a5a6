package storetest

import (
	"context"

	"scrip/core/ledger"
)

// Dump writes down all that can be read of a store that [Script] filled, as
// that does at its end.
func Dump(ctx context.Context, r ledger.Reader) (string, error) { return dump(ctx, r, 1000) }
