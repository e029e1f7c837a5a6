// Package sqlite keeps the ledger in one SQLite file: one writer in WAL mode
// with synchronous=FULL, so that what was committed survives a power cut, and
// a pool of readers that never wait for it. It holds SQL and no rule.
package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core/ledger"
)

//go:embed migrations/*.sql
var migrations embed.FS

// MinVersion is the oldest SQLite that is accepted, 3.51.3: versions before
// it can lose committed data when a commit resets the WAL while a second
// checkpoint starts.
const MinVersion = 3_051_003

// Version is the SQLite that is linked in, as SQLite writes it.
const Version = sqlite.Version

// Options change how a file is opened.
type Options struct {
	Relaxed bool // synchronous=NORMAL: the last commits may be lost in a power cut; for benchmarks
	Readers int  // connections for reading, 4 when zero
	Own     bool // work the queues: one process at a time, see own
	Held    bool // with Own: the caller holds the lock of [LockQueues]
	// Unfinished opens a database also while a copy into it is not finished.
	Unfinished bool
}

// Store implements [ledger.Store] on one file.
type Store struct {
	mu     sync.Mutex // held by the one writer
	write  *writer
	read   *sqlitex.Pool
	unlock func() error // ends owning the queues; nil when they are not owned
	closed bool
}

// Open opens or creates the file at path and brings its schema up to date.
func Open(ctx context.Context, path string) (*Store, error) {
	return OpenWith(ctx, path, Options{})
}

// OpenWith is [Open] with options.
func OpenWith(ctx context.Context, path string, o Options) (*Store, error) {
	if sqlite.VersionNumber < MinVersion {
		return nil, fmt.Errorf("sqlite %s is too old, at least 3.51.3 is needed for a safe wal", Version)
	}
	create(path)
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL, sqlite.OpenURI)
	if err != nil {
		return nil, fmt.Errorf("cannot open database %q: %w", filepath.Base(path), err)
	}
	conn.SetInterrupt(nil)
	err = setUp(conn, o)
	if err == nil && !o.Unfinished {
		err = whole(conn)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("cannot prepare database %q: %w", filepath.Base(path), err)
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	read, err := sqlitex.NewPool(path, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadOnly | sqlite.OpenWAL | sqlite.OpenURI, PoolSize: o.Readers,
		PrepareConn: func(c *sqlite.Conn) error {
			return sqlitex.ExecuteTransient(c, "PRAGMA cache_size = -8192", nil)
		},
	})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("cannot open database %q for reading: %w", filepath.Base(path), err)
	}
	s := &Store{write: newWriter(conn), read: read}
	err = ctx.Err()
	if err == nil && o.Own {
		err = s.own(path, o.Held)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// create makes the file, where there is none, for its owner alone; SQLite gives
// those beside it the same rights. A file that is there is not touched: closing
// one that this process has open elsewhere would end its locks. What goes wrong
// is for SQLite to say.
func create(path string) {
	if strings.HasPrefix(path, "file:") || path == ":memory:" {
		return
	}
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err == nil {
		_ = f.Close()
	}
}

// errClosed says that nothing can be written any more.
var errClosed = errors.New("the database is closed")

// Close waits for the writer and closes every connection. Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := errors.Join(s.read.Close(), s.write.conn.Close())
	if s.unlock != nil {
		err = errors.Join(err, s.unlock())
	}
	return err
}

func setUp(conn *sqlite.Conn, o Options) error {
	synchronous := "FULL"
	if o.Relaxed {
		synchronous = "NORMAL"
	}
	// A file system without shared memory, or a database in memory, refuses WAL
	// silently: the answer tells.
	mode := ""
	wal := query(conn, "PRAGMA journal_mode = WAL")
	if err := wal.each(func(r *row) error { mode = r.text(); return nil }); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its journal mode stays %q, wal is needed: use a file on a local disk", mode)
	}
	for _, pragma := range []string{
		"synchronous = " + synchronous, "busy_timeout = 10000",
		"foreign_keys = ON", "cache_size = -16384", "temp_store = MEMORY", secureFast,
	} {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil); err != nil {
			return err
		}
	}
	return migrate(conn)
}

// whole refuses a database that a copy into was not finished. The copy marks
// it by a table.
func whole(conn *sqlite.Conn) error {
	marked := false
	q := query(conn, "SELECT 1 FROM sqlite_schema WHERE name = 'copying'")
	if err := q.each(func(*row) error { marked = true; return nil }); err != nil {
		return err
	}
	if marked {
		return errors.New("a copy into it is not finished: run scrip db copy again until it says that both are the same")
	}
	return nil
}

// migrate applies the numbered migrations that the file has not seen, each
// with its number in one transaction.
func migrate(conn *sqlite.Conn) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	sort.Strings(names)
	// Most opens find nothing to do, and need not wait for whoever writes.
	if have, err := schemaOf(conn); err != nil || have == len(names) {
		return err
	}
	for i, name := range names {
		if err := migrateTo(conn, i+1, len(names), name); err != nil {
			return fmt.Errorf("migration %s: %w", strings.TrimPrefix(name, "migrations/"), err)
		}
	}
	return nil
}

// schemaOf is the number of the newest migration that the file has seen.
func schemaOf(conn *sqlite.Conn) (have int, err error) {
	version := query(conn, "PRAGMA user_version")
	err = version.each(func(r *row) error { have = int(r.int()); return nil })
	return have, err
}

func migrateTo(conn *sqlite.Conn, number, newest int, name string) (err error) {
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	have, err := schemaOf(conn)
	if err != nil {
		return err
	}
	if have > newest {
		return fmt.Errorf("the database has schema %d, this program knows %d: use a newer program", have, newest)
	}
	if have >= number {
		return nil
	}
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	if err := sqlitex.ExecuteScript(conn, string(text), nil); err != nil {
		return err
	}
	version := query(conn, fmt.Sprintf("PRAGMA user_version = %d", number))
	return version.run()
}

var _ ledger.Store = (*Store)(nil)
