package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/reconcile"
)

// Many lines, each below the smallest part that the vendor keeps: both sides
// agree as long as the vendor holds their sum rounded once, and what is lost
// there is found and told exactly.
//
// RC-05.
func TestRoundingKeepsValue(t *testing.T) {
	x := newTown(t)
	x.customer("acme")
	x.grant("acme", "paid", 1000_00, core.Terms{})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	spent, line := core.Amount(0), 0
	for range 5 {
		for range 20 {
			amount := core.Amount(1 + r.IntN(12)) // 0.08 to 0.96 of a cent
			x.debit("acme", fmt.Sprint(line), amount)
			spent += amount
			line++
		}
		x.settle()
		expect(t, x.compare(), "", "")
	}
	key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	x.mutate("meter_event", x.link(mapping.WindowID("main", key, 1), adapters.RoleUsage), "delete", nil)
	report := x.compare()
	expect(t, report, "acme/consumption usd/consumption", "")
	if report.Agrees() {
		return
	}
	// All that was spent, rounded down once, and never a sum of rounded lines.
	ours := int64(spent) * 8 / 100
	f := report.Findings[0]
	if want := fmt.Sprintf("%d.%02d usd", ours/100, ours%100); f.Ours != want || f.Cause != reconcile.ConsumedDiffers {
		t.Errorf("spent %d parts, ours is %q, want %q", spent, f.Ours, want)
	}
	if f.Difference == "" || f.Difference[0] != '-' {
		t.Errorf("what is missing there is told as %q", f.Difference)
	}
}
