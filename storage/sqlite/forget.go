package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
)

// forgetEvents names states and body as the partial index of kept bodies names
// them: else that one does not serve, and all events are walked.
const forgetEvents = `UPDATE inbox SET body = x'' WHERE pos IN (
	SELECT pos FROM inbox WHERE state IN ('applied', 'ignored') AND length(body) > 0 AND received < ? ORDER BY received LIMIT ?)`

// Forget implements [ledger.Store]. What is emptied is overwritten in the
// file, not only marked as free.
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
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA secure_delete = ON", nil); err != nil {
		return 0, fmt.Errorf("cannot prepare: %w", err)
	}
	defer func() { err = errors.Join(err, sqlitex.ExecuteTransient(conn, "PRAGMA secure_delete = OFF", nil)) }()
	q := query(conn, forgetEvents)
	if err := q.ints(int64(before), int64(n)).run(); err != nil {
		return 0, fmt.Errorf("cannot empty old deliveries: %w", err)
	}
	return conn.Changes(), nil
}
