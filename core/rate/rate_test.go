package rate

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

var credits = core.Unit{Code: "credits", Scale: 2}

// dec reads a decimal that a test knows to be right.
func dec(text string) core.Rate {
	r, err := core.ParseRate(text)
	if err != nil {
		panic(err)
	}
	return r
}

// flat prices every event at one cost.
func flat(cost string) Action { return Action{Name: "act", Per: 1, Rates: []Rate{{Cost: dec(cost)}}} }

func with(a Action, change func(*Action)) Action {
	change(&a)
	return a
}

func TestCost(t *testing.T) {
	tokens := with(flat("1.5"), func(a *Action) { a.Per, a.Round, a.Minimum = 1000, StepUp, dec("0.1") })
	video := with(flat("2"), func(a *Action) { a.Base = dec("10") })
	exact := with(flat("0.15"), func(a *Action) { a.Per, a.Round = 1000, StepNone })
	nearest := with(flat("1"), func(a *Action) { a.Per, a.Round = 60, StepHalfEven })
	for _, c := range []struct {
		name     string
		action   Action
		quantity string
		scale    int
		want     core.Amount
	}{
		{"an image", flat("5"), "1", 2, 500},
		{"three images", flat("5"), "3", 2, 1500},
		{"none", flat("5"), "0", 2, 0},
		{"half a one", flat("5"), "0.5", 2, 250},
		{"free", flat("0"), "7", 2, 0},
		{"a begun step is whole", tokens, "1", 2, 150},
		{"a whole step", tokens, "1000", 2, 150},
		{"one more", tokens, "1001", 2, 300},
		{"a little more", tokens, "1000.000001", 2, 300},
		{"no step, but the minimum", tokens, "0", 2, 10},
		{"base on top", video, "30", 2, 7000},
		{"base alone", video, "0", 2, 1000},
		{"broken step", exact, "1234", 2, 19},
		{"broken step, finer unit", exact, "1234", 6, 185100},
		{"tie to even, down", exact, "100", 3, 15},
		{"half a step to even, down", nearest, "30", 2, 0},
		{"half a step to even, up", nearest, "90", 2, 200},
		{"below half", nearest, "89", 2, 100},
		{"half a part to even, down", flat("0.005"), "1", 2, 0},
		{"half a part to even, up", flat("0.015"), "1", 2, 2},
		{"above half a part", flat("0.005001"), "1", 2, 1},
		{"no steps named", with(flat("3"), func(a *Action) { a.Per = 0 }), "2", 2, 600},
		{"minimum below the cost", with(flat("3"), func(a *Action) { a.Minimum = dec("2") }), "1", 2, 300},
		{"minimum above the cost", with(flat("3"), func(a *Action) { a.Minimum = dec("2") }), "0.5", 2, 200},
		// Two halves of a part are one part: what is rounded is the sum.
		{"base and cost rounded once", with(flat("0.5"), func(a *Action) { a.Base = dec("0.5") }), "1", 0, 1},
		{"base and cost rounded once, finer", with(flat("0.0025"), func(a *Action) { a.Base = dec("0.0025") }), "1", 2, 0},
		{"base and cost rounded once, up", with(flat("0.003"), func(a *Action) { a.Base = dec("0.003") }), "1", 2, 1},
		{"a tie on an odd base", with(flat("0.5"), func(a *Action) { a.Base = dec("1") }), "1", 0, 2},
		{"a tie on an even base", with(flat("0.5"), func(a *Action) { a.Base = dec("2") }), "1", 0, 2},
		{"an event of a trillion", flat("11"), "1000000000000", 2, 1_100_000_000_000_000},
	} {
		quantity, err := ParseQuantity(c.quantity)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.action.Cost(Event{Quantity: quantity}, core.Unit{Code: "credits", Scale: c.scale})
		if err != nil || got != c.want {
			t.Errorf("%s: %s at scale %d cost %d, %v; want %d", c.name, c.quantity, c.scale, got, err, c.want)
		}
	}
}

// Continuous integration jobs are billed by the begun minute, job by job:
// five minutes, where the sum of the seconds would make four.
func TestStepsArePerEvent(t *testing.T) {
	minutes := with(flat("1"), func(a *Action) { a.Per, a.Round = 60, StepUp })
	var sum core.Amount
	for i, want := range []core.Amount{200, 200, 100} {
		seconds := []int64{90, 61, 30}[i]
		got, err := minutes.Cost(Event{Quantity: Quantity(seconds) * One}, credits)
		if err != nil || got != want {
			t.Errorf("%d seconds cost %d, %v; want %d", seconds, got, err, want)
		}
		sum += got
	}
	merged, err := minutes.Cost(Event{Quantity: (90 + 61 + 30) * One}, credits)
	if err != nil || sum != 500 || merged != 400 {
		t.Errorf("the jobs cost %d one by one and %d merged, %v", sum, merged, err)
	}
}

var byModel = Action{Name: "text", Per: 1, Rates: []Rate{
	{When: map[string]string{"model": "large"}, Cost: dec("3")},
	{Cost: dec("1")},
	{When: map[string]string{"model": "large", "region": "eu"}, Cost: dec("4")},
	{When: map[string]string{"model": "small"}, Cost: dec("0.5")},
}}

func TestTheMostSpecificRateWins(t *testing.T) {
	for _, c := range []struct {
		dimensions map[string]string
		want       core.Amount
	}{
		{nil, 100}, {map[string]string{}, 100}, {map[string]string{"model": "medium"}, 100}, {map[string]string{"region": "eu"}, 100},
		{map[string]string{"model": "large"}, 300}, {map[string]string{"model": "Large"}, 100}, {map[string]string{"model": "large", "region": "us"}, 300},
		{map[string]string{"model": "large", "region": "eu"}, 400}, {map[string]string{"model": "large", "region": "eu", "size": "xl"}, 400},
		{map[string]string{"model": "small", "region": "eu"}, 50}, {map[string]string{"model": ""}, 100},
	} {
		// The order of the rates on the card must not matter.
		reversed := byModel
		reversed.Rates = slices.Clone(byModel.Rates)
		slices.Reverse(reversed.Rates)
		for _, a := range []Action{byModel, reversed} {
			if got, err := a.Cost(Event{Quantity: One, Dimensions: c.dimensions}, credits); err != nil || got != c.want {
				t.Errorf("%v costs %d, %v; want %d", c.dimensions, got, err, c.want)
			}
		}
	}
}

func TestNoRateFits(t *testing.T) {
	strict := Action{Name: "text", Per: 1, Rates: []Rate{{When: map[string]string{"model": "large"}, Cost: dec("3")}, {When: map[string]string{"tier": ""}, Cost: dec("1")}}}
	for _, dimensions := range []map[string]string{nil, {"model": "small"}, {"model": ""}} {
		got, err := strict.Cost(Event{Quantity: One, Dimensions: dimensions}, credits)
		wantInvalid(t, err, "dimensions")
		if got != 0 {
			t.Errorf("%v costs %d", dimensions, got)
		}
	}
	if _, err := (&Action{Name: "none"}).Cost(Event{Quantity: One}, credits); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("an action without rates: %v", err)
	}
}

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.CodeInvalid || e.Field != field {
		t.Errorf("the answer is %v, want code %q in field %q", err, core.CodeInvalid, field)
	}
}

func TestAmbiguous(t *testing.T) {
	when := func(pairs ...string) Rate {
		r := Rate{When: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			r.When[pairs[i]] = pairs[i+1]
		}
		return r
	}
	for _, c := range []struct {
		name  string
		rates []Rate
		ok    bool
	}{
		{"none", nil, true},
		{"one", []Rate{when()}, true},
		{"two for all", []Rate{when(), {}}, false},
		{"the same", []Rate{when("a", "1"), when("a", "1")}, false},
		{"other values", []Rate{when("a", "1"), when("a", "2")}, true},
		{"other dimensions", []Rate{when("a", "1"), when("b", "1")}, false},
		{"more conditions", []Rate{when("a", "1"), when("a", "1", "b", "1")}, true},
		{"a third decides", []Rate{when("a", "1"), when("b", "1"), when("a", "1", "b", "1")}, true},
		{"a third decides, named first", []Rate{when("a", "1", "b", "1"), when("a", "1"), when("b", "1")}, true},
		{"a third asks for something else", []Rate{when("a", "1"), when("b", "1"), when("a", "1", "b", "2")}, false},
		{"a third asks for more", []Rate{when("a", "1"), when("b", "1"), when("a", "1", "b", "1", "c", "1")}, false},
		{"overlap of two", []Rate{when("a", "1", "b", "1"), when("b", "1", "c", "1")}, false},
		{"no overlap of two", []Rate{when("a", "1", "b", "1"), when("b", "2", "c", "1")}, true},
	} {
		i, j, ok := (&Action{Rates: c.rates}).Ambiguous()
		if ok != c.ok || !ok && (i >= j || i < 0 || j >= len(c.rates)) {
			t.Errorf("%s: rates %d and %d, %t; want %t", c.name, i, j, ok, c.ok)
		}
	}
}

// Ambiguous says no more and no less than that some event has two best rates.
func TestAmbiguousIsExact(t *testing.T) {
	value := rapid.SampledFrom([]string{"", "1", "2"})
	rapid.Check(t, func(t *rapid.T) {
		var a Action
		for range rapid.IntRange(0, 4).Draw(t, "rates") {
			r := Rate{When: map[string]string{}}
			for _, name := range []string{"a", "b", "c"} {
				if v := value.Draw(t, name); v != "" {
					r.When[name] = v
				}
			}
			a.Rates = append(a.Rates, r)
		}
		_, _, ok := a.Ambiguous()
		if tie := someTie(a); tie == ok {
			t.Fatalf("%v: ambiguous %t, and some event has two best rates: %t", a.Rates, !ok, tie)
		}
	})
}

// someTie tries every event of three dimensions.
func someTie(a Action) bool {
	values := []string{"", "1", "2"}
	for _, x := range values {
		for _, y := range values {
			for _, z := range values {
				event := map[string]string{"a": x, "b": y, "c": z}
				best, times := -1, 0
				for _, r := range a.Rates {
					switch n := len(r.When); {
					case !holds(r.When, event):
					case n > best:
						best, times = n, 1
					case n == best:
						times++
					}
				}
				if times > 1 {
					return true
				}
			}
		}
	}
	return false
}

func TestHugeValuesAreRefused(t *testing.T) {
	most := core.Rate{Num: int64(core.MaxAmount), Den: 1}
	all := Quantity(core.MaxAmount)
	for name, c := range map[string]struct {
		action   Action
		quantity Quantity
		unit     core.Unit
	}{
		"cost x quantity beyond 128 bits": {Action{Per: 1, Rates: []Rate{{Cost: core.Rate{Num: math.MaxInt64, Den: 1}}}}, all, credits},
		"scale beyond 64 bits":            {flat("10"), all, core.Unit{Code: "credits", Scale: 9}},
		"above the largest amount":        {flat("1000001"), all, core.Unit{Code: "credits"}},
		"base and cost together":          {Action{Per: 1, Base: most, Rates: []Rate{{Cost: dec("1")}}}, One, core.Unit{Code: "credits"}},
		"a step that cannot be counted":   {Action{Per: math.MaxInt64, Rates: []Rate{{Cost: dec("0.000000001")}}}, 1, credits},
		"more than can be counted":        {with(flat("1"), func(a *Action) { a.Round = StepUp }), all + 1, credits},
		"less than nothing":               {flat("1"), -1, credits},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.action.Cost(Event{Quantity: c.quantity}, c.unit)
			wantInvalid(t, err, "quantity")
			if got != 0 {
				t.Errorf("it costs %d", got)
			}
		})
	}
	million := flat("1000000")
	if got, err := million.Cost(Event{Quantity: all}, core.Unit{Code: "credits"}); err != nil || got != core.MaxAmount {
		t.Errorf("the largest amount costs %d, %v", got, err)
	}
	onlyBase := Action{Per: 1, Base: dec("2"), Rates: []Rate{{}}}
	if got, err := onlyBase.Cost(Event{Quantity: 7 * One}, credits); err != nil || got != 200 {
		t.Errorf("a base without a cost is %d, %v", got, err)
	}
	for name, a := range map[string]Action{
		"base": {Base: core.Rate{Num: 5}, Rates: []Rate{{}}}, "cost": {Rates: []Rate{{Cost: core.Rate{Num: 5}}}}, "minimum": {Minimum: core.Rate{Num: 5}, Rates: []Rate{{}}},
	} {
		if _, err := a.Cost(Event{Quantity: One}, core.Unit{Code: "credits"}); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("an undefined %s: %v", name, err)
		}
	}
	dear := with(flat("1"), func(a *Action) { a.Minimum = most })
	if _, err := dear.Cost(Event{Quantity: One}, credits); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("a minimum beyond 64 bits: %v", err)
	}
}

// anyAction draws actions as a config could hold them.
var anyAction = rapid.Custom(func(t *rapid.T) Action {
	price := rapid.Custom(func(t *rapid.T) core.Rate {
		r, err := core.Rate{Num: rapid.Int64Range(0, 1_000_000).Draw(t, "price"), Den: 1}.Scaled(-rapid.IntRange(0, 6).Draw(t, "decimals"))
		if err != nil {
			t.Fatal(err)
		}
		return r
	})
	return Action{
		Name: "act", Base: price.Draw(t, "base"), Minimum: price.Draw(t, "minimum"), Rates: []Rate{{Cost: price.Draw(t, "cost")}},
		Per:   rapid.SampledFrom([]int64{0, 1, 3, 7, 60, 1000, 1_000_000}).Draw(t, "per"),
		Round: rapid.SampledFrom([]Step{"", StepNone, StepUp, StepHalfEven}).Draw(t, "round"),
	}
})

func TestCostIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, unit := anyAction.Draw(t, "action"), core.Unit{Code: "credits", Scale: rapid.IntRange(0, 6).Draw(t, "scale")}
		less := rapid.Int64Range(0, 1e12).Draw(t, "quantity")
		more := less + rapid.Int64Range(0, 1e9).Draw(t, "more")
		x, errX := a.Cost(Event{Quantity: Quantity(less)}, unit)
		y, errY := a.Cost(Event{Quantity: Quantity(more)}, unit)
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		if x > y || x < 0 {
			t.Fatalf("%d millionths cost %d, %d cost %d", less, x, more, y)
		}
	})
}

func TestCard(t *testing.T) {
	c := Card{Version: "2026-01", Actions: map[string]Action{"b": flat("2"), "a": flat("1"), "c": flat("3")}}
	if got := c.Names(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("the actions are %q", got)
	}
	if a, err := c.Find("b"); err != nil || a.Rates[0].Cost != dec("2") {
		t.Errorf("b is %+v, %v", a, err)
	}
	_, err := c.Find("d")
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.CodeUnknownAction || e.Field != "action" || !strings.Contains(e.Message, `"d"`) || !strings.Contains(e.Message, `"2026-01"`) {
		t.Errorf("an unknown action: %v", err)
	}
}

func TestParseQuantity(t *testing.T) {
	for text, want := range map[string]Quantity{"0": 0, "1": One, "1.5": 1_500_000, "0.000001": 1} {
		if got, err := ParseQuantity(text); err != nil || got != want {
			t.Errorf("ParseQuantity(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1e6", "0.0000001", "1,5", ".5", "1.", strings.Repeat("9", 5000)} {
		_, err := ParseQuantity(text)
		wantInvalid(t, err, "quantity")
	}
}

func FuzzParseQuantity(f *testing.F) {
	for _, text := range []string{"0", "1", "1234.567891", "0.000001", "1e6", "-1", "1152921504606.846975", "9999999999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuantity(text)
		if err != nil {
			if core.CodeOf(err) != core.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok || want.Cmp(big.NewRat(int64(q), int64(One))) != 0 {
			t.Fatalf("%q is read as %v", text, q)
		}
		cheap := flat("0.01")
		if cost, err := cheap.Cost(Event{Quantity: q}, credits); err == nil && cost < 0 {
			t.Fatalf("%q costs %d", text, cost)
		}
	})
}
