package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/crash"
)

// writer is the one connection that writes.
type writer struct {
	conn *sqlite.Conn
	// loaded is what the running commit has read of each account, to tell
	// what has to be written.
	loaded map[ledger.AccountKey]loadedAccount
	cache  cache
}

type loadedAccount struct {
	due       core.Time
	became    string
	overdrawn core.Amount
	grants    map[core.ID]grantRow
}

// grantRow is where a grant stands, and its columns that rarely change.
type grantRow struct {
	pos    int64
	live   bool
	closed core.GrantState
	away   core.Amount
}

func newWriter(conn *sqlite.Conn) *writer { return &writer{conn: conn} }

// Commit implements [ledger.Store].
func (s *Store) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	crash.Point("commit-begin")
	state, err := s.write.commit(b, decide)
	if err != nil {
		return err
	}
	s.write.keep(state)
	crash.Point("commit-end")
	return nil
}

func (w *writer) commit(b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) (state *ledger.State, err error) {
	w.loaded = make(map[ledger.AccountKey]loadedAccount, len(b.Accounts))
	end, err := sqlitex.ImmediateTransaction(w.conn)
	if err != nil {
		return nil, fmt.Errorf("cannot begin: %w", err)
	}
	// Deferred itself, not from within a function: only then does it see a
	// panic and roll back.
	defer end(&err)
	if err := w.refresh(); err != nil {
		return nil, err
	}
	if state, err = w.load(b); err != nil {
		return nil, err
	}
	changes, err := decide(state)
	if err != nil {
		return nil, err
	}
	if err := w.save(changes); err != nil {
		return nil, err
	}
	crash.Point("commit-write")
	return state, nil
}

// load reads what a batch names.
func (w *writer) load(b *ledger.Batch) (*ledger.State, error) {
	s := &ledger.State{
		Requests: make(map[string]*ledger.Request, len(b.Requests)),
		Accounts: make(map[ledger.AccountKey]*core.Account, len(b.Accounts)),
		Naturals: map[string]core.ID{}, Records: map[ledger.RecordKey]*ledger.Record{},
		Links: map[ledger.LinkKey][]ledger.Link{}, Events: map[core.ID]*ledger.Event{}, Intents: map[core.ID]*ledger.Intent{},
	}
	if err := w.loadLedger(b, s); err != nil {
		return nil, err
	}
	for _, key := range b.Naturals {
		q := query(w.conn, "SELECT id FROM naturals WHERE key = ?")
		if err := q.text(key).each(func(r *row) error { s.Naturals[key] = r.id(); return nil }); err != nil {
			return nil, err
		}
	}
	for _, key := range b.Records {
		if _, have := s.Records[key]; have {
			continue
		}
		rec, err := readRecord(w.conn, key)
		if err != nil {
			return nil, err
		}
		s.Records[key] = rec
	}
	for _, key := range b.Links {
		links, err := readLinks(w.conn, key)
		if err != nil {
			return nil, err
		}
		s.Links[key] = links
	}
	return s, w.loadQueues(b, s)
}

func (w *writer) loadLedger(b *ledger.Batch, s *ledger.State) error {
	for _, hash := range b.Requests {
		req, err := readRequest(w.conn, hash)
		if err != nil {
			return err
		}
		if req != nil {
			s.Requests[hash] = req
		}
	}
	for _, key := range b.Accounts {
		if _, have := w.loaded[key]; have {
			continue
		}
		a, loaded, err := w.account(key)
		if err != nil {
			return err
		}
		if a != nil {
			w.loaded[key], s.Accounts[key] = loaded, a
		}
	}
	for _, id := range b.Grants {
		key, g, pos, err := readGrant(w.conn, id)
		if err != nil {
			return err
		}
		if a := s.Accounts[key]; g != nil && a != nil && a.Grant(id) == nil {
			a.Grants = append(a.Grants, *g)
			w.loaded[key].grants[id] = grantRow{pos, g.Remaining > 0, g.Closed, g.Away}
		}
	}
	for _, id := range b.Holds {
		key, h, err := readHold(w.conn, id)
		if err != nil {
			return err
		}
		if a := s.Accounts[key]; h != nil && a != nil && a.Hold(id) == nil {
			a.Holds = append(a.Holds, *h)
		}
	}
	return nil
}

// loadQueues reads claimed items and checks that each is still held.
func (w *writer) loadQueues(b *ledger.Batch, s *ledger.State) error {
	for _, lease := range b.Events {
		e, err := readEvent(w.conn, lease.ID)
		if err != nil {
			return err
		}
		if lease.Fence != 0 && (e == nil || e.Fence != lease.Fence) {
			return fmt.Errorf("event %q: %w", string(lease.ID), ledger.ErrFenced)
		}
		if e != nil {
			s.Events[lease.ID] = e
		}
	}
	for _, lease := range b.Intents {
		i, err := readIntent(w.conn, lease.ID)
		if err != nil {
			return err
		}
		if lease.Fence != 0 && (i == nil || i.Fence != lease.Fence) {
			return fmt.Errorf("intent %q: %w", string(lease.ID), ledger.ErrFenced)
		}
		if i != nil {
			s.Intents[lease.ID] = i
		}
	}
	return nil
}
