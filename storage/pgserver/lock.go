// Package pgserver looks at the PostgreSQL that a store stands on, and holds
// locks there: what is beside the store itself. It holds no rule of the domain.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc"
)

// Errors of a lock.
var (
	// ErrLocked says that another session holds the lock.
	ErrLocked = errors.New("another process holds it")
	// ErrLost says that the lock's connection broke, by which the server has
	// given the lock to whoever asks next.
	ErrLost = errors.New("the lock of the database was lost with its connection")
)

// How long the server may take to answer, and how often the holder of a lock
// looks whether it still has it, and for how long.
const (
	patience  = 10 * time.Second
	lookEvery = 500 * time.Millisecond
	lookFor   = 3 * time.Second
)

// Lock takes the named lock of the database at url, which lies on a connection
// of its own and ends with release or with that connection: held ends with ctx,
// or with the cause [ErrLost] at most some seconds after the lock was lost.
// [ErrLocked] when another session has it.
//
// The connection must lead to the server itself or through a pooler that keeps
// sessions: one that pools transactions would let go of the lock at once.
func Lock(ctx context.Context, url, name string) (held context.Context, release func() error, err error) {
	config, err := pgx.ParseConfig(bare(url))
	if err != nil {
		return nil, nil, fmt.Errorf("cannot lock the database: %w", err)
	}
	// A holder whose machine is gone must not keep the lock for hours.
	for setting, value := range map[string]string{"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3", "application_name": "scrip " + name} {
		config.RuntimeParams[setting] = value
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(asking, config)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot lock the database: %w", err)
	}
	var got bool
	err = conn.QueryRow(asking, "SELECT pg_try_advisory_lock($1)", lockKey(name)).Scan(&got)
	if err == nil && !got {
		err = ErrLocked
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot lock the database: %w", err), hangUp(conn))
	}
	held, end := context.WithCancelCause(ctx)
	var watch conc.WaitGroup
	watch.Go(func() { keep(held, conn, end) })
	return held, func() error {
		end(context.Canceled)
		watch.Wait()
		return hangUp(conn)
	}, nil
}

// keep asks the connection for a sign of life until held ends, and ends it
// where none comes.
func keep(held context.Context, conn *pgx.Conn, end context.CancelCauseFunc) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-held.Done():
			return
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(context.WithoutCancel(held), lookFor)
		_, err := conn.Exec(asking, "SELECT 1")
		cancel()
		if err != nil {
			end(ErrLost)
			return
		}
	}
}

// hangUp closes a connection, which lets go of its locks. One that is broken
// already has none.
func hangUp(conn *pgx.Conn) error {
	if conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return conn.Close(ctx)
}

func lockKey(name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("scrip lock " + name)) // a hash takes everything
	return int64(h.Sum64())
}
