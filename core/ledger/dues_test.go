package ledger_test

import (
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/sale"
)

// bills are the purchases that were made, in the order of their periods.
func (b *bench) bills(want int) []sale.Purchase {
	b.Helper()
	records, err := b.Reader().Records.List(b.ctx, ledger.PurchaseKind, "", 20)
	b.need(err)
	list := make([]sale.Purchase, len(records))
	for _, r := range records {
		p, err := b.Purchase(b.ctx, core.ID(r.ID))
		b.need(err)
		n := 0
		for _, other := range records {
			q, err := b.Purchase(b.ctx, core.ID(other.ID))
			b.need(err)
			if q.Period.Start < p.Period.Start {
				n++
			}
		}
		list[n] = p
	}
	if len(list) != want {
		b.Fatalf("%d periods were asked for, want %d", len(list), want)
	}
	return list
}

// A plan that Scrip collects asks for each period's price in the commit that
// begins it, and the payment grants what waited for it, once.
func TestPlansPriceIsCollected(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Collector: "main"})
	b.until("2026-01-31T10:00:00Z")
	terms := proPlan()
	terms.Collect, terms.Allotments[0].OnPayment = plan.ByScrip, true
	s := b.subscribe(plan.Wish{Terms: terms})
	p := b.bills(1)[0]
	if p.Price != terms.Prices[0] || p.Credits != 0 || p.Final || !p.Auto || p.Connection != "main" || p.Period.Plan != "pro" || p.Period.Start != b.Now() || s.State.Subscription.Purchase != p.ID {
		t.Errorf("the purchase is %+v, %+v", p, p.Period)
	}
	b.wantBalance(ann, 0, 0)
	proof := sale.Payment{Purchase: p.ID, Object: "in_1", Paid: p.Price, Settled: true}
	short := proof
	short.Paid.Minor--
	_, _, err := b.pay(p, short)
	b.wantCode(err, core.CodeInvalid)
	b.wantBalance(ann, 0, 0)
	for _, want := range []bool{true, false} {
		now, fresh, err := b.pay(p, proof)
		b.need(err)
		if fresh != want || now.State != sale.Paid || now.Grant != "" {
			t.Errorf("paid: %+v, fresh %t", now, fresh)
		}
		b.wantBalance(ann, 100_00, 0)
	}
	b.until("2026-04-01T00:00:00Z") // two boundaries, posted late
	_, _, err = b.Sweep(b.ctx, 10)
	b.need(err)
	_, _, err = b.Sweep(b.ctx, 10)
	b.need(err)
	list := b.bills(3)
	b.wantBalance(ann, 0, 0) // February's rolled part lasted for a cycle, March waits
	for _, i := range []int{2, 1} {
		_, _, err = b.pay(list[i], sale.Payment{Purchase: list[i].ID, Object: "in", Paid: list[i].Price, Settled: true})
		b.need(err)
		b.wantBalance(ann, 100_00, 0) // February is over: what it granted would be
	}
	b.restart()
	b.bills(3)

	// What a vendor gives back of it takes no credits.
	b.need(b.Do(b.ctx, &ledger.Op{
		Names: func(batch *ledger.Batch) { b.NamesClaim(batch, list[2]) },
		Decide: func(tx *ledger.Tx) error {
			p, _, err := tx.Claim(sale.Claim{Purchase: list[2].ID, Kind: sale.RefundClaim, Object: "re", Amount: list[2].Price})
			if p.State != sale.Refunded {
				t.Errorf("it is %s", p.State)
			}
			return err
		},
	}))
	b.wantBalance(ann, 100_00, 0)
	_, err = b.Erase(b.ctx, "ann")
	if err == nil {
		t.Error("one with credits is erased")
	}
	b.clean()
}

// What is owed of a plan that was changed since is granted by its period's
// payment, whichever way that is told.
func TestFormerPlansPaymentStillGrants(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Collector: "main"})
	b.until("2026-01-31T10:00:00Z")
	terms := proPlan()
	terms.Collect = plan.ByScrip
	terms.Allotments[0] = plan.Allotment{Credits: 100_00, Every: terms.Every, Priority: 50, OnPayment: true, Never: true}
	b.subscribe(plan.Wish{Terms: terms})
	b.until("2026-03-01T00:00:00Z")
	big := proPlan()
	big.Plan, big.Prices = "big", []core.Money{{Minor: 9000, Currency: "usd"}}
	b.subscribe(plan.Wish{Terms: big})
	list := b.bills(2)
	b.wantBalance(ann, 100_00, 0)
	at, err := core.ParseTime("2026-02-28T10:00:00Z")
	b.need(err)
	for i, want := range []bool{true, false} {
		_, fresh, err := b.Renew(b.ctx, ann, plan.Renewal{Start: at, Object: "in_2", Paid: terms.Prices[0]})
		if fresh != want || err != nil {
			t.Errorf("payment %d of February: %t, %v", i, fresh, err)
		}
		b.wantBalance(ann, 200_00, 0)
	}
	for _, p := range list { // February's purchase too: it was paid twice, and grants once
		_, _, err := b.pay(p, sale.Payment{Purchase: p.ID, Object: string(p.ID), Paid: p.Price, Settled: true})
		b.need(err)
	}
	b.wantBalance(ann, 300_00, 0)
	b.clean()
}
