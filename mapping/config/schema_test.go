package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"scrip/core"
)

// tree is a decoded JSON value: a map, a list, a text, a number or a boolean.
type tree = map[string]any

func decode(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// document is a YAML text as an editor hands it to its validator, by the
// reader's own syntax tree.
func document(t *testing.T, text string) any {
	t.Helper()
	r := &reader{file: "scrip.yaml"}
	root, ok := r.tree([]byte(text))
	if !ok {
		t.Fatalf("%v in\n%s", r.faults, text)
	}
	return value(root)
}

var jsonNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

func value(n *node) any {
	switch {
	case n.kind == aMapping:
		fields := tree{}
		for _, f := range n.fields {
			fields[f.key] = value(f.value)
		}
		return fields
	case n.kind == aList:
		items := []any{}
		for _, item := range n.items {
			items = append(items, value(item))
		}
		return items
	case n.kind == nothing:
		return nil
	case !n.quoted && (n.text == "true" || n.text == "false"):
		return n.text == "true"
	case !n.quoted && jsonNumber.MatchString(n.text):
		return json.Number(n.text)
	}
	return n.text
}

func theSchema(t *testing.T) tree {
	t.Helper()
	text, err := Schema(testEnv().Providers)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text).(tree)
}

// sections calls f for each object of the schema that has fixed fields.
func sections(path []string, s tree, f func(path []string, fields tree)) {
	if fields, ok := s["properties"].(tree); ok {
		f(path, fields)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			sections(append(slices.Clone(path), name), fields[name].(tree), f)
		}
	}
	if each, ok := s["additionalProperties"].(tree); ok {
		sections(append(slices.Clone(path), "*"), each, f)
	}
	if ways, ok := s["anyOf"].([]any); ok {
		for _, way := range ways {
			sections(path, way.(tree), f)
		}
	}
	if each, ok := s["items"].(tree); ok {
		sections(append(slices.Clone(path), "[]"), each, f)
	}
}

// at puts a value at a path of an otherwise empty document.
func at(path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	inner := at(path[1:], value)
	switch path[0] {
	case "[]":
		return []any{inner}
	case "*":
		return tree{"main": inner}
	}
	return tree{path[0]: inner}
}

// TestSchemaHasTheReadersFields asks the reader, in every section of the
// schema, for the fields that it knows, by a field that it cannot know.
func TestSchemaHasTheReadersFields(t *testing.T) {
	n := 0
	sections(nil, theSchema(t), func(path []string, fields tree) {
		n++
		doc := tree{"connections": tree{"main": tree{"provider": "stripe", "api_key": "env:KEY"}}}
		maps.Copy(doc, at(path, tree{"nosuchfieldatall": 1}).(tree))
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse("scrip.yaml", text, testEnv())
		var faults *Faults
		if !errors.As(err, &faults) {
			t.Fatalf("%v: the reader takes %s: %v", path, text, err)
		}
		var known []string
		for _, f := range faults.List {
			if _, list, ok := strings.Cut(f.Message, "is unknown, known are "); ok && strings.Contains(f.Message, "nosuchfieldatall") {
				known = strings.Split(list, ", ")
			}
		}
		slices.Sort(known)
		if has := slices.Sorted(maps.Keys(fields)); !slices.Equal(known, has) {
			t.Errorf("%v: the reader knows %v, the schema has %v", path, known, has)
		}
		for name, f := range fields {
			if about, _ := f.(tree)["description"].(string); about == "" {
				t.Errorf("%v: field %q has no description", path, name)
			}
		}
	})
	if n < 14 {
		t.Errorf("the schema has %d sections", n)
	}
}

// several is a config with what the others leave out.
const several = `version: "1"
units: [{code: credits, scale: 0, price: 1 usd}, {code: usd}]
storage: sqlite:x.db
connections: {main: {provider: orb, api_key: file:/tmp/key}, pay: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}}
route: {primary: pay}
packs: {one: {unit: usd, credits: 5, price: 5.00 usd}}
mapping: {pay: {strategy: totals}, main: {units: {credits: 4711}}}
`

const watched = `version: 1
unit: {code: usd, scale: 6}
connections: {pay: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}}
route: {primary: pay}
packs:
  block: {credits: 25000, tiers: [{up_to: 10, price: [15 usd, 14.00 eur]}, {price: [14 usd, 13 eur]}], minimum: 2, expires: cycle, non_refundable: true}
  open: {price_per: [1 usd, 0.95 eur], minimum: 5, expires: never}
  euros: {price: [9 usd, 8 eur], credits: 9}
top_up: {enabled: false, pack: block, below: 100, percent: 25, minimum: 25000, at_most: [3 per month, 500 usd per year], retry: 2h}
alerts: {enabled: true, unit: usd, low: [100, 20.5], expiring: [30 days, 24h]}
mapping: {pay: {strategy: totals}}
`

const watchedToo = `version: 1
unit: {code: credits}
connections: {pay: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}}
route: {primary: pay}
packs: {starter: {credits: 1000, price: 80 usd}}
mapping: {pay: {strategy: totals}}
top_up: {pack: starter, below: 100, to: 1000, at_most: 3 per month, retry: [1h]}
`

const converted = `version: 1
unit: {code: usd, scale: 4, convert: {from: credits, at: 1/30}}
connections: {main: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}}
route: {primary: main}
convert: {from: credits, at: list}
mapping: {main: {carrier: sub_1}}
`

// TestSchemaTakesWhatTheReaderTakes: both say the same about whole configs, and
// together these have every field there is.
func TestSchemaTakesWhatTheReaderTakes(t *testing.T) {
	env := testEnv()
	lookup := env.Lookup
	env.Lookup = func(name string) (string, bool) {
		if v, ok := lookup(name); ok {
			return v, true
		}
		return "stand-in", true
	}
	env.ReadFile = func(string) ([]byte, error) { return []byte("stand-in"), nil }
	root := theSchema(t)
	v := &validator{seen: map[string]bool{}}
	for name, c := range map[string]struct {
		text  string
		clash string // what only the reader minds
	}{
		"full": {text: full}, "template": {text: Template("stripe")}, "several": {text: several}, "rich card": {text: richCard}, "plans": {text: planned}, "versions": {text: versions}, "watched": {text: watched}, "to": {text: watchedToo},
		"amount": {text: strings.Replace(watchedToo, "to: 1000", "amount: 50.25", 1)}, "packs": {text: strings.Replace(watchedToo, "to: 1000", "packs: 3", 1)},
		"converted": {text: converted, clash: "a second time"},
		"rate":      {text: strings.NewReplacer("at: list", "at: 30", ", convert: {from: credits, at: 1/30}", "").Replace(converted)},
		"listed":    {text: "version: 1\nunits: [{code: usd, convert: {from: credits, at: 30}}]\n"},
	} {
		_, err := Parse("scrip.yaml", []byte(c.text), env)
		if c.clash == "" && err != nil || c.clash != "" && (err == nil || !strings.Contains(err.Error(), c.clash)) {
			t.Errorf("%s: the reader says %v", name, err)
		}
		for _, fault := range v.check("", root, document(t, c.text)) {
			t.Errorf("%s: the schema minds %s", name, fault)
		}
	}
	sections(nil, root, func(path []string, fields tree) {
		for name := range fields {
			if at := "/" + strings.Join(append(slices.Clone(path), name), "/"); !v.seen[at] {
				t.Errorf("no config here has %s", at)
			}
		}
	})
}

// TestSchemaRefusesWhatTheReaderRefuses: what an editor can see to be wrong.
func TestSchemaRefusesWhatTheReaderRefuses(t *testing.T) {
	root := theSchema(t)
	for from, to := range map[string]string{
		"listen:": "lisen:", "version: 1\n": "version: 2\n", "code: credits": "code: \"?\"", "scale: 3": "scale: 12", "scale: 3\n": "scale: 1.5\n",
		"sqlite:/var/lib/scrip/scrip.db": "mysql:x", "secret_key: env:SECRET": "secret_key: sk_live_4711", "{raw: 400 days}": "{raw: 400}",
		"{raw: 400 days}\n": "{raw: long}\n", "provider: stripe": "provider: strip", "base_url: http://127.0.0.1:8081": "base_url: ftp://x",
		"webhook_secrets: [env:WH, env:WH2]": "webhook_secrets: []", "{primary: main, ": "{", "[cost_basis, expiry]": "[cheapest]",
		"limit: 0, ": "limit: -5, ", "settled_by: paid": "settled_by: hope", "per: 1000": "per: 0", "round: up": "round: down",
		"minimum: 0.10": "minimum: -1", "cost: 1.5": "cost: much", "api.call: {cost: 1}": "api.call: {costs: 1}", "api.call: {cost": "'a b': {cost",
		"starter: {credits: 1000, ": "starter: {", "price: 80 usd": "price: 80", "expires: never": "expires: soon", "strategy: meter": "strategy: best",
		"rate: 0.08 usd": "rate: cheap", "create: false": "create: maybe", "window: 5m": "window: 5", "manual_changes: flag": "manual_changes: shrug",
		"share: 0.05": "share: half", "limit: 250": "limit: 0", "  main:\n    strategy": "  main:\n    tactics: 1\n    strategy",
		"10.005": "true", "starter: price_123": "starter: []", "unit:\n": "unites:\n",
	} {
		text := strings.Replace(full, from, to, 1)
		if text == full {
			t.Fatalf("%q is not in the config", from)
		}
		if _, err := Parse("scrip.yaml", []byte(text), testEnv()); err == nil {
			t.Errorf("%q: the reader takes it", to)
		}
		if v := (&validator{seen: map[string]bool{}}); len(v.check("", root, document(t, text))) == 0 {
			t.Errorf("%q: the schema takes it", to)
		}
	}
}

// TestSchemaNamesKnownValues keeps lists of values true to the rules.
func TestSchemaNamesKnownValues(t *testing.T) {
	fields := theSchema(t)["properties"].(tree)
	var orders []string
	for _, v := range fields["burn_order"].(tree)["items"].(tree)["enum"].([]any) {
		orders = append(orders, v.(string))
	}
	if o, err := core.ParseOrder(orders); err != nil || len(o) != 7 {
		t.Errorf("burn orders %v: %v", orders, err)
	}
	_, err := core.ParseOrder([]string{"?"})
	for _, name := range orders {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("burn order %q is not among %v", name, err)
		}
	}
}

// validator is as much of JSON Schema as the schema uses; a keyword that it
// does not know is a fault.
type validator struct{ seen map[string]bool }

func (v *validator) check(path string, s tree, value any) (faults []string) {
	bad := func(format string, args ...any) { faults = append(faults, path+": "+fmt.Sprintf(format, args...)) }
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	object, isObject := value.(tree)
	list, isList := value.([]any)
	for word, rule := range s {
		switch word {
		case "$schema", "title", "description", "properties":
		case "type":
			if !isType(rule, value) {
				bad("is no %v", rule)
			}
		case "enum":
			if !slices.Contains(rule.([]any), value) {
				bad("%v is none of %v", value, rule)
			}
		case "const":
			if rule != value {
				bad("%v is not %v", value, rule)
			}
		case "pattern":
			if isText && !regexp.MustCompile(rule.(string)).MatchString(text) {
				bad("%q does not match %s", text, rule)
			}
		case "minLength", "maxLength":
			if isText && (len(text) < integer(rule)) == (word == "minLength") && len(text) != integer(rule) {
				bad("%s %v", word, rule)
			}
		case "minimum", "maximum":
			if isNumber && strings.HasPrefix(string(number), "-") {
				bad("%s is below zero", number)
			} else if isNumber && !strings.ContainsAny(string(number), ".e") && integer(number) != integer(rule) && (integer(number) < integer(rule)) == (word == "minimum") {
				bad("%s %v", word, rule)
			}
		case "minItems", "maxItems":
			if isList && len(list) != integer(rule) && (len(list) < integer(rule)) == (word == "minItems") {
				bad("%s %v", word, rule)
			}
		case "maxProperties":
			if len(object) > integer(rule) {
				bad("%s %v", word, rule)
			}
		case "required":
			for _, name := range rule.([]any) {
				if _, there := object[name.(string)]; isObject && !there {
					bad("needs %v", name)
				}
			}
		case "anyOf":
			if !slices.ContainsFunc(rule.([]any), func(one any) bool { return len(v.check(path, one.(tree), value)) == 0 }) {
				bad("fits none of %v", rule)
			}
		case "items":
			for _, item := range list {
				faults = append(faults, v.check(path+"/[]", rule.(tree), item)...)
			}
		case "propertyNames":
			for name := range object {
				faults = append(faults, v.check(path, rule.(tree), name)...)
			}
		case "additionalProperties":
			faults = append(faults, v.fields(path, s, object)...)
		default:
			bad("unknown keyword %q", word)
		}
	}
	return faults
}

func (v *validator) fields(path string, s, object tree) (faults []string) {
	fixed, _ := s["properties"].(tree)
	for name, value := range object {
		one, known := fixed[name].(tree)
		at := path + "/" + name
		if each, free := s["additionalProperties"].(tree); !known && free {
			one, known, at = each, true, path+"/*"
		}
		if !known {
			faults = append(faults, at+" is no field")
			continue
		}
		v.seen[at] = true
		faults = append(faults, v.check(at, one, value)...)
	}
	return faults
}

func integer(v any) int {
	n, _ := v.(json.Number).Int64()
	return int(n)
}

func isType(rule, value any) bool {
	if list, ok := rule.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return isType(one, value) })
	}
	switch value := value.(type) {
	case tree:
		return rule == "object"
	case []any:
		return rule == "array"
	case string:
		return rule == "string"
	case bool:
		return rule == "boolean"
	case json.Number:
		return rule == "number" || rule == "integer" && !strings.ContainsAny(string(value), ".e")
	}
	return false
}
