package ledger_test

import (
	"cmp"
	"slices"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
)

// overPlan is 100.00 a month, with overage at thousandths of a currency's unit.
func overPlan(name string, thousandths int64, c core.Currency) plan.Terms {
	month := plan.Span{N: 1, Of: plan.Month}
	return plan.Terms{
		Plan: name, Every: month, AtZero: core.Overage, Allotments: []plan.Allotment{{Credits: 100_00, Every: month, Priority: core.DefaultPriority}},
		Overage: &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: thousandths, Den: 1000}, Currency: c}}, Per: 1},
	}
}

// wantMoney holds all bills, and all charges in their order, against figures.
func (b *bench) wantMoney(bills, charges []core.Money) {
	b.Helper()
	list, err := b.Reader().Records.List(b.ctx, ledger.PurchaseKind, "", 10)
	b.need(err)
	var asked, made []core.Money
	for i := range list {
		p, err := b.Purchase(b.ctx, core.ID(list[i].ID))
		b.need(err)
		asked = append(asked, p.Price)
	}
	s, err := b.Subscription(b.ctx, ann)
	b.need(err)
	for _, c := range s.State.Billing.Charges {
		made = append(made, c.Money)
	}
	for _, l := range [][]core.Money{asked, bills} { // they are listed by their ids
		slices.SortFunc(l, func(x, y core.Money) int {
			return cmp.Or(cmp.Compare(x.Currency, y.Currency), cmp.Compare(x.Minor, y.Minor))
		})
	}
	if !slices.Equal(asked, bills) || !slices.Equal(made, charges) {
		b.Errorf("the bills are %v, want %v; the charges %v, want %v", asked, bills, made, charges)
	}
	b.clean()
}

func euros(minor core.Amount) core.Money   { return core.Money{Minor: minor, Currency: "eur"} }
func dollars(minor core.Amount) core.Money { return core.Money{Minor: minor, Currency: "usd"} }

// A currency that comes to nothing, or to less, does not keep others from being
// asked for, and is made good when it is charged in again.
func TestBillsOfManyCurrencies(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Collector: "main"})
	over := func(name string, price int64, c core.Currency, amount core.Amount) core.ID {
		t.Helper()
		_, _, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: overPlan(name, price, c)})
		b.need(err)
		d, _, err := b.Debit(b.ctx, name, charge(ann, amount))
		b.need(err)
		_, _, err = b.Cancel(b.ctx, ann, plan.AtOnce)
		b.need(err)
		b.pass(hour)
		return d.ID
	}
	over("tiny", 1, "eur", 102_00)
	b.wantMoney(nil, []core.Money{euros(0)})
	dear := over("dear", 1000, "usd", 600_00)
	b.wantMoney([]core.Money{dollars(500_00)}, []core.Money{euros(0), dollars(500_00)})
	_, _, err := b.Reverse(b.ctx, "back", dear, 100_00)
	b.need(err)
	over("euros", 1000, "eur", 150_00)
	b.wantMoney([]core.Money{dollars(500_00), euros(50_00)}, []core.Money{euros(0), dollars(500_00), dollars(-100_00), euros(50_00)})
	over("again", 1000, "usd", 250_00)
	b.wantMoney([]core.Money{dollars(500_00), euros(50_00), dollars(50_00)},
		[]core.Money{euros(0), dollars(500_00), dollars(-100_00), euros(50_00), dollars(150_00)})
}

// What was charged is given back as it was charged, whatever it costs by now;
// what is not charged yet is charged no more.
func TestOverageIsGivenBackAsCharged(t *testing.T) {
	free := overPlan("free", 1, "usd")
	free.AtZero, free.Overage = "", nil
	for _, c := range []struct {
		name    string
		price   int64
		next    plan.Terms
		charged []core.Money
	}{
		{"dearer", 10, overPlan("dear", 100, "usd"), []core.Money{dollars(1_00), dollars(-1_00)}},
		{"without overage", 500, free, []core.Money{dollars(50_00), dollars(-50_00)}},
		{"the same", 10, overPlan("pro", 10, "usd"), nil},
	} {
		b := newBench(t, nil, ledger.Options{Collector: "main"})
		_, _, err := b.Subscribe(b.ctx, ann, plan.Wish{Terms: overPlan("pro", c.price, "usd")})
		b.need(err)
		d, _, err := b.Debit(b.ctx, "over", charge(ann, 200_00))
		b.need(err)
		_, _, err = b.Subscribe(b.ctx, ann, plan.Wish{Terms: c.next, When: plan.AtOnce})
		b.need(err)
		for i, part := range []core.Amount{33_33, 33_33, 33_34} {
			_, _, err = b.Reverse(b.ctx, "back"+string(rune('a'+i)), d.ID, part)
			b.need(err)
		}
		var bills []core.Money
		if c.charged != nil {
			bills = c.charged[:1]
		}
		b.pass(35 * 24 * hour)
		_, _, err = b.Sweep(b.ctx, 10)
		b.need(err)
		t.Log(c.name)
		b.wantMoney(bills, c.charged)
	}
}

// paidPlan grants on payment, each month.
func paidPlan(name string, price, credits core.Amount) plan.Terms {
	month := plan.Span{N: 1, Of: plan.Month}
	return plan.Terms{
		Plan: name, Prices: []core.Money{dollars(price)}, Every: month,
		Allotments: []plan.Allotment{{Credits: credits, Every: month, OnPayment: true, Priority: core.DefaultPriority}},
	}
}

func (b *bench) renew(start core.Time, object string, price core.Amount, code core.Code) {
	b.Helper()
	_, _, err := b.Renew(b.ctx, ann, plan.Renewal{Start: start, Object: object, Paid: dollars(price)})
	if core.CodeOf(err) != code {
		b.Errorf("%s of %d: %v, want %q", object, price, err, code)
	}
}

// The period ahead is paid at the price that it will have; what was paid before
// that became another one is no proof.
func TestThePeriodAheadIsPaidAtItsOwnPrice(t *testing.T) {
	small, big := paidPlan("small", 10_00, 10_00), paidPlan("big", 100_00, 1000_00)
	dearer := paidPlan("small", 20_00, 20_00)
	for _, c := range []struct {
		name      string
		early     core.Amount // paid before the wish
		next      plan.Terms
		paid, old core.Amount // afterwards: what is taken, what is refused
		want      core.Amount
	}{
		{"pending", 0, big, 100_00, 10_00, 1000_00},
		{"pending and not paid", 0, big, 0, 10_00, 0},
		{"pending, paid before at the old price", 10_00, big, 0, 10_00, 0},
		{"pending, paid before and again", 10_00, big, 100_00, 0, 1000_00},
		{"edition", 0, dearer, 20_00, 10_00, 20_00},
		{"edition, paid before at the old price", 10_00, dearer, 0, 0, 0},
		{"edition, paid before and again", 10_00, dearer, 20_00, 0, 20_00},
	} {
		b := newBench(t, nil, ledger.Options{Plans: map[string]plan.Terms{"small": small}})
		b.subscribe(plan.Wish{Terms: small})
		next := b.Now().AddMonths(1)
		if c.early != 0 {
			b.renew(next, "early", c.early, "")
		}
		if c.next.Plan == "small" {
			b.close()
			b.open(nil, ledger.Options{Plans: map[string]plan.Terms{"small": c.next}})
		} else {
			b.subscribe(plan.Wish{Terms: c.next, When: plan.NextPeriod})
		}
		if c.old != 0 {
			b.renew(next, "old", c.old, core.CodeInvalid)
		}
		if c.paid != 0 {
			b.renew(next, "paid", c.paid, "")
		}
		b.pass(32 * 24 * hour)
		_, _, err := b.Sweep(b.ctx, 10)
		b.need(err)
		t.Log(c.name)
		b.wantBalance(ann, c.want, 0)
		b.clean()
	}
}

// What does not end with its period is granted however late that is paid; what
// would have ended is not.
func TestALatePaymentGrantsWhatDoesNotExpire(t *testing.T) {
	month, year := plan.Span{N: 1, Of: plan.Month}, plan.Span{N: 1, Of: plan.Year}
	for _, c := range []struct {
		name    string
		change  func(*plan.Terms)
		days    int64
		balance core.Amount
	}{
		{"expires", func(*plan.Terms) {}, 33, 0},
		{"never expires", func(p *plan.Terms) { p.Allotments[0].Never = true }, 33, 100_00},
		{"lives on", func(p *plan.Terms) { p.Allotments[0].Life = plan.Span{N: 60, Of: plan.Day} }, 40, 100_00},
		{"has lived", func(p *plan.Terms) { p.Allotments[0].Life = plan.Span{N: 60, Of: plan.Day} }, 70, 0},
		{"months of a year", func(p *plan.Terms) { p.Allotments[0].Never, p.Every = true, year }, 70, 300_00},
		{"capped", func(p *plan.Terms) {
			p.Allotments[0].Never, p.Every, p.Allotments[0].Cap = true, year, &plan.Cap{Amount: 150_00, Per: year}
		}, 70, 150_00},
		{"capped in a month that is over", func(p *plan.Terms) {
			p.Allotments[0].Never, p.Allotments[0].Cap = true, &plan.Cap{Amount: 70_00, Per: month}
		}, 70, 70_00},
	} {
		b := newBench(t, nil, ledger.Options{})
		terms := paidPlan("pro", 10_00, 100_00)
		c.change(&terms)
		b.subscribe(plan.Wish{Terms: terms})
		start := b.Now()
		b.pass(core.Time(c.days) * 24 * hour)
		b.restart()
		b.renew(start, "in_1", 10_00, "")
		b.renew(start, "in_1", 10_00, "")
		b.renew(start, "in_2", 10_00, "")
		t.Log(c.name)
		b.wantBalance(ann, c.balance, 0)
		b.clean()
	}
	// A later period that is paid first leaves the earlier one to be paid.
	b := newBench(t, nil, ledger.Options{})
	terms := paidPlan("pro", 10_00, 100_00)
	terms.Allotments[0].Never = true
	b.subscribe(plan.Wish{Terms: terms})
	start := b.Now()
	b.pass(33 * 24 * hour)
	b.renew(start.AddMonths(1), "in_2", 10_00, "")
	b.wantBalance(ann, 100_00, 0)
	b.renew(start, "in_1", 10_00, "")
	b.wantBalance(ann, 200_00, 0)
	b.clean()
}

// A period ends by the terms that it had, whatever a new edition says.
func TestANewEditionDoesNotReachBack(t *testing.T) {
	week := plan.Span{N: 1, Of: plan.Week}
	ends := overPlan("pro", 10, "usd")
	rolls := overPlan("pro", 10, "usd")
	rolls.Allotments[0].Rollover = &plan.Rollover{Priority: core.DefaultPriority}
	weekly := func(p plan.Terms) plan.Terms {
		p.Allotments = slices.Clone(p.Allotments)
		p.Allotments[0].Every = week
		return p
	}
	for _, c := range []struct {
		name     string
		old, new plan.Terms
		days     core.Time
		want     core.Amount
	}{
		{"rolls no more", rolls, ends, 33, 200_00}, {"rolls from now on", ends, rolls, 33, 100_00},
		{"weeks that rolled", weekly(rolls), weekly(ends), 36, 600_00}, {"weeks that will", weekly(ends), weekly(rolls), 36, 100_00},
		{"weeks that do", weekly(ends), weekly(rolls), 43, 200_00},
	} {
		b := newBench(t, nil, ledger.Options{Plans: map[string]plan.Terms{"pro": c.old}})
		b.until("2026-01-01T00:00:00Z")
		b.subscribe(plan.Wish{Terms: c.old})
		b.close()
		b.open(nil, ledger.Options{Plans: map[string]plan.Terms{"pro": c.new}})
		b.pass(c.days * 24 * hour)
		_, _, err := b.Sweep(b.ctx, 10)
		b.need(err)
		t.Log(c.name)
		b.wantBalance(ann, c.want, 0)
		b.clean()
	}
}
