package mapping

import (
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
)

func price(t interface{ Fatal(...any) }, text string) core.Price {
	p, err := core.ParsePrice(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestQuanta(t *testing.T) {
	for _, c := range []struct {
		consumed core.Amount
		scale    int
		rate     string
		want     int64
	}{
		{0, 2, "0.08 usd", 0},
		{100, 2, "0.08 usd", 8},
		{1, 2, "0.08 usd", 0}, // 0.08 of a cent
		{1250, 2, "0.08 usd", 100},
		{1249, 2, "0.08 usd", 99}, // 99.92 cents
		{7, 0, "3 jpy", 21},
		{1, 0, "0.001 bhd", 1},
		{999, 3, "1.5 usd", 149},
		{core.MaxAmount, 0, "0.01 usd", int64(core.MaxAmount)},
	} {
		got, err := Quanta(c.consumed, core.Unit{Code: "credits", Scale: c.scale}, price(t, c.rate))
		if err != nil || got != c.want {
			t.Errorf("Quanta(%d, scale %d, %s) = %d, %v, want %d", c.consumed, c.scale, c.rate, got, err, c.want)
		}
	}
	if _, err := Quanta(core.MaxAmount, core.Unit{Code: "credits"}, price(t, "1000 usd")); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("overflow gives %v, want an invalid error", err)
	}
}

// TestQuantumLaw: however consumption is split into windows, what they tell
// sums to the floor of the total.
func TestQuantumLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := core.Unit{Code: "credits", Scale: rapid.IntRange(0, 6).Draw(t, "scale")}
		rate := price(t, rapid.SampledFrom([]string{"0.08 usd", "0.000001 usd", "0.333 eur", "1.999 jpy", "12.5 usd", "0.0007 bhd"}).Draw(t, "rate"))
		parts := rapid.SliceOfN(rapid.Int64Range(-5_000, 10_000_000), 1, 40).Draw(t, "parts")
		var total, before core.Amount
		var told int64
		for _, part := range parts {
			total = max(0, total+core.Amount(part))
			if rapid.Bool().Draw(t, "close") {
				told += window(t, before, total, unit, rate)
				before = total
			}
		}
		told += window(t, before, total, unit, rate)
		want, err := Quanta(total, unit, rate)
		if err != nil || told != want {
			t.Fatalf("windows told %d, the law says %d (%v)", told, want, err)
		}
	})
}

func window(t *rapid.T, before, after core.Amount, unit core.Unit, rate core.Price) int64 {
	held, err := MoneyQuantum(unit, rate)
	if err != nil {
		t.Fatal(err)
	}
	q, err := WindowQuanta(ledger.Told{Before: before, Consumed: after}, held)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestResidual: a grant's value and its rounding loss stay in [0, quantum).
func TestResidual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := core.Unit{Code: "credits", Scale: rapid.IntRange(0, 6).Draw(t, "scale")}
		rate := price(t, "0.0123 usd")
		amount := core.Amount(rapid.Int64Range(0, 1<<40).Draw(t, "amount"))
		held, err := HeldValue(amount, unit, rate)
		if err != nil {
			t.Fatal(err)
		}
		up, err := rate.Value(amount, unit.Scale, core.RoundUp)
		if err != nil || up.Minor-held.Minor < 0 || up.Minor-held.Minor > 1 {
			t.Fatalf("held %s, rounded up %s (%v)", held, up, err)
		}
	})
}

// TestConsumptionConverges drives windows that give back more than they took
// against a vendor that cancels, refuses to, or cannot, and may be asked
// again after any step: what the vendor holds and what is carried always sum
// to the law, and nothing is taken back twice.
func TestConsumptionConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit, rate := core.Unit{Code: "credits", Scale: 2}, price(t, "0.08 usd")
		q, err := MoneyQuantum(unit, rate)
		if err != nil {
			t.Fatal(err)
		}
		canCancel := rapid.Bool().Draw(t, "can cancel")
		book, vendor := &Book{}, map[string]int64{}
		var total, before core.Amount
		for n := range rapid.IntRange(1, 60).Draw(t, "windows") {
			total = max(0, total+core.Amount(rapid.Int64Range(-4000, 5000).Draw(t, "net")))
			c := &Consumption{Unit: unit, Number: int64(n), Window: string(rune('a'+n%26)) + string(rune('0'+n/26))}
			if err := figure(c, ledger.Told{Before: before, Consumed: total}, q, book); err != nil {
				t.Fatal(err)
			}
			before = total
			for s := c.Next(book, canCancel); s != nil; s = c.Next(book, canCancel) {
				if s.Cancel == nil {
					if s.Tell <= 0 {
						t.Fatalf("tells %d", s.Tell)
					}
					vendor[c.Window] = s.Tell
					book.Add(ToldWindow{Window: c.Window, Vendor: c.Window, Quanta: s.Tell})
					break
				}
				if rapid.Bool().Draw(t, "crash") {
					if again := c.Next(book, canCancel); again.Cancel == nil || again.Cancel.Window != s.Cancel.Window {
						t.Fatalf("after a crash another step comes: %+v", again)
					}
				}
				if rapid.IntRange(0, 3).Draw(t, "refuse") == 0 {
					s.Cancel.Refused = true
					continue
				}
				if vendor[s.Cancel.Window] != s.Cancel.Quanta {
					t.Fatalf("takes %d back of %q, the vendor holds %d", s.Cancel.Quanta, s.Cancel.Window, vendor[s.Cancel.Window])
				}
				delete(vendor, s.Cancel.Window)
				s.Cancel.Done = true
			}
			var held int64
			for _, q := range vendor {
				held += q
			}
			want, _ := Quanta(total, unit, rate)
			if book.Carry > 0 || held+book.Carry != want {
				t.Fatalf("the vendor holds %d and %d is carried, the law says %d", held, book.Carry, want)
			}
			if len(book.Windows) > bookLength {
				t.Fatalf("the book keeps %d windows", len(book.Windows))
			}
		}
	})
}

// A retired unit keeps the value it had, whatever the unit in force is worth.
func TestARetiredUnitKeepsItsValue(t *testing.T) {
	credits, tokens, usd := core.Unit{Code: "credits", Scale: 2}, core.Unit{Code: "tokens", Scale: 0}, core.Unit{Code: "usd", Scale: 6}
	old, now := core.Price{Rate: core.Rate{Num: 2, Den: 25}, Currency: "usd"}, core.Price{Rate: core.Rate{Num: 1, Den: 375}, Currency: "usd"}
	c := Connection{Rate: now, Rates: map[string]core.Price{"credits": old}}
	for unit, want := range map[core.Unit]core.Price{credits: old, tokens: now, usd: {Rate: core.Rate{Num: 1, Den: 1}, Currency: "usd"}} {
		if got := c.RateOf(unit); got != want {
			t.Errorf("one of %q is worth %v, want %v", unit.Code, got, want)
		}
		q, err := c.QuantumOf(unit)
		wanted, _ := MoneyQuantum(unit, want)
		if err != nil || q != wanted {
			t.Errorf("the quantum of %q is %+v, %v; want %+v", unit.Code, q, err, wanted)
		}
	}
}

func figure(c *Consumption, told ledger.Told, q Quantum, book *Book) error {
	c.Told = &told
	return c.Figure(q, book, 0)
}
