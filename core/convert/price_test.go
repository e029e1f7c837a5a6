package convert

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

func TestPrices(t *testing.T) {
	unit, usd := core.Unit{Code: credits, Scale: 2}, core.Unit{Code: "usd", Scale: 2}
	for _, c := range []struct {
		name  string
		to    core.Unit
		rate  string
		kind  Kind
		from  string
		want  string // a rate, or what the fault says
		needs int
	}{
		{"cost", usd, "0.08", Fixed, "5", "0.4", 0},
		{"base on the last decimal", usd, "0.08", Fixed, "0.25", "0.02", 0},
		{"free", usd, "0.08", Fixed, "0", "0", 0},
		{"minimum too fine", usd, "0.08", Fixed, "0.1", `would be 0.008 in "usd", which needs 3 decimals and the unit keeps 2: give the unit scale 3`, 3},
		{"per step may be finer", usd, "0.08", PerStep, "0.1", "0.008", 0},
		{"per step too fine", usd, "0.000001", PerStep, "0.0001", `needs 10 decimals and 9 are the most`, 10},
		{"fixed beyond any scale", usd, "0.000001", Fixed, "0.00001", `needs 11 decimals and 9 are the most`, 11},
		{"pack", usd, "0.08", Fixed, "1000", "80", 0},
		{"overage in money", usd, "0.08", PerUnit, "0.08", "1", 0},
		{"overage without end", core.Unit{Code: "points"}, "30", PerUnit, "0.1", `would be 1/300 in "points", which no number of decimals holds`, NoScale},
		{"overage of smaller credits", core.Unit{Code: "points"}, "30", PerUnit, "0.09", "0.003", 0},
		{"smaller credits", core.Unit{Code: "points"}, "30", Fixed, "0.1", "3", 0},
		{"smaller credits too fine", core.Unit{Code: "points"}, "30", Fixed, "0.25", `needs 1 decimals and the unit keeps 0`, 1},
		{"too large", core.Unit{Code: "points"}, "1000000000", Fixed, "1000000000000", `which is too large`, 0},
		{"too large in its smallest parts", core.Unit{Code: "points", Scale: 6}, "1", Fixed, "10000000000000", `would be 10000000000000 in "points", which is too large`, 0},
		{"as large per step", core.Unit{Code: "points", Scale: 6}, "1", PerStep, "10000000000000", "10000000000000", 0},
	} {
		from := rated(t, c.from)
		out, faults := at(t, unit, c.to, c.rate).Prices([]Price{{Name: "it", Kind: c.kind, From: from}})
		switch {
		case len(faults) == 0 && len(out) == 1:
			if want, err := core.ParseRate(c.want); err != nil || out[0] != (Price{"it", c.kind, from, want}) {
				t.Errorf("%s: %+v, want %s", c.name, out[0], c.want)
			}
		case len(faults) == 1 && len(out) == 0:
			if f := faults[0]; !strings.Contains(f.Error(), c.want) || !strings.HasPrefix(f.Error(), "it ") || f.Decimals != c.needs {
				t.Errorf("%s: %v (%d decimals), want %s (%d)", c.name, f, f.Decimals, c.want, c.needs)
			}
		default:
			t.Errorf("%s: %v, %v", c.name, out, faults)
		}
	}
}

// All faults are told at once, and the order of what remains is kept.
func TestPricesTellsAll(t *testing.T) {
	change := at(t, core.Unit{Code: credits, Scale: 2}, core.Unit{Code: "usd", Scale: 2}, "0.08")
	var list []Price
	for _, text := range []string{"1", "0.01", "2", "0.03", "3"} {
		list = append(list, Price{Name: text, Kind: Fixed, From: rated(t, text)})
	}
	out, faults := change.Prices(list)
	var names []string
	for _, p := range out {
		names = append(names, p.Name)
	}
	for _, f := range faults {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "1 2 3 0.01 0.03" {
		t.Errorf("prices and faults are %s", got)
	}
	if list[0].To != (core.Rate{}) {
		t.Error("the prices given were changed")
	}
}

// A converted price is exact, a fault's scale is enough, and one decimal less
// is not.
func TestPriceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Int64Range(1, 1_000_000)
		terms := Terms{
			From: core.Unit{Code: credits, Scale: 2}, To: core.Unit{Code: "usd", Scale: rapid.IntRange(0, 9).Draw(t, "scale")}, Mode: Explicit,
			Rate: core.Rate{Num: number.Draw(t, "num"), Den: rapid.SampledFrom([]int64{1, 3, 8, 10, 100, 1000, 15, 1_000_000}).Draw(t, "den")},
		}
		change, err := New(terms)
		if err != nil {
			t.Fatal(err)
		}
		p := Price{"it", rapid.SampledFrom([]Kind{Fixed, PerStep, PerUnit}).Draw(t, "kind"), core.Rate{Num: number.Draw(t, "price"), Den: 1000}, core.Rate{}}
		exact := new(big.Rat).Mul(rat(p.From), rat(terms.Rate))
		if p.Kind == PerUnit {
			exact.Quo(rat(p.From), rat(terms.Rate))
		}
		limit := core.MaxScale
		if p.Kind == Fixed {
			limit = terms.To.Scale
		}
		out, faults := change.Prices([]Price{p})
		fits := func(scale int) bool { return new(big.Rat).Mul(exact, power10(scale)).IsInt() }
		switch {
		case len(out) == 1:
			if rat(out[0].To).Cmp(exact) != 0 || !fits(limit) {
				t.Fatalf("%v becomes %v, exactly %s", p, out[0], exact)
			}
		case faults[0].Exact.Cmp(exact) != 0 || fits(limit):
			t.Fatalf("%v fails as %v, exactly %s", p, faults[0], exact)
		case faults[0].Decimals == NoScale:
			if fits(200) {
				t.Fatalf("%s has an end", exact)
			}
		case !fits(faults[0].Decimals) || fits(faults[0].Decimals-1):
			t.Fatalf("%s does not need %d decimals", exact, faults[0].Decimals)
		}
	})
}

func TestPower(t *testing.T) {
	unit, usd := core.Unit{Code: credits, Scale: 0}, core.Unit{Code: "usd", Scale: 2}
	image, later, held := lot("image", 7), lot("later", 100), lot("held", 10)
	image.Actions, later.Starts = []string{"image"}, 5*hour
	a := account(unit, image, held, later)
	reserve(a, "h", core.Allocation{Grant: "held", Amount: 4})
	p := must[*Plan](t)(at(t, unit, usd, "0.015").Plan(a, 1))
	charges := []Charge{{"image", "", Moved{2, 3}}, {"text", "", Moved{2, 3}}, {"text", "", Moved{1, 2}}, {"free", "", Moved{}}, {"huge", "", Moved{math.MaxInt64, math.MaxInt64}}}
	// 7, 10 and 100 credits are worth 10.5, 15 and 150 cents: 175.5, rounded to
	// 176, of which the broken one goes to the first; 4 held ones are 6.
	for i, want := range []Power{{"image", 6, 6}, {"text", 3, 3}, {"text", 6, 4}, {"free", Unlimited, Unlimited}, {"huge", 0, 0}} {
		got := p.Power(a, charges, 1)[i]
		if got != want || got.Changed() != (want.Before != want.After) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if got := p.Power(a, charges[1:2], 5*hour); got[0] != (Power{"text", 53, 53}) {
		t.Errorf("once the later grant is in force: %+v", got)
	}
}
