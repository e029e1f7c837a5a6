package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/storage/sqlite"
)

// History measures debits of an account with so many entries behind it
// against the same debits of a new one: what was does not make what is slower.
func History(ctx context.Context, dir, name string, entries int, p Pace) (Result, error) {
	p = p.withDefaults()
	p.Accounts, p.Hot = 1, 1
	var sides [2]*debits
	for i, before := range []int{entries, 0} {
		folder := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			return Result{}, err
		}
		path := filepath.Join(folder, "subject.db")
		if before > 0 {
			if err := fillEntriesOf(ctx, path, customer(0), before); err != nil {
				return Result{}, err
			}
		}
		store, err := sqlite.OpenWith(ctx, path, sqlite.Options{})
		if err != nil {
			return Result{}, err
		}
		defer store.Close()
		l := ledger.Open(store, ledger.Options{Now: clock.WallNow, Units: []core.Unit{credits}, Order: core.DefaultOrder()})
		defer l.Close()
		if err := fund(ctx, l, 1, 1); err != nil {
			return Result{}, err
		}
		sides[i] = &debits{ledger: l, callers: 64, accounts: 1, choose: evenly(1)}
	}
	r, err := Compare(ctx, name, p, sides[0].run, sides[1].run)
	if err == nil {
		err = sides[1].check(ctx)
	}
	if err == nil {
		var a *core.Account
		a, err = sides[0].ledger.Account(ctx, ledger.AccountKey{Customer: customer(0), Unit: credits.Code})
		if want := core.Amount(5*sides[0].made.Load()) + core.Amount(entries); err == nil && a.Consumed != want {
			err = fmt.Errorf("the ledger kept %d of %d", a.Consumed, want)
		}
	}
	return r, err
}

// fillEntriesOf gives one account so many entries.
func fillEntriesOf(ctx context.Context, path, name string, entries int) error {
	store, err := sqlite.OpenWith(ctx, path, sqlite.Options{Relaxed: true})
	if err != nil {
		return err
	}
	defer store.Close()
	return fillAccount(ctx, store, name, entries)
}
