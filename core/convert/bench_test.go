package convert

import (
	"fmt"
	"testing"

	"scrip/core"
)

func benchmarkPlan(b *testing.B, n int, mode Mode) {
	unit := core.Unit{Code: credits, Scale: 2}
	change := must[*Change](b)(New(Terms{From: unit, To: core.Unit{Code: "usd", Scale: 6}, Mode: mode, List: priced(b, "0.0333 usd")}))
	a := account(unit)
	for i := range n {
		g := lot(core.ID(fmt.Sprintf("grn_%03d", i)), core.Amount(1001+7*i))
		g.Seq, g.Paid = int64(i+1), core.Money{Minor: 80, Currency: "usd"}
		a.Grants = append(a.Grants, g)
	}
	reserve(a, "hold", core.Allocation{Grant: "grn_000", Amount: 333})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := change.Plan(a, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlan4(b *testing.B)           { benchmarkPlan(b, 4, List) }
func BenchmarkPlan64(b *testing.B)          { benchmarkPlan(b, 64, List) }
func BenchmarkPlanCostBasis4(b *testing.B)  { benchmarkPlan(b, 4, CostBasis) }
func BenchmarkPlanCostBasis64(b *testing.B) { benchmarkPlan(b, 64, CostBasis) }

// The residual over many accounts with as many different prices paid.
func BenchmarkResidual10000Prices(b *testing.B) {
	unit := core.Unit{Code: credits, Scale: 2}
	change := must[*Change](b)(New(Terms{From: unit, To: core.Unit{Code: "usd", Scale: 6}, Mode: CostBasis, List: priced(b, "0.08 usd")}))
	var totals Totals
	for i := range 10_000 {
		g := lot("grn", core.Amount(100_003+2*i))
		g.Remaining, g.Paid = 777, core.Money{Minor: 80, Currency: "usd"}
		totals.Add(must[*Plan](b)(change.Plan(account(unit, g), 1)))
	}
	for b.Loop() {
		if totals.Residual().Sign() == 0 {
			b.Fatal("nothing was rounded")
		}
	}
}
