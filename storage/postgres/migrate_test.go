package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/internal/pgtest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func number(t *testing.T, conn *pgx.Conn, sql string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// CR-09: the connection of a migration is ended in its middle: none of it is
// there, and the next opening does it.
func TestMigrationKilled(t *testing.T) {
	url := pgtest.New(t)
	conn, other := connect(t, url), connect(t, url)
	// Somebody else's table of that name, not committed, stops the migration there.
	run(t, other, "BEGIN; CREATE TABLE outbox (id int)")
	failed := make(chan error, 1)
	go func() {
		_, err := Open(t.Context(), url, Options{})
		failed <- err
	}()
	const stopped = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scrip' AND wait_event_type = 'Lock' AND datname = current_database()"
	for end := time.Now().Add(wait); number(t, conn, stopped) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no migration waits")
		}
	}
	run(t, conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'scrip' AND datname = current_database()")
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "0001_ledger.sql") {
		t.Errorf("the opening gave %v", err)
	}
	run(t, other, "ROLLBACK")
	const tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
	if n := number(t, conn, tables); n != 0 {
		t.Errorf("%d tables are left", n)
	}
	r := replicaOf(t, openAt(t, url, Options{}))
	r.fund("ann", 5)
	r.sound()
}

// Twenty programs open an empty database at once; each works afterwards.
func TestParallelOpens(t *testing.T) {
	url := pgtest.New(t)
	for i, err := range all(20, func(i int) error {
		s, err := Open(t.Context(), url, Options{MaxConns: 2})
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Reader().Queues.Stats(t.Context(), 0)
		return err
	}) {
		if err != nil {
			t.Errorf("opening %d: %v", i, err)
		}
	}
	if n := number(t, connect(t, url), "SELECT count(*) FROM schema_versions"); n != newest(t) {
		t.Errorf("%d migrations are noted", n)
	}
}

func newest(t *testing.T) int {
	t.Helper()
	names, err := migrationNames()
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// A program goes on with a newer schema that allows it, as while it is being
// replaced, and refuses one that does not.
func TestNewerSchema(t *testing.T) {
	url := pgtest.New(t)
	openAt(t, url, Options{})
	conn, known := connect(t, url), newest(t)
	run(t, conn, fmt.Sprintf("INSERT INTO schema_versions VALUES (%d, %d)", known+1, known))
	replicaOf(t, openAt(t, url, Options{})).fund("ann", 5)
	run(t, conn, fmt.Sprintf("INSERT INTO schema_versions VALUES (%d, %d)", known+2, known+1))
	if _, err := Open(t.Context(), url, Options{}); err == nil || !strings.Contains(err.Error(), "use a newer program") {
		t.Errorf("a schema that needs a newer program gave %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"postgres://[", "sqlite:x", "host=/nowhere user"} {
		if _, err := Open(t.Context(), url, Options{}); err == nil {
			t.Errorf("%q was opened", url)
		}
	}
	_, err := Open(t.Context(), "postgres://scrip:secret@127.0.0.1:1/x", Options{})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a server that is not there gave %v", err)
	}
}

func TestLanes(t *testing.T) {
	for _, c := range []struct {
		o             Options
		lanes, atOnce int
	}{
		{Options{}, 2, 2}, {Options{Lanes: 5}, 5, 5}, {Options{OneBucket: true}, 64, 8}, {Options{OneBucket: true, Lanes: 3}, 64, 3},
	} {
		s := &Store{}
		s.one.Store(c.o.OneBucket)
		s.setLanes(c.o)
		if lanes, atOnce := s.Lanes(); lanes != c.lanes || atOnce != c.atOnce {
			t.Errorf("%+v: %d lanes, %d at once", c.o, lanes, atOnce)
		}
	}
}
