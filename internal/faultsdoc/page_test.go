package faultsdoc

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the page")

// The page says what the tests say of themselves.
func TestPageIsUpToDate(t *testing.T) {
	page, err := Page("../..")
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join("..", "..", "docs", "faults.md")
	if *update {
		if err := os.WriteFile(at, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Error("docs/faults.md is out of date, run: go test ./internal/faultsdoc -update")
	}
}

// Ids are in order and unique, and each belongs to a family.
func TestTable(t *testing.T) {
	last := map[string]string{}
	for _, c := range Cases {
		family, _, _ := strings.Cut(c.ID, "-")
		if c.ID <= last[family] || c.Title == "" || len(named(c.ID)) != 1 {
			t.Errorf("%q %q after %q", c.ID, c.Title, last[family])
		}
		last[family] = c.ID
	}
	if len(last) != len(Families) {
		t.Errorf("%d families have cases, %d have a title", len(last), len(Families))
	}
}

func TestNamed(t *testing.T) {
	for text, want := range map[string][]string{
		"nothing, XX-01, PA-1 and APA-01":     nil,
		"PA-03.":                              {"PA-03"},
		"as stated (CR-01 to CR-03, CR-09)":   {"CR-01", "CR-02", "CR-03", "CR-09"},
		"WH-04 and WH-12: kept":               {"WH-04", "WH-12"},
		"a span of lines: CR-05\nto 06 again": {"CR-05", "CR-06"},
	} {
		if got := named(text); !slices.Equal(got, want) {
			t.Errorf("%q names %v, want %v", text, got, want)
		}
	}
}

// What a test covers stands in its comment or its name, and nowhere else.
func TestScan(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a/x_test.go": "package a\n\n// TestA: PA-03.\nfunc TestA() { _ = \"PA-04\" }\n\nfunc TestWH01Twice() {}\n\n// PA-05\nfunc help() {}\n",
		"a/y.txtar":   "# SC-02: not in a copy\nexec x AP-01\n-- f --\n# AP-02\n",
		"b/z.go":      "package b\n\n// LC-01\nfunc TestB() {}\n",
	} {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := scan(root)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"PA-03": "`a` TestA", "WH-01": "`a` TestWH01Twice", "SC-02": "`a/y.txtar`"}
	for id, test := range want {
		if !slices.Equal(got[id], []string{test}) {
			t.Errorf("%s is covered by %v, want %s", id, got[id], test)
		}
	}
	if len(got) != len(want) {
		t.Errorf("covered: %v", got)
	}
}
