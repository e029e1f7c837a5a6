package convert

import (
	"math/big"
	"slices"
	"testing"

	"scrip/core"
)

const (
	credits = "credits"
	hour    = core.Time(3600 * 1_000_000)
)

// must fails the test on a refusal.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantCode(t testing.TB, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Errorf("the answer is %v, want code %q", err, code)
	}
}

func rated(t testing.TB, text string) core.Rate {
	t.Helper()
	return must[core.Rate](t)(core.ParseRate(text))
}

func priced(t testing.TB, text string) core.Price {
	t.Helper()
	return must[core.Price](t)(core.ParsePrice(text))
}

// at is a change between two units at a rate.
func at(t testing.TB, from, to core.Unit, rate string) *Change {
	t.Helper()
	return must[*Change](t)(New(Terms{From: from, To: to, Mode: Explicit, Rate: rated(t, rate)}))
}

// lot is a paid, unrestricted grant in force from 0 for ever, whole.
func lot(id core.ID, amount core.Amount) core.Grant {
	return core.Grant{
		Terms:     core.Terms{ID: id, Amount: amount, Category: core.Paid, Priority: core.DefaultPriority, Expires: core.Never},
		Remaining: amount,
	}
}

// account is one with these grants in the order given.
func account(unit core.Unit, grants ...core.Grant) *core.Account {
	a := &core.Account{Customer: "ada", Unit: unit, Order: core.DefaultOrder(), Grants: grants}
	for i := range a.Grants {
		if a.Grants[i].Seq == 0 {
			a.Grants[i].Seq = int64(i + 1)
		}
	}
	a.Sort()
	return a
}

// reserve adds an open hold of given parts.
func reserve(a *core.Account, id core.ID, parts ...core.Allocation) {
	h := core.Hold{ID: id, State: core.HoldOpen, Parts: parts, Created: core.Time(len(a.Holds)), Expires: 1000 * hour}
	for _, p := range parts {
		h.Amount += p.Amount
		a.Grant(p.Grant).Held += p.Amount
	}
	a.Holds = append(a.Holds, h)
	a.Sort()
}

// carry builds the account that a plan makes, as one who applies it does: new
// ids, and no grant or part of nothing.
func carry(a *core.Account, p *Plan) (b *core.Account, origin map[core.ID]core.ID) {
	b = &core.Account{Customer: a.Customer, Unit: p.To, Order: a.Order}
	origin = map[core.ID]core.ID{}
	for _, l := range p.Lots {
		if l.Closed() {
			continue
		}
		old := a.Grant(l.Grant)
		g := core.Grant{Terms: old.Terms, Remaining: l.Total.To, Held: l.Held.To, Closed: old.Closed}
		g.ID, g.Amount, g.Paid = "new_"+old.ID, l.Total.To, l.Paid
		b.Seq++
		g.Seq = b.Seq
		origin[g.ID] = old.ID
		b.Grants = append(b.Grants, g)
	}
	for _, h := range p.Holds {
		made := *a.Hold(h.ID)
		made.Amount, made.Captured, made.Parts = h.Amount.To, h.Captured.To, nil
		for _, part := range h.Parts {
			if part.To > 0 {
				made.Parts = append(made.Parts, core.Allocation{Grant: "new_" + part.Grant, Amount: part.To})
			}
		}
		b.Holds = append(b.Holds, made)
	}
	b.Sort()
	return b, origin
}

func clone(a *core.Account) *core.Account {
	b := *a
	b.Grants, b.Holds = slices.Clone(a.Grants), slices.Clone(a.Holds)
	return &b
}

// halfEven rounds in the plain way, in numbers of any size.
func halfEven(x *big.Rat) *big.Int {
	q, rem := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	twice := new(big.Int).Lsh(rem, 1).Cmp(x.Denom())
	if twice > 0 || twice == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return q
}

func power10(n int) *big.Rat {
	x := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil))
	if n < 0 {
		x.Inv(x)
	}
	return x
}

// perPart is what one part of g is worth, worked out from the terms alone.
func perPart(t Terms, g *core.Grant) *big.Rat {
	x := new(big.Rat)
	switch {
	case t.Mode == Explicit:
		x.Mul(rat(t.Rate), power10(t.To.Scale-t.From.Scale))
	case t.Mode == CostBasis && g != nil && g.Paid.Currency != "":
		x.SetFrac64(int64(g.Paid.Minor), int64(g.Amount))
		x.Mul(x, power10(t.To.Scale-g.Paid.Currency.Exponent()))
	case string(t.List.Currency) == t.To.Code:
		x.Mul(rat(t.List.Rate), power10(t.To.Scale-t.From.Scale))
	default:
		x.Inv(rat(t.List.Rate))
		x.Mul(x, power10(t.To.Scale-t.From.Scale))
	}
	return x
}

func timesAmount(x *big.Rat, a core.Amount) *big.Rat {
	return new(big.Rat).Mul(x, new(big.Rat).SetInt64(int64(a)))
}
