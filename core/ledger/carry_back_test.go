package ledger_test

import (
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

// What is given back to a grant that was spent when its account was converted
// is the customer's in the new unit, and what has expired beside it does not
// keep it.
func TestReversalAfterConversion(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	issue := func(key string, amount core.Amount, priority int, expires core.Time) {
		_, _, err := b.Issue(b.ctx, key, ann, core.Terms{Amount: amount, Category: core.Promotional, Priority: priority, Expires: expires})
		b.need(err)
	}
	now := core.Time(b.clock.Load())
	issue("rest", 30_00, 10, core.Never)
	issue("soon", 20_00, 50, now+1000)
	first, _, err := b.Debit(b.ctx, "both", ledger.Charge{Account: ann, Amount: 45_00})
	b.need(err)
	b.pass(1000)
	b.convertTo(true, b.forward())
	b.convertAll()
	_, _, err = b.Reverse(b.ctx, "back", first.ID, 0) // 15.00 have expired, 30.00 go over
	b.need(err)
	b.wantBalance(annInUSD, 2_400000, 0)
	report, err := b.Reader().AuditAll(b.ctx, nil)
	b.need(err)
	if len(report.Findings) > 0 {
		t.Errorf("the audit finds %+v", report.Findings)
	}
}

// The answer of a void is about its grant alone, whatever time had decided of
// others by then.
func TestVoidBesideAnExpiry(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	now := core.Time(b.clock.Load())
	_, _, err := b.Issue(b.ctx, "soon", ann, core.Terms{Amount: 5, Category: core.Promotional, Expires: now + 1000})
	b.need(err)
	id := b.grant("other", ann, 7)
	b.pass(1000)
	_, _, err = b.Void(b.ctx, "void", id)
	b.need(err)
	report, err := b.Reader().AuditAll(b.ctx, nil)
	b.need(err)
	if len(report.Findings) > 0 {
		t.Errorf("the audit finds %+v", report.Findings)
	}
}
