package sync

import (
	"context"
	"fmt"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// lots is a vendor whose lots are debited by name, with room for a few.
type lots struct {
	finder
	room int
	left map[string]int64 // by grant
}

func newLots(room int) *lots {
	l := &lots{finder: finder{newVendor()}, room: room, left: map[string]int64{}}
	l.traits.Draws, l.traits.StartsNow = true, true
	return l
}

func (l *lots) CreateGrant(_ context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	l.mu.Lock()
	full := len(l.left) >= l.room
	_, there := l.left[string(o.Grant)]
	l.mu.Unlock()
	if full && !there {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeFull, "there is room for %d grants", l.room)
	}
	if o.Starts > o.Now {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "it starts at %s", o.Starts)
	}
	return l.write("grant", o.Mark, fmt.Sprint(o.Holding), func() adapters.Answer {
		l.left[string(o.Grant)] += o.Holding.Quanta
		return link(string(o.Grant), adapters.RoleGrant, "lot_"+string(o.Grant))
	})
}

func (l *lots) EndGrant(_ context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	return l.write("end", o.Mark, o.Links.One(adapters.RoleGrant), func() adapters.Answer {
		delete(l.left, string(o.Grant))
		return adapters.Answer{}
	})
}

func (l *lots) Consume(_ context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	if o.Links.One(adapters.RoleGrant) != "lot_"+string(o.Grant) {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "grant %q has the links %v", string(o.Grant), o.Links)
	}
	return l.write("consume", o.Mark, fmt.Sprint(o.Grant, o.Quanta, o.Sent), func() adapters.Answer {
		l.left[string(o.Grant)] -= o.Quanta
		return link(o.Window, adapters.RoleUsage, string(o.Mark.ID))
	})
}

func lotWorld(t *testing.T, l *lots) *world {
	t.Helper()
	w := newWorldOf(t, one(l), func(c *mapping.Connection) {
		c.Strategy, c.Draws, c.StartsNow = adapters.Mirror, true, true
	})
	w.customer("acme", "Acme")
	return w
}

// holds says what the vendor must hold of grants, in cents.
func (l *lots) holds(t *testing.T, want map[core.ID]int64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, n := range want {
		if l.left[string(id)] != n {
			t.Errorf("the vendor holds %d of %s, want %d", l.left[string(id)], id, n)
		}
	}
	if len(l.left) != len(want) {
		t.Errorf("the vendor holds %v, want %v", l.left, want)
	}
}

// A window is told lot by lot, whatever happens to the calls, and what is
// given back is put back on its lot.
func TestWindowByLot(t *testing.T) {
	l := newLots(9)
	w := lotWorld(t, l)
	first, second := w.grant("acme", 100_00), w.grant("acme", 100_00)
	w.drain()
	w.debit("acme", 130_07) // all of the first, and 30.07 of the second
	l.fail("consume", fault{err: adapters.Errorf(adapters.CodeUnknown, "lost"), after: true}, fault{err: adapters.Errorf(adapters.CodeUnavailable, "later")})
	w.advance(time.Minute)
	w.drain()
	l.holds(t, map[core.ID]int64{first: 0, second: 559}) // 69.93 at 0.08: 5.5944
	d, _, err := w.led.Debit(w.ctx, w.key(), ledger.Charge{Account: ledger.AccountKey{Customer: "acme", Unit: "credits"}, Amount: 10_00})
	w.must(err)
	w.advance(time.Minute)
	w.drain()
	l.holds(t, map[core.ID]int64{first: 0, second: 479})
	_, _, err = w.led.Reverse(w.ctx, w.key(), d.ID, 5_00)
	w.must(err)
	w.advance(time.Minute)
	w.drain()
	l.holds(t, map[core.ID]int64{first: 0, second: 519})
	if _, made := l.count("consume"); made != 4 {
		t.Errorf("%d movements were made, want one for each lot and window", made)
	}
}

// A vendor that cannot be given a grant before it starts is given it then, and
// not at all when it has ended by then.
func TestGrantWaitsForItsStart(t *testing.T) {
	l := newLots(9)
	w := lotWorld(t, l)
	issue := func(key string) core.ID {
		g, _, err := w.led.Issue(w.ctx, key, ledger.AccountKey{Customer: "acme", Unit: "credits"}, core.Terms{
			Amount: 100_00, Category: core.Promotional, Priority: 50, Starts: w.led.Now().Add(24 * time.Hour), Expires: core.Never,
		})
		w.must(err)
		return g.Grant.ID
	}
	stays, goes := issue("stays"), issue("goes")
	now := w.grant("acme", 50_00)
	w.drain()
	l.holds(t, map[core.ID]int64{now: 400})
	_, _, err := w.led.Void(w.ctx, "void", goes)
	w.must(err)
	w.advance(24 * time.Hour)
	w.drain()
	l.holds(t, map[core.ID]int64{now: 400, stays: 800})
}

// What a vendor has no room for stays in the core: its consumption is not
// told, and it is given to the vendor when room appears.
func TestGrantKeptUntilThereIsRoom(t *testing.T) {
	l := newLots(2)
	w := lotWorld(t, l)
	first, second := w.grant("acme", 100_00), w.grant("acme", 100_00)
	kept := w.grant("acme", 100_00)
	w.drain()
	l.holds(t, map[core.ID]int64{first: 800, second: 800})
	w.debit("acme", 230_00)
	w.advance(time.Minute)
	w.drain()
	l.holds(t, map[core.ID]int64{first: 0, second: 0})
	more := w.grant("acme", 10_00)
	w.drain()
	_, _, err := w.led.Void(w.ctx, "void", kept)
	w.must(err)
	w.drain()
	l.holds(t, map[core.ID]int64{first: 0, second: 0})
	l.mu.Lock()
	delete(l.left, string(first)) // it expires there
	l.mu.Unlock()
	w.debit("acme", 1_00)
	w.advance(time.Minute)
	w.drain()
	w.drain()
	l.holds(t, map[core.ID]int64{second: 0, more: 72})
}

// A vendor that meters and has no room for a grant is not told what is
// consumed of it, before nor after it is given the rest.
func TestKeptGrantIsNotMetered(t *testing.T) {
	l := newLots(1)
	l.traits.Draws = false
	v := meteredLots{l}
	w := newWorld(t, one(v))
	w.customer("acme", "Acme")
	first := w.grant("acme", 100_00)
	kept := w.grant("acme", 100_00)
	w.drain()
	w.debit("acme", 150_00)
	w.advance(time.Minute)
	w.drain()
	if v.total() != 800 {
		t.Errorf("the vendor counts %d, want the 800 of the grant that it holds", v.total())
	}
	w.debit("acme", 10_00)
	w.advance(time.Minute)
	w.drain()
	if v.total() != 800 {
		t.Errorf("the vendor counts %d, want 800", v.total())
	}
	l.mu.Lock()
	delete(l.left, string(first))
	l.mu.Unlock()
	other := w.grant("acme", 1_00) // takes the room that was made
	w.drain()
	l.holds(t, map[core.ID]int64{other: 8})
	_, _, err := w.led.Void(w.ctx, "void", other)
	w.must(err)
	w.drain()
	w.drain()
	l.holds(t, map[core.ID]int64{kept: 320}) // 40.00 are left of it
	w.debit("acme", 20_00)
	w.advance(time.Minute)
	w.drain()
	if v.total() != 960 {
		t.Errorf("the vendor counts %d, want 800 and the 160 since it holds the other", v.total())
	}
}

// meteredLots has no lots to name: consumption is one figure.
type meteredLots struct{ *lots }

func (m meteredLots) Consume(ctx context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	return m.vendor.Consume(ctx, o)
}

// A kept grant is offered once, however often room appears before the vendor
// has answered: a second order would be a second grant there.
func TestKeptGrantIsOfferedOnce(t *testing.T) {
	l := newLots(3)
	w := lotWorld(t, l)
	first, second, third := w.grant("acme", 100_00), w.grant("acme", 100_00), w.grant("acme", 100_00)
	kept := w.grant("acme", 100_00)
	w.drain()
	for _, id := range []core.ID{first, second, third} {
		_, _, err := w.led.Void(w.ctx, "void"+string(id), id)
		w.must(err)
		l.fail("end", fault{inCall: func() { w.now.Add(1) }})
	}
	w.drain()
	l.holds(t, map[core.ID]int64{kept: 800})
	if _, made := l.count("grant"); made != 4 {
		t.Errorf("%d grants were made, want 4", made)
	}
}
