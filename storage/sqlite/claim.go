package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
)

// What a claim runs. The states of the inbox are named as its partial index
// names them: else that one does not serve, and a claim walks all events.
const (
	claimEvents = `UPDATE inbox SET leased = ?, fence = fence + 1 WHERE pos IN (
		SELECT pos FROM inbox WHERE state IN ('waiting', 'parked') AND state = 'waiting' AND retry_at <= ? AND leased <= ?
		ORDER BY pos LIMIT ?) RETURNING ` + eventColumns
	claimIntents = `UPDATE outbox SET leased = ?, fence = fence + 1 WHERE pos IN (
		SELECT pos FROM outbox o WHERE state = 'waiting' AND due <= ? AND retry_at <= ? AND leased <= ? AND NOT EXISTS (
			SELECT 1 FROM outbox p WHERE p.state IN ('waiting', 'parked') AND p.connection = o.connection AND p.customer = o.customer
			AND (p.due, p.pos) < (o.due, o.pos))
		ORDER BY due, pos LIMIT ?) RETURNING ` + intentColumns
)

// Claim implements [ledger.Store]. Of each outbox stream, one customer at one
// connection, only the oldest due item is taken; a parked one keeps those
// behind it waiting.
func (s *Store) Claim(ctx context.Context, queue ledger.Queue, now, wall core.Time, n int, lease time.Duration) (items []ledger.Claimed, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	conn := s.write.conn
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return nil, fmt.Errorf("cannot begin: %w", err)
	}
	defer end(&err)
	until := int64(wall.Add(lease))
	if queue == ledger.Inbox {
		q := query(conn, claimEvents)
		err = q.ints(until, int64(wall), int64(wall), int64(n)).each(func(r *row) error {
			e := r.event()
			items = append(items, ledger.Claimed{Event: &e})
			return nil
		})
		return items, err
	}
	q := query(conn, claimIntents)
	err = q.ints(until, int64(now), int64(wall), int64(wall), int64(n)).each(func(r *row) error {
		i := r.intent()
		items = append(items, ledger.Claimed{Intent: &i})
		return nil
	})
	return items, err
}
