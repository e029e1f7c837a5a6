package ledger_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/ledger"
	"scrip/core/rate"
)

var annInUSD = ledger.AccountKey{Customer: "ann", Unit: "usd"}

// toUSD is the change of credits at 0.08 usd, by what was paid for each grant.
func toUSD(t testing.TB) *convert.Change {
	t.Helper()
	price, err := core.ParsePrice("0.08 usd")
	if err != nil {
		t.Fatal(err)
	}
	c, err := convert.New(convert.Terms{From: units[0], To: units[2], Mode: convert.CostBasis, List: price})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// convertTo reopens the ledger with its units changed, as a process does that
// takes up another config.
func (b *bench) convertTo(open bool, list ...ledger.Conversion) {
	b.Helper()
	b.close()
	list[len(list)-1].Open = open
	b.open(nil, ledger.Options{Conversions: list})
}

func (b *bench) forward() ledger.Conversion {
	return ledger.Conversion{ID: "one", Change: toUSD(b)}
}

func (b *bench) back() ledger.Conversion {
	return ledger.Conversion{ID: "one/back", Of: "one", Change: toUSD(b)}
}

// convertAll brings the open conversion to everybody, a page at a time.
func (b *bench) convertAll() {
	b.Helper()
	var after ledger.AccountKey
	for done := false; !done; {
		var err error
		after, _, done, err = b.Convert(b.ctx, after, 2)
		b.need(err)
	}
}

func (b *bench) wantBalance(key ledger.AccountKey, posted, held core.Amount) {
	b.Helper()
	if got := b.balance(key); got.Posted != posted || got.Held != held {
		b.Errorf("the balance of %v is %+v, want %d posted and %d held", key, got, posted, held)
	}
}

func (b *bench) wantCode(err error, code core.Code) {
	b.Helper()
	if core.CodeOf(err) != code {
		b.Errorf("got %v, want %s", err, code)
	}
}

// A customer's credits, hold, debit and purchase go on as money, and whoever
// asks under an old key gets the old answer.
func TestConversionIsOneStep(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	paid := terms(1000_00)
	paid.Category, paid.Paid, paid.Priority = core.Paid, core.Money{Minor: 100_00, Currency: "usd"}, 60
	bought, _, err := b.Issue(b.ctx, "paid", ann, paid)
	b.need(err)
	free := b.grant("free", ann, 30_00)
	action := rate.Fixed{Action: rate.Action{Name: "image", Per: 1, Base: core.Rate{Num: 0, Den: 1}, Minimum: core.Rate{Num: 0, Den: 1}, Rates: []rate.Rate{{Cost: core.Rate{Num: 5, Den: 1}}}}}
	price, err := action.Text()
	b.need(err)
	debit, _, err := b.Debit(b.ctx, "debit", ledger.Charge{Account: ann, Amount: 20_00, Action: "image", Quantity: "4"})
	b.need(err)
	byAmount, _, err := b.Debit(b.ctx, "amount", charge(ann, 1_00))
	b.need(err)
	hold, _, err := b.Hold(b.ctx, "hold", ledger.Charge{Account: ann, Amount: 50_00, Action: "image", Quantity: "10"}, ledger.HoldTerms{For: 3600e9, Price: price})
	b.need(err)
	gone, _, err := b.Hold(b.ctx, "gone", charge(ann, 1_00), ledger.HoldTerms{For: 3600e9})
	b.need(err)
	_, _, err = b.Release(b.ctx, "release", gone.Hold.ID)
	b.need(err)
	pending := b.buy("buy", 0)
	b.wantBalance(ann, 1009_00, 50_00)

	b.convertTo(true, b.forward())
	// 1000 credits for 100 dollars are worth 0.10 each, of which 41 are held
	// and 9 of the free ones at 0.08.
	b.wantBalance(annInUSD, 100_720000, 4_820000)
	if a, _ := b.Reader().Accounts.Account(b.ctx, annInUSD); a != nil {
		t.Error("reading a balance has converted it")
	}
	again, replayed, err := b.Debit(b.ctx, "debit", ledger.Charge{Account: annInUSD, Amount: 1_600000, Action: "image", Quantity: "4"})
	b.need(err)
	if !replayed || !reflect.DeepEqual(again, debit) {
		t.Errorf("the old key answers %+v, %v", again, replayed)
	}
	if again, replayed, err := b.Debit(b.ctx, "amount", charge(ann, 1_00)); err != nil || !replayed || again.ID != byAmount.ID {
		t.Errorf("the old key answers %+v, %v, %v", again, replayed, err)
	}
	_, _, err = b.Debit(b.ctx, "late", charge(ann, 1_00))
	b.wantCode(err, core.CodeUnitMismatch)
	if _, replayed, err := b.Debit(b.ctx, "late", charge(annInUSD, 400000)); err != nil || replayed {
		t.Errorf("a key that was refused for its unit is taken: %v, %v", replayed, err)
	}
	b.wantBalance(annInUSD, 100_320000, 4_820000)
	b.wantBalance(ann, 0, 0)

	_, h, err := b.Reader().Accounts.Hold(b.ctx, hold.Hold.ID)
	b.need(err)
	fixed, err := rate.ParseFixed(h.Price)
	b.need(err)
	cost, err := fixed.Cost(8*rate.One, units[2])
	b.need(err)
	if cost != 3_200000 || h.Amount != 4_820000 {
		t.Errorf("8 images cost %d of a hold of %d", cost, h.Amount)
	}
	_, _, _, err = b.Capture(b.ctx, "stale", ledger.CaptureTerms{Unit: "credits", Hold: h.ID, Amount: 40_00})
	if !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("a capture at the old price: %v", err)
	}
	_, after, _, err := b.Capture(b.ctx, "capture", ledger.CaptureTerms{Unit: "usd", Hold: h.ID, Amount: cost, Quantity: "8", Final: true})
	b.need(err)
	if after.Hold.State != core.HoldCaptured || after.Account != annInUSD {
		t.Errorf("the hold is %+v", after)
	}
	_, _, err = b.Release(b.ctx, "again", gone.Hold.ID)
	b.wantCode(err, core.CodeHoldNotOpen)
	b.wantBalance(annInUSD, 97_120000, 0)

	// The debit took 20 of the free credits: half of it back is 0.80.
	back, _, err := b.Reverse(b.ctx, "reverse", debit.ID, 10_00)
	b.need(err)
	if back.Account != ann || back.Left != 10_00 {
		t.Errorf("the reversal is %+v", back)
	}
	b.wantBalance(annInUSD, 97_920000, 0)
	_, fresh, err := b.pay(pending, payment(pending, "in_1"))
	b.need(err)
	if p := b.purchase(pending.ID); !fresh || p.Unit != "usd" || p.Credits != 80_000000 {
		t.Errorf("the payment made %+v", p)
	}
	b.wantBalance(annInUSD, 177_920000, 0)
	voided, _, err := b.Void(b.ctx, "void", bought.Grant.ID)
	b.need(err)
	if voided.Account != annInUSD || voided.Grant.Closed != core.Void {
		t.Errorf("voiding the old grant made %+v", voided)
	}
	_, g, err := b.Reader().Accounts.Grant(b.ctx, free)
	b.need(err)
	if g.Closed != core.Converted || g.Remaining != 0 {
		t.Errorf("the old grant is %+v", g)
	}
	b.sound()
}

// Who still runs with the old config can neither spend what was converted nor
// open an account in the old unit.
func TestStaleProcess(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("grant", ann, 100_00)
	b.convertTo(true, b.forward())
	b.need(b.Do(b.ctx, &ledger.Op{
		Names:  func(batch *ledger.Batch) { batch.Records = append(batch.Records, ledger.RetiredKey("credits")) },
		Decide: func(tx *ledger.Tx) error { return tx.PutRecord(ledger.RetiredKey("credits"), "usd") },
	}))
	b.convertAll()
	b.restart()
	_, _, err := b.Debit(b.ctx, "debit", charge(ann, 1))
	b.wantCode(err, core.CodeUnavailable)
	_, _, err = b.Issue(b.ctx, "bob", bob, terms(1))
	b.wantCode(err, core.CodeUnavailable)
	b.close()
	known := units
	units = units[:2] // as before the change
	b.open(nil, ledger.Options{})
	_, _, err = b.Debit(b.ctx, "usd", charge(annInUSD, 1))
	b.wantCode(err, core.CodeUnavailable)
	units = known
	b.convertTo(false, b.forward())
	if _, _, err := b.Debit(b.ctx, "debit", charge(annInUSD, 1)); err != nil {
		t.Errorf("its key is not free: %v", err)
	}
	b.sound()
}

// Whatever customers did before: everybody's total is its exact value rounded
// once, in whatever order accounts are come to; taken back at once, every
// grant and hold is what it was; taken back after spending, what was spent
// stays spent; and the books can be recomputed from the entries at each step.
// MG-04.
func TestConversionsOfRandomAccounts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := newBench(t, nil, ledger.Options{})
		defer b.close()
		keys := []ledger.AccountKey{ann, bob}
		for i := range rapid.IntRange(1, 12).Draw(r, "grants") {
			g := terms(core.Amount(rapid.IntRange(1, 5000_00).Draw(r, "amount")))
			g.Priority = rapid.IntRange(0, 3).Draw(r, "priority")
			if rapid.Bool().Draw(r, "paid") {
				g.Category, g.Paid = core.Paid, core.Money{Minor: core.Amount(rapid.IntRange(0, 1000_00).Draw(r, "price")), Currency: "usd"}
			}
			if rapid.Bool().Draw(r, "ends") {
				g.Expires = start + hour*core.Time(rapid.IntRange(1, 9).Draw(r, "hours"))
			}
			_, _, err := b.Issue(b.ctx, fmt.Sprint("g", i), keys[i%2], g)
			b.need(err)
		}
		spend(b, r, "before", keys)
		b.pass(hour * core.Time(rapid.IntRange(0, 4).Draw(r, "pass")))

		before := snapshot(b, keys)
		want := map[ledger.AccountKey]core.Amount{}
		for _, key := range keys {
			a, err := b.Account(b.ctx, key)
			b.need(err)
			a.Settle(b.Now())
			plan, err := toUSD(b).Plan(a, b.Now())
			b.need(err)
			want[ledger.AccountKey{Customer: key.Customer, Unit: "usd"}] = plan.Total.To
		}
		b.convertTo(true, b.forward())
		if rapid.Bool().Draw(r, "touched first") {
			_, _, err := b.Debit(b.ctx, "touch", charge(annInUSD, 0))
			b.need(err)
		}
		b.convertAll()
		inUSD := slices.Clone(keys)
		for i := range inUSD {
			inUSD[i].Unit = "usd"
			a, err := b.Account(b.ctx, inUSD[i])
			b.need(err)
			var total core.Amount
			for _, g := range a.Grants {
				total += g.Remaining
			}
			if total != want[inUSD[i]] {
				r.Fatalf("%v has %d, planned were %d", inUSD[i], total, want[inUSD[i]])
			}
		}
		b.sound()
		spent := rapid.Bool().Draw(r, "spend")
		if spent {
			spend(b, r, "after", inUSD)
		}
		b.convertTo(true, b.forward(), b.back())
		b.convertAll()
		b.sound()
		after := snapshot(b, keys)
		switch {
		case !spent && after != before:
			r.Fatalf("taken back at once:\n%s\nwas\n%s", after, before)
		case spent:
			for i, key := range keys {
				b.wantBalance(inUSD[i], 0, 0)
				if _, _, err := b.Debit(b.ctx, fmt.Sprint("last", i), charge(key, b.balance(key).Available)); err != nil {
					r.Fatalf("what is back cannot be spent: %v", err)
				}
			}
		}
		b.sound()
	})
}

// spend debits and reserves at random; what is refused is refused.
func spend(b *bench, r *rapid.T, name string, keys []ledger.AccountKey) {
	for i := range rapid.IntRange(0, 8).Draw(r, name) {
		key, amount := keys[i%len(keys)], core.Amount(rapid.IntRange(1, 900_00).Draw(r, "spent"))
		id := fmt.Sprint(name, i)
		if rapid.Bool().Draw(r, "reserve") {
			_, _, _ = b.Hold(b.ctx, id, charge(key, amount), ledger.HoldTerms{For: 100 * 3600e9, Protect: rapid.Bool().Draw(r, "protect")})
			continue
		}
		_, _, _ = b.Debit(b.ctx, id, charge(key, amount))
	}
}

// snapshot writes down every grant with a rest and every open hold.
func snapshot(b *bench, keys []ledger.AccountKey) string {
	text := ""
	for _, key := range keys {
		a, err := b.Account(b.ctx, key)
		b.need(err)
		a.Settle(b.Now())
		for _, g := range a.Grants {
			if g.Remaining > 0 {
				text += fmt.Sprintln(g.ID, g.Remaining, g.Held, g.State(b.Now()), g.Paid)
			}
		}
		for _, h := range a.Holds {
			if h.State == core.HoldOpen {
				text += fmt.Sprintln(h.ID, h.Amount, h.Parts, h.Expires)
			}
		}
	}
	return text
}

// A command that names only the account that is left, as the order of an old
// window does, brings the conversion to it as whole as any other.
func TestConversionByTheOldAccount(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("first", ann, 100_00)
	for round, step := range []struct {
		list []ledger.Conversion
		old  ledger.AccountKey
		now  ledger.AccountKey
		left core.Amount
	}{
		{[]ledger.Conversion{b.forward()}, ann, annInUSD, 8_000000},
		{[]ledger.Conversion{b.forward(), b.back()}, annInUSD, ann, 100_00},
		{[]ledger.Conversion{b.forward(), b.back(), {ID: "two", Change: toUSD(b)}}, ann, annInUSD, 8_000000},
	} {
		b.convertTo(true, step.list...)
		b.need(b.Do(b.ctx, &ledger.Op{
			Names:  func(l *ledger.Batch) { l.Accounts = append(l.Accounts, step.old) },
			Decide: func(*ledger.Tx) error { return nil },
		}))
		a, err := b.Reader().Accounts.Account(b.ctx, step.old)
		b.need(err)
		if a == nil || a.Became != step.now.Unit {
			t.Fatalf("round %d: the account that was left is %+v", round, a)
		}
		b.wantBalance(step.now, step.left, 0)
		b.convertTo(false, step.list...)
	}
	report, err := b.Reader().AuditAll(b.ctx, nil)
	b.need(err)
	if len(report.Findings) > 0 {
		t.Errorf("the audit finds %+v", report.Findings)
	}
}
