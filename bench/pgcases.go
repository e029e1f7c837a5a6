package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/adapters"
	"scrip/core"
	"scrip/webhooks"
)

// open gives a case a subject over funded accounts that has met each of them,
// and the name of its database; done drops that.
func (s *pgServer) open(ctx context.Context, accounts int) (b *subject, name string, done func(), err error) {
	if name, err = s.funded(ctx, accounts); err != nil {
		return nil, "", nil, err
	}
	if b, err = s.subject(ctx, name); err != nil {
		return nil, "", nil, err
	}
	done = func() { b.close(); s.drop(name) }
	if err := repeat(ctx, b.ledger, accounts); err != nil {
		done()
		return nil, "", nil, err
	}
	return b, name, done, nil
}

// bare gives a case the limit over a database of its own.
func (s *pgServer) bare(ctx context.Context, accounts int, choose func() func() int) (b *pgBare, done func(), err error) {
	name, err := s.create(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	if b, err = openPgBare(ctx, s.at(name), accounts, choose); err != nil {
		return nil, nil, err
	}
	return b, func() { b.close(); s.drop(name) }, nil
}

// debit measures durable debits through the ledger against bare writes of the
// same rows, 500 a transaction over one connection.
func (s *pgServer) debit(ctx context.Context, name string, callers int, choose func(int) func() func() int, p Pace) (Result, error) {
	p = s.pace(p)
	b, database, done, err := s.open(ctx, p.Accounts)
	if err != nil {
		return Result{}, err
	}
	defer done()
	bare, bareDone, err := s.bare(ctx, p.Accounts, choose(p.Accounts))
	if err != nil {
		return Result{}, err
	}
	defer bareDone()
	d := &debits{ledger: b.ledger, callers: callers, accounts: p.Accounts, choose: choose(p.Hot)}
	r, err := Compare(ctx, name, p, d.run, bare.run)
	if err == nil {
		err = s.kept(ctx, database, p.Accounts, d.made.Load())
	}
	if err == nil {
		err = bare.check(ctx)
	}
	return r, err
}

// hot measures durable debits of one account against the single statement that
// changes a row and notes it, sent by 16 clients.
func (s *pgServer) hot(ctx context.Context, name string, callers int, p Pace) (Result, error) {
	p = s.pace(p)
	b, database, done, err := s.open(ctx, p.Accounts)
	if err != nil {
		return Result{}, err
	}
	defer done()
	row, rowDone, err := s.row(ctx)
	if err != nil {
		return Result{}, err
	}
	defer rowDone()
	d := &debits{ledger: b.ledger, callers: callers, accounts: p.Accounts, choose: evenly(1)}
	r, err := Compare(ctx, name, p, d.run, row.run)
	if err == nil {
		err = s.kept(ctx, database, p.Accounts, d.made.Load())
	}
	if err == nil {
		err = row.check(ctx)
	}
	return r, err
}

// overHTTP measures debits, one a request, against an echo.
func (s *pgServer) overHTTP(ctx context.Context, name string, connections int, p Pace) (Result, error) {
	p = s.pace(p)
	b, database, done, err := s.open(ctx, p.Accounts)
	if err != nil {
		return Result{}, err
	}
	defer done()
	return b.overHTTP(ctx, name, nil, p, single(connections, p.Accounts),
		func(ctx context.Context, requests int64) error { return s.kept(ctx, database, p.Accounts, requests) })
}

// batch measures debits, a hundred a request, against bare writes of the same
// rows.
func (s *pgServer) batch(ctx context.Context, name string, connections int, p Pace) (Result, error) {
	p = s.pace(p)
	b, database, done, err := s.open(ctx, p.Accounts)
	if err != nil {
		return Result{}, err
	}
	defer done()
	bare, bareDone, err := s.bare(ctx, p.Accounts, evenly(p.Accounts))
	if err != nil {
		return Result{}, err
	}
	defer bareDone()
	return b.inBatches(ctx, name, connections, p, bare.run,
		func(ctx context.Context, made int64) error { return s.kept(ctx, database, p.Accounts, made) })
}

// balance measures balance reads through the ledger, one after another,
// against the account's row and its grants read bare over one connection.
func (s *pgServer) balance(ctx context.Context, name string, p Pace) (Result, error) {
	p = s.pace(p)
	b, database, done, err := s.open(ctx, p.Accounts)
	if err != nil {
		return Result{}, err
	}
	defer done()
	conn, err := pgx.Connect(ctx, s.at(database))
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	return Compare(ctx, name, p, reading(p.Accounts, func(c string) error { return b.balance(ctx, c, grantsEach) }),
		reading(p.Accounts, func(c string) error { return readBare(ctx, conn, c) }))
}

// readBare reads an account and its grants in one round trip.
func readBare(ctx context.Context, conn *pgx.Conn, c string) error {
	bucket, account := core.Bucket(c), c+"/"+credits.Code
	var batch pgx.Batch
	batch.Queue("SELECT seq, head, consumed, holds, due, windows FROM accounts WHERE bucket = $1 AND account = $2", bucket, account)
	batch.Queue("SELECT id, amount, remaining, held, ended, metadata FROM grants WHERE bucket = $1 AND account = $2 AND live", bucket, account)
	results := conn.SendBatch(ctx, &batch)
	read := 0
	for range 2 {
		rows, err := results.Query()
		if err != nil {
			_ = results.Close()
			return err
		}
		for ; rows.Next(); read++ {
			_ = rows.RawValues()
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	if read != 1+grantsEach {
		return fmt.Errorf("%d rows of %s were read", read, c)
	}
	return nil
}

// webhook measures deliveries of 2 KiB, verified, stored and acknowledged,
// against an echo.
func (s *pgServer) webhook(ctx context.Context, name string, connections int, p Pace) (Result, error) {
	p = s.pace(p)
	b, database, done, err := s.open(ctx, 0)
	if err != nil {
		return Result{}, err
	}
	defer done()
	v := newPoster("secret of the benchmark")
	receiver := webhooks.NewReceiver(webhooks.Options{
		Ledger: b.ledger, Ports: map[string]*adapters.Port{"main": adapters.NewPort(v, adapters.Limits{})}, Wall: time.Now,
	})
	return b.overHTTP(ctx, name, receiver, p, v.traffic(connections), func(ctx context.Context, deliveries int64) error {
		if err := b.stored(ctx, deliveries); err != nil {
			return err
		}
		return s.delivered(ctx, database, deliveries)
	})
}

// pace adds what the server's processes use.
func (s *pgServer) pace(p Pace) Pace {
	p = p.withDefaults()
	if s.pid != 0 {
		p.server = s.processorTime
	}
	return p
}
