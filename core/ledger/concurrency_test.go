package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
	"scrip/core/ledger"
)

// all runs f for 0 to n-1 at once and returns what each gave.
func all[R any](n int, f func(i int) R) []R {
	results := make([]R, n)
	p := pool.New()
	for i := range n {
		p.Go(func() { results[i] = f(i) })
	}
	p.Wait()
	return results
}

// LC-01: many debits race for what only half of them can have.
func TestParallelDebits(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("g", ann, 100)
	applied, refused := 0, 0
	for _, err := range all(200, func(i int) error {
		_, _, err := b.Debit(b.ctx, fmt.Sprintf("d%d", i), charge(ann, 1))
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
	same(t, "balance", b.balance(ann), core.Balance{})
	b.sound()
}

// LC-02: one key, 64 callers: one effect and 64 equal answers.
func TestOneKeyManyCallers(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("g", ann, 100)
	type result struct {
		receipt ledger.DebitReceipt
		replay  bool
		err     error
	}
	results := all(64, func(int) result {
		r, replay, err := b.Debit(b.ctx, "one", charge(ann, 7))
		return result{r, replay, err}
	})
	firsts := 0
	for _, r := range results {
		if r.err != nil || text(r.receipt) != text(results[0].receipt) {
			t.Errorf("an answer is %+v, %v", r.receipt, r.err)
		}
		if !r.replay {
			firsts++
		}
	}
	if firsts != 1 || b.feedLength() != 2 {
		t.Errorf("%d answers call themselves the first, %d entries", firsts, b.feedLength())
	}
	same(t, "balance", b.balance(ann).Posted, 93)
}

// LC-02 too: one key with two bodies: one body wins, the other conflicts.
func TestOneKeyTwoBodies(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("g", ann, 100)
	results := all(32, func(i int) error {
		_, _, err := b.Debit(b.ctx, "one", charge(ann, core.Amount(1+i%2)))
		return err
	})
	for i, err := range results {
		if code := core.CodeOf(err); code != core.CodeOf(results[i%2]) || code != "" && code != core.CodeIdempotencyConflict {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	if core.CodeOf(results[0]) == core.CodeOf(results[1]) || b.feedLength() != 2 {
		t.Errorf("both bodies gave %v, %d entries", results[0], b.feedLength())
	}
}

// LC-03: capture and release race for one hold; one of them wins.
func TestCaptureRacesRelease(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	for round := range 60 {
		account := ledger.AccountKey{Customer: fmt.Sprintf("c%d", round), Unit: "credits"}
		b.customer(account.Customer)
		key := fmt.Sprint("round ", round)
		b.grant(key, account, 100)
		h, _, err := b.Hold(b.ctx, key, charge(account, 60), ledger.HoldTerms{For: time.Hour})
		b.need(err)
		errs := all(2, func(i int) error {
			if i == 0 {
				_, _, _, err := b.Capture(b.ctx, key, ledger.CaptureTerms{Unit: "credits", Hold: h.Hold.ID, Amount: 60, Final: true})
				return err
			}
			_, _, err := b.Release(b.ctx, key, h.Hold.ID)
			return err
		})
		want, loser := core.Balance{Posted: 40, Available: 40}, errs[1]
		if errs[0] != nil {
			want, loser = core.Balance{Posted: 100, Available: 100}, errs[0]
		}
		wantCode(t, "the loser", loser, core.CodeHoldNotOpen)
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("round %d: capture %v, release %v", round, errs[0], errs[1])
		}
		same(t, key, b.balance(account), want)
	}
	b.sound()
}

// LC-04: a debit and a better grant arrive together. Whatever came first, the
// debit's parts follow the burn order of the grants that were there.
func TestDebitRacesGrant(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	for round := range 40 {
		account := ledger.AccountKey{Customer: fmt.Sprintf("c%d", round), Unit: "credits"}
		b.customer(account.Customer)
		key := fmt.Sprint("round ", round)
		plain := b.grant(key, account, 100)
		var better core.ID
		var debit ledger.DebitReceipt
		errs := all(2, func(i int) (err error) {
			if i == 0 {
				t := terms(30)
				t.Priority = 0
				var r ledger.GrantReceipt
				r, _, err = b.Issue(b.ctx, key+" better", account, t)
				better = r.Grant.ID
				return err
			}
			debit, _, err = b.Debit(b.ctx, key, charge(account, 50))
			return err
		})
		b.need(errs[0])
		b.need(errs[1])
		entries, err := b.Reader().Entries.Entries(b.ctx, account, 0, 10)
		b.need(err)
		want := []core.Allocation{{Grant: plain, Amount: 50}}
		if entries[1].Grant == better { // the better grant was there
			want = []core.Allocation{{Grant: better, Amount: 30}, {Grant: plain, Amount: 20}}
		}
		same(t, key, debit.Allocations, want)
		same(t, key, b.balance(account).Posted, 80)
	}
	b.sound()
}

// LC-05: a debit over three grants races the void of the middle one: it is
// whole or refused, and a voided grant is not drawn from.
func TestDebitRacesVoid(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	for round := range 40 {
		account := ledger.AccountKey{Customer: fmt.Sprintf("c%d", round), Unit: "credits"}
		b.customer(account.Customer)
		key := fmt.Sprint("round ", round)
		b.grant(key+" a", account, 10)
		middle := b.grant(key+" b", account, 10)
		b.grant(key+" c", account, 10)
		var debit ledger.DebitReceipt
		errs := all(2, func(i int) (err error) {
			if i == 0 {
				_, _, err = b.Void(b.ctx, key, middle)
				return err
			}
			debit, _, err = b.Debit(b.ctx, key, charge(account, 25))
			return err
		})
		switch {
		case errs[0] == nil && core.CodeOf(errs[1]) == core.CodeInsufficientCredits:
			same(t, "voided first", b.balance(account).Posted, 20)
		case errs[1] == nil && core.CodeOf(errs[0]) == core.CodeGrantNotOpen:
			same(t, "debited first", debit.Allocations[1], core.Allocation{Grant: middle, Amount: 10})
			same(t, "debited first", b.balance(account).Posted, 5)
		default:
			t.Errorf("round %d: void %v, debit %v", round, errs[0], errs[1])
		}
	}
	b.sound()
}
