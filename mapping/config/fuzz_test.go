package config

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"scrip/core"
	"scrip/core/convert"
)

// The lexer cuts plain text inside { } at colons that YAML keeps in it.
func TestColonsInsideBraces(t *testing.T) {
	for text, want := range map[string]string{
		"{a: [b:c]}":                     "b:c",
		"{a: [b:c:d]}":                   "b:c:d",
		"{a: [é:1]}":                     "é:1",
		"{a: [http://127.0.0.1:80/x:y]}": "http://127.0.0.1:80/x:y",
		"{a: [env:A, env:B]}":            "env:A env:B",
		"{a: ['b:c']}":                   "b:c",
		"a: [b:c]":                       "b:c",
		"a:\n  - b:c\n":                  "b:c",
	} {
		r := &reader{file: "f"}
		root, ok := r.tree([]byte(text))
		if !ok || root.kind != aMapping || root.fields[0].value.kind != aList {
			t.Errorf("%q: faults %v", text, r.faults)
			continue
		}
		var got []string
		for _, item := range root.fields[0].value.items {
			got = append(got, item.text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	r := &reader{file: "f"}
	root, ok := r.tree([]byte("{a: {b: c}, 'd':e, f: {g: }}"))
	if !ok || len(root.fields) != 3 || root.fields[0].value.fields[0].value.text != "c" || root.fields[1].value.text != "e" {
		t.Errorf("mappings are joined: %v", r.faults)
	}
}

// FuzzParse checks that no file makes the reader panic, and that every error
// has a place inside the file and none holds a secret (CF-01, CF-02).
// SC-07.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{full, Template("stripe"), planned, richCard, versions, charges, head, head + vendor, "", "a: [1, {b: c}]\n", "? a\n: b\n", "a: |\n  b\n",
		toUSD(f, "list"), toUSD(f, "1/30"), usd + "rate_card: {version: a, actions: {x: {base: -1}}}\n",
		"version: 1\nunits: [{code: a, convert: {from: a, at: 0/0}}, {convert: }]\nconvert: [x]\n",
		"a: &x [*x]\n", "- - - -\n", "{a: [b:c, ], }", "\"a\": 'b'\n", "\ta\n", "--- a\n...\n", "%TAG\n---\n", "a:\n- b\n-\n", "#\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return // the bounds have cases of their own
		}
		c, err := Parse("f", data, testEnv())
		if err == nil {
			if len(c.Units) == 0 || len(c.Digest) != 64 || (c.Convert != nil) != (c.draft != nil) || c.Convert != nil && len(c.Units) != 1 {
				t.Fatalf("accepted %+v", c)
			}
			return
		}
		wantPlaces(t, err, string(data))
	})
}

// wantPlaces checks that an error is faults with places in the text, in order,
// and holds no secret.
func wantPlaces(t *testing.T, err error, text string) {
	t.Helper()
	var faults *Faults
	if !errors.As(err, &faults) || len(faults.List) == 0 {
		t.Fatalf("got %v, want faults", err)
	}
	lines := strings.Split(text, "\n")
	for i, fault := range faults.List {
		if fault.Line < 1 || fault.Line > len(lines) || fault.Column < 1 || fault.Message == "" {
			t.Fatalf("fault %q is nowhere in the file", fault)
		}
		if fault.Column > utf8.RuneCountInString(lines[fault.Line-1])+1 {
			t.Fatalf("fault %q is right of its line %q", fault, lines[fault.Line-1])
		}
		if i > 0 && fault.Line < faults.List[i-1].Line {
			t.Fatalf("faults are not in order: %v", err)
		}
	}
	if strings.Contains(err.Error(), canary) && !strings.Contains(text, canary) {
		t.Fatalf("a fault holds a secret: %v", err)
	}
}

// FuzzOver puts a file with any figures over credits, over dollars that were
// credits, and over nothing: it is refused with places, or each figure is what the file
// says or what was in force, converted exactly.
func FuzzOver(f *testing.F) {
	base := parsed(f, before)
	left := resolved(f, toUSD(f, "list"), base)
	seed := func(unit, from, at, price, cost, minimum, credits string) {
		f.Add(unit, from, at, price, cost, minimum, credits)
	}
	seed("usd, scale: 6", "credits", "list", "", "5", "0.1", "1000")
	seed("usd, scale: 2", "credits", "cost_basis", "", "5", "0.1", "1001")
	seed("tokens, scale: 0", "credits", "30", "", "5", "3", "1000")
	seed("tokens, scale: 9", "credits", "1/3", ", price: 0.08 usd", "6", "0.3", "999")
	seed("credits", "usd", "list", ", price: 0.08 usd", "5", "0.1", "1000")
	seed("credits", "usd", "12.5", "", "0.000000001", "10", "9999999999999")
	f.Fuzz(func(t *testing.T, unit, from, at, price, cost, minimum, credits string) {
		text := strings.NewReplacer(creditsLine, "unit: {code: "+unit+price+"}\nconvert: {from: "+from+", at: "+at+"}", unitsLine, "create: true",
			"{cost: 5}", "{cost: "+cost+"}", "minimum: 0.1", "minimum: "+minimum, "credits: 1000,", "credits: "+credits+",").Replace(before)
		if len(text) > 1<<12 {
			return
		}
		c, err := Parse("f", []byte(text), testEnv())
		if err != nil {
			wantPlaces(t, err, text)
			return
		}
		for _, was := range []*Config{nil, base, left} {
			out, err := c.Over(was)
			if err != nil {
				wantPlaces(t, err, text)
				continue
			}
			if c.Convert != nil {
				checkOver(t, c, was, out)
			}
		}
	})
}

// checkOver works the figures out again, in numbers of any size.
func checkOver(t *testing.T, c, was, out *Config) {
	t.Helper()
	last := out.Retired[len(out.Retired)-1]
	change, err := convert.New(last.Terms)
	if err != nil || last.Unit.Code != c.Convert.From || last.To != out.Units[0].Code || len(out.Retired) != len(was.Retired)+1 {
		t.Fatalf("%v: the changes are %+v", err, out.Retired)
	}
	for _, r := range out.RetiredUnits() {
		if r.Unit.Code == out.Units[0].Code {
			t.Fatalf("unit %q is retired and in force", last.To)
		}
	}
	stood, inForce := was.figures(), was.figures()
	if was.draft != nil {
		stood = map[string]core.Rate{}
		for path, f := range was.draft.figures {
			stood[path] = f.value
		}
	}
	by := big.NewRat(change.Unit().Num, change.Unit().Den)
	for path, got := range out.figures() {
		written, ok := c.draft.figures[path]
		if !ok || strings.Contains(path, "price") || strings.HasPrefix(path, "mapping.") {
			continue
		}
		want := big.NewRat(written.value.Num, written.value.Den)
		if s, ok := stood[path]; ok && s == written.value {
			want = new(big.Rat).Mul(big.NewRat(inForce[path].Num, inForce[path].Den), by)
		}
		if big.NewRat(got.Num, max(got.Den, 1)).Cmp(want) != 0 {
			t.Fatalf("%s is %v, want %s", path, got, want)
		}
	}
	for name, p := range out.Packs {
		if p.Credits <= 0 || p.Credits > core.MaxAmount || p.Unit != last.To {
			t.Fatalf("pack %q is %+v", name, p)
		}
	}
}
