package postgres

import (
	"context"
	"flag"
	"net/url"
	"sync"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/pgtest"
	"scrip/storage/storetest"
)

// ours is a database that the tests of this package use one after the other. It
// goes with its server.
var ours = struct {
	sync.Mutex
	url string
}{}

// database is the URL of an empty database.
func database(t *testing.T) string {
	t.Helper()
	ours.Lock()
	defer ours.Unlock()
	if ours.url == "" {
		u, err := url.Parse(pgtest.New(t))
		if err != nil {
			t.Fatal(err)
		}
		run(t, connect(t, u.String()), "CREATE DATABASE ours TEMPLATE template0")
		u.Path = "/ours"
		ours.url = u.String()
	}
	s := openAt(t, ours.url, Options{MaxConns: 1})
	empty(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return ours.url
}

// open is a store on an empty database.
func open(t *testing.T, o Options) *Store {
	t.Helper()
	return openAt(t, database(t), o)
}

func openAt(t *testing.T, url string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// empty takes everything out of a store's database, which is quicker than
// another database.
func empty(t *testing.T, s *Store) {
	t.Helper()
	var all trip
	for _, table := range []string{"accounts", "grants", "holds", "entries", "requests", "naturals", "records", "record_keys", "links", "inbox", "outbox"} {
		all.add(&statement{"empty_" + table, "DELETE FROM " + table}, nil)
	}
	all.add(&statement{"empty_buckets", "UPDATE buckets SET next_pos = 1, next_item = 1, version = 0, at = 0, writer = 0"}, nil)
	if err := s.with(t.Context(), func(c *session) error { return c.run(t.Context(), &all) }); err != nil {
		t.Fatal(err)
	}
	forgetAll(s)
}

// forgetAll empties a store's cache.
func forgetAll(s *Store) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	s.cache.buckets, s.cache.n = [core.BucketCount]cachedBucket{}, 0
}

// The suite runs on statements over several buckets, on those of one bucket
// alone, and on two processes' stores that take turns, so that neither may rely
// on what it remembers.
func TestStore(t *testing.T) {
	t.Run("many buckets", func(t *testing.T) {
		s := open(t, Options{})
		storetest.Run(t, func(t *testing.T) ledger.Store { empty(t, s); return s })
	})
	fewer(t)
	t.Run("one bucket", func(t *testing.T) {
		s := open(t, Options{OneBucket: true})
		storetest.Run(t, func(t *testing.T) ledger.Store { empty(t, s); return s })
	})
	t.Run("in turns", func(t *testing.T) {
		url := database(t)
		s, other := openAt(t, url, Options{}), openAt(t, url, Options{OneBucket: true})
		storetest.Run(t, func(t *testing.T) ledger.Store {
			empty(t, s)
			forgetAll(other)
			both := &turns{Store: s, next: make(chan *Store, 2)}
			both.next <- s
			both.next <- other
			return both
		})
	})
}

// fewer lets the random scripts of a test be a third of the usual number.
func fewer(t *testing.T) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f == nil || f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set("8"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
}

// turns commits by one store and then by the other.
type turns struct {
	*Store
	next chan *Store
}

// Commit implements [ledger.Store].
func (s *turns) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	turn := <-s.next
	s.next <- turn
	return turn.Commit(ctx, b, decide)
}
