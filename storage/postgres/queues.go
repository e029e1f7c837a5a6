package postgres

import (
	"context"
	"fmt"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
)

// queues reads the inbox and the outbox.
type queues struct{ store *Store }

var (
	readEvent  = &statement{"read_event", "SELECT " + eventColumns + " FROM inbox WHERE bucket = $1 AND id = $2"}
	readIntent = &statement{"read_intent", "SELECT " + intentColumns + " FROM outbox WHERE bucket = $1 AND id = $2"}
	statsIn    = &statement{"stats_inbox", `SELECT connection, count(*) FILTER (WHERE state = 'waiting'), 0::bigint, count(*) FILTER (WHERE state = 'parked'),
		coalesce(min(received) FILTER (WHERE state = 'waiting'), 0), 9223372036854775807
		FROM inbox WHERE state IN ('waiting', 'parked') GROUP BY connection`}
	statsOut = &statement{"stats_outbox", `SELECT connection, count(*) FILTER (WHERE state = 'waiting' AND due <= $1),
		count(*) FILTER (WHERE state = 'waiting' AND due > $1), count(*) FILTER (WHERE state = 'parked'),
		coalesce(min(created) FILTER (WHERE state = 'waiting' AND due <= $1), 0),
		coalesce(min(due) FILTER (WHERE state = 'waiting' AND due > $1), 9223372036854775807)
		FROM outbox WHERE state IN ('waiting', 'parked') GROUP BY connection`}
)

// listOf is the one shape of both queue listings: newest last, after an id, by
// the time at which items came. A filter stands in it only where it is asked
// for, and the states of the partial indexes as those name them, so that what
// is settled is not walked.
func listOf(table, columns, time string, f ledger.QueueFilter, after [][]byte) (*statement, [][]byte) {
	name := []string{"list", table}
	var values [][]byte
	sql := "SELECT " + columns + " FROM " + table + " WHERE "
	filter := func(condition string, value []byte) {
		values = append(values, value)
		sql += condition + " = $" + string(rune('0'+len(values))) + " AND "
		name = append(name, condition)
	}
	if f.Customer != "" { // all of a customer's rows are in its bucket
		filter("bucket", intOf(core.Bucket(f.Customer)))
		filter("customer", textOf(f.Customer))
	}
	if f.State == ledger.Waiting || f.State == ledger.Parked {
		sql += "state IN ('waiting', 'parked') AND "
		name = append(name, "open")
	}
	if f.State != "" {
		filter("state", textOf(string(f.State)))
	}
	if f.Connection != "" {
		filter("connection", textOf(f.Connection))
	}
	values = append(values, longOf(int64(f.Limit)))
	limit := string(rune('0' + len(values)))
	if after != nil {
		n := len(values)
		values = append(values, after...)
		sql += fmt.Sprintf("(%s, bucket, pos) > ($%d, $%d, $%d) AND ", time, n+1, n+2, n+3)
		name = append(name, "after")
	}
	sql += "true ORDER BY " + time + ", bucket, pos LIMIT $" + limit
	return &statement{strings.Join(name, "_"), sql}, values
}

// list finds out where the item stands that a page begins behind, and reads the
// page; behind an item that is not there is the start.
func (q queues) list(ctx context.Context, table, columns, time string, f ledger.QueueFilter, each func(*row) error) error {
	return q.store.with(ctx, func(c *session) error {
		var after [][]byte
		if f.After != "" {
			var look trip
			stands := &statement{"stands_" + table, "SELECT " + time + ", bucket, pos FROM " + table + " WHERE bucket = $1 AND id = $2"}
			look.add(stands, func(r *row) error {
				after = [][]byte{longOf(r.int()), intOf(int(r.int())), longOf(r.int())}
				return nil
			}, intOf(place(string(f.After))), textOf(string(f.After)))
			if err := c.run(ctx, &look); err != nil {
				return err
			}
		}
		text, values := listOf(table, columns, time, f, after)
		var t trip
		t.add(text, each, values...)
		return c.run(ctx, &t)
	})
}

// Events implements [ledger.QueueReader].
func (q queues) Events(ctx context.Context, f ledger.QueueFilter) (list []ledger.Event, err error) {
	f.Customer = ""
	err = q.list(ctx, "inbox", eventColumns, "received", f, func(r *row) error { list = append(list, r.event()); return nil })
	return list, err
}

// Intents implements [ledger.QueueReader].
func (q queues) Intents(ctx context.Context, f ledger.QueueFilter) (list []ledger.Intent, err error) {
	err = q.list(ctx, "outbox", intentColumns, "created", f, func(r *row) error { list = append(list, r.intent()); return nil })
	return list, err
}

// Event implements [ledger.QueueReader].
func (q queues) Event(ctx context.Context, id core.ID) (e *ledger.Event, err error) {
	err = q.store.ask(ctx, readEvent, func(r *row) error {
		found := r.event()
		e = &found
		return nil
	}, intOf(place(string(id))), textOf(string(id)))
	return e, err
}

// Intent implements [ledger.QueueReader].
func (q queues) Intent(ctx context.Context, id core.ID) (i *ledger.Intent, err error) {
	err = q.store.ask(ctx, readIntent, func(r *row) error {
		found := r.intent()
		i = &found
		return nil
	}, intOf(place(string(id))), textOf(string(id)))
	return i, err
}

// Stats implements [ledger.QueueReader].
func (q queues) Stats(ctx context.Context, now core.Time) (list []ledger.QueueStats, err error) {
	each := func(queue ledger.Queue) func(*row) error {
		return func(r *row) error {
			list = append(list, ledger.QueueStats{
				Queue: queue, Connection: r.text(), Waiting: int(r.int()), Open: int(r.int()),
				Parked: int(r.int()), Oldest: r.time(), NextDue: r.time(),
			})
			return nil
		}
	}
	err = q.store.with(ctx, func(c *session) error {
		var t trip
		t.add(statsIn, each(ledger.Inbox))
		t.add(statsOut, each(ledger.Outbox), longOf(now))
		return c.run(ctx, &t)
	})
	return list, err
}
