package burn_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/mapping/burn"
)

func keys(documented bool, order ...core.OrderKey) []adapters.OrderKey {
	var list []adapters.OrderKey
	for _, k := range order {
		list = append(list, adapters.OrderKey{Key: k, Confirmed: documented})
	}
	return list
}

// grant is one with its place among the entries as its id.
func grant(seq int64, change func(*core.Grant)) core.Grant {
	g := core.Grant{Seq: seq, Remaining: 100, Terms: core.Terms{
		ID: core.ID(fmt.Sprintf("g%d", seq)), Amount: 100, Category: core.Paid, Priority: core.DefaultPriority, Expires: core.Never,
	}}
	if change != nil {
		change(&g)
	}
	return g
}

func expires(at core.Time) func(*core.Grant) { return func(g *core.Grant) { g.Expires = at } }
func paid(minor core.Amount) func(*core.Grant) {
	return func(g *core.Grant) { g.Paid = core.Money{Minor: minor, Currency: "usd"} }
}
func scoped(g *core.Grant) { g.Actions = []string{"image.generate"} }

func TestJudge(t *testing.T) {
	order := core.DefaultOrder()
	blocks := burn.Vendor{Keys: append(keys(true, core.ByExpiry, core.ByCostBasis), keys(false, core.ByEffective, core.ByRecorded)...), Scopes: true}
	days := blocks
	days.Coarse = []core.OrderKey{core.ByExpiry}
	blind := burn.Vendor{Keys: keys(true, order...)}
	numbers := burn.Vendor{Keys: keys(true, core.ByPriority, core.ByCostBasis), Scopes: true, Highest: 2}
	for name, c := range map[string]struct {
		vendor burn.Vendor
		grants []core.Grant
		want   burn.Verdict
		pair   burn.Pair
	}{
		"no grant":                       {blocks, nil, burn.Same, burn.Pair{}},
		"one grant":                      {burn.Vendor{}, []core.Grant{grant(1, nil)}, burn.Same, burn.Pair{}},
		"no criterion":                   {burn.Vendor{}, []core.Grant{grant(1, nil), grant(2, nil)}, burn.MayDiffer, burn.Pair{}},
		"equal but for what is unknown":  {blocks, []core.Grant{grant(1, nil), grant(2, nil)}, burn.MayDiffer, burn.Pair{}},
		"sooner first at both":           {blocks, []core.Grant{grant(1, nil), grant(2, expires(9))}, burn.Same, burn.Pair{}},
		"dearer first in the core":       {blocks, []core.Grant{grant(1, paid(90)), grant(2, paid(10))}, burn.Differs, burn.Pair{First: "g1", Second: "g2"}},
		"cheaper first at both":          {blocks, []core.Grant{grant(1, paid(10)), grant(2, paid(90))}, burn.Same, burn.Pair{}},
		"expiry might be one day":        {days, []core.Grant{grant(1, expires(9)), grant(2, expires(10))}, burn.MayDiffer, burn.Pair{}},
		"one day, but cheaper too":       {days, []core.Grant{grant(1, func(g *core.Grant) { expires(9)(g); paid(1)(g) }), grant(2, func(g *core.Grant) { expires(10)(g); paid(2)(g) })}, burn.Same, burn.Pair{}},
		"apart, with an unknown between": {blocks, []core.Grant{grant(1, paid(9)), grant(2, paid(9)), grant(3, paid(1))}, burn.Differs, burn.Pair{First: "g2", Second: "g3"}},
		"a scope the vendor ignores":     {blind, []core.Grant{grant(1, scoped), grant(2, nil)}, burn.MayDiffer, burn.Pair{}},
		"one scope for all":              {blind, []core.Grant{grant(1, scoped), grant(2, scoped)}, burn.Same, burn.Pair{}},
		"mended by numbers":              {numbers, []core.Grant{grant(1, paid(9)), grant(2, paid(1))}, burn.Mended, burn.Pair{First: "g1", Second: "g2"}},
		"too few numbers":                {numbers, []core.Grant{grant(1, paid(9)), grant(2, paid(1)), grant(3, nil), grant(4, nil)}, burn.Differs, burn.Pair{First: "g1", Second: "g2"}},
	} {
		slices.Reverse(c.grants) // in which sequence they come decides nothing
		if got := c.vendor.Judge(c.grants, order); got.Verdict != c.want || got.Pair != c.pair {
			t.Errorf("%s: %+v, want %s %+v", name, got, c.want, c.pair)
		}
	}
}

// Two grants that are not neighbours can be turned round although nothing is
// known of either's neighbours.
func TestAPairApartIsFound(t *testing.T) {
	v := burn.Vendor{Scopes: true, Keys: append(keys(false, core.ByEffective), keys(true, core.ByCostBasis)...)}
	grants := []core.Grant{grant(1, paid(9)), grant(2, func(g *core.Grant) { g.Starts = 5 }), grant(3, paid(1))}
	got := v.Judge(grants, core.Order{core.ByRecorded})
	if want := (burn.Pair{First: "g1", Second: "g3"}); got.Verdict != burn.Differs || got.Pair != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestVendorOf(t *testing.T) {
	v := burn.VendorOf(adapters.Traits{BurnOrder: keys(true, core.ByPriority), Facts: []adapters.Fact{
		{Name: "expiry", Fit: adapters.Loss}, {Name: "future start", Fit: adapters.Exact}, {Name: "scope", Fit: adapters.Exact},
		{Name: "priority", Fit: adapters.Exact, How: "int 0..100"},
	}})
	if len(v.Keys) != 1 || !slices.Equal(v.Coarse, []core.OrderKey{core.ByExpiry}) || !v.Scopes || v.Lowest != 0 || v.Highest != 100 {
		t.Errorf("read %+v", v)
	}
	for _, f := range []adapters.Fact{{Fit: adapters.Kept, How: "int 0..100"}, {Fit: adapters.Exact, How: "a number"}, {Fit: adapters.Exact, How: "int 9..1"}, {Fit: adapters.Exact, How: "int 3"}} {
		f.Name = "priority"
		if v := burn.VendorOf(adapters.Traits{Facts: []adapters.Fact{f}}); v.Highest != v.Lowest {
			t.Errorf("%+v: read %d..%d", f, v.Lowest, v.Highest)
		}
	}
}

func randomGrants(r *rand.Rand) []core.Grant {
	grants := make([]core.Grant, r.IntN(9))
	for i := range grants {
		grants[i] = grant(int64(i+1), func(g *core.Grant) {
			g.Priority, g.Starts = 49+r.IntN(3), core.Time(r.IntN(3))
			g.Expires = []core.Time{100, 101, core.Never}[r.IntN(3)]
			g.Category = []core.Category{core.Paid, core.Promotional, core.Allotment, core.Adjustment}[r.IntN(4)]
			g.Paid = core.Money{Minor: core.Amount(r.IntN(3)), Currency: "usd"}
		})
	}
	r.Shuffle(len(grants), func(i, j int) { grants[i], grants[j] = grants[j], grants[i] })
	return grants
}

func randomOrder(r *rand.Rand) core.Order {
	all := core.Order{core.ByPriority, core.ByExpiry, core.ByFree, core.ByEffective, core.ByCostBasis, core.ByScope}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return append(all[:1+r.IntN(len(all))], core.ByRecorded)
}

func ids(grants []core.Grant) (list []core.ID) {
	for _, g := range grants {
		list = append(list, g.ID)
	}
	return list
}

// sorted puts grants in a documented order that ends in the entry sequence.
func sorted(grants []core.Grant, order core.Order) []core.Grant {
	grants = slices.Clone(grants)
	slices.SortFunc(grants, func(a, b core.Grant) int { return order.Compare(&a, &b) })
	return grants
}

// With everything documented a verdict is a fact: it is checked by sorting.
func TestVerdictsAgainstSorting(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	seen := map[burn.Verdict]int{}
	for range 20_000 {
		grants, ours, theirs := randomGrants(r), randomOrder(r), randomOrder(r)
		if r.IntN(4) == 0 {
			theirs = ours
		}
		v := burn.Vendor{Keys: keys(true, theirs...), Scopes: true}
		got := v.Judge(grants, ours)
		seen[got.Verdict]++
		a, b := ids(sorted(grants, ours)), ids(sorted(grants, theirs))
		switch got.Verdict {
		case burn.Same:
			if !slices.Equal(a, b) {
				t.Fatalf("seed %d: said the same of %v and %v", seed, a, b)
			}
		case burn.Differs:
			p := got.Pair
			if slices.Equal(a, b) || slices.Index(a, p.First) > slices.Index(a, p.Second) || slices.Index(b, p.First) < slices.Index(b, p.Second) {
				t.Fatalf("seed %d: said that %v and %v differ at %+v", seed, a, b, p)
			}
		default:
			t.Fatalf("seed %d: %s with everything documented", seed, got.Verdict)
		}
		if slices.Equal(ours, theirs) && got.Verdict != burn.Same {
			t.Fatalf("seed %d: equal orders are %s", seed, got.Verdict)
		}
	}
	if seen[burn.Same] == 0 || seen[burn.Differs] == 0 {
		t.Errorf("seed %d: only saw %v", seed, seen)
	}
}

// What is not documented may be anything: whichever way a vendor that rounds
// and keeps some criteria to itself draws, a firm verdict holds.
func TestFirmVerdictsHoldInEveryWorld(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	firm := 0
	for range 20_000 {
		grants, ours, theirs := randomGrants(r), randomOrder(r), randomOrder(r)
		v := burn.Vendor{Keys: keys(true, theirs...), Scopes: true, Coarse: []core.OrderKey{core.ByExpiry}}
		for i := range v.Keys {
			v.Keys[i].Confirmed = r.IntN(4) > 0
		}
		got := v.Judge(grants, ours)
		if got.Verdict == burn.MayDiffer {
			continue
		}
		firm++
		rounds, turns := r.IntN(2) == 0, r.IntN(2) == 0
		world := slices.Clone(grants)
		slices.SortStableFunc(world, func(a, b core.Grant) int {
			for _, k := range v.Keys {
				x, y := a, b
				if rounds && x.Expires != core.Never {
					x.Expires -= x.Expires % 2
				}
				if rounds && y.Expires != core.Never {
					y.Expires -= y.Expires % 2
				}
				if k.Key != core.ByRecorded {
					x.Seq, y.Seq = 0, 0
				}
				x.ID, y.ID = "", ""
				c := core.Order{k.Key}.Compare(&x, &y)
				if !k.Confirmed && turns {
					c = -c
				}
				if c != 0 {
					return c
				}
			}
			return 0
		})
		a, b := ids(sorted(grants, ours)), ids(world)
		switch p := got.Pair; got.Verdict {
		case burn.Same:
			if !slices.Equal(a, b) {
				t.Fatalf("seed %d: said the same of %v and %v", seed, a, b)
			}
		case burn.Differs:
			if slices.Index(b, p.First) < slices.Index(b, p.Second) {
				t.Fatalf("seed %d: %v does not turn %+v round", seed, b, p)
			}
		}
	}
	if firm == 0 {
		t.Errorf("seed %d: nothing firm was said", seed)
	}
}

// Priorities that are said to mend an order do so under the vendor's criteria,
// and are said wherever they fit a vendor that asks for them first.
func TestPrioritiesMend(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	mended := 0
	for range 20_000 {
		grants, ours := randomGrants(r), randomOrder(r)
		theirs := randomOrder(r)
		if r.IntN(2) == 0 {
			theirs = append(core.Order{core.ByPriority}, slices.DeleteFunc(theirs, func(k core.OrderKey) bool { return k == core.ByPriority })...)
		}
		v := burn.Vendor{Keys: keys(true, theirs...), Scopes: true, Lowest: 10, Highest: 10 + r.IntN(10)}
		got := v.Judge(grants, ours)
		if got.Verdict != burn.Mended {
			if fits := v.Highest-v.Lowest >= len(grants)-1 && v.Highest > v.Lowest; got.Verdict != burn.Same && fits && theirs[0] == core.ByPriority {
				t.Fatalf("seed %d: %d grants fit %d..%d but are %s", seed, len(grants), v.Lowest, v.Highest, got.Verdict)
			}
			continue
		}
		mended++
		encoded := slices.Clone(grants)
		for i, p := range got.Priorities {
			if encoded[i].Priority = p; p < v.Lowest || p > v.Highest {
				t.Fatalf("seed %d: priority %d is outside of %d..%d", seed, p, v.Lowest, v.Highest)
			}
		}
		if a, b := ids(sorted(grants, ours)), ids(sorted(encoded, theirs)); !slices.Equal(a, b) {
			t.Fatalf("seed %d: mended %v to %v", seed, a, b)
		}
	}
	if mended == 0 {
		t.Errorf("seed %d: nothing was mended", seed)
	}
}

func BenchmarkJudge4(b *testing.B) {
	v := burn.Vendor{Keys: keys(true, core.ByExpiry, core.ByCostBasis), Scopes: true}
	grants := make([]core.Grant, 4)
	for i := range grants {
		grants[i] = grant(int64(i+1), expires(core.Time(cmp.Compare(i, 2)+5)))
	}
	b.ReportAllocs()
	for b.Loop() {
		v.Judge(grants, core.DefaultOrder())
	}
}

// Where we name the grant that is drawn on, the vendor's own order decides
// nothing, whatever it is.
func TestNamedLotsBurnAsTheCoreDoes(t *testing.T) {
	v := burn.VendorOf(adapters.Traits{Draws: true, BurnOrder: []adapters.OrderKey{{Key: core.ByRecorded}}})
	grants := []core.Grant{{Terms: core.Terms{ID: "a", Priority: 9}, Seq: 1}, {Terms: core.Terms{ID: "b", Priority: 1}, Seq: 2}}
	if r := v.Judge(grants, core.DefaultOrder()); r.Verdict != burn.Same {
		t.Errorf("the verdict is %s", r.Verdict)
	}
	v.Named = false
	if r := v.Judge(grants, core.DefaultOrder()); r.Verdict == burn.Same {
		t.Error("an order of the vendor's own is the same as the core's")
	}
}
