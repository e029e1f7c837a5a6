package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"scrip/storage/sqlite"
	"scrip/storage/storetest"
)

// DB-07: one random script on SQLite and on PostgreSQL: the same answers, and at
// the end the same balances, listings and entries, byte for byte. Of 5,000 steps
// where SCRIP_STORE_STEPS says so.
func TestBothStores(t *testing.T) {
	steps := 200
	if text := os.Getenv("SCRIP_STORE_STEPS"); text != "" {
		var err error
		if steps, err = strconv.Atoi(text); err != nil {
			t.Fatalf("SCRIP_STORE_STEPS is %q, a number of steps is needed", text)
		}
	}
	file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "scrip.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	want := storetest.Script(t, file, 7, steps)
	if got := storetest.Script(t, open(t, Options{}), 7, steps); got != want {
		t.Errorf("PostgreSQL reads\n%s\nSQLite\n%s", got, want)
	}
}
