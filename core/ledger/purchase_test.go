package ledger_test

import (
	"fmt"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// buy makes a pending purchase of 500 credits for 80 dollars.
func (b *bench) buy(key string, months int) sale.Purchase {
	b.Helper()
	p, _, err := b.Buy(b.ctx, key, sale.Purchase{
		Customer: "ann", Pack: "small", Unit: "credits", Credits: 500_00, Price: core.Money{Minor: 80_00, Currency: "usd"}, Months: months, Connection: "east",
	})
	b.need(err)
	return p
}

func payment(p sale.Purchase, object string) sale.Payment {
	return sale.Payment{Purchase: p.ID, Object: object, Paid: p.Price, Settled: true}
}

// pay applies a payment as a worker does, and says whether it was fresh.
func (b *bench) pay(p sale.Purchase, pay sale.Payment) (now sale.Purchase, fresh bool, err error) {
	err = b.Do(b.ctx, &ledger.Op{
		Names:  func(batch *ledger.Batch) { b.NamesPayment(batch, p) },
		Decide: func(tx *ledger.Tx) (err error) { now, fresh, err = tx.Pay(pay); return err },
	})
	return now, fresh, err
}

func (b *bench) fail(p sale.Purchase) (changed bool) {
	b.Helper()
	b.need(b.Do(b.ctx, &ledger.Op{
		Names:  func(batch *ledger.Batch) { b.NamesPayment(batch, p) },
		Decide: func(tx *ledger.Tx) (err error) { changed, err = tx.FailPayment(p.ID); return err },
	}))
	return changed
}

func (b *bench) purchase(id core.ID) sale.Purchase {
	b.Helper()
	p, err := b.Purchase(b.ctx, id)
	b.need(err)
	return p
}

// Two events about one payment, and two payments of one purchase, grant once.
func TestPayOnce(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.buy("buy", 12)
	if p.State != sale.Pending || p.Created != start {
		t.Errorf("bought %+v", p)
	}
	type result struct {
		fresh bool
		err   error
	}
	fresh := 0
	for _, r := range all(16, func(i int) result {
		_, fresh, err := b.pay(p, payment(p, fmt.Sprint("invoice ", i%2)))
		return result{fresh, err}
	}) {
		b.need(r.err)
		if r.fresh {
			fresh++
		}
	}
	now := b.purchase(p.ID)
	if fresh != 1 || now.State != sale.Paid || now.Grant == "" || now.Object == "" {
		t.Errorf("%d payments were fresh, the purchase is %+v", fresh, now)
	}
	grants, err := b.Reader().Accounts.Grants(b.ctx, ann, 0, 10)
	b.need(err)
	if len(grants) != 1 {
		t.Fatalf("there are %d grants", len(grants))
	}
	want := core.Terms{
		ID: now.Grant, Amount: 500_00, Category: core.Paid, Priority: core.DefaultPriority, Starts: start, Expires: start.AddMonths(12),
		Paid: p.Price, Source: p.ID,
	}
	same(t, "terms", grants[0].Terms, want)
	if b.fail(p) || b.purchase(p.ID).State != sale.Paid {
		t.Error("a paid purchase failed afterwards")
	}
	b.restart()
	if _, fresh, err := b.pay(p, payment(p, "invoice 9")); err != nil || fresh {
		t.Errorf("after a restart a payment is fresh %v, %v", fresh, err)
	}
	b.sound()
}

// A payment that does not prove the price grants nothing, and leaves the
// purchase open for the right one.
func TestPayMismatch(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.buy("buy", 0)
	for name, change := range map[string]func(*sale.Payment){
		"less":         func(pay *sale.Payment) { pay.Paid.Minor-- },
		"more":         func(pay *sale.Payment) { pay.Paid.Minor++ },
		"nothing":      func(pay *sale.Payment) { pay.Paid = core.Money{} },
		"another coin": func(pay *sale.Payment) { pay.Paid.Currency = "eur" },
		"not settled":  func(pay *sale.Payment) { pay.Settled = false },
	} {
		wrong := payment(p, "invoice")
		change(&wrong)
		_, fresh, err := b.pay(p, wrong)
		wantCode(t, name, err, core.CodeInvalid)
		if fresh || b.purchase(p.ID).State != sale.Pending || b.feedLength() != 0 {
			t.Errorf("%s: fresh %v, purchase %+v", name, fresh, b.purchase(p.ID))
		}
	}
	missing := p
	missing.ID = core.NewID(core.PurchaseID, "ann", ledger.OpPurchase, "never", 0)
	_, _, err := b.pay(missing, payment(missing, "invoice"))
	wantCode(t, "a purchase that was never made", err, core.CodeNotFound)
	if _, fresh, err := b.pay(p, payment(p, "invoice")); err != nil || !fresh {
		t.Errorf("the right payment: fresh %v, %v", fresh, err)
	}
	same(t, "balance", b.balance(ann).Posted, 500_00)
}

// A refused payment in a batch leaves what stands beside it alone.
func TestPayMismatchBeside(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	one, two := b.buy("one", 0), b.buy("two", 0)
	release := b.stall(g)
	wrong := payment(one, "invoice")
	wrong.Paid.Minor++
	errs := make([]error, 2)
	wait := b.start(2, func(i int) {
		if i == 0 {
			_, _, errs[i] = b.pay(one, wrong)
		} else {
			_, _, errs[i] = b.pay(two, payment(two, "invoice"))
		}
	})
	b.queued(2)
	release()
	wait()
	wantCode(t, "the wrong one", errs[0], core.CodeInvalid)
	b.need(errs[1])
	same(t, "states", []sale.State{b.purchase(one.ID).State, b.purchase(two.ID).State}, []sale.State{sale.Pending, sale.Paid})
	b.sound()
}

func TestFailPayment(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.buy("buy", 0)
	if !b.fail(p) || b.purchase(p.ID).State != sale.Failed {
		t.Errorf("a pending purchase did not fail: %+v", b.purchase(p.ID))
	}
	if b.fail(p) {
		t.Error("it failed twice")
	}
	// The customer's second card may still work.
	if _, fresh, err := b.pay(p, payment(p, "second try")); err != nil || !fresh || b.purchase(p.ID).State != sale.Paid {
		t.Errorf("a later payment: fresh %v, %v", fresh, err)
	}
	same(t, "balance", b.balance(ann).Posted, 500_00)
}

func TestOfferPayment(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	p := b.buy("buy", 0)
	version := func() int64 {
		r, err := b.Reader().Records.Record(b.ctx, ledger.RecordKey{Kind: ledger.PurchaseKind, ID: string(p.ID)})
		b.need(err)
		return r.Version
	}
	for _, url := range []string{"https://pay.example/1", "https://pay.example/1", ""} {
		b.need(b.Do(b.ctx, &ledger.Op{
			Names:  func(batch *ledger.Batch) { ledger.NamesPurchase(batch, p.ID) },
			Decide: func(tx *ledger.Tx) error { return tx.OfferPayment(p.ID, url) },
		}))
	}
	if got := b.purchase(p.ID).PayURL; got != "https://pay.example/1" || version() != 2 {
		t.Errorf("the address is %q, version %d", got, version())
	}
}
