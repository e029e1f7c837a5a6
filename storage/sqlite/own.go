package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"zombiezen.com/go/sqlite/sqlitex"
)

// ErrLocked says that another process holds a lock of the database.
var ErrLocked = errors.New("another process holds it")

// Lock takes the named lock of the database at path, such as the one that lets
// one operator at a time apply a change. It ends with release, or with the
// process; [ErrLocked] when another process has it.
func Lock(path, name string) (release func() error, err error) {
	file, err := os.OpenFile(path+"."+name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock database %q: %w", filepath.Base(path), err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("cannot lock database %q: %w", filepath.Base(path), err)
	}
	return file.Close, nil
}

// LockQueues takes the lock of the process that works the database's queues,
// for one that opens it several times, with [Options.Held], and must not lose
// them to another in between.
func LockQueues(path string) (release func() error, err error) {
	if release, err = Lock(path, "lock"); errors.Is(err, ErrLocked) {
		err = fmt.Errorf("database %q is served by another process, stop that one first: %w", filepath.Base(path), ErrLocked)
	}
	return release, err
}

// own makes this process the only one that works the file's queues, by a lock
// that ends with the process, and frees what a dead owner had leased, so that
// its work goes on at once and not when the leases end. Fences keep a late
// answer of the dead owner's calls from settling anything.
func (s *Store) own(path string, held bool) (err error) {
	if !held {
		if s.unlock, err = LockQueues(path); err != nil {
			return err
		}
	}
	end, err := sqlitex.ImmediateTransaction(s.write.conn)
	if err != nil {
		return err
	}
	defer end(&err)
	for _, table := range []string{"inbox", "outbox"} {
		q := query(s.write.conn, "UPDATE "+table+" SET leased = 0, fence = fence + 1 WHERE leased <> 0 AND state = 'waiting'")
		if err := q.run(); err != nil {
			return err
		}
	}
	return nil
}
