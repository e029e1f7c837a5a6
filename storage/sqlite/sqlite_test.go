package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/storetest"
)

// openAt opens a file and closes it when the test ends.
func openAt(t *testing.T, path string, o Options) *Store {
	t.Helper()
	s, err := OpenWith(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) ledger.Store {
		return openAt(t, filepath.Join(t.TempDir(), "scrip.db"), Options{Relaxed: true})
	})
}

// The WAL-reset race was fixed in 3.51.3: an older library can lose commits.
func TestVersionFloor(t *testing.T) {
	if sqlite.VersionNumber < MinVersion {
		t.Errorf("sqlite %s is linked in, 3.51.3 is the least", Version)
	}
	if MinVersion != 3_051_003 {
		t.Errorf("the floor is %d", MinVersion)
	}
}

func pragma(t *testing.T, conn *sqlite.Conn, name string) (value string) {
	t.Helper()
	err := sqlitex.ExecuteTransient(conn, "PRAGMA "+name, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		value = s.ColumnText(0)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestPragmas(t *testing.T) {
	for name, c := range map[string]struct {
		options     Options
		synchronous string
	}{
		"durable": {Options{}, "2"},
		"relaxed": {Options{Relaxed: true}, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, filepath.Join(t.TempDir(), "scrip.db"), c.options)
			for name, want := range map[string]string{
				"journal_mode": "wal", "synchronous": c.synchronous, "foreign_keys": "1", "busy_timeout": "10000",
				"user_version": "5", "integrity_check": "ok", "secure_delete": "2",
			} {
				if got := pragma(t, s.write.conn, name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			err := s.with(t.Context(), func(conn *sqlite.Conn) error {
				if got := pragma(t, conn, "journal_mode"); got != "wal" {
					t.Errorf("a reader's journal_mode is %q", got)
				}
				return sqlitex.ExecuteTransient(conn, "DELETE FROM entries", nil)
			})
			if sqlite.ErrCode(err) != sqlite.ResultReadOnly {
				t.Errorf("a reading connection wrote: %v", err)
			}
		})
	}
}

// put commits one record, as a mark that can be found again.
func put(t *testing.T, s *Store, id string) {
	t.Helper()
	err := s.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
		return &ledger.Changes{Records: []*ledger.Record{{Kind: "mark", ID: id, Version: 1, Body: []byte("{}"), At: 1}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func marks(t *testing.T, s *Store) string {
	t.Helper()
	list, err := s.Reader().Records.List(t.Context(), "mark", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, " ")
}

func schema(t *testing.T, s *Store) (text string) {
	t.Helper()
	err := sqlitex.ExecuteTransient(s.write.conn, "SELECT sql FROM sqlite_schema ORDER BY type, name", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		text += s.ColumnText(0) + "\n"
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scrip.db")
	first := ""
	for i, want := range []string{"0", "0 1", "0 1 2"} {
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, want[len(want)-1:])
		if got := marks(t, s); got != want {
			t.Errorf("opened %d times the file has %q, want %q", i+1, got, want)
		}
		switch now := schema(t, s); {
		case first == "":
			first = now
		case now != first:
			t.Errorf("opening again changed the schema to\n%s", now)
		}
		if got := pragma(t, s.write.conn, "user_version"); got != "5" {
			t.Errorf("the schema is %s", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Two programs may have one file open: the second sees what the first wrote.
func TestTwoPrograms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scrip.db")
	one, two := openAt(t, path, Options{}), openAt(t, path, Options{})
	put(t, one, "a")
	put(t, two, "b")
	put(t, one, "c")
	for _, s := range []*Store{one, two} {
		if got := marks(t, s); got != "a b c" {
			t.Errorf("the file has %q", got)
		}
	}
}

// One process works the queues; when it is gone, what it had leased is free at
// once, and its late answers are fenced off.
func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scrip.db")
	first, err := OpenWith(t.Context(), path, Options{Own: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenWith(t.Context(), path, Options{Own: true}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second owner got %v", err)
	}
	openAt(t, path, Options{}) // beside an owner others may read and write
	i := &ledger.Intent{ID: core.NewID(core.IntentID, "ann", "test", "1", 0), Connection: "east", Customer: "ann", State: ledger.Waiting}
	err = first.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
		return &ledger.Changes{Intents: []*ledger.Intent{i}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	claim := func(s *Store) *ledger.Intent {
		t.Helper()
		items, err := s.Claim(t.Context(), ledger.Outbox, 1, 1, 1, time.Hour)
		if err != nil || len(items) != 1 {
			t.Fatalf("claimed %v, %v", items, err)
		}
		return items[0].Intent
	}
	old := claim(first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := openAt(t, path, Options{Own: true})
	nothing := func(*ledger.State) (*ledger.Changes, error) { return &ledger.Changes{}, nil }
	held := ledger.Batch{Intents: []ledger.Lease{{ID: old.ID, Fence: old.Fence}}}
	if err := second.Commit(t.Context(), &held, nothing); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("the dead owner's claim still holds: %v", err)
	}
	if now := claim(second); now.Fence <= old.Fence {
		t.Errorf("the fence went from %d to %d", old.Fence, now.Fence)
	}
}

func TestNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scrip.db")
	s := openAt(t, path, Options{})
	if err := sqlitex.ExecuteTransient(s.write.conn, "PRAGMA user_version = 999", nil); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "schema 999") || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("a newer schema gave %v", err)
	}
	if got := pragma(t, s.write.conn, "user_version"); got != "999" {
		t.Errorf("the refused file now has schema %s", got)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ path, want string }{
		"not a database":     {text, "not a database"},
		"a folder":           {dir, filepath.Base(dir)},
		"no such folder":     {filepath.Join(dir, "none", "scrip.db"), "scrip.db"},
		"a file as a folder": {filepath.Join(text, "scrip.db"), "scrip.db"},
		"memory has no wal":  {":memory:", "wal is needed"},
	}
	if os.Geteuid() != 0 { // root may write everywhere
		locked := filepath.Join(dir, "locked")
		if err := os.Mkdir(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		cases["a folder that may not be written"] = struct{ path, want string }{filepath.Join(locked, "scrip.db"), "scrip.db"}
	}
	for name, c := range cases {
		s, err := Open(t.Context(), c.path)
		switch {
		case err == nil:
			t.Errorf("%s: it was opened", name)
			_ = s.Close()
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: the error %q does not say %q", name, err, c.want)
		}
	}
	if raw, err := os.ReadFile(text); err != nil || !strings.HasPrefix(string(raw), "this is no database") {
		t.Errorf("the file that is no database was changed: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Open(ended, filepath.Join(dir, "ended.db")); err == nil || s != nil {
		t.Errorf("an ended context opened %v, %v", s, err)
	}
}

// A file can become unreadable under a running program: every path answers an
// error, none panics.
func TestFailingFile(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "scrip.db"), Options{})
	if err := sqlitex.ExecuteScript(s.write.conn, "DROP TABLE requests; DROP TABLE inbox; DROP TABLE naturals; DROP TABLE accounts;", nil); err != nil {
		t.Fatal(err)
	}
	key := ledger.AccountKey{Customer: "ann", Unit: "credits"}
	r := s.Reader()
	_, err := r.Entries.Request(t.Context(), "hash")
	wantError(t, "a read of a missing table", err)
	_, err = r.Accounts.Account(t.Context(), key)
	wantError(t, "a read of an account", err)
	_, err = r.Queues.Stats(t.Context(), 1)
	wantError(t, "statistics", err)
	_, err = s.Claim(t.Context(), ledger.Inbox, 1, 1, 1, 1)
	wantError(t, "a claim", err)
	nothing := func(*ledger.State) (*ledger.Changes, error) { return &ledger.Changes{}, nil }
	wantError(t, "loading", s.Commit(t.Context(), &ledger.Batch{Accounts: []ledger.AccountKey{key}}, nothing))
	wantError(t, "saving", s.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
		return &ledger.Changes{
			Records:  []*ledger.Record{{Kind: "mark", ID: "half", Version: 1, Body: []byte("{}"), At: 1}},
			Links:    []ledger.Link{{Connection: "east"}},
			Events:   []*ledger.Event{{ID: core.NewID(core.EventID, "e", "inbox", "e", 0), State: ledger.Waiting}},
			Naturals: nil,
		}, nil
	}))
	if got := marks(t, s); got != "" {
		t.Errorf("a failed commit left %q", got)
	}
	put(t, s, "after")
	if got := marks(t, s); got != "after" {
		t.Errorf("afterwards the file has %q", got)
	}
}

func wantError(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s gave no error", what)
	}
}

// After Close nothing works, and nothing panics or hangs.
func TestClosed(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "scrip.db"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Reader().Records.List(t.Context(), "mark", "", 1)
	if core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("a read gave %v", err)
	}
	wantError(t, "a commit", s.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) { return &ledger.Changes{}, nil }))
	_, err = s.Claim(t.Context(), ledger.Outbox, 1, 1, 1, 1)
	wantError(t, "a claim", err)
	if err := s.Close(); err != nil {
		t.Errorf("closing twice gave %v", err)
	}
}
