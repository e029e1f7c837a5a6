package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestStorage(t *testing.T) {
	secret := "postgres://me:" + canary + "@db:6432/scrip"
	for _, c := range []struct{ text, storage, url, name string }{
		{"sqlite:/a/b.db", "sqlite:/a/b.db", "", ""},
		{"postgres://me@db/scrip", "postgres://me@db/scrip", "postgres://me@db/scrip", "db/scrip"},
		{"postgresql://me@10.0.0.1:6432/scrip?sslmode=verify-full&pool_max_conns=20", "postgresql://me@10.0.0.1:6432/scrip?sslmode=verify-full&pool_max_conns=20",
			"postgresql://me@10.0.0.1:6432/scrip?sslmode=verify-full&pool_max_conns=20", "10.0.0.1:6432/scrip"},
		{"postgres://me@a:5432,b:5433/scrip?target_session_attrs=read-write", "postgres://me@a:5432,b:5433/scrip?target_session_attrs=read-write",
			"postgres://me@a:5432,b:5433/scrip?target_session_attrs=read-write", "a:5432,b:5433/scrip"},
		{"'postgres://me@[::1]:5432/scrip'", "postgres://me@[::1]:5432/scrip", "postgres://me@[::1]:5432/scrip", "[::1]:5432/scrip"},
		{"postgres://me@/scrip?host=/run/postgresql/", "postgres://me@/scrip?host=/run/postgresql/", "postgres://me@/scrip?host=/run/postgresql/", "/run/postgresql/scrip"},
		{"env:URL", "env:URL", secret, "db:6432/scrip"},
		{"file:/run/url", "file:/run/url", secret, "db:6432/scrip"},
		{"file:/run/sqlite", "sqlite:/x.db", "", ""},
	} {
		env := testEnv()
		env.ReadFile = func(path string) ([]byte, error) {
			return []byte(map[string]string{"/run/url": secret + "\n", "/run/sqlite": "sqlite:/x.db"}[path]), nil
		}
		got, err := Parse("f", []byte(head+"storage: "+c.text+"\n"), env)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got.Storage != c.storage || got.Database.Reveal() != c.url || c.url != "" && got.DatabaseName() != c.name {
			t.Errorf("%s: storage %q, url %q, name %q", c.text, got.Storage, got.Database.Reveal(), got.DatabaseName())
		}
		if said := fmt.Sprintf("%v %+v %#v", got, got, got.Database); strings.Contains(said, canary) {
			t.Errorf("%s: the config shows its secret: %s", c.text, said)
		}
	}
}

// TestAnyStorage reads a config of which the storage is somebody else's.
func TestAnyStorage(t *testing.T) {
	env := testEnv()
	env.AnyStorage = true
	for _, text := range []string{"env:NONE", "env:KEY", "file:/nowhere"} {
		c, err := Parse("f", []byte(head+"storage: "+text+"\n"), env)
		if err != nil || c.Storage != text || c.Database.Reveal() != "" {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
	if _, err := Parse("f", []byte(head+"storage: mysql:x\n"), env); err == nil {
		t.Error("what is no reference is not checked")
	}
}

func TestSameDatabase(t *testing.T) {
	at := func(storage, url string) *Config {
		c := &Config{Storage: storage}
		if url != "" {
			c.Database = NewSecret(storage, url)
		}
		return c
	}
	first := at("env:A", "postgres://me:one@db/scrip?sslmode=disable")
	for _, c := range []struct {
		other *Config
		same  bool
	}{
		{at("env:B", "postgres://you:two@db/scrip"), true},
		{at("env:A", "postgres://me:one@db/other"), false},
		{at("env:A", "postgres://me:one@db2/scrip"), false},
		{at("env:A", ""), false},
	} {
		if first.SameDatabase(c.other) != c.same || c.other.SameDatabase(first) != c.same {
			t.Errorf("%s and %s: the same is not %v", first.DatabaseName(), c.other.DatabaseName(), c.same)
		}
	}
	if a, b := at("sqlite:a", ""), at("sqlite:b", ""); a.SameDatabase(b) || !a.SameDatabase(a) {
		t.Error("paths are not compared")
	}
}
