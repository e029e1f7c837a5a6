package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"scrip/internal/crash"
)

// statement is a text that a connection prepares when it first needs it.
type statement struct{ name, text string }

// session is a connection of the pool while one caller has it.
type session struct {
	conn  *pgxpool.Conn
	pg    *pgconn.PgConn
	store *Store
}

// prepared are the statements that a connection knows.
type prepared map[string]*pgconn.StatementDescription

const preparedKey = "scrip"

// session takes a connection; it must be released.
func (s *Store) session(ctx context.Context) (*session, error) {
	if s.closed.Load() {
		return nil, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.pool)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("no connection to the database: %w", err)
	}
	return &session{conn: conn, pg: conn.Conn().PgConn(), store: s}, nil
}

// release gives the connection back. One that is broken, or in a transaction
// that nobody ended, is closed.
func (c *session) release() { c.conn.Release() }

// trip is a sequence of statements that are sent together.
type trip struct{ calls []call }

// call is one statement with its values, and what is done with each row.
type call struct {
	statement *statement
	values    [][]byte
	each      func(*row) error
}

func (t *trip) add(s *statement, each func(*row) error, values ...[]byte) {
	t.calls = append(t.calls, call{s, values, each})
}

// snapshot begins a transaction that sees one state. Over several nodes it sees
// one of each, where the coordinator asks each by one connection alone.
func (t *trip) snapshot(s *Store) {
	t.add(snapshotText, nil)
	if s.one.Load() {
		t.add(singleText, nil)
	}
}

// inBinary asks for all values and columns in binary form.
var inBinary = []int16{1}

// run sends the statements and reads all that comes back. What is not a
// *pgconn.PgError of severity ERROR leaves it open how far the server came.
func (c *session) run(_ context.Context, t *trip) error {
	if len(t.calls) == 0 {
		return nil
	}
	// A deadline of the connection itself: a context's would be watched by a
	// goroutine. What is on its way is not taken back when the caller leaves.
	if err := c.pg.Conn().SetDeadline(time.Now().Add(c.store.limits.trip)); err != nil {
		return err
	}
	defer func() { _ = c.pg.Conn().SetDeadline(time.Time{}) }() // one that cannot be set is broken
	ctx := context.Background()
	known, err := c.prepare(ctx, t)
	if err != nil {
		return err
	}
	if oneByOne {
		return c.runEach(ctx, t, known)
	}
	return c.send(ctx, t.calls, known)
}

func (c *session) send(ctx context.Context, calls []call, known prepared) error {
	var batch pgconn.Batch
	for i := range calls {
		if c.store.fault != nil {
			if state := c.store.fault(calls[i].statement.name); state != "" {
				batch.ExecParams("DO $$BEGIN RAISE EXCEPTION 'made to fail' USING ERRCODE = '"+state+"'; END$$", nil, nil, nil, nil)
			}
		}
		batch.ExecStatement(known[calls[i].statement.name], calls[i].values, inBinary, inBinary)
	}
	results := c.pg.ExecBatch(ctx, &batch)
	var fault error
	for i := 0; results.NextResult(); i++ {
		rows := results.ResultReader()
		each := calls[i].each
		r := row{}
		for rows.NextRow() {
			if each == nil || fault != nil {
				continue
			}
			r.values, r.next = rows.Values(), 0
			fault = each(&r)
		}
		_, _ = rows.Close() // its error is the batch's
	}
	if err := results.Close(); err != nil {
		return err
	}
	return fault
}

// runEach sends statements one at a time, for tests that kill the process
// between any two.
func (c *session) runEach(ctx context.Context, t *trip, known prepared) error {
	for i := range t.calls {
		if err := crash.Statement(); err != nil {
			_ = c.pg.Close(ctx)
			return err
		}
		if err := c.send(ctx, t.calls[i:i+1], known); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the connection know the statements of a trip.
func (c *session) prepare(ctx context.Context, t *trip) (prepared, error) {
	data := c.pg.CustomData()
	known, _ := data[preparedKey].(prepared)
	if known == nil {
		known = prepared{}
		data[preparedKey] = known
	}
	for i := range t.calls {
		s := t.calls[i].statement
		if s.name != "" && known[s.name] != nil {
			continue
		}
		// Inside a transaction too: preparing reads no row.
		description, err := c.pg.Prepare(ctx, s.name, s.text, nil)
		if err != nil {
			return nil, fmt.Errorf("cannot prepare %s: %w", s.name, err)
		}
		known[s.name] = description
	}
	return known, nil
}

// rollback ends the transaction; where that fails the connection is closed.
func (c *session) rollback(ctx context.Context) {
	if c.pg.IsClosed() || c.pg.TxStatus() == 'I' {
		return
	}
	var t trip
	t.add(rollbackText, nil)
	_ = c.run(ctx, &t) // a connection that is left in a transaction is not used again
}

// abandon gives up the connection at once, with whatever runs on it.
func (c *session) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_ = c.pg.Close(ctx)
}
