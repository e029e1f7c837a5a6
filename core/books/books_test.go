package books

import (
	"testing"
	"time"

	"scrip/core"
)

const (
	day   = core.Time(24 * time.Hour / time.Microsecond)
	start = core.Time(1_767_225_600_000_000) // 2026-01-01
)

func id(name string) core.ID { return core.NewID(core.GrantID, "ann", "test", name, 0) }

// story is one account, its rules and what it wrote.
type story struct {
	t   *testing.T
	a   *core.Account
	now core.Time
}

func newStory(t *testing.T) *story {
	return &story{t, &core.Account{Customer: "ann", Unit: core.Unit{Code: "credits"}, Order: core.DefaultOrder()}, start}
}

func (s *story) need(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) grant(name string, amount, paid core.Amount, expires core.Time) *core.Grant {
	s.t.Helper()
	g, err := s.a.Issue(core.Terms{ID: id(name), Amount: amount, Category: core.Paid, Priority: 50, Starts: s.now, Expires: expires,
		Paid: core.Money{Minor: paid, Currency: "usd"}}, s.now)
	s.need(err)
	return g
}

func (s *story) debit(name string, amount core.Amount) []core.Allocation {
	s.t.Helper()
	taken, err := s.a.Debit(core.NewID(core.DebitID, "ann", "test", name, 0), amount, "", s.now, nil)
	s.need(err)
	return taken
}

// book is the account as of an instant, by month.
func (s *story) book(at, known core.Time, more ...*core.Account) (*Book, map[string]Money) {
	b, months := New(at, known, at-90*day), map[string]Money{}
	b.Begin()
	for _, a := range append([]*core.Account{s.a}, more...) {
		for i := range a.Grants {
			b.Grant(a.Unit.Code, &a.Grants[i])
		}
		for i := range a.Entries {
			b.Entry(&a.Entries[i])
		}
	}
	b.Close(func(step Step) {
		m := months[step.Month.String()]
		months[step.Month.String()] = m.plus(step.Money)
	})
	return b, months
}

func (m Money) plus(n Money) Money {
	return m.less(Money{}.less(n))
}

func (s *story) money(b *Book, name string) Money {
	s.t.Helper()
	for _, l := range b.Lots() {
		if l.Grant.ID == id(name) {
			if !l.Money.Ties() {
				s.t.Errorf("lot %s does not tie out: %+v", name, l.Money)
			}
			return l.Money
		}
	}
	s.t.Fatalf("lot %s is not there", name)
	return Money{}
}

func (s *story) is(what string, got, want Money) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

// A lot of three credits for one dollar: thirds of a cent go where the
// cumulative floor puts them, and the last part takes the rest.
func TestMoneyFollowsCreditsExactly(t *testing.T) {
	s := newStory(t)
	s.grant("g", 3, 100, start+365*day)
	for i, want := range []core.Amount{33, 66, 100} {
		s.now = start + core.Time(i+1)*31*day
		s.debit(string(rune('a'+i)), 1)
		b, _ := s.book(s.now, core.Never)
		s.is("after a debit", s.money(b, "g"), Money{Paid: 100, Recognised: want, Remaining: 100 - want})
	}
	_, months := s.book(s.now, core.Never)
	for month, want := range map[string]Money{
		"2026-01": {Paid: 100, Remaining: 100},
		"2026-02": {Recognised: 33, Remaining: -33}, "2026-03": {Recognised: 33, Remaining: -33}, "2026-04": {Recognised: 34, Remaining: -34},
	} {
		s.is(month, months[month], want)
	}
	b, _ := s.book(start+40*day, core.Never) // between the first and the second
	s.is("as of February", s.money(b, "g"), Money{Paid: 100, Recognised: 33, Remaining: 67})
	b, _ = s.book(start-1, core.Never)
	s.is("before it began", s.money(b, "g"), Money{})
}

func TestEachPotHasItsMoney(t *testing.T) {
	s := newStory(t)
	s.grant("spent", 10, 999, start+30*day)
	taken := s.debit("d", 4)
	s.now += 30 * day
	s.a.Settle(s.now)
	b, _ := s.book(s.now, core.Never)
	s.is("spent in part, then expired", s.money(b, "spent"), Money{Paid: 999, Recognised: 399, Breakage: 600})
	_, err := s.a.Reverse(core.NewID(core.ReversalID, "ann", "t", "r", 0), taken, 0, 1, s.now)
	s.need(err)
	b, _ = s.book(s.now, core.Never)
	s.is("what came back expired", s.money(b, "spent"), Money{Paid: 999, Recognised: 299, Breakage: 700})

	s.grant("void", 10, 999, core.Never)
	s.debit("e", 5)
	_, err = s.a.Void(id("void"), s.now)
	s.need(err)
	b, _ = s.book(s.now, core.Never)
	s.is("voided", s.money(b, "void"), Money{Paid: 999, Recognised: 499, Voided: 500})

	s.grant("rolled", 10, 999, s.now+30*day)
	s.debit("f", 5)
	s.now += 10 * day
	_, err = s.a.RollOver(id("rolled"), core.Terms{ID: id("roll"), Amount: 3, Category: core.Rollover, Priority: 50, Starts: s.now, Expires: core.Never,
		Paid: core.Money{Minor: 1, Currency: "usd"}}, s.now, s.now)
	s.need(err)
	s.a.End(id("rolled"), s.now, s.now)
	s.debit("g", 1)
	b, months := s.book(s.now, core.Never)
	s.is("rolled over in part", s.money(b, "rolled"), Money{Paid: 999, Recognised: 499, Breakage: 200, Out: 300})
	s.is("the roll", s.money(b, "roll"), Money{In: 300, Recognised: 100, Remaining: 200})
	if m := months["2026-02"]; m.In != 300 || m.Out != 300 || !m.Ties() {
		t.Errorf("the month of the roll does not tie out: %+v", m)
	}
}

// Refunds take money back, and a dispute that is won returns it.
func TestRefundedMoney(t *testing.T) {
	s := newStory(t)
	s.grant("g", 100, 1000, core.Never)
	s.debit("d", 25)
	entry := func(kind core.EntryKind, amount core.Amount) {
		s.a.Seq++
		s.a.Entries = append(s.a.Entries, core.Entry{Customer: "ann", Unit: "credits", Seq: s.a.Seq, Kind: kind, Grant: id("g"), Source: id("g"),
			Amount: amount, Effective: s.now, Recorded: s.now})
	}
	entry(core.EntryClawback, 60)
	b, _ := s.book(s.now, core.Never)
	s.is("refunded", s.money(b, "g"), Money{Paid: 1000, Recognised: 250, Refunded: 600, Remaining: 150})
	entry(core.EntryReinstate, 60)
	entry(core.EntrySettle, 5)
	b, _ = s.book(s.now, core.Never)
	s.is("reinstated, and a deficit settled", s.money(b, "g"), Money{Paid: 1000, Recognised: 300, Remaining: 700})
}

// A change of unit carries the money along, there and back, at any rate; what
// it rounds to nothing is written off.
func TestMoneyFollowsAChangeOfUnit(t *testing.T) {
	s := newStory(t)
	s.grant("old", 7, 1000, core.Never)
	s.grant("crumb", 3, 5, core.Never)
	s.debit("d", 2)
	to := &core.Account{Customer: "ann", Unit: core.Unit{Code: "usd", Scale: 6}, Order: core.DefaultOrder()}
	s.now += 40 * day
	s.a.ConvertOut("usd", s.now)
	_, err := to.ConvertIn(core.Terms{ID: id("new"), Amount: 713, Category: core.Paid, Priority: 50, Starts: start, Expires: core.Never,
		Paid: core.Money{Minor: 714, Currency: "usd"}}, "", id("old"), s.now)
	s.need(err)
	_, err = to.Debit(core.NewID(core.DebitID, "ann", "t", "x", 0), 100, "", s.now, nil)
	s.need(err)
	b, months := s.book(s.now, core.Never, to)
	s.is("the old lot", s.money(b, "old"), Money{Paid: 1000, Recognised: 285, Out: 715})
	s.is("the new lot", s.money(b, "new"), Money{In: 715, Recognised: 100, Remaining: 615})
	s.is("the crumb", s.money(b, "crumb"), Money{Paid: 5, Voided: 5})
	s.is("the month", months["2026-02"], Money{In: 715, Recognised: 100, Voided: 5, Out: 715, Remaining: -105})

	to.ConvertOut("credits", s.now)
	s.a.Reopen()
	s.need(s.a.ConvertBack(id("old"), "", id("new"), 4, s.now)) // 613 of 713 parts were 4.3 of 5
	s.need(s.a.ConvertBack(id("crumb"), "", id("crumb"), 3, s.now))
	b, _ = s.book(s.now, core.Never, to)
	s.is("back", s.money(b, "old"), Money{Paid: 1000, Recognised: 285, Out: 143, Remaining: 572})
	s.is("of the new lot", s.money(b, "new"), Money{In: 143, Recognised: 143})
	s.is("the crumb again", s.money(b, "crumb"), Money{Paid: 5, Remaining: 5})
}

// What was recorded later than known at, or happens later than at, is not
// there; an expiry by time is known when it happens.
func TestAsKnownThen(t *testing.T) {
	s := newStory(t)
	s.grant("g", 10, 100, start+10*day)
	s.debit("d", 5)
	s.now = start + 20*day
	s.a.Settle(s.now) // the expiry is effective on day 10, recorded on day 20
	b, _ := s.book(start+9*day, core.Never)
	s.is("before the expiry", s.money(b, "g"), Money{Paid: 100, Recognised: 50, Remaining: 50})
	b, _ = s.book(start+15*day, start+15*day)
	s.is("an expiry is known at once", s.money(b, "g"), Money{Paid: 100, Recognised: 50, Breakage: 50})
	s.a.Entries[1].Recorded = start + 19*day // a debit that was learned of late
	b, _ = s.book(start+5*day, start+15*day)
	s.is("not known yet", s.money(b, "g"), Money{Paid: 100, Remaining: 100})
	b, _ = s.book(start+5*day, start+19*day)
	s.is("known", s.money(b, "g"), Money{Paid: 100, Recognised: 50, Remaining: 50})
}

func TestStocks(t *testing.T) {
	s := newStory(t)
	s.grant("soon", 100, 1000, start+120*day)
	s.grant("late", 100, 1000, core.Never)
	s.now = start + 90*day
	s.debit("d", 30)
	b, _ := s.book(s.now, core.Never)
	list := b.Stocks(core.DefaultOrder())
	if len(list) != 1 || list[0].Units != 170 || list[0].Burn != 30 {
		t.Fatalf("the stocks are %+v", list)
	}
	if months, ok := list[0].Months(); !ok || months != 170 {
		t.Errorf("lasts %d tenths of a month, %v", months, ok)
	}
	// 30 in 90 days are 10 in the 30 days that are left of the first.
	if l := list[0].Lapses; l[0] != 60 || l[1] != 0 || list[0].Lots[0].Basis(60) != 600 {
		t.Errorf("lapses %v, worth %d", l, list[0].Lots[0].Basis(60))
	}
	b, _ = s.book(start+89*day, core.Never) // nothing was spent yet
	list = b.Stocks(core.DefaultOrder())
	if _, ok := list[0].Months(); ok || list[0].Lapses[0] != 100 || list[0].Lapses[1] != 0 {
		t.Errorf("without use: %+v", list[0])
	}
}

func TestBuckets(t *testing.T) {
	for days, want := range map[core.Time]string{0: "0-30 days", 30: "0-30 days", 31: "31-90 days", 90: "31-90 days", 180: "91-180 days", 365: "181-365 days", 366: "over 365 days"} {
		if got := BucketOf(start, start+days*day); got != want {
			t.Errorf("%d days are %q, want %q", days, got, want)
		}
	}
	if got := BucketOf(start, core.Never); got != "never" {
		t.Errorf("never is %q", got)
	}
}

func TestSums(t *testing.T) {
	var s, u Sum
	for range 100 {
		s.Add(core.MaxAmount)
		s.Add(-1)
	}
	u.Add(1_000_000)
	minus := Sum{}
	minus.Add(-5)
	paid := Sum{}
	paid.Add(8000)
	for _, c := range [][2]string{
		{minus.Text(2), "-0.05"}, {minus.Text(0), "-5"}, {u.Text(2), "10000.00"}, {(&Sum{}).Text(3), "0.000"},
		{s.Text(0), "115292150460684697400"}, {PricePerUnit(&paid, 2, &u, 3), "0.080000"}, {PricePerUnit(&paid, 2, &Sum{}, 3), ""},
		{u.Share(&u), "100.0"}, {u.Share(&Sum{}), ""}, {Percent(1, 3), "33.3"}, {Decimal(core.Rate{Num: 3, Den: 2}), "1.5"}, {Decimal(core.Rate{Num: 10, Den: 1}), "10"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}

func TestFit(t *testing.T) {
	f := NewFit(2)
	for range 9 {
		f.Use("image", 3) // 0.03 credits
	}
	f.Use("video", 40)
	f.Use("free", 0)
	if p, now, after := f.Suggest(); p != 2 || now != 0 || after != 1000 {
		t.Errorf("divide by 10^%d: from %d to %d", p, now, after)
	}
	if d := f.Dominant(); d == nil || d.Action != "image" {
		t.Errorf("dominant is %+v", d)
	}
	f.Use("video", 41)
	if f.Dominant() != nil {
		t.Error("nine of eleven uses dominate")
	}
	if list := f.Actions(); list[0].Action != "image" || list[1].Events != 2 || list[1].Least != 40 || list[1].Most != 41 || list[2].Free != 1 {
		t.Errorf("the actions are %+v", list)
	}
	large := NewFit(0)
	large.Use("report", 40_000)
	large.Use("summary", 9_000)
	if p, _, after := large.Suggest(); p != -3 || after != 1000 {
		t.Errorf("multiply by 10^%d, then %d fit", -p, after)
	}
	right := NewFit(0)
	right.Use("x", 1)
	right.Use("y", 50)
	if p, now, _ := right.Suggest(); p != 0 || now != 1000 {
		t.Errorf("a unit that fits is to change by 10^%d, %d fit now", p, now)
	}
	if p, _, _ := NewFit(9).Suggest(); p != 0 {
		t.Error("a unit without uses is to change")
	}
}
