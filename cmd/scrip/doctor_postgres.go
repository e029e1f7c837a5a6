package main

import (
	"cmp"
	"context"
	"time"

	"scrip/core/ledger"
	"scrip/mapping/config"
	"scrip/storage/pgserver"
)

// How far the server's clock may be away before somebody should look, and
// before it is a failure: leases are given by the clocks of the processes, and
// every commit waits for the latest business time that any of them has used.
const (
	skewWarn = time.Second
	skewFail = 30 * time.Second
)

// poolSize is how many connections a process takes where the address does not
// say, and the one beside them for what is applied.
const poolSize = 10

// server looks at the PostgreSQL of the config, and opens the database unless
// that would change it.
func (d *doctor) server(ctx context.Context, c *config.Config) ledger.Store {
	at := c.DatabaseName()
	s, err := pgserver.Inspect(ctx, c.Database.Reveal())
	if err != nil {
		d.fail("storage", "see that the server runs, can be reached from here and lets this user in", "%s does not answer: %s", at, unnamed(c, err))
		return nil
	}
	if s.Version < pgserver.LeastVersion {
		d.fail("postgres", "use PostgreSQL 14 or newer", "version %s is too old", s.VersionText)
		return nil
	}
	d.ok("postgres", "version %s", s.VersionText)
	d.durable(s)
	d.connected(c, s)
	d.serverClock(s)
	return d.tables(ctx, c, s)
}

// durable looks at what a server may lose that it has acknowledged.
func (d *doctor) durable(s *pgserver.State) {
	before := len(d.list)
	if s.Encoding != "UTF8" {
		d.fail("durable", "create the database with ENCODING 'UTF8'", "the database keeps text as %s", s.Encoding)
	}
	if !s.Fsync {
		d.fail("durable", "fsync = on in postgresql.conf", "the server does not wait for the disk: a power cut can destroy the database")
	}
	if !s.FullPages {
		d.fail("durable", "full_page_writes = on in postgresql.conf", "a page that is half written in a power cut cannot be mended")
	}
	switch {
	case s.Commits == "off":
		d.fail("durable", "synchronous_commit = on, for this user and database too", "commits are acknowledged before they are durable")
	case s.Standbys == "":
	case s.Commits == "local":
		d.warn("durable", "synchronous_commit = on", "commits do not wait for the standby: what it has not heard is lost when it takes over")
	case s.Commits == "remote_write":
		d.warn("durable", "synchronous_commit = on", "commits do not wait for the standby's disk: what it has not written is lost when both machines fail")
	}
	switch {
	case len(d.list) > before:
	case s.Standbys == "":
		d.ok("durable", "commits wait for the server's disk; there is no synchronous standby, so they are as safe as that disk")
	default:
		d.ok("durable", "commits wait for the disks of the server and of its standby (%s)", s.Standbys)
	}
}

// connected looks at the way to the server, and at how many may go it.
func (d *doctor) connected(c *config.Config, s *pgserver.State) {
	if !s.Encrypted && !s.Local {
		d.warn("connection", "sslmode=verify-full in the address, and a certificate on the server",
			"the connection to %s is not encrypted: who listens on the way reads everything", c.DatabaseName())
	}
	pool := cmp.Or(s.Pool, poolSize) + 1
	switch free := s.MaxConnections - s.Used; {
	case free < pool:
		d.fail("connections", "raise max_connections, or lower pool_max_conns in the address",
			"%d of the server's %d connections are taken, a process needs up to %d", s.Used, s.MaxConnections, pool)
	case free < 2*pool:
		d.warn("connections", "raise max_connections, or lower pool_max_conns in the address",
			"%d of the server's %d connections are taken, a process needs up to %d: there is room for one more", s.Used, s.MaxConnections, pool)
	default:
		d.ok("connections", "%d of the server's %d are taken, a process needs up to %d", s.Used, s.MaxConnections, pool)
	}
}

func (d *doctor) serverClock(s *pgserver.State) {
	const mend = "let both machines follow the same time servers"
	ahead := s.LeastSkew().Abs()
	switch seen := s.Skew.Round(time.Millisecond); {
	case ahead > skewFail:
		d.fail("clock", mend, "the server's clock is %s away from ours", seen.Abs())
	case ahead > skewWarn:
		d.warn("clock", mend, "the server's clock is %s away from ours", seen.Abs())
	default:
		d.ok("clock", "the server's agrees with ours")
	}
}

// tables opens the store, where its tables are those of this program.
func (d *doctor) tables(ctx context.Context, c *config.Config, s *pgserver.State) ledger.Store {
	at, known := c.DatabaseName(), schemaOnPostgres
	switch {
	case s.Standby:
		d.fail("storage", "name all servers in the address, with target_session_attrs=read-write", "%s is a standby, which takes no writes", at)
		return nil
	case s.Schema == 0:
		d.warn("storage", "scrip serve makes them", "%s has no tables of Scrip yet", at)
		return nil
	case s.Least > known:
		d.fail("storage", "use the program that wrote it, or a newer one", "%s has schema %d, which takes a program that knows %d, this one knows %d", at, s.Schema, s.Least, known)
		return nil
	case s.Schema < known:
		d.warn("storage", "a dump, then scrip serve, which brings it up to date", "%s has schema %d, this program %d; its content was not looked at", at, s.Schema, known)
		return nil
	}
	store, err := openStore(ctx, c, ownership{})
	if err != nil {
		d.fail("storage", "see that this user may read and write the tables", "%s", err)
		return nil
	}
	d.ok("storage", "%s opens, schema %d, %s", at, s.Schema, sizeText(s.Bytes))
	return store
}
