// Package postgres keeps the ledger in a PostgreSQL database that any number
// of processes share. It holds SQL and no rule.
//
// A commit is two round trips: the first takes the fence rows of the buckets
// that it is about and reads what it needs, the second writes and commits.
// Whoever holds a bucket's fence is alone in it, so what a process remembers
// of the bucket's accounts is right as long as the fence's version stands.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"scrip/core"
	"scrip/core/ledger"
)

// Options change how a database is used. The zero value is right for most.
type Options struct {
	MaxConns int // connections of the pool, 10 when zero
	Lanes    int // commits that run at once, 2 when zero; 8 with OneBucket
	// OneBucket keeps each statement within one bucket, and the commits of one
	// bucket in one transaction of their own. It is set by itself when the
	// tables are distributed over several nodes.
	OneBucket bool
	// Unfinished opens a database also while a copy into it is not finished.
	Unfinished bool
}

// Store implements [ledger.Store] on one database.
type Store struct {
	pool   *pgxpool.Pool
	one    atomic.Bool // statements of one bucket only
	lanes  int
	cache  cache
	limits limits
	closed atomic.Bool
	ending sync.Once
	// fault names, in tests, the SQLSTATE by which the server is made to refuse a
	// statement; "" lets it pass.
	fault func(statement string) string
}

// limits bound every wait.
type limits struct {
	connect time.Duration // until a connection is made
	pool    time.Duration // until one becomes free
	trip    time.Duration // until an answer is there
	retry   time.Duration // until a commit has had its last try
	outcome time.Duration // until it is known what became of a commit
	first   time.Duration // before a second try, doubling
	tries   int
}

// The server's own limits, a little below ours, so that its answer tells which
// one was met. A transaction whose client is gone lets go of its locks before
// another stops waiting to learn what became of it.
const (
	statementTimeout = 10 * time.Second
	lockTimeout      = 5 * time.Second
	idleTimeout      = 5 * time.Second
)

// spreadOutcome is limits.outcome over several nodes: who asks one that is gone
// keeps those waiting who could write to another.
const spreadOutcome = 8 * time.Second

func defaultLimits() limits {
	return limits{
		connect: 5 * time.Second, pool: 5 * time.Second, trip: 12 * time.Second,
		retry: 10 * time.Second, outcome: 15 * time.Second, first: 20 * time.Millisecond, tries: 5,
	}
}

// Open connects to the database that a URL or a key=value text names and brings
// its schema up to date. Several hosts may be named; the one that takes writes
// is used.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	config, err := configOf(url, o)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, config.ConnConfig); err != nil {
		return nil, fmt.Errorf("cannot prepare database %q: %w", config.ConnConfig.Database, err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("cannot open database %q: %w", config.ConnConfig.Database, err)
	}
	s := &Store{pool: pool, limits: defaultLimits()}
	distributed, err := s.distributed(ctx)
	if err == nil && !o.Unfinished {
		err = s.whole(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("cannot read database %q: %w", config.ConnConfig.Database, err)
	}
	s.one.Store(o.OneBucket || distributed)
	s.setLanes(o)
	return s, nil
}

func (s *Store) setLanes(o Options) {
	switch s.lanes = o.Lanes; {
	case o.Lanes > 0:
	case s.one.Load():
		s.lanes = 8
	default:
		s.lanes = 2
	}
}

// configOf reads a URL and adds what every connection is held to.
func configOf(url string, o Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL cannot be read: write postgres://user:password@host:5432/name")
	}
	config.MaxConns = 10
	if o.MaxConns > 0 {
		config.MaxConns = int32(min(o.MaxConns, 10_000))
	}
	config.MaxConnIdleTime = 5 * time.Minute
	neverCancel(config)
	c := config.ConnConfig
	if c.ValidateConnect == nil { // a standby that has yet to take over is no database to write to
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if c.ConnectTimeout == 0 || c.ConnectTimeout > time.Minute {
		c.ConnectTimeout = defaultLimits().connect
	}
	for name, value := range map[string]string{
		"application_name":                    "scrip",
		"statement_timeout":                   milliseconds(statementTimeout),
		"lock_timeout":                        milliseconds(lockTimeout),
		"idle_in_transaction_session_timeout": milliseconds(idleTimeout),
		"jit":                                 "off", // statements are short
		// Every statement but an audit's reaches its rows by an index. A plan that
		// was made while a table was small, and is kept, must too.
		"enable_seqscan":   "off",
		"enable_hashjoin":  "off",
		"enable_mergejoin": "off",
	} {
		if _, set := c.RuntimeParams[name]; !set {
			c.RuntimeParams[name] = value
		}
	}
	return config, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Lanes says that an op of bucket b runs in lane b % lanes and how many lanes
// may commit at once. With 64 of them each bucket has transactions of its own.
func (s *Store) Lanes() (lanes, atOnce int) {
	if s.one.Load() {
		return core.BucketCount, s.lanes
	}
	return s.lanes, s.lanes
}

var errClosed = errors.New("the database is closed")

// Close waits for running work and closes every connection. Closing again does
// nothing.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.ending.Do(s.pool.Close)
	return nil
}

// distributed reports whether the tables are spread over several nodes.
func (s *Store) distributed(ctx context.Context) (is bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.trip)
	defer cancel()
	const extension = "SELECT to_regclass('pg_dist_partition') IS NOT NULL"
	if err := s.pool.QueryRow(ctx, extension).Scan(&is); err != nil || !is {
		return false, err
	}
	const table = "SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'buckets'::regclass AND partmethod = 'h')"
	err = s.pool.QueryRow(ctx, table).Scan(&is)
	return is, err
}

var _ ledger.Store = (*Store)(nil)
