package ledger_test

import (
	"fmt"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

// Each item of a batch stands for itself: created, replayed, conflicting,
// refused, malformed; duplicates inside the batch are replays of each other.
func TestDebitBatch(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("g", ann, 10_00)
	_, _, err := b.Debit(b.ctx, "old", charge(ann, 1_00))
	b.need(err)
	eve := ledger.AccountKey{Customer: "eve", Unit: "credits"}
	early := core.Errorf(core.CodeUnknownAction, "action %q has no price", "x")
	items := []ledger.BatchItem{
		{Key: "new", Charge: charge(ann, 2_00)},
		{Key: "old", Charge: charge(ann, 1_00)},
		{Key: "old", Charge: charge(ann, 3_00)},
		{Key: "new", Charge: charge(ann, 2_00)},
		{Key: "new", Charge: charge(ann, 4_00)},
		{Key: "big", Charge: charge(ann, 100_00)},
		{Key: "nobody", Charge: charge(eve, 1)},
		{Key: "", Charge: charge(ann, 1)},
		{Key: "early", Charge: charge(ann, 1), Err: early},
		{Key: "first for bob", Charge: charge(bob, 0)},
		{Key: "last", Charge: charge(ann, 7_00)},
		{Key: "empty now", Charge: charge(ann, 1)},
	}
	type want struct {
		code   core.Code
		replay bool
		left   core.Amount
	}
	check := func(what string, wants []want) {
		t.Helper()
		outcomes, err := b.DebitBatch(b.ctx, items)
		b.need(err)
		if len(outcomes) != len(items) {
			t.Fatalf("%s: %d outcomes of %d items", what, len(outcomes), len(items))
		}
		for i, o := range outcomes {
			w := wants[i]
			if core.CodeOf(o.Err) != w.code || o.Err == nil && (o.Replayed != w.replay || o.Receipt.Balance.Posted != w.left) {
				t.Errorf("%s, item %d (%s): %+v, want %+v", what, i, items[i].Key, o, w)
			}
		}
	}
	wants := []want{
		{left: 7_00}, {replay: true, left: 9_00}, {code: core.CodeIdempotencyConflict}, {replay: true, left: 7_00}, {code: core.CodeIdempotencyConflict},
		{code: core.CodeInsufficientCredits}, {code: core.CodeUnknownCustomer}, {code: core.CodeIdempotencyKeyRequired}, {code: core.CodeUnknownAction},
		{}, {}, {code: core.CodeInsufficientCredits},
	}
	check("first", wants)
	for i := range wants {
		wants[i].replay = true
	}
	entries := b.feedLength()
	check("again", wants)
	same(t, "entries of the repetition", b.feedLength()-entries, 0)
	same(t, "balance", b.balance(ann).Posted, 0)
	if outcomes, err := b.DebitBatch(b.ctx, nil); err != nil || len(outcomes) != 0 {
		t.Errorf("no items gave %v, %v", outcomes, err)
	}
	b.sound()
}

// A call may bring more than one commit takes, in order all the same.
func TestLargeBatch(t *testing.T) {
	b := newBench(t, nil, ledger.Options{MaxBatch: 7})
	b.grant("g", ann, 500)
	items := make([]ledger.BatchItem, 600)
	for i := range items {
		items[i] = ledger.BatchItem{Key: fmt.Sprintf("k%d", i), Charge: charge(ann, 1)}
	}
	outcomes, err := b.DebitBatch(b.ctx, items)
	b.need(err)
	for i, o := range outcomes {
		if i < 500 && (o.Err != nil || o.Receipt.Balance.Posted != core.Amount(499-i)) {
			t.Fatalf("item %d: %v, balance %d", i, o.Err, o.Receipt.Balance.Posted)
		}
		if i >= 500 {
			wantCode(t, items[i].Key, o.Err, core.CodeInsufficientCredits)
		}
	}
	b.sound()
}
