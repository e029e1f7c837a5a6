package plan

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/core"
)

const (
	minute core.Time = 60 * 1_000_000
	hour             = 60 * minute
)

func at(t testing.TB, text string) core.Time {
	t.Helper()
	v, err := core.ParseTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// bench is one account whose balance the test names.
type bench struct {
	t     testing.TB
	state *TopUpState
	rule  *TopUp
	now   core.Time
	net   core.Amount
	price func(core.Amount) (core.Amount, error) // minor units; nil: as much as the credits
	asked []Offer
	why   []string
}

func (b *bench) move(net core.Amount) *Offer {
	b.t.Helper()
	b.net = net
	o, why := b.state.look(b.state.rule(b.rule), net, b.now, func(_ string, want core.Amount, number int64) (Offer, error) {
		price := want
		if b.price != nil {
			var err error
			if price, err = b.price(want); err != nil {
				return Offer{}, err
			}
		}
		return Offer{core.ID(fmt.Sprint("p", number)), want, core.Money{Minor: price, Currency: "usd"}}, nil
	})
	if o != nil {
		b.asked = append(b.asked, *o)
	}
	if why != "" {
		b.why = append(b.why, why)
	}
	return o
}

func (b *bench) pay() {
	b.t.Helper()
	if b.state.Pending == "" {
		b.t.Fatal("nothing is waited for")
	}
	coming := b.state.Coming
	b.state.paid(b.state.Pending, true, coming, b.state.Price, b.now)
	b.move(b.net + coming)
}

func (b *bench) decline() {
	b.t.Helper()
	if !b.state.declined(b.rule, b.state.Pending, b.now) {
		b.t.Fatal("nothing is waited for")
	}
	b.move(b.net)
}

func (b *bench) want(n int) {
	b.t.Helper()
	if len(b.asked) != n {
		b.t.Fatalf("%d top-ups were asked for (%v %v), want %d", len(b.asked), b.asked, b.why, n)
	}
}

func start(t testing.TB, r TopUp) *bench {
	return &bench{t: t, state: &TopUpState{}, rule: &r, now: at(t, "2026-01-15T12:00:00Z")}
}

// LC-08.
func TestOneMoveBelowAsksOnce(t *testing.T) {
	b := start(t, TopUp{Below: 10, Amount: 100})
	b.move(5)
	b.want(0) // it was never at or above
	b.move(10)
	b.want(0) // at is not below
	for net := core.Amount(9); net >= 0; net-- {
		b.move(net)
	}
	b.want(1)
	b.pay()
	b.move(10)
	b.want(1)
	b.move(9)
	b.want(2)
}

// A top-up that is neither paid nor declined is given up after 30 days, by time
// alone, and the move below is answered anew. Paid after all it counts.
func TestATopUpIsNotWaitedForForEver(t *testing.T) {
	const limit = 30 * 24 * 3600 * 1_000_000
	b := start(t, TopUp{Below: 10, Amount: 100, Caps: []TopUpCap{{Count: 2, Per: Year}}})
	b.move(10)
	b.move(9)
	b.want(1)
	if due := b.state.due(b.rule, 9, b.now); due != b.now+limit {
		t.Errorf("it is looked at again at %s", due)
	}
	b.now += limit - 1
	b.move(8)
	b.want(1)
	b.now++
	b.move(8)
	b.want(2)
	b.state.paid("p1", true, 100, core.Money{Minor: 100, Currency: "usd"}, b.now)
	if b.state.Pending != "p2" || b.state.used(Year, b.now).Count != 2 {
		t.Errorf("after the first was paid: %+v", b.state)
	}
	b.now += limit
	b.move(8)
	b.want(3) // the second is given up and leaves its room
	high := start(t, TopUp{Below: 10, Amount: 100})
	high.move(10)
	high.move(9)
	high.now += limit
	high.move(50) // somebody granted meanwhile
	high.want(1)
	high.move(9)
	high.want(2)
}

func TestWhatIsComingCounts(t *testing.T) {
	b := start(t, TopUp{Below: 10, Amount: 100})
	b.move(10)
	b.move(9)
	b.move(-85) // 15 with what comes: at or above, so armed again
	b.move(-95) // 5 with what comes, which is waited for
	b.want(1)
	b.pay()
	b.want(2)
	small := start(t, TopUp{Below: 10, Amount: 3})
	small.move(10)
	small.move(4)
	small.pay() // 7: below still, and answered
	small.move(6)
	small.want(1)
}

func TestSizes(t *testing.T) {
	for name, c := range map[string]struct {
		rule TopUp
		net  core.Amount
		want core.Amount
	}{
		"fixed":                   {TopUp{Below: 10, Amount: 50}, 3, 50},
		"to a target":             {TopUp{Below: 10, To: 1000}, 3, 997},
		"to a target from a debt": {TopUp{Below: 10, To: 1000}, -25, 1025},
		"share":                   {TopUp{Below: 10, Percent: 25, Floor: 25_000}, 3, 50_000},
		"share, rounded up":       {TopUp{Below: 10, Percent: 3, Floor: 1}, 3, 6000},
		"floor":                   {TopUp{Below: 10, Percent: 10, Floor: 25_000}, 3, 25_000},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, c.rule)
			b.now = at(t, "2026-01-31T23:00:00Z")
			b.state.paid("by hand", false, 200_000, core.Money{}, b.now)
			b.state.paid("an earlier top-up, which does not count", true, 1, core.Money{}, b.now)
			b.now += hour
			b.move(10)
			if o := b.move(c.net); o == nil || o.Credits != c.want {
				t.Fatalf("asked for %v, want %d", o, c.want)
			}
		})
	}
	b := start(t, TopUp{Below: 10, Percent: 25, Floor: 7})
	b.state.paid("by hand", false, 200_000, core.Money{}, b.now)
	b.now += 60 * 24 * hour // two months on: the month before was empty
	b.move(10)
	if o := b.move(1); o == nil || o.Credits != 7 {
		t.Fatalf("asked for %v, want the floor", o)
	}
}

func TestDeclinesBackOffAndSuspend(t *testing.T) {
	b := start(t, TopUp{Below: 10, Amount: 100, Retry: []int64{3600, 6 * 3600}})
	b.move(10)
	b.move(9)
	b.decline()
	for range 20 { // it does not repeat while it waits
		b.now += 2 * minute
		b.move(b.net - 1)
	}
	b.want(1)
	if due := b.state.due(b.rule, b.net, b.now); due != b.now+20*minute {
		t.Fatalf("due at %s", due)
	}
	b.now += 20 * minute
	b.move(b.net)
	b.want(2)
	b.decline()
	b.now += 6*hour - 1
	b.move(b.net)
	b.want(2)
	b.now++
	b.move(b.net)
	b.want(3)
	b.decline()
	if !b.state.Suspended {
		t.Fatal("three declines did not suspend it")
	}
	b.now += 365 * 24 * hour
	b.move(20)
	b.move(1)
	b.want(3)
	b.state.paid("by hand", false, 5, core.Money{}, b.now) // the card works again
	b.move(6)
	b.want(4)
	b.pay()
	if b.state.Declines != 0 || b.state.Retry != 0 {
		t.Fatalf("declines stand: %+v", b.state)
	}
	if b.state.declined(b.rule, "p1", b.now) || b.state.declined(b.rule, "", b.now) {
		t.Fatal("an old purchase was declined again")
	}
}

func TestCaps(t *testing.T) {
	usd := func(n core.Amount) core.Money { return core.Money{Minor: n, Currency: "usd"} }
	b := start(t, TopUp{Below: 10, Amount: 100, Retry: []int64{60}, Caps: []TopUpCap{{Count: 2, Per: Day}, {Money: usd(350), Per: Month}}})
	round := func() { b.move(10); b.move(9); b.pay() }
	round()
	round()
	b.want(2)
	b.move(10)
	b.move(9)
	b.want(2)
	if len(b.why) != 1 || b.why[0] != "limit_reached" {
		t.Fatalf("told %v", b.why)
	}
	b.move(8)
	if len(b.why) != 1 {
		t.Fatal("the limit was told twice")
	}
	b.now = at(t, "2026-01-16T00:00:00Z") // the move below is answered when there is room
	b.move(8)
	b.want(3)
	b.decline() // what was declined cost nothing
	b.now += minute
	b.move(8)
	b.want(4)
	b.pay()
	b.move(10)
	b.move(9)
	b.want(4) // 300 of 350 usd are spent
	if b.state.Retry != at(t, "2026-02-01T00:00:00Z") {
		t.Fatalf("waits until %s", b.state.Retry)
	}
	eur := start(t, TopUp{Below: 10, Amount: 100, Caps: []TopUpCap{{Money: core.Money{Minor: 1000, Currency: "eur"}, Per: Week}}})
	eur.move(10)
	eur.move(9)
	eur.want(0)
	if eur.state.Retry != at(t, "2026-01-19T00:00:00Z") {
		t.Fatalf("waits until %s", eur.state.Retry)
	}
}

func TestNoChangeOfTheRuleAsksTwice(t *testing.T) {
	b := start(t, TopUp{Off: true, Below: 10, Amount: 5})
	b.move(10)
	b.move(9)
	b.want(0) // disabled means disabled
	on := &TopUp{Below: 10, Amount: 3}
	b.state.change(on, b.rule)
	b.move(5)
	b.want(1) // turned on below
	for _, r := range []*TopUp{{Below: 20, Amount: 3}, {Off: true}, on, nil, on} {
		b.state.change(r, b.rule)
		b.move(5)
	}
	b.pay()
	for _, r := range []*TopUp{{Off: true}, on, {Below: 30, Amount: 3}, {Off: true}, on} {
		b.state.change(r, b.rule)
		b.move(b.net)
	}
	b.want(1)
	b.state.change(&TopUp{Off: true}, b.rule)
	b.move(50) // what it did meanwhile counts
	b.move(5)
	b.want(1)
	b.state.change(on, b.rule)
	b.move(5)
	b.want(2)
}

func TestWhatCannotBeBoughtSuspends(t *testing.T) {
	b := start(t, TopUp{Below: 10, Amount: 5})
	b.price = func(core.Amount) (core.Amount, error) { return 0, errors.New("not sold") }
	b.move(10)
	b.move(9)
	b.move(8)
	if len(b.why) != 1 || !b.state.Suspended {
		t.Fatalf("told %v", b.why)
	}
}

func TestPeriods(t *testing.T) {
	for _, c := range []struct {
		per             Step
		at, start, next string
	}{
		{Day, "2024-02-29T23:59:59Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
		{Week, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"},
		{Week, "2026-11-22T23:59:59Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"},
		{Month, "2026-12-31T10:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{Year, "2026-12-31T10:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
	} {
		now := at(t, c.at)
		if got := periodStart(c.per, now).String(); got != c.start {
			t.Errorf("%s of %s begins at %s", c.per, c.at, got)
		}
		if got := nextPeriod(c.per, now).String(); got != c.next {
			t.Errorf("%s of %s ends at %s", c.per, c.at, got)
		}
	}
}

// deed is one top-up as the naive model remembers it.
type deed struct {
	at    core.Time
	price core.Amount
	state string // waiting, paid, declined, abandoned
}

// town is a naive model: it keeps everything that ever happened and derives
// from all of it what must be so.
type town struct {
	*bench
	deeds []deed
	high  bool // the balance was at or above since the last one that was not declined
	hold  core.Time
}

func (w *town) coming() core.Amount {
	if n := len(w.deeds); n > 0 && w.deeds[n-1].state == "waiting" {
		return w.deeds[n-1].price
	}
	return 0
}

// full is the end of the last period whose cap one more at a price would
// break, 0 when none would.
func (w *town) full(price core.Amount) core.Time {
	var until core.Time
	for _, c := range w.rule.Caps {
		n, sum := int64(1), price
		for _, d := range w.deeds {
			if d.state != "declined" && d.state != "abandoned" && periodStart(c.Per, d.at) == periodStart(c.Per, w.now) {
				n, sum = n+1, sum+d.price
			}
		}
		if c.Count > 0 && n > c.Count || !c.Money.IsZero() && sum > c.Money.Minor {
			until = max(until, nextPeriod(c.Per, w.now))
		}
	}
	return until
}

func (w *town) declinesInARow() int {
	n := 0
	for i := len(w.deeds) - 1; i >= 0 && w.deeds[i].state != "paid"; i-- {
		if w.deeds[i].state == "declined" {
			n++
		}
	}
	return n
}

func (w *town) step(r *rapid.T, net core.Amount) {
	if n := len(w.deeds) - 1; n >= 0 && w.deeds[n].state == "waiting" && w.now >= w.deeds[n].at+30*24*3600*1_000_000 {
		w.deeds[n].state, w.high = "abandoned", true
	}
	if net+w.coming() >= w.rule.Below {
		w.high = true
	}
	price := w.rule.Amount
	if w.rule.To != 0 {
		price = max(1, w.rule.To-net)
	}
	free := w.high && net+w.coming() < w.rule.Below && w.coming() == 0 &&
		w.declinesInARow() <= len(w.rule.Retry) && w.now >= w.hold
	until := w.full(price)
	should := free && until == 0
	if free && until != 0 { // it is not asked again, at whatever price, before there is room for sure
		w.hold = until
	}
	got := w.move(net)
	if (got != nil) != should {
		r.Fatalf("at %s with %d asked %v, should %v: %+v %+v", w.now, net, got, should, w.state, w.deeds)
	}
	if got != nil {
		w.deeds = append(w.deeds, deed{w.now, got.Price.Minor, "waiting"})
		w.high = false
	}
}

func TestAgainstEverythingThatHappened(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rule := TopUp{Below: 50, Retry: []int64{60, 3600, 86400}[:rapid.IntRange(0, 3).Draw(r, "retries")]}
		if rapid.Bool().Draw(r, "target") {
			rule.To = core.Amount(rapid.IntRange(50, 200).Draw(r, "to"))
		} else {
			rule.Amount = core.Amount(rapid.IntRange(1, 150).Draw(r, "amount"))
		}
		if rapid.Bool().Draw(r, "counted") {
			rule.Caps = append(rule.Caps, TopUpCap{Count: int64(rapid.IntRange(1, 4).Draw(r, "count")), Per: rapid.SampledFrom(steps[:]).Draw(r, "per")})
		}
		if rapid.Bool().Draw(r, "bounded") {
			rule.Caps = append(rule.Caps, TopUpCap{Money: core.Money{Minor: core.Amount(rapid.IntRange(50, 900).Draw(r, "money")), Currency: "usd"}, Per: Month})
		}
		w := &town{bench: start(t, rule)}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			last := len(w.deeds) - 1
			waiting := last >= 0 && w.deeds[last].state == "waiting"
			switch what := rapid.IntRange(0, 5).Draw(r, "what"); {
			case what == 0 && waiting:
				w.deeds[last].state = "paid"
				coming := w.state.Coming
				w.state.paid(w.state.Pending, true, coming, w.state.Price, w.now)
				w.hold = 0
				w.step(r, w.net+coming)
			case what == 1 && waiting:
				w.deeds[last].state = "declined"
				w.state.declined(w.rule, w.state.Pending, w.now)
				w.high = true
				if n := w.declinesInARow(); n <= len(rule.Retry) {
					w.hold = w.now + core.Time(rule.Retry[n-1])*1_000_000
				}
				w.step(r, w.net)
			case what == 2:
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40*24*60).Draw(r, "minutes")) * time.Minute)
				w.step(r, w.net)
			default:
				w.step(r, w.net+core.Amount(rapid.IntRange(-60, 40).Draw(r, "move")))
			}
		}
	})
}
