package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"scrip/core"
)

// Forgotten reports whether a delivery's body was emptied when it was old: the
// digest is that of what was delivered, which was not nothing.
func (e *Event) Forgotten() bool {
	nothing := sha256.Sum256(nil)
	return len(e.Body) == 0 && e.Digest != "" && e.Digest != hex.EncodeToString(nothing[:])
}

// ForgetRaw empties the bodies of up to n settled deliveries that are older
// than age, and reports how many it emptied: as many as n when there may be
// more. What they did, and their digests, stay.
func (l *Ledger) ForgetRaw(ctx context.Context, age time.Duration, n int) (int, error) {
	return l.store.Forget(ctx, l.Now()-core.Time(age/time.Microsecond), n)
}
