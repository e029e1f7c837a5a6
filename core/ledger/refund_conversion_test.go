package ledger_test

import (
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// What was bought in credits is taken back in the unit of today, at what it
// became, and what was taken before a change of unit comes back after it.
func TestRefundAfterConversion(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	first, second := b.bought("one", 12), b.bought("two", 12) // 500 credits for 80 dollars each
	b.spends("spend", 100_00)
	if now, _ := b.claim(second.ID, sale.DisputeClaim, "dp", 40_00, sale.Standing); now.Taken() != 250_00 {
		t.Errorf("the dispute took %+v", now.Returns)
	}
	b.wantBalance(ann, 650_00, 0)
	b.convertTo(true, b.forward())
	b.convertAll()
	b.wantBalance(annInUSD, 104_000000, 0) // 0.16 each
	now, _ := b.claim(first.ID, sale.RefundClaim, "ch", 20_00, sale.Standing)
	if taking := now.Returns.Takings[0]; taking.Unit != "usd" || taking.Requested != 125_00 || taking.Collected() != 20_000000 || taking.Owed != 0 {
		t.Errorf("the refund took %+v", taking)
	}
	b.wantBalance(annInUSD, 84_000000, 0)
	b.clean()
	if now, _ = b.claim(second.ID, sale.DisputeClaim, "dp", 40_00, sale.Won); now.Taken() != 0 || now.State != sale.Paid {
		t.Errorf("the won dispute leaves %+v", now.Returns)
	}
	b.wantBalance(annInUSD, 124_000000, 0)
	b.claim(first.ID, sale.RefundClaim, "ch", 80_00, sale.Standing)
	b.wantBalance(annInUSD, 64_000000, 0) // 16 dollars of it were spent, and are paid by the other
	if a, err := b.Account(b.ctx, annInUSD); err != nil || a.Overdrawn != 0 {
		t.Errorf("%v is owed, %v", a, err)
	}
	b.clean()
}

// A refund that is told after its customer was erased is written down and
// takes nothing from anybody.
func TestRefundAfterErasure(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.bought("one", 12)
	b.spends("spend", 500_00)
	_, err := b.Erase(b.ctx, "ann")
	b.need(err)
	now, fresh := b.claim(p.ID, sale.DisputeClaim, "dp", 80_00, sale.Standing)
	if taking := now.Returns.Takings[0]; !fresh || now.State != sale.Disputed || taking.Lost != 500_00 || taking.Owed != 0 {
		t.Errorf("the dispute took %+v", taking)
	}
	b.claim(p.ID, sale.DisputeClaim, "dp", 80_00, sale.Won)
	b.owes(0)
	b.clean()
}

// What may be asked to be given back.
func TestAskForRefund(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	pending := b.buy("later", 0)
	_, _, err := b.Refund(b.ctx, "pending", pending.ID, 0)
	b.wantCode(err, core.CodeInvalid)
	p := b.bought("one", 12)
	part, replayed, err := b.Refund(b.ctx, "part", p.ID, 30_00)
	if b.need(err); replayed || part.Amount.Minor != 30_00 || part.Purchase != p.ID {
		t.Errorf("a part is %+v", part)
	}
	if again, replayed, err := b.Refund(b.ctx, "part", p.ID, 30_00); err != nil || !replayed || again != part {
		t.Errorf("the same key answers %+v, %v", again, err)
	}
	_, _, err = b.Refund(b.ctx, "part", p.ID, 31_00)
	b.wantCode(err, core.CodeIdempotencyConflict)
	_, _, err = b.Refund(b.ctx, "more", p.ID, 50_01)
	b.wantCode(err, core.CodeInvalid)
	b.claim(p.ID, sale.RefundClaim, "ch", 30_00, sale.Standing)
	rest, _, err := b.Refund(b.ctx, "rest", p.ID, 0)
	if b.need(err); rest.Amount.Minor != 50_00 {
		t.Errorf("the rest is %+v", rest)
	}
	_, _, err = b.Refund(b.ctx, "none", p.ID, 0)
	b.wantCode(err, core.CodeInvalid)
	disputed := b.bought("two", 12)
	b.claim(disputed.ID, sale.DisputeClaim, "dp", 10_00, sale.Standing)
	_, _, err = b.Refund(b.ctx, "disputed", disputed.ID, 0)
	b.wantCode(err, core.CodeInvalid)
	_, _, err = b.Refund(b.ctx, "nothing", core.NewID(core.PurchaseID, "ann", "x", "y", 0), 0)
	b.wantCode(err, core.CodeNotFound)
	b.clean()
}
