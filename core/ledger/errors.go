package ledger

import (
	"errors"

	"scrip/core"
)

// ErrUnknown marks a commit whose outcome is not known: the same command with
// the same key must be repeated to learn it.
var ErrUnknown = errors.New("the outcome of the commit is not known")

// ErrAway marks a commit that wrote nothing since the database could not be
// reached: none of its ops is at fault.
var ErrAway = errors.New("the database cannot be reached")

// ErrFenced says that a claimed item is no longer held by the claim: its lease
// ended and another worker has it.
var ErrFenced = errors.New("the lease of a queued item has ended")

var (
	// ErrClosed says that the ledger is stopping.
	ErrClosed = core.Errorf(core.CodeUnavailable, "the ledger is stopping, try again")

	// ErrCursor refuses a cursor that the list did not give.
	ErrCursor = core.InField(core.Errorf(core.CodeMalformed, "the cursor is not one that this list gave"), "cursor")

	// ErrMoved says that a hold was converted to another unit since its amount
	// was worked out: read it again.
	ErrMoved = errors.New("the hold is in another unit by now")
)

// RequestHash is what an idempotency key of an operation is stored under; it
// is the part of the ids that the command makes which does not depend on the
// customer, so that an id leads to its request.
func RequestHash(operation, key string) string {
	return hashPart(core.NewID("", "", operation, key, 0))
}

// HashOf is the request hash that an id was made by.
func HashOf(id core.ID) string { return hashPart(id) }

// hashPart cuts the 110 bits of hash, 22 characters, off an id.
func hashPart(id core.ID) string {
	if len(id) < 22 {
		return ""
	}
	return string(id[len(id)-22:])
}
