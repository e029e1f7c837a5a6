package pgserver

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// LeastVersion is the oldest PostgreSQL that a store works on, as in
// server_version_num.
const LeastVersion = 140000

// State is what a server says of itself, to a session as the store has.
type State struct {
	Version        int    // as in server_version_num: 150018 is 15.18
	VersionText    string // as the server writes it
	Standby        bool   // it replays another server's log and takes no writes
	Commits        string // synchronous_commit
	Standbys       string // synchronous_standby_names
	Fsync          bool
	FullPages      bool
	Encoding       string
	Encrypted      bool // the connection is
	Local          bool // the connection is on this machine
	MaxConnections int  // that ordinary users may have
	Used           int  // of them, by anybody
	Pool           int  // that one process of ours may take, 0 where the address does not say
	Bytes          int64
	Skew           time.Duration // how far the server's clock is ahead of ours
	RoundTrip      time.Duration // by half of which Skew may be wrong
	Schema         int           // version of the store's tables, 0 for none
	Least          int           // the oldest schema that a program must know to work on these tables
}

const stateQuery = `SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery(),
 current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
 current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', current_setting('server_encoding'),
 coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
 coalesce(inet_client_addr() = inet_server_addr(), true),
 current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
 (SELECT sum(numbackends)::int FROM pg_stat_database), pg_database_size(current_database()),
 to_regclass('public.schema_versions') IS NOT NULL`

// Inspect asks the server at address, and changes nothing.
func Inspect(ctx context.Context, address string) (*State, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, bare(address))
	if err != nil {
		return nil, err
	}
	defer func() { _ = hangUp(conn) }()
	s := &State{Pool: Pool(address)}
	tables := false
	err = conn.QueryRow(ctx, stateQuery).Scan(&s.Version, &s.VersionText, &s.Standby, &s.Commits, &s.Standbys, &s.Fsync, &s.FullPages, &s.Encoding,
		&s.Encrypted, &s.Local, &s.MaxConnections, &s.Used, &s.Bytes, &tables)
	if err != nil {
		return nil, fmt.Errorf("the server cannot be asked about itself: %w", err)
	}
	if tables {
		if err := conn.QueryRow(ctx, "SELECT coalesce(max(version), 0)::int, coalesce(max(least), 0)::int FROM public.schema_versions").Scan(&s.Schema, &s.Least); err != nil {
			return nil, fmt.Errorf("the version of the tables cannot be read: %w", err)
		}
	}
	return s, s.clock(ctx, conn)
}

// clock compares the clocks by the quickest of some answers.
func (s *State) clock(ctx context.Context, conn *pgx.Conn) error {
	for range 5 {
		var there time.Time
		asked := time.Now()
		if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&there); err != nil {
			return fmt.Errorf("the server's clock cannot be read: %w", err)
		}
		if took := time.Since(asked); s.RoundTrip == 0 || took < s.RoundTrip {
			s.RoundTrip, s.Skew = took, there.Sub(asked.Add(took/2))
		}
	}
	return nil
}

// Skew is how far the clock of the server at address is away from ours, at
// least: what the way there may account for is taken off. It is positive where
// the server's is ahead.
func Skew(ctx context.Context, address string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, bare(address))
	if err != nil {
		return 0, err
	}
	defer func() { _ = hangUp(conn) }()
	s := &State{}
	if err := s.clock(ctx, conn); err != nil {
		return 0, err
	}
	return s.LeastSkew(), nil
}

// LeastSkew is [State.Skew] without what the way may account for.
func (s *State) LeastSkew() time.Duration {
	if s.Skew < 0 {
		return min(0, s.Skew+s.RoundTrip/2)
	}
	return max(0, s.Skew-s.RoundTrip/2)
}

// bare takes away what concerns pools: a single connection would send it to
// the server.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	query := u.Query()
	for name := range query {
		if strings.HasPrefix(name, "pool_") {
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// Pool is how many connections an address asks for, 0 where it does not say.
func Pool(address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(u.Query().Get("pool_max_conns"))
	if err != nil {
		return 0
	}
	return n
}
