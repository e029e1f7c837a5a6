package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/pgtest"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
	"scrip/storage/pgserver"
	"scrip/storage/postgres"
)

// TestScriptsOnPostgres plays what needs no file on a PostgreSQL, and what only
// a PostgreSQL has. None shows the password.
//
// CF-07.
func TestScriptsOnPostgres(t *testing.T) {
	paths := []string{"script/storage.txtar", "script/serve.txtar", "script/reload.txtar", "postgres/postgres.txtar", "postgres/copy.txtar", "postgres/distribute.txtar"}
	if os.Getenv("SCRIP_TEST_STORE") == "postgres" {
		paths = append(paths, "script/reports.txtar", "script/reconcile.txtar", "script/plan.txtar", "script/plan_move.txtar", "script/migrate.txtar", "script/units.txtar")
	}
	file := regexp.MustCompile(`sqlite:(scrip|live|unpriced)\.db`)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			url := pgtest.New(t)
			text, err := os.ReadFile(filepath.Join("testdata", path))
			if err != nil {
				t.Fatal(err)
			}
			script := filepath.Join(t.TempDir(), filepath.Base(path))
			if err := os.WriteFile(script, file.ReplaceAll(text, []byte(url)), 0o600); err != nil {
				t.Fatal(err)
			}
			p := scripts(t)
			p.Dir, p.Files = "", []string{script}
			setup := p.Setup
			p.Setup = func(e *testscript.Env) error {
				// The server takes any password.
				e.Setenv("DATABASE_URL", strings.Replace(url, "scrip@", "scrip:canary-4711@", 1))
				e.Setenv("AWAY_URL", "postgres://scrip:canary-4711@127.0.0.1:1/scrip?sslmode=disable")
				return setup(e)
			}
			testscript.Run(t, p)
		})
	}
}

// TestSchemaOnPostgres compares what the doctor knows with what the store makes.
func TestSchemaOnPostgres(t *testing.T) {
	url := pgtest.New(t)
	c := &config.Config{Storage: url, Database: config.NewSecret(url, url)}
	store, err := openStore(t.Context(), c, ownership{own: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := pgserver.Inspect(t.Context(), url)
	if err != nil || s.Schema != schemaOnPostgres || s.Least > schemaOnPostgres || s.Least == 0 {
		t.Errorf("the database has schema %d, at least %d, the doctor knows %d: %v", s.Schema, s.Least, schemaOnPostgres, err)
	}
}

// TestDatabaseDoesNotKnowItsPassword looks for it in every row: the text of the
// config is kept there.
//
// CF-07.
func TestDatabaseDoesNotKnowItsPassword(t *testing.T) {
	url := pgtest.New(t)
	t.Setenv("DATABASE_URL", strings.Replace(url, "scrip@", "scrip:canary-4711@", 1))
	text := "version: 1\nstorage: env:DATABASE_URL\nunit: {code: credits, scale: 0}\n"
	cfg, err := parseConfig("scrip.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	hides := &redactor{to: &log}
	a, err := openApp(t.Context(), &configFile{cfg, text}, appOptions{serve: true, redact: hides})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, table := range tables {
		for word, want := range map[string]int{"canary-4711": 0, "env:DATABASE_URL": 1} {
			var n int
			err := conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table+" t WHERE position($1 in t::text) > 0 OR position($2 in t::text) > 0", word, hex.EncodeToString([]byte(word))).Scan(&n)
			if err != nil || n > want {
				t.Errorf("%q stands in %d rows of %s: %v", word, n, table, err)
			}
			found += n
		}
	}
	if found != 1 {
		t.Errorf("what is applied was found %d times in %d tables", found, len(tables))
	}
	if _, err := hides.Write([]byte("postgres://scrip:canary-4711@db, canary-4711")); err != nil || strings.Contains(log.String(), "canary") {
		t.Errorf("the log says %q, %v", log.String(), err)
	}
}

// TestOneOperatorOnPostgres has a second one refused, and the first stopped
// when its lock is lost.
func TestOneOperatorOnPostgres(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	url := server.URL("postgres")
	c := &config.Config{Storage: url, Database: config.NewSecret(url, url)}
	held, release, err := onlyOperator(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := onlyOperator(t.Context(), c); core.CodeOf(err) != core.CodeConversionInProgress {
		t.Errorf("a second operator is let in: %v", err)
	}
	if err := lost(held, errors.New("something")); err == nil || err.Error() != "something" {
		t.Errorf("while it is held the error is %v", err)
	}
	server.Kill()
	<-held.Done()
	if err := lost(held, held.Err()); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("without the lock the error is %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	if _, err := postgres.Open(t.Context(), url, postgres.Options{}); err == nil {
		t.Fatal("a server that was killed answers")
	}

	// A gateway that changes over meanwhile waits for it.
	text := "version: 1\nstorage: " + url + "\nunit: {code: credits, scale: 0}\n"
	cfg, err := parseConfig("scrip.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	said := &starter{start: server.Run}
	a, err := (&shell{err: said}).follow(t.Context(), nil, &configFile{cfg, text}, appOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil || said.start != nil {
		t.Errorf("the server was not waited for, or %v", err)
	}
}

// starter starts something when it is first written to.
type starter struct{ start func() }

func (s *starter) Write(p []byte) (int, error) {
	if s.start != nil {
		s.start()
		s.start = nil
	}
	return len(p), nil
}

// TestFreshOnPostgres has a process that another config has overtaken refuse
// to write: what it runs with is looked at in the database.
func TestFreshOnPostgres(t *testing.T) {
	url := pgtest.New(t)
	text := "version: 1\nstorage: " + url + "\nunit: {code: credits, scale: 0}\n"
	cfg, err := parseConfig("scrip.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	file := &configFile{cfg, text}
	mine, err := openApp(t.Context(), file, appOptions{serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mine.close() }()
	long := func() { mine.fresh.saw(time.Now().Add(-time.Hour)) }
	put := func() error {
		_, _, err := mine.ledger.PutCustomer(t.Context(), ledger.Customer{ID: "ann"})
		return err
	}
	if long(); put() != nil {
		t.Fatal("what is still in force cannot write")
	}

	dearer := strings.Replace(text, "scale: 0", "scale: 0, price: 1 usd", 1)
	wanted, err := parseConfig("scrip.yaml", dearer)
	if err != nil {
		t.Fatal(err)
	}
	p := migrate.NewPlan(migrate.SettingsOf(cfg), migrate.SettingsOf(wanted), nil)
	operator, err := openApp(t.Context(), &configFile{wanted, dearer}, appOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(migrate.Apply(t.Context(), operator.ledger, p, dearer, migrate.SettingsOf(wanted)), operator.close()); err != nil {
		t.Fatal(err)
	}
	if long(); core.CodeOf(put()) != core.CodeUnavailable {
		t.Errorf("a process that was overtaken writes: %v", put())
	}
	if mine.inForce(t.Context()) {
		t.Error("it does not notice")
	}
}
