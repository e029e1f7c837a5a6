package ledger_test

import (
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/rate"
)

// billedPlan gives 100 a month and bills what is above at 0.08 each.
func billedPlan() plan.Terms {
	month := plan.Span{N: 1, Of: plan.Month}
	return plan.Terms{
		Plan: "billed", Every: month, AtZero: core.Overage, Allotments: []plan.Allotment{{Credits: 100_00, Every: month, Priority: core.DefaultPriority}},
		Overage: &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}}, Per: 1, Limit: 50_00},
	}
}

// captureOver captures an amount of a hold, and what exceeds it.
func (b *bench) captureOver(key string, hold core.ID, amount core.Amount, final bool) (ledger.DebitReceipt, ledger.HoldReceipt, error) {
	d, h, _, err := b.Capture(b.ctx, key, ledger.CaptureTerms{Hold: hold, Unit: ann.Unit, Amount: amount, AllowOver: true, Final: final})
	return d, h, err
}

func (b *bench) hold(key string, c ledger.Charge) core.ID {
	b.Helper()
	h, _, err := b.Hold(b.ctx, key, c, ledger.HoldTerms{For: time.Hour})
	b.need(err)
	return h.Hold.ID
}

// What exceeds a hold, and all of a capture that comes too late, is an ordinary
// debit: by the plan's rule, within its limit, and given back as any.
func TestCaptureByThePlansRule(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	_, _, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: billedPlan()})
	b.need(err)
	first, late := b.hold("first", charge(ann, 80_00)), b.hold("late", charge(ann, 20_00))
	d, h, err := b.captureOver("c", first, 110_00, true)
	b.need(err)
	if d.Amount != 110_00 || d.Overage != 30_00 || d.Charged != "2.40 usd" || h.Hold.Captured != 110_00 || h.Hold.State != core.HoldCaptured {
		t.Errorf("the capture is %+v of %+v", d, h.Hold)
	}
	b.wantBalance(ann, 20_00, 20_00)
	b.pass(2 * hour)
	_, _, err = b.captureOver("beyond the limit", late, 40_01, true)
	b.wantCode(err, core.CodeLimitReached)
	afresh, h, err := b.captureOver("afresh", late, 40_00, true)
	b.need(err)
	if !afresh.Late || afresh.Amount != 40_00 || afresh.Overage != 20_00 || h.Hold.Captured != 40_00 {
		t.Errorf("the late capture is %+v of %+v", afresh, h.Hold)
	}
	b.clean()
	r, _, err := b.Reverse(b.ctx, "back", d.ID, 35_00)
	b.need(err)
	if r.Overage != 30_00 || len(r.Allocations) != 1 || r.Allocations[0].Amount != 5_00 || r.Left != 75_00 {
		t.Errorf("the reversal is %+v", r)
	}
	b.wantBalance(ann, 5_00, 0)
	over, _, err := b.Debit(b.ctx, "room again", charge(ann, 35_00))
	b.need(err)
	if over.Overage != 30_00 {
		t.Errorf("the debit is %+v", over)
	}
	b.clean()
}

// An action's own rule goes before the plan's, as its price was when the hold
// was made. What is left out is not captured.
func TestCaptureByTheActionsRule(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Deficit: 10_00})
	b.grant("first", ann, 8_00)
	capped := flat(1)
	capped.AtZero = core.Cap
	hold := func(key string, a rate.Action) core.ID {
		cards := rate.Cards{{Version: "v", Effective: start - hour, Actions: map[string]rate.Action{"image": a}}}
		return b.hold(key, ledger.Charge{Account: ann, Action: "image", Quantity: "3", Ask: &rate.Ask{
			Cards: cards, Units: units, Event: rate.Event{Quantity: 3 * rate.One},
		}})
	}
	one, two := hold("one", capped), hold("two", flat(1))
	d, h, err := b.captureOver("capped", one, 7_00, false)
	b.need(err)
	if d.Amount != 5_00 || d.Forgone != 2_00 || d.Deficit != 0 || h.Hold.Captured != 5_00 || h.Hold.State != core.HoldOpen {
		t.Errorf("the capture is %+v of %+v", d, h.Hold)
	}
	d, h, err = b.captureOver("owed", two, 7_00, true)
	b.need(err)
	if d.Amount != 7_00 || d.Deficit != 4_00 || h.Hold.Captured != 7_00 {
		t.Errorf("the capture is %+v of %+v", d, h.Hold)
	}
	b.owes(4_00)
	b.pass(2 * hour)
	d, h, err = b.captureOver("late", one, 2_00, true)
	b.need(err)
	if !d.Late || d.Amount != 0 || d.Forgone != 2_00 || h.Hold.Captured != 5_00 {
		t.Errorf("the late capture is %+v of %+v", d, h.Hold)
	}
	b.clean()
}

// Usage of before a renewal is paid by what the renewal rolled over, however
// often; it counts from when the rolled grant began, so that no balance of any
// time is below zero.
func TestLateDebitOfWhatWasRolledOver(t *testing.T) {
	const day = 24 * hour
	terms := billedPlan()
	terms.Allotments[0].Rollover = &plan.Rollover{Priority: core.DefaultPriority - 1}
	b := newBench(t, nil, ledger.Options{Late: 1000 * time.Hour * 24})
	_, _, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: terms})
	b.need(err)
	at := b.Now() + 5*day
	b.pass(32 * day)
	_, _, err = b.Sweep(b.ctx, 10)
	b.need(err)
	b.wantBalance(ann, 200_00, 0)
	d, _, err := b.Debit(b.ctx, "late", lateCharge(ann, 30_00, at))
	b.need(err)
	if d.Overage != 0 || len(d.Allocations) != 1 || d.Happened != at || d.Balance.Available != 170_00 {
		t.Errorf("the debit is %+v", d)
	}
	b.pass(31 * day) // rolled over once more, unless by this very debit
	more, _, err := b.Debit(b.ctx, "later", lateCharge(ann, 90_00, at))
	b.need(err)
	if more.Overage != 20_00 || more.Balance.Available != 200_00 {
		t.Errorf("the debit is %+v", more)
	}
	for when := start; when <= b.Now(); when += day {
		if got := b.availableAt(when, b.Now()); got < 0 {
			t.Errorf("at %s %d are available", when, got)
		}
	}
	b.allSound()
	r, _, err := b.ReverseAt(b.ctx, "back", more.ID, 50_00, at)
	b.need(err)
	if r.Overage != 20_00 || r.Balance.Available != 230_00 {
		t.Errorf("the reversal is %+v", r)
	}
	for when := start; when <= b.Now(); when += day {
		if got := b.availableAt(when, b.Now()); got < 0 || when < at && got != 100_00 {
			t.Errorf("at %s %d are available", when, got)
		}
	}
	b.allSound()
}

// So is usage of before a change of plan, by what the old plan left.
func TestLateDebitAfterAChangeOfPlan(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	_, _, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: billedPlan()})
	b.need(err)
	b.pass(5 * hour)
	at := b.Now() - hour
	next := billedPlan()
	next.Plan = "dearer"
	_, _, err = b.Subscribe(b.ctx, ann, plan.Wish{Terms: next, When: plan.AtOnce})
	b.need(err)
	before := b.balance(ann)
	d, _, err := b.Debit(b.ctx, "late", lateCharge(ann, 30_00, at))
	b.need(err)
	if d.Overage != 0 || d.Balance.Available != before.Available-30_00 {
		t.Errorf("the debit is %+v", d)
	}
	b.allSound()
}
