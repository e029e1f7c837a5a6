package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"scrip/internal/pgrun"
)

// Setup says where the cases are run and what becomes of their results.
// Close it when the last has run.
type Setup struct {
	Dir     string            // a folder for what cases keep while they run
	Storage string            // the address of a PostgreSQL for the cases on one; empty: one is started
	Only    string            // the start of the names of the cases that run
	Emit    func(Result)      // gets each result
	Say     func(line string) // is told what is left out

	server *pgServer
}

// Close ends what the cases have shared.
func (s *Setup) Close() error {
	if s.server == nil {
		return nil
	}
	err := s.server.close()
	s.server = nil
	return err
}

// step is one case: it works in a folder of its own, or on a PostgreSQL.
type step struct {
	name string
	run  func(ctx context.Context, dir, name string) (Result, error)
	on   func(ctx context.Context, server *pgServer, name string) (Result, error)
}

// Debit runs the cases of durable debits and of the burn-down.
func Debit(ctx context.Context, s *Setup) error {
	sqlite := func(callers, hot int, relaxed bool) func(context.Context, string, string) (Result, error) {
		return func(ctx context.Context, dir, name string) (Result, error) {
			return DebitSQLite(ctx, dir, name, callers, relaxed, Pace{Hot: hot})
		}
	}
	burn := func(grants int) func(context.Context, string, string) (Result, error) {
		return func(ctx context.Context, _, _ string) (Result, error) { return Burn(ctx, grants, Pace{}) }
	}
	postgres := func(choose func(int) func() func() int) func(context.Context, *pgServer, string) (Result, error) {
		return func(ctx context.Context, server *pgServer, name string) (Result, error) {
			return server.debit(ctx, name, 256, choose, Pace{})
		}
	}
	return s.each(ctx,
		step{name: "debit/sqlite-full/inproc/256", run: sqlite(256, 0, false)},
		step{name: "debit/sqlite-full/inproc/1", run: sqlite(1, 0, false)},
		step{name: "debit/sqlite-full/hot/256", run: sqlite(256, 1, false)},
		step{name: "debit/sqlite-normal/inproc/256", run: sqlite(256, 0, true)},
		step{name: "debit/sqlite-full-to-normal/inproc/256", run: func(ctx context.Context, dir, name string) (Result, error) {
			return DebitFullNormal(ctx, dir, name, 256, Pace{})
		}},
		step{name: "debit/http/64", run: func(ctx context.Context, dir, name string) (Result, error) {
			return DebitHTTP(ctx, dir, name, 64, Pace{})
		}},
		step{name: "debit/pg/inproc/256", on: postgres(evenly)},
		step{name: "debit/pg/zipf/256", on: postgres(unevenly)},
		step{name: "debit/pg/hot/256", on: func(ctx context.Context, server *pgServer, name string) (Result, error) {
			return server.hot(ctx, name, 256, Pace{})
		}},
		step{name: "debit/pg/http/64", on: func(ctx context.Context, server *pgServer, name string) (Result, error) {
			return server.overHTTP(ctx, name, 64, Pace{})
		}},
		step{name: "burn/4", run: burn(4)},
		step{name: "burn/64", run: burn(64)},
		step{name: "charge/10", run: func(ctx context.Context, _, _ string) (Result, error) { return Charge(ctx, 10, Pace{}) }},
	)
}

// Batch runs the cases of debits in batches.
func Batch(ctx context.Context, s *Setup) error {
	return s.each(ctx,
		step{name: "batch/http/100", run: func(ctx context.Context, dir, name string) (Result, error) {
			return BatchHTTP(ctx, dir, name, 8, Pace{})
		}},
		step{name: "batch/pg/http/100", on: func(ctx context.Context, server *pgServer, name string) (Result, error) {
			return server.batch(ctx, name, 8, Pace{})
		}})
}

// Webhook runs the cases of taking deliveries.
func Webhook(ctx context.Context, s *Setup) error {
	return s.each(ctx,
		step{name: "webhook/sqlite-full/64", run: func(ctx context.Context, dir, name string) (Result, error) {
			return WebhookSQLite(ctx, dir, name, 64, Pace{})
		}},
		step{name: "webhook/pg/64", on: func(ctx context.Context, server *pgServer, name string) (Result, error) {
			return server.webhook(ctx, name, 64, Pace{})
		}})
}

// Reconciles runs the case of comparing so many customers with a vendor: one
// pair, after one that warms up.
func Reconciles(customers int) func(context.Context, *Setup) error {
	return one("reconcile/"+short(customers), func(ctx context.Context, _, name string) (Result, error) {
		return Reconcile(ctx, name, customers, Pace{Pairs: 1})
	})
}

// Plans runs the case of planning the move of so many customers: one pair,
// after one that warms up.
func Plans(customers int) func(context.Context, *Setup) error {
	return one("plan/"+short(customers), func(ctx context.Context, dir, name string) (Result, error) {
		return Plan(ctx, dir, name, customers, Pace{Pairs: 1})
	})
}

// Audits runs the case of auditing so many entries: one pair, after one that
// warms up.
func Audits(entries int) func(context.Context, *Setup) error {
	return one(fmt.Sprintf("audit/%d", entries), func(ctx context.Context, dir, name string) (Result, error) {
		return AuditEntries(ctx, dir, name, entries, Pace{Pairs: 1})
	})
}

// Histories runs the case of debiting an account with so many entries.
func Histories(entries int) func(context.Context, *Setup) error {
	return one("debit/history/"+short(entries), func(ctx context.Context, dir, name string) (Result, error) {
		return History(ctx, dir, name, entries, Pace{})
	})
}

func one(name string, run func(ctx context.Context, dir, name string) (Result, error)) func(context.Context, *Setup) error {
	return func(ctx context.Context, s *Setup) error { return s.each(ctx, step{name: name, run: run}) }
}

// short writes a million as 1m.
func short(n int) string {
	if n > 0 && n%1_000_000 == 0 {
		return fmt.Sprintf("%dm", n/1_000_000)
	}
	return fmt.Sprint(n)
}

// Read runs the cases of reading balances.
func Read(ctx context.Context, s *Setup) error {
	return s.each(ctx,
		step{name: "balance/inproc", run: func(ctx context.Context, dir, name string) (Result, error) {
			return Balance(ctx, dir, name, Pace{})
		}},
		step{name: "balance/pg/inproc", on: func(ctx context.Context, server *pgServer, name string) (Result, error) {
			return server.balance(ctx, name, Pace{})
		}})
}

func (s *Setup) each(ctx context.Context, steps ...step) error {
	var names []string
	for _, c := range steps {
		names = append(names, c.name)
	}
	begins := func(name string) bool { return strings.HasPrefix(name, s.Only) }
	if !slices.ContainsFunc(names, begins) {
		return fmt.Errorf("no case begins with %q, there are %s", s.Only, strings.Join(names, ", "))
	}
	for _, c := range steps {
		if !begins(c.name) {
			continue
		}
		r, err := s.measure(ctx, c)
		if errors.Is(err, pgrun.ErrMissing) {
			s.Say(c.name + " is left out: " + err.Error())
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		s.Emit(r)
	}
	return nil
}

func (s *Setup) measure(ctx context.Context, c step) (r Result, err error) {
	if c.on != nil {
		if s.server == nil {
			if s.server, err = openServer(ctx, s.Storage); err != nil {
				return r, err
			}
		}
		return c.on(ctx, s.server, c.name)
	}
	folder := filepath.Join(s.Dir, strings.ReplaceAll(c.name, "/", "-"))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return r, err
	}
	if r, err = c.run(ctx, folder, c.name); err != nil {
		return r, err
	}
	return r, os.RemoveAll(folder)
}
