package convert

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"scrip/core"
)

// A million accounts, each held to the rules in plain 64-bit arithmetic that
// shares nothing with the code, and their sum to the total that is reported.
func TestMillionAccounts(t *testing.T) {
	from := core.Unit{Code: credits, Scale: 2}
	for i, c := range []struct {
		scale int
		rate  string
	}{{2, "0.08"}, {6, "0.08"}, {0, "30"}, {3, "0.000373"}} {
		t.Run(c.rate, func(t *testing.T) {
			t.Parallel()
			quarterMillion(t, at(t, from, core.Unit{Code: "new", Scale: c.scale}, c.rate), rand.New(rand.NewPCG(7, uint64(i))))
		})
	}
}

func quarterMillion(t *testing.T, change *Change, r *rand.Rand) {
	const accounts = 250_000
	a := account(change.From, lot("a", 1), lot("b", 1), lot("c", 1), lot("d", 1), lot("e", 1), lot("f", 1))
	var totals Totals
	old, made, exact, n := new(big.Int), new(big.Int), new(big.Int), new(big.Int)
	for range accounts {
		randomize(r, a)
		p, err := change.Plan(a, 1)
		if err != nil {
			t.Fatal(err)
		}
		num := checkPlain(t, a, p, change.part)
		totals.Add(p)
		old.Add(old, n.SetInt64(int64(p.Total.From)))
		made.Add(made, n.SetInt64(int64(p.Total.To)))
		exact.Add(exact, n.SetInt64(num))
	}
	left := new(big.Rat).SetFrac(exact, big.NewInt(change.part.Den))
	left.Sub(left, new(big.Rat).SetInt(made))
	if totals.Accounts != accounts || totals.From.Cmp(old) != 0 || totals.To.Cmp(made) != 0 || totals.Residual().Cmp(left) != 0 {
		t.Errorf("the report says %s to %s, residual %s; want %s to %s, residual %s",
			&totals.From, &totals.To, totals.Residual(), old, made, left)
	}
}

// randomize gives a one to six grants, and sometimes a hold.
func randomize(r *rand.Rand, a *core.Account) {
	a.Grants, a.Holds = a.Grants[:1+r.IntN(6)], a.Holds[:0]
	for i := range a.Grants {
		g := &a.Grants[i]
		g.Amount = core.Amount(1 + r.Int64N(1<<(1+r.IntN(40))))
		g.Remaining, g.Held = g.Amount, 0
	}
	if r.IntN(4) > 0 {
		return
	}
	h := core.Hold{ID: "hold", State: core.HoldOpen, Expires: 1000 * hour}
	for i := range a.Grants {
		if part := core.Amount(r.Int64N(int64(a.Grants[i].Remaining) + 1)); part > 0 {
			a.Grants[i].Held = part
			h.Amount += part
			h.Parts = append(h.Parts, core.Allocation{Grant: a.Grants[i].ID, Amount: part})
		}
	}
	a.Holds = append(a.Holds, h)
}

// checkPlain returns the numerator of the account's exact total.
func checkPlain(t *testing.T, a *core.Account, p *Plan, r core.Rate) int64 {
	var num, sum int64
	for i := range a.Grants {
		n := int64(a.Grants[i].Remaining) * r.Num
		num += n
		got := int64(p.Lots[i].Total.To)
		sum += got
		if got != n/r.Den && (got != n/r.Den+1 || n%r.Den == 0) {
			t.Fatalf("grant %d of %d x %v is %d", i, a.Grants[i].Remaining, r, got)
		}
		if held := p.Lots[i].Held; held.To > p.Lots[i].Total.To || held.From != a.Grants[i].Held {
			t.Fatalf("lot %+v", p.Lots[i])
		}
	}
	want, rem := num/r.Den, num%r.Den
	if rem > r.Den-rem || rem == r.Den-rem && want%2 == 1 {
		want++
	}
	if int64(p.Total.To) != want || sum != want {
		t.Fatalf("total %d, lots add up to %d, want %d", p.Total.To, sum, want)
	}
	if left := num - want*r.Den; p.Residual.Num().Int64()*(r.Den/p.Residual.Denom().Int64()) != left {
		t.Fatalf("residual %s, want %d/%d", p.Residual, left, r.Den)
	}
	var reserved, held core.Amount
	for _, h := range p.Holds {
		for _, part := range h.Parts {
			reserved += part.To
		}
	}
	for i := range p.Lots {
		held += p.Lots[i].Held.To
	}
	if reserved != held {
		t.Fatalf("holds reserve %d, grants hold %d", reserved, held)
	}
	return num
}
