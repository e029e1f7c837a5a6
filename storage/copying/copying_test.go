package copying

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/pgtest"
	"scrip/storage/postgres"
	"scrip/storage/sqlite"
	"scrip/storage/storetest"
)

// filled is a database of random steps in SQLite, and what a reader sees of it.
func filled(t *testing.T, seed, steps int) (Place, string) {
	t.Helper()
	p := newFile(t)
	s, err := sqlite.OpenWith(t.Context(), p.SQLite, sqlite.Options{Relaxed: true})
	need(t, err)
	storetest.Script(t, s, seed, steps)
	need(t, s.Close())
	return p, dumped(t, p)
}

// usual is the database of most tests, which the first of them makes.
var usual struct {
	once sync.Once
	data []byte
}

// some is a database with something of everything in it.
func some(t *testing.T) Place {
	t.Helper()
	usual.once.Do(func() {
		p, _ := filled(t, 5, 400)
		data, err := os.ReadFile(p.SQLite)
		need(t, err)
		usual.data = data
	})
	p := newFile(t)
	need(t, os.WriteFile(p.SQLite, usual.data, 0o600))
	return p
}

func newFile(t *testing.T) Place {
	t.Helper()
	return Place{SQLite: filepath.Join(t.TempDir(), "scrip.db")}
}

func newServer(t *testing.T) Place {
	t.Helper()
	return Place{Postgres: pgtest.New(t)}
}

func need(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// opened opens a database as the gateway does.
func opened(ctx context.Context, p Place) (ledger.Store, error) {
	if p.SQLite != "" {
		return sqlite.OpenWith(ctx, p.SQLite, sqlite.Options{Own: true})
	}
	return postgres.Open(ctx, p.Postgres, postgres.Options{MaxConns: 2})
}

func dumped(t *testing.T, p Place) string {
	t.Helper()
	s, err := opened(t.Context(), p)
	need(t, err)
	defer s.Close()
	text, err := storetest.Dump(t.Context(), s.Reader())
	need(t, err)
	return text
}

// alike fails where two dumps differ, by their first lines that do.
func alike(t *testing.T, what, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("line %d of %s reads\n%s\nit is to be\n%s", i, what, g[i], w[i])
			return
		}
	}
	if len(g) != len(w) {
		t.Errorf("%s has %d lines, it is to have %d", what, len(g), len(w))
	}
}

// same fails where a report tells a difference.
func same(t *testing.T, r *Report) {
	t.Helper()
	for _, table := range r.Tables {
		if table.Source != table.Target || len(table.Examples) > 0 {
			t.Errorf("%s has %d rows, %d in the source: %s", table.Name, table.Target, table.Source, table.Examples)
		}
	}
	for _, f := range r.News {
		t.Errorf("the copy has at %s: %s", f.Where, f.What)
	}
	if !r.Same() && !t.Failed() {
		t.Errorf("the databases are told to differ: %+v", r)
	}
}

// There and back nothing is another but the fences of what was leased, since
// opening a file frees it.
func TestThereAndBack(t *testing.T) {
	for seed, made := range map[string]func(t *testing.T) Place{
		"usual": some, "another": func(t *testing.T) Place { p, _ := filled(t, 1, 200); return p },
	} {
		t.Run(seed, func(t *testing.T) {
			from := made(t)
			want := dumped(t, from)
			there, back := newServer(t), newFile(t)
			report, err := Run(t.Context(), from, there, Options{})
			need(t, err)
			same(t, report)
			alike(t, "the copy", dumped(t, there), want)
			report, err = Run(t.Context(), there, back, Options{rows: 7})
			need(t, err)
			same(t, report)
			alike(t, "what came back", dumped(t, back), want)
			report, err = Verify(t.Context(), from, back, Options{})
			if err == nil || report != nil {
				t.Error("two files were compared")
			}
			report, err = Verify(t.Context(), back, there, Options{})
			need(t, err)
			same(t, report)
		})
	}
}

var errCut = errors.New("cut off")

// A copy that is cut off at every chunk in turn, before or after it is
// written, is whole in the end. Until then nothing else opens the target.
func TestResume(t *testing.T) {
	from := some(t)
	want := dumped(t, from)
	there, back := newServer(t), newFile(t)
	for _, way := range []struct{ from, to Place }{{from, there}, {there, back}} {
		cuts := 0
		for ; ; cuts++ {
			o := Options{rows: 60, written: func(int) error { return errCut }}
			if cuts%2 == 1 { // once it is written, once it is not
				o.written = nil
				o.writing = func(chunk int) error {
					if chunk == 2 {
						return errCut
					}
					return nil
				}
			}
			report, err := Run(t.Context(), way.from, way.to, o)
			if err == nil {
				same(t, report)
				if cuts > 0 && !report.Resumed {
					t.Error("a copy that was cut off began anew")
				}
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatalf("after %d cuts: %v", cuts, err)
			}
			if s, err := opened(t.Context(), way.to); err == nil {
				_ = s.Close()
				t.Fatal("an unfinished copy was opened")
			} else if !strings.Contains(err.Error(), "not finished: run scrip db copy again") {
				t.Fatalf("an unfinished copy was refused with %v", err)
			}
		}
		if cuts < 8 {
			t.Errorf("the copy was cut off %d times", cuts)
		}
		alike(t, "the copy", dumped(t, way.to), want)
	}
}

// drained is the order in which a store gives out what is queued, by stream.
func drained(t *testing.T, p Place) map[string][]string {
	t.Helper()
	s, err := opened(t.Context(), p)
	need(t, err)
	defer s.Close()
	order := map[string][]string{}
	for _, queue := range []ledger.Queue{ledger.Inbox, ledger.Outbox} {
		for {
			items, err := s.Claim(t.Context(), queue, late, late, 1000, time.Second)
			need(t, err)
			if len(items) == 0 {
				break
			}
			for _, item := range items {
				b, c := ledger.Batch{}, &ledger.Changes{}
				if e := item.Event; e != nil {
					order["inbox"] = append(order["inbox"], string(e.ID))
					e.State = ledger.Applied
					b.Events, c.Events = []ledger.Lease{{ID: e.ID, Fence: e.Fence}}, []*ledger.Event{e}
				} else {
					i := item.Intent
					stream := i.Connection + " " + i.Customer
					order[stream] = append(order[stream], string(i.ID))
					i.State = ledger.Applied
					b.Intents, c.Settled = []ledger.Lease{{ID: i.ID, Fence: i.Fence}}, []*ledger.Intent{i}
				}
				need(t, s.Commit(t.Context(), &b, func(*ledger.State) (*ledger.Changes, error) { return c, nil }))
			}
		}
	}
	slices.Sort(order["inbox"]) // events have no order among streams
	return order
}

// late is when all is due.
const late core.Time = 1 << 60

// What is queued is given out in the order that it has in the source, however
// often it was copied.
func TestQueuesKeepTheirOrder(t *testing.T) {
	from := some(t)
	there, back := newServer(t), newFile(t)
	for _, way := range []struct{ from, to Place }{{from, there}, {there, back}} {
		_, err := Run(t.Context(), way.from, way.to, Options{})
		need(t, err)
	}
	want := drained(t, from)
	if len(want) < 5 {
		t.Fatalf("too little is queued: %v", want)
	}
	for name, p := range map[string]Place{"PostgreSQL": there, "what came back": back} {
		if got := drained(t, p); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s gives out\n%v\nthe source\n%v", name, got, want)
		}
	}
}

// A chunk is bounded by what its rows take, too.
func TestChunksAreBounded(t *testing.T) {
	from, there := some(t), newServer(t)
	alter(t, from, "UPDATE inbox SET body = zeroblob(3000000)")
	chunks := 0
	o := Options{Progress: func(what string, _ int64) {
		if what == "copying inbox" {
			chunks++
		}
	}}
	for _, way := range []struct{ from, to Place }{{from, there}, {there, newFile(t)}} {
		chunks = 0
		r, err := Run(t.Context(), way.from, way.to, o)
		need(t, err)
		same(t, r)
		if inbox := r.Tables[9]; inbox.Name != "inbox" || int64(chunks) <= inbox.Source/6 {
			t.Errorf("%d events of 3 MB went in %d chunks", inbox.Source, chunks)
		}
	}
}

// Where several processes decide, none does earlier than what is copied was.
func TestTimeGoesOn(t *testing.T) {
	from, there := some(t), newServer(t)
	_, err := Run(t.Context(), from, there, Options{})
	need(t, err)
	s, err := opened(t.Context(), there)
	need(t, err)
	defer s.Close()
	r := s.Reader()
	keys, err := r.Entries.Keys(t.Context(), ledger.AccountKey{}, 100)
	need(t, err)
	for _, key := range keys {
		list, err := r.Entries.Entries(t.Context(), key, 0, 1000)
		need(t, err)
		latest := core.Time(0)
		for _, e := range list {
			latest = max(latest, e.Recorded)
		}
		need(t, s.Commit(t.Context(), &ledger.Batch{Accounts: []ledger.AccountKey{key}}, func(now *ledger.State) (*ledger.Changes, error) {
			if now.At < latest || latest == 0 {
				t.Errorf("%v is decided from %s on, its last entry is of %s", key, now.At, latest)
			}
			return &ledger.Changes{}, nil
		}))
	}
}
