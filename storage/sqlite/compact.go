package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Compact writes the database at path anew, without the space that is free and
// what may still be read there: rows that moved from page to page leave copies
// behind, which no overwriting of the row itself reaches. Nothing may serve it
// meanwhile; as much free disk is needed as the database has.
func Compact(ctx context.Context, path string) (err error) {
	release, err := LockQueues(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenWAL)
	if err != nil {
		return fmt.Errorf("cannot open database %q: %w", filepath.Base(path), err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetInterrupt(ctx.Done())
	for _, statement := range []string{"PRAGMA busy_timeout = 10000", "PRAGMA " + secureFull, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if err := sqlitex.ExecuteTransient(conn, statement, nil); err != nil {
			return fmt.Errorf("cannot compact database %q: %w", filepath.Base(path), err)
		}
	}
	return nil
}
