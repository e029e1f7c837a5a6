package config

import (
	"strings"
	"testing"
)

func TestParseStorage(t *testing.T) {
	env := Env{Lookup: func(name string) (string, bool) {
		value, ok := map[string]string{"FILE": "sqlite:a.db", "URL": "postgres://me:canary-4711@db/scrip", "NONE": "postgres://me:canary-4711@/"}[name]
		return value, ok
	}}
	for _, c := range []struct{ text, path, url, fault string }{
		{"sqlite:/var/lib/a.db", "/var/lib/a.db", "", ""},
		{"postgres://me@db/scrip", "", "postgres://me@db/scrip", ""},
		{"env:FILE", "a.db", "", ""},
		{"env:URL", "", "postgres://me:canary-4711@db/scrip", ""},
		{"env:GONE", "", "", "environment variable GONE is not set"},
		{"env:NONE", "", "", "environment variable NONE: storage: the address names no database"},
		{"postgres://me:canary-4711@db/scrip", "", "", "storage holds a password"},
		{"a.db", "", "", "storage must be sqlite: and a path"},
		{"sqlite::memory:", "", "", "storage in memory is lost"},
		{"sqlite:" + strings.Repeat("a", 5000), "", "", "storage must be sqlite: and a path"},
		{"", "", "", "storage must be sqlite: and a path"},
	} {
		path, database, err := ParseStorage(c.text, env)
		if path != c.path || database.Reveal() != c.url || (err == nil) != (c.fault == "") {
			t.Errorf("%.60q is read as %q, a database or not, %v", c.text, path, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%.60q says %v, not %q", c.text, err, c.fault)
		}
	}
}
