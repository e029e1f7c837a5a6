package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// TestClaimsReadNoSettledRows: what a claim costs must not grow with what was
// settled before, so each goes by an index of what waits.
func TestClaimsReadNoSettledRows(t *testing.T) {
	store, err := Open(t.Context(), filepath.Join(t.TempDir(), "l.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for queue, sql := range map[string]string{"inbox": claimEvents, "outbox": claimIntents} {
		var plan []string
		err := sqlitex.Execute(store.write.conn, "EXPLAIN QUERY PLAN "+strings.ReplaceAll(sql, "?", "1"), &sqlitex.ExecOptions{ResultFunc: func(r *sqlite.Stmt) error {
			plan = append(plan, r.ColumnText(3))
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); strings.Contains(text, "SCAN") {
			t.Errorf("a claim of the %s walks all of it:\n%s", queue, text)
		}
	}
}
