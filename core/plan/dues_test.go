package plan

import (
	"fmt"
	"slices"
	"testing"

	"scrip/core"
)

// asked takes what is to be asked for.
func (d *subscriber) asked() (list []Due) {
	d.t.Helper()
	for d.s.Ask(func(due Due) core.ID {
		list = append(list, due)
		return core.ID(fmt.Sprintf("p%d", len(list)))
	}) {
		d.a.Keep(d.s)
	}
	d.stored()
	return list
}

func (d *subscriber) wantAsked(want ...string) []Due {
	d.t.Helper()
	list := d.asked()
	var got []string
	for _, due := range list {
		got = append(got, fmt.Sprintf("%s %s %s", due.Plan, due.Start, due.Money))
	}
	if !slices.Equal(got, want) {
		d.t.Errorf("at %s it asks for %q, want %q", d.now, got, want)
	}
	return list
}

// Each period's price is asked for once, when it begins, however late that is
// posted, and not where it was paid ahead, is free or is a trial.
func TestAPeriodsPriceIsAskedForOnce(t *testing.T) {
	pro := plain(t, "pro", "10", 100)
	pro.Collect, pro.Trial = ByScrip, &Trial{For: Span{10, Day}, Credits: 5}
	pro.Allotments[0].OnPayment = true
	d := newSubscriber(t, 0, "2026-01-21T00:00:00Z")
	d.put(Wish{Terms: pro})
	d.wantAsked()
	d.at("2026-01-31T00:00:00Z")
	first := d.wantAsked("pro 2026-01-31T00:00:00Z 10.00 usd")
	d.wantAsked()
	d.has(0)
	if !d.s.PaidDue(d.a, first[0], d.now) || d.s.PaidDue(d.a, first[0], d.now) {
		t.Error("the payment proves it not once")
	}
	d.has(100)
	d.at("2026-02-27T00:00:00Z")
	if fresh, err := d.s.Pay(d.a, instant(t, "2026-02-28T00:00:00Z"), d.now); !fresh || err != nil {
		t.Errorf("paid ahead: %v, %v", fresh, err)
	}
	d.stored()
	d.at("2026-03-01T00:00:00Z")
	d.wantAsked()
	d.has(100)
	d.at("2026-05-31T00:00:00Z") // three periods later
	list := d.wantAsked("pro 2026-03-31T00:00:00Z 10.00 usd", "pro 2026-04-30T00:00:00Z 10.00 usd", "pro 2026-05-31T00:00:00Z 10.00 usd")
	if d.s.Subscription.Purchase != "p3" {
		t.Errorf("the last was asked for by %q", d.s.Subscription.Purchase)
	}
	if d.s.PaidDue(d.a, list[0], d.now); d.s.Subscription.Paid >= d.s.Subscription.Period {
		t.Error("the payment of a period that is over pays for this one")
	}
	d.has(0)
	big := plain(t, "big", "30", 500)
	big.Collect = ByScrip
	d.put(Wish{Terms: big})
	d.wantAsked("big 2026-05-31T00:00:00Z 30.00 usd")
	if d.s.PaidDue(d.a, list[2], d.now) || d.s.Subscription.Paid == d.s.Subscription.Period {
		t.Error("the payment of another plan's period pays for this one")
	}
	for _, terms := range []Terms{plain(t, "other", "40", 1), {Plan: "free", Every: monthly, Collect: ByScrip}} {
		d.put(Wish{Terms: terms, When: AtOnce})
		d.wantAsked()
	}
}

// What does not end with its period stays owed through a change of plan and an
// end, until the period's payment: by its own price, once, and as long as if it
// had been paid in time.
func TestOwedOutlivesItsPlan(t *testing.T) {
	small, big := plain(t, "small", "10", 0), plain(t, "big", "30", 500)
	small.Allotments = []Allotment{
		{Credits: 100, Every: monthly, OnPayment: true, Never: true, Cap: &Cap{150, Span{1, Year}}},
		{Credits: 20, Every: monthly, OnPayment: true, Life: Span{90, Day}},
		{Credits: 3, Every: monthly, OnPayment: true},
	}
	d := newSubscriber(t, 0, "2026-01-10T00:00:00Z")
	d.put(Wish{Terms: small})
	d.at("2026-02-20T00:00:00Z") // January's is over, February's in force; neither is paid
	d.put(Wish{Terms: big})
	d.has(500)
	redeem := func(start, price string, want bool) {
		t.Helper()
		d.a.Settle(d.now)
		if got := d.s.Redeem(d.a, instant(t, start), usd(t, price), d.now); got != want {
			t.Errorf("a payment of %s from %s: %v", price, start, got)
		}
		d.stored()
	}
	redeem("2026-02-10T00:00:00Z", "11", false)
	redeem("2026-02-25T00:00:00Z", "10", false)
	redeem("2026-02-10T00:00:09Z", "10", true)
	d.has(500 + 50 + 20) // the cap's year has room for 50 after January's
	redeem("2026-02-10T00:00:00Z", "10", false)
	_, _ = d.s.Cancel(d.a, AtOnce, d.now)
	d.stored()
	d.has(50 + 20)
	d.at("2026-04-10T00:00:00Z") // what January's gave for 90 days ends today
	redeem("2026-01-10T00:00:00Z", "10", true)
	d.has(150 + 20)
	d.at("2026-05-11T00:00:00Z")
	d.has(150)
	if d.s.Former != nil {
		t.Errorf("it still owes %+v", d.s.Former)
	}
	for i := range d.a.Grants {
		if g := &d.a.Grants[i]; !Made("c1", &g.Terms, "") {
			t.Errorf("%+v is not known for a subscription's", g)
		}
	}
}

// An instant that no vendor can mean is refused, and soon. CK-05.
func TestPaymentOfAnInstantFarAway(t *testing.T) {
	d := newSubscriber(t, 0, "2026-01-10T00:00:00Z")
	d.put(Wish{Terms: plain(t, "pro", "10", 100)})
	for _, start := range []core.Time{core.Never, core.Never - 1, 0, -1, d.now / 1000, d.now + 4*maxAhead} {
		if _, err := d.s.Pay(d.a, start, d.now); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("a payment of %d: %v", int64(start), err)
		}
		if d.s.Redeem(d.a, start, usd(t, "10"), d.now) {
			t.Errorf("a payment of %d is of a former plan", int64(start))
		}
	}
}
