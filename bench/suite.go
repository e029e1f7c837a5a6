package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// step is one case: it works in a folder of its own.
type step struct {
	name string
	run  func(ctx context.Context, dir, name string) (Result, error)
}

// Debit runs the cases of durable debits and of the burn-down, each in a
// folder of its own below dir, and hands each result to emit.
func Debit(ctx context.Context, dir string, emit func(Result)) error {
	sqlite := func(callers, hot int, relaxed bool) func(context.Context, string, string) (Result, error) {
		return func(ctx context.Context, dir, name string) (Result, error) {
			return DebitSQLite(ctx, dir, name, callers, relaxed, Pace{Hot: hot})
		}
	}
	burn := func(grants int) func(context.Context, string, string) (Result, error) {
		return func(ctx context.Context, _, _ string) (Result, error) { return Burn(ctx, grants, Pace{}) }
	}
	return each(ctx, dir, emit,
		step{"debit/sqlite-full/inproc/256", sqlite(256, 0, false)},
		step{"debit/sqlite-full/inproc/1", sqlite(1, 0, false)},
		step{"debit/sqlite-full/hot/256", sqlite(256, 1, false)},
		step{"debit/sqlite-normal/inproc/256", sqlite(256, 0, true)},
		step{"debit/sqlite-full-to-normal/inproc/256", func(ctx context.Context, dir, name string) (Result, error) {
			return DebitFullNormal(ctx, dir, name, 256, Pace{})
		}},
		step{"debit/http/64", func(ctx context.Context, dir, name string) (Result, error) {
			return DebitHTTP(ctx, dir, name, 64, Pace{})
		}},
		step{"burn/4", burn(4)},
		step{"burn/64", burn(64)},
		step{"charge/10", func(ctx context.Context, _, _ string) (Result, error) { return Charge(ctx, 10, Pace{}) }},
	)
}

// Batch runs the case of debits in batches.
func Batch(ctx context.Context, dir string, emit func(Result)) error {
	return each(ctx, dir, emit, step{"batch/http/100", func(ctx context.Context, dir, name string) (Result, error) {
		return BatchHTTP(ctx, dir, name, 8, Pace{})
	}})
}

// Webhook runs the case of taking deliveries.
func Webhook(ctx context.Context, dir string, emit func(Result)) error {
	return each(ctx, dir, emit, step{"webhook/sqlite-full/64", func(ctx context.Context, dir, name string) (Result, error) {
		return WebhookSQLite(ctx, dir, name, 64, Pace{})
	}})
}

// Reconciles runs the case of comparing so many customers with a vendor: one
// pair, after one that warms up.
func Reconciles(customers int) func(context.Context, string, func(Result)) error {
	return func(ctx context.Context, dir string, emit func(Result)) error {
		return each(ctx, dir, emit, step{"reconcile/" + short(customers), func(ctx context.Context, _, name string) (Result, error) {
			return Reconcile(ctx, name, customers, Pace{Pairs: 1})
		}})
	}
}

// Plans runs the case of planning the move of so many customers: one pair,
// after one that warms up.
func Plans(customers int) func(context.Context, string, func(Result)) error {
	return func(ctx context.Context, dir string, emit func(Result)) error {
		return each(ctx, dir, emit, step{"plan/" + short(customers), func(ctx context.Context, dir, name string) (Result, error) {
			return Plan(ctx, dir, name, customers, Pace{Pairs: 1})
		}})
	}
}

// short writes a million as 1m.
func short(n int) string {
	if n > 0 && n%1_000_000 == 0 {
		return fmt.Sprintf("%dm", n/1_000_000)
	}
	return fmt.Sprint(n)
}

// Read runs the case of reading balances.
func Read(ctx context.Context, dir string, emit func(Result)) error {
	return each(ctx, dir, emit, step{"balance/inproc", func(ctx context.Context, dir, name string) (Result, error) {
		return Balance(ctx, dir, name, Pace{})
	}})
}

// Audits runs the case of auditing so many entries: one pair, after one that
// warms up.
func Audits(entries int) func(context.Context, string, func(Result)) error {
	return func(ctx context.Context, dir string, emit func(Result)) error {
		return each(ctx, dir, emit, step{fmt.Sprintf("audit/%d", entries), func(ctx context.Context, dir, name string) (Result, error) {
			return AuditEntries(ctx, dir, name, entries, Pace{Pairs: 1})
		}})
	}
}

// Histories runs the case of debiting an account with so many entries.
func Histories(entries int) func(context.Context, string, func(Result)) error {
	return func(ctx context.Context, dir string, emit func(Result)) error {
		return each(ctx, dir, emit, step{"debit/history/" + short(entries), func(ctx context.Context, dir, name string) (Result, error) {
			return History(ctx, dir, name, entries, Pace{})
		}})
	}
}

func each(ctx context.Context, dir string, emit func(Result), steps ...step) error {
	for _, s := range steps {
		folder := filepath.Join(dir, strings.ReplaceAll(s.name, "/", "-"))
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
		r, err := s.run(ctx, folder, s.name)
		if err != nil {
			return err
		}
		emit(r)
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return nil
}
