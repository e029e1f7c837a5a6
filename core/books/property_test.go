package books

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

// town is one customer with an account in each of two units, moved at random
// by the core's own rules.
type town struct {
	t       *rapid.T
	now     core.Time
	n       int
	units   [2]*core.Account
	current int
	debits  [2][]taken
	holds   []core.ID

	disputes []dispute
	price    map[core.ID]core.Money
}

type taken struct {
	parts []core.Allocation
	given core.Amount
}

func newTown(t *rapid.T) *town {
	w := &town{t: t, now: start, price: map[core.ID]core.Money{}}
	for i, code := range [...]string{"credits", "tokens"} {
		w.units[i] = &core.Account{Customer: "ann", Unit: core.Unit{Code: code}, Order: core.DefaultOrder()}
	}
	return w
}

func (w *town) id(prefix string) core.ID {
	w.n++
	return core.NewID(prefix, "ann", "town", fmt.Sprint(w.n), 0)
}

func (w *town) draw(what string, most int) core.Amount {
	return core.Amount(rapid.IntRange(1, most).Draw(w.t, what))
}

func (w *town) account() *core.Account { return w.units[w.current] }

func (w *town) issue() {
	t := core.Terms{ID: w.id(core.GrantID), Amount: w.draw("amount", 40), Category: core.Paid, Priority: 50,
		Starts: w.now + core.Time(rapid.SampledFrom([]int{0, 0, 0, 20}).Draw(w.t, "starts"))*day, Expires: core.Never}
	if rapid.Bool().Draw(w.t, "expires") {
		t.Expires = t.Starts + core.Time(w.draw("life", 90))*day
	}
	if c := rapid.SampledFrom([]core.Currency{"usd", "usd", "jpy", ""}).Draw(w.t, "currency"); c != "" {
		t.Paid = core.Money{Minor: core.Amount(rapid.IntRange(0, 100).Draw(w.t, "paid")), Currency: c}
	} else {
		t.Category = core.Promotional
	}
	if _, err := w.account().Issue(t, w.now); err != nil {
		w.t.Fatal(err)
	}
	w.price[t.ID] = t.Paid
}

// spend debits, holds, captures, and settles deficits.
func (w *town) spend() {
	a, most := w.account(), int(w.account().Balance(w.now).Available)
	if most < 1 {
		return
	}
	switch rapid.IntRange(0, 3).Draw(w.t, "how") {
	case 0:
		id := w.id(core.HoldID)
		if _, err := a.Reserve(core.Hold{ID: id, Amount: w.draw("hold", most), Expires: w.now + 3*day, Protect: rapid.Bool().Draw(w.t, "protect")}, w.now); err == nil {
			w.holds = append(w.holds, id)
		}
	default:
		done, err := a.Draw(core.Draw{ID: w.id(core.DebitID), Amount: w.draw("debit", most+5), Rule: core.Deficit, Room: 1000}, w.now, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		w.debits[w.current] = append(w.debits[w.current], taken{parts: done.Allocations})
	}
}

func (w *town) capture() {
	if len(w.holds) == 0 {
		return
	}
	id := rapid.SampledFrom(w.holds).Draw(w.t, "which")
	if h := w.account().Hold(id); h != nil && h.State == core.HoldOpen {
		if rapid.Bool().Draw(w.t, "release") {
			_, _ = w.account().Release(id, w.now)
			return
		}
		_, _ = w.account().Capture(core.Capture{Hold: id, ID: w.id(core.DebitID), Amount: w.draw("captured", int(h.Amount)), Final: true}, w.now)
	}
}

func (w *town) giveBack() {
	// Of the unit at hand only: what comes back to the other is carried over by the ledger.
	list := w.debits[w.current]
	if len(list) == 0 {
		return
	}
	d := &list[rapid.IntRange(0, len(list)-1).Draw(w.t, "debit")]
	var all core.Amount
	for _, p := range d.parts {
		all += p.Amount
	}
	if all == d.given {
		return
	}
	n := w.draw("back", int(all-d.given))
	if _, err := w.account().Reverse(w.id(core.ReversalID), d.parts, d.given, n, w.now); err != nil {
		w.t.Fatal(err)
	}
	d.given += n
}

// any is one of the account's grants.
func (w *town) any() *core.Grant {
	if list := w.account().Grants; len(list) > 0 {
		return &list[rapid.IntRange(0, len(list)-1).Draw(w.t, "grant")]
	}
	return nil
}

func (w *town) void() {
	if g := w.any(); g != nil {
		_, _ = w.account().Void(g.ID, w.now)
	}
}

// renew rolls a part of a grant over and ends the rest of it.
func (w *town) renew() {
	a, g := w.account(), w.any()
	a.Settle(w.now)
	if g == nil || !g.Spendable(w.now) || g.Free() == 0 {
		return
	}
	from, t := g.ID, core.Terms{ID: w.id(core.GrantID), Amount: w.draw("roll", int(g.Free())), Category: core.Rollover, Priority: 50, Starts: w.now, Expires: w.now + 30*day}
	if _, err := a.RollOver(from, t, w.now, w.now); err != nil {
		w.t.Fatal(err)
	}
	a.End(from, w.now, w.now)
}

// refund takes back what a lot has, or others or a deficit, and at times gives
// all of it back, as a dispute does that is won.
func (w *town) refund() {
	a := w.account()
	if len(w.disputes) > 0 && rapid.Bool().Draw(w.t, "won") {
		d := w.disputes[0]
		w.disputes = w.disputes[1:]
		if d.unit == w.current {
			if err := a.Reinstate(d.source, d.drawn, d.at, func(int) core.ID { return w.id(core.GrantID) }, w.now); err != nil {
				w.t.Fatal(err)
			}
		}
		return
	}
	g := w.any()
	if g == nil || g.Category != core.Paid {
		return
	}
	d := dispute{source: w.id(core.PurchaseID), at: w.now, unit: w.current}
	var err error
	d.drawn, err = a.Clawback(g.ID, d.source, w.draw("refunded", 30), rapid.SampledFrom([]core.Shortfall{core.Cap, core.Deficit}).Draw(w.t, "rule"),
		rapid.Bool().Draw(w.t, "others"), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.disputes = append(w.disputes, d)
}

type dispute struct {
	source core.ID
	drawn  core.Drawn
	at     core.Time
	unit   int
}

// convert changes the unit at some rate, each grant for itself.
func (w *town) convert() {
	old, to := w.account(), w.units[1-w.current]
	old.Settle(w.now)
	if old.Overdrawn > 0 { // a deficit changes its unit by rules of the ledger
		return
	}
	num, den := w.draw("num", 7), w.draw("den", 7)
	came := map[core.ID]core.ID{} // what each grant of the old unit was made of
	for i := range old.Entries {
		if e := &old.Entries[i]; e.Kind == core.EntryConvertIn && old.Grant(e.Grant).Seq == e.Seq {
			came[e.Grant] = e.Source
		}
	}
	grants, _ := old.ConvertOut(to.Unit.Code, w.now)
	to.Reopen()
	for i := range grants {
		g := &grants[i]
		amount := g.Remaining * num / den
		if g.Remaining == 0 || amount == 0 {
			continue
		}
		if origin := to.Grant(came[g.ID]); origin != nil && origin.Closed == core.Converted && converted(to, origin.ID) > 0 {
			if err := to.ConvertBack(origin.ID, g.Closed, g.ID, min(amount, converted(to, origin.ID)), w.now); err != nil {
				w.t.Fatal(err)
			}
			continue
		}
		t := g.Terms
		t.ID, t.Amount = w.id(core.GrantID), amount
		if _, err := to.ConvertIn(t, g.Closed, g.ID, w.now); err != nil {
			w.t.Fatal(err)
		}
	}
	to.Sort()
	w.current = 1 - w.current
	w.holds = nil
}

// converted is what of a grant has been converted and has not come back.
func converted(a *core.Account, grant core.ID) (n core.Amount) {
	for i := range a.Entries {
		switch e := &a.Entries[i]; {
		case e.Grant == grant && e.Kind == core.EntryConvertOut:
			n += e.Amount
		case e.Grant == grant && e.Kind == core.EntryConvertIn:
			n -= e.Amount
		}
	}
	return n
}

func (w *town) book(at core.Time, step func(Step)) *Book {
	b := New(at, core.Never, at-90*day)
	b.Begin()
	for _, a := range w.units {
		for i := range a.Grants {
			b.Grant(a.Unit.Code, &a.Grants[i])
		}
		for i := range a.Entries {
			b.Entry(&a.Entries[i])
		}
	}
	b.Close(step)
	return b
}

// ties holds the book of one instant against what was paid by then, lot by lot,
// by month and in all.
func (w *town) ties(at core.Time) {
	paid, got, months := map[core.Currency]core.Amount{}, map[core.Currency]Money{}, map[core.Currency]Money{}
	for _, a := range w.units {
		for i := range a.Entries {
			if e := &a.Entries[i]; e.Kind == core.EntryGrant && e.Effective <= at {
				paid[w.price[e.Grant].Currency] += w.price[e.Grant].Minor
			}
		}
	}
	b := w.book(at, func(s Step) { months[s.Lot.Currency] = months[s.Lot.Currency].plus(s.Money) })
	for _, l := range b.Lots() {
		got[l.Currency] = got[l.Currency].plus(l.Money)
		m := l.Money
		if !m.Ties() || min(m.Recognised, m.Breakage, m.Voided, m.Refunded, m.Out, m.Remaining) < 0 {
			w.t.Fatalf("at %s lot %s does not tie out: %+v of %+v", at, l.Grant.ID, m, l.Units)
		}
		w.exact(l)
	}
	delete(got, "")
	delete(months, "")
	for c, m := range got {
		if m.Paid != paid[c] || m.In != m.Out || m.Paid != m.Recognised+m.Breakage+m.Voided+m.Refunded+m.Remaining {
			w.t.Fatalf("at %s %d %s were paid: %+v", at, paid[c], c, m)
		}
		if months[c] != m {
			w.t.Fatalf("at %s the months of %s come to %+v, the lots to %+v", at, c, months[c], m)
		}
	}
}

// exact holds each part of a lot that nothing came to from elsewhere against
// its exact share: less than one minor unit lies between.
func (w *town) exact(l *Lot) {
	if l.Carried() || l.Units.Issued == 0 {
		return
	}
	one := big.NewRat(1, 1)
	for _, part := range [...][2]core.Amount{{l.Units.Consumed, l.Money.Recognised}, {l.Units.Expired, l.Money.Breakage},
		{l.Units.Moved + l.Units.Voided, l.Money.Out + l.Money.Voided}, {l.Units.Remaining, l.Money.Remaining}} {
		want := new(big.Rat).Mul(big.NewRat(int64(l.Money.Paid), int64(l.Units.Issued)), new(big.Rat).SetInt64(int64(part[0])))
		if d := want.Sub(want, new(big.Rat).SetInt64(int64(part[1]))); d.Abs(d).Cmp(one) >= 0 {
			w.t.Fatalf("%d parts of %+v have %d of %d", part[0], l.Units, part[1], l.Money.Paid)
		}
	}
}

// Random histories through the core's rules, of refunds too, tie out to the
// minor unit at every date, and what is left is what the account has.
// RP-03.
func TestBooksTieOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTown(t)
		w.issue()
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			w.now += core.Time(rapid.SampledFrom([]int{0, 0, 1, 9, 31}).Draw(t, "days")) * day
			rapid.SampledFrom([]func(){w.issue, w.spend, w.spend, w.spend, w.capture, w.giveBack, w.void, w.renew, w.refund, w.refund, w.convert}).Draw(t, "what")()
			w.account().Settle(w.now)
		}
		for at := start; at < w.now; at += 17 * day {
			w.ties(at)
		}
		w.ties(w.now)
		left := map[core.ID]core.Amount{}
		for _, a := range w.units {
			for i := range a.Grants {
				if g := &a.Grants[i]; g.Starts <= w.now {
					left[g.ID] = g.Remaining
				}
			}
		}
		for _, l := range w.book(w.now, nil).Lots() {
			if l.Units.Remaining != left[l.Grant.ID] {
				t.Fatalf("%d are left of %s, the account has %d", l.Units.Remaining, l.Grant.ID, left[l.Grant.ID])
			}
		}
	})
}
