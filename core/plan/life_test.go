package plan

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

// shelf is plans of many kinds.
func shelf(t testing.TB) []Terms {
	week, day := Span{1, Week}, Span{1, Day}
	over := &Overage{Prices: []core.Price{per(t, "0.007")}, Per: 3, Times: core.Rate{Num: 1, Den: 2}, ChargeAt: []core.Money{usd(t, "0.05")}}
	small, big := plain(t, "small", "10", 100), plain(t, "big", "30", 500)
	small.Allotments[0].Rollover = &Rollover{Max: 60, Cycles: 2, Forfeit: []Loss{OnCancel}}
	small.AtZero, small.Overage = core.Overage, over
	big.Allotments[0].Rollover = &Rollover{Times: core.Rate{Num: 1, Den: 2}, Total: true, Forfeit: []Loss{OnDowngrade}}
	big.AtZero, big.Replace = core.Cap, true
	big.Collect = ByScrip
	seats := plain(t, "seats", "20", 0)
	seats.Allotments = []Allotment{
		{Brackets: []Bracket{{2, 50}, {5, 10}}, Every: monthly, OnPayment: true},
		{Credits: 7, Every: day, Midnight: true, Cap: &Cap{70, week}, Actions: []string{"daily"}},
		{Credits: 3, Every: week, Life: Span{20, Day}},
		{Credits: 2, Every: week, Never: true, OnPayment: true},
	}
	seats.AtZero, seats.Overage = core.Overage, over
	yearly := plain(t, "yearly", "100", 90)
	yearly.Every, yearly.Trial = Span{1, Year}, &Trial{20, Span{5, Day}}
	free := Terms{Plan: "free", Every: week, Allotments: []Allotment{{Credits: 10, Every: week, Never: true}}}
	return []Terms{small, big, seats, yearly, free}
}

// TestALifeOfPlans does anything to two accounts at the same instants. One is
// posted at every hour in between and stored each time, the other only when
// it is asked for something: their entries must be the same. Whatever happens,
// the parts of the account add up, and its text brings it back.
func TestALifeOfPlans(t *testing.T) {
	plans := shelf(t)
	rapid.Check(t, func(rt *rapid.T) {
		prompt, late := newSubscriber(t, 0, "2026-01-31T10:00:00Z"), newSubscriber(t, 0, "2026-01-31T10:00:00Z")
		both := []*subscriber{prompt, late}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			wait := core.Time(rapid.SampledFrom([]int{0, 1, 24, 24 * 7, 24 * 31, 24 * 70}).Draw(rt, "hours")) * 3600e6
			for at := prompt.now; at < prompt.now+wait; at += 11 * 3600e6 {
				prompt.a.Settle(at)
			}
			for _, d := range both {
				d.now += wait
			}
			prompt.stored()
			what := rapid.IntRange(0, 7).Draw(rt, "what")
			wish := Wish{
				Terms: plans[rapid.IntRange(0, len(plans)-1).Draw(rt, "plan")], Seats: rapid.IntRange(0, 7).Draw(rt, "seats"),
				Zone: rapid.SampledFrom([]string{"", "America/Havana", "Asia/Tehran"}).Draw(rt, "zone"),
				When: rapid.SampledFrom([]When{"", AtOnce, NextPeriod}).Draw(rt, "when"),
			}
			amount := core.Amount(rapid.IntRange(0, 300).Draw(rt, "amount"))
			var codes [2]core.Code
			for i, d := range both {
				codes[i] = core.CodeOf(d.do(what, wish, amount))
			}
			if codes[0] != codes[1] {
				rt.Fatalf("at %s one is refused with %q, the other with %q", prompt.now, codes[0], codes[1])
			}
			if x, y := facts(prompt.a), facts(late.a); x != y {
				rt.Fatalf("posted late the entries are\n%s\nnot\n%s", y, x)
			}
			if x, y := prompt.s.Text(), late.s.Text(); x != y {
				rt.Fatalf("posted late the state is\n%s\nnot\n%s", y, x)
			}
			whole(rt, prompt)
		}
	})
}

// do does one of many things to a subscriber who is due for nothing.
func (d *subscriber) do(what int, w Wish, amount core.Amount) error {
	d.a.Settle(d.now)
	var err error
	switch what {
	case 0, 1, 2:
		_, err = d.s.Put(d.a, w, d.now)
	case 3:
		_, err = d.s.Cancel(d.a, w.When, d.now)
	case 4:
		if from, _ := d.s.Span(); from != 0 {
			_, err = d.s.Pay(d.a, from, d.now)
		}
	case 7:
		if n := len(d.s.Former); n > 0 {
			f := d.s.Former[int(amount)%n]
			if !d.s.Redeem(d.a, f.For, f.Cost, d.now) {
				d.t.Errorf("nothing is redeemed by what is owed: %+v", f)
			}
		}
		for d.s.Ask(func(due Due) core.ID { return core.ID(fmt.Sprint(due)) }) {
			d.a.Keep(d.s)
		}
	default:
		action := ""
		if what == 6 {
			action = "daily"
		}
		_, err = d.spend(amount, action)
	}
	d.a.Settle(d.now)
	return err
}

// whole holds what must be true of every account, whatever was done to it.
func whole(t *rapid.T, d *subscriber) {
	if due := d.a.NextDue(); due <= d.now {
		t.Fatalf("at %s something is due since %s", d.now, due)
	}
	back, err := d.book.Read(d.s.Text())
	if err != nil || back.Text() != d.s.Text() || back.Due() != d.s.Due() {
		t.Fatalf("the state does not come back: %v", err)
	}
	for _, due := range d.s.Dues {
		if due.Money.Minor <= 0 || due.Start > d.now || due.End <= due.Start {
			t.Fatalf("nobody owes %+v at %s", due, d.now)
		}
	}
	made := map[core.ID]core.Amount{}
	for i := range d.a.Grants {
		g := &d.a.Grants[i]
		if g.Remaining < 0 || g.Held < 0 || g.Consumed() < 0 || g.Remaining > g.Amount {
			t.Fatalf("grant %+v does not add up", g)
		}
		from := core.ID("")
		if g.Category == core.Rollover {
			from = cameFrom(d.a, g.ID)
		} else {
			made[g.Source] += g.Amount
		}
		if !Made("c1", &g.Terms, from) {
			t.Fatalf("%+v is not known for a subscription's", g)
		}
	}
	for source, sum := range made { // the most that any rule of any plan grants in a period
		if sum > 500 {
			t.Fatalf("the period %s granted %d", source, sum)
		}
	}
	var billed, units core.Amount
	for _, e := range d.a.Entries {
		if e.Kind == core.EntryOverage {
			billed += e.Amount
		}
	}
	for _, o := range d.s.Billing.Over {
		units += o.Units - o.Billed
	}
	for _, c := range d.s.Billing.Charges {
		units += c.Units
	}
	if d.s.Billing.Count <= maxCharges && billed != units {
		t.Fatalf("%d were overage, %d are billed or will be", billed, units)
	}
}
