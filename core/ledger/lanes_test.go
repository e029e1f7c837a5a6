package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

// laned watches which commits run at once.
type laned struct {
	ledger.Store
	lanes, atOnce int
	t             *testing.T
	mu            sync.Mutex
	running       map[int]int // commits by lane; -1 is over several partitions
	most, commits int
	largest       map[int]int // ops of one commit, by the accounts it names
}

func (s *laned) Lanes() (int, int) { return s.lanes, s.atOnce }

// lane is where the accounts of a batch belong.
func (s *laned) lane(b *ledger.Batch) int {
	lane := -2
	for _, key := range b.Accounts {
		switch at := core.Bucket(key.Customer) % s.lanes; {
		case lane == -2:
			lane = at
		case lane != at:
			lane = -1
		}
	}
	return lane
}

func (s *laned) enter(lane, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[lane] += n
	at, sum := s.running[lane], 0
	for _, k := range s.running {
		sum += k
	}
	s.most = max(s.most, sum)
	if at > 1 && (lane >= 0 || s.lanes == 64) { // fewer lanes may mix
		s.t.Errorf("%d commits of lane %d at once", at, lane)
	}
	if sum > s.atOnce {
		s.t.Errorf("%d commits at once", sum)
	}
}

func (s *laned) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	lane := s.lane(b)
	s.enter(lane, 1)
	defer s.enter(lane, -1)
	s.mu.Lock()
	s.commits++
	s.largest[lane] = max(s.largest[lane], len(b.Accounts))
	s.mu.Unlock()
	return s.Store.Commit(ctx, b, decide)
}

// Ops of one partition never run at once; those of several do, as many as the
// store takes. With a lane for each partition no commit has two, but those of
// ops that need them.
func TestLanes(t *testing.T) {
	const callers, each = 12, 25
	for _, shape := range []struct{ lanes, atOnce int }{{1, 1}, {2, 2}, {8, 3}, {64, 4}} {
		t.Run(fmt.Sprint(shape.lanes), func(t *testing.T) {
			var s *laned
			b := newBench(t, func(inner ledger.Store) ledger.Store {
				s = &laned{Store: inner, lanes: shape.lanes, atOnce: shape.atOnce, t: t, running: map[int]int{}, largest: map[int]int{}}
				return s
			}, ledger.Options{})
			keys := make([]ledger.AccountKey, callers)
			for i := range keys {
				name := fmt.Sprint("customer", i)
				b.customer(name)
				keys[i] = ledger.AccountKey{Customer: name, Unit: "credits"}
				b.grant("g"+name, keys[i], 1000)
			}
			b.start(callers, func(i int) {
				for n := range each {
					_, _, err := b.Debit(b.ctx, fmt.Sprint(i, "-", n), ledger.Charge{Account: keys[i], Amount: 1})
					b.ok(err)
				}
				// Two customers in one op, met in both orders.
				pair := []ledger.AccountKey{keys[i], keys[(i+1)%callers]}
				b.ok(b.Do(b.ctx, &ledger.Op{
					Names:  func(batch *ledger.Batch) { batch.Accounts = append(batch.Accounts, pair...) },
					Decide: func(*ledger.Tx) error { return nil },
				}))
			})()
			for _, key := range keys {
				same(t, "balance", b.balance(key).Posted, core.Amount(1000-each))
			}
			b.sound()
			if shape.lanes == 64 && s.largest[-1] > 2*16 {
				t.Errorf("a commit over several partitions named %d accounts", s.largest[-1])
			}
			if s.commits == 0 || s.most > shape.atOnce {
				t.Errorf("%d commits, %d at once", s.commits, s.most)
			}
		})
	}
}

// behind is a store that others write to, whose clocks are ahead.
type behind struct {
	ledger.Store
	at core.Time
}

func (s *behind) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	return s.Store.Commit(ctx, b, func(state *ledger.State) (*ledger.Changes, error) {
		state.At = s.at
		changes, err := decide(state)
		if changes != nil {
			s.at = changes.At
		}
		return changes, err
	})
}

// A process whose clock is behind that of another on the same database decides
// no earlier than that one did.
func TestTimeFollowsTheStore(t *testing.T) {
	s := &behind{at: start + hour}
	b := newBench(t, func(inner ledger.Store) ledger.Store { s.Store = inner; return s }, ledger.Options{})
	b.grant("g", ann, 10)
	r, _, err := b.Debit(b.ctx, "d", charge(ann, 1))
	b.need(err)
	same(t, "the debit's instant", r.At, start+hour)
	b.pass(2 * hour)
	r, _, err = b.Debit(b.ctx, "e", charge(ann, 1))
	b.need(err)
	same(t, "the later one's", []core.Time{r.At, s.at}, []core.Time{start + 2*hour, start + 2*hour})
	b.sound()
}
