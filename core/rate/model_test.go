package rate

import (
	"encoding/json"
	"math/big"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

// The numbers of a model: prices as a card could hold them, with few distinct
// values so that bounds are met.
var (
	anyPrice = rapid.Custom(func(t *rapid.T) core.Rate {
		r, err := core.Rate{Num: rapid.Int64Range(0, 1_000_000).Draw(t, "price"), Den: 1}.Scaled(-rapid.IntRange(0, 9).Draw(t, "decimals"))
		if err != nil {
			t.Fatal(err)
		}
		return r
	})
	anyFactor = rapid.Custom(func(t *rapid.T) Factor {
		f := Factor{Dimension: rapid.SampledFrom([]string{"os", "size", "mode"}).Draw(t, "dimension"), Values: map[string]core.Rate{}}
		for _, v := range []string{"a", "b"} {
			if rapid.Bool().Draw(t, "listed") {
				f.Values[v] = anyPrice.Draw(t, "factor")
			}
		}
		if rapid.Bool().Draw(t, "otherwise") {
			by := anyPrice.Draw(t, "factor")
			f.Otherwise = &by
		}
		return f
	})
	anyTiers = rapid.Custom(func(t *rapid.T) *Tiers {
		tiers := Tiers{
			Mode: rapid.SampledFrom([]Mode{Graduated, Volume}).Draw(t, "mode"), Counter: "c",
			Per: rapid.SampledFrom([]Period{PerCycle, PerDay, PerMonth, PerEvent}).Draw(t, "period"),
		}
		upTo := int64(0)
		for range rapid.IntRange(0, 3).Draw(t, "bounds") {
			upTo += rapid.Int64Range(1, 20).Draw(t, "up to")
			tiers.Steps = append(tiers.Steps, Tier{UpTo: upTo, Cost: anyPrice.Draw(t, "cost")})
		}
		tiers.Steps = append(tiers.Steps, Tier{Cost: anyPrice.Draw(t, "cost")})
		return &tiers
	})
	anyRate = rapid.Custom(func(t *rapid.T) Rate {
		r := Rate{}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			r.Tiers = anyTiers.Draw(t, "tiers")
		case 1:
			for _, unit := range []string{"credits", "email"} {
				r.Parts = append(r.Parts, Cost{unit, anyPrice.Draw(t, "part")})
			}
		default:
			r.Cost = anyPrice.Draw(t, "cost")
		}
		if rapid.Bool().Draw(t, "own base") {
			own := anyPrice.Draw(t, "base")
			r.Base = &own
		}
		if rapid.Bool().Draw(t, "own minimum") {
			own := anyPrice.Draw(t, "minimum")
			r.Minimum = &own
		}
		r.Multiply = rapid.SliceOfN(anyFactor, 0, 1).Draw(t, "factors of the rate")
		return r
	})
	anyCardAction = rapid.Custom(func(t *rapid.T) Action {
		return Action{
			Name: "act", Base: anyPrice.Draw(t, "base"), Minimum: anyPrice.Draw(t, "minimum"), Rates: []Rate{anyRate.Draw(t, "rate")},
			Per: rapid.SampledFrom([]int64{0, 1, 3, 60, 1000}).Draw(t, "per"), Round: rapid.SampledFrom([]Step{"", StepNone, StepUp, StepHalfEven}).Draw(t, "round"),
			Multiply: rapid.SliceOfN(anyFactor, 0, 2).Draw(t, "factors"), RefundOn: []string{"failed"},
			Unit: rapid.SampledFrom([]string{"", "credits", "email"}).Draw(t, "unit"),
		}
	})
	anyEvent = rapid.Custom(func(t *rapid.T) Event {
		e := Event{Dimensions: map[string]string{}, Outcome: rapid.SampledFrom([]string{"", "", "failed", "slow"}).Draw(t, "outcome")}
		for _, name := range []string{"os", "size", "mode"} {
			if v := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, name); v != "" {
				e.Dimensions[name] = v
			}
		}
		most := rapid.SampledFrom([]int64{20, 2_000_000, 40_000_000, 1e14}).Draw(t, "most")
		e.Quantity = Quantity(rapid.Int64Range(0, most).Draw(t, "quantity"))
		e.Used = Quantity(rapid.Int64Range(0, 2*most).Draw(t, "used"))
		return e
	})
)

// naive prices an event in one unit by the words of the rules, or reports that
// a factor is missing.
func naive(a *Action, e Event, cost core.Rate, scale int) (*big.Int, bool) {
	r := &a.Rates[0]
	if e.Outcome == "failed" {
		return new(big.Int), true
	}
	step := big.NewRat(max(a.Per, 1), 1)
	steps := new(big.Rat).Quo(big.NewRat(int64(e.Quantity), 1_000_000), step)
	switch a.Round {
	case StepUp:
		up := new(big.Int).Add(steps.Num(), new(big.Int).Sub(steps.Denom(), big.NewInt(1)))
		steps.SetInt(up.Div(up, steps.Denom()))
	case StepHalfEven:
		steps.SetInt(nearest(steps))
	}
	sum := new(big.Rat)
	if r.Tiers == nil {
		sum.Mul(steps, ratOf(cost))
	} else {
		used := new(big.Rat).Quo(big.NewRat(int64(e.Used), 1_000_000), step)
		if r.Tiers.Per == PerEvent {
			used.SetInt64(0)
		}
		end, low := new(big.Rat).Add(used, steps), new(big.Rat)
		for _, tier := range r.Tiers.Steps {
			high := end
			if tier.UpTo > 0 && end.Cmp(big.NewRat(tier.UpTo, 1)) > 0 {
				high = big.NewRat(tier.UpTo, 1)
			}
			if r.Tiers.Mode == Volume {
				if high == end {
					sum.Mul(steps, ratOf(tier.Cost))
					break
				}
				continue
			}
			from := low
			if used.Cmp(low) > 0 {
				from = used
			}
			if high.Cmp(from) > 0 {
				n := new(big.Rat).Sub(high, from)
				sum.Add(sum, n.Mul(n, ratOf(tier.Cost)))
			}
			low = big.NewRat(tier.UpTo, 1)
			if tier.UpTo == 0 || high == end {
				break
			}
		}
	}
	for _, f := range append(append([]Factor{}, a.Multiply...), r.Multiply...) {
		value, named := e.Dimensions[f.Dimension]
		by, listed := f.Values[value]
		if !named || !listed {
			if f.Otherwise == nil {
				return nil, false
			}
			by = *f.Otherwise
		}
		sum.Mul(sum, ratOf(by))
	}
	base, minimum := a.Base, a.Minimum
	if r.Base != nil {
		base = *r.Base
	}
	if r.Minimum != nil {
		minimum = *r.Minimum
	}
	if len(r.Parts) > 0 {
		base, minimum = core.Rate{}, core.Rate{}
	}
	if sum.Add(sum, ratOf(base)); sum.Cmp(ratOf(minimum)) < 0 {
		sum = ratOf(minimum)
	}
	return nearest(sum.Mul(sum, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))), true
}

func ratOf(r core.Rate) *big.Rat {
	if r.Num == 0 {
		return new(big.Rat)
	}
	return big.NewRat(r.Num, r.Den)
}

// An event costs what the rules say, exactly, in every unit that it is priced
// in, whichever way the numbers take.
func TestPriceAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, e := anyCardAction.Draw(t, "action"), anyEvent.Draw(t, "event")
		units := []core.Unit{{Code: "credits", Scale: rapid.IntRange(0, 9).Draw(t, "scale")}, {Code: "email", Scale: rapid.IntRange(0, 3).Draw(t, "other scale")}}
		parts, err := a.Price(e, units, nil)
		costs := a.Rates[0].Parts
		if len(costs) == 0 {
			costs = []Cost{{a.Unit, a.Rates[0].Cost}}
		}
		if err == nil && len(parts) != len(costs) {
			t.Fatalf("%d parts, want %d", len(parts), len(costs))
		}
		for i, c := range costs {
			u := units[0]
			if c.Unit == "email" {
				u = units[1]
			}
			want, ok := naive(&a, e, c.Cost, u.Scale)
			if !ok || want.Cmp(big.NewInt(int64(core.MaxAmount))) > 0 {
				if core.CodeOf(err) != core.CodeInvalid {
					t.Fatalf("%+v of %+v costs %v, %v; want a refusal (%v)", e, a, parts, err, want)
				}
				return
			}
			if err != nil && len(costs) > 1 {
				continue // the other part may be too large
			}
			if err != nil || parts[i] != (Part{u.Code, core.Amount(want.Int64())}) {
				t.Fatalf("%+v of %+v costs %v, %v; want %s of %s", e, a, parts, err, want, u.Code)
			}
		}
	})
}

// Whatever the first of two ways can say, the second says too.
func TestBothWaysAgree(t *testing.T) {
	quick := 0
	rapid.Check(t, func(t *rapid.T) {
		a, e := anyCardAction.Draw(t, "action"), anyEvent.Draw(t, "event")
		counted, err := a.counted(e.Quantity)
		if err != nil {
			t.Fatal(err)
		}
		p := pricing{a: &a, r: &a.Rates[0], cost: a.Rates[0].Cost, dimensions: e.Dimensions, used: e.Used, counted: counted}
		one, err := p.quick(4)
		if err != nil {
			return
		}
		quick++
		if two, err := p.exact(4); err == nil && one != two || err != nil && one <= core.MaxAmount {
			t.Fatalf("%+v of %+v costs %d one way, %d, %v the other", e, a, one, two, err)
		}
	})
	if quick == 0 {
		t.Error("no event was priced the quick way")
	}
}

// How often a balance pays for an event is what paying one by one comes to.
func TestTimesAgainstPayingOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, e := anyCardAction.Draw(t, "action"), anyEvent.Draw(t, "event")
		units := []core.Unit{{Code: "credits", Scale: 2}, {Code: "email", Scale: 0}}
		first, err := a.Price(e, units, nil)
		if err != nil {
			return
		}
		has := map[string]core.Amount{}
		for _, p := range first { // enough for some, so that counting ends
			has[p.Unit] = core.Amount(rapid.Int64Range(0, 50*int64(p.Amount/2+1)).Draw(t, "has"))
		}
		got, err := a.Times(e, units, func(unit string) core.Amount { return has[unit] })
		if err != nil {
			return // a later event is too dear to be counted
		}
		counts, err := a.counted(e.Quantity)
		if err != nil {
			t.Fatal(err)
		}
		for n := int64(0); n < 300; n++ {
			parts, err := a.Price(e, units, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range parts {
				if has[p.Unit] -= p.Amount; has[p.Unit] < 0 {
					if got != n {
						t.Fatalf("it is paid %d times, said are %d", n, got)
					}
					return
				}
			}
			if e.Outcome != "failed" {
				e.Used += counts
			}
		}
		if got < 300 {
			t.Fatalf("it is paid more than 300 times, said are %d", got)
		}
	})
}

// What is kept with a hold prices as what it was made of does, and so does
// what was kept before there were tiers, factors and several units.
func TestFixedKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, e := anyCardAction.Draw(t, "action"), anyEvent.Draw(t, "event")
		e.Outcome = ""
		text, err := Fixed{Action: a, Dimensions: e.Dimensions, Quantity: e.Quantity, Used: e.Used}.Text()
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFixed(text)
		if err != nil || f.Quantity != e.Quantity {
			t.Fatal(f, err)
		}
		unit := core.Unit{Code: "credits", Scale: 4}
		want, errWant := a.Cost(e, unit)
		got, errGot := f.Cost(e.Quantity, unit)
		if got != want || !reflect.DeepEqual(errGot, errWant) {
			t.Fatalf("%s costs %d, %v; want %d, %v", text, got, errGot, want, errWant)
		}
	})
	old := `{"action":{"name":"image","base":{"Num":1,"Den":2},"per":1,"round":"none","minimum":{"Num":0,"Den":1},"rates":[{"cost":{"Num":5,"Den":1}}]},"dimensions":{"size":"big"}}`
	f, err := ParseFixed(old)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Cost(3*One, credits); err != nil || got != 1550 {
		t.Errorf("three images cost %d, %v", got, err)
	}
}

// After a change of unit a fixed price is that many times as high in the new
// one; what it costs in another unit, and its factors, stay.
func TestConvertReachesEveryFigure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, e := anyCardAction.Draw(t, "action"), anyEvent.Draw(t, "event")
		e.Outcome = ""
		text, err := Fixed{Action: a, Dimensions: e.Dimensions, Used: e.Used}.Text()
		if err != nil {
			t.Fatal(err)
		}
		to, err := Convert(text, "credits", "usd", core.Rate{Num: 100, Den: 1})
		if err != nil {
			return // too fine to hold
		}
		f, err := ParseFixed(to)
		if err != nil {
			t.Fatal(err)
		}
		// A hundred of the new unit for one: at a scale two lower, the parts
		// are the same, where rounding is not in the way.
		before, errBefore := a.Price(e, []core.Unit{{Code: "credits", Scale: 9}, {Code: "email", Scale: 1}}, nil)
		after, errAfter := f.Action.Price(e, []core.Unit{{Code: "usd", Scale: 7}, {Code: "email", Scale: 1}}, nil)
		if (errBefore == nil) != (errAfter == nil) {
			t.Fatalf("before: %v, after: %v", errBefore, errAfter)
		}
		for i := range before {
			if before[i].Unit == "credits" {
				before[i].Unit = "usd"
			}
		}
		if errBefore == nil && !reflect.DeepEqual(before, after) {
			t.Fatalf("%s costs %v, then %s costs %v", text, before, to, after)
		}
		back, err := Convert(to, "usd", "credits", core.Rate{Num: 1, Den: 100})
		if err != nil {
			t.Fatal(err)
		}
		var x, y Fixed
		if json.Unmarshal([]byte(back), &x) != nil || json.Unmarshal([]byte(text), &y) != nil {
			t.Fatal("unreadable")
		}
		again, errAgain := x.Action.Price(e, []core.Unit{{Code: "credits", Scale: 9}, {Code: "email", Scale: 1}}, nil)
		first, errFirst := y.Action.Price(e, []core.Unit{{Code: "credits", Scale: 9}, {Code: "email", Scale: 1}}, nil)
		if !reflect.DeepEqual(again, first) || (errAgain == nil) != (errFirst == nil) {
			t.Fatalf("%s came back as %s", text, back)
		}
	})
}

// FuzzFixed reads any text as a price: what can be read has a cost or is
// refused, in numbers of any size, and comes through a change of unit.
func FuzzFixed(f *testing.F) {
	for _, text := range []string{
		`{"action":{"name":"image","base":{"Num":1,"Den":2},"per":1,"round":"none","minimum":{"Num":0,"Den":1},"rates":[{"cost":{"Num":5,"Den":1}}]},"dimensions":{"size":"big"}}`,
		`{"action":{"per":60,"round":"up","rates":[{"tiers":{"mode":"graduated","per":"cycle","counter":"c","steps":[{"up_to":2,"cost":{"Num":9,"Den":7}},{"cost":{"Num":1,"Den":3}}]}}]},"used":5}`,
		`{"action":{"rates":[{"tiers":{"mode":"volume","steps":[]}}]}}`, `{"action":{"per":-1,"base":{"Num":-5,"Den":-1},"rates":[{"cost":{"Num":-9223372036854775808,"Den":0}}]}}`,
		`{"action":{"rates":[{"cost":{"Num":1,"Den":1}}],"multiply":[{"dimension":"d","values":{"x":{"Num":3,"Den":-2}},"otherwise":{"Num":0,"Den":0}}]},"dimensions":{"d":"x"},"used":-1}`,
		`{"action":{"rates":[{"tiers":{"mode":"graduated","steps":[{"up_to":-3,"cost":{"Num":1,"Den":1}},{"up_to":1}]}}],"round":"half_even"},"used":1152921504606846975}`,
	} {
		f.Add(text, int64(1_500_000))
		f.Add(text, int64(core.MaxAmount))
	}
	f.Fuzz(func(t *testing.T, text string, quantity int64) {
		fixed, err := ParseFixed(text)
		if err != nil {
			return
		}
		unit := core.Unit{Code: "credits", Scale: 2}
		n, err := fixed.Cost(Quantity(quantity), unit)
		if err != nil && core.CodeOf(err) != core.CodeInvalid && core.CodeOf(err) != core.CodeNotSupported || n < 0 || n > core.MaxAmount {
			t.Fatalf("%s: %d, %v", text, n, err)
		}
		if _, _, counts, err := fixed.Action.Counter(fixed.Event(Quantity(quantity))); err == nil && counts < 0 {
			t.Fatalf("%s counts %d", text, counts)
		}
		if again, err := fixed.Text(); err != nil {
			t.Fatal(err)
		} else if _, err := Convert(again, "credits", "usd", core.Rate{Num: 2, Den: 25}); err != nil && core.CodeOf(err) != core.CodeInvalid {
			t.Fatal(err)
		}
	})
}
