package core

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var allKeys = []OrderKey{ByPriority, ByExpiry, ByFree, ByEffective, ByRecorded, ByCostBasis, ByScope}

// Each key alone decides, against every other fact and against the sequence.
func TestEachOrderKey(t *testing.T) {
	base := Grant{Terms: Terms{Amount: 100, Category: Paid, Priority: 50, Starts: 10, Expires: 1000, Paid: Money{500, "usd"}}, Seq: 2}
	for _, c := range []struct {
		key    OrderKey
		name   string
		change func(*Grant) // what makes a grant burn first
	}{
		{ByPriority, "lower priority", func(g *Grant) { g.Priority = 49 }},
		{ByExpiry, "sooner expiry", func(g *Grant) { g.Expires = 999 }},
		{ByFree, "promotional", func(g *Grant) { g.Category = Promotional }},
		{ByFree, "adjustment", func(g *Grant) { g.Category = Adjustment }},
		{ByEffective, "earlier start", func(g *Grant) { g.Starts = 9 }},
		{ByRecorded, "earlier entry", func(g *Grant) { g.Seq = 1 }},
		{ByCostBasis, "cheaper", func(g *Grant) { g.Paid.Minor = 499 }},
		{ByCostBasis, "same money for more", func(g *Grant) { g.Amount = 101 }},
		{ByCostBasis, "free of cost", func(g *Grant) { g.Paid = Money{} }},
		{ByCostBasis, "other currency, by its code", func(g *Grant) { g.Paid.Currency = "eur" }},
		{ByScope, "scoped", func(g *Grant) { g.Actions = []string{"a"} }},
	} {
		t.Run(string(c.key)+"/"+c.name, func(t *testing.T) {
			first, second := base, base
			c.change(&first)
			if c.key != ByRecorded {
				first.Seq = 3 // the tie-break alone would say otherwise
			}
			order := Order{c.key}
			if order.Compare(&first, &second) >= 0 || order.Compare(&second, &first) <= 0 {
				t.Errorf("%s does not put it first", c.key)
			}
			for _, other := range allKeys {
				if c.key != ByRecorded && other != c.key && other != ByRecorded && (Order{other}).Compare(&first, &second) < 0 {
					t.Errorf("%s puts it first too: the case does not tell the keys apart", other)
				}
			}
		})
	}
	never := base
	never.Expires = Never
	if (Order{ByExpiry}).Compare(&base, &never) >= 0 {
		t.Error("what never expires must burn last")
	}
	for _, category := range []Category{Allotment, Rollover} {
		g := base
		g.Category = category
		if (Order{ByFree}).Compare(&g, &base) != 0 {
			t.Errorf("%s must rank as paid", category)
		}
	}
}

func TestDefaultOrderIsItsKeysInTurn(t *testing.T) {
	g := func(id ID, priority int, expires Time, c Category, starts Time, seq int64) Grant {
		return Grant{Terms: Terms{ID: id, Amount: 1, Priority: priority, Expires: expires, Category: c, Starts: starts}, Seq: seq}
	}
	want := []Grant{
		g("priority", 1, Never, Paid, 9, 9),
		g("expiry", 2, 50, Paid, 9, 8),
		g("promotional", 2, Never, Promotional, 9, 7),
		g("adjustment", 2, Never, Adjustment, 9, 11),
		g("effective", 2, Never, Paid, 3, 6),
		g("recorded", 2, Never, Paid, 4, 5),
		g("last", 2, Never, Rollover, 4, 10),
	}
	a := Account{Order: DefaultOrder(), Grants: slices.Clone(want)}
	slices.Reverse(a.Grants)
	a.Sort()
	for i := range want {
		if a.Grants[i].ID != want[i].ID {
			t.Fatalf("place %d has %q, want %q", i, a.Grants[i].ID, want[i].ID)
		}
	}
}

func TestParseOrder(t *testing.T) {
	names := make([]string, len(allKeys))
	for i, key := range allKeys {
		names[i] = string(key)
	}
	if got, err := ParseOrder(names); err != nil || !slices.Equal(got, Order(allKeys)) {
		t.Errorf("ParseOrder(%q) = %v, %v", names, got, err)
	}
	if len(comparers) != len(allKeys) {
		t.Errorf("%d keys are known, %d are tested", len(comparers), len(allKeys))
	}
	for _, c := range []struct {
		names []string
		says  string
	}{
		{nil, "is empty"}, {[]string{}, "is empty"}, {[]string{"amount"}, `"amount" is unknown`}, {[]string{""}, `"" is unknown`},
		{[]string{"expiry", "priority", "expiry"}, `"expiry" twice`}, {[]string{"Priority"}, "is unknown"},
	} {
		if got, err := ParseOrder(c.names); CodeOf(err) != CodeInvalid || got != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("ParseOrder(%q) = %v, %v; want a refusal saying %q", c.names, got, err, c.says)
		}
	}
}

// anyOrder draws some of the keys in some order.
var anyOrder = rapid.Custom(func(t *rapid.T) Order {
	keys := rapid.Permutation(allKeys).Draw(t, "keys")
	return Order(keys[:rapid.IntRange(1, len(keys)).Draw(t, "count")])
})

// anyGrant draws grants that are often equal in some facts.
func anyGrant(seq int64) *rapid.Generator[Grant] {
	return rapid.Custom(func(t *rapid.T) Grant {
		small := rapid.Int64Range(1, 3)
		g := Grant{Seq: seq, Terms: Terms{
			ID: ID("g" + string(rune('0'+seq))), Amount: Amount(small.Draw(t, "amount")), Priority: int(small.Draw(t, "priority")),
			Starts: Time(small.Draw(t, "starts")), Expires: Time(3 + small.Draw(t, "expires")),
			Category: rapid.SampledFrom([]Category{Paid, Promotional, Allotment, Rollover, Adjustment}).Draw(t, "category"),
			Actions:  rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}}).Draw(t, "actions"),
		}}
		if rapid.Bool().Draw(t, "paid") {
			g.Paid = Money{Amount(small.Draw(t, "minor") - 1), rapid.SampledFrom([]Currency{"usd", "eur"}).Draw(t, "currency")}
		}
		if rapid.Bool().Draw(t, "never") {
			g.Expires = Never
		}
		return g
	})
}

func TestOrderIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOrder.Draw(t, "order")
		a, b, c := anyGrant(1).Draw(t, "a"), anyGrant(2).Draw(t, "b"), anyGrant(3).Draw(t, "c")
		for _, p := range [][2]*Grant{{&a, &b}, {&b, &c}, {&a, &c}} {
			if x, y := o.Compare(p[0], p[1]), o.Compare(p[1], p[0]); x == 0 || x != -y {
				t.Fatalf("%v: %v against %v is %d one way and %d the other", o, p[0].Terms, p[1].Terms, x, y)
			}
		}
		if o.Compare(&a, &a) != 0 {
			t.Fatalf("%v: a grant differs from itself", o)
		}
		grants := []*Grant{&a, &b, &c}
		for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			x, y, z := grants[p[0]], grants[p[1]], grants[p[2]]
			if o.Compare(x, y) < 0 && o.Compare(y, z) < 0 && o.Compare(x, z) >= 0 {
				t.Fatalf("%v: %v before %v before %v, and not %v before %v", o, x.Terms, y.Terms, z.Terms, x.Terms, z.Terms)
			}
		}
	})
}

// The cost basis is compared exactly at any size.
func TestCostBasisIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Grant{Terms: Terms{Amount: Amount(positive(1).Draw(t, "amount a")), Paid: Money{Amount(positive(0).Draw(t, "paid a")), "usd"}}}
		b := Grant{Terms: Terms{Amount: Amount(positive(1).Draw(t, "amount b")), Paid: Money{Amount(positive(0).Draw(t, "paid b")), "usd"}}}
		want := big.NewRat(int64(a.Paid.Minor), int64(a.Amount)).Cmp(big.NewRat(int64(b.Paid.Minor), int64(b.Amount)))
		if got := compareCostBasis(&a, &b); got != want {
			t.Fatalf("%d/%d against %d/%d is %d, want %d", a.Paid.Minor, a.Amount, b.Paid.Minor, b.Amount, got, want)
		}
	})
}
