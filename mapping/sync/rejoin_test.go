package sync

import (
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// move lets acme's account join or leave the vendor, and drains.
func (w *world) move(change func(*core.Account, string) bool, orders func(*mapping.Outward, core.Time, *core.Account, string) []*ledger.Intent) {
	w.t.Helper()
	rate, err := core.ParsePrice("0.08 usd")
	w.must(err)
	main := mapping.Connection{Name: "main", Strategy: adapters.Meter, Rate: rate, Window: time.Minute, Create: true}
	outward, err := mapping.NewOutward(mapping.Route{Primary: "main"}, []mapping.Connection{main}, []core.Unit{credits})
	w.must(err)
	key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	w.must(w.led.Do(w.ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Accounts = append(b.Accounts, key) },
		Decide: func(tx *ledger.Tx) error {
			if a := tx.Account(key); change(a, "main") {
				tx.Send(orders(outward, tx.Now, a, "main")...)
			}
			return nil
		},
	}))
	w.drain()
}

// TestComeBack: what was left standing when an account left serves again when
// it comes back, and the next true-up puts its amount right, once.
func TestComeBack(t *testing.T) {
	d := newDrawer()
	w := newWorld(t, one(d))
	w.customer("acme", "Acme")
	used, whole := w.grant("acme", 1000_00), w.grant("acme", 500_00)
	w.debit("acme", 250_00) // 20 usd, still to be drawn
	w.advance(time.Minute)
	w.drain()
	w.move((*core.Account).Leave, (*mapping.Outward).Withdraw)
	mustBe(t, "of the used one, after leaving", d.left(used), 8000)
	mustBe(t, "of the whole one, after leaving", d.left(whole), 0)
	w.debit("acme", 125_00) // told to nobody here
	w.move((*core.Account).Join, (*mapping.Outward).Backfill)
	mustBe(t, "of the used one, back", d.left(used), 8000)
	mustBe(t, "of the whole one, back", d.left(whole), 4000)
	if vendor, n := w.linked(string(used), adapters.RoleGrant); vendor != "cg_0" || n != 1 {
		t.Errorf("linked to %s, %d links", vendor, n)
	}
	_, made := d.count("grant")
	mustBe(t, "objects made", made, 3)
	w.debit("acme", 12_50) // 1 usd
	w.advance(time.Minute)
	w.drain()
	mustBe(t, "told in all", d.total(), 2100)
	end := w.led.Now().Add(59 * time.Minute)
	w.advance(time.Hour)
	d.draw(used, 2100)
	w.final("in_1", end)
	w.drain()
	w.state(w.only(mapping.TrueUpKind), ledger.Applied)
	mustBe(t, "of the used one, trued up", d.left(used), 8000-3000-100)
	mustBe(t, "of the whole one, trued up", d.left(whole), 4000)
	_, made = d.count("grant")
	mustBe(t, "objects made in all", made, 4)
}
