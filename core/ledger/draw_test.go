package ledger_test

import (
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

func (b *bench) owes(want core.Amount) {
	b.Helper()
	a, err := b.Account(b.ctx, ann)
	b.need(err)
	if a.Overdrawn != want {
		b.Errorf("%d are owed, want %d", a.Overdrawn, want)
	}
}

// A deficit is an own line, bounded in the same step, paid by the next paid
// grant; a reversal takes it back, and what was paid of it by then is the
// customer's. It outlives a restart, and the audit recomputes it.
func TestDeficit(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Deficit: 10_00})
	b.grant("first", ann, 5_00)
	d, _, err := b.Debit(b.ctx, "over", ledger.Charge{Account: ann, Amount: 12_00})
	b.need(err)
	if d.Deficit != 7_00 || d.Amount != 12_00 || d.Balance.Available != 0 {
		t.Errorf("the debit is %+v", d)
	}
	b.owes(7_00)
	_, _, err = b.Debit(b.ctx, "more", ledger.Charge{Account: ann, Amount: 3_01})
	b.wantCode(err, core.CodeLimitReached)
	capped, _, err := b.Debit(b.ctx, "capped", ledger.Charge{Account: ann, Amount: 4_00, Rule: core.Cap})
	b.need(err)
	if capped.Amount != 0 || capped.Forgone != 4_00 {
		t.Errorf("what was capped is %+v", capped)
	}
	_, _, err = b.Debit(b.ctx, "unagreed", ledger.Charge{Account: ann, Amount: 1, Rule: core.Overage})
	b.wantCode(err, core.CodeInsufficientCredits)
	b.restart()
	b.owes(7_00)
	_, _, err = b.Issue(b.ctx, "paid", ann, core.Terms{Amount: 4_00, Category: core.Paid})
	b.need(err)
	b.owes(3_00)
	r, _, err := b.Reverse(b.ctx, "back", d.ID, 8_00)
	b.need(err)
	if r.Deficit != 7_00 || len(r.Allocations) != 1 || r.Allocations[0].Amount != 1_00 || r.Left != 4_00 {
		t.Errorf("the reversal is %+v", r)
	}
	b.owes(0)
	b.wantBalance(ann, 5_00, 0)
	_, _, err = b.Reverse(b.ctx, "rest", d.ID, 0)
	b.need(err)
	b.wantBalance(ann, 9_00, 0)
	b.clean()
}

func TestExcludedCategories(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	_, _, err := b.Issue(b.ctx, "allotted", ann, core.Terms{Amount: 5_00, Category: core.Allotment})
	b.need(err)
	not := []core.Category{core.Allotment}
	_, _, err = b.Debit(b.ctx, "none", ledger.Charge{Account: ann, Amount: 1_00, Not: not})
	b.wantCode(err, core.CodeInsufficientCredits)
	b.grant("free", ann, 3_00)
	h, _, err := b.Hold(b.ctx, "hold", ledger.Charge{Account: ann, Amount: 2_00, Not: not}, ledger.HoldTerms{For: 1e9})
	b.need(err)
	if len(h.Hold.Parts) != 1 || h.Hold.Parts[0].Amount != 2_00 {
		t.Errorf("the hold reserves %+v", h.Hold.Parts)
	}
	_, _, _, err = b.Capture(b.ctx, "too much", ledger.CaptureTerms{Hold: h.Hold.ID, Unit: ann.Unit, Amount: 3_01, AllowOver: true, Not: not})
	b.wantCode(err, core.CodeInsufficientCredits)
	taken, _, _, err := b.Capture(b.ctx, "all", ledger.CaptureTerms{Hold: h.Hold.ID, Unit: ann.Unit, Amount: 3_00, AllowOver: true, Final: true, Not: not})
	b.need(err)
	if len(taken.Allocations) != 1 || taken.Allocations[0].Amount != 3_00 {
		t.Errorf("the capture took %+v", taken.Allocations)
	}
	b.wantBalance(ann, 5_00, 0)
	b.clean()
}

// A deficit goes over to another unit with its account, and back.
func TestDeficitIsConverted(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Deficit: 10_00})
	b.grant("first", ann, 5_00)
	_, _, err := b.Debit(b.ctx, "over", ledger.Charge{Account: ann, Amount: 12_50})
	b.need(err)
	owes := func(key ledger.AccountKey, want core.Amount) {
		t.Helper()
		a, err := b.Account(b.ctx, key)
		b.need(err)
		if a.Overdrawn != want {
			t.Errorf("%d are owed in %s, want %d", a.Overdrawn, key.Unit, want)
		}
	}
	b.convertTo(true, b.forward())
	owes(annInUSD, 600000) // 7.50 at 0.08
	b.convertAll()
	owes(annInUSD, 600000)
	owes(ann, 0)
	b.clean()
	b.convertTo(true, b.forward(), b.back())
	b.convertAll()
	owes(ann, 7_50)
	owes(annInUSD, 0)
	b.clean()
}
