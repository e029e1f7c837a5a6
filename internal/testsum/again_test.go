package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A module whose tests fail the first time, always, or without an end.
const unsteady = `package scripted

import ("os"; "testing")

func first(name string) bool {
	_, err := os.Stat(name)
	if err != nil { os.WriteFile(name, nil, 0o600) }
	return err != nil
}
func TestFine(t *testing.T) {}
func TestOnce(t *testing.T) {
	t.Run("sub", func(t *testing.T) { if os.Getenv("UNSTEADY_ONCE") != "" && first("once") { t.Error("starved") } })
}
func TestTwice(t *testing.T) { if os.Getenv("UNSTEADY_TWICE") != "" && first("twice") { t.Error("starved") } }
func TestAlways(t *testing.T) { if os.Getenv("UNSTEADY_ALWAYS") != "" { t.Error("wrong") } }
func TestPanics(t *testing.T) { if os.Getenv("UNSTEADY_PANICS") != "" && first("panics") { panic("ouch") } }
`

func TestAgain(t *testing.T) {
	for _, c := range []struct {
		name, fails string
		most        int
		ok          bool
		last        string
		repeated    bool
	}{
		{"nothing fails", "", 2, true, "5 passed, 0 failed, 0 skipped", false},
		{"fails once", "ONCE", 2, true, "5 passed, 0 failed, 0 skipped", true},
		{"fails for good", "ALWAYS", 2, false, "4 passed, 1 failed, 0 skipped", true},
		{"one of two fails for good", "ONCE ALWAYS", 2, false, "3 passed, 2 failed, 0 skipped", true},
		{"too many fail", "ONCE TWICE", 1, false, "3 passed, 2 failed, 0 skipped", false},
		{"a panic", "PANICS", 2, false, "4 passed, 1 failed, 0 skipped", false},
		{"nothing may be repeated", "ONCE", 0, false, "4 passed, 1 failed, 0 skipped", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, text := range map[string]string{"go.mod": "module scripted\n\ngo 1.26\n", "a_test.go": unsteady} {
				if err := os.WriteFile(filepath.Join(".", name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for fail := range strings.FieldsSeq(c.fails) {
				t.Setenv("UNSTEADY_"+fail, "1")
			}
			var out strings.Builder
			ok, err := run([]string{"go", "test", "-json", "-count=1", "."}, &out, true, c.most)
			if err != nil || ok != c.ok || !strings.HasSuffix(out.String(), c.last+"\n") {
				t.Errorf("ok = %v, err = %v, last line is not %q:\n%s", ok, err, c.last, &out)
			}
			if got := strings.Contains(out.String(), "once more: "); got != c.repeated {
				t.Errorf("repeated = %v:\n%s", got, &out)
			}
			if got := strings.Contains(out.String(), "UNSTEADY"); got != (c.repeated && c.ok) {
				t.Errorf("told as unsteady: %v:\n%s", got, &out)
			}
		})
	}
}
