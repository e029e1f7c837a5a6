package metronome

import (
	"math/big"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

const units = "11111111-1111-4111-8111-111111111111"

// Dollars count in cents there; all other units count alike.
//
// PA-12.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		quanta int64
		scale  int
		unit   string
		want   rest.Decimal
	}{
		{350, 2, units, "3.50"}, {-350, 2, units, "-3.50"}, {1, 6, units, "0.000001"}, {7, 0, units, "7"},
		{350, 2, usdCents, "350"}, {-1, 6, usdCents, "-0.0001"}, {7, 0, usdCents, "700"}, {-7, 1, usdCents, "-70"},
		{9_007_199_254_740_993, 2, usdCents, "9007199254740993"}, {9_007_199_254_740_993, 0, units, "9007199254740993"},
	} {
		got := number(c.quanta, c.scale, c.unit)
		if got != c.want {
			t.Errorf("%d of scale %d is written %s, want %s", c.quanta, c.scale, got, c.want)
		}
		if n, ok := parts(got.Rat(), c.scale, c.unit); !ok || n != c.quanta {
			t.Errorf("%s is read as %d, %v, want %d", got, n, ok, c.quanta)
		}
	}
	if n, ok := parts(big.NewRat(-1, 3), 2, units); n != -34 || !ok {
		t.Errorf("a third below zero is %d parts, want it rounded down", n)
	}
	if _, ok := parts(rest.Decimal("1e30").Rat(), 0, units); ok {
		t.Error("what is no 64-bit number was counted")
	}
	for _, c := range []struct {
		scale int
		unit  string
		ok    bool
	}{{6, units, true}, {7, units, false}, {-1, units, false}, {2, "", false}} {
		if err := carries(c.scale, c.unit); (err == nil) != c.ok {
			t.Errorf("%d decimals of %q: %v", c.scale, c.unit, err)
		}
	}
}

func TestCostBasis(t *testing.T) {
	order := adapters.GrantOrder{Holding: adapters.Holding{Quanta: 50_000, Scale: 2}, Original: 100_000, Unit: core.Unit{Scale: 2}}
	for _, c := range []struct {
		paid core.Money
		want rest.Decimal
	}{
		{core.Money{Minor: 8000, Currency: "usd"}, "4000"}, {core.Money{Minor: 8000, Currency: "eur"}, "40"},
		{core.Money{Minor: 801, Currency: "eur"}, "4.005"}, {core.Money{Minor: 801, Currency: "jpy"}, "400.5"}, {core.Money{}, ""},
	} {
		order.Basis = c.paid
		if got := costBasis(order); got != c.want {
			t.Errorf("half of %s is %s, want %s", c.paid, got, c.want)
		}
	}
	order.Holding = adapters.Holding{Quanta: 1, Scale: 0}
	order.Original, order.Unit.Scale, order.Basis = 3, 0, core.Money{Minor: 100, Currency: "usd"}
	if got := costBasis(order); got != "33.333333" {
		t.Errorf("a third of a dollar is %s", got)
	}
}

func TestExpiryAtVendor(t *testing.T) {
	for at, want := range map[string]string{
		"2026-03-10T12:00:00Z": "2026-03-10T12:00:00Z", "2026-03-10T12:00:00.000001Z": "2026-03-10T13:00:00Z", "2026-12-31T23:59:59Z": "2027-01-01T00:00:00Z",
		"2200-01-01T00:00:00Z": "2126-01-01T00:00:00Z",
	} {
		if got := ExpiryAtVendor(when(at)).String(); got != want {
			t.Errorf("%s ends there at %s, want %s", at, got, want)
		}
	}
	if got := ExpiryAtVendor(core.Never); got != farEnd {
		t.Errorf("never is %s there", got)
	}
}
