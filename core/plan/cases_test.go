package plan

import (
	"fmt"
	"strings"
	"testing"

	"scrip/core"
)

// subscriber is one account with its state, and a clock.
type subscriber struct {
	t    testing.TB
	a    *core.Account
	s    *State
	now  core.Time
	book *Book
	n    int

	charged string // for the last overage
}

func newSubscriber(t testing.TB, scale int, start string) *subscriber {
	d := &subscriber{t: t, now: instant(t, start), book: &Book{}}
	d.a = &core.Account{Customer: "c1", Unit: core.Unit{Code: "credits", Scale: scale}, Order: core.DefaultOrder()}
	d.load("")
	return d
}

func (d *subscriber) load(text string) {
	d.t.Helper()
	s, err := d.book.Read(text)
	if err != nil {
		d.t.Fatal(err)
	}
	d.s = s
	d.a.Keep(s)
}

// stored puts the state through its text, as a commit does.
func (d *subscriber) stored() {
	d.t.Helper()
	d.a.Settle(d.now)
	d.load(d.s.Text())
}

func (d *subscriber) at(text string) {
	d.t.Helper()
	d.now = instant(d.t, text)
	d.stored()
}

func (d *subscriber) put(w Wish) bool {
	d.t.Helper()
	d.a.Settle(d.now)
	changed, err := d.s.Put(d.a, w, d.now)
	if err != nil {
		d.t.Fatal(err)
	}
	d.stored()
	return changed
}

func (d *subscriber) spend(amount core.Amount, action string) (core.Drawn, error) {
	d.n++
	done, charged, err := d.s.Draw(d.a, core.Draw{ID: core.NewID(core.DebitID, "c1", "test", fmt.Sprint(d.n), 0), Amount: amount, Action: action}, d.now)
	d.charged = charged
	d.stored()
	return done, err
}

func (d *subscriber) mustSpend(amount core.Amount) core.Drawn {
	d.t.Helper()
	done, err := d.spend(amount, "")
	if err != nil {
		d.t.Fatal(err)
	}
	return done
}

func (d *subscriber) has(want core.Amount) {
	d.t.Helper()
	d.a.Settle(d.now)
	if got := d.a.Balance(d.now).Available; got != want {
		d.t.Errorf("at %s the balance is %d, want %d", d.now, got, want)
	}
}

// sum adds up the entries of a kind.
func (d *subscriber) sum(kind core.EntryKind) core.Amount {
	var sum core.Amount
	for _, e := range d.a.Entries {
		if e.Kind == kind {
			sum += e.Amount
		}
	}
	return sum
}

func usd(t testing.TB, text string) core.Money {
	t.Helper()
	m, err := core.ParseMoney(text + " usd")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func per(t testing.TB, text string) core.Price {
	t.Helper()
	p, err := core.ParsePrice(text + " usd")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var monthly = Span{1, Month}

// What ElevenLabs publishes: at most twice the allotment is rolled, so that a
// month opens with at most three times of it.
func eleven(t testing.TB) Terms {
	return Terms{
		Plan: "creator", Prices: []core.Money{usd(t, "22")}, Every: monthly, AtZero: core.Overage,
		Allotments: []Allotment{{Credits: 100_000_0, Every: monthly, Rollover: &Rollover{Times: core.Rate{Num: 2, Den: 1}, Forfeit: []Loss{OnDowngrade, OnCancel}}}},
		Overage:    &Overage{Prices: []core.Price{per(t, "0.30")}, Per: 1000, ChargeAt: []core.Money{usd(t, "44")}},
	}
}

func TestThreeRenewals(t *testing.T) {
	d := newSubscriber(t, 1, "2026-01-31T10:00:00Z")
	d.put(Wish{Terms: eleven(t)})
	d.has(100_000_0)
	for _, step := range []struct {
		use  core.Amount
		at   string
		open core.Amount
	}{{20_000_0, "2026-02-28T10:00:00Z", 180_000_0}, {10_000_0, "2026-03-31T10:00:00Z", 270_000_0}, {0, "2026-04-30T10:00:00Z", 300_000_0}} {
		d.mustSpend(step.use)
		d.at(step.at)
		d.has(step.open)
	}
	if lost := d.sum(core.EntryExpire); lost != 70_000_0 {
		t.Errorf("%d were forfeited, want 70,000.0", lost)
	}
	if changed, err := d.s.Cancel(d.a, "", d.now); err != nil || !changed {
		t.Fatal(changed, err)
	}
	d.has(300_000_0)
	d.at("2026-05-31T10:00:00Z")
	d.has(0)
	if s := d.s.Subscription; s.Ended != d.now || d.s.Due() != core.Never {
		t.Errorf("it ended at %s and acts again at %s", s.Ended, d.s.Due())
	}
}

func TestOverageIsChargedAtTheCyclesEndOrAtOnce(t *testing.T) {
	d := newSubscriber(t, 1, "2026-01-15T00:00:00Z")
	d.put(Wish{Terms: eleven(t)})
	if done := d.mustSpend(146_000_0); done.Overage != 46_000_0 {
		t.Fatalf("%d are overage", done.Overage)
	}
	if n, money := d.s.Overage(d.a); n != 46_000_0 || money != usd(t, "13.80") || len(d.s.Billing.Charges) != 0 {
		t.Errorf("overage is %d, %s, with the charges %v", n, money, d.s.Billing.Charges)
	}
	d.at("2026-02-15T00:00:00Z")
	if c := d.s.Billing.Charges; len(c) != 1 || c[0].Money != usd(t, "13.80") || c[0].Why != "cycle" || c[0].At != d.now {
		t.Errorf("charged at the end: %+v", c)
	}
	if d.mustSpend(250_000_0); len(d.s.Billing.Charges) != 2 {
		t.Fatalf("not charged at once: %+v", d.s.Billing)
	}
	if c := d.s.Billing.Charges[1]; c.Money != usd(t, "45") || c.Why != "threshold" || c.Units != 150_000_0 {
		t.Errorf("charged at once: %+v", c)
	}
	d.mustSpend(1_000_0)
	d.at("2026-03-15T00:00:00Z")
	if c := d.s.Billing.Charges; len(c) != 3 || c[2].Money != usd(t, "0.30") || c[2].Units != 1_000_0 {
		t.Errorf("the rest: %+v", c)
	}
}

func TestRolledForOneCycle(t *testing.T) { // as Replit documents it
	pro := Terms{Plan: "pro", Every: monthly, Allotments: []Allotment{{Credits: 10000, Every: monthly, Rollover: &Rollover{Cycles: 1}}}}
	d := newSubscriber(t, 0, "2026-01-01T00:00:00Z")
	d.put(Wish{Terms: pro})
	d.mustSpend(6500)
	d.at("2026-02-01T00:00:00Z")
	d.has(13500)
	taken := d.mustSpend(2000)
	d.at("2026-03-01T00:00:00Z")
	d.has(20000)
	if g := d.a.Grant(taken.Allocations[0].Grant); g == nil || g.Category != core.Rollover || d.sum(core.EntryExpire) != 1500 {
		t.Errorf("taken from %+v, %d expired; the rolled part goes first and 1500 of it are lost", g, d.sum(core.EntryExpire))
	}
}

func TestOverageStopsAtItsLimit(t *testing.T) { // as Zapier documents it
	d := newSubscriber(t, 0, "2026-01-01T00:00:00Z")
	d.put(Wish{Terms: Terms{
		Plan: "starter", Every: monthly, AtZero: core.Overage, Allotments: []Allotment{{Credits: 750, Every: monthly}},
		Overage: &Overage{Prices: []core.Price{per(t, "0.05")}, Per: 1, Times: core.Rate{Num: 2, Den: 1}},
	}})
	refused := 0
	for range 2400 {
		if _, err := d.spend(1, "task"); err != nil {
			if core.CodeOf(err) != core.CodeLimitReached {
				t.Fatal(err)
			}
			refused++
		}
	}
	if n, money := d.s.Overage(d.a); refused != 150 || n != 1500 || money != usd(t, "75") {
		t.Errorf("%d refused, %d over for %s", refused, n, money)
	}
	d.at("2026-02-01T00:00:00Z")
	if done := d.mustSpend(751); done.Overage != 1 {
		t.Errorf("a new month takes %+v", done)
	}
}

func TestDailyAllotmentWithAMonthsCap(t *testing.T) { // as Lovable documents it
	d := newSubscriber(t, 0, "2026-01-01T00:00:00Z")
	d.put(Wish{Terms: Terms{Plan: "pro", Every: monthly, Allotments: []Allotment{
		{Credits: 100, Every: monthly},
		{Credits: 5, Every: Span{1, Day}, Actions: []string{"build"}, Cap: &Cap{150, monthly}},
	}}})
	if _, err := d.spend(7, "build"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.spend(3, "cloud"); err != nil {
		t.Fatal(err)
	}
	d.has(95)
	d.at("2026-01-30T12:00:00Z")
	d.has(100)
	d.at("2026-01-31T12:00:00Z") // the 31st day's would be more than 150
	d.has(95)
	d.at("2026-02-01T00:00:00Z")
	d.has(105)
	if sum := d.sum(core.EntryGrant); sum != 150+5+200 {
		t.Errorf("%d were granted", sum)
	}
}

func TestSeats(t *testing.T) {
	brackets := []Bracket{{10, 5}, {50, 2}, {100, 1}} // as Dust's source has them
	for seats, want := range map[int]core.Amount{0: 0, 8: 40, 10: 50, 60: 140, 100: 180, 140: 180} {
		if got := (&Allotment{Brackets: brackets}).Of(seats); got != want {
			t.Errorf("%d seats grant %d, want %d", seats, got, want)
		}
	}
	volume := Allotment{Brackets: brackets, Volume: true, Credits: 3}
	for seats, want := range map[int]core.Amount{8: 43, 60: 63, 140: 103} {
		if got := volume.Of(seats); got != want {
			t.Errorf("by volume %d seats grant %d, want %d", seats, got, want)
		}
	}
	d := newSubscriber(t, 0, "2026-01-01T00:00:00Z")
	terms := Terms{Plan: "team", Every: monthly, Allotments: []Allotment{{Brackets: brackets, Every: monthly}}}
	d.put(Wish{Terms: terms, Seats: 8})
	d.has(40)
	d.put(Wish{Terms: terms, Seats: 60}) // more count at once
	d.has(140)
	d.put(Wish{Terms: terms, Seats: 10}) // fewer with the next period
	d.has(140)
	d.put(Wish{Terms: terms, Seats: 60})
	if d.has(140); d.s.Subscription.Pending != nil {
		t.Error("fewer seats still wait")
	}
	if d.put(Wish{Terms: terms}) {
		t.Error("wishing nothing changes something")
	}
	d.put(Wish{Terms: terms, Seats: 10})
	d.at("2026-02-01T00:00:00Z")
	d.has(50)
	d.put(Wish{Terms: terms, Seats: 8})
	d.put(Wish{Terms: terms, Seats: 20}) // the most that counted in a period is not granted twice
	d.has(70)
}

func TestFreeIsRenewedAndPaidStays(t *testing.T) { // as CircleCI documents it
	d := newSubscriber(t, 4, "2026-01-01T00:00:00Z")
	d.put(Wish{Terms: Terms{Plan: "performance", Every: monthly, Allotments: []Allotment{{Credits: 30_000_0000, Every: monthly}}}})
	buy := func(id string) {
		d.a.Settle(d.now)
		if _, err := d.a.Issue(core.Terms{ID: core.ID(id), Amount: 50_000_0000, Category: core.Paid, Priority: core.DefaultPriority, Starts: d.now, Expires: d.now.AddMonths(12), Paid: usd(t, "30")}, d.now); err != nil {
			t.Fatal(err)
		}
	}
	buy("paid-1")
	d.mustSpend(45_000_0000)
	d.has(35_000_0000)
	d.at("2026-02-01T00:00:00Z")
	buy("paid-2")
	d.has(115_000_0000)
}

func TestTextsOfBeforeStillRead(t *testing.T) {
	const old = `{"v":1,"subscription":{"terms":{"plan":"creator","prices":[{"Minor":2200,"Currency":"usd"}],"every":{"n":1,"of":"month"},` +
		`"allotments":[{"credits":1000000,"every":{"n":1,"of":"month"},"rollover":{"times":{"Num":2,"Den":1},"priority":0,"forfeit":["downgrade","cancel"]},"priority":0}],` +
		`"at_zero":"overage","overage":{"prices":[{"Rate":{"Num":3,"Den":10},"Currency":"usd"}],"per":1000,"charge_at":[{"Minor":4400,"Currency":"usd"}]}},` +
		`"currency":"usd","zone":"Europe/Berlin","anchor":1769853600000000,"begun":1769853600000000,"seats":1,"period":0,"paid":-1,` +
		`"rules":[{"period":0,"begun":1769853600000000,"grants":1,"given":1000000}]},` +
		`"billing":{"begun":1769853600000000,"over":[{"units":10}]},"serial":1}`
	d := newSubscriber(t, 1, "2026-01-31T10:00:00Z")
	d.put(Wish{Terms: eleven(t), Zone: "Europe/Berlin"})
	d.mustSpend(1000001 + 9)
	if got := d.s.Text(); got != old {
		t.Errorf("a state is written as\n%s\nnot\n%s", got, old)
	}
	s, err := d.book.Read(old)
	if err != nil || s.Text() != old || s.Due() != instant(t, "2026-02-28T10:00:00Z") {
		t.Errorf("read back: %v, due %s", err, s.Due())
	}
	for _, bad := range []string{"{", old + "{}", `{"v":2}`, `{"v":1,"subscriptions":{}}`, strings.Replace(old, "Europe/Berlin", "Europe/Atlantis", 1), strings.Replace(old, `"allotments":[{`, `"allotments":[{},{`, 1)} {
		if _, err := d.book.Read(bad); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	if text := (&State{}).Text(); text != "" {
		t.Errorf("nothing is written as %q", text)
	}
}

// BenchmarkDebit is a debit of an account with a plan and ten open grants.
func BenchmarkDebit(b *testing.B) {
	for _, over := range []bool{false, true} {
		b.Run(fmt.Sprint("overage=", over), func(b *testing.B) {
			d := newSubscriber(b, 1, "2026-01-31T10:00:00Z")
			terms := eleven(b)
			terms.Overage.ChargeAt = nil
			d.put(Wish{Terms: terms})
			for i := range 9 {
				if _, err := d.a.Issue(core.Terms{ID: core.ID(fmt.Sprint("g", i)), Amount: 1 << 50, Category: core.Paid, Starts: d.now, Expires: core.Never}, d.now); err != nil {
					b.Fatal(err)
				}
			}
			if over {
				d.mustSpend(9<<50 + 100_000_0)
			}
			for b.Loop() {
				if _, _, err := d.s.Draw(d.a, core.Draw{ID: "deb", Amount: 1}, d.now); err != nil {
					b.Fatal(err)
				}
				d.a.Entries = d.a.Entries[:0]
			}
		})
	}
}

// One daily allotment for each local day, however many hours it has: New
// York's 8 March 2026 has 23, its 1 November 25.
// CK-06.
func TestDailyAllotmentOnDaysOfOtherLengths(t *testing.T) {
	for _, c := range []struct{ from, to, until string }{
		{"2026-03-07T05:00:00Z", "2026-03-10T03:59:59Z", "2026-03-10T04:00:00Z"},
		{"2026-10-31T04:00:00Z", "2026-11-03T04:59:59Z", "2026-11-03T05:00:00Z"},
	} {
		d := newSubscriber(t, 0, c.from)
		d.put(Wish{Zone: "America/New_York", Terms: Terms{Plan: "daily", Every: monthly, Allotments: []Allotment{{Credits: 5, Every: Span{1, Day}}}}})
		d.at(c.to)
		d.has(5)
		if sum := d.sum(core.EntryGrant); sum != 15 {
			t.Errorf("%d were granted on three days from %s", sum, c.from)
		}
		d.at(c.until)
		if sum := d.sum(core.EntryGrant); sum != 20 {
			t.Errorf("%d were granted by the fourth day from %s", sum, c.from)
		}
	}
}
