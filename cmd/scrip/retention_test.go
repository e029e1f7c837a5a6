package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// A gateway that owns the queues empties what is older than retention.raw, a
// batch at a time; any other process, or without the setting, nothing.
func TestSweepForgetsOldBodies(t *testing.T) {
	const text = `version: 1
storage: sqlite:%s
%s
unit: {code: credits, scale: 2}
`
	for name, c := range map[string]struct {
		retention string
		serve     bool
		left      int
	}{
		"owner":        {"retention: {raw: 10 days}", true, 1},
		"not an owner": {"retention: {raw: 10 days}", false, forgetBatch + 6},
		"for ever":     {"", true, forgetBatch + 6},
	} {
		t.Run(name, func(t *testing.T) {
			written := fmt.Sprintf(text, filepath.Join(t.TempDir(), "scrip.db"), c.retention)
			cfg, err := parseConfig("scrip.yaml", written)
			if err != nil {
				t.Fatal(err)
			}
			a, err := openApp(t.Context(), &configFile{cfg, written}, appOptions{serve: c.serve})
			if err != nil {
				t.Fatal(err)
			}
			defer a.close()
			fill := &ledger.Changes{}
			for i := range forgetBatch + 6 {
				e := &ledger.Event{
					ID: core.NewID(core.EventID, fmt.Sprint(i), "test", fmt.Sprint(i), 0), State: ledger.Applied,
					Received: core.TimeOf(time.Now().Add(-11 * 24 * time.Hour)), Body: []byte("{}"), Digest: strings.Repeat("0", 64),
				}
				if i == 3 {
					e.Received = core.TimeOf(time.Now().Add(-9 * 24 * time.Hour))
				}
				fill.Events = append(fill.Events, e)
			}
			err = a.store.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) { return fill, nil })
			if err != nil {
				t.Fatal(err)
			}
			rounds := 1
			for a.forgetOld(t.Context()) == 0 {
				rounds++
			}
			if left := bodies(t, a); left != c.left || c.left == 1 && rounds != 2 || c.left > 1 && rounds != 1 {
				t.Errorf("%d bodies are left after %d rounds, want %d", left, rounds, c.left)
			}
			// The sweep of a running gateway does it by itself.
			again := *fill.Events[0]
			again.ID = core.NewID(core.EventID, "again", "test", "again", 0)
			err = a.store.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
				return &ledger.Changes{Events: []*ledger.Event{&again}}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if !c.serve || c.left > 1 {
				return
			}
			ctx, stop := context.WithCancel(t.Context())
			swept := make(chan error, 1)
			go func() { swept <- a.sweep(ctx) }()
			for end := time.Now().Add(30 * time.Second); bodies(t, a) != c.left; {
				if time.Now().After(end) {
					t.Error("the sweep left the old body")
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			stop()
			if err := <-swept; err != nil {
				t.Error(err)
			}
		})
	}
}

// bodies counts the deliveries that have one.
func bodies(t *testing.T, a *app) (n int) {
	t.Helper()
	list, err := a.store.Reader().Queues.Events(t.Context(), ledger.QueueFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if len(e.Body) > 0 {
			n++
		}
	}
	return n
}
