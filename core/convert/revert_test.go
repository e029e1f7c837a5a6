package convert

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

// What was spent in the new unit stays spent when the change is undone, what
// had become nothing returns, and what was granted since goes by the rate.
func TestUndoAfterUse(t *testing.T) {
	unit, usd := core.Unit{Code: credits, Scale: 1}, core.Unit{Code: "usd", Scale: 2}
	gift := lot("gift", 1)
	gift.Priority = 60
	a := account(unit, lot("pack", 1000), lot("more", 335), gift)
	p := must[*Plan](t)(at(t, unit, usd, "0.08").Plan(a, 1))
	if got, want := tell(p), "pack 1000>800 more 335>268 gift 1>1"; got != want {
		t.Fatalf("the plan is %s, want %s", got, want)
	}
	p = must[*Plan](t)(at(t, unit, usd, "0.04").Plan(a, 1))
	if got, want := tell(p), "pack 1000>400 more 335>134 gift 1>0"; got != want {
		t.Fatalf("the plan is %s, want %s", got, want)
	}
	b, origin := carry(a, p)
	if _, err := b.Debit("deb", 401, "", 2, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Issue(core.Terms{ID: "since", Amount: 10, Category: core.Paid, Priority: 99, Starts: 2, Expires: core.Never}, 2); err != nil {
		t.Fatal(err)
	}
	u := must[*Plan](t)(p.Undo(b, origin, 3))
	// 133 of 134 cents are worth 332.5 of 335 parts, 10 cents 25; with the gift
	// that is 358.5, of which the even neighbour is below.
	if got, want := tell(u), "new_more 133>332 since 10>25 gift 0>1"; got != want || u.Residual.RatString() != "1/2" || u.Total != (Moved{143, 358}) {
		t.Errorf("undone: %s, residual %s; want %s", got, u.Residual, want)
	}

	other := clone(b)
	other.Customer = "bob"
	_, err := p.Undo(other, origin, 3)
	wantCode(t, err, core.CodeUnitMismatch)
	_, err = p.Undo(a, origin, 3)
	wantCode(t, err, core.CodeUnitMismatch)
	_, err = p.Undo(b, map[core.ID]core.ID{"new_more": "gift"}, 3)
	wantCode(t, err, core.CodeInternal)
}

// Whatever is spent in between, a way there and back makes nobody richer by
// more than one rounding of the total, and no grant returns above what it was.
func TestUndoProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms, a := world(t)
		change, err := New(terms)
		if err != nil {
			t.Skip("the terms are refused")
		}
		p := planOf(t, terms, change, a)
		b, origin := carry(a, p)
		for i := range rapid.IntRange(0, 3).Draw(t, "debits") {
			if free := b.Balance(2).Available; free > 0 {
				amount := core.Amount(rapid.Int64Range(1, int64(free)).Draw(t, "amount"))
				_, _ = b.Debit(core.ID(fmt.Sprint(i)), amount, "image", 2, nil) // a refusal spends nothing
			}
		}
		u, err := p.Undo(b, origin, 3)
		if err != nil {
			t.Fatal(err)
		}
		exact, seen := new(big.Rat), map[core.ID]bool{}
		for _, l := range u.Lots {
			id, carried := origin[l.Grant]
			if !carried {
				id = l.Grant
			}
			old := a.Grant(id).Remaining
			seen[id] = true
			if l.Total.To > old {
				t.Fatalf("grant %q returns as %+v, it was %d", id, l, old)
			}
			if !carried {
				exact.Add(exact, new(big.Rat).SetInt64(int64(old)))
				continue
			}
			made := b.Grant(l.Grant)
			exact.Add(exact, timesAmount(big.NewRat(int64(old), int64(made.Amount)), made.Remaining))
		}
		if got := halfEven(exact).Int64(); got != int64(u.Total.To) {
			t.Fatalf("undone to %d, exactly %s", u.Total.To, exact)
		}
		for _, l := range p.Lots {
			if l.Closed() && !seen[l.Grant] {
				t.Fatalf("grant %q that became nothing does not return", l.Grant)
			}
		}
	})
}

// The report's sums are those of its accounts, whatever they were paid in.
func TestTotals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var totals, back Totals
		exact := new(big.Rat)
		var closed, lots, holds int64
		change, err := New(Terms{
			From: core.Unit{Code: credits, Scale: 2}, To: core.Unit{Code: "usd", Scale: rapid.IntRange(0, 6).Draw(t, "scale")},
			Mode: CostBasis, List: core.Price{Rate: core.Rate{Num: 2, Den: 25}, Currency: "usd"},
		})
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(0, 12).Draw(t, "accounts")
		for range n {
			a := account(change.From)
			for i := range rapid.IntRange(0, 5).Draw(t, "lots") {
				a.Grants = append(a.Grants, drawGrant(t, i))
			}
			a.Sort()
			drawHolds(t, a)
			p, err := change.Plan(a, 1)
			if err != nil {
				t.Fatal(err)
			}
			totals.Add(p)
			back.Add(p.Revert())
			exact.Add(exact, p.Residual)
			lots, holds = lots+int64(len(p.Lots)), holds+int64(len(p.Holds))
			for i := range p.Lots {
				if p.Lots[i].Total.To == 0 {
					closed++
				}
			}
		}
		if totals.Residual().Cmp(exact) != 0 || totals.Accounts != int64(n) || totals.Closed != closed || totals.Lots != lots || totals.Holds != holds {
			t.Fatalf("%+v, residual %s; want %s, %d closed", totals, totals.Residual(), exact, closed)
		}
		if back.Residual().Sign() != 0 || back.From.Cmp(&totals.To) != 0 || back.To.Cmp(&totals.From) != 0 {
			t.Fatalf("the way back: %+v, residual %s", back, back.Residual())
		}
	})
}
