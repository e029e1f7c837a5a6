package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// decides is a store that only asks for decisions.
type decides struct{ ledger.Store }

func (*decides) Commit(_ context.Context, _ *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	_, err := decide(&ledger.State{})
	return err
}

// A process whose clock is far from the database's commits nothing.
func TestClockThatIsAwayCommitsNothing(t *testing.T) {
	f := &fresh{Store: &decides{}}
	commit := func() error {
		return f.Commit(t.Context(), nil, func(*ledger.State) (*ledger.Changes, error) { return nil, nil })
	}
	for _, c := range []struct {
		skew time.Duration
		err  error
		far  bool
	}{{0, nil, false}, {-time.Hour, nil, true}, {0, errors.New("away"), true}, {time.Second, nil, false}, {0, errors.New("away"), false}, {time.Hour, nil, true}} {
		if f.compare(c.skew, c.err) != c.far || (core.CodeOf(commit()) == core.CodeUnavailable) != c.far {
			t.Errorf("%s, %v: it is not %v", c.skew, c.err, c.far)
		}
	}
}

// A process that has not heard for a while whether its config is in force asks,
// and commits nothing where it is not, or nobody answers.
func TestStaleProcessCommitsNothing(t *testing.T) {
	const mine = 3
	for _, c := range []struct {
		name     string
		age      time.Duration
		inForce  int64
		down     bool
		commits  bool
		asked    bool
		notYet   bool // it runs with nothing yet
		backward bool // the wall clock says so, the other does not
	}{
		{name: "just seen", age: 0, inForce: 9, commits: true},
		{name: "seen a while ago", age: freshTime, inForce: mine, commits: true, asked: true},
		{name: "another is in force", age: 2 * freshTime, inForce: 9, asked: true},
		{name: "another is in force, which must be noticed soon", age: freshTime * 3 / 4, inForce: 9, commits: true, asked: true},
		{name: "nobody answers", age: 2 * freshTime, inForce: mine, down: true, asked: true},
		{name: "before the first config", age: 2 * freshTime, commits: true, notYet: true},
		{name: "the machine stood still", age: 2 * freshTime, inForce: 9, asked: true, backward: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := false
			f := &fresh{Store: &decides{}, applied: func(context.Context) (int64, error) {
				asked = true
				if c.down {
					return 0, errors.New("away")
				}
				return c.inForce, nil
			}}
			now := time.Now()
			f.now = func() time.Time { return now }
			at := now.Add(-c.age)
			if c.backward {
				at = at.Round(0)
			}
			if c.notYet {
				f.saw(at)
			} else {
				f.runsWith(mine, at)
			}
			decided := false
			err := f.Commit(t.Context(), nil, func(*ledger.State) (*ledger.Changes, error) { decided = true; return nil, nil })
			if decided != c.commits || (err == nil) != c.commits || err != nil && core.CodeOf(err) != core.CodeUnavailable {
				t.Errorf("decided %v, %v", decided, err)
			}
			if asked != c.asked {
				t.Errorf("asked %v", asked)
			}
		})
	}
}
