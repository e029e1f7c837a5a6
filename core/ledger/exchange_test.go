package ledger_test

import (
	"fmt"
	"testing"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/ledger"
	"scrip/core/plan"
)

// A subscription goes on in the new unit: what it grants, its limits and the
// price of overage are worth what they were, and taking the change back brings
// them back.
func TestSubscriptionIsConverted(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	month := plan.Span{N: 1, Of: plan.Month}
	terms := plan.Terms{
		Plan: "pro", Every: month, AtZero: core.Overage,
		Allotments: []plan.Allotment{{Credits: 500_00, Every: month, Priority: core.DefaultPriority, Rollover: &plan.Rollover{Max: 250_00, Cycles: 1}}},
		Overage:    &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}}, Per: 1, Limit: 1000_00},
	}
	_, _, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: terms})
	b.need(err)
	_, _, err = b.Debit(b.ctx, "some", charge(ann, 400_00))
	b.need(err)
	b.convertTo(true, b.forward())
	b.wantBalance(annInUSD, 8_000000, 0) // asked before anything brought it over
	b.convertAll()
	b.wantBalance(annInUSD, 8_000000, 0)
	s, err := b.Subscription(b.ctx, annInUSD)
	b.need(err)
	got := s.State.Subscription.Terms
	if got.Allotments[0].Credits != 40_000000 || got.Allotments[0].Rollover.Max != 20_000000 || got.Overage.Limit != 80_000000 {
		t.Errorf("the terms are %+v", got)
	}
	if p := got.Overage.Prices[0]; p.Rate.Num != p.Rate.Den {
		t.Errorf("a dollar of overage costs %+v", p)
	}
	b.clean()
	b.pass(32 * 24 * hour) // the period renews: 8 are rolled over
	b.wantBalance(annInUSD, 48_000000, 0)
	d, _, err := b.Debit(b.ctx, "more", charge(annInUSD, 50_000000))
	b.need(err)
	if d.Overage != 2_000000 || d.Charged != "2.00 usd" {
		t.Errorf("the debit is %+v", d)
	}
	b.clean()
	b.convertTo(true, b.forward(), b.back())
	b.convertAll()
	s, err = b.Subscription(b.ctx, ann)
	b.need(err)
	if s.State.Subscription.Terms.Allotments[0].Credits != 500_00 || s.State.Billing.Over[0].Units != 25_00 {
		t.Errorf("back are %+v, %+v", s.State.Subscription.Terms.Allotments[0], s.State.Billing)
	}
	b.pass(31 * 24 * hour)
	b.wantBalance(ann, 500_00, 0)
	b.clean()
}

// What was owed or billed in credits is given back in the unit that it is
// owed or billed in by now.
func TestReversalOfDebtAfterConversion(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Deficit: 10_00})
	b.grant("first", ann, 5_00)
	d, _, err := b.Debit(b.ctx, "over", charge(ann, 12_50))
	b.need(err)
	b.convertTo(true, b.forward())
	b.convertAll()
	_, _, err = b.Issue(b.ctx, "paid", annInUSD, core.Terms{Amount: 200000, Category: core.Paid}) // of 0.60 owed, 0.40 are left
	b.need(err)
	_, _, err = b.Reverse(b.ctx, "part", d.ID, 7_50)
	b.need(err)
	for _, c := range []struct {
		key  ledger.AccountKey
		owed core.Amount
	}{{ann, 0}, {annInUSD, 0}} {
		a, err := b.Account(b.ctx, c.key)
		b.need(err)
		if a.Overdrawn != c.owed {
			t.Errorf("%d are owed in %s, want %d", a.Overdrawn, c.key.Unit, c.owed)
		}
	}
	b.wantBalance(ann, 0, 0)
	b.wantBalance(annInUSD, 200000, 0)
	b.clean()
	_, _, err = b.Reverse(b.ctx, "rest", d.ID, 0)
	b.need(err)
	b.wantBalance(annInUSD, 600000, 0)
	b.clean()

	b = newBench(t, nil, ledger.Options{})
	month := plan.Span{N: 1, Of: plan.Month}
	_, _, err = b.Subscribe(b.ctx, ann, plan.Wish{Terms: plan.Terms{
		Plan: "pro", Every: month, AtZero: core.Overage, Allotments: []plan.Allotment{{Credits: 100_00, Every: month, Priority: core.DefaultPriority}},
		Overage: &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}}, Per: 1},
	}})
	b.need(err)
	d, _, err = b.Debit(b.ctx, "over", charge(ann, 150_00))
	b.need(err)
	b.convertTo(true, b.forward())
	b.convertAll()
	_, _, err = b.Reverse(b.ctx, "part", d.ID, 50_00)
	b.need(err)
	s, err := b.Subscription(b.ctx, annInUSD)
	b.need(err)
	if s.State.Billing.Over[0].Units != 0 {
		t.Errorf("still billed are %+v", s.State.Billing.Over)
	}
	b.clean()
}

// What is given back part by part in a coarser unit comes to what it does at
// once: no part's rounding makes money.
func TestPartsOfADebtAfterConversion(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Deficit: 10_00})
	b.grant("lot", ann, 9_00)
	spent, _, err := b.Debit(b.ctx, "all", charge(ann, 9_00))
	b.need(err)
	d, _, err := b.Debit(b.ctx, "over", charge(ann, 9_00))
	b.need(err)
	change, err := convert.New(convert.Terms{From: units[0], To: units[1], Mode: convert.Explicit, Rate: core.Rate{Num: 1, Den: 1}})
	b.need(err)
	b.convertTo(true, ledger.Conversion{ID: "whole", Change: change})
	b.convertAll()
	for n := range 15 { // of 0.60, which is nearer to a whole token than to none
		_, _, err = b.Reverse(b.ctx, fmt.Sprint("part ", n), d.ID, 60)
		b.need(err)
		_, _, err = b.Reverse(b.ctx, fmt.Sprint("lot ", n), spent.ID, 60)
		b.need(err)
	}
	a, err := b.Account(b.ctx, ledger.AccountKey{Customer: "ann", Unit: "tokens"})
	b.need(err)
	if got := a.Balance(b.Now()); a.Overdrawn != 0 || got.Posted != 9 {
		t.Errorf("%d are owed, and 9 tokens have become %d", a.Overdrawn, got.Posted)
	}
	b.clean()
}
