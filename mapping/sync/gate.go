package sync

import (
	"context"
	stdsync "sync"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/mapping/queue"
)

const (
	brokenAfter = 3 // refusals of the credentials in a row
	openAfter   = 5 // failures in a row that say the vendor is overrun or away
)

// gate decides whether a connection may be called now. It is open; or broken,
// when its credentials are refused, until a probe succeeds; or shut for a
// while after a storm of failures, then half open: one call goes through, and
// its outcome decides. All times are wall time.
type gate struct {
	name string
	room int // calls at once

	freed chan struct{} // hears of calls that ended, for who waits for room

	mu      stdsync.Mutex
	inside  int
	refused int  // refusals of the credentials in a row
	storm   int  // passing failures in a row
	opened  int  // times the gate was shut since it last let a call succeed
	trying  bool // the one call of a half-open gate is out
	broken  bool
	since   core.Time
	shut    core.Time // since when no call succeeded, once it was shut
	until   core.Time // shut before it
	waiting int       // intents sent away since it was last shut
	last    adapters.Code
}

// pass is how the gate lets an intent in.
type pass int

const (
	denied pass = iota
	full        // there is no room now
	let
	letProbe // probe the connection first
)

// enter asks for a call. Denied, it says when to ask again. force overrides
// every pause; it is for draining, which waits for nothing.
func (g *gate) enter(id core.ID, wall core.Time, force bool) (pass, core.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !force {
		switch {
		case wall < g.until:
			return denied, g.until.Add(g.away(id, wall))
		case g.until != 0 && g.trying:
			return denied, wall.Add(time.Second + g.away(id, wall))
		case g.inside >= g.room:
			return full, wall.Add(time.Second + queue.Spread(id, g.inside, 2*time.Second))
		}
	}
	g.inside++
	if g.until != 0 {
		g.trying = true
		if g.broken {
			return letProbe, 0
		}
	}
	return let, 0
}

// roomPatience is how long an intent waits for room before it is sent away: a
// vendor that answers makes some soon, and being sent away costs a claim and a
// commit. One that hangs must not keep others' intents from the workers.
const roomPatience = 100 * time.Millisecond

// enterSoon is enter, and waits a little for room.
func (g *gate) enterSoon(ctx context.Context, id core.ID, wall func() core.Time, force bool) (pass, core.Time) {
	timer := time.NewTimer(roomPatience)
	defer timer.Stop()
	for {
		entry, again := g.enter(id, wall(), force)
		if entry != full {
			return entry, again
		}
		select {
		case <-g.freed:
		case <-timer.C:
			return denied, again
		case <-ctx.Done():
			return denied, again
		}
	}
}

// away is how much later than the gate's next look an intent comes back. The
// first comes in time to be that look; the others are spread the wider the
// longer the gate has been shut, so that a long queue before a vendor that is
// away for long costs little.
func (g *gate) away(id core.ID, wall core.Time) time.Duration {
	g.waiting++
	if g.waiting == 1 {
		return 0
	}
	width := time.Duration(wall-g.shut) * time.Microsecond / 4
	return queue.Spread(id, g.waiting, min(queue.MaxDelay, max(time.Second, width)))
}

// shutUntil shuts the gate.
func (g *gate) shutUntil(wall, until core.Time) {
	if g.shut == 0 {
		g.shut = wall
	}
	g.until, g.waiting = until, 0
}

// leave ends what enter began.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 {
		g.trying = false
	}
	select {
	case g.freed <- struct{}{}:
	default:
	}
}

// success notes an answer of the vendor, a refusal of the content included.
func (g *gate) success() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused, g.storm, g.opened, g.until, g.shut = 0, 0, 0, 0, 0
	g.trying, g.broken, g.since, g.last = false, false, 0, ""
}

// failure notes a failed call.
func (g *gate) failure(e *adapters.Error, wall core.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = e.Code
	g.trying = false
	switch e.Code {
	case adapters.CodeUnauthorized, adapters.CodeForbidden:
		g.refused++
		if g.refused < brokenAfter && !g.broken {
			return
		}
		if !g.broken {
			g.broken, g.since = true, wall
		}
		g.shutUntil(wall, wall.Add(probeEvery))
	case adapters.CodeRateLimited, adapters.CodeUnavailable, adapters.CodeUnknown, adapters.CodeBadAnswer:
		g.storm++
		if g.storm < openAfter && g.until == 0 {
			return
		}
		if g.until != 0 && wall < g.until {
			return // calls that were out when it shut
		}
		g.opened++
		g.shutUntil(wall, wall.Add(max(queue.Backoff(core.ID(g.name), g.opened), min(e.RetryAfter, queue.MaxDelay))))
	}
}

// unprepared notes that the connection could not be prepared.
func (g *gate) unprepared(code adapters.Code, wall, next core.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.broken {
		g.broken, g.since = true, wall
	}
	g.last = code
	g.shutUntil(wall, next)
}
