package ledger_test

import (
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/sale"
)

// The charge of a cycle's overage is asked for once, however late the renewal
// is posted; its payment brings no credits, and what is given back before it is
// charged is not billed.
func TestOverageIsBilled(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Collector: "main"})
	month := plan.Span{N: 1, Of: plan.Month}
	terms := plan.Terms{
		Plan: "pro", Every: month, AtZero: core.Overage, Allotments: []plan.Allotment{{Credits: 100_00, Every: month, Priority: core.DefaultPriority}},
		Overage: &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}}, Per: 1},
	}
	_, _, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: terms})
	b.need(err)
	d, _, err := b.Debit(b.ctx, "over", charge(ann, 150_00))
	b.need(err)
	_, _, err = b.Reverse(b.ctx, "back", d.ID, 25_00)
	b.need(err)
	bills := func(want int) sale.Purchase {
		t.Helper()
		list, err := b.Reader().Records.List(b.ctx, ledger.PurchaseKind, "", 10)
		b.need(err)
		if len(list) != want {
			t.Fatalf("%d bills are made, want %d", len(list), want)
		}
		if want == 0 {
			return sale.Purchase{}
		}
		p, err := b.Purchase(b.ctx, core.ID(list[0].ID))
		b.need(err)
		return p
	}
	bills(0)
	b.pass(40 * 24 * hour)
	_, _, err = b.Sweep(b.ctx, 10)
	b.need(err)
	p := bills(1)
	if p.Price != (core.Money{Minor: 200, Currency: "usd"}) || p.Overage != 25_00 || p.Credits != 0 || p.State != sale.Pending || p.Connection != "main" {
		t.Errorf("the bill is %+v", p)
	}
	b.pass(hour)
	_, _, err = b.Debit(b.ctx, "next", charge(ann, 1_00))
	b.need(err)
	bills(1)
	proof := sale.Payment{Purchase: p.ID, Object: "inv", Paid: p.Price, Settled: true}
	for _, want := range []bool{true, false} {
		now, fresh, err := b.pay(p, proof)
		b.need(err)
		if fresh != want || now.State != sale.Paid || now.Grant != "" {
			t.Errorf("paid: %+v, fresh %t", now, fresh)
		}
	}
	b.wantBalance(ann, 99_00, 0)
	b.clean()
}

// Nobody asks a customer for money who has been erased.
func TestErasedAreNotBilled(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Collector: "main"})
	month := plan.Span{N: 1, Of: plan.Month}
	_, _, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: plan.Terms{
		Plan: "pro", Every: month, AtZero: core.Overage,
		Overage: &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}}, Per: 1},
	}})
	b.need(err)
	_, _, err = b.Debit(b.ctx, "over", charge(ann, 50_00))
	b.need(err)
	_, err = b.Erase(b.ctx, "ann")
	b.need(err)
	list, err := b.Reader().Records.List(b.ctx, ledger.PurchaseKind, "", 10)
	b.need(err)
	if len(list) != 0 {
		t.Errorf("%d bills were made", len(list))
	}
	b.clean()
}

// What a vendor could not give back may be asked for again, and told twice it
// counts once.
func TestRefundThatFailedMayBeAskedForAgain(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p, _, err := b.Buy(b.ctx, "buy", sale.Purchase{Customer: "ann", Unit: "credits", Pack: "starter", Credits: 100_00, Price: core.Money{Minor: 800, Currency: "usd"}, Connection: "main"})
	b.need(err)
	_, _, err = b.pay(p, sale.Payment{Purchase: p.ID, Object: "in_1", Paid: p.Price, Settled: true})
	b.need(err)
	_, _, err = b.Refund(b.ctx, "all", p.ID, 0)
	b.need(err)
	_, _, err = b.Refund(b.ctx, "again", p.ID, 0)
	b.wantCode(err, core.CodeInvalid)
	for range 2 {
		b.need(b.Do(b.ctx, &ledger.Op{
			Names:  func(batch *ledger.Batch) { b.NamesUnmade(batch, p.ID, "main/re_1") },
			Decide: func(tx *ledger.Tx) error { return tx.Unmade(p.ID, "main/re_1", 800) },
		}))
	}
	_, _, err = b.Refund(b.ctx, "once more", p.ID, 500)
	b.need(err)
	_, _, err = b.Refund(b.ctx, "too much", p.ID, 301)
	b.wantCode(err, core.CodeInvalid)
	b.clean()
}
