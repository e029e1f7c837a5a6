package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sourcegraph/conc/pool"
)

// rowClients send the statement of the hot row's limit, each over a connection
// of its own.
const rowClients = 16

// pgRow is the limit of a hot account: one statement that changes one row and
// notes it, a transaction by itself.
type pgRow struct {
	conns *pgxpool.Pool
	made  atomic.Int64
}

const (
	rowSchema = `CREATE TABLE hot (id int PRIMARY KEY, seq bigint NOT NULL, consumed bigint NOT NULL) WITH (fillfactor = 10);
CREATE TABLE hot_entries (id int NOT NULL, seq bigint NOT NULL, amount bigint NOT NULL, PRIMARY KEY (id, seq)); INSERT INTO hot VALUES (1, 0, 0)`
	rowDebit = `WITH moved AS (UPDATE hot SET seq = seq + 1, consumed = consumed + $2 WHERE id = $1 RETURNING id, seq)
INSERT INTO hot_entries SELECT id, seq, $2 FROM moved`
)

func (s *pgServer) row(ctx context.Context) (_ *pgRow, done func(), err error) {
	name, err := s.create(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	config, err := pgxpool.ParseConfig(s.at(name))
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = rowClients
	conns, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	conn, err := conns.Acquire(ctx)
	if err == nil {
		_, err = conn.Conn().PgConn().Exec(ctx, rowSchema).ReadAll()
		conn.Release()
	}
	if err != nil {
		conns.Close()
		return nil, nil, err
	}
	return &pgRow{conns: conns}, func() { conns.Close(); s.drop(name) }, nil
}

func (r *pgRow) run(ctx context.Context, t time.Duration) (Slice, error) {
	until := time.Now().Add(t)
	clients := pool.NewWithResults[int]().WithErrors()
	for range rowClients {
		clients.Go(func() (n int, err error) {
			conn, err := r.conns.Acquire(ctx)
			if err != nil {
				return 0, err
			}
			defer conn.Release()
			for ; time.Now().Before(until); n++ {
				if _, err := conn.Exec(ctx, rowDebit, 1, 5); err != nil {
					return n, err
				}
			}
			return n, nil
		})
	}
	counts, err := clients.Wait()
	var s Slice
	for _, n := range counts {
		s.Ops += n
	}
	r.made.Add(int64(s.Ops))
	return s, err
}

func (r *pgRow) check(ctx context.Context) error {
	var consumed, entries int64
	err := r.conns.QueryRow(ctx, "SELECT (SELECT consumed FROM hot), (SELECT count(*) FROM hot_entries)").Scan(&consumed, &entries)
	if err == nil && (consumed != 5*r.made.Load() || entries != r.made.Load()) {
		err = fmt.Errorf("the limit changed the row %d times to %d and made %d entries", r.made.Load(), consumed, entries)
	}
	return err
}
