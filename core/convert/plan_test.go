package convert

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"scrip/core"
)

// tell is a plan's lots and holds in a few words.
func tell(p *Plan) string {
	var words []string
	for _, l := range p.Lots {
		words = append(words, fmt.Sprintf("%s %d>%d", l.Grant, int64(l.Total.From), int64(l.Total.To)))
	}
	for _, h := range p.Holds {
		words = append(words, fmt.Sprintf("%s %d>%d", h.ID, int64(h.Amount.From), int64(h.Amount.To)))
		for _, part := range h.Parts {
			words = append(words, fmt.Sprintf("(%s %d>%d)", part.Grant, int64(part.From), int64(part.To)))
		}
	}
	return strings.Join(words, " ")
}

func TestPlan(t *testing.T) {
	usd := core.Unit{Code: "usd", Scale: 2}
	whole, tenths := core.Unit{Code: credits}, core.Unit{Code: credits, Scale: 1}
	for _, c := range []struct {
		name     string
		change   *Change
		account  *core.Account
		want     string
		total    core.Amount
		residual string
	}{
		{"a clean rate", at(t, tenths, usd, "0.08"), account(tenths, lot("a", 1370), lot("b", 2500), lot("c", 335)),
			"a 1370>1096 b 2500>2000 c 335>268", 3364, "0"},
		{"dust stays with the first", at(t, tenths, usd, "0.01"), account(tenths, lot("a", 4), lot("b", 4), lot("c", 4)),
			"a 4>1 b 4>0 c 4>0", 1, "1/5"},
		{"the total is rounded, not the lots", at(t, tenths, usd, "0.01"), account(tenths, lot("a", 6), lot("b", 6), lot("c", 6)),
			"a 6>1 b 6>1 c 6>0", 2, "-1/5"},
		{"a half goes to the even total below", at(t, tenths, usd, "0.01"), account(tenths, lot("a", 25)), "a 25>2", 2, "1/2"},
		{"a half goes to the even total above", at(t, tenths, usd, "0.01"), account(tenths, lot("a", 35)), "a 35>4", 4, "-1/2"},
		{"the largest remainder wins, wherever it burns", at(t, tenths, usd, "0.01"), account(tenths, lot("a", 12), lot("b", 14), lot("c", 13)),
			"a 12>1 b 14>2 c 13>1", 4, "-1/10"},
		{"smaller credits", at(t, whole, core.Unit{Code: "points"}, "30"), account(whole, lot("a", 7), lot("b", 1)), "a 7>210 b 1>30", 240, "0"},
		{"nothing", at(t, whole, usd, "0.08"), account(whole), "", 0, "0"},
	} {
		p, err := c.change.Plan(c.account, 1)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if tell(p) != c.want || p.Total.To != c.total || p.Residual.RatString() != c.residual {
			t.Errorf("%s: %s, total %d, residual %s; want %s, total %d, residual %s",
				c.name, tell(p), int64(p.Total.To), p.Residual.RatString(), c.want, int64(c.total), c.residual)
		}
	}
}

// What is not in force yet, and what only a hold keeps, is converted too; what
// is spent is not.
func TestPlanTakesWhatRemains(t *testing.T) {
	unit := core.Unit{Code: credits, Scale: 2}
	later, void, spent, part := lot("later", 500), lot("void", 1000), lot("spent", 100), lot("part", 900)
	later.Starts = 50 * hour
	void.Remaining, void.Ended, void.Closed = 300, 700, core.Void
	spent.Remaining = 0
	part.Remaining, part.Paid = 300, core.Money{Minor: 100, Currency: "usd"}
	a := account(unit, later, void, spent, part)
	reserve(a, "h", core.Allocation{Grant: "void", Amount: 300})
	a.Holds = append(a.Holds, core.Hold{ID: "done", Amount: 10, Captured: 10, State: core.HoldCaptured, Expires: 1000 * hour})
	p := must[*Plan](t)(at(t, unit, core.Unit{Code: "points", Scale: 0}, "10").Plan(a, 1))
	if got, want := tell(p), "void 300>30 part 300>30 later 500>50 h 300>30 (void 300>30)"; got != want {
		t.Errorf("the plan is %s, want %s", got, want)
	}
	if got := p.Lots[1].Paid; got != (core.Money{Minor: 33, Currency: "usd"}) {
		t.Errorf("a third of 1.00 usd moves as %s", got)
	}
}

func TestCostBasis(t *testing.T) {
	unit, usd := core.Unit{Code: credits, Scale: 2}, core.Unit{Code: "usd", Scale: 6}
	pack, gift, free, third := lot("pack", 50000), lot("gift", 5000), lot("free", 5000), lot("third", 300)
	pack.Paid = core.Money{Minor: 3990, Currency: "usd"} // 500 for 39.90
	pack.Remaining = 20000
	gift.Paid = core.Money{Currency: "usd"}
	third.Paid = core.Money{Minor: 1, Currency: "usd"}
	change := must[*Change](t)(New(Terms{From: unit, To: usd, Mode: CostBasis, List: priced(t, "0.08 usd")}))
	p := must[*Plan](t)(change.Plan(account(unit, pack, gift, free, third), 1))
	if got, want := tell(p), "pack 20000>15960000 gift 5000>0 free 5000>4000000 third 300>10000"; got != want {
		t.Errorf("the plan is %s, want %s", got, want)
	}
	for i, want := range []Mode{CostBasis, CostBasis, List, CostBasis} {
		if l := p.Lots[i]; l.By != want || l.Closed() != (l.Grant == "gift") {
			t.Errorf("grant %q was valued by %s, closed %t", l.Grant, l.By, l.Closed())
		}
	}
	yen := lot("yen", 300)
	yen.Paid = core.Money{Minor: 500, Currency: "jpy"} // which has no decimals
	inYen := must[*Change](t)(New(Terms{From: unit, To: core.Unit{Code: "jpy", Scale: 2}, Mode: CostBasis, List: priced(t, "12 jpy")}))
	if got := tell(must[*Plan](t)(inYen.Plan(account(unit, yen), 1))); got != "yen 300>50000" {
		t.Errorf("500 yen become %s", got)
	}
	euro := lot("euro", 100)
	euro.Paid = core.Money{Minor: 100, Currency: "eur"}
	_, err := change.Plan(account(unit, pack, euro), 1)
	wantCode(t, err, core.CodeUnitMismatch)
	fine := lot("fine", core.MaxAmount-1)
	fine.Paid = core.Money{Minor: core.MaxAmount - 2, Currency: "usd"}
	_, err = change.Plan(account(unit, fine), 1)
	wantCode(t, err, core.CodeInvalid)
	if !strings.Contains(err.Error(), `"fine"`) {
		t.Errorf("the refusal does not name the grant: %v", err)
	}
}

// Money goes back into credits by the list price of the new unit.
func TestListFromMoney(t *testing.T) {
	usd, unit := core.Unit{Code: "usd", Scale: 2}, core.Unit{Code: credits, Scale: 1}
	change := must[*Change](t)(New(Terms{From: usd, To: unit, Mode: List, List: priced(t, "0.15 usd")}))
	p := must[*Plan](t)(change.Plan(account(usd, lot("a", 100), lot("b", 50)), 1))
	if got := tell(p); got != "a 100>67 b 50>33" || p.Residual.Sign() != 0 {
		t.Errorf("the plan is %s, residual %s", got, p.Residual)
	}
}

func TestTermsRefused(t *testing.T) {
	unit, usd := core.Unit{Code: credits, Scale: 2}, core.Unit{Code: "usd", Scale: 6}
	price := priced(t, "0.08 usd")
	for name, c := range map[string]struct {
		terms Terms
		code  core.Code
	}{
		"same unit":           {Terms{From: unit, To: core.Unit{Code: credits, Scale: 4}, Mode: Explicit, Rate: core.Rate{Num: 1, Den: 1}}, core.CodeInvalid},
		"no unit":             {Terms{To: usd, Mode: Explicit, Rate: core.Rate{Num: 1, Den: 1}}, core.CodeInvalid},
		"scale too high":      {Terms{From: unit, To: core.Unit{Code: "x", Scale: 10}, Mode: Explicit, Rate: core.Rate{Num: 1, Den: 1}}, core.CodeInvalid},
		"scale below zero":    {Terms{From: unit, To: core.Unit{Code: "x", Scale: -1}, Mode: Explicit, Rate: core.Rate{Num: 1, Den: 1}}, core.CodeInvalid},
		"no rate":             {Terms{From: unit, To: usd, Mode: Explicit}, core.CodeInvalid},
		"rate of zero":        {Terms{From: unit, To: usd, Mode: Explicit, Rate: core.Rate{Den: 1}}, core.CodeInvalid},
		"rate below zero":     {Terms{From: unit, To: usd, Mode: Explicit, Rate: core.Rate{Num: -1, Den: 1}}, core.CodeInvalid},
		"rate undefined":      {Terms{From: unit, To: usd, Mode: Explicit, Rate: core.Rate{Num: 1}}, core.CodeInvalid},
		"rate of below":       {Terms{From: unit, To: usd, Mode: Explicit, Rate: core.Rate{Num: 1, Den: -1}}, core.CodeInvalid},
		"rate both below":     {Terms{From: unit, To: usd, Mode: Explicit, Rate: core.Rate{Num: -1, Den: -1}}, core.CodeInvalid},
		"rate too fine":       {Terms{From: unit, To: usd, Mode: Explicit, Rate: core.Rate{Num: math.MaxInt64, Den: 1}}, core.CodeInvalid},
		"no mode":             {Terms{From: unit, To: usd, List: price}, core.CodeInvalid},
		"list without price":  {Terms{From: unit, To: usd, Mode: List}, core.CodeInvalid},
		"basis without price": {Terms{From: unit, To: usd, Mode: CostBasis}, core.CodeInvalid},
		"free list price":     {Terms{From: unit, To: usd, Mode: List, List: priced(t, "0 usd")}, core.CodeInvalid},
		"free new unit":       {Terms{From: usd, To: unit, Mode: List, List: priced(t, "0 usd")}, core.CodeInvalid},
		"price in another":    {Terms{From: unit, To: usd, Mode: List, List: priced(t, "0.08 eur")}, core.CodeUnitMismatch},
		"basis of money":      {Terms{From: usd, To: unit, Mode: CostBasis, List: price}, core.CodeUnitMismatch},
		"list between units":  {Terms{From: unit, To: core.Unit{Code: "points"}, Mode: List, List: price}, core.CodeUnitMismatch},
	} {
		change, err := New(c.terms)
		if change != nil || core.CodeOf(err) != c.code {
			t.Errorf("%s: %v, %v; want code %q", name, change, err, c.code)
		}
	}
}

func TestPlanRefused(t *testing.T) {
	unit, usd := core.Unit{Code: credits, Scale: 2}, core.Unit{Code: "usd", Scale: 9}
	change := at(t, unit, usd, "1")
	due, late := lot("a", 100), lot("b", 100)
	due.Expires = hour
	late.Priority = 1
	swapped := account(unit, lot("a", 100), late)
	swapped.Grants[0], swapped.Grants[1] = swapped.Grants[1], swapped.Grants[0]
	loose := account(unit, lot("a", 100))
	loose.Grants[0].Held = 5
	stray := account(unit, lot("a", 100))
	stray.Holds = []core.Hold{{ID: "h", State: core.HoldOpen, Expires: core.Never, Parts: []core.Allocation{{Grant: "gone", Amount: 1}}}}
	elsewhere := clone(stray)
	elsewhere.Grants[0].Held = 1
	over := account(unit, lot("a", 100))
	reserve(over, "h", core.Allocation{Grant: "a", Amount: 101})
	many := account(unit, lot("a", core.MaxAmount/10_000_000*9/10), lot("b", core.MaxAmount/10_000_000*9/10), lot("c", core.MaxAmount/10_000_000*9/10))
	for name, c := range map[string]struct {
		account *core.Account
		code    core.Code
	}{
		"another unit":        {account(core.Unit{Code: "points", Scale: 2}, lot("a", 1)), core.CodeUnitMismatch},
		"another scale":       {account(core.Unit{Code: credits, Scale: 3}, lot("a", 1)), core.CodeUnitMismatch},
		"not settled":         {account(unit, due), core.CodeInternal},
		"not sorted":          {swapped, core.CodeInternal},
		"held by nothing":     {loose, core.CodeInternal},
		"hold on nothing":     {stray, core.CodeInternal},
		"hold elsewhere":      {elsewhere, core.CodeInternal},
		"hold above the lot":  {over, core.CodeInternal},
		"lot too large":       {account(unit, lot("a", core.MaxAmount)), core.CodeInvalid},
		"lots too large":      {many, core.CodeInvalid},
		"just above the most": {account(unit, lot("a", core.MaxAmount/10_000_000+1)), core.CodeInvalid},
	} {
		before := clone(c.account)
		if _, err := change.Plan(c.account, 2*hour); core.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want code %q", name, err, c.code)
		}
		if !reflect.DeepEqual(before, c.account) {
			t.Errorf("%s: the account was changed", name)
		}
	}
}

func TestLine(t *testing.T) {
	change := at(t, core.Unit{Code: credits, Scale: 1}, core.Unit{Code: "usd", Scale: 2}, "0.01")
	for _, c := range []struct {
		amount, want core.Amount
		residual     string
	}{{0, 0, "0"}, {10, 1, "0"}, {14, 1, "2/5"}, {15, 2, "-1/2"}, {25, 2, "1/2"}, {16, 2, "-2/5"}} {
		got, residual, err := change.Line(c.amount)
		if err != nil || got != (Moved{c.amount, c.want}) || residual.RatString() != c.residual {
			t.Errorf("Line(%d) = %v, %v, %v; want %d, %s", int64(c.amount), got, residual, err, int64(c.want), c.residual)
		}
	}
	for _, amount := range []core.Amount{-1, math.MinInt64} {
		_, _, err := change.Line(amount)
		wantCode(t, err, core.CodeInvalid)
	}
	same := at(t, core.Unit{Code: credits}, core.Unit{Code: "points"}, "1")
	if got, _, err := same.Line(core.MaxAmount); err != nil || got.To != core.MaxAmount {
		t.Errorf("the largest amount becomes %v, %v", got, err)
	}
	if p, err := same.Plan(account(core.Unit{Code: credits}, lot("a", core.MaxAmount)), 1); err != nil || p.Total.To != core.MaxAmount {
		t.Errorf("the largest grant becomes %v, %v", p, err)
	}
	_, _, err := same.Line(core.MaxAmount + 1)
	wantCode(t, err, core.CodeInvalid)
	// Halves above the largest amount and above 64 bits, which round up.
	for _, c := range []struct {
		amount core.Amount
		num    int64
	}{{1, 2*int64(core.MaxAmount) + 1}, {3, math.MaxUint64 / 3}} {
		terms := Terms{From: core.Unit{Code: credits}, To: core.Unit{Code: "points"}, Mode: Explicit, Rate: core.Rate{Num: c.num, Den: 2}}
		change := must[*Change](t)(New(terms))
		_, _, err := change.Line(c.amount)
		wantCode(t, err, core.CodeInvalid)
		_, err = change.Plan(account(terms.From, lot("a", c.amount)), 1)
		wantCode(t, err, core.CodeInvalid)
	}
	finer := at(t, core.Unit{Code: credits}, core.Unit{Code: "usd", Scale: 9}, "1.000000001")
	for _, amount := range []core.Amount{core.MaxAmount, core.MaxAmount / 1_000_000_000, math.MaxInt64} {
		_, _, err := finer.Line(amount)
		wantCode(t, err, core.CodeInvalid)
	}
}

// casesOf reads the neutral pricing cases about a change of unit.
func casesOf(t *testing.T) map[string]redenomination {
	dir := os.Getenv("SCRIP_VENDOR_MATERIAL")
	if dir == "" {
		t.Skip("SCRIP_VENDOR_MATERIAL is not set: the published pricing cases are not there")
	}
	var file struct {
		Cases []redenomination `json:"redenomination_cases"`
	}
	if err := json.Unmarshal(must[[]byte](t)(os.ReadFile(filepath.Join(dir, "design", "pricing-cases.json"))), &file); err != nil {
		t.Fatal(err)
	}
	cases := map[string]redenomination{}
	for _, c := range file.Cases {
		cases[c.Name] = c
	}
	if len(cases) == 0 {
		t.Fatal("the pricing cases hold no change of unit")
	}
	return cases
}

type redenomination struct {
	Name, Rate, Mode, Grant string
	Scale                   int
	Grants                  []json.RawMessage
	Hold                    struct {
		Amount        string
		CapturedAfter string `json:"captured_after"`
	}
	Expect struct {
		Grants         []string
		GrantsFloor    []string `json:"grants_floor"`
		Total          string
		TotalFloor     string `json:"total_floor"`
		Residual       string
		GrantUSD       string `json:"grant_usd"`
		HoldUSD        string `json:"hold_usd"`
		CapturedUSD    string `json:"captured_usd"`
		AvailableAfter string `json:"available_after"`
	}
}

func TestPublishedCases(t *testing.T) {
	unit := core.Unit{Code: credits, Scale: 1}
	usd := core.Unit{Code: "usd", Scale: 2}
	amount := func(text string, scale int) core.Amount { return must[core.Amount](t)(core.ParseAmount(text, scale)) }
	for name, c := range casesOf(t) {
		t.Run(name, func(t *testing.T) {
			terms := Terms{From: unit, To: usd, Mode: Explicit}
			if c.Mode == string(CostBasis) {
				terms.Mode, terms.List = CostBasis, priced(t, "0.08 usd")
			} else {
				terms.Rate = rated(t, c.Rate)
			}
			if c.Grant != "" {
				c.Grants = []json.RawMessage{json.RawMessage(`"` + c.Grant + `"`)}
			}
			a := account(unit)
			for i, raw := range c.Grants {
				a.Grants = append(a.Grants, published(t, core.ID(fmt.Sprintf("g%d", i)), raw))
				a.Grants[i].Seq = int64(i + 1)
			}
			if c.Hold.Amount != "" {
				reserve(a, "hold", core.Allocation{Grant: "g0", Amount: amount(c.Hold.Amount, 1)})
			}
			p := must[*Plan](t)(must[*Change](t)(New(terms)).Plan(a, 1))
			if len(c.Expect.Grants)+len(c.Expect.GrantsFloor)+len(c.Expect.GrantUSD) == 0 {
				t.Fatal("the case expects no grant")
			}
			for i, want := range append(append(c.Expect.Grants, c.Expect.GrantsFloor...), some(c.Expect.GrantUSD)...) {
				if p.Lots[i].Total.To != amount(want, 2) {
					t.Errorf("grant %d becomes %s, want %s", i, p.Lots[i].Total.To.Format(2), want)
				}
			}
			for _, want := range append(some(c.Expect.Total), some(c.Expect.TotalFloor)...) {
				if p.Total.To != amount(want, 2) {
					t.Errorf("the total is %s, want %s", p.Total.To.Format(2), want)
				}
			}
			for _, want := range some(c.Expect.Residual) {
				x, _ := new(big.Rat).SetString(want)
				if x.Mul(x, power10(2)).Cmp(p.Residual) != 0 {
					t.Errorf("the residual is %s parts, want %s usd", p.Residual, want)
				}
			}
			if c.Hold.Amount == "" {
				return
			}
			if want := amount(c.Expect.HoldUSD, 2); p.Holds[0].Amount.To != want || p.Holds[0].Parts[0].To != want {
				t.Errorf("the hold becomes %v, want %s", p.Holds[0], c.Expect.HoldUSD)
			}
			b, _ := carry(a, p)
			captured, _, err := must[*Change](t)(New(terms)).Line(amount(c.Hold.CapturedAfter, 1))
			if err != nil || captured.To != amount(c.Expect.CapturedUSD, 2) {
				t.Errorf("what is captured becomes %v, %v; want %s", captured, err, c.Expect.CapturedUSD)
			}
			if _, err := b.Capture(core.Capture{ID: "deb", Hold: "hold", Amount: captured.To, Final: true}, 2); err != nil {
				t.Error(err)
			}
			if got := b.Balance(2).Available; got != amount(c.Expect.AvailableAfter, 2) {
				t.Errorf("%s are available after the capture, want %s", got.Format(2), c.Expect.AvailableAfter)
			}
		})
	}
}

func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// published reads a grant of the pricing cases: an amount, or a remainder with
// the money paid for one unit.
func published(t *testing.T, id core.ID, raw json.RawMessage) core.Grant {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return lot(id, must[core.Amount](t)(core.ParseAmount(text, 1)))
	}
	var c struct {
		Remaining string
		Basis     string `json:"basis_usd"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	remaining := must[core.Amount](t)(core.ParseAmount(c.Remaining, 1))
	g := lot(id, 100_000) // 10000 units, so that any basis of 4 decimals is whole cents
	price := must[core.Price](t)(core.ParsePrice(c.Basis + " usd"))
	g.Paid, g.Remaining = must[core.Money](t)(price.Value(g.Amount, 1, core.RoundDown)), remaining
	return g
}
