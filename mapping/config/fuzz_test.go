package config

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
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
func FuzzParse(f *testing.F) {
	for _, seed := range []string{full, Template("stripe"), head, head + vendor, "", "a: [1, {b: c}]\n", "? a\n: b\n", "a: |\n  b\n",
		"a: &x [*x]\n", "- - - -\n", "{a: [b:c, ], }", "\"a\": 'b'\n", "\ta\n", "--- a\n...\n", "%TAG\n---\n", "a:\n- b\n-\n", "#\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return // the bounds have cases of their own
		}
		c, err := Parse("f", data, testEnv())
		if err == nil {
			if len(c.Units) == 0 || len(c.Digest) != 64 {
				t.Fatalf("accepted %+v", c)
			}
			return
		}
		var faults *Faults
		if !errors.As(err, &faults) || len(faults.List) == 0 {
			t.Fatalf("got %v, want faults", err)
		}
		lines := strings.Split(string(data), "\n")
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
		if strings.Contains(err.Error(), canary) && !strings.Contains(string(data), canary) {
			t.Fatalf("a fault holds a secret: %v", err)
		}
	})
}
