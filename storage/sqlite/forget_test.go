package sqlite

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

// Looking for old bodies must not walk all events, of which there are as many
// as ever came.
func TestForgetUsesItsIndex(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "scrip.db"), Options{})
	plan := ""
	q := query(s.write.conn, "EXPLAIN QUERY PLAN "+forgetEvents)
	err := q.ints(1, 1).each(func(r *row) error {
		r.int()
		r.int()
		r.int()
		plan += r.text() + "\n"
		return nil
	})
	if err != nil || !strings.Contains(plan, "inbox_raw") || strings.Contains(plan, "SCAN inbox") || strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("the plan is\n%s(%v)", plan, err)
	}
}

// What is emptied is gone from the file too.
func TestForgetOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scrip.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if got := pragma(t, s.write.conn, "secure_delete"); got != "2" {
		t.Fatalf("secure_delete is %s to begin with", got)
	}
	canary := []byte("canary-of-a-body")
	e := &ledger.Event{
		ID: core.NewID(core.EventID, "e", "inbox", "e", 0), State: ledger.Applied, Digest: "abc", Received: 1,
		Body: bytes.Repeat(canary, 2000),
	}
	err = s.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
		return &ledger.Changes{Events: []*ledger.Event{e}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Forget(t.Context(), 2, 10); err != nil || n != 1 {
		t.Fatalf("emptied %d, %v", n, err)
	}
	if got := pragma(t, s.write.conn, "secure_delete"); got != "2" {
		t.Errorf("secure_delete stays %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, canary) {
		t.Errorf("the file still has the body (%v)", err)
	}
}
