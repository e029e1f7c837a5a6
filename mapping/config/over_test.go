package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/rate"
	"scrip/mapping"
)

// before is a file in credits; each change of unit below is a small edit of it.
const before = `version: 1
unit: {code: credits, scale: 2, price: 0.08 usd}
` + two + `rate_card:
  version: a
  actions:
    image: {cost: 5}
    text:
      per: 1000
      round: up
      minimum: 0.1
      rates:
        - {when: {model: large, tier: gold}, cost: 1.5}
        - {cost: 0.125}
    video: {base: 10}
packs:
  starter: {credits: 1000, price: 80 usd}
mapping:
  o: {units: {credits: pu_1}}
  m: {strategy: meter}
`

const (
	creditsLine = "unit: {code: credits, scale: 2, price: 0.08 usd}"
	unitsLine   = "units: {credits: pu_1}"
)

// edit replaces text in a file, each exactly once.
func edit(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%q does not stand once in\n%s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func parsed(t testing.TB, text string) *Config {
	t.Helper()
	c, err := Parse("f", []byte(text), testEnv())
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return c
}

// over resolves a text over what was in force, and checks that neither changes.
func over(t testing.TB, text string, base *Config) (*Config, error) {
	t.Helper()
	c, again := parsed(t, text), parsed(t, text)
	out, err := c.Over(base)
	if !reflect.DeepEqual(c.draft, again.draft) || !reflect.DeepEqual(c.Cards, again.Cards) || !reflect.DeepEqual(c.Packs, again.Packs) ||
		!reflect.DeepEqual(c.Units, again.Units) || c.Retired != nil {
		t.Errorf("resolving changed the file's own config:\n%+v\n%+v", c, again)
	}
	for i := range c.Connections {
		if !reflect.DeepEqual(c.Connections[i].Connection, again.Connections[i].Connection) {
			t.Errorf("resolving changed the file's own connection %+v", c.Connections[i])
		}
	}
	return out, err
}

func resolved(t testing.TB, text string, base *Config) *Config {
	t.Helper()
	was := &Config{}
	if base != nil {
		*was = *base
		was.Cards, was.Packs = nil, map[string]mapping.Pack{}
		for _, card := range base.Cards {
			actions := map[string]rate.Action{}
			for name, a := range card.Actions {
				ownRates(&a)
				actions[name] = a
			}
			card.Actions = actions
			was.Cards = append(was.Cards, card)
		}
		for name, p := range base.Packs {
			was.Packs[name] = p
		}
	}
	out, err := over(t, text, base)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if again, err := out.Over(base); err != nil || !reflect.DeepEqual(again, out) {
		t.Errorf("resolving what is resolved gives %+v, %v; want %+v", again, err, out)
	}
	if base != nil && !reflect.DeepEqual(was, base) {
		t.Errorf("resolving changed what was in force:\n%+v\n%+v", was, base)
	}
	return out
}

func dec(t testing.TB, text string) core.Rate {
	t.Helper()
	over, under, ratio := strings.Cut(text, "/")
	r, err := core.ParseRate(over)
	if err == nil && ratio {
		var d core.Rate
		if d, err = core.ParseRate(under); err == nil {
			r, err = r.Mul(core.Rate{Num: d.Den, Den: d.Num})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantFigures compares figures by their path, and that there are no others
// above zero than those of before.
func wantFigures(t *testing.T, c *Config, want map[string]string) {
	t.Helper()
	got := c.figures()
	for path, text := range want {
		if got[path] != dec(t, text) {
			t.Errorf("%s is %v, want %s", path, got[path], text)
		}
	}
	for path, r := range got {
		if _, ok := want[path]; !ok && !r.IsZero() {
			t.Errorf("%s is %v and was not looked for", path, r)
		}
	}
}

// The figures of before, and what they are at 0.08.
var (
	inCredits = map[string]string{
		"rate_card.actions.image.cost": "5", "rate_card.actions.text.minimum": "0.1", "rate_card.actions.text.cost": "0.125",
		`rate_card.actions.text.cost (model="large", tier="gold")`: "1.5", "rate_card.actions.video.base": "10", "packs.starter.credits": "1000",
		"unit.price usd": "0.08", "mapping.m.rate usd": "0.08",
	}
	inUSD = map[string]string{
		"rate_card.actions.image.cost": "0.4", "rate_card.actions.text.minimum": "0.008", "rate_card.actions.text.cost": "0.01",
		`rate_card.actions.text.cost (model="large", tier="gold")`: "0.12", "rate_card.actions.video.base": "0.8", "packs.starter.credits": "80",
	}
)

// toUSD is the least edit that leaves credits.
func toUSD(t testing.TB, at string) string {
	return edit(t, before, creditsLine, "unit: {code: usd, scale: 6}\nconvert: {from: credits, at: "+at+"}")
}

func TestOverConvertsUnchangedFigures(t *testing.T) {
	base := parsed(t, before)
	wantFigures(t, base, inCredits)
	for _, at := range []string{"list", "cost_basis", "0.08"} {
		c := resolved(t, toUSD(t, at), base)
		wantFigures(t, c, inUSD)
		if p := c.Packs["starter"]; p.Credits != 80_000_000 || p.Unit != "usd" || p.Price != base.Packs["starter"].Price {
			t.Errorf("at %s the pack is %+v", at, p)
		}
		one := core.Price{Rate: core.Rate{Num: 1, Den: 1}, Currency: "usd"}
		if len(c.Units) != 1 || !reflect.DeepEqual(c.Units[0].Prices, []core.Price{one}) {
			t.Errorf("at %s the units are %+v", at, c.Units)
		}
		terms := convert.Terms{From: base.Units[0].Unit, To: core.Unit{Code: "usd", Scale: 6}, Mode: convert.Mode(at), List: base.Units[0].Prices[0]}
		if at == "0.08" {
			terms.Mode, terms.Rate, terms.List = convert.Explicit, core.Rate{Num: 2, Den: 25}, core.Price{}
		}
		if want := []Retired{{Unit: base.Units[0], To: "usd", Terms: terms}}; !reflect.DeepEqual(c.Retired, want) {
			t.Errorf("at %s retired is %+v, want %+v", at, c.Retired, want)
		}
		o, m := c.Connections[0].Connection, c.Connections[1].Connection
		if want := map[string]string{"usd": "usd", "credits": "pu_1"}; !reflect.DeepEqual(o.Units, want) || o.Rates != nil {
			t.Errorf("the vendor of units has %v, %v", o.Units, o.Rates)
		}
		if m.RateOf(c.Units[0].Unit) != one || m.Rate != one || m.RateOf(base.Units[0].Unit) != base.Units[0].Prices[0] {
			t.Errorf("at the vendor of money a dollar is worth %v and a credit %v", m.RateOf(c.Units[0].Unit), m.RateOf(base.Units[0].Unit))
		}
		if c.Convert == nil || c.Digest == base.Digest {
			t.Error("the file's own word is lost")
		}
	}
}

func TestOverReadsRewrittenFiguresAsWritten(t *testing.T) {
	base := parsed(t, before)
	all := edit(t, toUSD(t, "list"), "{cost: 5}", "{cost: 0.50}", "minimum: 0.1", "minimum: 0.01", "cost: 1.5}", "cost: 0.2}", "cost: 0.125}", "cost: 0.02}",
		"{base: 10}", "{base: 1}", "credits: 1000,", "credits: 90,")
	wantFigures(t, resolved(t, all, base), map[string]string{
		"rate_card.actions.image.cost": "0.5", "rate_card.actions.text.minimum": "0.01", "rate_card.actions.text.cost": "0.02",
		`rate_card.actions.text.cost (model="large", tier="gold")`: "0.2", "rate_card.actions.video.base": "1", "packs.starter.credits": "90",
	})
	// Some rewritten, one new, one gone; a figure written otherwise is the same,
	// and so is a rate that stands elsewhere in its list.
	mixed := edit(t, toUSD(t, "list"), "    image: {cost: 5}\n", "    image: {cost: 5.00, base: 5}\n    sound: {cost: 5}\n", "    video: {base: 10}\n", "", "credits: 1000,", "credits: 90.000001,",
		"        - {when: {model: large, tier: gold}, cost: 1.5}\n        - {cost: 0.125}\n", "        - {cost: 0.02}\n        - {when: {tier: gold, model: large}, cost: 1.5}\n        - {when: {tier: gold}, cost: 1.5}\n")
	wantFigures(t, resolved(t, mixed, base), map[string]string{
		"rate_card.actions.image.cost": "0.4", "rate_card.actions.image.base": "5", "rate_card.actions.sound.cost": "5",
		"rate_card.actions.text.minimum": "0.008", "rate_card.actions.text.cost": "0.02",
		`rate_card.actions.text.cost (model="large", tier="gold")`: "0.12", `rate_card.actions.text.cost (tier="gold")`: "1.5", "packs.starter.credits": "90.000001",
	})
}

func TestOverToAnotherUnit(t *testing.T) {
	base := parsed(t, before)
	inTokens := map[string]string{
		"rate_card.actions.image.cost": "150", "rate_card.actions.text.minimum": "3", "rate_card.actions.text.cost": "3.75",
		`rate_card.actions.text.cost (model="large", tier="gold")`: "45", "rate_card.actions.video.base": "300", "packs.starter.credits": "30000",
		"unit.price usd": "0.08/30", "mapping.m.rate usd": "0.08/30",
	}
	line := func(price string) string {
		return edit(t, before, creditsLine, "unit: {code: tokens, scale: 0"+price+", convert: {from: credits, at: 30}}")
	}
	for _, price := range []string{"", ", price: 0.08 usd"} {
		wantFigures(t, resolved(t, line(price), base), inTokens)
	}
	// A price or rate of its own is as written.
	inTokens["unit.price usd"], inTokens["mapping.m.rate usd"] = "0.003", "0.003"
	wantFigures(t, resolved(t, line(", price: 0.003 usd"), base), inTokens)
	inTokens["mapping.m.rate usd"] = "0.002"
	wantFigures(t, resolved(t, edit(t, line(", price: 0.003 usd"), "m: {strategy: meter}", "m: {strategy: meter, rate: 0.002 usd}"), base), inTokens)

	// A rate of the connection's own is carried like a price.
	const own = "m: {strategy: meter, rate: 0.09 usd}"
	rated := parsed(t, edit(t, before, "m: {strategy: meter}", own))
	inTokens["unit.price usd"], inTokens["mapping.m.rate usd"] = "0.08/30", "0.003"
	c := resolved(t, edit(t, line(""), "m: {strategy: meter}", own), rated)
	wantFigures(t, c, inTokens)
	m := c.Connections[1].Connection
	if got := m.RateOf(core.Unit{Code: "credits", Scale: 2}); got != rated.Connections[1].Rate {
		t.Errorf("a credit is worth %v after the change", got)
	}
}

func TestOverBack(t *testing.T) {
	base := parsed(t, before)
	for _, at := range []string{"list", "12.5"} {
		left := resolved(t, toUSD(t, "list"), base)
		c := resolved(t, edit(t, before, creditsLine, creditsLine+"\nconvert: {from: usd, at: "+at+"}"), left)
		wantFigures(t, c, inCredits)
		if !reflect.DeepEqual(c.Packs["starter"], base.Packs["starter"]) || !reflect.DeepEqual(c.Units, base.Units) || !reflect.DeepEqual(c.Cards, base.Cards) {
			t.Errorf("back at %s it is %+v, was %+v", at, c, base)
		}
		if len(c.Retired) != 2 || c.Retired[0].To != "usd" || c.Retired[1].Unit.Code != "usd" || c.Retired[1].To != "credits" {
			t.Fatalf("the changes are %+v", c.Retired)
		}
		if got := c.RetiredUnits(); len(got) != 1 || got[0].Unit.Code != "usd" {
			t.Errorf("retired are %+v", got)
		}
		if want := map[string]string{"credits": "pu_1", "usd": "usd"}; !reflect.DeepEqual(c.Connections[0].Units, want) {
			t.Errorf("the vendor's units are %v", c.Connections[0].Units)
		}
		if m := c.Connections[1].Connection; m.Rates != nil || m.Rate != base.Connections[1].Rate {
			t.Errorf("the vendor of money is %+v", m)
		}
		// And away once more.
		again := resolved(t, toUSD(t, "list"), c)
		wantFigures(t, again, inUSD)
		if got := again.RetiredUnits(); len(again.Retired) != 3 || len(got) != 1 || got[0].Unit.Code != "credits" {
			t.Errorf("retired are %+v", got)
		}
	}
	// Without a price in the file the rate makes it.
	left := resolved(t, toUSD(t, "list"), base)
	c := resolved(t, edit(t, before, creditsLine, "unit: {code: credits}\nconvert: {from: usd, at: 12.5}"), left)
	wantFigures(t, c, inCredits)
}

// A file that is changed a second time, its figures still as they first were,
// converts what is in force.
func TestOverTwice(t *testing.T) {
	left := resolved(t, toUSD(t, "list"), parsed(t, before))
	text := edit(t, before, creditsLine, "unit: {code: mills, scale: 3, convert: {from: usd, at: 1000}}", unitsLine, "create: true")
	c := resolved(t, text, left)
	want := map[string]string{"unit.price usd": "0.001", "mapping.m.rate usd": "0.001"}
	for path, figure := range inUSD {
		r, _ := dec(t, figure).Mul(core.Rate{Num: 1000, Den: 1})
		want[path] = core.Amount(r.Num).Format(0)
	}
	wantFigures(t, c, want)
	if got := c.RetiredUnits(); len(got) != 2 || got[0].Unit.Code != "credits" || got[1].Unit.Code != "usd" {
		t.Errorf("retired are %+v", got)
	}
	if want := map[string]string{"mills": "mills", "usd": "usd", "credits": "pu_1"}; !reflect.DeepEqual(c.Connections[0].Units, want) {
		t.Errorf("the vendor's units are %v", c.Connections[0].Units)
	}
	m := c.Connections[1].Connection
	if got := m.RateOf(core.Unit{Code: "credits", Scale: 2}); got.Rate != (core.Rate{Num: 2, Den: 25}) {
		t.Errorf("a credit is worth %v after two changes", got)
	}
}

func TestOverWithoutConvert(t *testing.T) {
	base := parsed(t, before)
	if c := resolved(t, before, nil); !reflect.DeepEqual(c.Units, base.Units) || c.Retired != nil {
		t.Errorf("over nothing it is %+v", c)
	}
	left := resolved(t, toUSD(t, "list"), base)
	after := edit(t, before, creditsLine, "unit: {code: usd, scale: 6}", unitsLine, "units: {usd: pu_2}")
	c := resolved(t, after, left)
	if !reflect.DeepEqual(c.Retired, left.Retired) || c.Packs["starter"].Credits != 1_000_000_000 || c.Convert != nil {
		t.Errorf("once convert is gone it is %+v", c)
	}
	if want := map[string]string{"usd": "pu_2", "credits": "pu_1"}; !reflect.DeepEqual(c.Connections[0].Units, want) {
		t.Errorf("the vendor's units are %v", c.Connections[0].Units)
	}
	if got := c.Connections[1].RateOf(base.Units[0].Unit); got != base.Units[0].Prices[0] {
		t.Errorf("a credit is worth %v", got)
	}
	// A connection that never knew the unit values it at its list price.
	c = resolved(t, edit(t, after, "route: {primary: o, payments: m}", "route: {primary: o, payments: n}", "  m: {strategy", "  n: {strategy", "m: {provider", "n: {provider"), left)
	if got := c.Connections[1].RateOf(base.Units[0].Unit); got != base.Units[0].Prices[0] {
		t.Errorf("at a new connection a credit is worth %v", got)
	}
	// So does one that only has the name of another vendor's.
	c = resolved(t, edit(t, toUSD(t, "list"), "o: {provider: orb", "o: {provider: stripe", "m: {provider: stripe", "m: {provider: orb", "{primary: o, payments: m}", "{primary: m, payments: o}",
		unitsLine, "create: true"), base)
	if got := c.Connections[0].RateOf(base.Units[0].Unit); got != base.Units[0].Prices[0] {
		t.Errorf("at another vendor under the same name a credit is worth %v", got)
	}
	// The old unit without convert is for whoever compares the two; no place is made up.
	if c := resolved(t, edit(t, before, unitsLine, "units: {credits: pu_9}"), left); c.Connections[0].Units["credits"] != "pu_9" {
		t.Errorf("the vendor's units are %v", c.Connections[0].Units)
	}
}

func TestCF12OverFaults(t *testing.T) {
	base := parsed(t, before)
	left := resolved(t, toUSD(t, "list"), base)
	further := resolved(t, edit(t, before, creditsLine, "unit: {code: mills, scale: 3}\nconvert: {from: usd, at: 1000}", unitsLine, "create: true"), left)
	several := parsed(t, "version: 1\nunits: [{code: credits}, {code: b}]\n")
	unpriced := parsed(t, "version: 1\nunit: {code: credits}\n")
	tight := func(unit string) string { return edit(t, before, creditsLine, unit) }
	for _, c := range []struct {
		name string
		text string
		base *Config
		want []string
	}{
		{"nothing applied", toUSD(t, "list"), nil, []string{`3:1: convert: nothing is applied yet that could be converted from "credits", remove convert`}},
		{"several units in force", toUSD(t, "list"), several, []string{`3:1: convert: 2 units are in force, a change from several is not supported yet`}},
		{"another unit in force", toUSD(t, "list"), left, []string{`3:1: convert: the unit in force is "usd", not "credits", convert from that one`}},
		{"no list price", toUSD(t, "list"), unpriced, []string{`3:1: convert: a change at list needs a list price, for prices and for grants that nobody paid for`}},
		{"list price in other money", tight("unit: {code: eur}\nconvert: {from: credits, at: cost_basis}"), base, []string{
			`3:1: convert: a change from "credits" to "eur" at cost_basis cannot use a price in "usd", give a rate`}},
		{"at list between credits", tight("unit: {code: tokens, price: 1 usd}\nconvert: {from: credits, at: list}"), base, []string{
			`3:1: convert: a change from "credits" to "tokens" at list cannot use a price in "usd", give a rate`}},
		{"cost basis of money", edit(t, before, creditsLine, creditsLine+"\nconvert: {from: usd, at: cost_basis}"), left, []string{
			`3:1: convert: a change from "usd" to "credits" at cost_basis cannot use a price in "usd", give a rate`}},
		{"too fine when carried", edit(t, tight("unit: {code: usd, scale: 2}\nconvert: {from: credits, at: list}"), "credits: 1000,", "credits: 0.01,", "{base: 10}", "{base: 0.03}"),
			parsed(t, edit(t, before, "credits: 1000,", "credits: 0.01,", "{base: 10}", "{base: 0.03}")), []string{
				`13:16: rate_card.actions.text.minimum would be 0.008 in "usd", which needs 3 decimals and the unit keeps 2: give the unit scale 3`,
				`17:19: rate_card.actions.video.base would be 0.0024 in "usd", which needs 4 decimals and the unit keeps 2: give the unit scale 4`,
				`19:22: packs.starter.credits would be 0.0008 in "usd", which needs 4 decimals and the unit keeps 2: give the unit scale 4`,
			}},
		{"no decimal", tight("unit: {code: tokens, scale: 9, convert: {from: credits, at: 1/3}}"), base, []string{
			`8:19: rate_card.actions.image.cost would be 5/3 in "tokens", which no number of decimals holds: choose a price of its own`,
			`12:16: rate_card.actions.text.minimum would be 1/30 in "tokens", which no number of decimals holds: choose a price of its own`,
			`15:18: rate_card.actions.text.cost would be 1/24 in "tokens", which no number of decimals holds: choose a price of its own`,
			`16:19: rate_card.actions.video.base would be 10/3 in "tokens", which no number of decimals holds: choose a price of its own`,
			`18:22: packs.starter.credits would be 1000/3 in "tokens", which no number of decimals holds: choose a price of its own`,
		}},
		{"too fine as written", edit(t, toUSD(t, "list"), "minimum: 0.1", "minimum: 0.0000001", "{base: 10}", "{base: 0.12345678}", "credits: 1000,", "credits: 80.0000001,"), base, []string{
			`13:16: minimum: amount "0.0000001" has 7 decimals, the unit keeps 6`,
			`17:19: base: amount "0.12345678" has 8 decimals, the unit keeps 6`,
			`19:22: credits: amount "80.0000001" has 7 decimals, the unit keeps 6`,
		}},
		{"too large as written", edit(t, toUSD(t, "list"), "credits: 1000,", "credits: 10000000000000,"), base, []string{`19:22: credits: amount "10000000000000" is too large`}},
		{"too large when carried", edit(t, toUSD(t, "list"), "credits: 1000,", "credits: 10000000000000000,"), parsed(t, edit(t, before, "credits: 1000,", "credits: 10000000000000000,")), []string{
			`19:22: packs.starter.credits would be 800000000000000 in "usd", which is too large`}},
		{"price that cannot be carried", tight("unit: {code: tokens, scale: 2, convert: {from: credits, at: 1000000000000000000/7}}"), parsed(t, "version: 1\nunit: {code: credits, price: 0.333333333 usd}\n"), []string{
			`2:32: unit.price of "tokens" cannot be carried over exactly: rate 333333333/1000000000 x 7/1000000000000000000 is too fine to hold exactly, write it in the new unit`}},
		{"no value at a vendor of money", tight("unit: {code: tokens, convert: {from: credits, at: 30}}"), parsed(t, edit(t, before, ", price: 0.08 usd", "", "m: {strategy: meter}", "m: {strategy: meter, rate: 0.08 usd}")), []string{
			`21:3: connection "m" needs a rate in mapping or a price of the unit, since stripe holds money`}},
		{"the vendor's name of a retired unit", edit(t, toUSD(t, "list"), unitsLine, "units: {usd: pu_1}"), base, []string{
			`21:3: units "credits" and "usd" are both "pu_1" at the vendor of connection "o", each needs one of its own`}},
		{"a retired unit is renamed", edit(t, toUSD(t, "list"), unitsLine, "units: {credits: pu_2}"), base, []string{
			`21:3: unit "credits" is "pu_1" at the vendor of connection "o" and keeps that, remove it from mapping.o.units`}},
		{"back by another way", edit(t, before, creditsLine, creditsLine+"\nconvert: {from: mills, at: 1}"), further, []string{
			`2:8: unit "credits" was left for "usd", it can come back from that unit only: take another code`}},
		{"back with other decimals", edit(t, before, creditsLine, "unit: {code: credits, scale: 3, price: 0.08 usd}\nconvert: {from: usd, at: list}"), left, []string{
			`2:8: unit "credits" was left with scale 2 and can come back with no other, write scale: 2`}},
		{"back in another case", edit(t, before, creditsLine, "unit: {code: Credits, price: 0.08 usd}\nconvert: {from: usd, at: list}", unitsLine, "create: true"), left, []string{
			`2:8: unit "Credits" differs from the retired unit "credits" by case only, take another code`}},
		{"too fine to price", edit(t, toUSD(t, "list"), "{cost: 5}", "{cost: 0.000000001, per: 1000000000}"), base, []string{
			`9:19: cost: "0.000000001" per 1000000000 is too fine to be priced exactly in "usd", use fewer decimals or a smaller per`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := over(t, c.text, c.base)
			var faults *Faults
			if !errors.As(err, &faults) || out != nil {
				t.Fatalf("got %+v, %v, want faults", out, err)
			}
			if got, want := strings.ReplaceAll("\n"+err.Error(), "\nf:", "\n")[1:], strings.Join(c.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			for _, f := range faults.List {
				if want := core.CodeInvalid; f.Code != want && !(f.Code == core.CodeNotSupported && strings.Contains(f.Message, "not supported")) {
					t.Errorf("%s has the code %q", f, f.Code)
				}
			}
		})
	}
	if _, err := parsed(t, toUSD(t, "list")).Over(parsed(t, toUSD(t, "list"))); core.CodeOf(err) != core.CodeInternal {
		t.Errorf("over a config that is not resolved: %v", err)
	}
}

// There at a rate and back at its inverse, with no figure touched, is where it
// began, whatever the rate.
func TestOverThereAndBack(t *testing.T) {
	base := parsed(t, before)
	rapid.Check(t, func(rt *rapid.T) {
		num := rapid.SampledFrom([]string{"1", "2", "5", "8", "30", "0.5", "0.08", "0.125", "777"}).Draw(rt, "num")
		den := rapid.SampledFrom([]string{"1", "2", "0.25", "10"}).Draw(rt, "den")
		there := edit(t, before, creditsLine, "unit: {code: tokens, scale: 9, price: 0.08 usd, convert: {from: credits, at: "+num+"/"+den+"}}")
		left := resolved(t, there, base)
		if want, _ := dec(t, num+"/"+den).Mul(core.Rate{Num: 5, Den: 1}); left.Cards[0].Actions["image"].Rates[0].Cost != want {
			rt.Fatalf("an image costs %v, want %v", left.Cards[0].Actions["image"], want)
		}
		back := resolved(t, edit(t, before, creditsLine, creditsLine+"\nconvert: {from: tokens, at: "+den+"/"+num+"}"), left)
		if !reflect.DeepEqual(back.Cards, base.Cards) || !reflect.DeepEqual(back.Packs, base.Packs) || !reflect.DeepEqual(back.Units, base.Units) ||
			back.Connections[1].Rate != base.Connections[1].Rate {
			rt.Fatalf("back it is %+v", back)
		}
	})
}
