package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/internal/pgrun"
	"scrip/storage/postgres"
)

// durableSettings are those of a server of the benchmark's own: what is
// acknowledged is on the disk, and checkpoints come when memory has room for
// much.
var durableSettings = map[string]string{
	"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "1GB", "max_wal_size": "8GB",
	"checkpoint_timeout": "30min", "max_connections": "200",
}

// pgServer is a PostgreSQL on which cases have databases of their own.
type pgServer struct {
	address string
	own     *pgrun.Server // nil: somebody else's
	conn    *pgx.Conn
	pid     int // of the first process, 0 when it is not on this machine
	made    []string
	filled  map[int]string // databases with so many funded accounts
}

// openServer uses the server at address, or starts one where that is empty. It
// is an error when it may lose what it acknowledged.
func openServer(ctx context.Context, address string) (*pgServer, error) {
	var own *pgrun.Server
	if address == "" {
		var err error
		if own, err = pgrun.Launch(durableSettings); err != nil {
			return nil, err
		}
		address = own.URL("postgres")
	}
	s, err := connectServer(ctx, address)
	if err != nil {
		if own != nil {
			err = errors.Join(err, own.Remove())
		}
		return nil, err
	}
	s.own = own
	if err := s.durable(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func connectServer(ctx context.Context, address string) (*pgServer, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &pgServer{address: address, conn: conn, filled: map[int]string{}}
	s.pid = s.first(ctx)
	return s, nil
}

// durable sees that what the server acknowledges is on its disk.
func (s *pgServer) durable(ctx context.Context) error {
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := s.conn.QueryRow(ctx, "SELECT current_setting($1)", setting).Scan(&value); err != nil {
			return err
		}
		if value == "off" {
			return fmt.Errorf("%s is off at the server: what it acknowledges may be lost, and its rates prove nothing", setting)
		}
	}
	return nil
}

// close drops what was made.
func (s *pgServer) close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range s.made {
		_, dropErr := s.conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		err = errors.Join(err, dropErr)
	}
	err = errors.Join(err, s.conn.Close(ctx))
	if s.own != nil {
		err = errors.Join(err, s.own.Remove())
	}
	return err
}

// create makes a database, empty or a copy of another that nobody uses.
func (s *pgServer) create(ctx context.Context, copied string) (name string, err error) {
	if copied == "" {
		copied = "template0"
	}
	name = "scrip_bench_" + strings.ToLower(rand.Text()[:12])
	s.made = append(s.made, name)
	_, err = s.conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+copied)
	return name, err
}

// drop deletes a database when its case is done.
func (s *pgServer) drop(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, _ = s.conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") // closing tries again
}

// at is the address of a database of the server.
func (s *pgServer) at(name string) string {
	u, err := url.Parse(s.address)
	if err != nil {
		return s.address // it was connected to
	}
	u.Path = "/" + name
	return u.String()
}

// funded is a copy of a database in which so many accounts have their grants.
func (s *pgServer) funded(ctx context.Context, accounts int) (name string, err error) {
	if s.filled[accounts] == "" {
		if name, err = s.create(ctx, ""); err != nil {
			return "", err
		}
		if err := s.fill(ctx, name, accounts); err != nil {
			return "", err
		}
		s.filled[accounts] = name
	}
	return s.create(ctx, s.filled[accounts])
}

func (s *pgServer) fill(ctx context.Context, name string, accounts int) error {
	b, err := s.subject(ctx, name)
	if err != nil {
		return err
	}
	err = fund(ctx, b.ledger, accounts, grantsEach)
	b.close()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.at(name))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return errors.Join(err, conn.Close(ctx))
}

// subject opens the ledger over a database.
func (s *pgServer) subject(ctx context.Context, name string) (*subject, error) {
	store, err := postgres.Open(ctx, s.at(name), postgres.Options{})
	if err != nil {
		return nil, err
	}
	return newSubject(store)
}

// connections asks how many a database has.
func (s *pgServer) connections(ctx context.Context, database string) func() float64 {
	return func() float64 {
		var n int
		if err := s.conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", database).Scan(&n); err != nil {
			return 0
		}
		return float64(n)
	}
}
