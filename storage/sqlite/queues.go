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

// listOf is the one shape of both queue listings: newest last, after an id. A
// filter stands in it only where it is asked for, and the states of the partial
// indexes as those name them, so that what is settled is not walked.
func listOf(table, columns string, f ledger.QueueFilter) string {
	sql, order := "SELECT "+columns+" FROM "+table+" WHERE ", "pos"
	switch f.State {
	case "":
	case ledger.Waiting, ledger.Parked:
		sql += "state IN ('waiting', 'parked') AND state = ?1 AND "
	default:
		sql += "state = ?1 AND "
	}
	if f.Connection != "" {
		sql += "connection = ?2 AND "
	}
	if f.Customer != "" {
		// An id begins with some bits of its customer's hash: few others' rows
		// are looked at, in no order of use.
		sql += "id >= ?5 AND id < ?5 || '~' AND customer = ?6 AND "
		order = "+pos"
	}
	return sql + order + " > coalesce((SELECT pos FROM " + table + " WHERE id = ?3), 0) ORDER BY " + order + " LIMIT ?4"
}

// Events implements [ledger.QueueReader].
func (q queues) Events(ctx context.Context, f ledger.QueueFilter) (list []ledger.Event, err error) {
	f.Customer = ""
	err = q.list(ctx, listOf("inbox", eventColumns, f), f, func(r *row) error { list = append(list, r.event()); return nil })
	return list, err
}

// Intents implements [ledger.QueueReader].
func (q queues) Intents(ctx context.Context, f ledger.QueueFilter) (list []ledger.Intent, err error) {
	err = q.list(ctx, listOf("outbox", intentColumns, f), f, func(r *row) error { list = append(list, r.intent()); return nil })
	return list, err
}

func (q queues) list(ctx context.Context, sql string, f ledger.QueueFilter, each func(*row) error) error {
	return q.store.with(ctx, func(conn *sqlite.Conn) error {
		s := query(conn, sql)
		s.text(string(f.State), f.Connection, string(f.After)).ints(int64(f.Limit))
		if f.Customer != "" {
			s.text(string(core.NewID(core.IntentID, f.Customer, "", "", 0)[:len(core.IntentID)+3]), f.Customer)
		}
		return s.each(each)
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
