package copying

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	lite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/storage/postgres"
	"scrip/storage/sqlite"
)

// alter runs statements on a database as its operator could.
func alter(t *testing.T, p Place, statements ...string) {
	t.Helper()
	if p.SQLite != "" {
		conn, err := lite.OpenConn(p.SQLite, lite.OpenReadWrite)
		need(t, err)
		for _, s := range statements {
			need(t, sqlitex.ExecuteTransient(conn, s, nil))
			if conn.Changes() == 0 && !strings.HasPrefix(s, "PRAGMA") {
				t.Fatalf("%s changes nothing", s)
			}
		}
		need(t, conn.Close())
		return
	}
	conn, err := pgx.Connect(t.Context(), p.Postgres)
	need(t, err)
	for _, s := range statements {
		done, err := conn.Exec(t.Context(), s)
		need(t, err)
		if done.RowsAffected() == 0 {
			t.Fatalf("%s changes nothing", s)
		}
	}
	need(t, conn.Close(t.Context()))
}

// Whatever is changed in either database the comparison tells, by its table.
func TestVerifyFinds(t *testing.T) {
	from := some(t)
	there := newServer(t)
	_, err := Run(t.Context(), from, there, Options{})
	need(t, err)
	type change struct {
		in                      Place
		table, statement        string
		missing, extra, changed int64
		column                  string
	}
	// What a table is told to have counts what the rounds before did to it.
	rounds := [][]change{{
		{there, "entries", "UPDATE entries SET amount = amount + 1 WHERE seq = 2 AND account = 'ann/credits'", 0, 0, 1, "amount"},
		{there, "accounts", "UPDATE accounts SET head = set_byte(head, 0, 255 - get_byte(head, 0)) WHERE account = 'ann/credits'", 0, 0, 1, "head"},
		{there, "grants", "UPDATE grants SET metadata = metadata || ' ' WHERE id = (SELECT min(id) FROM grants)", 0, 0, 1, "metadata"},
		{there, "holds", "UPDATE holds SET protect = NOT protect WHERE id = (SELECT min(id) FROM holds)", 0, 0, 1, "protect"},
		{there, "requests", "UPDATE requests SET result = result || ' ' WHERE hash = 'h1'", 0, 0, 1, "result"},
		{there, "naturals", "DELETE FROM naturals WHERE key = 'natural/h2'", 1, 0, 0, "is missing"},
		{there, "records", "UPDATE records SET body = '' WHERE id = 'A' AND kind = 'plan'", 0, 0, 1, "body"},
		{there, "record_keys", "INSERT INTO record_keys VALUES (1, 'plan', 'new', 'A')", 0, 1, 0, "alone"},
		{from, "links", "INSERT INTO links VALUES ('east', 'ann', 'credit', 'lost')", 1, 0, 0, "is missing"},
		{there, "inbox", "UPDATE inbox SET fence = fence + 1 WHERE id = (SELECT min(id) FROM inbox)", 0, 0, 1, "fence"},
		{from, "outbox", "UPDATE outbox SET body = x'00' WHERE id = (SELECT min(id) FROM outbox)", 0, 0, 1, "body"},
	}, {
		{there, "entries", "UPDATE entries SET hash = set_byte(hash, 31, 255 - get_byte(hash, 31)) WHERE seq = 1 AND account = 'ann/credits'", 0, 0, 2, "hash"},
	}, {
		{there, "entries", "DELETE FROM entries WHERE seq = 3 AND account = 'ann/credits'", 1, 0, 2, "is missing"},
		{from, "naturals", "DELETE FROM naturals WHERE key = 'natural/h3'", 1, 1, 0, "alone"},
	}}
	for _, round := range rounds {
		for _, c := range round {
			alter(t, c.in, c.statement)
		}
		r, err := Verify(t.Context(), from, there, Options{})
		need(t, err)
		if r.Same() {
			t.Errorf("%+v: both are said to be the same", round)
		}
		for _, c := range round {
			for _, table := range r.Tables {
				if table.Name != c.table {
					continue
				}
				if table.Missing != c.missing || table.Extra != c.extra || table.Changed != c.changed || !strings.Contains(strings.Join(table.Examples, "\n"), c.column) {
					t.Errorf("%s: it is told as %+v", c.statement, table)
				}
			}
		}
	}
}

// A row that is as it was, but where nobody finds it, is what the audit tells.
func TestVerifyAudits(t *testing.T) {
	from := some(t)
	there := newServer(t)
	_, err := Run(t.Context(), from, there, Options{})
	need(t, err)
	alter(t, there, "UPDATE links SET bucket = (bucket + 1) % 64")
	r, err := Verify(t.Context(), from, there, Options{})
	need(t, err)
	if r.Same() || len(r.News) == 0 {
		t.Errorf("rows in another bucket are not found: %+v", r)
	}
}

func TestRefusals(t *testing.T) {
	from := some(t)
	there := newServer(t)
	o := Options{}
	refused := func(t *testing.T, from, to Place, want string) {
		t.Helper()
		if _, err := Run(t.Context(), from, to, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it says %v, not %q", err, want)
		}
	}
	t.Run("one kind", func(t *testing.T) { refused(t, from, newFile(t), "one of both must be SQLite") })
	t.Run("no source", func(t *testing.T) { refused(t, newFile(t), there, "no such file") })
	t.Run("nothing of ours", func(t *testing.T) {
		empty := newFile(t)
		need(t, os.WriteFile(empty.SQLite, nil, 0o600))
		refused(t, empty, there, "has no tables of Scrip's")
		refused(t, there, newFile(t), "has no tables of Scrip's")
	})
	t.Run("served", func(t *testing.T) {
		s, err := opened(t.Context(), from)
		need(t, err)
		defer s.Close()
		refused(t, from, there, "served by another process, stop that one first")
	})
	t.Run("in use", func(t *testing.T) {
		s, err := postgres.Open(t.Context(), there.Postgres, postgres.Options{})
		need(t, err)
		defer s.Close()
		o.patience = time.Millisecond
		defer func() { o.patience = 0 }()
		refused(t, from, there, "in use by scrip, stop every scrip serve")
		refused(t, there, newFile(t), "in use by scrip, stop every scrip serve")
	})
	t.Run("old", func(t *testing.T) {
		alter(t, from, "PRAGMA user_version = 4")
		refused(t, from, there, "bring it up to date first")
		alter(t, from, "PRAGMA user_version = 5")
	})
	t.Run("a key that cannot be kept", func(t *testing.T) {
		other := some(t)
		alter(t, other, "INSERT INTO links VALUES ('east', 'ann', 'credit', 'a' || char(0))")
		refused(t, other, newServer(t), `copying links: table links has a row whose vendor is "a\x00"`)
	})
	t.Run("not empty", func(t *testing.T) {
		_, err := Run(t.Context(), from, there, o)
		need(t, err)
		refused(t, from, there, "it is not empty, it has accounts")
		if s, err := opened(t.Context(), there); err != nil {
			t.Errorf("after a refusal it does not open: %v", err)
		} else {
			need(t, s.Close())
		}
		refused(t, there, from, "it is not empty, it has accounts")
	})
}

// What PostgreSQL cannot keep in a text that is no key is replaced, and told.
func TestReplaced(t *testing.T) {
	from := some(t)
	alter(t, from, "UPDATE outbox SET reason = 'a' || char(0) || 'b' WHERE id = (SELECT min(id) FROM outbox)",
		"UPDATE inbox SET reason = CAST(x'61ff' AS text) WHERE id = (SELECT min(id) FROM inbox)")
	r, err := Run(t.Context(), from, newServer(t), Options{})
	need(t, err)
	same(t, r)
	if r.Told != 2 {
		t.Errorf("%d texts are said to be replaced", r.Told)
	}
}

// A copy goes on only from the source that it was of, as that was.
func TestAnotherSource(t *testing.T) {
	from := some(t)
	other, _ := filled(t, 6, 30)
	there := newServer(t)
	cut := Options{rows: 10, written: func(int) error { return errCut }}
	if _, err := Run(t.Context(), from, there, cut); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), other, there, Options{}); !errors.Is(err, ErrUnfinished) {
		t.Errorf("another source says %v", err)
	}
	if _, err := Run(t.Context(), there, newFile(t), Options{}); err == nil || !strings.Contains(err.Error(), "holds an unfinished copy itself") {
		t.Errorf("half a source says %v", err)
	}
	if _, err := Verify(t.Context(), from, there, Options{}); err == nil || !strings.Contains(err.Error(), "run scrip db copy into it again") {
		t.Errorf("half a target says %v", err)
	}
	alter(t, from, "UPDATE outbox SET fence = fence + 1 WHERE id = (SELECT min(id) FROM outbox)")
	if _, err := Run(t.Context(), from, there, Options{}); !errors.Is(err, ErrUnfinished) {
		t.Errorf("a source that has changed says %v", err)
	}
	alter(t, from, "UPDATE outbox SET fence = fence - 1 WHERE id = (SELECT min(id) FROM outbox)")
	r, err := Run(t.Context(), from, there, Options{})
	need(t, err)
	same(t, r)
}

// What a file must have is what the program's schema has: SQLite's own tables
// apart, every table is copied.
func TestEveryTable(t *testing.T) {
	p := newFile(t)
	s, err := sqlite.Open(t.Context(), p.SQLite)
	need(t, err)
	need(t, s.Close())
	conn, err := lite.OpenConn(p.SQLite, lite.OpenReadOnly)
	need(t, err)
	defer conn.Close()
	copied := map[string]bool{}
	for _, table := range tables {
		copied[table.name] = true
	}
	n := 0
	need(t, sqlitex.ExecuteTransient(conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", &sqlitex.ExecOptions{
		ResultFunc: func(r *lite.Stmt) error {
			n++
			if !copied[r.ColumnText(0)] {
				t.Errorf("table %s is not copied", r.ColumnText(0))
			}
			return nil
		},
	}))
	if n != len(tables) {
		t.Errorf("there are %d tables, %d are copied", n, len(tables))
	}
}

// childEnv makes this program one that copies and kills itself.
const childEnv = "SCRIP_COPYING_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		part := strings.Split(text, "|")
		at, _ := strconv.Atoi(part[3])
		die := func(chunk int) error {
			if chunk == at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			return nil
		}
		o := Options{rows: 30}
		if part[2] == "before" {
			o.writing = die
		} else {
			o.written = die
		}
		_, err := Run(context.Background(), Place{SQLite: part[0]}, Place{Postgres: part[1]}, o)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A copy whose process is killed goes on where it stood.
func TestKilled(t *testing.T) {
	from := some(t)
	want := dumped(t, from)
	there := newServer(t)
	for i, way := range []string{"after", "before", "after", "before"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%s|%d", childEnv, from.SQLite, there.Postgres, way, i+2))
		var said bytes.Buffer
		cmd.Stderr = &said
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
			t.Fatalf("the child ended with %v: %s", err, said.String())
		}
	}
	r, err := Run(t.Context(), from, there, Options{})
	need(t, err)
	same(t, r)
	if !r.Resumed {
		t.Error("it began anew")
	}
	alike(t, "the copy", dumped(t, there), want)
}

// A copy that is interrupted says so, leaves both databases as they are, and
// goes on.
func TestInterrupted(t *testing.T) {
	from, there := some(t), newServer(t)
	for _, way := range []struct{ from, to Place }{{from, there}, {there, newFile(t)}} {
		ctx, cancel := context.WithCancel(t.Context())
		stop := func(chunk int) error {
			if chunk == 4 {
				cancel()
			}
			return nil
		}
		_, err := Run(ctx, way.from, way.to, Options{rows: 60, written: stop})
		cancel()
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "it was interrupted") {
			t.Errorf("it says %v", err)
		}
		r, err := Run(t.Context(), way.from, way.to, Options{})
		need(t, err)
		same(t, r)
	}
}
