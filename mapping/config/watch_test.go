package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/sale"
)

func TestPacksAreRead(t *testing.T) {
	c := parsed(t, watched)
	usd := func(n core.Amount) core.Money { return core.Money{Minor: n, Currency: "usd"} }
	eur := func(n core.Amount) core.Money { return core.Money{Minor: n, Currency: "eur"} }
	want := sale.Pack{
		Name: "block", Unit: "usd", Credits: 25000_000000, Price: usd(1500), Minimum: 2, Cycle: true, Final: true,
		Tiers: []sale.PackTier{{UpTo: 10, Prices: []core.Money{usd(1500), eur(1400)}}, {Prices: []core.Money{usd(1400), eur(1300)}}},
	}
	if !reflect.DeepEqual(c.Packs["block"], want) {
		t.Errorf("block is %+v", c.Packs["block"])
	}
	open := c.Packs["open"]
	if len(open.Per) != 2 || open.Minimum != 5_000000 || open.Per[1].Currency != "eur" || open.Credits != 0 {
		t.Errorf("open is %+v", open)
	}
	if e := c.Packs["euros"]; e.Price != usd(900) || len(e.Tiers) != 1 || e.Tiers[0].Prices[1] != eur(800) {
		t.Errorf("euros is %+v", e)
	}
}

func TestWatchIsRead(t *testing.T) {
	c := parsed(t, watched)
	want := plan.Rules{
		TopUp: &plan.TopUp{Off: true, Pack: "block", Below: 100_000000, Percent: 25, Floor: 25000_000000, Retry: []int64{7200},
			Caps: []plan.TopUpCap{{Count: 3, Per: plan.Month}, {Money: core.Money{Minor: 50000, Currency: "usd"}, Per: plan.Year}}},
		Alerts: &plan.Alerts{Low: []core.Amount{100_000000, 20_500000}, Expiring: []int64{30 * 86400, 86400}},
	}
	if got := c.Rules["usd"]; len(c.Rules) != 1 || !reflect.DeepEqual(*got, want) {
		t.Errorf("rules are %+v %+v", got.TopUp, got.Alerts)
	}
	for from, to := range map[string]plan.TopUp{
		"to: 1000":      {To: 100000},
		"amount: 50.25": {Amount: 5025},
		"packs: 3":      {Amount: 300000},
	} {
		rule := parsed(t, strings.Replace(watchedToo, "to: 1000", from, 1)).Rules["credits"].TopUp
		if rule.To != to.To || rule.Amount != to.Amount || rule.Below != 10000 || len(rule.Caps) != 1 {
			t.Errorf("%s is %+v", from, rule)
		}
	}
	if one := parsed(t, strings.Replace(watchedToo, " to: 1000,", "", 1)).Rules["credits"].TopUp; one.Amount != 100000 {
		t.Errorf("one pack is %+v", one)
	}
	if all := parsed(t, strings.Replace(watchedToo, ", retry: [1h]", "", 1)).Rules["credits"].TopUp; !reflect.DeepEqual(all.Retry, []int64{3600, 21600, 86400}) {
		t.Errorf("retries are %v", all.Retry)
	}
}

func TestWatchFaults(t *testing.T) {
	base := head + vendor + "packs: {a: {credits: 10, price: 1 usd}, o: {price_per: 1 usd}}\n"
	up := func(text string) string { return base + "top_up: {" + text + "}\n" }
	pack := func(text string) string { return head + vendor + "packs: {a: {" + text + "}}\n" }
	runBad(t, []bad{
		{"no pack", up("below: 1"), []string{`6:1: top_up needs the field "pack"`}},
		{"unknown pack", up("pack: b, below: 1"), []string{`6:16: pack: "b" does not exist, known are a, o`}},
		{"two sizes", up("pack: a, below: 1, to: 5, packs: 2"), []string{`6:33: to: packs and to exclude each other, name one`}},
		{"to below", up("pack: a, below: 5, to: 4"), []string{`6:33: to: 4 is not at or above 5, below which credits are bought`}},
		{"too fine", up("pack: a, below: 0.001"), []string{`6:26: below: amount "0.001" has 3 decimals, the unit keeps 2`}},
		{"below zero", up("pack: a, below: -1"), []string{`6:26: below: amount "-1" has a sign, write it without`}},
		{"nothing", up("pack: a, below: 1, amount: 0"), []string{`6:37: amount: an amount of none cannot be bought`}},
		{"open by packs", up("pack: o, below: 1, packs: 2"), []string{`6:36: packs: pack "o" is sold by the amount: name to, amount or percent`}},
		{"minimum alone", up("pack: a, below: 1, minimum: 2"), []string{`6:38: minimum: it goes with percent`}},
		{"percent alone", up("pack: a, below: 1, percent: 25"), []string{`6:1: minimum: percent needs one, for a month that nothing was bought in`}},
		{"percent", up("pack: a, below: 1, percent: 0, minimum: 1"), []string{`6:38: field "percent" must be a whole number from 1 to 1000, not "0"`}},
		{"bound", up("pack: a, below: 1, at_most: 3 a month"), []string{`6:38: at_most: "3 a month" is not a bound such as "3 per month" or "500 usd per month"`}},
		{"bound of nothing", up("pack: a, below: 1, at_most: 0 usd per day"), []string{`6:38: at_most: "0 usd per day" leaves room for nothing, write enabled: false`}},
		{"retry", up("pack: a, below: 1, retry: [1s]"), []string{`6:36: retry: "1s" is not a duration from 1m to 31 days, such as 24h or 7 days`}},
		{"misspelled", up("pack: a, belwo: 1"), []string{`6:1: top_up needs the field "below"`, `6:19: field "belwo" of top_up is unknown, did you mean "below"?`}},
		{"enabled", up("pack: a, below: 1, enabled: on"), []string{`6:38: field "enabled" must be true or false, not "on"`}},
		{"low twice", base + "alerts: {low: [5, 5.00]}\n", []string{`6:15: low: "5.00" is none or stands twice: that nothing is left is told anyway`}},
		{"expiring", base + "alerts: {expiring: [soon]}\n", []string{`6:20: expiring: "soon" is not a duration from 1m to 366 days, such as 24h or 7 days`}},
		{"alerts of another unit", base + "alerts: {unit: credit}\n", []string{`6:16: unit: "credit" does not exist, did you mean "credits"?`}},
		{"tiers and price", pack("credits: 1, price: 1 usd, tiers: [{price: 1 usd}]"), []string{`5:25: price and tiers of pack "a" exclude each other, the tiers have the prices`}},
		{"tiers out of order", pack("credits: 1, tiers: [{up_to: 5, price: 1 usd}, {up_to: 5, price: 1 usd}, {price: 1 usd}]"), []string{`5:67: up_to 5 is not above 5, where the tier before ends`}},
		{"no last tier", pack("credits: 1, tiers: [{up_to: 5, price: 1 usd}]"), []string{`5:34: the last tier has no end, remove up_to`}},
		{"a tier without end", pack("credits: 1, tiers: [{price: 1 usd}, {price: 1 usd}]"), []string{`5:34: only the last tier may be without up_to`}},
		{"tiers in other money", pack("credits: 1, tiers: [{up_to: 5, price: 1 usd}, {price: 1 eur}]"), []string{`5:60: every tier has prices in the same currencies, in the same order`}},
		{"currency twice", pack("credits: 1, price: [1 usd, 2 usd]"), []string{`5:40: price: currency "usd" stands in the list twice`}},
		{"open with credits", pack("credits: 1, price_per: 1 usd"), []string{`5:13: credits and price_per of pack "a" exclude each other, the buyer names the amount`}},
		{"final", pack("credits: 1, price: 1 usd, non_refundable: maybe"), []string{`5:55: field "non_refundable" must be true or false, not "maybe"`}},
	})
}

func TestFormsOverOthers(t *testing.T) {
	off := false
	c := parsed(t, watchedToo)
	got := TopUpForm{Enabled: &off}.Over(c.TopUp)
	if rule, unit, err := got.Rule(c.Packs, c.Units); err != nil || unit != "credits" || !rule.Off || rule.To != 100000 || len(rule.Caps) != 1 || len(rule.Retry) != 1 {
		t.Errorf("%+v, %v", rule, err)
	}
	got = TopUpForm{Packs: 2, Below: "5", AtMost: []string{}, Retry: []string{}}.Over(c.TopUp)
	if rule, _, err := got.Rule(c.Packs, c.Units); err != nil || rule.To != 0 || rule.Amount != 200000 || rule.Below != 500 || len(rule.Caps) != 0 || len(rule.Retry) != 0 {
		t.Errorf("%+v, %v", rule, err)
	}
	if raw, _ := json.Marshal(TopUpForm{}); string(raw) != "{}" {
		t.Errorf("an empty form is %s", raw)
	}
	alerts := AlertsForm{Low: []string{"7", "0.01"}}.Over(&AlertsForm{Unit: "credits", Low: []string{"1"}, Expiring: []string{"1h"}})
	if rule, _, err := alerts.Rule(c.Units); err != nil || !reflect.DeepEqual(rule, &plan.Alerts{Low: []core.Amount{700}, Expiring: []int64{3600}}) {
		t.Errorf("%+v, %v", rule, err)
	}
}

// A change of the unit changes every amount of top-ups, alerts and packs with it.
func TestWatchFollowsTheUnit(t *testing.T) {
	text := `version: 1
unit: {code: credits, scale: 2, price: 0.10 usd}
connections: {pay: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}}
route: {primary: pay}
packs: {starter: {credits: 1000, price: 80 usd}, open: {price_per: 0.08 usd, minimum: 50}}
mapping: {pay: {strategy: totals}}
top_up: {pack: starter, below: 100, to: 1000}
alerts: {low: [100, 20]}
`
	base := parsed(t, text)
	after := strings.Replace(text, "unit: {code: credits, scale: 2, price: 0.10 usd}", "unit: {code: usd, scale: 6}\nconvert: {from: credits, at: list}", 1)
	c := resolved(t, after, base)
	if up := c.Rules["usd"].TopUp; up.Below != 10_000000 || up.To != 100_000000 {
		t.Errorf("top-up is %+v", up)
	}
	if low := c.Rules["usd"].Alerts.Low; !reflect.DeepEqual(low, []core.Amount{10_000000, 2_000000}) {
		t.Errorf("low is %v", low)
	}
	open := c.Packs["open"]
	if open.Minimum != 5_000000 || open.Per[0].Rate != (core.Rate{Num: 4, Den: 5}) || c.Packs["starter"].Credits != 100_000000 {
		t.Errorf("open is %+v", open)
	}
}
