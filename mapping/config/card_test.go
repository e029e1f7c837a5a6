package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/rate"
)

// richCard has every field of a rate card.
const richCard = `version: 1
units: [{code: credits, scale: 2}, {code: email, scale: 0}, {code: export, scale: 0}]
rate_card:
  version: a
  effective_at: 2026-01-01T00:00:00Z
  actions:
    enrich:
      rates:
        - {cost: {export: 1}}
        - {when: {email: true}, cost: {export: 1, email: 2}}
    send: {unit: email, cost: 1, base: 2, minimum: 5}
    ci: {cost: 1, per: 60, round: up, meter: seconds, multiply: {os: {linux: 1, macos: 10}, size: {large: 1.5, "*": 1}}, refund_on: [failed, cancelled]}
    archive: {tiers: {mode: graduated, per: cycle, steps: [{up_to: 100, cost: 1}, {cost: 0.5}]}, not_from: [allotment, rollover], at_zero: overage}
    gpu:
      base: 1
      rates:
        - {when: {class: large, cache: on}, cost: 20, base: 200, minimum: 0.5, multiply: {mode: {relax: 0}}}
        - {when: {class: small}, tiers: {mode: volume, per: month, steps: [{up_to: 10, cost: 5}, {up_to: 20, cost: 4}, {cost: 3}]}}
    free: {cost: {credits: 0}}
`

// versions is a list of cards, as every card could be written.
var versions = strings.NewReplacer("rate_card:\n  version: a\n", "rate_card:\n- version: a\n",
	"    free: {cost: {credits: 0}}\n", "    free: {cost: {credits: 0}}\n- {version: b, effective_at: 2027-01-01T00:00:00Z, actions: {free: {cost: 1}}}\n- {version: old, actions: {}}\n").Replace(richCard)

func TestCardReadsEveryField(t *testing.T) {
	c := parsed(t, richCard)
	zero, one, three := core.Rate{Num: 0, Den: 1}, core.Rate{Num: 1, Den: 1}, core.Rate{Num: 3, Den: 2}
	whole := func(n int64) core.Rate { return core.Rate{Num: n, Den: 1} }
	half, twoHundred := core.Rate{Num: 1, Den: 2}, whole(200)
	want := map[string]rate.Action{
		"enrich": {Rates: []rate.Rate{
			{Parts: []rate.Cost{{Unit: "export", Cost: one}}},
			{When: map[string]string{"email": "true"}, Parts: []rate.Cost{{Unit: "export", Cost: one}, {Unit: "email", Cost: whole(2)}}},
		}},
		"send": {Unit: "email", Base: whole(2), Minimum: whole(5), Rates: []rate.Rate{{Cost: one}}},
		"ci": {Meter: "seconds", Per: 60, Round: rate.StepUp, Rates: []rate.Rate{{Cost: one}}, RefundOn: []string{"failed", "cancelled"}, Multiply: []rate.Factor{
			{Dimension: "os", Values: map[string]core.Rate{"linux": one, "macos": whole(10)}},
			{Dimension: "size", Values: map[string]core.Rate{"large": three}, Otherwise: &one},
		}},
		"archive": {NotFrom: []core.Category{core.Allotment, core.Rollover}, AtZero: core.Overage, Rates: []rate.Rate{{Tiers: &rate.Tiers{
			Mode: rate.Graduated, Per: rate.PerCycle, Counter: "archive", Steps: []rate.Tier{{UpTo: 100, Cost: one}, {Cost: half}},
		}}}},
		"gpu": {Base: one, Rates: []rate.Rate{
			{When: map[string]string{"class": "large", "cache": "on"}, Cost: whole(20), Base: &twoHundred, Minimum: &half,
				Multiply: []rate.Factor{{Dimension: "mode", Values: map[string]core.Rate{"relax": zero}}}},
			{When: map[string]string{"class": "small"}, Tiers: &rate.Tiers{
				Mode: rate.Volume, Per: rate.PerMonth, Counter: `gpu (class="small")`, Steps: []rate.Tier{{UpTo: 10, Cost: whole(5)}, {UpTo: 20, Cost: whole(4)}, {Cost: whole(3)}},
			}},
		}},
		"free": {Rates: []rate.Rate{{Cost: zero}}},
	}
	for name, a := range want {
		a.Name, a.Per = name, max(a.Per, 1)
		if a.Round == "" {
			a.Round = rate.StepNone
		}
		for _, r := range []*core.Rate{&a.Base, &a.Minimum} {
			if r.Den == 0 {
				*r = zero
			}
		}
		if got := c.Cards[0].Actions[name]; !reflect.DeepEqual(got, a) {
			t.Errorf("%s: got  %+v\nwant %+v", name, got, a)
		}
	}
	if len(c.Cards) != 1 || len(c.Cards[0].Actions) != len(want) {
		t.Errorf("the cards are %+v", c.Cards)
	}
	list := parsed(t, versions)
	var names []string
	for _, card := range list.Cards {
		names = append(names, card.Version)
	}
	if strings.Join(names, " ") != "old a b" || !reflect.DeepEqual(list.Cards[1], c.Cards[0]) {
		t.Errorf("the versions are %q, the first card %+v", names, list.Cards[1])
	}
}

func TestCF06CardFaults(t *testing.T) {
	several := "version: 1\nunits: [{code: credits}, {code: email}]\n"
	card := func(action string) string {
		return several + "rate_card:\n  version: a\n  actions:\n    " + action + "\n"
	}
	list := func(cards string) string { return head + "rate_card:\n" + cards }
	runBad(t, []bad{
		{"multiply", card("x: {cost: 1, multiply: {os: {linux: -1, macos: x, 'a ': 1}, 'o s': {}}}"), []string{
			`6:41: linux: amount "-1" has a sign, write it without`,
			`6:52: macos: amount "x" has the character 'x', only digits and one point are read`,
			`6:55: value "a " of dimension "os" must be up to 200 characters without a blank at either end`,
			`6:65: dimension "o s" must be 1 to 64 of A-Z a-z 0-9 _ . -`,
			`6:65: dimension "o s" has no factor`,
		}},
		{"multiplied twice", card("x: {multiply: {os: {a: 2}}, rates: [{cost: 1, multiply: {os: {b: 1}}}]}"), []string{
			`6:62: dimension "os" multiplies every rate of this action already`,
		}},
		{"tiers and a cost", card("x: {cost: 1, tiers: {mode: volume, steps: [{cost: 1}]}}"), []string{`6:18: tiers of action "x" stand beside a cost, they say what a step costs: keep one`}},
		{"tiers and a cost of a rate", card("x: {rates: [{cost: 1, tiers: {mode: volume, steps: [{cost: 1}]}}]}"), []string{`6:27: tiers of a rate stand beside a cost, they say what a step costs: keep one`}},
		{"tiers", card("x: {tiers: {mode: volum, per: week, steps: [{cost: 1}, {up_to: 5, cost: 1}, {up_to: 5, cost: 1}, {up_to: 9, cots: 1}]}}"), []string{
			`6:23: mode: "volum" is unknown, did you mean "volume"?`,
			`6:35: per: "week" is unknown, known are cycle, day, month, event`,
			`6:50: a step of tiers needs the field "up_to"`,
			`6:82: up_to 5 is not above that of the step before, 5`,
			`6:103: up_to: the last step is for all that is beyond, remove it or add one more step`,
			`6:103: a step of tiers needs the field "cost"`,
			`6:113: field "cots" of a step of tiers is unknown, did you mean "cost"?`,
		}},
		{"tiers, nothing", card("x: {tiers: {steps: []}}"), []string{`6:9: tiers needs the field "mode"`, `6:17: steps of tiers are 0, from 1 to 100 are read`}},
		{"tiers, more than is counted", card("x: {per: 1000000, tiers: {mode: volume, steps: [{up_to: 1000001, cost: 1}, {cost: 1}]}}"), []string{
			`6:61: field "up_to" must be a whole number from 1 to 1000000, not "1000001"`,
		}},
		{"several units", card("x: {cost: {credits: 1, emial: 2}, base: 1}"), []string{
			`6:5: a cost by units has no base and no minimum, since it would not say of which unit`,
			`6:28: unit "emial" does not exist, did you mean "email"?`,
		}},
		{"several units of none", card("x: {cost: {}}"), []string{`6:15: cost: no unit is named`}},
		{"unit", card("x: {cost: 1, unit: emails}"), []string{`6:24: unit "emails" does not exist, did you mean "email"?`}},
		{"base that the unit cannot hold", "version: 1\nunits: [{code: credits}, {code: email, scale: 0}]\nrate_card:\n  version: a\n  actions:\n    x: {unit: email, base: 0.5}\n", []string{
			`6:28: base: amount "0.5" has 1 decimals, the unit keeps 0`,
		}},
		{"outcomes", card("x: {cost: 1, refund_on: [failed, 'a b', failed], not_from: [alotment, paid, paid], at_zero: rejected}"), []string{
			`6:38: outcome "a b" must be 1 to 64 of A-Z a-z 0-9 _ . -`,
			`6:45: refund_on: "failed" stands in the list twice`,
			`6:65: not_from: "alotment" is unknown, did you mean "allotment"?`,
			`6:81: not_from: "paid" stands in the list twice`,
			`6:97: at_zero: "rejected" is unknown, did you mean "reject"?`,
		}},
		{"outcomes, none", card("x: {cost: 1, refund_on: []}"), []string{`6:18: refund_on has 0 names, from 1 to 20 are read`}},
		{"two versions of one name", list("- {version: a, actions: {}}\n- {version: a, effective_at: 2026-01-01T00:00:00Z, actions: {}}\n"), []string{
			`5:13: version "a" of the rate card stands there twice, first on line 4`,
		}},
		{"two versions at once", list("- {version: a, effective_at: 2026-01-01T00:00:00Z, actions: {}}\n- {version: b, effective_at: 2026-01-01T01:00:00+01:00, actions: {}}\n"), []string{
			`5:30: two versions of the rate card are in force from one instant, the other is on line 4: give them another effective_at`,
		}},
		{"no version", list("  []\n"), []string{`4:3: rate_card has 0 versions, from 1 to 100 are read`}},
		{"a version that is none", list("- 5\n"), []string{`4:3: rate_card must be fields, not a single value`}},
	})
}

// charges is a file in credits with every figure that a rate card can have.
const charges = `version: 1
unit: {code: credits, scale: 2, price: 0.08 usd}
rate_card:
  version: a
  actions:
    ci: {cost: 1.5, base: 3, minimum: 4, multiply: {os: {macos: 10}}}
    archive: {tiers: {mode: graduated, steps: [{up_to: 100, cost: 1}, {cost: 0.5}]}}
    gpu:
      base: 1
      rates:
        - {when: {class: large}, cost: 20, base: 200, minimum: 0.5}
        - {base: 7, tiers: {mode: volume, steps: [{up_to: 10, cost: 6}, {cost: 5}]}}
`

// Figures that stand as they stood are carried over, all of them, whatever the
// others do; factors and bounds are no figures.
func TestOverCarriesEveryFigureOfTheCard(t *testing.T) {
	base := parsed(t, charges)
	there := "unit: {code: usd, scale: 6}\nconvert: {from: credits, at: list}"
	out := resolved(t, edit(t, charges, creditsLine, there, "base: 200", "base: 15"), base)
	got := out.figures()
	for path, want := range map[string]string{
		"ci.cost": "0.12", "ci.base": "0.24", "ci.minimum": "0.32",
		"archive.cost up to 100": "0.08", "archive.cost beyond": "0.04",
		"gpu.base": "0.08", `gpu.cost (class="large")`: "1.6", `gpu.base (class="large") of the rate`: "15",
		`gpu.minimum (class="large") of the rate`: "0.04", "gpu.base of the rate": "0.56", "gpu.cost up to 10": "0.48", "gpu.cost beyond": "0.4",
	} {
		if got["rate_card.actions."+path] != dec(t, want) {
			t.Errorf("%s is %v, want %s", path, got["rate_card.actions."+path], want)
		}
	}
	macos := out.Cards[0].Actions["ci"].Multiply[0].Values["macos"]
	if macos != dec(t, "10") || out.Cards[0].Actions["archive"].Rates[0].Tiers.Steps[0].UpTo != 100 {
		t.Errorf("factor and bound became %v and %+v", macos, out.Cards[0].Actions["archive"].Rates[0].Tiers)
	}
	back := resolved(t, edit(t, charges, creditsLine, creditsLine+"\nconvert: {from: usd, at: list}", "base: 200", "base: 15"), out)
	for path, want := range base.figures() {
		if path == `rate_card.actions.gpu.base (class="large") of the rate` {
			want = dec(t, "187.5")
		}
		if got := back.figures()[path]; got != want {
			t.Errorf("back %s is %v, want %v", path, got, want)
		}
	}
}

// Each version's figures are carried over from the version of its name; a card
// that was alone and has another name now is known all the same.
func TestOverKnowsVersions(t *testing.T) {
	card := func(version, from, cost string) string {
		return "- {version: " + version + ", effective_at: " + from + "-01-01T00:00:00Z, actions: {image: {cost: " + cost + "}}}\n"
	}
	units := func(line, cards string) string { return "version: 1\n" + line + "\nrate_card:\n" + cards }
	usd := "unit: {code: usd, scale: 6, convert: {from: credits, at: list}}"
	for name, c := range map[string]struct{ before, after, want string }{
		"two that stay":        {card("a", "2025", "5") + card("b", "2026", "6"), card("a", "2025", "5") + card("b", "2026", "6"), "2/5 12/25"},
		"one more":             {card("a", "2025", "5"), card("a", "2025", "5") + card("b", "2026", "5"), "2/5 5/1"},
		"one less":             {card("a", "2025", "5") + card("b", "2026", "6"), card("b", "2026", "6"), "12/25"},
		"another name":         {card("a", "2025", "5"), card("b", "2026", "5"), "2/5"},
		"one edited":           {card("a", "2025", "5") + card("b", "2026", "6"), card("a", "2025", "6") + card("b", "2026", "6"), "6/1 12/25"},
		"one in place of both": {card("a", "2025", "5") + card("b", "2026", "6"), card("c", "2027", "6"), "12/25"},
	} {
		out := resolved(t, units(usd, c.after), parsed(t, units(creditsLine, c.before)))
		var got []string
		for _, card := range out.Cards {
			cost := card.Actions["image"].Rates[0].Cost
			got = append(got, core.Amount(cost.Num).Format(0)+"/"+core.Amount(cost.Den).Format(0))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: an image costs %v, want %s", name, got, c.want)
		}
	}
}

// The page on pricing shows nothing that cannot be written, and what it says
// an event costs is so.
func TestPricingPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/pricing.md")
	if err != nil {
		t.Fatal(err)
	}
	units := []core.Unit{{Code: "credits", Scale: 2}, {Code: "export"}, {Code: "email"}}
	rows := regexp.MustCompile("(?m)^\\| ([a-z ]+) \\| `(\\{.*\\})` \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(string(page), -1)
	events := map[string]struct {
		e    rate.Event
		want string
	}{
		"cost":                 {rate.Event{Quantity: 3 * rate.One}, "15.00"},
		"fraction of a credit": {rate.Event{Quantity: 12345 * rate.One}, "6172.50"},
		"step":                 {rate.Event{Quantity: 23000 * rate.One}, "60.00"},
		"free":                 {rate.Event{Quantity: 7 * rate.One}, "0.00"},
		"fixed and variable":   {rate.Event{Quantity: 210 * rate.One}, "270.00"},
		"minimum":              {rate.Event{Quantity: 3 * rate.One}, "1.00"},
		"dimensions":           {rate.Event{Quantity: 2 * rate.One, Dimensions: map[string]string{"model": "large"}}, "3.00"},
		"factors":              {rate.Event{Quantity: 430 * rate.One, Dimensions: map[string]string{"os": "macos"}}, "80.00"},
		"graduated tiers":      {rate.Event{Quantity: 20 * rate.One, Used: 90 * rate.One}, "15.00"},
		"several units":        {rate.Event{Quantity: rate.One}, "1 1"},
		"another unit":         {rate.Event{Quantity: 2 * rate.One}, "2"},
		"free on failure":      {rate.Event{Quantity: rate.One, Outcome: "failed"}, "0.00"},
	}
	for _, row := range rows {
		c := parsed(t, "version: 1\nunits: [{code: credits}, {code: export, scale: 0}, {code: email, scale: 0}]\nrate_card: {version: a, actions: {x: "+row[2]+"}}\n")
		a, event := c.Cards[0].Actions["x"], events[row[1]]
		parts, err := a.Price(event.e, units, nil)
		var got []string
		for _, p := range parts {
			scale := 0
			if p.Unit == "credits" {
				scale = 2
			}
			got = append(got, p.Amount.Format(scale))
		}
		if err != nil || strings.Join(got, " ") != event.want {
			t.Errorf("%s: %v, %v; want %s", row[1], got, err, event.want)
		}
		delete(events, row[1])
	}
	if len(events) > 0 {
		t.Errorf("the page has no row for %v", events)
	}
}
