package bench

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scrip/internal/pgrun"
	"scrip/internal/pgtest"
)

// server is one that need not wait for a disk.
func server(t *testing.T) *pgServer {
	t.Helper()
	s, err := connectServer(t.Context(), pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Each case checks by statements of its own what it did.
func TestCasesOnPostgres(t *testing.T) {
	ctx, s := t.Context(), server(t)
	for name, run := range map[string]func(name string) (Result, error){
		"even":    func(name string) (Result, error) { return s.debit(ctx, name, 8, evenly, quick) },
		"zipf":    func(name string) (Result, error) { return s.debit(ctx, name, 8, unevenly, quick) },
		"hot":     func(name string) (Result, error) { return s.hot(ctx, name, 8, quick) },
		"http":    func(name string) (Result, error) { return s.overHTTP(ctx, name, 4, quick) },
		"batch":   func(name string) (Result, error) { return s.batch(ctx, name, 2, quick) },
		"balance": func(name string) (Result, error) { return s.balance(ctx, name, quick) },
		"webhook": func(name string) (Result, error) { return s.webhook(ctx, name, 4, quick) },
	} {
		r, err := run(name)
		if err != nil || r.Name != name || r.Rate <= 0 || r.Limit <= 0 || r.Ratio <= 0 {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
	if s.pid == 0 || s.processorTime() <= 0 {
		t.Errorf("process %d has used no time", s.pid)
	}
}

func TestChecksOnPostgresFindWhatIsMissing(t *testing.T) {
	ctx, s := t.Context(), server(t)
	b, database, done, err := s.open(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if err := s.kept(ctx, database, 3, 0); err != nil {
		t.Errorf("nothing was debited: %v", err)
	}
	if s.kept(ctx, database, 3, 1) == nil {
		t.Error("a debit that was not made is not missed")
	}
	if s.delivered(ctx, database, 0) != nil || s.delivered(ctx, database, 1) == nil {
		t.Error("a delivery that did not come is not missed")
	}
	if b.balance(ctx, customer(0), grantsEach) != nil || b.balance(ctx, customer(0), 1) == nil {
		t.Error("an account without a grant passes")
	}
	bare, bareDone, err := s.bare(ctx, 3, evenly(3))
	if err != nil {
		t.Fatal(err)
	}
	defer bareDone()
	if err := bare.check(ctx); err != nil {
		t.Error(err)
	}
	if bare.made++; bare.check(ctx) == nil {
		t.Error("a row that the limit did not write is not missed")
	}
	row, rowDone, err := s.row(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer rowDone()
	if row.made.Add(1); row.check(ctx) == nil {
		t.Error("a change that was not made is not missed")
	}
}

// A server that forgets what it acknowledged is no place to measure, and none
// at all is said.
func TestWhichServer(t *testing.T) {
	if _, err := openServer(t.Context(), pgtest.New(t)); err == nil || !strings.Contains(err.Error(), "fsync is off") {
		t.Errorf("a server without fsync is taken: %v", err)
	}
	own, err := openServer(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(own.durable(t.Context()), own.close()); err != nil {
		t.Error(err)
	}
	var said, emitted []string
	s := &Setup{Dir: t.TempDir(), Only: "a/", Emit: func(r Result) { emitted = append(emitted, r.Name) }, Say: func(line string) { said = append(said, line) }}
	missing := func(context.Context, string, string) (Result, error) { return Result{}, pgrun.ErrMissing }
	present := func(_ context.Context, _, name string) (Result, error) { return Result{Name: name}, nil }
	if err := s.each(t.Context(), step{name: "a/1", run: missing}, step{name: "a/2", run: present}, step{name: "b", run: present}); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || !strings.HasPrefix(said[0], "a/1 is left out: PostgreSQL is not installed") || len(emitted) != 1 || emitted[0] != "a/2" {
		t.Errorf("said %q, emitted %q", said, emitted)
	}
}

func TestSoak(t *testing.T) {
	b, err := openSubject(t.Context(), filepath.Join(t.TempDir()), 5, false)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	said := ""
	check := func(ctx context.Context, made int64) error { return kept(ctx, b.ledger, 5, made) }
	// What is too short to settle may grow: what counts is that all is kept.
	r, err := b.soak(t.Context(), "soak", 300*time.Millisecond, Pace{Accounts: 5}, func() float64 { return 3 }, func(line string) { said = line }, check)
	if err != nil && !strings.Contains(err.Error(), " grew from ") || r.Rate <= 0 || r.Limit <= 0 || !strings.Contains(said, "3 to 3 connections at the server") {
		t.Errorf("got %+v, %v, said %q", r, err, said)
	}
	var h history
	for i := range 9 {
		for figure := range h {
			h[figure] = append(h[figure], 100)
		}
		h[openFiles][i] += float64(10 * i)
	}
	if err := h.check(); err == nil || !strings.HasPrefix(err.Error(), "open files grew from 110 to 170") {
		t.Errorf("files that are left open pass: %v", err)
	}
}
