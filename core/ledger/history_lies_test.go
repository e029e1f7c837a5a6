package ledger_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"scrip/internal/history"
)

// liar is a ledger that is asked through something that gets it wrong.
type liar struct {
	history.Subject
	wrong func(ctx context.Context, s history.Subject, c history.Command) history.Answer
}

func (l liar) Do(ctx context.Context, c history.Command) history.Answer {
	return l.wrong(ctx, l.Subject, c)
}

// lying is a config whose ledgers are asked through wrong.
func lying(c history.Config, wrong func(context.Context, history.Subject, history.Command) history.Answer) history.Config {
	open := c.Open
	c.Open = func(fail func(string, ...any)) history.Subject { return liar{open(fail), wrong} }
	return c
}

// heard is a test that may fail without failing the test that runs it.
type heard struct {
	rapid.TB
	said   strings.Builder
	failed bool
}

func (h *heard) Helper()      {}
func (h *heard) Name() string { return "heard" }
func (h *heard) Failed() bool { return h.failed }
func (h *heard) FailNow()     { h.failed = true; runtime.Goexit() }

func (h *heard) Logf(format string, args ...any) { fmt.Fprintf(&h.said, format+"\n", args...) }

func (h *heard) Errorf(format string, args ...any) {
	h.failed = true
	h.Logf(format, args...)
}

func (h *heard) Fatalf(format string, args ...any) {
	h.Errorf(format, args...)
	h.FailNow()
}

// A ledger that is wrong fails, by a few commands that show how.
func TestWrongLedgerIsShown(t *testing.T) {
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "2s", "rapid.checks": "2000"} {
		f := flag.Lookup(name)
		was := f.Value.String()
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Value.Set(was) })
	}
	for name, wrong := range map[string]func(context.Context, history.Subject, history.Command) history.Answer{
		"priorities do not count": func(ctx context.Context, s history.Subject, c history.Command) history.Answer {
			c.Priority = 50
			return s.Do(ctx, c)
		},
	} {
		h := &heard{}
		var done sync.WaitGroup
		done.Go(func() { history.Run(h, lying(subjects(t, nil)["memory"], wrong)) })
		done.Wait()
		_, shown, _ := strings.Cut(h.said.String(), "Failed test output:")
		if n := strings.Count(shown, "\n    = "); !h.failed || n < 3 || n > 60 {
			t.Errorf("%s: failed %t, by %d commands:\n%s", name, h.failed, n, h.said.String())
		}
	}
}

// A balance that is told from memory is found among many callers.
func TestStaleBalanceIsFound(t *testing.T) {
	var mu sync.Mutex
	before := map[history.Place]history.Answer{}
	stale := func(ctx context.Context, s history.Subject, c history.Command) history.Answer {
		answer := s.Do(ctx, c)
		if c.Op != history.Balance || c.At != 0 || answer.Lost {
			return answer
		}
		mu.Lock()
		defer mu.Unlock()
		old, known := before[c.Place]
		if before[c.Place] = answer; known {
			return old
		}
		return answer
	}
	config := lying(subjects(t, nil)["memory"], stale)
	s := config.Open(t.Fatalf)
	defer s.Close()
	if err := history.Race(t.Context(), s, config, history.Load{Rounds: 3, Callers: 4, Each: 20}).Check(); err == nil {
		t.Error("nobody noticed")
	}
}
