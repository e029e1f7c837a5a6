package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

// TestAnotherProgramsCommitsAreSeen lets two programs debit one account in
// turn: neither may go on from what it remembers.
func TestAnotherProgramsCommitsAreSeen(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "scrip.db")
	account := ledger.AccountKey{Customer: "ann", Unit: "credits"}
	var programs []*ledger.Ledger
	for range 2 {
		store, err := sqlite.Open(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		l := ledger.Open(store, ledger.Options{
			Now: func() core.Time { return 1_700_000_000_000_000 }, Units: []core.Unit{{Code: "credits", Scale: 2}}, Order: core.DefaultOrder(),
		})
		defer l.Close()
		programs = append(programs, l)
	}
	if _, _, err := programs[0].PutCustomer(ctx, ledger.Customer{ID: "ann"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := programs[0].Issue(ctx, "g", account, core.Terms{Amount: 100, Category: core.Paid}); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		r, _, err := programs[i%2].Debit(ctx, fmt.Sprint(i), ledger.Charge{Account: account, Amount: 10})
		if want := core.Amount(90 - 10*i); err != nil || r.Balance.Available != want {
			t.Fatalf("debit %d: %d left and %v, want %d", i, r.Balance.Available, err, want)
		}
	}
	if _, _, err := programs[1].Debit(ctx, "over", ledger.Charge{Account: account, Amount: 1}); core.CodeOf(err) != core.CodeInsufficientCredits {
		t.Errorf("an empty account pays: %v", err)
	}
	report, err := ledger.Audit(ctx, programs[0].Reader(), nil)
	if err != nil || len(report.Findings) > 0 || report.Entries != 11 {
		t.Errorf("the audit finds %+v, %v", report, err)
	}
}
