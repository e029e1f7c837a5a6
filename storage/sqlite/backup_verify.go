package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"zombiezen.com/go/sqlite"
)

// maxDamage is how many of the places that SQLite finds broken are told.
const maxDamage = 5

// State is what a database file is like, found without changing it.
type State struct {
	Bytes  int64    // with its write-ahead log
	Schema int      // the newest migration it has seen
	Known  int      // the newest migration this program has
	Damage []string // what SQLite's quick check finds broken, at most a few
}

// Inspect looks at a database and brings nothing up to date. A file that does
// not exist is a [fs.ErrNotExist] error.
func Inspect(ctx context.Context, path string) (*State, error) {
	conn, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("cannot open database %q: %w", filepath.Base(path), err)
	}
	defer conn.Close()
	s := &State{Bytes: sizeOf(path)}
	if s.Known, err = newestSchema(); err != nil {
		return nil, err
	}
	if s.Schema, err = schemaOf(conn); err == nil {
		s.Damage, err = damage(conn, "quick_check")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read database %q: %w", filepath.Base(path), err)
	}
	return s, nil
}

// newestSchema is the number of the newest migration of this program.
func newestSchema() (int, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	return len(names), err
}

// damage runs one of SQLite's checks.
func damage(conn *sqlite.Conn, check string) (list []string, err error) {
	q := query(conn, fmt.Sprintf("PRAGMA %s(%d)", check, maxDamage))
	err = q.each(func(r *row) error {
		if text := r.text(); text != "ok" {
			list = append(list, strings.Join(strings.Fields(text), " "))
		}
		return nil
	})
	return list, err
}

// sizeOf is how much of the disk a database takes.
func sizeOf(path string) (bytes int64) {
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(path + end); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// Free is how many bytes may still be written to the disk that holds a folder.
func Free(folder string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return 0, fmt.Errorf("cannot tell the free space of %q: %w", folder, err)
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil
}

// roomFor refuses a copy that cannot fit. A disk that does not tell is tried.
func roomFor(from, to string) error {
	const mib = 1 << 20
	need := sizeOf(from) + mib
	if free, err := Free(filepath.Dir(to)); err == nil && free < need {
		return fmt.Errorf("the copy needs about %d MiB, the disk of %q has %d MiB left", need/mib, to, free/mib)
	}
	return nil
}

// verify opens a copy as what it is to be one day: the database.
func verify(ctx context.Context, path string, check func(context.Context, *Store) error) (*Copied, error) {
	c := &Copied{Rows: map[string]int64{}}
	conn, err := open(ctx, path)
	if err == nil {
		err = errors.Join(c.read(conn), conn.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("the copy cannot be read: %w", err)
	}
	c.Bytes = sizeOf(path)
	if check == nil {
		return c, nil
	}
	known, err := newestSchema()
	if err != nil {
		return nil, err
	}
	if c.Schema < known { // opening it would bring it up to date
		scratch := path + "-newer"
		defer discard(scratch)
		if err := copyFile(path, scratch); err != nil {
			return nil, fmt.Errorf("cannot copy the copy to check it: %w", cause(err))
		}
		path = scratch
	}
	s, err := Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return c, errors.Join(check(ctx, s), s.Close())
}

// read checks a copy and counts its rows.
func (c *Copied) read(conn *sqlite.Conn) (err error) {
	broken, err := damage(conn, "integrity_check")
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return fmt.Errorf("it is damaged, as the database is: %s", strings.Join(broken, "; "))
	}
	if c.Schema, err = schemaOf(conn); err != nil {
		return err
	}
	for _, table := range []string{"accounts", "grants", "holds", "entries", "requests", "records", "links", "inbox", "outbox"} {
		count := query(conn, "SELECT count(*) FROM "+table)
		if err := count.each(func(r *row) error { c.Rows[table] = r.int(); return nil }); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
