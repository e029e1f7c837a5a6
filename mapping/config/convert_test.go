package config

import (
	"reflect"
	"testing"

	"scrip/core"
	"scrip/core/convert"
)

// usd makes a case's own text begin on line 4, after a unit and convert.
const usd = "version: 1\nunit: {code: usd, scale: 6}\nconvert: {from: credits, at: list}\n"

func TestConvertIsRead(t *testing.T) {
	for at, want := range map[string]Conversion{
		"cost_basis":  {"credits", convert.CostBasis, core.Rate{}},
		"list":        {"credits", convert.List, core.Rate{}},
		"30":          {"credits", convert.Explicit, core.Rate{Num: 30, Den: 1}},
		"0.08":        {"credits", convert.Explicit, core.Rate{Num: 2, Den: 25}},
		"'0.080'":     {"credits", convert.Explicit, core.Rate{Num: 2, Den: 25}},
		"1/30":        {"credits", convert.Explicit, core.Rate{Num: 1, Den: 30}},
		"4/6":         {"credits", convert.Explicit, core.Rate{Num: 2, Den: 3}},
		"1.5/0.25":    {"credits", convert.Explicit, core.Rate{Num: 6, Den: 1}},
		"0.000000001": {"credits", convert.Explicit, core.Rate{Num: 1, Den: 1_000_000_000}},
	} {
		section := "{from: credits, at: " + at + "}"
		for _, text := range []string{
			"version: 1\nunit: {code: tokens, scale: 0}\nconvert: " + section + "\n",
			"version: 1\nconvert: " + section + "\nunits: [{code: tokens, scale: 0}]\n",
			"version: 1\nunit: {code: tokens, scale: 0, convert: " + section + "}\n",
			"version: 1\nunits: [{code: tokens, convert: " + section + ", scale: 0}]\n",
		} {
			c, err := Parse("f", []byte(text), testEnv())
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if !reflect.DeepEqual(c.Convert, &want) || c.Retired != nil || c.Units[0].Code != "tokens" {
				t.Errorf("%s is read as %+v, want %+v", text, c.Convert, want)
			}
		}
	}
}

func TestCF12Convert(t *testing.T) {
	unit := "version: 1\nunit: {code: usd, scale: 6}\n"
	at := func(value string) string { return unit + "convert: {from: credits, at: " + value + "}\n" }
	runBad(t, []bad{
		{"empty", unit + "convert:\n", []string{`3:1: convert must be fields, not nothing`}},
		{"no fields", unit + "convert: {}\n", []string{`3:1: convert needs the field "from"`, `3:1: convert needs the field "at"`}},
		{"a word", unit + "convert: credits\n", []string{`3:10: convert must be fields, not a single value`}},
		{"unknown field", unit + "convert: {form: credits, at: list}\n", []string{`3:1: convert needs the field "from"`, `3:11: field "form" of convert is unknown, did you mean "from"?`}},
		{"twice", "version: 1\nunit: {code: usd, convert: {from: credits, at: list}}\nconvert: {from: credits, at: list}\n",
			[]string{`3:1: convert stands here a second time, the first is on line 2: keep one`}},
		{"several units", "version: 1\nunits: [{code: usd}, {code: tokens}]\nconvert: {from: credits, at: list}\n",
			[]string{`3:1: convert beside several units is not supported yet, keep one unit or remove convert`}},
		{"in one of several units", "version: 1\nunits: [{code: usd}, {code: tokens, convert: {from: credits, at: list}}]\n",
			[]string{`2:37: convert beside several units is not supported yet, keep one unit or remove convert`}},
		{"from itself", unit + "convert: {from: usd, at: list}\n", []string{`3:17: from: unit "usd" cannot become itself, name the unit that is left`}},
		{"from itself but for case", "version: 1\nunit: {code: credits}\nconvert: {from: Credits, at: 3}\n", []string{`3:17: from: unit "Credits" cannot become itself, name the unit that is left`}},
		{"from no code", unit + "convert: {from: my credits, at: list}\n", []string{`3:17: unit code "my credits" must be up to 40 letters, digits, and _ . - between them`}},
		{"from in capitals", unit + "convert: {from: EUR, at: list}\n", []string{`3:17: unit code "EUR" is a currency, write it as "eur"`}},
		{"from a list", unit + "convert: {from: [credits], at: list}\n", []string{`3:17: field "from" must be a single value, not a list`}},
		{"at, unknown", at("price"), []string{`3:30: at: "price" is none of cost_basis, list or a rate such as 30, 0.08 or 1/30`}},
		{"at, case", at("List"), []string{`3:30: at: "List" is none of cost_basis, list or a rate such as 30, 0.08 or 1/30`}},
		{"at, empty", at(""), []string{`3:26: field "at" of convert is empty, give it a value or remove it`}},
		{"at, zero", at("0"), []string{`3:30: at: the rate "0" must be above zero, it is new units for one old unit`}},
		{"at, a zero ratio", at("0/3"), []string{`3:30: at: the rate "0/3" must be above zero, it is new units for one old unit`}},
		{"at, by zero", at("3/0"), []string{`3:30: at: the rate "3/0" must be above zero, it is new units for one old unit`}},
		{"at, negative", at("-1"), []string{`3:30: at: amount "-1" has a sign, write it without`}},
		{"at, exponent", at("1e3"), []string{`3:30: at: amount "1e3" has an exponent, write all digits`}},
		{"at, too fine", at("0.0000000001"), []string{`3:30: at: rate "0.0000000001" has 10 decimals, at most 9 are kept`}},
		{"at, money", at("0.08 usd"), []string{`3:30: at: amount "0.08 usd" has the character ' ', only digits and one point are read`}},
		{"at, two ratios", at("1/2/3"), []string{`3:30: at: amount "2/3" has the character '/', only digits and one point are read`}},
		{"at, no denominator", at("1/"), []string{`3:30: at: amount is empty, write a decimal such as "10.50"`}},
		{"at, a ratio beyond 64 bits", at("1000000000000000000/0.000000003"), []string{`3:30: at: rate 1000000000000000000/1 x 1000000000/3 is too fine to hold exactly`}},
		{"at, long", at("1/300000000000000000000000000000000000000000"), []string{`3:30: field "at" has 44 characters, at most 40 are read`}},
		{"figures are still figures", usd + "rate_card: {version: a, actions: {x: {base: -1, cost: 1e3}, y: {cost: 0.0000000001}}}\n" + vendor + "packs: {p: {credits: 0, price: 1 usd}}\n", []string{
			`4:45: base: amount "-1" has a sign, write it without`,
			`4:55: cost: amount "1e3" has an exponent, write all digits`,
			`4:71: cost: rate "0.0000000001" has 10 decimals, at most 9 are kept`,
			`7:22: credits: a pack of none cannot be sold`,
		}},
		{"a mapped unit that is neither", usd + two + "mapping: {o: {units: {usd: a, credits: b, tokens: c}}, m: {strategy: totals}}\n", []string{
			`6:43: unit "tokens" does not exist, known are usd, credits`,
		}},
		{"two units of one at the vendor", usd + two + "mapping: {o: {units: {usd: a, credits: a}}, m: {strategy: totals}}\n", []string{
			`6:40: units "usd" and "credits" are both "a" at the vendor, each needs one of its own`,
		}},
	})
}
