package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// bare has the methods of the vendor that every adapter has, so it has no list.
type bare struct{ adapters.Adapter }

// sweeper is a vendor without a list of events whose objects can be read.
type sweeper struct {
	bare
	read  func(since core.Time, customer string, p adapters.Page) (adapters.Listing[[]byte], error)
	asked []string // "customer@since cursor" of each call
}

func (s *sweeper) Sweep(ctx context.Context, since core.Time, customer string, p adapters.Page) (adapters.Listing[[]byte], error) {
	s.asked = append(s.asked, strings.TrimSpace(fmt.Sprintf("%s@%d %s", customer, since, p.Cursor)))
	if err := ctx.Err(); err != nil {
		return adapters.Listing[[]byte]{}, adapters.Errorf(adapters.CodeUnavailable, "the call was cut off")
	}
	return s.read(since, customer, p)
}

// sweeps makes the main connection one that is swept.
func (w *world) sweeps(read func(since core.Time, customer string, p adapters.Page) (adapters.Listing[[]byte], error)) *sweeper {
	s := &sweeper{bare: bare{w.vendor}, read: read}
	w.worker.o.Ports["main"] = adapters.NewPort(s, adapters.Limits{})
	return s
}

// customer makes a customer that the main connection knows.
func (w *world) customer(id string) {
	w.t.Helper()
	_, _, err := w.led.PutCustomer(w.ctx, ledger.Customer{ID: id})
	w.must(err)
	w.link(id, adapters.RoleCustomer, "v_"+id)
}

func (w *world) advance(d time.Duration) { w.nowTime.Add(d.Microseconds()) }

// kept is how far the main connection has come.
func (w *world) kept() recovery {
	w.t.Helper()
	state, err := w.worker.recovery(w.ctx, "main")
	w.must(err)
	if state == nil {
		w.t.Fatal("nothing is kept")
	}
	return *state
}

func pageOf(next string, events ...wire) adapters.Listing[[]byte] {
	l := adapters.Listing[[]byte]{Next: next}
	for _, x := range events {
		l.Items = append(l.Items, raw(x))
	}
	return l
}

// TestSweptAndDelivered: a fact takes effect once, in whatever order and how
// often it is delivered and swept, and stands once in the inbox.
func TestSweptAndDelivered(t *testing.T) {
	for _, order := range []string{"d", "s", "ds", "sd", "dds", "sds", "ssd", "dsds", "sdds", "d.s", "s.d", "s.d.s", "d.s.d"} {
		t.Run(order, func(t *testing.T) {
			w := newWorld(t)
			p := w.buy("buy")
			told := []wire{
				paid("evt_1", p), {ID: "evt_2", Type: "grant.made", Kind: adapters.GrantEvent, Object: "g_1"}, {ID: "evt_3", Type: "customer.made", Kind: adapters.CustomerEvent, Object: "c_1"},
			}
			s := w.sweeps(func(core.Time, string, adapters.Page) (adapters.Listing[[]byte], error) {
				list := slices.Clone(told)
				for i := range list {
					list[i].ID, list[i].Noise = "sweep/"+list[i].Type+"/"+list[i].Object, "read back"
				}
				return pageOf("", list...), nil
			})
			for i, step := range order {
				switch step {
				case 'd':
					for _, x := range told {
						w.deliver(x)
					}
				case 's':
					n, err := w.worker.Backfill(w.ctx, "main", 0)
					if want := map[bool]int{true: len(told)}[i == 0]; err != nil || n != want {
						t.Errorf("step %d found %d, %v; want %d", i, n, err, want)
					}
				case '.':
					w.drain()
				}
			}
			w.drain()
			if n := len(w.events()); n != len(told) || w.balance() != 1000_00 {
				t.Errorf("%d rows, balance %d, calls %v", n, w.balance(), s.asked)
			}
		})
	}
}

// TestDeliveriesOfOneObject: deliveries of one type about one object are facts
// of their own, and so is all that a sweep never tells.
func TestDeliveriesOfOneObject(t *testing.T) {
	w := newWorld(t)
	w.sweeps(nil)
	for i, x := range []wire{
		{Type: "customer.edited", Kind: adapters.CustomerEvent, Object: "c_1"}, {Type: "customer.edited", Kind: adapters.CustomerEvent, Object: "c_1"},
		{Type: "odd", Kind: adapters.UnknownEvent, Object: "c_1"}, {Type: "alert", Kind: adapters.SystemEvent, Object: "c_1"},
		{Type: "customer.edited", Kind: adapters.CustomerEvent}, {Type: "customer.edited", Kind: adapters.CustomerEvent, Object: strings.Repeat("x", 500)},
	} {
		x.ID = fmt.Sprintf("evt_%d", i)
		w.deliver(x)
		if n := len(w.events()); n != i+1 {
			t.Errorf("after %d deliveries there are %d rows", i+1, n)
		}
	}
}

// TestSweepFaults: what a list may do wrong is an error, and only that.
// PA-10.
func TestSweepFaults(t *testing.T) {
	one := wire{ID: "s_1", Type: "a", Kind: adapters.GrantEvent, Object: "g_1"}
	two := wire{ID: "s_2", Type: "a", Kind: adapters.GrantEvent, Object: "g_2"}
	for name, c := range map[string]struct {
		pages map[string]adapters.Listing[[]byte]
		found int
		fails bool
	}{
		"empty page with more": {map[string]adapters.Listing[[]byte]{"": pageOf("b"), "b": pageOf("c"), "c": pageOf("", one)}, 1, false},
		"an object twice":      {map[string]adapters.Listing[[]byte]{"": pageOf("b", one, two), "b": pageOf("", one)}, 2, false},
		"cursor comes again":   {map[string]adapters.Listing[[]byte]{"": pageOf("b", one), "b": pageOf("b", two)}, 2, true},
		"cursors in a circle":  {map[string]adapters.Listing[[]byte]{"": pageOf("b", one), "b": pageOf("c"), "c": pageOf("b", two)}, 2, true},
		"page is missing":      {map[string]adapters.Listing[[]byte]{"": pageOf("b", one)}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.sweeps(func(_ core.Time, _ string, p adapters.Page) (adapters.Listing[[]byte], error) {
				got, ok := c.pages[p.Cursor]
				if !ok {
					return got, adapters.Errorf(adapters.CodeBadAnswer, "no such page")
				}
				return got, nil
			})
			_, err := w.worker.Recover(w.ctx, "main") // remembers the present
			w.must(err)
			before := w.kept()
			w.advance(time.Hour)
			n, err := w.worker.Recover(w.ctx, "main")
			if n != c.found || (err != nil) != c.fails {
				t.Errorf("found %d, %v", n, err)
			}
			if after := w.kept(); (after.Until == before.Until && after.Checked == before.Checked) != c.fails || (after.Running != nil) != c.fails {
				t.Errorf("kept %+v, before %+v", after, before)
			}
		})
	}
}

// TestRecoverMovesOn: a search covers what the last one did not, and a bit
// more; one that was broken off goes on where it stood.
func TestRecoverMovesOn(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"ada", "bob", "cyd", "dan"} {
		w.customer(id)
	}
	_, _, err := w.led.PutCustomer(w.ctx, ledger.Customer{ID: "not-told"})
	w.must(err)
	broken := "v_cyd"
	s := w.sweeps(func(_ core.Time, customer string, _ adapters.Page) (adapters.Listing[[]byte], error) {
		switch customer {
		case broken:
			return adapters.Listing[[]byte]{}, adapters.Errorf(adapters.CodeRateLimited, "later")
		case "v_bob":
			return adapters.Listing[[]byte]{}, adapters.Errorf(adapters.CodeNotFound, "gone")
		}
		return pageOf("", wire{ID: "s_" + customer, Type: "made", Kind: adapters.GrantEvent, Object: "g_" + customer}), nil
	})
	steps := []struct {
		asked string // since is counted from the start, in minutes
		found int
		fails bool
		heal  bool
	}{
		{"", 0, false, false},
		{"@-10 v_ada@-10 v_bob@-10 v_cyd@-10", 2, true, false},
		{"v_cyd@-10", 0, true, true},
		{"v_cyd@-10 v_dan@-10", 2, false, false}, // what was begun at 60 is done at 180
		{"@45 v_ada@45 v_bob@45 v_cyd@45 v_dan@45", 0, false, false},
		{"@225 v_ada@225 v_bob@225 v_cyd@225 v_dan@225", 0, false, false},
	}
	start := w.led.Now()
	for i, step := range steps {
		s.asked = nil
		n, err := w.worker.Recover(w.ctx, "main")
		if n != step.found || (err != nil) != step.fails {
			t.Errorf("step %d found %d, %v", i, n, err)
		}
		var asked []string
		for _, a := range s.asked {
			customer, since, _ := strings.Cut(a, "@")
			var micros int64
			fmt.Sscan(since, &micros)
			asked = append(asked, fmt.Sprintf("%s@%d", customer, (core.Time(micros)-start)/60_000_000))
		}
		if got := strings.Join(asked, " "); got != step.asked {
			t.Errorf("step %d asked for %q, want %q", i, got, step.asked)
		}
		if step.heal {
			broken = "nobody"
		}
		w.advance(time.Hour)
	}
	if state := w.kept(); state.Until != start+5*core.Time(time.Hour/time.Microsecond)-underWay || state.Running != nil {
		t.Errorf("kept %+v", state)
	}
}

// TestRecoverLeavesTheYoung: an event whose delivery may be under way is not
// called lost, and is found the next time if it is.
func TestRecoverLeavesTheYoung(t *testing.T) {
	w := newWorld(t)
	happened := w.led.Now() + core.Time(57*time.Minute/time.Microsecond)
	since := core.Never
	w.sweeps(func(from core.Time, _ string, _ adapters.Page) (adapters.Listing[[]byte], error) {
		since = from
		return pageOf("", wire{ID: "s_1", Type: "made", Kind: adapters.CustomerEvent, Object: "c_1", At: happened}), nil
	})
	for i, want := range []int{0, 0, 1, 0} {
		if n, err := w.worker.Recover(w.ctx, "main"); err != nil || n != want {
			t.Errorf("step %d found %d, %v", i, n, err)
		}
		if want == 1 && since > happened {
			t.Errorf("the search that should find it began at %s", since)
		}
		w.advance(time.Hour)
	}
}

// TestRecoverOfMany: how far a sweep of many customers has come is kept on the
// way, so that a crash costs little of it.
func TestRecoverOfMany(t *testing.T) {
	w := newWorld(t)
	for i := range pageSize + 5 {
		w.customer(fmt.Sprintf("c%03d", i))
	}
	crashed := false
	s := w.sweeps(func(_ core.Time, customer string, _ adapters.Page) (adapters.Listing[[]byte], error) {
		if customer == fmt.Sprintf("v_c%03d", pageSize+2) && !crashed {
			crashed = true
			panic("crash")
		}
		return pageOf(""), nil
	})
	_, err := w.worker.Recover(w.ctx, "main")
	w.must(err)
	w.advance(2 * time.Hour)
	if wait := w.worker.recoverDue(w.ctx, "main"); wait != recoverRetry || !crashed {
		t.Fatalf("comes again in %s", wait)
	}
	if got := w.kept().Running; got == nil || !got.Shared || got.Customer != fmt.Sprintf("c%03d", pageSize-1) {
		t.Fatalf("kept %+v", got)
	}
	s.asked = nil
	if wait := w.worker.recoverDue(w.ctx, "main"); wait != recoverEvery || len(s.asked) != 5 {
		t.Errorf("comes again in %s after %d calls", wait, len(s.asked))
	}
}

// TestRecoverCancelled: a stop ends a search at once, keeps where it stood and
// moves nothing on.
func TestRecoverCancelled(t *testing.T) {
	w := newWorld(t)
	w.customer("ada")
	ctx, cancel := context.WithCancel(w.ctx)
	_, err := w.worker.Recover(w.ctx, "main")
	w.must(err)
	before := w.kept()
	w.sweeps(func(_ core.Time, customer string, p adapters.Page) (adapters.Listing[[]byte], error) {
		if customer == "" {
			return pageOf("", wire{ID: "s_1", Type: "made", Kind: adapters.CustomerEvent, Object: "c_1"}), nil
		}
		cancel()
		return pageOf("more" + p.Cursor), nil
	})
	w.advance(time.Hour)
	if n, err := w.worker.Recover(ctx, "main"); n != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("found %d, %v", n, err)
	}
	if after := w.kept(); after.Until != before.Until || after.Running == nil || !after.Running.Shared || after.Running.Customer != "" {
		t.Errorf("kept %+v", after)
	}
}

// TestRecoverWhenDue: by the wall clock since the last search that came to its
// end, whatever a restart does.
func TestRecoverWhenDue(t *testing.T) {
	w := newWorld(t)
	fails := false
	s := w.sweeps(func(core.Time, string, adapters.Page) (adapters.Listing[[]byte], error) {
		if fails {
			return adapters.Listing[[]byte]{}, adapters.Errorf(adapters.CodeUnavailable, "away")
		}
		return pageOf(""), nil
	})
	for i, step := range []struct {
		advance time.Duration
		fails   bool
		wait    time.Duration
		calls   int
	}{
		{0, false, time.Hour, 0}, {20 * time.Minute, false, 40 * time.Minute, 0}, {40 * time.Minute, false, time.Hour, 1}, {time.Minute, false, 59 * time.Minute, 1},
		{time.Hour, true, time.Minute, 2}, {time.Minute, true, time.Minute, 3}, {time.Minute, false, time.Hour, 4}, {-24 * time.Hour, false, time.Hour, 4},
	} {
		w.advance(step.advance)
		fails = step.fails
		if got := w.worker.recoverDue(w.ctx, "main"); got != step.wait || len(s.asked) != step.calls {
			t.Errorf("step %d comes again in %s after %d calls, want %s and %d", i, got, len(s.asked), step.wait, step.calls)
		}
	}
}

// TestRunRecovers: a running worker finds what was lost by itself, from a list
// and by a sweep, and applies it. It leaves alone what can do neither.
func TestRunRecovers(t *testing.T) {
	for _, by := range []string{"list", "sweep"} {
		t.Run(by, func(t *testing.T) {
			w := newWorld(t)
			p := w.buy("buy")
			w.vendor.pages = [][][]byte{{raw(paid("evt_1", p))}}
			if by == "sweep" {
				w.sweeps(func(core.Time, string, adapters.Page) (adapters.Listing[[]byte], error) {
					return pageOf("", paid("s_1", p)), nil
				})
			}
			w.worker.o.Ports["live"] = adapters.NewPort(bare{w.vendor}, adapters.Limits{})
			_, err := w.worker.Recover(w.ctx, "main")
			w.must(err)
			w.advance(2 * time.Hour)
			ctx, stop := context.WithCancel(w.ctx)
			ended := make(chan error, 1)
			go func() { ended <- w.worker.Run(ctx) }()
			for end := time.Now().Add(20 * time.Second); w.balance() != 1000_00 && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
			}
			stop()
			if err := <-ended; err != nil || w.balance() != 1000_00 || len(w.events()) != 1 {
				t.Errorf("ended with %v, balance %d, %d rows", err, w.balance(), len(w.events()))
			}
			if state, err := w.worker.recovery(w.ctx, "live"); err != nil || state != nil {
				t.Errorf("a vendor that can tell nothing has %+v, %v", state, err)
			}
		})
	}
}

// TestSearchGivesWay: a search asks for one page at a time and rests as long
// as the last one took.
func TestSearchGivesWay(t *testing.T) {
	w := newWorld(t)
	var ended time.Time
	var took time.Duration
	for i := range 3 {
		w.customer(fmt.Sprintf("c%d", i))
	}
	s := w.sweeps(func(_ core.Time, customer string, p adapters.Page) (adapters.Listing[[]byte], error) {
		start := time.Now()
		if rested := start.Sub(ended); took > 0 && rested < took {
			t.Errorf("%q after %q begins %s after a call of %s", customer, p.Cursor, rested, took)
		}
		time.Sleep(10 * time.Millisecond) // a slow vendor
		ended = time.Now()
		took = ended.Sub(start)
		return pageOf(map[string]string{"": "b"}[p.Cursor]), nil
	})
	if _, err := w.worker.Backfill(w.ctx, "main", 0); err != nil || len(s.asked) != 8 {
		t.Errorf("%d calls, %v", len(s.asked), err)
	}
}

// TestBackfillOfNothing: a vendor without list and sweep is refused.
func TestBackfillOfNothing(t *testing.T) {
	w := newWorld(t)
	w.worker.o.Ports["main"] = adapters.NewPort(bare{w.vendor}, adapters.Limits{})
	if _, err := w.worker.Backfill(w.ctx, "main", 0); adapters.AsError(err).Code != adapters.CodeNotSupported {
		t.Errorf("got %v", err)
	}
}
