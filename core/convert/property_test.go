package convert

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

// world draws terms and an account that they convert.
func world(t *rapid.T) (Terms, *core.Account) {
	from := core.Unit{Code: credits, Scale: rapid.IntRange(0, 6).Draw(t, "from")}
	usd := core.Unit{Code: "usd", Scale: rapid.IntRange(0, 9).Draw(t, "to")}
	price := core.Price{Rate: core.Rate{Num: rapid.Int64Range(1, 5000).Draw(t, "num"), Den: rapid.SampledFrom([]int64{1, 2, 3, 7, 100, 1000, 99991}).Draw(t, "den")}, Currency: "usd"}
	terms := Terms{From: from, To: usd, Mode: rapid.SampledFrom([]Mode{CostBasis, List, Explicit}).Draw(t, "mode"), List: price}
	switch {
	case terms.Mode == Explicit:
		terms.Rate, terms.List = price.Rate, core.Price{}
	case terms.Mode == List && rapid.Bool().Draw(t, "from money"):
		terms.From, terms.To = usd, from
	}
	a := account(terms.From)
	for i := range rapid.IntRange(0, 8).Draw(t, "lots") {
		a.Grants = append(a.Grants, drawGrant(t, i))
	}
	a.Sort()
	drawHolds(t, a)
	return terms, a
}

func drawGrant(t *rapid.T, i int) core.Grant {
	amount := rapid.OneOf(rapid.Int64Range(1, 50), rapid.Int64Range(1, 1_000_000_000)).Draw(t, "amount")
	g := lot(core.ID(fmt.Sprintf("grn_%d", i)), core.Amount(amount))
	g.Seq = int64(i + 1)
	g.Remaining = core.Amount(rapid.Int64Range(0, amount).Draw(t, "remaining"))
	g.Priority = rapid.IntRange(0, 2).Draw(t, "priority")
	g.Category = rapid.SampledFrom([]core.Category{core.Paid, core.Promotional, core.Rollover}).Draw(t, "category")
	g.Starts = rapid.SampledFrom([]core.Time{0, 10 * hour}).Draw(t, "starts")
	if rapid.Bool().Draw(t, "paid") {
		g.Paid = core.Money{Minor: core.Amount(rapid.Int64Range(0, 100_000).Draw(t, "minor")), Currency: "usd"}
	}
	if rapid.IntRange(0, 3).Draw(t, "scoped") == 0 {
		g.Actions = []string{"image"}
	}
	return g
}

// drawHolds reserves parts of some grants; one that a hold empties may be void.
func drawHolds(t *rapid.T, a *core.Account) {
	for i := range rapid.IntRange(0, 4).Draw(t, "holds") {
		var parts []core.Allocation
		for j := range a.Grants {
			if free := a.Grants[j].Free(); free > 0 && rapid.Bool().Draw(t, "on") {
				parts = append(parts, core.Allocation{Grant: a.Grants[j].ID, Amount: core.Amount(rapid.Int64Range(1, int64(free)).Draw(t, "part"))})
			}
		}
		id := core.ID(fmt.Sprintf("hol_%d", i))
		reserve(a, id, parts...)
		h := a.Hold(id)
		h.Captured = core.Amount(rapid.Int64Range(0, 20).Draw(t, "captured"))
		h.Amount += core.Amount(rapid.Int64Range(0, 30).Draw(t, "lapsed"))
	}
	for i := range a.Grants {
		if g := &a.Grants[i]; g.Held > 0 && g.Held == g.Remaining && rapid.Bool().Draw(t, "void") {
			g.Closed = core.Void
		}
	}
}

func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms, a := world(t)
		before := clone(a)
		change, err := New(terms)
		if err != nil {
			t.Skip("the terms are refused")
		}
		p := planOf(t, terms, change, a)
		if !reflect.DeepEqual(a, before) {
			t.Fatal("the plan changed the account")
		}
		again, _ := change.Plan(clone(a), 1)
		if !reflect.DeepEqual(p, again) {
			t.Fatal("the same account gives another plan")
		}
		checkTotal(t, terms, a, p)
		checkHolds(t, terms, a, p)
		checkReturn(t, a, p)
		checkRuns(t, a, p)
	})
}

// planOf plans, and skips what is rightly refused: values above the most that
// an amount or an account may count.
func planOf(t *rapid.T, terms Terms, change *Change, a *core.Account) *Plan {
	p, err := change.Plan(a, 1)
	if err == nil {
		return p
	}
	total, large := new(big.Rat), false
	for i := range a.Grants {
		x := timesAmount(perPart(terms, &a.Grants[i]), a.Grants[i].Remaining)
		total.Add(total, x)
		large = large || x.Cmp(new(big.Rat).SetInt64(int64(core.MaxAmount))) >= 0
	}
	if core.CodeOf(err) != core.CodeInvalid || !large && total.Cmp(new(big.Rat).SetInt64(maxTotal)) < 0 {
		t.Fatalf("%+v: %v", terms, err)
	}
	t.Skip("the values are too large")
	return nil
}

// checkTotal compares with exact arithmetic of any size.
func checkTotal(t *rapid.T, terms Terms, a *core.Account, p *Plan) {
	exact := new(big.Rat)
	var old, sum core.Amount
	var values []*big.Rat
	var parts []core.Amount
	for i := range a.Grants {
		g := &a.Grants[i]
		if g.Remaining == 0 {
			continue
		}
		x := timesAmount(perPart(terms, g), g.Remaining)
		l := p.Lots[len(values)]
		if l.Grant != g.ID || l.Total.From != g.Remaining || rat(l.Rate).Cmp(perPart(terms, g)) != 0 {
			t.Fatalf("lot %+v does not stand for grant %+v", l, g)
		}
		values, parts = append(values, x), append(parts, l.Total.To)
		exact.Add(exact, x)
		old, sum = old+g.Remaining, sum+l.Total.To
	}
	if len(p.Lots) != len(values) {
		t.Fatalf("%d lots for %d grants", len(p.Lots), len(values))
	}
	want := halfEven(exact)
	if p.Total.From != old || int64(p.Total.To) != want.Int64() || sum != p.Total.To {
		t.Fatalf("total %v, lots add up to %d, exactly %s", p.Total, sum, exact)
	}
	left := new(big.Rat).Sub(exact, new(big.Rat).SetInt(want))
	if left.Cmp(p.Residual) != 0 {
		t.Fatalf("residual %s, want %s", p.Residual, left)
	}
	checkShares(t, values, parts)
}

// checkShares holds parts to the rule of the largest remainder: each is its
// value down or up, and nobody went up before one with a larger remainder, or
// an equal one that comes earlier.
func checkShares(t *rapid.T, values []*big.Rat, parts []core.Amount) {
	rems, up := make([]*big.Rat, len(values)), make([]bool, len(values))
	for i, x := range values {
		whole := new(big.Int).Quo(x.Num(), x.Denom())
		rems[i] = new(big.Rat).Sub(x, new(big.Rat).SetInt(whole))
		d := int64(parts[i]) - whole.Int64()
		up[i] = d == 1
		if d != 0 && d != 1 || up[i] && rems[i].Sign() == 0 {
			t.Fatalf("part %d is %d of exactly %s", i, parts[i], x)
		}
	}
	for i := range values {
		for j := range values {
			if c := rems[i].Cmp(rems[j]); up[j] && !up[i] && (c > 0 || c == 0 && i < j) {
				t.Fatalf("%s went up and %s did not", values[j], values[i])
			}
		}
	}
}

func checkHolds(t *rapid.T, terms Terms, a *core.Account, p *Plan) {
	for _, l := range p.Lots {
		g := a.Grant(l.Grant)
		var values []*big.Rat
		var parts []core.Amount
		held, free := core.Amount(0), g.Remaining
		for i, h := range p.Holds {
			for j, part := range h.Parts {
				if part.Grant != l.Grant {
					continue
				}
				if old := a.Holds[i].Parts[j]; old.Grant != part.Grant || old.Amount != part.From {
					t.Fatalf("part %+v stands for %+v", part, old)
				}
				values, parts = append(values, timesAmount(perPart(terms, g), part.From)), append(parts, part.To)
				held, free = held+part.To, free-part.From
			}
		}
		if l.Held != (Moved{g.Held, held}) || held > l.Total.To {
			t.Fatalf("holds reserve %d of %+v", held, l)
		}
		if held > 0 {
			checkShares(t, append(values, timesAmount(perPart(terms, g), free)), append(parts, l.Total.To-held))
		}
	}
	general := perPart(terms, nil)
	for i, h := range p.Holds {
		var reserved core.Amount
		for _, part := range h.Parts {
			reserved += part.To
		}
		captured := halfEven(timesAmount(general, h.Captured.From)).Int64()
		left := halfEven(timesAmount(general, max(0, h.Amount.From-h.Captured.From))).Int64()
		if h.Amount.From != a.Holds[i].Amount || int64(h.Captured.To) != captured || int64(h.Amount.To) != captured+max(left, int64(reserved)) {
			t.Fatalf("hold %+v, captured %d, left %d, reserved %d", h, captured, left, reserved)
		}
	}
}

// checkReturn takes the plan back, at once and by way of the new account.
func checkReturn(t *rapid.T, a *core.Account, p *Plan) {
	r := p.Revert()
	if r.From != p.To || r.To != p.From || r.Total != (Moved{p.Total.To, p.Total.From}) || r.Residual.Sign() != 0 {
		t.Fatalf("the way back is %+v", r)
	}
	for _, l := range r.Lots {
		if g := a.Grant(l.Grant); l.Total.To != g.Remaining || l.Held.To != g.Held {
			t.Fatalf("grant %+v returns as %+v", g, l)
		}
	}
	for i, h := range r.Holds {
		old := a.Holds[i]
		parts := make([]core.Allocation, 0, len(h.Parts))
		for _, part := range h.Parts {
			parts = append(parts, core.Allocation{Grant: part.Grant, Amount: part.To})
		}
		if h.Amount.To != old.Amount || h.Captured.To != old.Captured || !slices.Equal(parts, old.Parts) {
			t.Fatalf("hold %+v returns as %+v", old, h)
		}
	}
	b, origin := carry(a, p)
	u, err := p.Undo(b, origin, 1)
	if err != nil {
		t.Fatal(err)
	}
	if u.Total != r.Total || u.Residual.Sign() != 0 || len(u.Lots) != len(p.Lots) {
		t.Fatalf("undone %+v, want %+v", u, r)
	}
	for _, l := range u.Lots {
		id, ok := origin[l.Grant]
		if !ok {
			id = l.Grant
		}
		if l.Total.To != a.Grant(id).Remaining {
			t.Fatalf("grant %+v is undone to %+v", a.Grant(id), l)
		}
	}
}

// checkRuns uses the new account: the rules of the core hold on it, and every
// hold can be captured for what it keeps.
func checkRuns(t *rapid.T, a *core.Account, p *Plan) {
	b, _ := carry(a, p)
	var posted core.Amount
	for i := range b.Grants {
		g := &b.Grants[i]
		posted += g.Remaining
		if g.Held < 0 || g.Held > g.Remaining || g.Remaining != g.Amount {
			t.Fatalf("the new grant is %+v", g)
		}
	}
	if posted != p.Total.To {
		t.Fatalf("%d posted, want %d", posted, p.Total.To)
	}
	for i, h := range p.Holds {
		reserved := b.Holds[i].Reserved()
		if reserved == 0 {
			continue
		}
		_, err := b.Capture(core.Capture{ID: "deb", Hold: h.ID, Amount: reserved, Final: true}, 2)
		if err != nil || b.Holds[i].State != core.HoldCaptured {
			t.Fatalf("hold %+v cannot be captured for %d: %v", h, reserved, err)
		}
		posted -= reserved
	}
	var left core.Amount
	for i := range b.Grants {
		left += b.Grants[i].Remaining
	}
	if left != posted {
		t.Fatalf("%d remain after the captures, want %d", left, posted)
	}
}

// A unit fine enough for every grant and charge changes nobody's buying power.
func TestBuyingPowerIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := core.Unit{Code: credits, Scale: rapid.IntRange(0, 4).Draw(t, "scale")}
		decimals := rapid.IntRange(0, 4).Draw(t, "decimals")
		rate := core.Rate{Num: rapid.Int64Range(1, 9999).Draw(t, "num"), Den: power10(decimals).Num().Int64()}
		change, err := New(Terms{From: from, To: core.Unit{Code: "usd", Scale: from.Scale + decimals}, Mode: Explicit, Rate: rate})
		if err != nil {
			t.Fatal(err)
		}
		a := account(from)
		for i := range rapid.IntRange(0, 6).Draw(t, "lots") {
			a.Grants = append(a.Grants, drawGrant(t, i))
		}
		a.Sort()
		drawHolds(t, a)
		p, err := change.Plan(a, 1)
		if err != nil {
			t.Fatal(err)
		}
		if p.Residual.Sign() != 0 {
			t.Fatalf("a fine unit leaves %s", p.Residual)
		}
		var charges []Charge
		for _, action := range []string{"image", "text", ""} {
			cost := core.Amount(rapid.Int64Range(0, 5000).Draw(t, "cost"))
			line, residual, err := change.Line(cost)
			if err != nil || residual.Sign() != 0 {
				t.Fatalf("a charge of %d is %v, %v, %v", cost, line, residual, err)
			}
			charges = append(charges, Charge{action, "", line})
		}
		for i, w := range p.Power(a, charges, 1) {
			if w.Changed() {
				t.Fatalf("buying power changed: %+v", w)
			}
			if want := affordable(a, charges[i]); w.Before != want {
				t.Fatalf("%+v, want %d before", w, want)
			}
		}
	})
}

// affordable counts debits until one is refused, by whole bundles.
func affordable(a *core.Account, c Charge) int64 {
	if c.From == 0 {
		return Unlimited
	}
	var free core.Amount
	for i := range a.Grants {
		if g := &a.Grants[i]; g.Closed == "" && g.Starts <= 1 && g.Pays(c.Action) {
			free += g.Remaining - g.Held
		}
	}
	n := int64(free / c.From)
	b := clone(a)
	if _, err := b.Debit("deb", core.Amount(n)*c.From, c.Action, 1, nil); err != nil {
		return -2
	}
	if _, err := b.Debit("one", c.From, c.Action, 1, nil); err == nil {
		return -3
	}
	return n
}
