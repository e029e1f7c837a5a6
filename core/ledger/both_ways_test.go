package ledger_test

import (
	"fmt"
	"testing"

	"github.com/sourcegraph/conc"

	"scrip/core"
	"scrip/core/ledger"
)

// Work on two accounts at once, named in either order by callers that race,
// never waits for itself, and the sum over both is kept. There is no transfer
// between customers; this is what one would be made of.
//
// LC-06.
func TestTransfersBothWays(t *testing.T) {
	const rounds, start = 250, 100_00
	b := newBench(t, nil, ledger.Options{})
	b.grant("ann", ann, start)
	b.grant("bob", bob, start)
	transfer := func(from, to ledger.AccountKey, name string, amount core.Amount) error {
		return b.Do(b.ctx, &ledger.Op{
			Names: func(batch *ledger.Batch) {
				batch.Accounts = append(batch.Accounts, from, to)
				batch.Records = append(batch.Records, ledger.RecordKey{Kind: ledger.CustomerKind, ID: to.Customer})
			},
			Decide: func(tx *ledger.Tx) error {
				source, err := tx.OpenAccount(from)
				if err != nil {
					return err
				}
				target, err := tx.OpenAccount(to)
				if err != nil {
					return err
				}
				if _, err := source.Debit(core.NewID(core.DebitID, from.Customer, "transfer", name, 0), amount, "", tx.Now, nil); err != nil {
					return err
				}
				terms := terms(amount)
				terms.ID, terms.Starts, terms.Expires = core.NewID(core.GrantID, to.Customer, "transfer", name, 0), tx.Now, core.Never
				_, err = target.Issue(terms, tx.Now)
				return err
			},
		})
	}
	var callers conc.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := range rounds {
				from, to := ann, bob
				if (caller+i)%2 == 0 {
					from, to = bob, ann
				}
				err := transfer(from, to, fmt.Sprint(caller, "/", i), core.Amount(1+i%7))
				if err != nil && core.CodeOf(err) != core.CodeInsufficientCredits {
					t.Errorf("a transfer failed: %v", err)
				}
			}
		})
	}
	callers.Wait()
	if sum := b.balance(ann).Posted + b.balance(bob).Posted; sum != 2*start {
		t.Errorf("both have %d, had %d", sum, 2*start)
	}
	b.sound()
}
