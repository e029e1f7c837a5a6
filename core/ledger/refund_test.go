package ledger_test

import (
	"fmt"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// bought is a paid purchase of 500 credits for 80 dollars.
func (b *bench) bought(key string, months int) sale.Purchase {
	b.Helper()
	p, fresh, err := b.pay(b.buy(key, months), payment(b.buy(key, months), "in_"+key))
	if b.need(err); !fresh {
		b.Fatal("the purchase was paid before")
	}
	return p
}

// claim tells of a refund or dispute as a worker does.
func (b *bench) claim(id core.ID, kind sale.ClaimKind, object string, minor core.Amount, state sale.ClaimState) (p sale.Purchase, fresh bool) {
	b.Helper()
	p, fresh, err := b.tryClaim(sale.Claim{Purchase: id, Kind: kind, Object: object, Amount: core.Money{Minor: minor, Currency: "usd"}, State: state})
	b.need(err)
	return p, fresh
}

func (b *bench) tryClaim(c sale.Claim) (now sale.Purchase, fresh bool, err error) {
	p := b.purchase(c.Purchase)
	err = b.Do(b.ctx, &ledger.Op{
		Names:  func(batch *ledger.Batch) { b.NamesClaim(batch, p) },
		Decide: func(tx *ledger.Tx) (err error) { now, fresh, err = tx.Claim(c); return err },
	})
	return now, fresh, err
}

func (b *bench) spends(key string, amount core.Amount) {
	b.Helper()
	_, _, err := b.Debit(b.ctx, key, ledger.Charge{Account: ann, Amount: amount})
	b.need(err)
}

// A purchase of 500 of which 300 are spent: what a dispute of all takes, is
// owed, and comes back; told twice and out of order.
func TestDispute(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.bought("buy", 12)
	b.spends("spend", 300_00)
	now, fresh := b.claim(p.ID, sale.DisputeClaim, "dp", 80_00, sale.Standing)
	if taken := now.Returns.Takings; !fresh || now.State != sale.Disputed || len(taken) != 1 || taken[0].Requested != 500_00 || taken[0].Collected() != 200_00 || taken[0].Owed != 300_00 {
		t.Fatalf("the dispute is fresh %v and leaves %+v %+v", fresh, now, now.Returns)
	}
	b.owes(300_00)
	same(t, "balance", b.balance(ann).Available, 0)
	if _, fresh := b.claim(p.ID, sale.DisputeClaim, "dp", 80_00, sale.Standing); fresh {
		t.Error("the same dispute applies twice")
	}
	b.sound()
	b.restart()
	if now, _ = b.claim(p.ID, sale.DisputeClaim, "dp", 80_00, sale.Won); now.State != sale.Paid || now.Taken() != 0 {
		t.Errorf("the won dispute leaves %+v", now)
	}
	b.owes(0)
	same(t, "balance", b.balance(ann).Available, 200_00)
	if _, fresh := b.claim(p.ID, sale.DisputeClaim, "dp", 80_00, sale.Lost); fresh {
		t.Error("a won dispute is lost afterwards")
	}
	if now, _ = b.claim(p.ID, sale.RefundClaim, "ch", 80_00, sale.Standing); now.State != sale.Refunded || now.Taken() != 500_00 {
		t.Errorf("the refund after it leaves %+v", now)
	}
	b.owes(300_00)
	b.sound()
}

// Twenty were bought and twelve spent: a dispute collects eight and leaves
// twelve owed, which the next purchase pays; a won one gives all of it back.
func TestDisputeOfHalfSpent(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	buy := func(key string) sale.Purchase {
		p, _, err := b.Buy(b.ctx, key, sale.Purchase{
			Customer: "ann", Pack: "twenty", Unit: "credits", Credits: 20_00, Price: core.Money{Minor: 20_00, Currency: "usd"}, Months: 12, Connection: "east",
		})
		b.need(err)
		p, _, err = b.pay(p, payment(p, "in_"+key))
		b.need(err)
		return p
	}
	p := buy("one")
	b.spends("spend", 12_00)
	b.claim(p.ID, sale.DisputeClaim, "dp", 20_00, sale.Standing)
	b.owes(12_00)
	buy("two")
	b.owes(0)
	same(t, "balance after the next purchase", b.balance(ann).Available, 8_00)
	now, _ := b.claim(p.ID, sale.DisputeClaim, "dp", 20_00, sale.Won)
	if made := now.Returns.Takings[0].Revived; len(made) != 1 {
		t.Errorf("it made %v", made)
	}
	same(t, "balance after winning", b.balance(ann).Available, 8_00+8_00+12_00)
	b.sound()
}

// Refunds of a part at a time take the floor of their share in all.
func TestPartialRefunds(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.bought("buy", 0)
	for i, c := range []struct {
		minor, taken core.Amount
		state        sale.State
	}{{26_67, 166_68, sale.Paid}, {26_67, 166_68, sale.Paid}, {53_33, 333_31, sale.Paid}, {1_00, 333_31, sale.Paid}, {80_00, 500_00, sale.Refunded}} {
		now, fresh := b.claim(p.ID, sale.RefundClaim, "ch", c.minor, sale.Standing)
		if now = b.purchase(p.ID); now.Taken() != c.taken || now.State != c.state || fresh != (i%2 == 0) {
			t.Errorf("refund %d: %d are taken, fresh %v, %s", i, now.Taken(), fresh, now.State)
		}
		same(t, "balance", b.balance(ann).Available, 500_00-c.taken)
	}
	b.sound()
}

// What is told before the payment waits for it.
func TestRefundBeforePayment(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.buy("buy", 0)
	if now, fresh := b.claim(p.ID, sale.RefundClaim, "ch", 40_00, sale.Standing); !fresh || now.State != sale.Pending || len(now.Returns.Takings) != 0 {
		t.Errorf("an early refund: %v, %+v", fresh, now)
	}
	now, _, err := b.pay(p, payment(p, "in"))
	b.need(err)
	if now.State != sale.Paid || now.Taken() != 250_00 {
		t.Errorf("the payment after it leaves %+v", now)
	}
	same(t, "balance", b.balance(ann).Available, 250_00)
	b.sound()
}

func TestRefundRefused(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.bought("buy", 0)
	_, _, err := b.tryClaim(sale.Claim{Purchase: p.ID, Kind: sale.RefundClaim, Object: "ch", Amount: core.Money{Minor: 80_00, Currency: "eur"}})
	wantCode(t, "another currency", err, core.CodeInvalid)
	same(t, "balance", b.balance(ann).Available, 500_00)
}

// The three rules for what is spent by then, and grants that nobody paid for.
func TestRefundShortfall(t *testing.T) {
	for rule, want := range map[sale.Shortfall]struct{ owed, other, lost core.Amount }{
		"":             {0, 0, 0}, // owed, and paid at once by the other purchase
		sale.Owe:       {0, 0, 0},
		sale.WriteOff:  {0, 500_00, 300_00},
		sale.OtherPaid: {0, 200_00, 0},
	} {
		t.Run(string(rule), func(t *testing.T) {
			b := newBench(t, nil, ledger.Options{Refunds: rule})
			p := b.bought("one", 12)
			b.spends("spend", 300_00)
			b.bought("two", 0)
			_, _, err := b.Issue(b.ctx, "gift", ann, core.Terms{Amount: 10_00, Category: core.Promotional, Priority: core.DefaultPriority})
			b.need(err)
			now, _ := b.claim(p.ID, sale.RefundClaim, "ch", 80_00, sale.Standing)
			taking := now.Returns.Takings[0]
			if rule == sale.OtherPaid && taking.Collected() != 500_00 || taking.Lost != want.lost {
				t.Errorf("it took %+v", taking)
			}
			wantLeft := want.other
			if rule == sale.Owe || rule == "" {
				wantLeft = 200_00
			}
			same(t, "balance", b.balance(ann).Available, wantLeft+10_00)
			b.owes(want.owed)
			b.sound()
		})
	}
}

// However many refunds and disputes of whatever amounts, in any order and
// repeated: never more goes than was bought, and what stands at the end is what
// the claims say.
func TestClaimsInAnyOrder(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	for round := range 6 {
		p := b.bought(fmt.Sprint("buy", round), 0)
		b.spends(fmt.Sprint("spend", round), min(core.Amount(round)*90_00, b.balance(ann).Available))
		for i := range 10 {
			seed := round*37 + i*11
			kind, state, object := sale.RefundClaim, sale.Standing, fmt.Sprint("o", seed%3)
			if seed%2 == 1 {
				kind, state = sale.DisputeClaim, []sale.ClaimState{sale.Standing, sale.Won, sale.Lost, sale.Standing}[seed/2%4]
			}
			now, _ := b.claim(p.ID, kind, object, core.Amount(1+seed*97%80_00), state)
			if due, _, err := b.purchaseDue(p.ID); err != nil || due > 500_00 || now.Returns == nil {
				t.Fatalf("%d of 500 are gone, %v", due, err)
			}
		}
		b.pass(1000)
		b.sound()
	}
}

func (b *bench) purchaseDue(id core.ID) (core.Amount, core.Rate, error) {
	p := b.purchase(id)
	if p.Taken() > p.Credits {
		b.Fatalf("%d of %d are taken", p.Taken(), p.Credits)
	}
	return p.Forfeit()
}
