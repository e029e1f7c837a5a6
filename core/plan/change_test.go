package plan

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

func plain(t testing.TB, name, price string, credits core.Amount) Terms {
	return Terms{Plan: name, Prices: []core.Money{usd(t, price)}, Every: monthly, Allotments: []Allotment{{Credits: credits, Every: monthly}}}
}

func TestUpgradeAtOnce(t *testing.T) {
	small, big := plain(t, "small", "10", 100), plain(t, "big", "30", 500)
	d := newSubscriber(t, 0, "2026-01-10T00:00:00Z")
	d.put(Wish{Terms: small})
	d.mustSpend(30)
	d.at("2026-01-20T00:00:00Z")
	d.put(Wish{Terms: big})
	d.has(570)
	if from, to := d.s.Span(); from != d.now || to != instant(t, "2026-02-20T00:00:00Z") {
		t.Errorf("the period is %s to %s", from, to)
	}
	if d.put(Wish{Terms: big}) {
		t.Error("the same wish again changes something")
	}
	d.at("2026-02-20T00:00:00Z") // what was carried lasts for one period
	d.has(500)

	d = newSubscriber(t, 0, "2026-01-10T00:00:00Z")
	d.put(Wish{Terms: small})
	d.mustSpend(30)
	big.Replace = true
	d.put(Wish{Terms: big})
	if d.has(500); d.sum(core.EntryExpire) != 70 {
		t.Errorf("%d ended", d.sum(core.EntryExpire))
	}
	for i, e := range d.a.Entries { // revoke before grant
		if e.Kind == core.EntryExpire && d.a.Entries[i+1].Kind != core.EntryGrant {
			t.Errorf("after the end comes %s", d.a.Entries[i+1].Kind)
		}
	}
}

func TestDowngradeWithTheNextPeriod(t *testing.T) {
	small, big := plain(t, "small", "10", 100), plain(t, "big", "30", 500)
	big.Allotments[0].Rollover = &Rollover{Forfeit: []Loss{OnDowngrade}}
	d := newSubscriber(t, 0, "2026-01-31T00:00:00Z")
	d.put(Wish{Terms: big})
	d.at("2026-02-28T00:00:00Z")
	d.has(1000)
	d.put(Wish{Terms: small})
	d.has(1000)
	if d.put(Wish{Terms: small}) {
		t.Error("the same wish again changes something")
	}
	d.at("2026-03-31T00:00:00Z")
	d.has(100)
	if s := d.s.Subscription; s.Terms.Plan != "small" || s.Pending != nil || s.Anchor != instant(t, "2026-01-31T00:00:00Z") {
		t.Errorf("it is %+v", s)
	}

	big.Allotments[0].Rollover.Forfeit = nil // what was rolled is kept
	d = newSubscriber(t, 0, "2026-01-31T00:00:00Z")
	d.put(Wish{Terms: big})
	d.put(Wish{Terms: small})
	d.at("2026-02-28T00:00:00Z")
	d.has(600)

	d = newSubscriber(t, 0, "2026-01-31T00:00:00Z")
	d.put(Wish{Terms: big})
	d.put(Wish{Terms: small})
	d.put(Wish{Terms: big}) // thought better of
	d.at("2026-02-28T00:00:00Z")
	d.has(1000)
	d.put(Wish{Terms: small, When: AtOnce})
	d.has(1100)
}

func TestCancelAndComeBack(t *testing.T) {
	small := plain(t, "small", "10", 100)
	d := newSubscriber(t, 0, "2026-01-31T00:00:00Z")
	d.put(Wish{Terms: small})
	cancel := func(when When) bool {
		changed, err := d.s.Cancel(d.a, when, d.now)
		if err != nil {
			t.Fatal(err)
		}
		d.stored()
		return changed
	}
	if !cancel("") || cancel("") {
		t.Error("it is cancelled not once")
	}
	if up := d.s.Upcoming(3); len(up) != 0 {
		t.Errorf("it renews at %v", up)
	}
	d.put(Wish{Terms: small}) // thought better of
	d.at("2026-02-28T00:00:00Z")
	d.has(100)
	cancel(AtOnce)
	d.has(0)
	if cancel(AtOnce) {
		t.Error("what is over ends again")
	}
	d.put(Wish{Terms: small}) // at the same instant, and still a period of its own
	d.has(100)
	d.at("2026-03-28T00:00:00Z")
	d.has(100)
	if up := d.s.Upcoming(2); len(up) != 2 || up[1] != instant(t, "2026-05-28T00:00:00Z") {
		t.Errorf("it renews at %v", up)
	}
}

func TestTrial(t *testing.T) {
	pro := plain(t, "pro", "10", 100)
	pro.Trial = &Trial{Credits: 20, For: Span{14, Day}}
	d := newSubscriber(t, 0, "2026-01-01T00:00:00Z")
	d.put(Wish{Terms: pro})
	d.has(20)
	d.at("2026-01-15T00:00:00Z")
	d.has(100)
	d.at("2026-02-15T00:00:00Z")
	d.has(100)
	if _, err := d.s.Cancel(d.a, AtOnce, d.now); err != nil {
		t.Fatal(err)
	}
	d.put(Wish{Terms: pro}) // one trial each
	d.has(100)

	d = newSubscriber(t, 0, "2026-01-01T00:00:00Z")
	d.put(Wish{Terms: pro})
	if _, err := d.s.Cancel(d.a, "", d.now); err != nil {
		t.Fatal(err)
	}
	d.at("2026-01-15T00:00:00Z")
	if d.has(0); d.s.Subscription.Ended != d.now {
		t.Error("it goes on after a trial that was cancelled")
	}
}

// Whichever comes first, one period is granted once.
func TestAllotmentWaitsForItsPayment(t *testing.T) {
	pro := plain(t, "pro", "10", 100)
	pro.Allotments[0].OnPayment = true
	d := newSubscriber(t, 0, "2026-01-31T00:00:00Z")
	d.put(Wish{Terms: pro})
	d.has(0)
	pay := func(start string, fresh bool) {
		t.Helper()
		d.a.Settle(d.now)
		got, err := d.s.Pay(d.a, instant(t, start), d.now)
		if err != nil || got != fresh {
			t.Errorf("payment of %s: %v, %v", start, got, err)
		}
		d.stored()
	}
	pay("2026-01-31T00:00:00Z", true)
	d.has(100)
	pay("2026-01-31T00:00:03Z", false) // the vendor's start is seconds off
	d.has(100)
	d.at("2026-02-27T23:59:59Z")
	pay("2026-02-28T00:00:00Z", true) // early
	d.has(100)
	d.at("2026-02-28T00:00:00Z")
	d.has(100)
	d.mustSpend(60)
	pay("2026-02-28T00:00:00Z", false)
	d.at("2026-03-31T00:00:00Z")
	d.has(0)
	d.at("2026-04-02T00:00:00Z")
	pay("2026-03-31T00:00:00Z", true) // late
	d.has(100)
	d.at("2026-04-30T00:00:00Z")
	d.has(0)
	d.at("2026-05-31T00:00:00Z")
	pay("2026-04-30T00:00:00Z", true) // too late: that period is over
	d.has(0)
	for _, bad := range []string{"2026-06-15T00:00:00Z", "2026-07-31T00:00:00Z"} {
		if _, err := d.s.Pay(d.a, instant(t, bad), d.now); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("payment of %s: %v", bad, err)
		}
	}
}

func TestANewEditionTakesEffectWithTheNextRenewal(t *testing.T) {
	d := newSubscriber(t, 0, "2026-01-31T00:00:00Z")
	d.put(Wish{Terms: plain(t, "pro", "10", 100)})
	d.book.Plans, d.book.Since = map[string]Terms{"pro": plain(t, "pro", "12", 300)}, instant(t, "2026-03-01T00:00:00Z")
	d.at("2026-03-15T00:00:00Z") // posted late, but the renewal was before the edition
	d.has(100)
	d.at("2026-03-31T00:00:00Z")
	d.has(300)

	weekly := plain(t, "pro", "12", 70)
	weekly.Every, weekly.Allotments[0].Every = Span{1, Week}, Span{1, Week}
	d.book.Plans = map[string]Terms{"pro": weekly}
	d.mustSpend(100)
	d.at("2026-04-30T00:00:00Z")
	d.has(70)
	d.at("2026-05-07T00:00:00Z")
	if d.has(70); d.s.Subscription.Anchor != instant(t, "2026-04-30T00:00:00Z") {
		t.Errorf("periods count from %s", d.s.Subscription.Anchor)
	}
	d.book.Plans = nil // no longer sold: who has it keeps it
	d.at("2026-05-14T00:00:00Z")
	d.has(70)
}

func TestMonthlyAllotmentOfAYearlyPlan(t *testing.T) {
	yearly := plain(t, "year", "100", 100)
	yearly.Every = Span{1, Year}
	yearly.AtZero, yearly.Overage = core.Overage, &Overage{Prices: []core.Price{per(t, "0.015")}, Per: 1}
	d := newSubscriber(t, 0, "2024-02-29T00:00:00Z")
	d.put(Wish{Terms: yearly})
	d.mustSpend(101)
	for _, at := range []string{"2024-03-29T00:00:00Z", "2025-02-28T00:00:00Z"} {
		d.at(at)
		d.has(100)
		d.mustSpend(101)
	}
	d.at("2025-03-29T00:00:00Z")
	// 1.5 cents thrice: 2, then 1 and 2 with what the one before left over; half a cent too much is left.
	var sum core.Amount
	for _, c := range d.s.Billing.Charges {
		sum += c.Money.Minor
	}
	if c := d.s.Billing.Charges; len(c) != 3 || sum != 5 || d.s.Billing.Carry != "-1/2" {
		t.Errorf("charged %+v, left over %q", c, d.s.Billing.Carry)
	}
	if d.s.Subscription.Period != 1 {
		t.Errorf("it is in year %d", d.s.Subscription.Period)
	}
}

func TestDaysThatBeginAtMidnight(t *testing.T) {
	terms := plain(t, "pro", "10", 100)
	terms.Allotments = append(terms.Allotments, Allotment{Credits: 5, Every: Span{1, Day}, Midnight: true})
	d := newSubscriber(t, 0, "2022-03-11T15:30:00Z") // half past ten in Havana
	d.put(Wish{Terms: terms, Zone: "America/Havana"})
	d.has(105)
	d.mustSpend(5)
	for _, step := range []struct {
		at  string
		has core.Amount
	}{
		{"2022-03-12T04:59:59Z", 100}, {"2022-03-12T05:00:00Z", 105}, {"2022-03-13T04:59:59Z", 105},
		{"2022-03-13T05:00:00Z", 105}, // clocks go from midnight to one: the day begins with its first instant
		{"2022-03-14T04:00:00Z", 105},
	} {
		d.at(step.at)
		d.has(step.has)
	}
	if n := d.sum(core.EntryExpire); n != 10 {
		t.Errorf("%d of three days expired", n)
	}
}

func TestMoneyOfOneEventIsExact(t *testing.T) {
	for _, c := range []struct {
		scale, per int64
		price      string
		units      core.Amount
		want       string
	}{
		{0, 1, "0.05 usd", 3, "0.15 usd"}, {1, 1000, "0.30 usd", 1, "0.00003 usd"}, {2, 3, "1 usd", 100, "1/3 usd"}, {2, 3, "1 usd", 300, "1.00 usd"},
		{9, 1_000_000, "0.000000001 usd", 1, "0.000000000000000000000001 usd"}, {0, 1, "5 jpy", 7, "35 jpy"}, {0, 7, "100000000 usd", 1 << 60, "115292150460684697600000000/7 usd"},
	} {
		price, err := core.ParsePrice(c.price)
		if err != nil {
			t.Fatal(err)
		}
		o := &Overage{Per: c.per}
		got, slow := o.costText(int(c.scale), price, c.units), exactText(o.cost(int(c.scale), price, c.units), price.Currency)
		if got != c.want || slow != c.want {
			t.Errorf("%d at %s per %d is %q and %q, want %q", c.units, c.price, c.per, got, slow, c.want)
		}
	}
}

func TestOverageComesBack(t *testing.T) {
	d := newSubscriber(t, 0, "2026-01-01T00:00:00Z")
	terms := plain(t, "pro", "10", 10)
	terms.AtZero = core.Overage
	terms.Overage = &Overage{
		Prices: []core.Price{per(t, "0.50")}, Per: 1, Limit: 100,
		Actions: map[string][]core.Price{"big": {per(t, "2")}},
	}
	d.put(Wish{Terms: terms})
	d.mustSpend(14)
	if _, err := d.spend(3, "big"); err != nil {
		t.Fatal(err)
	}
	if n, money := d.s.Overage(d.a); n != 7 || money != usd(t, "8.00") || d.charged != "6.00 usd" {
		t.Errorf("overage is %d, %s, the last of it %s", n, money, d.charged)
	}
	if rule, room := d.s.Rule(); rule != core.Overage || room != 93 {
		t.Errorf("the rule is %s with room for %d", rule, room)
	}
	d.s.Unwound(d.a, Back{Units: 4, Part: 4, Whole: 4, Charged: "2.00 usd", Unit: d.a.Unit.Code, Seq: d.a.Seq}, d.now)
	was := d.a.Seq
	d.at("2026-02-01T00:00:00Z")
	d.a.Settle(d.now)
	back := Back{Action: "big", Units: 1, Part: 1, Whole: 3, Charged: "6.00 usd", Unit: d.a.Unit.Code, Seq: was}
	d.s.Unwound(d.a, back, d.now) // charged already
	d.mustSpend(11)
	d.at("2026-03-01T00:00:00Z")
	c := d.s.Billing.Charges
	if len(c) != 3 || c[0].Money != usd(t, "6.00") || c[1].Money.Minor != -200 || c[1].Why != "correction" || c[2].Money != usd(t, "0.50") {
		t.Errorf("charged %+v", c)
	}
	if _, err := d.spend(1000, ""); core.CodeOf(err) != core.CodeLimitReached {
		t.Errorf("beyond the limit: %v", err)
	}
}

// TestAgainstANaiveModel plays months of a plan with rollover against sums
// kept by hand, and holds that posting late changes no entry.
func TestAgainstANaiveModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		credits := core.Amount(rapid.IntRange(1, 50).Draw(rt, "credits"))
		roll := Rollover{
			Max: core.Amount(rapid.IntRange(0, 80).Draw(rt, "max")), Total: rapid.Bool().Draw(rt, "total"),
			Cycles: rapid.IntRange(0, 3).Draw(rt, "cycles"), Priority: rapid.IntRange(49, 51).Draw(rt, "priority"),
		}
		terms := Terms{Plan: "pro", Every: monthly, Allotments: []Allotment{{Credits: credits, Every: monthly, Priority: 50, Rollover: &roll}}}
		prompt, late := newSubscriber(t, 0, "2026-01-31T10:00:00Z"), newSubscriber(t, 0, "2026-01-31T10:00:00Z")
		prompt.put(Wish{Terms: terms})
		late.put(Wish{Terms: terms})
		m := &model{credits: credits, roll: roll, fresh: credits}
		cal := Calendar{prompt.now, monthly, prompt.s.zone}
		for month := 1; month <= 6; month++ {
			use := core.Amount(rapid.IntRange(0, 70).Draw(rt, "use"))
			inside := core.TimeOf(cal.Start(month).Std().AddDate(0, 0, -3))
			prompt.now = inside
			prompt.stored()
			if _, err := prompt.spend(use, ""); (err == nil) != m.spend(use, month) {
				rt.Fatalf("month %d: spending %d of %d: %v", month, use, m.has(), err)
			} else if err == nil && use > 0 {
				late.now = inside
				late.n = prompt.n - 1
				late.mustSpend(use)
			}
			prompt.now = cal.Start(month)
			prompt.stored()
			m.renew(month)
			if got := prompt.a.Balance(prompt.now).Available; got != m.has() {
				rt.Fatalf("month %d: the balance is %d, the model has %d fresh and %v rolled", month, got, m.fresh, m.rolled)
			}
			if m.lost != prompt.sum(core.EntryExpire) {
				rt.Fatalf("month %d: %d expired, the model lost %d", month, prompt.sum(core.EntryExpire), m.lost)
			}
		}
		late.now = prompt.now
		late.stored()
		if x, y := facts(prompt.a), facts(late.a); x != y {
			rt.Fatalf("posted late the entries are\n%s\nnot\n%s", y, x)
		}
		for i := range prompt.a.Grants {
			g := &prompt.a.Grants[i]
			from := core.ID("")
			if g.Category == core.Rollover {
				from = cameFrom(prompt.a, g.ID)
			}
			if !Made("c1", &g.Terms, from) || Made("c2", &g.Terms, from) || g.Consumed() < 0 {
				rt.Fatalf("%+v is not known for a subscription's", g)
			}
		}
	})
}

func cameFrom(a *core.Account, id core.ID) core.ID {
	for _, e := range a.Entries {
		if e.Grant == id && e.Kind == core.EntryRollIn {
			return e.Source
		}
	}
	return ""
}

// facts are the entries without the times at which they were recorded.
func facts(a *core.Account) string {
	text := ""
	for _, e := range a.Entries {
		text += fmt.Sprintln(e.Seq, e.Kind, e.Grant, e.Source, e.Amount, e.Effective)
	}
	return text
}

// model is a plan of one allotment with rollover, in sums.
type model struct {
	credits, fresh, lost core.Amount
	roll                 Rollover
	rolled               []lot // the soonest to end first
}

type lot struct {
	left  core.Amount
	until int // the month it ends with; 0 never
}

func (m *model) has() core.Amount {
	sum := m.fresh
	for _, l := range m.rolled {
		sum += l.left
	}
	return sum
}

func (m *model) spend(n core.Amount, month int) bool {
	if n > m.has() {
		return false
	}
	take := func(from *core.Amount) { part := min(n, *from); *from, n = *from-part, n-part }
	takeRolled := func(which func(lot) bool) {
		for i := range m.rolled {
			if which(m.rolled[i]) {
				take(&m.rolled[i].left)
			}
		}
	}
	switch { // priority, then expiry; of one expiry the earlier begun
	case m.roll.Priority < 50:
		takeRolled(func(lot) bool { return true })
	case m.roll.Priority == 50:
		takeRolled(func(l lot) bool { return l.until != 0 && l.until <= month })
	}
	take(&m.fresh)
	takeRolled(func(lot) bool { return true })
	return true
}

func (m *model) renew(month int) {
	kept := m.rolled[:0]
	var before core.Amount
	for _, l := range m.rolled {
		if l.until == month {
			m.lost += l.left
			continue
		}
		before += l.left
		kept = append(kept, l)
	}
	m.rolled = kept
	part := m.fresh
	if m.roll.Max > 0 {
		room := m.roll.Max - before
		if m.roll.Total {
			room -= m.credits
		}
		part = min(part, max(0, room))
	}
	m.lost += m.fresh - part
	if part > 0 {
		until := 0
		if m.roll.Cycles > 0 {
			until = month + m.roll.Cycles
		}
		m.rolled = append(m.rolled, lot{part, until})
	}
	m.fresh = m.credits
}
