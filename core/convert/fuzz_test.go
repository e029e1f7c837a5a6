package convert

import (
	"math/big"
	"testing"

	"scrip/core"
)

// FuzzPlan gives any numbers for two grants and a hold: an answer is exact, a
// refusal has a code, and nothing wraps or panics.
func FuzzPlan(f *testing.F) {
	f.Add(int64(100), int64(1), int64(50), int64(30), int64(2), int64(25), 2, 2, int64(0))
	f.Add(int64(4), int64(4), int64(4), int64(4), int64(1), int64(100), 1, 2, int64(7))
	f.Add(int64(1)<<60, int64(1), int64(1)<<59, int64(0), int64(1)<<62, int64(3), 0, 9, int64(99991))
	f.Fuzz(func(t *testing.T, one, two, remaining, held, num, den int64, from, to int, paid int64) {
		rate := core.Rate{Num: num, Den: den}
		terms := Terms{From: core.Unit{Code: credits, Scale: from}, To: core.Unit{Code: "usd", Scale: to}, Mode: Explicit, Rate: rate}
		if paid >= 0 {
			terms.Mode, terms.List = CostBasis, core.Price{Rate: rate, Currency: "usd"}
		}
		change, err := New(terms)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if one <= 0 || two <= 0 || remaining < 0 || remaining > one || held < 0 || held > remaining || one > int64(core.MaxAmount) || two > int64(core.MaxAmount) {
			return // no account holds these
		}
		first, second := lot("one", core.Amount(one)), lot("two", core.Amount(two))
		first.Remaining, first.Paid = core.Amount(remaining), core.Money{Minor: core.Amount(max(paid, 0)), Currency: "usd"}
		a := account(terms.From, first, second)
		if held > 0 {
			reserve(a, "h", core.Allocation{Grant: "one", Amount: core.Amount(held)})
		}
		p, err := change.Plan(a, 1)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		exact := new(big.Rat)
		var sum core.Amount
		for _, l := range p.Lots {
			exact.Add(exact, timesAmount(perPart(terms, a.Grant(l.Grant)), l.Total.From))
			sum += l.Total.To
			if l.Total.To < 0 || l.Total.To > core.MaxAmount || l.Held.To > l.Total.To || l.Held.To < 0 {
				t.Fatalf("lot %+v", l)
			}
		}
		if int64(sum) != halfEven(exact).Int64() || sum != p.Total.To || !halfEven(exact).IsInt64() {
			t.Fatalf("total %v, lots add up to %d, exactly %s", p.Total, sum, exact)
		}
		p.Power(a, []Charge{{"x", "", Moved{core.Amount(num), core.Amount(den)}}}, 1)
		var totals Totals
		totals.Add(p)
		if totals.Residual().Cmp(p.Residual) != 0 {
			t.Fatalf("residual %s, want %s", totals.Residual(), p.Residual)
		}
		b, origin := carry(a, p)
		if u, err := p.Undo(b, origin, 1); err != nil || u.Total.To != p.Total.From {
			t.Fatalf("undone %+v, %v", u, err)
		}
	})
}

// FuzzPrices gives any price and rate: what is answered is exact.
func FuzzPrices(f *testing.F) {
	f.Add(int64(1), int64(10), int64(2), int64(25), 2, byte(0))
	f.Add(int64(1), int64(3), int64(1)<<62, int64(7), 9, byte(2))
	f.Fuzz(func(t *testing.T, price, per, num, den int64, scale int, kind byte) {
		terms := Terms{From: core.Unit{Code: credits, Scale: scale}, To: core.Unit{Code: "usd", Scale: scale}, Mode: Explicit, Rate: core.Rate{Num: num, Den: den}}
		change, err := New(terms)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		p := Price{"it", []Kind{Fixed, PerStep, PerUnit}[kind%3], core.Rate{Num: price, Den: per}, core.Rate{}}
		out, faults := change.Prices([]Price{p})
		for _, q := range out {
			want := new(big.Rat).Mul(rat(p.From), rat(terms.Rate))
			if p.Kind == PerUnit {
				want.Quo(rat(p.From), rat(terms.Rate))
			}
			if rat(q.To).Cmp(want) != 0 {
				t.Fatalf("%v becomes %v, want %s", p, q, want)
			}
		}
		if len(out)+len(faults) != 1 || len(faults) == 1 && faults[0].Error() == "" {
			t.Fatalf("%v, %v", out, faults)
		}
	})
}

func wantRefusal(t *testing.T, err error) {
	t.Helper()
	if code := core.CodeOf(err); code != core.CodeInvalid && code != core.CodeUnitMismatch {
		t.Fatalf("refused with %q: %v", code, err)
	}
}
