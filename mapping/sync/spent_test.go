package sync

import (
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

func (w *world) book() *mapping.Book {
	w.t.Helper()
	r, err := w.led.Reader().Records.Record(w.ctx, mapping.BookKey("main", ledger.AccountKey{Customer: "acme", Unit: "credits"}))
	w.must(err)
	b, err := mapping.BookOf(r)
	w.must(err)
	return b
}

// TestSpentLotIsEmptied: where less was told than a grant gave, the vendor still
// holds some of it when it is spent here. That would be written off with the
// lot, so it is taken, and missing, before.
func TestSpentLotIsEmptied(t *testing.T) {
	p := newPool()
	w := newPoolWorld(t, p)
	w.customer("acme", "Acme")
	w.grant("acme", 100_00)
	debit := w.debit("acme", 100_00)
	w.holds(p, 0, "after the first")
	w.reverse(debit, 80_00)
	_, _, err := w.led.Issue(w.ctx, "short", ledger.AccountKey{Customer: "acme", Unit: "credits"}, core.Terms{
		Amount: 50_00, Category: core.Promotional, Priority: core.DefaultPriority, Expires: w.led.Now().Add(10 * time.Hour),
	})
	w.must(err)
	w.holds(p, 50_00, "with what is carried")
	w.debit("acme", 60_00) // 50 of the short one, 10 of the first
	w.holds(p, 0, "when the short one is spent")
	mustBe(t, "carried", w.book().Carry, -70_00)
	w.advance(11 * time.Hour)
	w.debit("acme", 70_00)
	w.holds(p, 0, "when all is told again")
	mustBe(t, "carried at last", w.book().Carry, 0)
}

// TestSpentLotThatWasDrawn: where all that was consumed was told, a spent grant
// costs no call.
func TestSpentLotThatWasDrawn(t *testing.T) {
	p := newPool()
	w := newPoolWorld(t, p)
	w.customer("acme", "Acme")
	account := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	_, _, err := w.led.Issue(w.ctx, "short", account, core.Terms{
		Amount: 50_00, Category: core.Promotional, Priority: core.DefaultPriority, Expires: w.led.Now().Add(10 * time.Hour),
	})
	w.must(err)
	w.debit("acme", 50_00)
	w.holds(p, 0, "when it is spent")
	w.state(w.only(adapters.EndKind), ledger.Ignored)
	if calls, _ := p.count("end"); calls != 0 {
		t.Errorf("%d calls", calls)
	}
	mustBe(t, "remembered", len(w.book().Spent), 1)
}

// TestEndOfWhatCameBack: an order to withdraw a grant that waits for a window is
// overtaken by the grant's return, which finds the vendor's object standing: it
// must not be withdrawn then.
func TestEndOfWhatCameBack(t *testing.T) {
	d := newDrawer()
	w := newWorld(t, one(d))
	w.customer("acme", "Acme")
	id := w.grant("acme", 1000_00)
	w.drain()
	account := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	end := &mapping.EndFacts{Grant: id, Unit: "credits", Holding: adapters.Holding{Quanta: 8000, Scale: 2, Unit: "usd"}}
	late := w.led.Now().Add(time.Minute)
	w.must(w.led.Do(w.ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Accounts = append(b.Accounts, account) },
		Decide: func(tx *ledger.Tx) error {
			body := &mapping.Body{End: end}
			tx.Send(&ledger.Intent{
				ID: core.NewID(core.IntentID, "acme", "end", "late", 0), Connection: "main", Customer: "acme", Kind: string(adapters.EndKind), Ref: string(id),
				Body: body.Encode(), Created: tx.Now, Due: late, State: ledger.Waiting,
			})
			return nil
		},
	}))
	w.advance(2 * time.Minute)
	w.drain()
	w.state(w.only(adapters.EndKind), ledger.Ignored)
	mustBe(t, "left", d.left(id), 8000)
}

// TestComesBackToAnother: of a grant that came back to a new object of the
// vendor's only that one is linked.
func TestComesBackToAnother(t *testing.T) {
	d := newDrawer()
	w := newWorld(t, one(d))
	w.customer("acme", "Acme")
	id := w.grant("acme", 1000_00)
	w.drain()
	w.turn()
	if d.left(id) != 8000 || len(*d.held) != 2 {
		t.Fatalf("the vendor holds %d in %+v", d.left(id), *d.held)
	}
	vendor, n := w.linked(string(id), adapters.RoleGrant)
	mustBe(t, "links", n, 1)
	mustBe(t, "linked to", vendor, "cg_1")
}

// A grant that was spent and got something back before its end was sent is in
// force: what its vendor has of it stays.
func TestSpentCameBack(t *testing.T) {
	p := newPool()
	w := newPoolWorld(t, p)
	w.customer("acme", "Acme")
	w.grant("acme", 100_00)
	debit := w.debit("acme", 100_00)
	w.holds(p, 0, "after the first")
	w.reverse(debit, 80_00)
	_, _, err := w.led.Issue(w.ctx, "short", ledger.AccountKey{Customer: "acme", Unit: "credits"}, core.Terms{
		Amount: 50_00, Category: core.Promotional, Priority: core.DefaultPriority, Expires: w.led.Now().Add(10 * time.Hour),
	})
	w.must(err)
	w.holds(p, 50_00, "with what is carried")
	w.reverse(w.debit("acme", 50_00), 50_00) // in one window: the grant is whole again
	w.holds(p, 50_00, "when the short one is whole again")
	w.advance(11 * time.Hour)
	w.drain()
	w.debit("acme", 80_00)
	w.holds(p, 0, "when all is spent")
}
