package config

import (
	"reflect"
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/plan"
)

// planned has every field that a plan can have.
const planned = `version: 1
unit: {code: credits, scale: 1}
plans:
  creator:
    price: [22 usd, 20 eur]
    collect: vendor
    every: 1 month
    allotment:
      credits: 100000
      seats: [{up_to: 10, credits: 5.5}, {credits: 2}]
      mode: volume
      every: 2 weeks
      start: midnight
      expires: cycle
      rollover: {max: 2x, of: total, for: 3 cycles, priority: 10, forfeit: [downgrade, cancel]}
      on: payment
      cap: 150.5 per year
      priority: 40
      scope: [tts.speak, sfx]
    at_zero: overage
    overage: {price: [0.30 usd, 0.28 eur], per: 1000, limit: 1.5x, charge_at: [44 usd, 40 eur], actions: {big: [0.0001 usd, 0.0001 eur]}}
    trial: {credits: 20, for: 14 days}
    upgrade: replace
  free:
    every: 1 month
    allotment:
      - {credits: 30.5}
      - credits: 5
        seats: [{up_to: 3, credits: 1}]
        mode: graduated
        every: 1 day
        start: anchor
        expires: cycle
        rollover: {max: 250, of: rolled, for: 2 months, priority: 1, forfeit: [cancel]}
        on: boundary
        cap: 150 per month
        priority: 1
        scope: [build]
      - {credits: 1, expires: never}
      - {credits: 1, expires: 90 days}
    overage: {price: 1 usd, limit: 40.5}
`

func TestPlansAreReadWhole(t *testing.T) {
	text := planned
	c := parsed(t, text)
	month, day := plan.Span{N: 1, Of: plan.Month}, plan.Span{N: 1, Of: plan.Day}
	usd := func(minor core.Amount) core.Money { return core.Money{Minor: minor, Currency: "usd"} }
	eur := func(minor core.Amount) core.Money { return core.Money{Minor: minor, Currency: "eur"} }
	price := func(num, den int64, c core.Currency) core.Price {
		return core.Price{Rate: core.Rate{Num: num, Den: den}, Currency: c}
	}
	want := map[string]plan.Terms{
		"creator": {
			Plan: "creator", Prices: []core.Money{usd(2200), eur(2000)}, Every: month, AtZero: core.Overage, Replace: true, Collect: plan.ByVendor,
			Allotments: []plan.Allotment{{
				Credits: 1000000, Brackets: []plan.Bracket{{UpTo: 10, Credits: 55}, {Credits: 20}}, Volume: true, Every: plan.Span{N: 2, Of: plan.Week}, Midnight: true,
				Rollover:  &plan.Rollover{Times: core.Rate{Num: 2, Den: 1}, Total: true, Cycles: 3, Priority: 10, Forfeit: []plan.Loss{plan.OnDowngrade, plan.OnCancel}},
				OnPayment: true, Cap: &plan.Cap{Amount: 1505, Per: plan.Span{N: 1, Of: plan.Year}}, Priority: 40, Actions: []string{"tts.speak", "sfx"},
			}},
			Overage: &plan.Overage{
				Prices: []core.Price{price(3, 10, "usd"), price(7, 25, "eur")}, Per: 1000, Times: core.Rate{Num: 3, Den: 2}, ChargeAt: []core.Money{usd(4400), eur(4000)},
				Actions: map[string][]core.Price{"big": {price(1, 10000, "usd"), price(1, 10000, "eur")}},
			},
			Trial: &plan.Trial{Credits: 200, For: plan.Span{N: 14, Of: plan.Day}},
		},
		"free": {
			Plan: "free", Every: month,
			Allotments: []plan.Allotment{
				{Credits: 305, Every: month, Priority: 50},
				{
					Credits: 50, Brackets: []plan.Bracket{{UpTo: 3, Credits: 10}}, Every: day, Priority: 1, Actions: []string{"build"}, Cap: &plan.Cap{Amount: 1500, Per: month},
					Rollover: &plan.Rollover{Max: 2500, Life: plan.Span{N: 2, Of: plan.Month}, Priority: 1, Forfeit: []plan.Loss{plan.OnCancel}},
				},
				{Credits: 10, Every: month, Priority: 50, Never: true},
				{Credits: 10, Every: month, Priority: 50, Life: plan.Span{N: 90, Of: plan.Day}},
			},
			Overage: &plan.Overage{Prices: []core.Price{price(1, 1, "usd")}, Per: 1, Limit: 405},
		},
	}
	for name := range want {
		if got := c.Plans[name]; !reflect.DeepEqual(got, want[name]) {
			t.Errorf("plan %s is\n%+v\nnot\n%+v", name, got, want[name])
		}
	}
}

func TestPlanFaults(t *testing.T) {
	in := func(fields string) string { return head + "plans: {p: {every: 1 month, " + fields + "}}\n" }
	runBad(t, []bad{
		{"names and times", head + "plans: {p q: {}, r: {every: 0 days, trial: {for: ever}}}\n", []string{
			`3:9: plan name "p q" must be 1 to 60 of a-z A-Z 0-9 _ . -`,
			`3:29: every: "0 days" is not between 1 day and 100 years`,
			`3:50: for: "ever" is not a time such as 1 month, 2 weeks or 30 days`,
		}},
		{"no period", head + "plans: {p: {price: 1 usd}}\n", []string{`3:9: plan "p" needs the field "every"`}},
		{"overage", in("at_zero: overage"), []string{`3:9: plan "p" bills overage at zero and has no price for it, add overage`}},
		{"collect", in("collect: scrip, price: 1 usd"), []string{`3:38: collect: no connection collects money, name one in route.payments`}},
		{"nothing to collect", in("collect: vendr"), []string{
			`3:38: collect: "vendr" is unknown, did you mean "vendor"?`, `3:38: collect: a plan without a price has nothing to collect`,
		}},
		{"currencies", in("price: [1 usd, 1 eur, 2 usd], overage: {price: 0.01 usd, limit: 2x}"), []string{
			`3:51: price: "usd" stands twice`,
			`3:76: price: there is none in "eur", in which the plan has a price`,
			`3:93: limit: there is no allotment that it could be a multiple of`,
		}},
		{"allotment", in("allotment: {every: 1 year, on: payment, cap: 5 per month, mode: volume}"), []string{
			`3:29: allotment needs the field "credits" or "seats"`,
			`3:48: every: an allotment of 1 year is longer than the plan's 1 month`,
			`3:60: on: a plan without a price is never paid, write boundary`,
			`3:74: cap: 1 month is not longer than the allotment's 1 year`,
			`3:87: mode goes with seats`,
		}},
		{"brackets", in("allotment: {seats: [{credits: 1}, {up_to: 5, credits: 1}, {up_to: 5, credits: 1.001}]}"), []string{
			`3:64: seats: the bracket before has no up_to, so that nothing is left for this one`,
			`3:88: seats: up_to 5 is not above 5, that of the bracket before`,
			`3:107: credits: amount "1.001" has 3 decimals, the unit keeps 2`,
		}},
		{"rollover", in("allotment: {credits: 1, expires: never, rollover: {of: totl, max: 0x, for: 0 cycles, forfeit: [pause]}}"), []string{
			`3:69: rollover: what does not end with its cycle is not carried over, write expires: cycle or remove rollover`,
			`3:84: of: "totl" is unknown, did you mean "total"?`,
			`3:95: max: "0x" is not above 0x and up to 1000x`,
			`3:104: for: "0 cycles" is not from 1 to 1200 cycles`,
			`3:124: forfeit: "pause" is unknown, known are downgrade, cancel`,
		}},
		{"too much", in("allotment: {seats: [{credits: 99999999999}]}"), []string{`3:29: allotment: for 100000 seats it may grant more than can be counted`}},
		{"caps and bounds", in("allotment: {credits: 1, cap: 150}, overage: {price: 1 usd, limit: 0}"), []string{
			`3:58: cap: "150" is not a bound such as 150 per month`,
			`3:95: limit: a bound of none leaves no room, remove what it bounds`,
		}},
	})
}

func TestPlansOfAnotherUnit(t *testing.T) {
	base := parsed(t, strings.NewReplacer("scale: 1}", "scale: 1, price: 0.10 usd}").Replace(planned))
	text := strings.NewReplacer("unit: {code: credits, scale: 1}", "unit: {code: usd, scale: 6, convert: {from: credits, at: list}}", "credits: 30.5", "credits: 7").Replace(planned)
	got := resolved(t, text, base).Plans
	free, creator := got["free"], got["creator"]
	if a := free.Allotments; a[0].Credits != 7_000_000 || a[1].Credits != 500_000 || a[1].Brackets[0].Credits != 100_000 || a[1].Cap.Amount != 15_000_000 || a[1].Rollover.Max != 25_000_000 {
		t.Errorf("allotments are %+v", a)
	}
	if free.Overage.Limit != 4_050_000 || free.Overage.Prices[0].Rate != (core.Rate{Num: 10, Den: 1}) {
		t.Errorf("overage is %+v", free.Overage)
	}
	if creator.Trial.Credits != 2_000_000 || creator.Overage.Actions["big"][0].Rate != (core.Rate{Num: 1, Den: 1000}) || creator.Allotments[0].Rollover.Max != 0 {
		t.Errorf("creator is %+v", creator)
	}
	if base.Plans["free"].Allotments[1].Cap.Amount != 1500 || base.Plans["creator"].Overage.Prices[0].Rate.Num != 3 {
		t.Error("the config before was changed")
	}
}
