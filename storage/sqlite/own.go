package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"zombiezen.com/go/sqlite/sqlitex"
)

// own makes this process the only one that works the file's queues, by a lock
// that ends with the process, and frees what a dead owner had leased, so that
// its work goes on at once and not when the leases end. Fences keep a late
// answer of the dead owner's calls from settling anything.
func (s *Store) own(path string) (err error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("cannot lock database %q: %w", filepath.Base(path), err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("database %q is served by another process: stop that one first", filepath.Base(path))
		}
		return fmt.Errorf("cannot lock database %q: %w", filepath.Base(path), err)
	}
	s.lock = lock
	end, err := sqlitex.ImmediateTransaction(s.write.conn)
	if err != nil {
		return err
	}
	defer end(&err)
	for _, table := range []string{"inbox", "outbox"} {
		if err := sqlitex.Execute(s.write.conn, "UPDATE "+table+" SET leased = 0, fence = fence + 1 WHERE leased <> 0 AND state = 'waiting'", nil); err != nil {
			return err
		}
	}
	return nil
}
