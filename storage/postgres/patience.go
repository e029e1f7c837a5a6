package postgres

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var errNoCancel = errors.New("what runs at the server is not cancelled")

// neverCancel keeps connections that are given up from sending the request to
// cancel that the driver sends by itself: it would go over a connection of its
// own, made as the first one was.
//
// A commit that waits for a synchronous standby is on the leader's disk already.
// When that wait is cancelled the server says COMMIT and shows the rows, and no
// standby has them: a failover takes back what was acknowledged, here or to
// whoever repeats the key. Left alone it keeps its rows to itself until a
// standby has them; to the caller the outcome is open. A statement's own time
// limit does no harm: the server takes it back before it commits.
func neverCancel(config *pgxpool.Config) {
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		var made atomic.Bool
		dial, after := c.DialFunc, c.AfterConnect
		c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if made.Load() {
				return nil, errNoCancel
			}
			return dial(ctx, network, address)
		}
		c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
			made.Store(true)
			if after == nil {
				return nil
			}
			return after(ctx, conn)
		}
		return nil
	}
}
