package rate

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"scrip/core"
)

func tiered(mode Mode, per Period, steps ...Tier) Action {
	return Action{Name: "archive", Per: 1, Rates: []Rate{{Tiers: &Tiers{Mode: mode, Per: per, Steps: steps, Counter: "archive"}}}}
}

func TestTiers(t *testing.T) {
	steps := []Tier{{100, dec("1")}, {150, dec("0.75")}, {0, dec("0.5")}}
	for _, c := range []struct {
		mode           Mode
		per            Period
		used, quantity string
		want           core.Amount
	}{
		{Graduated, PerCycle, "0", "0", 0},
		{Graduated, PerCycle, "0", "40", 4000},
		{Graduated, PerCycle, "0", "100", 10000},
		{Graduated, PerCycle, "0", "101", 10075},
		{Graduated, PerCycle, "90", "20", 1000 + 750},
		{Graduated, PerCycle, "100", "10", 750},
		{Graduated, PerCycle, "99.5", "1", 50 + 38}, // half a step at 1 and half at 0.75, 87.5 parts, ties to even
		{Graduated, PerCycle, "90", "100", 1000 + 3750 + 2000},
		{Graduated, PerCycle, "151", "2", 100},
		{Graduated, PerEvent, "90", "20", 2000},
		{Volume, PerCycle, "0", "100", 10000},
		{Volume, PerCycle, "0", "101", 7575}, // all of it by the second tier
		{Volume, PerCycle, "90", "20", 1500},
		{Volume, PerCycle, "140", "20", 1000},
		{Volume, PerCycle, "200", "0", 0},
		{Volume, PerEvent, "1000", "100", 10000},
		{Volume, PerEvent, "0", "200", 10000},
	} {
		a := tiered(c.mode, c.per, steps...)
		used, quantity := quantityOf(t, c.used), quantityOf(t, c.quantity)
		got, err := a.Cost(Event{Quantity: quantity, Used: used}, credits)
		if err != nil || got != c.want {
			t.Errorf("%s per %s after %s: %s cost %d, %v; want %d", c.mode, c.per, c.used, c.quantity, got, err, c.want)
		}
		name, per, counts, err := a.Counter(Event{Quantity: quantity, Used: used})
		if err != nil || (name == "") != (c.per == PerEvent) || name != "" && (name != "archive" || per != c.per || counts != quantity) {
			t.Errorf("%s per %s counts %d for %q per %q, %v", c.mode, c.per, counts, name, per, err)
		}
	}
}

func one() *core.Rate { return &core.Rate{Num: 1, Den: 1} }

func quantityOf(t *testing.T, text string) Quantity {
	t.Helper()
	q, err := ParseQuantity(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// What is counted are settled steps, so that the tiers of many small events
// are those of what they were charged for.
func TestTiersCountSettledSteps(t *testing.T) {
	a := tiered(Graduated, PerMonth, Tier{2, dec("10")}, Tier{0, dec("1")})
	a.Per, a.Round, a.RefundOn = 1000, StepUp, []string{"failed"}
	used := Quantity(0)
	for i, want := range []core.Amount{1000, 1000, 100, 0, 100} {
		e := Event{Quantity: 1500 * One / 1000, Used: used}
		if i == 3 {
			e.Outcome = "failed"
		}
		got, err := a.Cost(e, credits)
		_, _, counts, errCounts := a.Counter(e)
		if err != nil || errCounts != nil || got != want {
			t.Errorf("event %d costs %d, %v, %v; want %d", i, got, err, errCounts, want)
		}
		used += counts
	}
	if used != 4*1000*One {
		t.Errorf("%d millionths are counted, want four steps", used)
	}
}

// A split of a quantity over events costs the same as the whole where nothing
// is rounded: graduated tiers go by what was used before.
func TestGraduatedAddsUp(t *testing.T) {
	a := tiered(Graduated, PerCycle, Tier{10, dec("3")}, Tier{25, dec("2")}, Tier{0, dec("1")})
	whole, err := a.Cost(Event{Quantity: 40 * One}, credits)
	if err != nil || whole != 100*(30+30+15) {
		t.Fatalf("forty cost %d, %v", whole, err)
	}
	for _, size := range []Quantity{1, 3, 7, 10, 13, 39} {
		var sum core.Amount
		for used := Quantity(0); used < 40; used += size {
			n, err := a.Cost(Event{Quantity: min(size, 40-used) * One, Used: used * One}, credits)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if sum != whole {
			t.Errorf("forty in events of %d cost %d, want %d", size, sum, whole)
		}
	}
}

func TestMultiply(t *testing.T) {
	job := Action{
		Name: "ci", Per: 60, Round: StepUp, Base: dec("1"), Minimum: dec("4"), Rates: []Rate{{Cost: dec("1")}},
		Multiply: []Factor{
			{Dimension: "os", Values: map[string]core.Rate{"linux": dec("1"), "windows": dec("2"), "macos": dec("10")}},
			{Dimension: "size", Values: map[string]core.Rate{"large": dec("1.25"), "none": dec("0")}, Otherwise: one()},
		},
	}
	for _, c := range []struct {
		seconds  Quantity
		os, size string
		want     core.Amount
	}{
		{430, "macos", "", 8000 + 100}, // eight begun minutes x 10, and the base
		{430, "linux", "small", 800 + 100},
		{430, "windows", "large", 2000 + 100},
		{60, "linux", "", 400}, // the minimum
		{60, "macos", "none", 400},
		{61, "linux", "large", 400},
		{181, "linux", "large", 500 + 100},
	} {
		dimensions := map[string]string{"os": c.os}
		if c.size != "" {
			dimensions["size"] = c.size
		}
		got, err := job.Cost(Event{Quantity: c.seconds * One, Dimensions: dimensions}, credits)
		if err != nil || got != c.want {
			t.Errorf("%d s on %s %s cost %d, %v; want %d", c.seconds, c.os, c.size, got, err, c.want)
		}
	}
	for value, names := range map[string]string{"solaris": `os "solaris"`, "": "the dimension os,"} {
		dimensions := map[string]string{}
		if value != "" {
			dimensions["os"] = value
		}
		_, err := job.Cost(Event{Quantity: One, Dimensions: dimensions}, credits)
		wantInvalid(t, err, "dimensions")
		for _, word := range []string{names, `"linux" "macos" "windows"`} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("the refusal %q does not say %s", err, word)
			}
		}
	}
}

// Numbers that no 64 bits hold on the way are still priced exactly.
func TestTheLongWay(t *testing.T) {
	a := Action{Name: "a", Per: 7, Rates: []Rate{{Cost: dec("0.123456789")}}}
	by := dec("1.234567891")
	for i := range 6 {
		a.Multiply = append(a.Multiply, Factor{Dimension: fmt.Sprint("d", i), Otherwise: &by})
	}
	e := Event{Quantity: 123_456_789_012_345}
	p := pricing{a: &a, r: &a.Rates[0], cost: a.Rates[0].Cost, counted: e.Quantity}
	if n, err := p.quick(9); err == nil {
		t.Fatalf("it fits: %d", n)
	}
	want, ok := naive(&a, e, a.Rates[0].Cost, 9)
	if got, err := a.Cost(e, core.Unit{Scale: 9}); err != nil || !ok || want.Cmp(big.NewInt(int64(got))) != 0 {
		t.Errorf("it costs %d, %v; want %s", got, err, want)
	}
}

func TestOutcomesAndSeveralUnits(t *testing.T) {
	enrich := Action{Name: "enrich", Per: 1, RefundOn: []string{"failed", "empty"}, Rates: []Rate{
		{Parts: []Cost{{"export", dec("1")}}},
		{When: map[string]string{"email": "true"}, Parts: []Cost{{"export", dec("1")}, {"email", dec("1")}}},
		{When: map[string]string{"email": "true", "mobile": "true"}, Parts: []Cost{{"export", dec("1")}, {"email", dec("1")}, {"mobile", dec("1")}}},
	}}
	units := []core.Unit{{Code: "export"}, {Code: "email"}, {Code: "mobile"}}
	for _, c := range []struct {
		dimensions map[string]string
		outcome    string
		want       string
	}{
		{nil, "", "[{export 1}]"},
		{map[string]string{"email": "true"}, "", "[{export 1} {email 1}]"},
		{map[string]string{"email": "true", "mobile": "true"}, "done", "[{export 1} {email 1} {mobile 1}]"},
		{map[string]string{"email": "true"}, "failed", "[{export 0} {email 0}]"},
		{nil, "empty", "[{export 0}]"},
		{nil, "Failed", "[{export 1}]"},
	} {
		e := Event{Quantity: One, Dimensions: c.dimensions, Outcome: c.outcome}
		parts, err := enrich.Price(e, units, nil)
		if err != nil || fmt.Sprint(parts) != c.want {
			t.Errorf("%v, %q: %v, %v; want %s", c.dimensions, c.outcome, parts, err, c.want)
		}
		if _, err := enrich.Cost(e, units[0]); (err == nil) != (len(parts) == 1) {
			t.Errorf("%v in one unit: %v", c.dimensions, err)
		}
	}
	e := Event{Quantity: One, Dimensions: map[string]string{"email": "true"}}
	if _, err := enrich.Cost(e, units[0]); core.CodeOf(err) != core.CodeNotSupported {
		t.Errorf("several units as one: %v", err)
	}
	if _, err := enrich.Price(e, units[:1], nil); core.CodeOf(err) != core.CodeInvalid || !strings.Contains(err.Error(), `"email"`) {
		t.Errorf("a unit that is not configured: %v", err)
	}
	has := map[string]core.Amount{"export": 5, "email": 3}
	if n, err := enrich.Times(e, units, func(unit string) core.Amount { return has[unit] }); err != nil || n != 3 {
		t.Errorf("it is paid %d times, %v", n, err)
	}
}

func TestTimesEndless(t *testing.T) {
	plenty := func(string) core.Amount { return core.MaxAmount }
	free := flat("0")
	drained := tiered(Graduated, PerCycle, Tier{10, dec("1")}, Tier{0, dec("0")})
	for name, a := range map[string]*Action{"free": &free, "free after ten": &drained} {
		if n, err := a.Times(Event{Quantity: One}, []core.Unit{credits}, plenty); err != nil || n != Endless {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	nine := func(string) core.Amount { return 950 }
	if n, err := drained.Times(Event{Quantity: One}, []core.Unit{credits}, nine); err != nil || n != 9 {
		t.Errorf("nine and a half are paid for: %d, %v", n, err)
	}
}

func TestCards(t *testing.T) {
	cards := Cards{
		{Version: "2024", Effective: 0, Actions: map[string]Action{"a": flat("1")}},
		{Version: "2025", Effective: 1000, Actions: map[string]Action{"a": flat("2"), "b": {Unit: "email", Rates: []Rate{{}}}}},
		{Version: "2026", Effective: 2000, Actions: map[string]Action{"b": {Rates: []Rate{{Parts: []Cost{{"email", dec("1")}, {"sms", dec("1")}}}}}}},
	}
	for _, c := range []struct {
		at     core.Time
		pinned string
		want   string
	}{
		{1, "", "2024"}, {999, "", "2024"}, {1000, "", "2025"}, {1999, "", "2025"}, {2000, "", "2026"}, {1 << 50, "", "2026"},
		{5000, "2025", "2025"}, {1, "2026", "2026"},
	} {
		card, err := cards.At(c.at, c.pinned)
		if err != nil || card.Version != c.want {
			t.Errorf("at %d, pinned to %q: %v, %v; want %s", c.at, c.pinned, card, err, c.want)
		}
	}
	for name, err := range map[string]error{
		"gone": second(cards.At(5000, "2023")), "none": second(Cards(nil).At(1, "")), "not yet": second(cards[1:].At(999, "")),
	} {
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.CodeUnknownAction || e.Field != "action" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := cards.Pin("2024"); err != nil {
		t.Error(err)
	}
	wantInvalid(t, cards.Pin("2023"), "")
	if got := fmt.Sprint(cards.Units("b", "credits", nil), cards.Units("a", "credits", nil), cards.Units("c", "credits", nil)); got != "[email sms] [credits] []" {
		t.Errorf("the units are %s", got)
	}
	if cards.Newest().Version != "2026" || (Cards{}).Newest().Version != "" {
		t.Error("the newest is another")
	}
}

func second[T any](_ T, err error) error { return err }

var busy = Action{
	Name: "text", Per: 1000, Round: StepUp, Minimum: dec("0.1"), Rates: append([]Rate{{
		When:  map[string]string{"model": "large", "region": "us"},
		Tiers: &Tiers{Mode: Graduated, Per: PerCycle, Counter: "text", Steps: []Tier{{100, dec("1.5")}, {0, dec("1.2")}}},
	}}, byModel.Rates...),
	Multiply: []Factor{{Dimension: "mode", Values: map[string]core.Rate{"batch": dec("0.5")}, Otherwise: one()}},
}

func BenchmarkCost(b *testing.B) {
	for name, dimensions := range map[string]map[string]string{
		"flat": {"model": "large", "region": "eu"}, "tiers": {"model": "large", "region": "us", "mode": "batch"},
	} {
		b.Run(name, func(b *testing.B) {
			e := Event{Quantity: 123_456 * One, Dimensions: dimensions, Used: 99_000 * One}
			units := []core.Unit{credits}
			var buffer [4]Part
			b.ReportAllocs()
			for b.Loop() {
				if _, err := busy.Price(e, units, buffer[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Pricing is on the way of every debit: it must not allocate.
func TestPriceDoesNotAllocate(t *testing.T) {
	units := []core.Unit{credits}
	for _, dimensions := range []map[string]string{{"model": "large", "region": "eu"}, {"model": "large", "region": "us", "mode": "batch"}} {
		e := Event{Quantity: 123_456 * One, Dimensions: maps.Clone(dimensions), Used: 99_000 * One}
		var buffer [4]Part
		if n := testing.AllocsPerRun(100, func() {
			if _, err := busy.Price(e, units, buffer[:0]); err != nil {
				t.Error(err)
			}
		}); n > 0 {
			t.Errorf("pricing %v allocates %v times", dimensions, n)
		}
	}
}
