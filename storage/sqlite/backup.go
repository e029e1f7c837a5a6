package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// backupStep is how many pages are copied between two looks at the context.
const backupStep = 1024

// BackupOptions change how a backup is made.
type BackupOptions struct {
	// Check sees the copy before it gets its name: an error leaves no copy.
	// It may be called with a copy of the copy, see [Copied.Schema].
	Check    func(ctx context.Context, s *Store) error
	Progress func(done, total int64) // pages copied so far
}

// Copied is what a backup has made.
type Copied struct {
	Bytes  int64
	Schema int              // as the database had it: a backup brings nothing up to date
	Rows   map[string]int64 // by table
}

// Backup copies the database at from into a new file at to, as it was at one
// instant, while others read and write it. Until the copy is on disk and has
// been opened and checked it has another name, of which an error leaves
// nothing; a file that is there already is never touched. The copy is one
// file, which its owner alone may read.
//
// While the pages are copied the write-ahead log of the database is not reset,
// so that it grows by what is written meanwhile.
func Backup(ctx context.Context, from, to string, o BackupOptions) (_ *Copied, err error) {
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("it was interrupted: %w", ctx.Err())
		}
	}()
	if _, err := os.Lstat(to); err == nil {
		return nil, errTaken(to)
	}
	if err := roomFor(from, to); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".partial-*")
	if err != nil {
		return nil, fmt.Errorf("cannot write beside %q: %w", to, cause(err))
	}
	defer file.Close()
	defer discard(file.Name())
	if err := copyPages(ctx, from, file.Name(), o.Progress); err != nil {
		return nil, fmt.Errorf("cannot copy database %q: %w", filepath.Base(from), err)
	}
	if err := file.Sync(); err != nil {
		return nil, fmt.Errorf("cannot bring the copy to disk: %w", cause(err))
	}
	c, err := verify(ctx, file.Name(), o.Check)
	if err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil { // opening it may have written
		return nil, fmt.Errorf("cannot bring the copy to disk: %w", cause(err))
	}
	return c, name(file.Name(), to)
}

func errTaken(to string) error {
	return fmt.Errorf("%q exists already and is left as it is: name another file", to)
}

// cause is an error without the path that the operating system's carry, which
// is that of the copy while it has another name.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// discard removes a copy under its first name, with what SQLite puts beside it.
func discard(path string) {
	for _, end := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(path + end)
	}
}

// name gives the finished copy its name, unless somebody else has it by now.
func name(tmp, to string) error {
	err := os.Link(tmp, to)
	if errors.Is(err, os.ErrExist) {
		return errTaken(to)
	}
	if err != nil { // a file system without hard links
		if _, taken := os.Lstat(to); taken == nil {
			return errTaken(to)
		}
		err = os.Rename(tmp, to)
	}
	if err != nil {
		return fmt.Errorf("cannot name the copy %q: %w", to, cause(err))
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("cannot bring the name %q to disk: %w", to, cause(err))
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("cannot bring the name %q to disk: %w", to, cause(err))
	}
	return nil
}

// copyPages copies what one read transaction sees. Within it another's writes
// cannot make the copy start anew, as they would from step to step.
func copyPages(ctx context.Context, from, to string, progress func(done, total int64)) (err error) {
	src, err := open(ctx, from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := sqlite.OpenConn(to, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	// The copy is brought to disk once, when it is whole; half of it is removed.
	for _, pragma := range []string{"journal_mode = OFF", "synchronous = OFF"} {
		if err := sqlitex.ExecuteTransient(dst, "PRAGMA "+pragma, nil); err != nil {
			return err
		}
	}
	end := sqlitex.Transaction(src)
	defer end(&err)
	have, err := schemaOf(src) // begins to read
	if err != nil {
		return err
	}
	known, err := newestSchema()
	switch {
	case err != nil:
		return err
	case have == 0:
		return errors.New("it is no database of Scrip's")
	case have > known:
		return fmt.Errorf("it has schema %d, this program knows %d: use a newer program", have, known)
	}
	b, err := sqlite.NewBackup(dst, "main", src, "main")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for more := true; more; {
		if more, err = b.Step(backupStep); err != nil {
			return err
		}
		if progress != nil {
			progress(int64(b.PageCount()-b.Remaining()), int64(b.PageCount()))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// open opens a database that exists, and changes nothing in it.
func open(ctx context.Context, path string) (*sqlite.Conn, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, cause(err)
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetInterrupt(ctx.Done())
	conn.SetBusyTimeout(10 * time.Second)
	return conn, nil
}
