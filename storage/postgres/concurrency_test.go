package postgres

import (
	"fmt"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// LC-01: debits race through two processes for what only half of them can have.
func TestParallelDebits(t *testing.T) {
	forms(t, func(t *testing.T, o Options) {
		replica := two(t, o)
		replica(0).fund("ann", 100)
		applied, refused := 0, 0
		for _, err := range all(200, func(i int) error {
			_, _, err := replica(i).debit(fmt.Sprint("d", i), "ann", 1)
			return err
		}) {
			switch core.CodeOf(err) {
			case "":
				applied++
			case core.CodeInsufficientCredits:
				refused++
			default:
				t.Errorf("a debit gave %v", err)
			}
		}
		if applied != 100 || refused != 100 {
			t.Errorf("%d applied, %d refused", applied, refused)
		}
		if b := replica(0).balance("ann"); b != (core.Balance{}) {
			t.Errorf("the balance is %+v", b)
		}
		replica(1).sound()
	})
}

// LC-02: one key by many callers of two processes: one effect, equal answers. A
// key that is used for two customers is used once.
func TestOneKey(t *testing.T) {
	replica := two(t, Options{})
	for _, customer := range []string{"ann", "bob"} {
		replica(0).fund(customer, 100)
	}
	type result struct {
		receipt ledger.DebitReceipt
		replay  bool
		err     error
	}
	results := all(64, func(i int) result {
		r, replay, err := replica(i).debit("one", "ann", 7)
		return result{r, replay, err}
	})
	firsts := 0
	for _, r := range results {
		if r.err != nil || r.receipt.ID != results[0].receipt.ID || r.receipt.Balance != results[0].receipt.Balance {
			t.Errorf("an answer is %+v, %v", r.receipt, r.err)
		}
		if !r.replay {
			firsts++
		}
	}
	if firsts != 1 || replica(0).balance("ann").Posted != 93 {
		t.Errorf("%d answers call themselves the first, the balance is %+v", firsts, replica(0).balance("ann"))
	}
	for round := range 20 {
		key, customers := fmt.Sprint("shared", round), []string{"ann", "bob"}
		errs := all(2, func(i int) error {
			_, _, err := replica(i).debit(key, customers[i], 1)
			return err
		})
		won := 0
		for _, err := range errs {
			switch core.CodeOf(err) {
			case "":
				won++
			case core.CodeIdempotencyConflict:
			default:
				t.Errorf("round %d: %v", round, err)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %v", round, errs)
		}
	}
	if sum := replica(0).balance("ann").Posted + replica(1).balance("bob").Posted; sum != 193-20 {
		t.Errorf("both have %d", sum)
	}
	replica(0).sound()
}

// LC-03: capture and release race by two processes for one hold; one of them
// wins.
func TestCaptureRacesRelease(t *testing.T) {
	replica := two(t, Options{})
	for round := range 30 {
		customer, key := fmt.Sprint("c", round), fmt.Sprint("round ", round)
		replica(0).fund(customer, 100)
		h, _, err := replica(1).Hold(t.Context(), key, ledger.Charge{Account: account(customer), Amount: 60}, ledger.HoldTerms{For: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		errs := all(2, func(i int) error {
			if i == 0 {
				_, _, _, err := replica(0).Capture(t.Context(), key, ledger.CaptureTerms{Unit: credits.Code, Hold: h.Hold.ID, Amount: 60, Final: true})
				return err
			}
			_, _, err := replica(1).Release(t.Context(), key, h.Hold.ID)
			return err
		})
		want, loser := core.Balance{Posted: 40, Available: 40}, errs[1]
		if errs[0] != nil {
			want, loser = core.Balance{Posted: 100, Available: 100}, errs[0]
		}
		if (errs[0] == nil) == (errs[1] == nil) || core.CodeOf(loser) != core.CodeHoldNotOpen || replica(0).balance(customer) != want {
			t.Errorf("round %d: capture %v, release %v, balance %+v", round, errs[0], errs[1], replica(0).balance(customer))
		}
	}
	replica(0).sound()
}

// LC-06: commits over two buckets, taken in both orders by two processes: no
// deadlock reaches the caller, and nothing is lost between them.
func TestBothWays(t *testing.T) {
	forms(t, func(t *testing.T, o Options) {
		replica := two(t, o)
		pair := []string{"ann", "bob"}
		for _, customer := range pair {
			replica(0).fund(customer, 1000)
		}
		const workers, each = 8, 15
		for _, err := range all(workers, func(i int) error {
			for n := range each {
				from, to := account(pair[i%2]), account(pair[(i+1)%2])
				id := core.NewID(core.DebitID, from.Customer, "move", fmt.Sprint(i, "-", n), 0)
				grant := core.Terms{
					ID: core.NewID(core.GrantID, to.Customer, "move", fmt.Sprint(i, "-", n), 0), Amount: 3, Category: core.Paid,
					Priority: core.DefaultPriority, Expires: core.Never,
				}
				err := replica(i).Do(t.Context(), &ledger.Op{
					Names: func(b *ledger.Batch) { b.Accounts = append(b.Accounts, from, to) },
					Decide: func(tx *ledger.Tx) error {
						if _, err := tx.Account(from).Debit(id, 3, "", tx.Now, nil); err != nil {
							return err
						}
						_, err := tx.Account(to).Issue(grant, tx.Now)
						return err
					},
				})
				if err != nil {
					return err
				}
			}
			return nil
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if sum := replica(0).balance("ann").Posted + replica(1).balance("bob").Posted; sum != 2000 {
			t.Errorf("both have %d", sum)
		}
	})
}

// LC-07: a reader lists the feed while two processes append: nothing is missed
// or moved, and each account comes in its order.
func TestFeedUnderWriters(t *testing.T) {
	replica := two(t, Options{})
	const customers, each = 12, 25
	for i := range customers {
		replica(0).fund(fmt.Sprint("c", i), 1000)
	}
	finished := make(chan error, 1)
	go func() {
		var first error
		for _, err := range all(2*customers, func(i int) error {
			for n := range each {
				if _, _, err := replica(i/customers).debit(fmt.Sprint(i, "-", n), fmt.Sprint("c", i%customers), 1); err != nil {
					return err
				}
			}
			return nil
		}) {
			if first == nil {
				first = err
			}
		}
		finished <- first
	}()
	entries, cursor, seqs := replica(0).Reader().Entries, "", map[string]int64{}
	total := 0
	for running := true; running; {
		select {
		case err := <-finished: // and read once more
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		for {
			list, next, err := entries.Feed(t.Context(), cursor, 17)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			for _, e := range list {
				if e.Seq != seqs[e.Customer]+1 {
					t.Fatalf("sequence %d of %s after %d", e.Seq, e.Customer, seqs[e.Customer])
				}
				seqs[e.Customer]++
				total++
			}
			cursor = next
		}
	}
	if total != customers+2*customers*each {
		t.Errorf("the feed had %d entries", total)
	}
	replica(1).sound()
}
