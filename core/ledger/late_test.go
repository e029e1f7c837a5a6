package ledger_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
)

func lateCharge(account ledger.AccountKey, amount core.Amount, at core.Time) ledger.Charge {
	return ledger.Charge{Account: account, Amount: amount, At: at}
}

// span grants an allotment of a time, which Issue knows from when it begins.
func (b *bench) span(key string, amount core.Amount, starts, expires core.Time) core.ID {
	b.Helper()
	t := terms(amount)
	t.Starts, t.Expires = starts, expires
	r, _, err := b.Issue(b.ctx, key, ann, t)
	b.need(err)
	return r.Grant.ID
}

func (b *bench) availableAt(at, known core.Time) core.Amount {
	b.Helper()
	a, err := b.AccountAt(b.ctx, ann, at, known)
	b.need(err)
	return a.Balance(at).Available
}

// allSound is sound, and the long audit too.
func (b *bench) allSound() {
	b.Helper()
	b.sound()
	report, err := b.Reader().AuditAll(b.ctx, nil)
	b.need(err)
	for _, f := range report.Findings {
		b.Errorf("long audit: %s %s", f.Where, f.What)
	}
}

// Usage from before a grant expired is charged to it when it is learned of
// later; what was answered in between is answered again.
func TestLateDebitIsPlacedWhenItHappened(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	first, second := b.span("may", 10_00, start, start+10*hour), b.span("june", 20_00, start+10*hour, start+20*hour)
	b.pass(12 * hour)
	if _, _, err := b.Debit(b.ctx, "on-time", charge(ann, 1_00)); err != nil {
		t.Fatal(err)
	}
	b.pass(hour)
	known := b.Now()
	happened := start + 9*hour
	b.pass(hour)
	r, _, err := b.Debit(b.ctx, "late", lateCharge(ann, 4_00, happened))
	b.need(err)
	if want := []core.Allocation{{Grant: first, Amount: 4_00}}; !slices.Equal(r.Allocations, want) || r.Happened != happened || r.Original != 0 {
		t.Errorf("it took %v, placed at %s; want %v", r.Allocations, r.Happened, want)
	}
	if r.Balance.Available != 19_00 {
		t.Errorf("the balance of now is %v: what expired is not there again", r.Balance)
	}
	for _, c := range []struct {
		at, known core.Time
		want      core.Amount
	}{
		{happened, b.Now(), 6_00}, {happened - 1, b.Now(), 10_00}, {happened, known, 10_00}, {start + 11*hour, b.Now(), 20_00}, {start + 12*hour, b.Now(), 19_00},
	} {
		if got := b.availableAt(c.at, c.known); got != c.want {
			t.Errorf("at %s, as known at %s, is %d, want %d", c.at, c.known, got, c.want)
		}
	}
	again, replayed, err := b.Debit(b.ctx, "late", lateCharge(ann, 4_00, happened))
	if err != nil || !replayed || again.ID != r.ID {
		t.Errorf("a replay gave %+v, %v, %v", again, replayed, err)
	}
	_, _, err = b.Debit(b.ctx, "late", lateCharge(ann, 4_00, happened+1))
	b.wantCode(err, core.CodeIdempotencyConflict)
	// What is left of the expiry is 6, and later grants pay nothing of it.
	_, _, err = b.Debit(b.ctx, "too-much", lateCharge(ann, 7_00, happened))
	b.wantCode(err, core.CodeInsufficientCredits)
	_, _, err = b.Debit(b.ctx, "the-rest", lateCharge(ann, 6_00, happened))
	b.need(err)
	// Given back, it expires again and stays where it was.
	_, _, err = b.Reverse(b.ctx, "back", r.ID, 1_00)
	b.need(err)
	if r, _, err = b.Debit(b.ctx, "once-more", lateCharge(ann, 1_00, happened)); err != nil || r.Allocations[0].Grant != first {
		t.Errorf("what was given back could not be taken again: %+v, %v", r, err)
	}
	if r, _, err = b.Debit(b.ctx, "in-june", lateCharge(ann, 1_00, start+11*hour)); err != nil || r.Allocations[0].Grant != second {
		t.Errorf("it took %v, %v", r.Allocations, err)
	}
	b.allSound()
}

// A grant of which nobody knew yet, or that began later, pays no earlier usage.
func TestLateDebitTakesNothingGrantedSince(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Deficit: 3_00})
	b.pass(5 * hour)
	dated := b.span("dated-back", 5_00, start, core.Never)
	paid := terms(9_00)
	paid.Category = core.Promotional
	_, _, err := b.Issue(b.ctx, "later", ann, paid)
	b.need(err)
	_, _, err = b.Debit(b.ctx, "early", lateCharge(ann, 4_00, start+hour))
	b.wantCode(err, core.CodeLimitReached)
	r, _, err := b.Debit(b.ctx, "owed", lateCharge(ann, 3_00, start+hour))
	b.need(err)
	if len(r.Allocations) != 0 || r.Deficit != 3_00 {
		t.Errorf("it took %v and owes %d", r.Allocations, r.Deficit)
	}
	a, err := b.AccountAt(b.ctx, ann, start+2*hour, b.Now())
	b.need(err)
	if a.Overdrawn != 3_00 {
		t.Errorf("two hours in %d is owed, want 3.00", a.Overdrawn)
	}
	b.pass(hour)
	if r, _, err = b.Debit(b.ctx, "after", lateCharge(ann, 1_00, b.Now()-1)); err != nil || r.Allocations[0].Grant != dated {
		t.Errorf("it took %v, %v; the grant was known by then", r.Allocations, err)
	}
	b.allSound()
}

func TestWindowOfLateFacts(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Late: 2 * time.Hour, Skew: time.Minute})
	b.grant("g", ann, 10_00)
	b.pass(10 * hour)
	now := b.Now()
	for _, c := range []struct {
		name string
		at   core.Time
		code core.Code
	}{
		{"oldest", now - 2*hour, ""}, {"too-old", now - 2*hour - 1, core.CodeLateRefused}, {"now", now, ""},
		{"ahead", now + hour/60, ""}, {"too-far", now + hour/60 + 1, core.CodeLateRefused},
	} {
		r, _, err := b.Debit(b.ctx, c.name, lateCharge(ann, 1_00, c.at))
		if core.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
		if c.code == "" && c.at >= now && r.Happened != 0 {
			t.Errorf("%s is placed at %s, want now", c.name, r.Happened)
		}
	}
	b.allSound()
}

// Late items of one batch see each other: nothing that expired is taken twice.
func TestLateBatch(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	lot := b.span("may", 10_00, start, start+10*hour)
	b.pass(11 * hour)
	var items []ledger.BatchItem
	for i, amount := range []core.Amount{4_00, 4_00, 4_00, 2_00} {
		items = append(items, ledger.BatchItem{Key: string(rune('a' + i)), Charge: lateCharge(ann, amount, start+core.Time(i+1)*hour)})
	}
	outcomes, err := b.DebitBatch(b.ctx, items)
	b.need(err)
	for i, want := range []core.Code{"", "", core.CodeInsufficientCredits, ""} {
		if core.CodeOf(outcomes[i].Err) != want || want == "" && outcomes[i].Receipt.Allocations[0].Grant != lot {
			t.Errorf("item %d: %+v", i, outcomes[i])
		}
	}
	b.allSound()
}

func (b *bench) settledBalance() core.Balance {
	b.Helper()
	a, err := b.Account(b.ctx, ann)
	b.need(err)
	a.Settle(b.Now())
	return a.Balance(b.Now())
}

// Whatever is done, also late, what an account was answered to hold is answered
// again of that instant as it was known then, from the entries alone.
func TestAnyHistoryIsToldAgain(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Deficit: 5_00})
	random := rand.New(rand.NewPCG(7, 1))
	seen := map[core.Time]core.Balance{}
	var debits, holds []core.ID
	key := func(i int) string { return "k" + strconv.Itoa(i) }
	for i := range 250 {
		b.pass(core.Time(1+random.IntN(30)) * hour / 20)
		amount := core.Amount(1 + random.IntN(4_00))
		switch n := random.IntN(10); {
		case n < 2:
			g := terms(amount * 3)
			if g.Category = core.Paid; random.IntN(3) > 0 {
				g.Expires = b.Now() + core.Time(1+random.IntN(40))*hour/4
			}
			_, _, _ = b.Issue(b.ctx, key(i), ann, g)
		case n < 6:
			c := charge(ann, amount)
			if n > 3 {
				c.At = b.Now() - core.Time(1+random.IntN(30))*hour/4
			}
			if r, _, err := b.Debit(b.ctx, key(i), c); err == nil {
				debits = append(debits, r.ID)
			}
		case n == 6 && len(debits) > 0:
			d := debits[random.IntN(len(debits))]
			taken, err := b.Taken(b.ctx, d)
			b.need(err)
			at := core.Time(0)
			if random.IntN(2) == 0 {
				at = max(taken.At, taken.Happened)
			}
			_, _, _ = b.ReverseAt(b.ctx, key(i), d, 0, at)
		case n == 7:
			if r, _, err := b.Hold(b.ctx, key(i), charge(ann, amount), ledger.HoldTerms{For: time.Duration(1+random.IntN(5)) * time.Hour}); err == nil {
				holds = append(holds, r.Hold.ID)
			}
		case n > 7 && len(holds) > 0:
			h := holds[random.IntN(len(holds))]
			_, _, _, _ = b.Capture(b.ctx, key(i), ledger.CaptureTerms{Hold: h, Amount: 1 + amount/3, Final: random.IntN(2) == 0})
		}
		seen[b.Now()] = b.settledBalance()
	}
	var many []ledger.BatchItem
	for i := range 1000 {
		many = append(many, ledger.BatchItem{Key: "many" + strconv.Itoa(i), Charge: charge(ann, 1)})
	}
	b.pass(1)
	b.grant("for-many", ann, 20_00)
	before := b.Now()
	b.pass(1)
	_, err := b.DebitBatch(b.ctx, many)
	b.need(err)
	b.pass(hour)
	_, _, err = b.Debit(b.ctx, "late", lateCharge(ann, 1_00, before))
	b.need(err)
	seen[b.Now()] = b.settledBalance()
	for at, want := range seen {
		a, err := b.AccountAt(b.ctx, ann, at, at)
		b.need(err)
		if got := a.Balance(at); got != want {
			t.Errorf("at %s, as known then, is %+v; it was answered %+v", at, got, want)
		}
	}
	b.allSound()
}

// Of a grant that a change of plan ended before its time nothing pays for what
// happened after that end, though credits came back to it since.
func TestLateDebitSparesWhatEndedEarly(t *testing.T) {
	for name, replace := range map[string]bool{"the rest ended": true, "the rest was carried over": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil, ledger.Options{})
			b.until("2026-01-31T10:00:00Z")
			small, big := proPlan(), proPlan()
			small.AtZero, big.AtZero = core.Reject, core.Reject
			big.Plan, big.Prices[0].Minor, big.Replace = "big", 9000, replace
			b.subscribe(plan.Wish{Terms: small})
			d, _, err := b.Debit(b.ctx, "january", charge(ann, 60_00))
			b.need(err)
			b.until("2026-02-03T00:00:00Z")
			b.subscribe(plan.Wish{Terms: big})
			_, _, err = b.Debit(b.ctx, "all", charge(ann, b.balance(ann).Available))
			b.need(err)
			b.until("2026-02-28T10:00:00Z") // when the first would have ended
			_, _, err = b.Reverse(b.ctx, "back", d.ID, 60_00)
			b.need(err)
			at, err := core.ParseTime("2026-02-20T00:00:00Z")
			b.need(err)
			_, _, err = b.Debit(b.ctx, "late", lateCharge(ann, 1_00, at))
			b.wantCode(err, core.CodeInsufficientCredits)
			b.clean()
		})
	}
}
