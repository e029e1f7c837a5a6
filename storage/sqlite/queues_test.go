package sqlite

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core/ledger"
)

// TestListsReadNoSettledRows: what waits or is parked is listed without a walk
// over what was settled, and a customer's intents without one over all others'.
func TestListsReadNoSettledRows(t *testing.T) {
	store, err := Open(t.Context(), filepath.Join(t.TempDir(), "l.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	number := regexp.MustCompile(`\?\d`)
	for name, c := range map[string]struct {
		sql, index string
	}{
		"parked events":      {listOf("inbox", eventColumns, ledger.QueueFilter{State: ledger.Parked}), "inbox_open (state=? AND pos>?)"},
		"waiting intents":    {listOf("outbox", intentColumns, ledger.QueueFilter{State: ledger.Waiting}), "outbox_open (state=? AND pos>?)"},
		"of a connection":    {listOf("outbox", intentColumns, ledger.QueueFilter{State: ledger.Parked, Connection: "east"}), "INDEX outbox_"},
		"of a customer":      {listOf("outbox", intentColumns, ledger.QueueFilter{Customer: "ann"}), "(id>? AND id<?)"},
		"all, after another": {listOf("outbox", intentColumns, ledger.QueueFilter{}), "PRIMARY KEY (rowid>?)"},
	} {
		var plan []string
		err := sqlitex.Execute(store.write.conn, "EXPLAIN QUERY PLAN "+number.ReplaceAllString(c.sql, "'1'"), &sqlitex.ExecOptions{ResultFunc: func(r *sqlite.Stmt) error {
			plan = append(plan, r.ColumnText(3))
			return nil
		}})
		if err != nil {
			t.Fatal(name, err)
		}
		if text := strings.Join(plan, "\n"); strings.Contains(text, "SCAN") || !strings.Contains(text, c.index) {
			t.Errorf("%s: want %q in\n%s", name, c.index, text)
		}
	}
}

// TestFilesAreTheirOwners: a new database can be read by its owner alone, and
// so can what stands beside it; one that is there keeps its rights.
func TestFilesAreTheirOwners(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "l.db")
	for _, want := range []os.FileMode{0o600, 0o640} {
		store, err := OpenWith(t.Context(), path, Options{Own: true})
		if err != nil {
			t.Fatal(err)
		}
		err = store.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
			return &ledger.Changes{Naturals: []ledger.Natural{{Key: want.String(), ID: "x"}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(path + "*")
		if err != nil || len(names) != 4 {
			t.Fatalf("files %v, %v", names, err)
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil || info.Mode().Perm() != want && !strings.HasSuffix(name, ".lock") || info.Mode().Perm()&0o007 != 0 {
				t.Errorf("%s has the rights %s (%v)", filepath.Base(name), info.Mode().Perm(), err)
			}
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
	}
}
