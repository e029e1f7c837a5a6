package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
)

// forgetEvents names states and body as the partial index of kept bodies names
// them: else that one does not serve, and all events are walked.
const forgetEvents = `UPDATE inbox SET body = x'' WHERE pos IN (
	SELECT pos FROM inbox WHERE state IN ('applied', 'ignored') AND length(body) > 0 AND received < ? ORDER BY received LIMIT ?)`

// How what is taken out of rows is overwritten: within the pages that are
// written anyway, always, so that no older version of a row stays beside it;
// and in those that become free too, while it costs writes.
const (
	secureFast = "secure_delete = FAST"
	secureFull = "secure_delete = ON"
)

// wiping has what is taken out of rows overwritten in the file, not only marked
// as free, until stop is called.
func wiping(conn *sqlite.Conn) (stop func(*error), err error) {
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+secureFull, nil); err != nil {
		return nil, fmt.Errorf("cannot prepare: %w", err)
	}
	return func(err *error) {
		*err = errors.Join(*err, sqlitex.ExecuteTransient(conn, "PRAGMA "+secureFast, nil))
	}, nil
}

// Forget implements [ledger.Store].
func (s *Store) Forget(ctx context.Context, before core.Time, n int) (emptied int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errClosed
	}
	conn := s.write.conn
	stop, err := wiping(conn)
	if err != nil {
		return 0, err
	}
	defer stop(&err)
	q := query(conn, forgetEvents)
	if err := q.ints(int64(before), int64(n)).run(); err != nil {
		return 0, fmt.Errorf("cannot empty old deliveries: %w", err)
	}
	return conn.Changes(), nil
}
