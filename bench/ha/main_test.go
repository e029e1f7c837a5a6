package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/storage/sqlite"
)

func TestScriptIsUnderstood(t *testing.T) {
	if said, err := exec.Command("bash", "-n", "run").CombinedOutput(); err != nil {
		t.Fatalf("bash does not understand it: %v\n%s", err, said)
	}
}

// upTo ends the writing as soon as it has begun: each writer debits once.
type upTo struct {
	bytes.Buffer
	stop func()
}

func (u *upTo) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "writing") {
		u.stop()
	}
	return u.Buffer.Write(p)
}

func TestWritersAreJudged(t *testing.T) {
	store, err := sqlite.OpenWith(context.Background(), filepath.Join(t.TempDir(), "ha.db"), sqlite.Options{Relaxed: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := &upTo{stop: cancel}
	if err := show(ctx, store, out); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, line := range []string{"lost                    0\n", "doubled                 0\n", " 0 findings\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not told:\n%s", line, out)
		}
	}

	// The same database under a book that knows one debit more.
	b := newBook(io.Discard, time.Now())
	b.answered(core.NewID(core.DebitID, account(0).Customer, "debit", "never written", 0), false)
	if err := judge(context.Background(), store.Reader(), b, io.Discard); err == nil || !strings.Contains(err.Error(), "1 acknowledged") {
		t.Errorf("a lost debit must be an error, got %v", err)
	}
}

func TestBookCountsLostAndDoubled(t *testing.T) {
	for _, c := range []struct {
		acknowledged  []core.ID
		made          map[core.ID]int
		lost, doubled int
	}{
		{nil, nil, 0, 0},
		{[]core.ID{"a", "b"}, map[core.ID]int{"a": 1, "b": 1, "unanswered": 1}, 0, 0},
		{[]core.ID{"a", "b"}, map[core.ID]int{"b": 1}, 1, 0},
		{[]core.ID{"a"}, map[core.ID]int{"a": 2, "unanswered": 3}, 0, 2},
	} {
		b := newBook(io.Discard, time.Now())
		for _, id := range c.acknowledged {
			b.answered(id, false)
		}
		if lost, doubled := b.compare(c.made); lost != c.lost || doubled != c.doubled {
			t.Errorf("%s: got %d lost, %d doubled", fmt.Sprint(c.acknowledged, c.made), lost, doubled)
		}
	}
}
