package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core/ledger"
)

// bulky fills a database with several steps of pages.
func bulky(t *testing.T, path string) *Store {
	t.Helper()
	s := openAt(t, path, Options{Relaxed: true})
	body := make([]byte, 1<<20)
	for i := range 12 {
		err := s.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
			return &ledger.Changes{Records: []*ledger.Record{{Kind: "bulk", ID: fmt.Sprint(i), Version: 1, Body: body, At: 1}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// files lists a folder.
func files(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

// The copy is of one instant, the beginning, however much is written meanwhile,
// and writing does not make it begin anew.
func TestBackupIsOfOneInstant(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "scrip.db"), filepath.Join(t.TempDir(), "copy.db")
	s := bulky(t, from)
	put(t, s, "before")
	steps, seen := 0, ""
	c, err := Backup(t.Context(), from, to, BackupOptions{
		Progress: func(done, total int64) {
			put(t, s, fmt.Sprintf("during-%03d", steps))
			if steps++; done > total || done <= 0 {
				t.Errorf("%d of %d pages", done, total)
			}
		},
		Check: func(_ context.Context, copied *Store) error { seen = marks(t, copied); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if steps < 3 || steps > 10 {
		t.Errorf("the copy took %d steps", steps)
	}
	if seen != "before" || c.Rows["records"] != 13 || c.Schema != 5 {
		t.Errorf("the copy has %q, %+v", seen, c)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != c.Bytes {
		t.Errorf("the file is %v, %v, want %d bytes", info, err, c.Bytes)
	}
	if got := files(t, filepath.Dir(to)); got != "copy.db" {
		t.Errorf("the folder has %s", got)
	}
	restored := openAt(t, to, Options{Own: true})
	put(t, restored, "after")
	if got := marks(t, restored); got != "after before" {
		t.Errorf("the restored database has %q", got)
	}
}

// What goes wrong leaves nothing behind, and nothing that was there is touched.
func TestBackupFails(t *testing.T) {
	from := filepath.Join(t.TempDir(), "scrip.db")
	s := bulky(t, from)
	broken := errors.New("the check found something")
	ended, cancel := context.WithCancel(t.Context())
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	if _, err := Backup(t.Context(), from, damaged, BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	spoil(t, damaged)
	newer, older := filepath.Join(t.TempDir(), "newer.db"), filepath.Join(t.TempDir(), "text")
	if err := sqlitex.ExecuteTransient(openAt(t, newer, Options{}).write.conn, "PRAGMA user_version = 999", nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(older, []byte(strings.Repeat("no database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		from string
		o    BackupOptions
		want string
	}{
		"a check":      {t.Context(), from, BackupOptions{Check: func(context.Context, *Store) error { return broken }}, broken.Error()},
		"a stop":       {ended, from, BackupOptions{Progress: func(int64, int64) { cancel() }}, "it was interrupted: context canceled"},
		"damage":       {t.Context(), damaged, BackupOptions{}, "damaged"},
		"newer":        {t.Context(), newer, BackupOptions{}, "schema 999, this program knows 5: use a newer program"},
		"no database":  {t.Context(), older, BackupOptions{}, "not a database"},
		"nothing":      {t.Context(), empty, BackupOptions{}, "no database of Scrip"},
		"no such file": {t.Context(), from + "x", BackupOptions{}, `database "scrip.dbx": no such file`},
		"a folder":     {t.Context(), filepath.Dir(from), BackupOptions{}, "not a file"},
	} {
		dir := t.TempDir()
		_, err := Backup(c.ctx, c.from, filepath.Join(dir, "copy.db"), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "partial") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if got := files(t, dir); got != "" {
			t.Errorf("%s left %s", name, got)
		}
	}
	if _, err := Backup(t.Context(), from, filepath.Join(t.TempDir(), "none", "copy.db"), BackupOptions{}); err == nil || strings.Contains(err.Error(), "partial") {
		t.Errorf("a folder that does not exist: %v", err)
	}
	put(t, s, "still writing")
}

// A copy that cannot fit is not begun.
func TestBackupNeedsRoom(t *testing.T) {
	dir := t.TempDir()
	free, err := Free(dir)
	if err != nil {
		t.Fatal(err)
	}
	from := filepath.Join(dir, "scrip.db")
	if err := os.WriteFile(from, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(from, 2*free+1<<30); err != nil { // it takes no room itself
		t.Skipf("no file of that length can be made here: %v", err)
	}
	if _, err := Backup(t.Context(), from, filepath.Join(dir, "copy.db"), BackupOptions{}); err == nil || !strings.Contains(err.Error(), "MiB left") {
		t.Errorf("a copy of %d bytes more than there are gave %v", free+1<<30, err)
	}
	if got := files(t, dir); got != "scrip.db" {
		t.Errorf("the folder has %s", got)
	}
}

func TestBackupOverwritesNothing(t *testing.T) {
	from := filepath.Join(t.TempDir(), "scrip.db")
	openAt(t, from, Options{})
	for name, early := range map[string]bool{"there before": true, "there in between": false} {
		to := filepath.Join(t.TempDir(), "copy.db")
		write := func() {
			if err := os.WriteFile(to, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if early {
			write()
		}
		_, err := Backup(t.Context(), from, to, BackupOptions{Check: func(context.Context, *Store) error { write(); return nil }})
		if err == nil || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := os.ReadFile(to); err != nil || string(text) != "precious" {
			t.Errorf("%s: the file is %q, %v", name, text, err)
		}
		if got := files(t, filepath.Dir(to)); got != "copy.db" {
			t.Errorf("%s: the folder has %s", name, got)
		}
	}
}

// A backup before an upgrade brings neither the database nor the copy up to
// date; what is checked is a copy of the copy that is.
func TestBackupOfOlderSchema(t *testing.T) {
	from, dir := filepath.Join(t.TempDir(), "scrip.db"), t.TempDir()
	conn, err := sqlite.OpenConn(from, sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"migrations/0001_ledger.sql", "migrations/0002_units.sql"} {
		if err := migrateTo(conn, i+1, 5, name); err != nil {
			t.Fatal(err)
		}
	}
	to, checked := filepath.Join(dir, "copy.db"), ""
	c, err := Backup(t.Context(), from, to, BackupOptions{Check: func(_ context.Context, s *Store) error {
		checked = pragma(t, s.write.conn, "user_version")
		return nil
	}})
	if err != nil || c.Schema != 2 || checked != "5" {
		t.Errorf("the copy is %+v, %v; schema %s was checked", c, err, checked)
	}
	if got := files(t, dir); got != "copy.db" {
		t.Errorf("the folder has %s", got)
	}
	for _, path := range []string{from, to} {
		state, err := Inspect(t.Context(), path)
		if err != nil || state.Schema != 2 || state.Known != 5 || len(state.Damage) != 0 || state.Bytes == 0 {
			t.Errorf("%s is %+v, %v", filepath.Base(path), state, err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// spoil breaks pages in the middle of a file of several hundred.
func spoil(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := int64(500); page < 540; page++ {
		if _, err := f.WriteAt([]byte(strings.Repeat("\xa5", 200)), page*4096); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInspect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scrip.db")
	if _, err := Inspect(t.Context(), path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there gave %v", err)
	}
	s := bulky(t, path)
	if state, err := Inspect(t.Context(), path); err != nil || len(state.Damage) != 0 || state.Schema != state.Known || state.Bytes < 12<<20 {
		t.Errorf("a sound file is %+v, %v", state, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, path)
	state, err := Inspect(t.Context(), path)
	if err == nil && len(state.Damage) == 0 {
		t.Errorf("a damaged file is sound: %+v", state)
	}
	if free, err := Free(filepath.Dir(path)); err != nil || free <= 0 {
		t.Errorf("free space is %d, %v", free, err)
	}
	if _, err := Free(path + "/none"); err == nil {
		t.Error("a folder that does not exist has free space")
	}
}
