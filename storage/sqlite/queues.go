package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
)

// queues reads the inbox and the outbox.
type queues struct{ store *Store }

// list is the one shape of both queue listings: newest last, after an id.
const (
	listEvents = "SELECT " + eventColumns + ` FROM inbox WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR connection = ?2)
		AND pos > coalesce((SELECT pos FROM inbox WHERE id = ?3), 0) ORDER BY pos LIMIT ?4`
	listIntents = "SELECT " + intentColumns + ` FROM outbox WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR connection = ?2)
		AND pos > coalesce((SELECT pos FROM outbox WHERE id = ?3), 0) ORDER BY pos LIMIT ?4`
)

// Events implements [ledger.QueueReader].
func (q queues) Events(ctx context.Context, f ledger.QueueFilter) (list []ledger.Event, err error) {
	err = q.list(ctx, listEvents, f, func(r *row) error { list = append(list, r.event()); return nil })
	return list, err
}

// Intents implements [ledger.QueueReader].
func (q queues) Intents(ctx context.Context, f ledger.QueueFilter) (list []ledger.Intent, err error) {
	err = q.list(ctx, listIntents, f, func(r *row) error { list = append(list, r.intent()); return nil })
	return list, err
}

func (q queues) list(ctx context.Context, sql string, f ledger.QueueFilter, each func(*row) error) error {
	return q.store.with(ctx, func(conn *sqlite.Conn) error {
		s := query(conn, sql)
		return s.text(string(f.State), f.Connection, string(f.After)).ints(int64(f.Limit)).each(each)
	})
}

// Event implements [ledger.QueueReader].
func (q queues) Event(ctx context.Context, id core.ID) (e *ledger.Event, err error) {
	err = q.store.with(ctx, func(conn *sqlite.Conn) error { e, err = readEvent(conn, id); return err })
	return e, err
}

// Intent implements [ledger.QueueReader].
func (q queues) Intent(ctx context.Context, id core.ID) (i *ledger.Intent, err error) {
	err = q.store.with(ctx, func(conn *sqlite.Conn) error { i, err = readIntent(conn, id); return err })
	return i, err
}

// Stats implements [ledger.QueueReader].
func (q queues) Stats(ctx context.Context, now core.Time) (list []ledger.QueueStats, err error) {
	err = q.store.with(ctx, func(conn *sqlite.Conn) error {
		s := query(conn, `SELECT 'inbox', connection, sum(state = 'waiting'), 0, sum(state = 'parked'),
				coalesce(min(CASE WHEN state = 'waiting' THEN received END), 0), 9223372036854775807
			FROM inbox WHERE state IN ('waiting', 'parked') GROUP BY connection
			UNION ALL SELECT 'outbox', connection, sum(state = 'waiting' AND due <= ?1), sum(state = 'waiting' AND due > ?1), sum(state = 'parked'),
				coalesce(min(CASE WHEN state = 'waiting' AND due <= ?1 THEN created END), 0),
				coalesce(min(CASE WHEN state = 'waiting' AND due > ?1 THEN due END), 9223372036854775807)
			FROM outbox WHERE state IN ('waiting', 'parked') GROUP BY connection`)
		return s.ints(int64(now)).each(func(r *row) error {
			list = append(list, ledger.QueueStats{
				Queue: ledger.Queue(r.text()), Connection: r.text(), Waiting: int(r.int()), Open: int(r.int()),
				Parked: int(r.int()), Oldest: r.time(), NextDue: r.time(),
			})
			return nil
		})
	})
	return list, err
}

// saveRead makes several reads of f see one state of the database.
func saveRead(conn *sqlite.Conn) func(*error) { return sqlitex.Save(conn) }
