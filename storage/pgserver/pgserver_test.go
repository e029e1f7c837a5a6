package pgserver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/internal/pgtest"
)

func do(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.PgConn().Exec(t.Context(), statement).ReadAll(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestLock(t *testing.T) {
	url := pgtest.New(t)
	held, release, err := Lock(t.Context(), url+"&pool_max_conns=3", "apply")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Lock(t.Context(), url, "apply"); !errors.Is(err, ErrLocked) {
		t.Errorf("two hold it: %v", err)
	}
	_, other, err := Lock(t.Context(), url, "another")
	if err != nil {
		t.Errorf("another lock: %v", err)
	}
	if err := errors.Join(other(), release()); err != nil {
		t.Error(err)
	}
	if held.Err() == nil {
		t.Error("what was released is held")
	}
	again, release, err := Lock(t.Context(), url, "apply")
	if err != nil {
		t.Fatalf("it is not let go: %v", err)
	}

	do(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'scrip apply'")
	select {
	case <-again.Done():
	case <-time.After(time.Minute):
		t.Fatal("a lock that is lost is believed to be held")
	}
	if cause := context.Cause(again); !errors.Is(cause, ErrLost) {
		t.Errorf("the cause is %v", cause)
	}
	if err := release(); err != nil {
		t.Errorf("letting go of what was lost: %v", err)
	}
	_, release, err = Lock(t.Context(), url, "apply")
	if err != nil {
		t.Fatalf("what was lost cannot be taken: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestLockTellsNoPassword(t *testing.T) {
	for _, url := range []string{"postgres://me:canary@127.0.0.1:1/db?sslmode=disable", "postgres://me:canary@127.0.0.1:1/db?sslmode=canary"} {
		if _, _, err := Lock(t.Context(), url, "apply"); err == nil || strings.Contains(err.Error(), "me:canary") {
			t.Errorf("the error is %v", err)
		}
		if _, err := Inspect(t.Context(), url); err == nil || strings.Contains(err.Error(), "me:canary") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestLeastSkew(t *testing.T) {
	for _, c := range []struct{ skew, trip, want time.Duration }{
		{time.Second, 0, time.Second}, {-time.Second, 0, -time.Second}, {time.Second, time.Second, time.Second / 2},
		{-time.Second, time.Second, -time.Second / 2}, {time.Second, 4 * time.Second, 0}, {-time.Second, 4 * time.Second, 0},
	} {
		if got := (&State{Skew: c.skew, RoundTrip: c.trip}).LeastSkew(); got != c.want {
			t.Errorf("%s within %s: at least %s, want %s", c.skew, c.trip, got, c.want)
		}
	}
}

func TestInspect(t *testing.T) {
	url := pgtest.New(t)
	s, err := Inspect(t.Context(), url+"&pool_max_conns=7&pool_max_conn_lifetime=1h")
	if err != nil {
		t.Fatal(err)
	}
	if s.Version < LeastVersion || !strings.HasPrefix(s.VersionText, "1") || s.Standby || s.Fsync || s.FullPages || s.Commits != "on" ||
		s.Encoding != "UTF8" || s.Encrypted || !s.Local || s.Pool != 7 || s.MaxConnections != 297 || s.Used < 1 || s.Bytes <= 0 || s.Schema != 0 {
		t.Errorf("the server is %+v", s)
	}
	if s.Skew.Abs() > s.RoundTrip {
		t.Errorf("one clock is %s away from itself, asked within %s", s.Skew, s.RoundTrip)
	}
	if skew, err := Skew(t.Context(), url); err != nil || skew != 0 {
		t.Errorf("one clock is at least %s away from itself, %v", skew, err)
	}
	do(t, url, "CREATE TABLE schema_versions (version int, least int); INSERT INTO schema_versions VALUES (1, 1), (4, 2)")
	do(t, url, "ALTER ROLE scrip IN DATABASE "+url[strings.LastIndex(url, "/")+1:strings.Index(url, "?")]+" SET synchronous_commit = off")
	if s, err = Inspect(t.Context(), url); err != nil || s.Schema != 4 || s.Least != 2 || s.Commits != "off" || s.Pool != 0 {
		t.Errorf("the server is %+v, %v", s, err)
	}
}
