// Package clock is business time: the wall clock, or a test clock that stands
// still until it is moved. Signatures, leases, timeouts and rate limits do not
// follow it; they use the wall clock.
package clock

import (
	"sync"
	"time"

	"scrip/core"
)

// Clock tells business time. It is safe for concurrent use.
type Clock struct {
	mu    sync.Mutex
	fixed core.Time // zero: the wall clock
	test  bool
	wall  guarded
}

// Wall returns a clock that follows the wall clock, not its jumps, and cannot
// be moved.
func Wall() *Clock { return &Clock{wall: guarded{read: system()}} }

// OnJump has f called, from within Now, when the wall clock jumps, and again
// when business time follows it in the end. It comes before the first Now.
func (c *Clock) OnJump(f func(by time.Duration, followed bool)) { c.wall.told = f }

// Test returns a clock that follows the wall clock until it is first moved,
// or, with start set, stands at start.
func Test(start core.Time) *Clock {
	return &Clock{fixed: start, test: true, wall: guarded{read: system()}}
}

// Now is the business time.
func (c *Clock) Now() core.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fixed != 0 {
		return c.fixed
	}
	return c.wall.now()
}

// IsTest reports whether the clock may be moved.
func (c *Clock) IsTest() bool { return c.test }

// Set moves a test clock forward to t.
func (c *Clock) Set(t core.Time) error {
	if !c.test {
		return core.Errorf(core.CodeNotSupported, "the clock is the wall clock, start with --test-clock to move it")
	}
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if t < now {
		return core.Errorf(core.CodeInvalid, "the test clock stands at %s and cannot go back to %s", now, t)
	}
	c.fixed = t
	return nil
}

// WallNow is the wall clock as a [core.Time].
func WallNow() core.Time { return core.TimeOf(time.Now()) }
