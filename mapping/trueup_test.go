package mapping

import (
	"testing"

	"pgregory.net/rapid"

	"scrip/adapters"
	"scrip/core"
)

// TestCompare: after what a comparison asks for, the vendor holds the floor of
// what the core had left of the grant when the invoice's period ended, whatever
// the vendor drew and whatever was consumed since.
func TestCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := core.Unit{Code: "credits", Scale: 2}
		c := Connection{Strategy: adapters.Meter, Rate: price(t, rapid.SampledFrom([]string{"0.08 usd", "0.333 usd", "12.5 usd"}).Draw(t, "rate"))}
		q, _ := c.QuantumOf(unit)
		amount := core.Amount(rapid.Int64Range(1, 1_000_000).Draw(t, "amount"))
		drawn := core.Amount(rapid.Int64Range(0, int64(amount)).Draw(t, "consumed in the period"))
		later := core.Amount(rapid.Int64Range(0, int64(amount-drawn)).Draw(t, "consumed since"))
		ended := core.Amount(rapid.Int64Range(0, int64(amount-drawn-later)).Draw(t, "ended"))
		g := &core.Grant{Terms: core.Terms{ID: "grn_a", Amount: amount, Category: core.Paid, Expires: core.Never}, Ended: ended}
		g.Remaining = amount - drawn - later - ended
		given, _ := q.Floor(amount)
		left := rapid.Int64Range(0, given).Draw(t, "left at the vendor")
		v := adapters.VendorGrant{ID: "cg_1", Remaining: core.Money{Minor: core.Amount(left), Currency: "usd"}, State: core.Open}
		r, err := c.Compare(g, unit, later, v, 100)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := q.Floor(amount - drawn - ended)
		switch {
		case r == nil && left != want:
			t.Fatalf("the vendor holds %d, want %d, and nothing is done", left, want)
		case r == nil:
		case left == want:
			t.Fatalf("the vendor holds what it should, and %+v is done", r)
		case r.Again == nil && want != 0, r.Again != nil && (r.Again.Holding.Quanta != want || int64(r.Again.Value.Minor) != want):
			t.Fatalf("made again as %+v, want %d", r.Again, want)
		case r.Left.Quanta != left || r.Consumed != drawn+later || r.Again != nil && r.Again.Consumed != drawn:
			t.Fatalf("done is %+v", r)
		}
	})
}

func TestCompareLeavesAlone(t *testing.T) {
	unit, c := core.Unit{Code: "credits", Scale: 2}, Connection{Strategy: adapters.Meter, Rate: price(t, "0.08 usd")}
	usd := func(n core.Amount) core.Money { return core.Money{Minor: n, Currency: "usd"} }
	grant := core.Grant{Terms: core.Terms{ID: "grn_a", Amount: 1000, Expires: 50}, Remaining: 1000}
	for name, x := range map[string]struct {
		later core.Amount
		v     adapters.VendorGrant
		now   core.Time
		redo  bool
		bad   bool
	}{
		"equal":                     {0, adapters.VendorGrant{State: core.Open, Remaining: usd(80)}, 10, false, false},
		"less there":                {0, adapters.VendorGrant{State: core.Open, Remaining: usd(70)}, 10, true, false},
		"all of it drawn there":     {0, adapters.VendorGrant{State: core.Spent, Remaining: usd(0)}, 10, true, false},
		"ended there by a person":   {0, adapters.VendorGrant{State: core.Void, Remaining: usd(0)}, 10, false, false},
		"expired there":             {0, adapters.VendorGrant{State: core.Expired, Remaining: usd(0)}, 10, false, false},
		"not begun there":           {0, adapters.VendorGrant{State: core.Scheduled, Remaining: usd(70)}, 10, false, false},
		"over here, still to draw":  {0, adapters.VendorGrant{State: core.Open, Remaining: usd(70)}, 50, false, false},
		"in parts":                  {0, adapters.VendorGrant{State: core.Open, Left: adapters.Holding{Quanta: 80, Scale: 2, Unit: "USD"}}, 10, false, false},
		"in another currency":       {0, adapters.VendorGrant{State: core.Open, Remaining: core.Money{Minor: 80, Currency: "eur"}}, 10, false, true},
		"given back, not yet told":  {-250, adapters.VendorGrant{State: core.Open, Remaining: usd(60)}, 10, false, false},
		"more given back than made": {-5000, adapters.VendorGrant{State: core.Open, Remaining: usd(0)}, 10, false, false},
	} {
		g := grant
		r, err := c.Compare(&g, unit, x.later, x.v, x.now)
		if (r != nil) != x.redo || (core.CodeOf(err) == core.CodeInvalid) != x.bad || err != nil && !x.bad {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// TestBookPoints: a point is never later than what was told before an instant,
// and is exactly that where the instant begins an hour that is remembered.
func TestBookPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const anHour = 3_600_000_000
		b := &Book{}
		var all []Point
		var at core.Time
		var seq int64
		for range rapid.IntRange(1, 150).Draw(t, "windows") {
			if len(all) > 0 && rapid.IntRange(0, 9).Draw(t, "retract") == 0 {
				last := all[len(all)-1]
				all = all[:len(all)-1]
				b.Retract(last.At)
				continue
			}
			at += core.Time(rapid.Int64Range(60_000_000, 3*anHour).Draw(t, "later"))
			seq += rapid.Int64Range(1, 9).Draw(t, "entries")
			p := Point{At: at, Seq: seq}
			b.Mark(p)
			all = append(all, p)
		}
		if len(b.Points) > pointLength {
			t.Fatalf("%d points are kept", len(b.Points))
		}
		before := core.Time(rapid.Int64Range(0, int64(at)/anHour+1).Draw(t, "hour") * anHour)
		if rapid.Bool().Draw(t, "odd") {
			before += core.Time(rapid.Int64Range(0, anHour-1).Draw(t, "within"))
		}
		var exact int64
		for _, p := range all {
			if p.At < before {
				exact = p.Seq
			}
		}
		got, ok := b.ToldBy(before)
		if ok && got > exact {
			t.Fatalf("told before %d is %d at least, it was %d", before, got, exact)
		}
		if ok && before%anHour == 0 && got < exact && !retracted(b, all, before) {
			t.Fatalf("told before %d is %d, it was %d: %+v", before, got, exact, b)
		}
	})
}

// TestToldBefore: what is told at the instant that a period ends is in the next.
func TestToldBefore(t *testing.T) {
	b := &Book{}
	b.Mark(Point{At: 3_599_999_999, Seq: 3})
	b.Mark(Point{At: 3_600_000_000, Seq: 5})
	for before, want := range map[core.Time]int64{0: 0, 3_599_999_999: 0, 3_600_000_000: 3, 3_600_000_001: 5} {
		if seq, ok := b.ToldBy(before); seq != want || ok != (want > 0) {
			t.Errorf("before %d: %d, %v, want %d", before, seq, ok, want)
		}
	}
}

// retracted reports that the hour of the last point before an instant was
// given up.
func retracted(b *Book, all []Point, before core.Time) bool {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].At < before {
			for _, p := range b.Points {
				if hour(p.At) == hour(all[i].At) {
					return false
				}
			}
			return true
		}
	}
	return false
}
