package clock

import (
	"sync"
	"time"

	"scrip/core"
)

// A wall clock that jumps is not believed at once: what time decides, such as
// expiries and renewals, cannot be taken back. Business time goes on with the
// monotonic clock until the wall clock has stood by its jump for a while, and
// never follows one that no machine sleeps through. A new process believes what
// it finds.
const (
	maxJump  = 10 * time.Minute
	patience = 10 * time.Minute
	absurd   = 400 * 24 * time.Hour
)

// guarded is business time by a wall clock.
type guarded struct {
	read func() (wall core.Time, running time.Duration) // running never jumps
	told func(by time.Duration, believed bool)          // of each jump

	mu     sync.Mutex
	at     core.Time // business time
	ran    time.Duration
	begun  bool
	jumped bool
	since  time.Duration // running when the jump was seen
	by     time.Duration
}

// system reads the machine's clocks.
func system() func() (core.Time, time.Duration) {
	start := time.Now()
	return func() (core.Time, time.Duration) {
		now := time.Now()
		return core.TimeOf(now), now.Sub(start)
	}
}

func (g *guarded) now() core.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	wall, running := g.read()
	if !g.begun {
		g.begun, g.at, g.ran = true, wall, running
		return wall
	}
	expected := g.at.Add(running - g.ran)
	by := time.Duration(wall-expected) * time.Microsecond
	if seconds := int64(wall-expected) / 1_000_000; seconds > int64(absurd/time.Second) || seconds < -int64(absurd/time.Second) {
		by = absurd + time.Second // as far as a jump is told
		if seconds < 0 {
			by = -by
		}
	}
	if by <= maxJump && by >= -maxJump {
		g.at, g.ran, g.jumped = wall, running, false
		return wall
	}
	if moved := by - g.by; !g.jumped || moved > maxJump || moved < -maxJump {
		g.jumped, g.since, g.by = true, running, by
		g.tell(by, false)
	}
	if running-g.since >= patience && by <= absurd && by >= -absurd {
		g.jumped = false
		g.tell(by, true)
		expected = wall
	}
	g.at, g.ran = expected, running
	return expected
}

func (g *guarded) tell(by time.Duration, believed bool) {
	if g.told != nil {
		g.told(by, believed)
	}
}
