package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// freshTime is how long a process on a shared database goes on committing
// without having seen that what it runs with is still in force. Together with
// the longest that a commit may take after it was decided it stays below
// settleShared, after which nothing is written any more by what was in force
// before.
const freshTime = 2 * time.Second

// laned is what a store has whose commits may run at once, in this process and
// in others.
type laned interface {
	Lanes() (lanes, atOnce int)
}

// fresh is a store that takes commits only while the applied config is known
// to be the one that its process runs with. A process that was cut off, or
// stood still, would else go on with a route or a unit that another has ended.
type fresh struct {
	ledger.Store
	laned
	applied func(context.Context) (version int64, err error)
	now     func() time.Time // nil: the machine's

	version atomic.Int64              // that the process runs with; 0 before there is one
	seen    atomic.Pointer[time.Time] // when it was last known to be in force
	looking sync.Mutex
	askew   atomic.Int64 // nanoseconds that our clock is away from the database's, where that is too much
}

// runsWith says what the process runs with, and when that was in force.
func (f *fresh) runsWith(version int64, at time.Time) {
	f.seen.Store(&at)
	f.version.Store(version)
}

// saw notes that an instant found in force what the process runs with.
func (f *fresh) saw(at time.Time) { f.seen.Store(&at) }

func (f *fresh) clock() time.Time {
	if f.now != nil {
		return f.now()
	}
	return time.Now()
}

// age is how long ago that was, by the clock that stands still with the machine
// and by the one that does not.
func (f *fresh) age() time.Duration {
	seen := f.seen.Load()
	if seen == nil || f.version.Load() == 0 {
		return 0
	}
	now := f.clock()
	return max(now.Sub(*seen), now.Round(0).Sub(seen.Round(0)))
}

// Commit implements [ledger.Store]: what is decided too long after the last
// look is refused, and the caller repeats it.
func (f *fresh) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	if f.age() > freshTime/2 {
		f.look(ctx)
	}
	return f.Store.Commit(ctx, b, func(s *ledger.State) (*ledger.Changes, error) {
		if askew := time.Duration(f.askew.Load()); askew != 0 {
			return nil, core.Errorf(core.CodeUnavailable, "the clock of this machine is %s away from that of the database", askew.Abs().Round(time.Second))
		}
		if f.age() > freshTime {
			return nil, core.Errorf(core.CodeUnavailable, "it is not known here whether another config was applied, repeat the request")
		}
		return decide(s)
	})
}

// clockEvery is how often a process compares its clock with the database's.
const clockEvery = time.Minute

// compare compares our clock with the database's, and refuses commits while
// they are far apart: business time never goes back, so that one process which
// is ahead would take all others with it. Where the server cannot be asked
// nothing changes.
func (f *fresh) compare(skew time.Duration, err error) (far bool) {
	if err != nil {
		return f.askew.Load() != 0
	}
	if far = skew.Abs() > skewFail; !far {
		skew = 0
	}
	f.askew.Store(int64(skew))
	return far
}

// look asks whether what the process runs with is in force; where that fails,
// or another is, the time of the last look stays.
func (f *fresh) look(ctx context.Context) {
	f.looking.Lock()
	defer f.looking.Unlock()
	if f.age() <= freshTime/2 {
		return
	}
	at := f.clock()
	if version, err := f.applied(ctx); err == nil && version == f.version.Load() {
		f.saw(at)
	}
}
