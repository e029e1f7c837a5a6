package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/config"
	"scrip/storage/pgserver"
	"scrip/storage/postgres"
	"scrip/storage/sqlite"
)

// ownership says who works the queues of a database that one process works at
// a time. On PostgreSQL everybody may: leases and fences keep them apart.
type ownership struct {
	own  bool // this process
	held bool // and it holds their lock already
}

// openStore opens the database that a config names.
func openStore(ctx context.Context, c *config.Config, o ownership) (ledger.Store, error) {
	if onPostgres(c) {
		store, err := postgres.Open(ctx, c.Database.Reveal(), postgres.Options{MaxConns: pgserver.Pool(c.Database.Reveal())})
		if err != nil {
			return nil, unnamed(c, err)
		}
		return store, nil
	}
	return sqlite.OpenWith(ctx, sqlitePath(c), sqlite.Options{Own: o.own, Held: o.held})
}

func onPostgres(c *config.Config) bool { return c.Database.Reveal() != "" }

func sqlitePath(c *config.Config) string { return strings.TrimPrefix(c.Storage, "sqlite:") }

// isServed says that another process works the queues of the database.
func isServed(err error) bool { return errors.Is(err, sqlite.ErrLocked) }

// schemaOnPostgres is the schema that this program knows.
const schemaOnPostgres = 1

// lockQueues keeps the queues this process's while it opens the database
// several times.
func lockQueues(c *config.Config) (release func() error, err error) {
	if onPostgres(c) {
		return func() error { return nil }, nil
	}
	return sqlite.LockQueues(sqlitePath(c))
}

// onlyOperator keeps others from applying anything until it is released, or
// held ends, because the lock was lost.
func onlyOperator(ctx context.Context, c *config.Config) (held context.Context, release func() error, err error) {
	if onPostgres(c) {
		held, release, err = pgserver.Lock(ctx, c.Database.Reveal(), "apply")
		err = unnamed(c, err)
	} else {
		held = ctx
		release, err = sqlite.Lock(sqlitePath(c), "apply.lock")
	}
	if errors.Is(err, sqlite.ErrLocked) || errors.Is(err, pgserver.ErrLocked) {
		err = core.Errorf(core.CodeConversionInProgress, "another operator is applying a change to this database")
	}
	return held, release, err
}

// lost says so where the lock was lost under way: whatever else went wrong then
// is its consequence.
func lost(held context.Context, err error) error {
	if cause := context.Cause(held); err != nil && errors.Is(cause, pgserver.ErrLost) {
		return core.Errorf(core.CodeUnavailable, "%s: what was done is kept, scrip apply goes on", cause)
	}
	return err
}

// onSQLiteOnly refuses what only a database in a file has, and says what takes
// its place.
func onSQLiteOnly(c *config.Config, what, instead string) error {
	if !onPostgres(c) {
		return nil
	}
	return core.Errorf(core.CodeNotSupported, "%s is for SQLite, and storage is a PostgreSQL: %s", what, instead)
}

// unnamed is err without what only the owner of the database may know. The
// driver leaves passwords out of its errors; this does not rely on it.
func unnamed(c *config.Config, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, s := range databaseSecrets(c) {
		for _, form := range []string{s.Reveal(), url.QueryEscape(s.Reveal()), url.PathEscape(s.Reveal())} {
			if len(form) >= minSecret {
				text = strings.ReplaceAll(text, form, "["+s.Ref+"]")
			}
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// databaseSecrets are the address of a PostgreSQL that brings a password, and
// the password.
func databaseSecrets(c *config.Config) []config.Secret {
	u, err := url.Parse(c.Database.Reveal())
	if err != nil {
		return nil
	}
	password, has := u.User.Password()
	if !has {
		return nil
	}
	return []config.Secret{c.Database, config.NewSecret(fmt.Sprintf("password of %s", c.Database.Ref), password)}
}
