package sale

import (
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

func usd(n core.Amount) core.Money { return core.Money{Minor: n, Currency: "usd"} }

func TestWhatAWishComesTo(t *testing.T) {
	starter := Pack{Name: "starter", Unit: "credits", Credits: 1000, Price: usd(900), Minimum: 2, Months: 12}
	tiers := Pack{Name: "tiers", Unit: "credits", Credits: 1000, Tiers: []PackTier{
		{UpTo: 10, Prices: []core.Money{usd(900), {Minor: 800, Currency: "eur"}}}, {Prices: []core.Money{usd(800), {Minor: 700, Currency: "eur"}}},
	}}
	price := func(n int64, c core.Currency) core.Price {
		return core.Price{Rate: core.Rate{Num: n, Den: 100}, Currency: c}
	}
	money := Pack{Name: "open", Unit: "usd", Per: []core.Price{price(100, "usd")}, Minimum: 5_000000}
	credits := Pack{Name: "open", Unit: "credits", Per: []core.Price{price(8, "usd"), price(7, "eur")}}
	for name, c := range map[string]struct {
		pack    Pack
		wish    Wish
		scale   int
		credits core.Amount
		price   core.Money
		field   string // at fault
	}{
		"two":                       {starter, Wish{Quantity: 2}, 2, 2000, usd(1800), ""},
		"fewer than are sold":       {starter, Wish{}, 2, 0, usd(0), "quantity"},
		"below zero":                {starter, Wish{Quantity: -3}, 2, 0, usd(0), "quantity"},
		"too many":                  {starter, Wish{Quantity: MaxPacks + 1}, 2, 0, usd(0), "quantity"},
		"by the amount":             {starter, Wish{Amount: 5}, 2, 0, usd(0), "amount"},
		"the only currency":         {starter, Wish{Quantity: 2, Currency: "eur"}, 2, 2000, usd(1800), ""},
		"one":                       {tiers, Wish{}, 2, 1000, usd(900), ""},
		"the end of a tier":         {tiers, Wish{Quantity: 10}, 2, 10_000, usd(9000), ""},
		"the next, for all of them": {tiers, Wish{Quantity: 11}, 2, 11_000, usd(8800), ""},
		"the customer's currency":   {tiers, Wish{Quantity: 11, Currency: "eur"}, 2, 11_000, core.Money{Minor: 7700, Currency: "eur"}, ""},
		"another currency":          {tiers, Wish{Currency: "jpy"}, 2, 0, usd(0), "pack"},
		"money":                     {money, Wish{Amount: 10_000000}, 6, 10_000000, usd(1000), ""},
		"money, too little":         {money, Wish{Amount: 4_999999}, 6, 0, usd(0), "amount"},
		"money, finer than a cent":  {money, Wish{Amount: 10_001000}, 6, 0, usd(0), "amount"},
		"money, a cent":             {money, Wish{Amount: 10_010000}, 6, 10_010000, usd(1001), ""},
		"money, by the pack":        {money, Wish{Quantity: 1}, 6, 0, usd(0), "quantity"},
		"money, none":               {money, Wish{}, 6, 0, usd(0), "amount"},
		"credits":                   {credits, Wish{Amount: 10000, Currency: "eur"}, 2, 10000, core.Money{Minor: 700, Currency: "eur"}, ""},
		"credits, a part of a cent": {credits, Wish{Amount: 10}, 2, 0, usd(0), "amount"},
	} {
		got, err := c.pack.Sell(c.wish, c.scale)
		known, _ := err.(*core.Error)
		switch {
		case c.field != "" && (known == nil || known.Field != c.field):
			t.Errorf("%s: %v, want a fault of %q", name, err, c.field)
		case c.field == "" && (err != nil || got.Credits != c.credits || got.Price != c.price || got.Pack != c.pack.Name || got.Months != c.pack.Months):
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	huge := Pack{Name: "huge", Credits: core.MaxAmount / 2, Price: usd(1)}
	if _, err := huge.Sell(Wish{Quantity: 3}, 2); err == nil {
		t.Error("more than can be counted was sold")
	}
}

func TestTheLeastWishForAnAmount(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		scale := rapid.IntRange(0, 6).Draw(r, "scale")
		want := core.Amount(rapid.Int64Range(1, 1_000_000_000).Draw(r, "want"))
		p := Pack{Name: "p", Unit: "u", Credits: core.Amount(rapid.Int64Range(1_000_000, 5_000_000).Draw(r, "credits")), Price: usd(3), Minimum: core.Amount(rapid.IntRange(0, 3).Draw(r, "minimum"))}
		least := core.Amount(1)
		if rapid.Bool().Draw(r, "open") {
			p.Credits, p.Per = 0, []core.Price{{Rate: core.Rate{Num: rapid.Int64Range(1, 300).Draw(r, "num"), Den: rapid.SampledFrom([]int64{1, 3, 7, 100}).Draw(r, "den")}, Currency: "usd"}}
			p.Minimum = core.Amount(rapid.Int64Range(0, 1_000_000).Draw(r, "least"))
		}
		w, err := p.For(want, "", scale)
		if err != nil {
			r.Fatal(err)
		}
		got, err := p.Sell(w, scale)
		if err != nil {
			r.Fatalf("what is wished for cannot be bought: %+v: %v", w, err)
		}
		if got.Credits < want {
			r.Fatalf("%d for %d", got.Credits, want)
		}
		if w.Quantity > max(1, int64(p.Minimum)) { // one less would not do
			if less, err := p.Sell(Wish{Quantity: w.Quantity - 1}, scale); err != nil || less.Credits >= want {
				r.Fatalf("%d packs would do as well: %v", w.Quantity-1, err)
			}
		}
		if w.Amount > max(want, p.Minimum, least) {
			for less := w.Amount - 1; less >= max(want, p.Minimum, w.Amount-50); less-- {
				if _, err := p.Sell(Wish{Amount: less}, scale); err == nil {
					r.Fatalf("%d would do as well as %d", less, w.Amount)
				}
			}
		}
	})
}

func TestLivesOfCredits(t *testing.T) {
	now := core.Time(1_700_000_000_000_000)
	for name, c := range map[string]struct {
		p    Purchase
		want core.Time
	}{
		"never":  {Purchase{}, core.Never},
		"months": {Purchase{Months: 1}, now.AddMonths(1)},
		"days":   {Purchase{Days: 2}, now + 2*24*3600*1_000_000},
		"cycle":  {Purchase{Cycle: true, Until: now + 5}, now + 5},
	} {
		if got := c.p.Terms("g", now).Expires; got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
