package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/mapping"
	"scrip/storage/sqlite"
)

var credits = core.Unit{Code: "credits", Scale: 2}

// What every account is given.
const (
	funded     = 1_000_000_000
	grantsEach = 3 // on PostgreSQL
)

// subject is a funded ledger that is measured.
type subject struct {
	store  ledger.Store
	ledger *ledger.Ledger
}

func openSubject(ctx context.Context, dir string, accounts int, relaxed bool) (*subject, error) {
	store, err := sqlite.OpenWith(ctx, filepath.Join(dir, "subject.db"), sqlite.Options{Relaxed: relaxed})
	if err != nil {
		return nil, err
	}
	b, err := newSubject(store)
	if err != nil {
		return nil, err
	}
	if err := fund(ctx, b.ledger, accounts, 1); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// newSubject opens a ledger over a store, which it closes.
func newSubject(store ledger.Store) (*subject, error) {
	outward, err := mapping.NewOutward(mapping.Route{Primary: "main"}, []mapping.Connection{{
		Name: "main", Strategy: adapters.Meter, Window: time.Hour,
		Rate: core.Price{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"},
	}}, []core.Unit{credits})
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	return &subject{store: store, ledger: ledger.Open(store, ledger.Options{
		Now: clock.WallNow, Units: []core.Unit{credits}, Order: core.DefaultOrder(), Outward: outward,
	})}, nil
}

func (b *subject) close() {
	b.ledger.Close()
	_ = b.store.Close()
}

// DebitSQLite measures durable debits through the ledger against bare writes
// of the same rows in groups of up to 100; of one caller against the same
// reads and writes, one transaction a debit.
func DebitSQLite(ctx context.Context, dir, name string, callers int, relaxed bool, p Pace) (Result, error) {
	p = p.withDefaults()
	b, err := openSubject(ctx, dir, p.Accounts, relaxed)
	if err != nil {
		return Result{}, err
	}
	defer b.close()
	bare, err := openBare(filepath.Join(dir, "limit.db"), p.Accounts, relaxed)
	if err != nil {
		return Result{}, err
	}
	defer bare.close()
	bare.reads = callers == 1
	d := &debits{ledger: b.ledger, callers: callers, accounts: p.Accounts, choose: evenly(p.Hot)}
	r, err := Compare(ctx, name, p, d.run, func(ctx context.Context, t time.Duration) (Slice, error) {
		return bare.run(ctx, t, min(callers, 100))
	})
	if err == nil {
		err = d.check(ctx)
	}
	return r, err
}

// DebitFullNormal measures durable debits against those that a power cut may
// take back.
func DebitFullNormal(ctx context.Context, dir, name string, callers int, p Pace) (Result, error) {
	p = p.withDefaults()
	var sides [2]*debits
	for i, relaxed := range []bool{false, true} {
		folder := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			return Result{}, err
		}
		b, err := openSubject(ctx, folder, p.Accounts, relaxed)
		if err != nil {
			return Result{}, err
		}
		defer b.close()
		sides[i] = &debits{ledger: b.ledger, callers: callers, accounts: p.Accounts, choose: evenly(p.Hot)}
	}
	r, err := Compare(ctx, name, p, sides[0].run, sides[1].run)
	for _, side := range sides {
		if err == nil {
			err = side.check(ctx)
		}
	}
	return r, err
}

// fund gives every account grants that outlast the benchmark, and opens its
// consumption window by a first debit.
func fund(ctx context.Context, l *ledger.Ledger, accounts, grants int) error {
	workers := pool.New().WithErrors().WithMaxGoroutines(256)
	for i := range accounts {
		workers.Go(func() error {
			id := customer(i)
			if _, _, err := l.PutCustomer(ctx, ledger.Customer{ID: id}); err != nil {
				return err
			}
			account := ledger.AccountKey{Customer: id, Unit: credits.Code}
			for n := range grants {
				_, _, err := l.Issue(ctx, fmt.Sprintf("fund-%s-%d", id, n), account,
					core.Terms{Amount: funded, Category: core.Paid, Priority: core.DefaultPriority})
				if err != nil {
					return err
				}
			}
			return first(ctx, l, id)
		})
	}
	return workers.Wait()
}

func first(ctx context.Context, l *ledger.Ledger, id string) error {
	_, _, err := l.Debit(ctx, "first-"+id, ledger.Charge{Account: ledger.AccountKey{Customer: id, Unit: credits.Code}, Amount: 1})
	return err
}

// repeat gives every account its first debit again, by which nothing changes
// and the ledger has met each.
func repeat(ctx context.Context, l *ledger.Ledger, accounts int) error {
	workers := pool.New().WithErrors().WithMaxGoroutines(256)
	for i := range accounts {
		workers.Go(func() error { return first(ctx, l, customer(i)) })
	}
	return workers.Wait()
}

func customer(i int) string { return fmt.Sprintf("customer-%05d", i) }

// debits is the subject: callers that each debit and wait for the commit.
type debits struct {
	ledger   *ledger.Ledger
	callers  int
	accounts int
	choose   func() func() int // who is debited; each caller has its own
	made     atomic.Int64
}

// evenly chooses from the first n accounts, each as often.
func evenly(n int) func() func() int {
	return func() func() int { return func() int { return rand.IntN(n) } }
}

// unevenly chooses by Zipf's law: of 10,000 accounts the first has every
// seventh debit.
func unevenly(n int) func() func() int {
	return func() func() int {
		z := rand.NewZipf(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), 1.1, 1, uint64(n-1))
		return func() int { return int(z.Uint64()) }
	}
}

// check sees that the ledger kept each debit, once.
func (d *debits) check(ctx context.Context) error {
	return kept(ctx, d.ledger, d.accounts, d.made.Load())
}

// kept sees that a funded ledger kept so many debits of five parts, each once.
func kept(ctx context.Context, l *ledger.Ledger, accounts int, debits int64) error {
	var consumed core.Amount
	for i := range accounts {
		a, err := l.Account(ctx, ledger.AccountKey{Customer: customer(i), Unit: credits.Code})
		if err != nil {
			return err
		}
		consumed += a.Consumed
	}
	if want := core.Amount(5*debits) + core.Amount(accounts); consumed != want {
		return fmt.Errorf("the ledger kept %d of %d", consumed, want)
	}
	return nil
}

func (d *debits) run(ctx context.Context, t time.Duration) (Slice, error) {
	until := time.Now().Add(t)
	callers := pool.NewWithResults[[]time.Duration]().WithErrors()
	for range d.callers {
		callers.Go(func() ([]time.Duration, error) {
			var taken []time.Duration
			choose := d.choose()
			for time.Now().Before(until) {
				start := time.Now()
				key := fmt.Sprintf("bench-debit-%012d", d.made.Add(1))
				_, _, err := d.ledger.Debit(ctx, key, ledger.Charge{
					Account: ledger.AccountKey{Customer: customer(choose()), Unit: credits.Code}, Amount: 5,
				})
				if err != nil {
					return taken, err
				}
				taken = append(taken, time.Since(start))
			}
			return taken, nil
		})
	}
	lists, err := callers.Wait()
	return gathered(lists), err
}

func gathered(lists [][]time.Duration) (s Slice) {
	for _, list := range lists {
		s.Ops += len(list)
		s.Taken = append(s.Taken, list...)
	}
	return s
}
