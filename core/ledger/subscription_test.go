package ledger_test

import (
	"slices"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
)

// proPlan is 100.00 a month, a third of it rolled, overage at 2 cents.
func proPlan() plan.Terms {
	month := plan.Span{N: 1, Of: plan.Month}
	return plan.Terms{
		Plan: "pro", Every: month, Prices: []core.Money{{Minor: 1000, Currency: "usd"}}, AtZero: core.Overage,
		Allotments: []plan.Allotment{{
			Credits: 100_00, Every: month, Priority: core.DefaultPriority, Rollover: &plan.Rollover{Max: 30_00, Cycles: 1, Priority: core.DefaultPriority},
		}},
		Overage: &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 2, Den: 100}, Currency: "usd"}}, Per: 1},
	}
}

func (b *bench) subscribe(w plan.Wish) plan.Subscribed {
	b.Helper()
	s, changed, err := b.Subscribe(b.ctx, ann, w)
	b.need(err)
	if !changed {
		b.Errorf("subscribing to %s changed nothing", w.Terms.Plan)
	}
	return s
}

// until sets the clock to a date.
func (b *bench) until(date string) {
	b.Helper()
	at, err := core.ParseTime(date)
	b.need(err)
	b.clock.Store(int64(at))
}

// A plan goes by itself: balances are right before anything was posted, what
// the sweep posts is the same, and it outlives a restart.
func TestSubscriptionRenews(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.until("2026-01-31T10:00:00Z")
	b.subscribe(plan.Wish{Terms: proPlan(), Zone: "Europe/Berlin"})
	if _, changed, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: proPlan()}); err != nil || changed {
		t.Errorf("the same again: %v, %v", changed, err)
	}
	b.wantBalance(ann, 100_00, 0)
	_, _, err := b.Debit(b.ctx, "january", charge(ann, 80_00))
	b.need(err)
	b.until("2026-02-28T10:00:00Z")
	b.wantBalance(ann, 120_00, 0) // nothing was posted yet
	b.restart()
	b.wantBalance(ann, 120_00, 0)
	n, next, err := b.Sweep(b.ctx, 100)
	b.need(err)
	if at, _ := core.ParseTime("2026-03-31T09:00:00Z"); n != 1 || next != at { // ten in summer
		t.Errorf("%d accounts were swept, the next is due at %s", n, next)
	}
	b.wantBalance(ann, 120_00, 0)
	b.until("2026-05-01T00:00:00Z") // two renewals late, and the debit posts them
	d, _, err := b.Debit(b.ctx, "april", charge(ann, 140_00))
	b.need(err)
	if d.Overage != 10_00 || d.Charged != "0.20 usd" || len(d.Allocations) != 2 {
		t.Errorf("the debit is %+v", d)
	}
	back, _, err := b.Reverse(b.ctx, "back", d.ID, 4_00)
	b.need(err)
	if back.Overage != 4_00 {
		t.Errorf("the reversal is %+v", back)
	}
	s, err := b.Subscription(b.ctx, ann)
	b.need(err)
	if units, money := s.State.Overage(s.Account); units != 6_00 || money != (core.Money{Minor: 12, Currency: "usd"}) {
		t.Errorf("overage is %d, %s", units, money)
	}
	b.until("2026-06-01T00:00:00Z")
	s, err = b.Subscription(b.ctx, ann)
	b.need(err)
	if c := s.State.Billing.Charges; len(c) != 1 || c[0].Money.Minor != 12 {
		t.Errorf("charged %+v", c)
	}
	b.wantNotices("subscription.renewed", "subscription.renewed", "subscription.renewed")
	_, _, err = b.Cancel(b.ctx, ann, plan.AtOnce)
	b.need(err)
	if _, _, err := b.Debit(b.ctx, "after", charge(ann, 40_00)); core.CodeOf(err) != core.CodeInsufficientCredits {
		t.Errorf("after the end: %v", err)
	}
	b.clean()
}

func (b *bench) wantNotices(types ...string) {
	b.Helper()
	list, err := b.Notices(b.ctx, ann, 0, 100)
	b.need(err)
	var got []string
	for _, n := range list {
		got = append(got, n.Type)
	}
	if !slices.Equal(got, types) {
		b.Errorf("told of %v, want %v", got, types)
	}
}

// Whether our clock or the payment is first, a period is granted once.
func TestPaymentsRenew(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.until("2026-01-31T10:00:00Z")
	onPayment := proPlan()
	onPayment.Allotments[0].OnPayment = true
	b.subscribe(plan.Wish{Terms: onPayment})
	b.wantBalance(ann, 0, 0)
	pay := func(object, period string, minor core.Amount) (bool, error) {
		at, err := core.ParseTime(period)
		b.need(err)
		_, fresh, err := b.Renew(b.ctx, ann, plan.Renewal{Start: at, Object: object, Paid: core.Money{Minor: minor, Currency: "usd"}})
		return fresh, err
	}
	if _, err := pay("in_0", "2026-01-31T10:00:00Z", 999); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("a payment of another price: %v", err)
	}
	for i, want := range []bool{true, false} {
		if fresh, err := pay("in_1", "2026-01-31T10:00:00Z", 1000); err != nil || fresh != want {
			t.Errorf("payment %d: %v, %v", i, fresh, err)
		}
	}
	b.wantBalance(ann, 100_00, 0)
	if fresh, err := pay("in_1", "2026-02-28T10:00:00Z", 1000); err != nil || fresh {
		t.Errorf("one payment of two periods: %v, %v", fresh, err)
	}
	b.until("2026-02-28T09:59:00Z")
	if fresh, err := pay("in_2", "2026-02-28T10:00:00Z", 1000); err != nil || !fresh {
		t.Errorf("the payment before the period: %v, %v", fresh, err)
	}
	b.until("2026-02-28T10:00:00Z")
	b.wantBalance(ann, 130_00, 0)
	b.until("2026-03-31T10:00:00Z")
	b.wantBalance(ann, 30_00, 0)
	if fresh, err := pay("in_3", "2026-03-31T10:00:01Z", 1000); err != nil || !fresh {
		t.Errorf("the payment after the period began: %v, %v", fresh, err)
	}
	b.wantBalance(ann, 130_00, 0)
	if _, _, err := b.Renew(b.ctx, bob, plan.Renewal{Start: core.Time(b.clock.Load()), Object: "x"}); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("a payment for nobody: %v", err)
	}
	b.clean()
}

// A new edition of the plan takes effect with the first renewal after it came
// into force, however late that is posted; what was granted stays.
func TestNewEdition(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.until("2026-01-31T10:00:00Z")
	b.subscribe(plan.Wish{Terms: proPlan()})
	b.subscribeBobUntil(t)
	richer := proPlan()
	richer.Allotments[0].Credits = 500_00
	since, err := core.ParseTime("2026-03-01T00:00:00Z")
	b.need(err)
	b.close()
	b.until("2026-03-15T00:00:00Z")
	b.open(nil, ledger.Options{Plans: map[string]plan.Terms{"pro": richer}, PlansSince: since})
	b.wantBalance(ann, 130_00, 0)
	b.until("2026-03-31T10:00:00Z")
	b.wantBalance(ann, 530_00, 0)
	_, _, err = b.Sweep(b.ctx, 100)
	b.need(err)
	b.wantBalance(ann, 530_00, 0)
	b.clean()
}

// subscribeBobUntil lets another account have a plan whose end is near.
func (b *bench) subscribeBobUntil(t *testing.T) {
	t.Helper()
	_, _, err := b.Subscribe(b.ctx, bob, plan.Wish{Terms: proPlan(), Anchor: core.TimeOf(b.Now().Std().Add(-20 * 24 * time.Hour))})
	b.need(err)
	s, changed, err := b.Cancel(b.ctx, bob, "")
	b.need(err)
	if want, _ := core.ParseTime("2026-02-11T10:00:00Z"); !changed || s.State.Subscription.Ends != want {
		t.Errorf("it ends at %s", s.State.Subscription.Ends)
	}
}

// A customer whose data is erased has no plan any more.
func TestErasedCustomersHaveNoPlan(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	empty := proPlan()
	empty.Allotments[0].OnPayment = true
	b.subscribe(plan.Wish{Terms: empty, Zone: "Asia/Tehran"})
	_, err := b.Erase(b.ctx, "ann")
	b.need(err)
	b.pass(60 * 24 * hour)
	b.wantBalance(ann, 0, 0)
	a, err := b.Account(b.ctx, ann)
	b.need(err)
	if a.Acts != 0 && a.Acts != core.Never {
		t.Errorf("the account acts at %s", a.Acts)
	}
	_, _, err = b.Subscribe(b.ctx, ann, plan.Wish{Terms: proPlan()})
	if err == nil {
		t.Error("an erased customer subscribes")
	}
	b.clean()
}
