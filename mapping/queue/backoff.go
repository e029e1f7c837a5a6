package queue

import (
	"hash/fnv"
	"strconv"
	"time"

	"scrip/core"
)

// The delays between attempts: from about a second, doubling to about ten
// minutes.
const (
	MinDelay = time.Second
	MaxDelay = 10 * time.Minute
)

// Backoff is the delay after the attempts-th failure of an item. It is spread
// over half to one and a half times the plain doubling by a hash of both: many
// items that failed at one instant do not come back at one, and the same
// history gives the same delays.
func Backoff(id core.ID, attempts int) time.Duration {
	base := MaxDelay
	if attempts < 1 {
		attempts = 1
	}
	if attempts <= 10 {
		base = min(MaxDelay, MinDelay<<(attempts-1))
	}
	return base/2 + Spread(id, attempts, base)
}

// Spread is a delay in [0, width) that a hash of id and n decides.
func Spread(id core.ID, n int, width time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	_, _ = h.Write([]byte(strconv.Itoa(n)))
	// The high bits of a hash of short input are its weak ones: fold them in.
	sum := h.Sum64()
	return time.Duration((sum ^ sum>>29) % uint64(max(width, 1)))
}
