package bench

import (
	"context"
	"testing"
	"time"
)

func TestCompareTakesTheMedianOfPairs(t *testing.T) {
	side := func(per int) Side {
		return func(context.Context, time.Duration) (Slice, error) {
			time.Sleep(time.Millisecond)
			return Slice{Ops: per, Taken: []time.Duration{time.Millisecond}}, nil
		}
	}
	r, err := Compare(context.Background(), "x", Pace{Slice: time.Millisecond, Pairs: 3}, side(500), side(1000))
	if err != nil || r.Name != "x" || r.P50 != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if r.Ratio <= 0 || r.Limit <= 0 || r.Rate <= 0 {
		t.Errorf("rates and their ratio must be above zero: %+v", r)
	}
}

func TestDebitCountsWhatTheLedgerKept(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		r, err := DebitSQLite(context.Background(), t.TempDir(), "debit", 8, relaxed, Pace{Slice: 20 * time.Millisecond, Pairs: 1, Accounts: 20})
		if err != nil || r.Rate <= 0 || r.Limit <= 0 {
			t.Errorf("relaxed %v: got %+v, %v", relaxed, r, err)
		}
	}
}

func TestBurnDownAllocatesNothing(t *testing.T) {
	for _, grants := range []int{4, 64} {
		b, err := newBurner(grants)
		if err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(2*perGrant*grants, func() {
			if err := b.step(); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%d grants: %v allocations a debit, want none", grants, allocs)
		}
	}
}

func TestAuditCountsWhatWasFilled(t *testing.T) {
	r, err := AuditEntries(context.Background(), t.TempDir(), "audit", 2_500, Pace{Slice: time.Millisecond, Pairs: 1, Accounts: 20})
	if err != nil || r.Rate <= 0 || r.Limit <= 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestDebitsOverHTTPAreKept(t *testing.T) {
	r, err := DebitHTTP(context.Background(), t.TempDir(), "http", 4, Pace{Slice: 20 * time.Millisecond, Pairs: 1, Accounts: 20})
	if err != nil || r.Rate <= 0 || r.Limit <= 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}
