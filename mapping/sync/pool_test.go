package sync

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// pool is a vendor of units that chooses the lots, the oldest first, and takes
// nothing back.
type pool struct {
	*vendor
	lots *[]lot
}

type lot struct {
	id   string
	left int64 // below zero when more was drawn than there was
}

func newPool() pool { return pool{newVendor(), &[]lot{{id: "debt"}}} }

// draw takes quanta from lots, the last of them going below zero.
func (p pool) draw(quanta int64) {
	for i := range *p.lots {
		l := &(*p.lots)[i]
		n := min(quanta, max(0, l.left))
		l.left -= n
		quanta -= n
	}
	(*p.lots)[0].left -= quanta
}

func (p pool) CreateGrant(_ context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	return p.write("grant", o.Mark, "", func() adapters.Answer {
		*p.lots = append(*p.lots, lot{string(o.Mark.ID), o.Holding.Quanta})
		return link(string(o.Grant), adapters.RoleGrant, string(o.Mark.ID))
	})
}

func (p pool) EndGrant(_ context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	return p.write("end", o.Mark, "", func() adapters.Answer {
		rest := o.Holding.Quanta
		for i := range *p.lots {
			l := &(*p.lots)[i]
			if slices.Contains(o.Links, adapters.Link{Neutral: string(o.Grant), Role: adapters.RoleGrant, Vendor: l.id}) {
				n := min(rest, l.left)
				if o.Over {
					n = max(0, l.left)
				}
				l.left -= n
				rest -= n
			}
		}
		spared := min(rest, o.Spare)
		p.draw(rest - spared)
		return adapters.Answer{Spared: spared}
	})
}

func (p pool) Consume(_ context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	return p.write("consume", o.Mark, "", func() adapters.Answer {
		p.draw(o.Quanta)
		return link(o.Window, adapters.RoleUsage, string(o.Mark.ID))
	})
}

// left is what the vendor has of acme's.
func (p pool) left() (sum int64) {
	for _, l := range *p.lots {
		sum += l.left
	}
	return sum
}

func newPoolWorld(t *testing.T, p pool) *world {
	return newWorldOf(t, one(p), func(c *mapping.Connection) { c.Strategy, c.HoldsUnits = adapters.Mirror, true })
}

// turn lets acme's account leave the vendor, and come back.
func (w *world) turn() {
	w.t.Helper()
	conn := w.w.conns["main"].Connection
	outward, err := mapping.NewOutward(mapping.Route{Primary: "main"}, []mapping.Connection{conn}, []core.Unit{credits})
	w.must(err)
	account := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	book := mapping.BookKey("main", account)
	for _, leaves := range []bool{true, false} {
		w.must(w.led.Do(w.ctx, &ledger.Op{
			Names: func(b *ledger.Batch) {
				b.Accounts, b.Records = append(b.Accounts, account), append(b.Records, book)
			},
			Decide: func(tx *ledger.Tx) error {
				a := tx.Account(account)
				if leaves {
					a.Leave("main")
					tx.Send(outward.Withdraw(tx.Now, a, "main")...)
					return nil
				}
				a.Join("main")
				tx.Send(outward.Backfill(tx.Now, a, "main")...)
				b, err := bookOf(tx, book)
				if err != nil {
					return err
				}
				b.Join(a, tx.Now)
				return tx.PutRecord(book, b)
			},
		}))
		w.drain()
	}
}

func (w *world) holds(p pool, want core.Amount, when string) {
	w.t.Helper()
	w.advance(time.Minute)
	w.drain()
	if got := p.left(); got != int64(want) {
		w.t.Errorf("%s the vendor holds %d, want %d", when, got, want)
	}
}

// TestComesBackToWhatWasOver: what comes back to a grant that was over when its
// account joined ends at once, and leaves the others at the vendor as they are.
func TestComesBackToWhatWasOver(t *testing.T) {
	for _, ended := range []bool{true, false} {
		p := newPool()
		w := newPoolWorld(t, p)
		w.customer("acme", "Acme")
		old := w.grant("acme", 100_00)
		debit := w.debit("acme", 100_00)
		if ended {
			w.reverse(debit, 60_00)
			_, _, err := w.led.Void(w.ctx, "void", old)
			w.must(err)
		}
		w.holds(p, 0, "before it leaves")
		w.turn()
		w.grant("acme", 50_00)
		w.holds(p, 50_00, "of the new grant")
		w.reverse(debit, 40_00)
		if !ended { // it is spent first, and what is left of it ends later
			w.holds(p, 50_00, "with what is carried")
			w.debit("acme", 10_00)
			w.holds(p, 50_00, "after what was carried")
			_, _, err := w.led.Void(w.ctx, "void", old)
			w.must(err)
		}
		w.holds(p, 50_00, "after its end")
		w.debit("acme", 7_00)
		w.holds(p, 43_00, "after more was consumed")
	}
}

// TestEndTakesItsOwnLotFirst: what is missing at the vendor is missing in the
// lots that stay: one whose grant has ended would be lost with what is in it.
func TestEndTakesItsOwnLotFirst(t *testing.T) {
	p := newPool()
	w := newPoolWorld(t, p)
	w.customer("acme", "Acme")
	w.grant("acme", 100_00)
	debit := w.debit("acme", 80_00)
	w.holds(p, 20_00, "after the first")
	second := w.grant("acme", 30_00)
	w.reverse(debit, 80_00)
	w.holds(p, 50_00, "with what is carried")
	_, _, err := w.led.Void(w.ctx, "void", second)
	w.must(err)
	w.holds(p, 20_00, "after the end of the second")
	w.debit("acme", 85_00)
	w.holds(p, 15_00, "after what was carried")
}

// TestEndEmptiesItsLot: what was missing was not told of a grant's consumption,
// so its lot holds more than ends. All of it goes, and is missing then.
func TestEndEmptiesItsLot(t *testing.T) {
	p := newPool()
	w := newPoolWorld(t, p)
	w.customer("acme", "Acme")
	w.grant("acme", 100_00)
	debit := w.debit("acme", 100_00)
	w.holds(p, 0, "after the first")
	w.reverse(debit, 80_00)
	second := w.grant("acme", 50_00)
	w.holds(p, 50_00, "with what is carried")
	w.debit("acme", 100_00) // 80 of the first, 20 of the second
	w.holds(p, 30_00, "after what was carried")
	_, _, err := w.led.Void(w.ctx, "void", second)
	w.must(err)
	w.holds(p, 0, "after the end of the second")
	w.reverse(debit, 20_00)
	third := w.grant("acme", 60_00)
	w.debit("acme", 15_00)
	w.holds(p, 60_00, "with more that is carried")
	w.debit("acme", 45_00) // 5 of the first, 40 of the third
	w.holds(p, 20_00, "when all is told again")
	_, _, err = w.led.Void(w.ctx, "void again", third)
	w.must(err)
	w.holds(p, 0, "after the end of the third")
}

// TestRefusedAfterItsEnd: a grant that the vendor refuses, and which has ended
// since, needs not be told: what was consumed of it is the core's own, and what
// waits behind it goes on.
func TestRefusedAfterItsEnd(t *testing.T) {
	p := newPool()
	w := newPoolWorld(t, p)
	w.customer("acme", "Acme")
	w.drain()
	p.fail("grant", fault{err: vendorError(adapters.CodeInvalid)}, fault{err: vendorError(adapters.CodeInvalid)})
	now := w.led.Now()
	_, _, err := w.led.Issue(w.ctx, w.key(), ledger.AccountKey{Customer: "acme", Unit: "credits"}, core.Terms{Amount: 40_00, Category: core.Paid, Priority: 50, Starts: now, Expires: now.Add(time.Hour)})
	w.must(err)
	w.debit("acme", 15_00)
	w.drain()
	refused := w.only(adapters.GrantKind)
	w.state(refused, ledger.Parked)
	w.advance(2 * time.Hour)
	_, _, err = w.led.Sweep(w.ctx, 10)
	w.must(err)
	w.must(w.led.RetryIntent(w.ctx, refused.ID))
	w.drain()
	refused = w.only(adapters.GrantKind)
	w.state(refused, ledger.Ignored)
	if !strings.HasPrefix(refused.Reason, mapping.KeptReason) {
		t.Errorf("ignored for %q", refused.Reason)
	}
	w.grant("acme", 50_00)
	w.debit("acme", 8_00)
	w.holds(p, 42_00, "of the next grant")
	if calls, _ := p.count("end"); calls != 0 {
		t.Errorf("%d ends were told", calls)
	}
}
