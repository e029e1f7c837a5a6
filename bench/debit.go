package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// accounts is how many customers share the load.
const accounts = 10_000

var credits = core.Unit{Code: "credits", Scale: 2}

// DebitSQLite measures durable debits through the ledger against bare writes
// of the same rows in groups of up to 100.
func DebitSQLite(ctx context.Context, dir, name string, callers int, relaxed bool, p Pace) (Result, error) {
	store, err := sqlite.OpenWith(ctx, filepath.Join(dir, "subject.db"), sqlite.Options{Relaxed: relaxed})
	if err != nil {
		return Result{}, err
	}
	defer store.Close()
	outward, err := mapping.NewOutward(mapping.Route{Primary: "main"}, []mapping.Connection{{
		Name: "main", Strategy: adapters.Meter, Window: time.Hour,
		Rate: core.Price{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"},
	}}, []core.Unit{credits})
	if err != nil {
		return Result{}, err
	}
	l := ledger.Open(store, ledger.Options{
		Now: clock.WallNow, Units: []core.Unit{credits}, Order: core.DefaultOrder(), Outward: outward,
	})
	defer l.Close()
	if err := fund(ctx, l); err != nil {
		return Result{}, err
	}
	bare, err := openBare(filepath.Join(dir, "limit.db"), relaxed)
	if err != nil {
		return Result{}, err
	}
	defer bare.close()
	d := &debits{ledger: l, callers: callers}
	return Compare(ctx, name, p, d.run, func(ctx context.Context, t time.Duration) (Slice, error) {
		return bare.run(ctx, t, min(callers, 100))
	})
}

// fund gives every account one grant that outlasts the benchmark, and opens
// its consumption window by a first debit.
func fund(ctx context.Context, l *ledger.Ledger) error {
	workers := pool.New().WithErrors().WithMaxGoroutines(256)
	for i := range accounts {
		workers.Go(func() error {
			id := customer(i)
			if _, _, err := l.PutCustomer(ctx, ledger.Customer{ID: id}); err != nil {
				return err
			}
			account := ledger.AccountKey{Customer: id, Unit: credits.Code}
			_, _, err := l.Issue(ctx, "fund-"+id, account,
				core.Terms{Amount: 1_000_000_000, Category: core.Paid, Priority: core.DefaultPriority})
			if err != nil {
				return err
			}
			_, _, err = l.Debit(ctx, "first-"+id, ledger.Charge{Account: account, Amount: 1})
			return err
		})
	}
	return workers.Wait()
}

func customer(i int) string { return fmt.Sprintf("customer-%05d", i) }

// debits is the subject: callers that each debit and wait for the commit.
type debits struct {
	ledger  *ledger.Ledger
	callers int
	made    atomic.Int64
}

func (d *debits) run(ctx context.Context, t time.Duration) (Slice, error) {
	until := time.Now().Add(t)
	callers := pool.NewWithResults[[]time.Duration]().WithErrors()
	for range d.callers {
		callers.Go(func() ([]time.Duration, error) {
			var taken []time.Duration
			for time.Now().Before(until) {
				start := time.Now()
				key := fmt.Sprintf("bench-debit-%012d", d.made.Add(1))
				_, _, err := d.ledger.Debit(ctx, key, ledger.Charge{
					Account: ledger.AccountKey{Customer: customer(rand.IntN(accounts)), Unit: credits.Code}, Amount: 5,
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
	var s Slice
	for _, list := range lists {
		s.Ops += len(list)
		s.Taken = append(s.Taken, list...)
	}
	return s, err
}
