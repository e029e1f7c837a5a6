package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/core"
	"scrip/internal/pgtest"
)

// DB-03. A commit that no standby has confirmed is acknowledged to nobody and
// seen by nobody, however long that takes: not when a statement's time is
// over, not when the caller gives up, not to one who repeats the key.
func TestCommitWaitsForTheStandby(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	set := func(text string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = " + text, "SELECT pg_reload_conf()"} {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	set("nobody")
	server.Stop("fast") // to know that it is in force
	server.Run()

	near := replicaOf(t, openAt(t, server.URL("postgres")+"&synchronous_commit=local", Options{}))
	near.fund("ann", 10)
	s := openAt(t, server.URL("postgres")+"&statement_timeout=300&lock_timeout=300", Options{})
	s.limits.trip, s.limits.outcome, s.limits.retry = 500*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond
	far := replicaOf(t, s)
	for range 2 {
		if _, _, err := far.debit("d", "ann", 1); core.CodeOf(err) != core.CodeUnavailable {
			t.Fatalf("no standby confirmed it, and the answer is: %v", err)
		}
		if b := near.balance("ann"); b.Posted != 10 {
			t.Fatalf("no standby confirmed it, and it is seen: %+v", b)
		}
	}
	set("''")
	if _, err := far.insist("d", "ann", 1); err != nil {
		t.Fatal(err)
	}
	if b := near.balance("ann"); b.Posted != 9 {
		t.Errorf("the debit was asked for by one key: %+v", b)
	}
	far.sound()
}
