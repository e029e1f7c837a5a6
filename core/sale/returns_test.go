package sale

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

func dollars(minor core.Amount) core.Money { return core.Money{Minor: minor, Currency: "usd"} }

func refund(object string, minor core.Amount) Claim {
	return Claim{Kind: RefundClaim, Object: object, Amount: dollars(minor), State: Standing}
}

func dispute(object string, minor core.Amount, state ClaimState) Claim {
	return Claim{Kind: DisputeClaim, Object: object, Amount: dollars(minor), State: state}
}

// Claims in the order they are heard; how much of the price is gone and what of
// 1000 credits goes with it.
func TestClaims(t *testing.T) {
	for name, c := range map[string]struct {
		claims   []Claim
		reversed core.Amount
		forfeit  core.Amount
		rest     core.Rate
		state    State
	}{
		"full refund":                    {[]Claim{refund("ch", 3000)}, 3000, 1000, core.Rate{Num: 0, Den: 3000}, Refunded},
		"a third, with a remainder":      {[]Claim{refund("ch", 1000)}, 1000, 333, core.Rate{Num: 1000, Den: 3000}, Paid},
		"the sum grows":                  {[]Claim{refund("ch", 1000), refund("ch", 2000)}, 2000, 666, core.Rate{Num: 2000, Den: 3000}, Paid},
		"and comes out of order":         {[]Claim{refund("ch", 2000), refund("ch", 1000)}, 2000, 666, core.Rate{Num: 2000, Den: 3000}, Paid},
		"two notes":                      {[]Claim{refund("cn1", 1000), refund("cn2", 2000)}, 3000, 1000, core.Rate{Num: 0, Den: 3000}, Refunded},
		"never more than was paid":       {[]Claim{refund("ch", 2000), dispute("dp", 3000, Standing)}, 3000, 1000, core.Rate{Num: 0, Den: 3000}, Disputed},
		"a dispute":                      {[]Claim{dispute("dp", 1500, Standing)}, 1500, 500, core.Rate{Num: 0, Den: 3000}, Disputed},
		"lost":                           {[]Claim{dispute("dp", 3000, Standing), dispute("dp", 3000, Lost)}, 3000, 1000, core.Rate{Num: 0, Den: 3000}, Disputed},
		"won":                            {[]Claim{dispute("dp", 3000, Standing), dispute("dp", 3000, Won)}, 0, 0, core.Rate{Num: 0, Den: 1}, Paid},
		"won before it was opened":       {[]Claim{dispute("dp", 3000, Won), dispute("dp", 3000, Standing)}, 0, 0, core.Rate{Num: 0, Den: 1}, Paid},
		"won after it was lost":          {[]Claim{dispute("dp", 3000, Lost), dispute("dp", 3000, Won)}, 0, 0, core.Rate{Num: 0, Den: 1}, Paid},
		"won, then refunded":             {[]Claim{dispute("dp", 3000, Standing), dispute("dp", 3000, Won), refund("ch", 3000)}, 3000, 1000, core.Rate{Num: 0, Den: 3000}, Refunded},
		"refund of a disputed one":       {[]Claim{dispute("dp", 3000, Standing), refund("ch", 1500)}, 3000, 1000, core.Rate{Num: 0, Den: 3000}, Disputed},
		"which is then won":              {[]Claim{dispute("dp", 3000, Standing), refund("ch", 1500), dispute("dp", 3000, Won)}, 1500, 500, core.Rate{Num: 0, Den: 3000}, Paid},
		"a refund and a dispute's names": {[]Claim{refund("x", 1500), dispute("x", 1500, Standing)}, 3000, 1000, core.Rate{Num: 0, Den: 3000}, Disputed},
	} {
		t.Run(name, func(t *testing.T) {
			p := Purchase{ID: "pur", Credits: 1000, Price: dollars(3000)}
			for _, claim := range c.claims {
				if _, err := p.Claim(claim); err != nil {
					t.Fatal(err)
				}
			}
			before := fmt.Sprint(*p.Returns)
			for _, claim := range c.claims {
				if fresh, err := p.Claim(claim); fresh || err != nil {
					t.Errorf("%+v is news the second time (%v)", claim, err)
				}
			}
			parts, rest, err := p.Forfeit()
			if err != nil || p.Reversed() != dollars(c.reversed) || parts != c.forfeit || rest != c.rest || p.Outcome() != c.state || fmt.Sprint(*p.Returns) != before {
				t.Errorf("%s is reversed, %d credits and %v go (%v), it is %s", p.Reversed(), parts, rest, err, p.Outcome())
			}
		})
	}
}

func TestClaimRefused(t *testing.T) {
	p := Purchase{ID: "pur", Credits: 1000, Price: dollars(3000)}
	for name, c := range map[string]Claim{
		"another currency": {Kind: RefundClaim, Object: "ch", Amount: core.Money{Minor: 3000, Currency: "eur"}},
		"no object":        refund("", 10),
		"no kind":          {Object: "ch", Amount: dollars(10)},
		"nothing":          refund("ch", 0),
		"below zero":       refund("ch", -1),
	} {
		if fresh, err := p.Claim(c); fresh || core.CodeOf(err) != core.CodeInvalid || p.Returns != nil {
			t.Errorf("%s: %v, %v", name, fresh, err)
		}
	}
}

// What is reinstated of takings: those of the same claim first, what nobody had
// paid before what was owed before what was taken.
func TestUndo(t *testing.T) {
	p := Purchase{Returns: &Returns{Takings: []Taking{
		{Claim: "a", Kind: RefundClaim, Requested: 10}, {Claim: "b", Kind: DisputeClaim, Requested: 20}, {Claim: "c", Kind: RefundClaim, Requested: 5},
	}}}
	if got := fmt.Sprint(p.Undo("b", DisputeClaim, 27)); got != "[{1 20} {2 5} {0 2}]" {
		t.Errorf("it undoes %s", got)
	}
	taking := Taking{Requested: 10, Lots: []core.Allocation{{Grant: "g1", Amount: 4}, {Grant: "g2", Amount: 3}}, Owed: 2, Lost: 1}
	back := taking.Back(6, 6)
	if fmt.Sprint(back.Forgone, back.Deficit, back.Allocations) != "1 2 [{g2 3}]" || taking.Requested != 4 || taking.Total() != 4 || taking.Collected() != 4 {
		t.Errorf("it gives back %+v and keeps %+v", back, taking)
	}
}

// In whatever order claims are told, and however often, the same is forfeit.
func TestClaimOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		price := core.Amount(rapid.Int64Range(1, 1<<40).Draw(t, "price"))
		credits := core.Amount(rapid.Int64Range(1, int64(core.MaxAmount)).Draw(t, "credits"))
		one, two := Purchase{Price: dollars(price), Credits: credits}, Purchase{Price: dollars(price), Credits: credits}
		var told []Claim
		for i := range rapid.IntRange(1, 6).Draw(t, "claims") {
			minor := core.Amount(rapid.Int64Range(1, int64(price)).Draw(t, "minor"))
			c := refund(fmt.Sprint(i%2), minor)
			if rapid.Bool().Draw(t, "dispute") {
				c = dispute(fmt.Sprint(i%2), minor, rapid.SampledFrom([]ClaimState{Standing, Lost, Won}).Draw(t, "state"))
			}
			told = append(told, c)
		}
		for _, c := range told {
			_, _ = one.Claim(c)
		}
		for _, c := range append(rapid.Permutation(told).Draw(t, "order"), told...) {
			_, _ = two.Claim(c)
		}
		x, restX, errX := one.Forfeit()
		y, restY, errY := two.Forfeit()
		if errX != nil || errY != nil || x != y || restX != restY || one.Outcome() != two.Outcome() {
			t.Fatalf("%d + %v (%v) against %d + %v (%v)", x, restX, errX, y, restY, errY)
		}
		if x > credits || one.Reversed().Minor > price || restX.Num < 0 || restX.Num >= restX.Den {
			t.Fatalf("%d of %d credits go, and %v, for %s of %d", x, credits, restX, one.Reversed(), price)
		}
	})
}
