package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	zombie "zombiezen.com/go/sqlite"

	"scrip/core/ledger"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
	"scrip/storage/sqlite"
)

// leastFree is the free space below which commits may soon fail.
const leastFree = 256 << 20

const restoreHint = "stop the gateway, keep the file, and put the last backup in its place: docs/operations.md"

// database looks at where everything is kept and opens it, unless that would
// change it.
func (d *doctor) database(ctx context.Context, c *config.Config) ledger.Store {
	reference := strings.HasPrefix(c.Storage, "env:") || strings.HasPrefix(c.Storage, "file:")
	switch {
	case onPostgres(c):
		return d.server(ctx, c)
	case reference:
		d.warn("storage", "put the address where its reference says, in the environment of this process too", "where the database is is not known, it was not looked at")
		return nil
	}
	if store := d.storage(ctx, sqlitePath(c)); store != nil {
		return store
	}
	return nil
}

// storage looks at the database file and opens it, unless that would change it.
func (d *doctor) storage(ctx context.Context, path string) *sqlite.Store {
	if zombie.VersionNumber < sqlite.MinVersion {
		d.fail("sqlite", "build with a newer modernc.org/sqlite", "version %s can lose commits, 3.51.3 is the least", sqlite.Version)
		return nil
	}
	d.ok("sqlite", "version %s", sqlite.Version)
	state, err := sqlite.Inspect(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			d.fail("storage", "make the folder", "the folder %s of the database does not exist", filepath.Dir(path))
			return nil
		}
		d.warn("storage", "scrip serve makes it", "the database %s does not exist yet", path)
		return nil
	case err != nil:
		d.fail("storage", restoreHint, "%s", err)
		return nil
	case len(state.Damage) > 0:
		d.fail("storage", restoreHint, "the database is damaged: %s", strings.Join(state.Damage, "; "))
		return nil
	}
	d.rights(path)
	d.space(path, state.Bytes)
	switch {
	case state.Schema > state.Known:
		d.fail("storage", "use the program that wrote it, or a newer one", "the database has schema %d, this program knows %d", state.Schema, state.Known)
		return nil
	case state.Schema < state.Known:
		d.warn("storage", "scrip backup FILE, then scrip serve, which brings it up to date",
			"the database has schema %d, this program %d; its content was not looked at", state.Schema, state.Known)
		return nil
	}
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		d.fail("storage", "check that the file and its folder may be written", "%s", err)
		return nil
	}
	d.ok("storage", "%s opens, schema %d, %s, sound by a quick check", path, state.Schema, sizeText(state.Bytes))
	return store
}

// sizeText is a size for people.
func sizeText(bytes int64) string {
	if bytes < 10<<20 {
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// rights looks at who else can read or change the database.
func (d *doctor) rights(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case info.Mode().Perm()&0o002 != 0:
		d.fail("storage", "chmod o-rw "+path, "everyone on this machine can change the database")
	case info.Mode().Perm()&0o004 != 0:
		d.warn("storage", "chmod o-r "+path+"*", "everyone on this machine can read the database, customers and balances are in it")
	}
}

// space compares what the disk has left with what the database takes.
func (d *doctor) space(path string, size int64) {
	free, err := sqlite.Free(filepath.Dir(path))
	switch {
	case err != nil:
		d.warn("disk", "", "%s", err)
	case free < leastFree:
		d.fail("disk", "make room: without any every debit is refused", "%s are free, the database takes %s", sizeText(free), sizeText(size))
	case free < 2*size:
		d.warn("disk", "make room for the database to grow, or keep backups elsewhere", "%s are free, the database takes %s", sizeText(free), sizeText(size))
	default:
		d.ok("disk", "%s are free, the database takes %s", sizeText(free), sizeText(size))
	}
}

// applied compares the file with what is in force, and returns the connections
// of both. The app is not run.
func (d *doctor) applied(ctx context.Context, store ledger.Store, file *configFile) []config.Connection {
	a := &app{store: store, log: slog.New(slog.DiscardHandler)}
	err := a.settle(ctx, file, false)
	switch {
	case err != nil:
		d.fail("applied", "no gateway starts so: put back what is missing, or mend the config file", "%s", err)
		return file.config.Connections
	case a.applied == nil:
		d.ok("applied", "nothing yet: the first start applies the config file")
	case a.fault != nil:
		d.fail("applied", "mend the config file; what is applied stays in force", "the config file cannot follow on what is applied: %s", a.fault)
	case a.pending:
		d.warn("applied", "scrip plan shows how, scrip apply puts it in force", "the config file differs from what is applied, which stays in force")
	default:
		d.ok("applied", "the config file is in force, since %s", a.applied.At)
	}
	return bothConnections(a)
}

// moves tells of a change that is under way.
func (d *doctor) moves(ctx context.Context, reader ledger.Reader) {
	m, err := migrate.CurrentMove(ctx, reader)
	switch {
	case err != nil:
		d.fail("move", "", "how far a move has come cannot be read: %s", err)
	case m == nil || m.Phase.Ended():
	case m.Phase == migrate.Moved:
		d.warn("move", "scrip apply --drain ends it, scrip rollback goes back", "%q leads since %s, and %q is still told", m.Target, m.Updated, m.Source)
	default:
		d.warn("move", "scrip apply goes on, scrip rollback goes back", "the move from %q to %q stands at %s since %s", m.Source, m.Target, m.Phase, m.Updated)
	}
	c, err := migrate.CurrentConversion(ctx, reader)
	switch {
	case err != nil:
		d.fail("unit", "", "how far a change of the unit has come cannot be read: %s", err)
	case c != nil && !c.Ended():
		d.warn("unit", "scrip apply goes on, scrip rollback goes back", "the change from %q to %q stands at %s since %s", c.From, c.To, c.Phase, c.Updated)
	}
}
