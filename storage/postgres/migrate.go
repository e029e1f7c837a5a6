package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Two programs may share a database while one replaces the other: the newer
// brings the schema up to date, the older goes on as long as the newest
// migration says that it may. least is the oldest schema that a program must
// know to run on this one; a migration that the one before cannot live with
// raises it.
const least = 1

// migrationLock is the advisory lock under which schemas change.
const migrationLock = 0x5c_71_70_00_00_01

// migrationWait bounds the wait for another program's migration, and a
// migration itself.
const migrationWait = 10 * time.Minute

// migrate applies the numbered migrations that the database has not seen, each
// with its number in one transaction.
func migrate(ctx context.Context, config *pgx.ConnConfig) error {
	names, err := migrationNames()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, migrationWait)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// Most opens find nothing to do.
	have, err := schemaOf(ctx, conn)
	if err != nil {
		return err
	}
	if have == len(names) {
		return nil
	}
	for i, name := range names {
		if err := migrateTo(ctx, conn, i+1, name); err != nil {
			return fmt.Errorf("migration %s: %w", strings.TrimPrefix(name, "migrations/"), err)
		}
	}
	_, err = schemaOf(ctx, conn)
	return err
}

func migrationNames() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	sort.Strings(names)
	return names, err
}

// schemaOf is the number of the newest migration that the database has seen,
// which must be one that this program can live with.
func schemaOf(ctx context.Context, conn *pgx.Conn) (have int, err error) {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('schema_versions') IS NOT NULL").Scan(&there); err != nil || !there {
		return 0, err
	}
	var oldest int
	err = conn.QueryRow(ctx, "SELECT coalesce(max(version), 0), coalesce(max(least), 0) FROM schema_versions").Scan(&have, &oldest)
	if err != nil {
		return 0, err
	}
	names, err := migrationNames()
	if err == nil && oldest > len(names) {
		err = fmt.Errorf("the database has schema %d, which programs older than schema %d cannot use, and this one knows %d: use a newer program", have, oldest, len(names))
	}
	return have, err
}

func migrateTo(ctx context.Context, conn *pgx.Conn, number int, name string) error {
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		wait := milliseconds(migrationWait)
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = "+wait+"; SET LOCAL statement_timeout = "+wait); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		const table = "CREATE TABLE IF NOT EXISTS schema_versions (version int NOT NULL PRIMARY KEY, least int NOT NULL)"
		if _, err := tx.Exec(ctx, table); err != nil {
			return err
		}
		var done bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM schema_versions WHERE version >= $1)", number).Scan(&done); err != nil || done {
			return err
		}
		if _, err := tx.Exec(ctx, string(text)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO schema_versions (version, least) VALUES ($1, $2)", number, min(least, number))
		return err
	})
}
