package ledger_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/sale"
)

// sales gathers the purchases that vendors were asked to sell.
type sales struct {
	ledger.Outward
	mu   sync.Mutex
	list []sale.Purchase
}

func (s *sales) OnEntries(core.Time, *core.Account, []core.Entry) []*ledger.Intent { return nil }
func (s *sales) OnCustomer(core.Time, ledger.Customer) []*ledger.Intent            { return nil }
func (s *sales) OnPurchase(_ core.Time, p sale.Purchase) []*ledger.Intent {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, p)
	return nil
}

func (s *sales) asked() []sale.Purchase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

// watched opens a ledger whose accounts buy a pack below 10 credits.
func watched(t *testing.T, rules plan.Rules) (*bench, *sales) {
	out := &sales{}
	return newBench(t, nil, ledger.Options{Outward: out,
		Rules:     map[string]*plan.Rules{"credits": &rules},
		Packs:     map[string]sale.Pack{"small": {Name: "small", Unit: "credits", Credits: 500_00, Price: core.Money{Minor: 80_00, Currency: "usd"}, Months: 12}},
		Collector: "east",
	}), out
}

func below10() *plan.TopUp {
	return &plan.TopUp{Pack: "small", Below: 10_00, Amount: 500_00, Retry: []int64{3600}}
}

func (b *bench) take(key string, amount core.Amount) {
	b.Helper()
	_, _, err := b.Debit(b.ctx, key, ledger.Charge{Account: ann, Amount: amount})
	b.need(err)
}

func (b *bench) give(key string, amount core.Amount) {
	b.Helper()
	_, _, err := b.Issue(b.ctx, key, ann, core.Terms{Amount: amount, Category: core.Promotional})
	b.need(err)
}

// told lists the types of all notices of ann, and holds both listings against
// each other.
func (b *bench) notices() []string {
	b.Helper()
	list, err := b.Notices(b.ctx, ann, 0, 1000)
	b.need(err)
	all, _, err := b.AllNotices(b.ctx, "", 1000)
	b.need(err)
	if len(all) != len(list) {
		b.Fatalf("%d notices by number, %d by time", len(list), len(all))
	}
	var types []string
	for i, n := range list {
		if n.Seq != int64(i+1) || all[i].ID != n.ID || n.Customer != "ann" {
			b.Fatalf("notice %d is %+v, by time %+v", i+1, n, all[i])
		}
		types = append(types, n.Type)
	}
	return types
}

func (b *bench) annOf() *core.Account {
	b.Helper()
	a, err := b.Account(b.ctx, ann)
	b.need(err)
	return a
}

func (b *bench) wantTold(want ...string) {
	b.Helper()
	if got := b.notices(); fmt.Sprint(got) != fmt.Sprint(want) {
		b.Fatalf("told %v, want %v", got, want)
	}
}

// LC-08.
func TestTwentyDebitsAskForOneTopUp(t *testing.T) {
	b, out := watched(t, plan.Rules{TopUp: below10(), Alerts: &plan.Alerts{}})
	b.give("start", 15_00)
	all(20, func(i int) error {
		_, _, err := b.Debit(b.ctx, fmt.Sprint("d", i), ledger.Charge{Account: ann, Amount: 50})
		return err
	})
	if len(out.asked()) != 1 {
		t.Fatalf("%d top-ups were asked for", len(out.asked()))
	}
	p := b.purchase(out.asked()[0].ID)
	if !p.Auto || p.State != sale.Pending || p.Connection != "east" || p.Credits != 500_00 || p.Price.Minor != 80_00 || p.Months != 12 {
		t.Fatalf("asked for %+v", p)
	}
	if !b.fail(p) || b.fail(p) {
		t.Fatal("a decline counts once")
	}
	b.wantTold(plan.TopUpNotice)
	for i := range 5 { // it backs off
		b.take(fmt.Sprint("e", i), 10)
	}
	if len(out.asked()) != 1 {
		t.Fatal("a declined top-up was repeated at once")
	}
	b.clean()
	b.clock.Add(int64(hour))
	if n, _, err := b.Sweep(b.ctx, 100); err != nil || n != 1 { // time alone
		t.Fatalf("swept %d: %v", n, err)
	}
	if len(out.asked()) != 2 {
		t.Fatal("it was not tried again")
	}
	second := b.purchase(out.asked()[1].ID)
	if second.ID == p.ID {
		t.Fatal("the same purchase was asked for twice")
	}
	for range 3 {
		if _, _, err := b.pay(second, payment(second, "in_2")); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.annOf().Balance(b.Now()).Available; got != 504_50 {
		t.Fatalf("%d are there", got)
	}
	b.clean()
	b.take("most", 500_00)
	if len(out.asked()) != 3 {
		t.Fatal("the next move below was not answered")
	}
	b.clean()
}

// A top-up is decided with the debit: what a crash loses it loses with it.
func TestATopUpIsKeptWithItsDebit(t *testing.T) {
	b, out := watched(t, plan.Rules{TopUp: below10()})
	b.give("start", 15_00)
	b.take("d", 6_00)
	if len(out.asked()) != 1 {
		t.Fatal("no top-up was asked for")
	}
	b.restart()
	p := b.purchase(out.asked()[0].ID)
	if a := b.annOf(); a.Policy == nil || a.Stored == "" || p.State != sale.Pending {
		t.Fatalf("after a restart %+v, %q", p, a.Stored)
	}
	b.clean()
}

// LC-10.
func TestARefusalStaysOneAfterATopUp(t *testing.T) {
	b, out := watched(t, plan.Rules{TopUp: below10()})
	b.give("start", 15_00)
	b.take("d", 6_00)
	_, _, first := b.Debit(b.ctx, "big", ledger.Charge{Account: ann, Amount: 100_00})
	if core.CodeOf(first) != core.CodeInsufficientCredits {
		t.Fatal(first)
	}
	p := out.asked()[0]
	if _, _, err := b.pay(p, payment(p, "in_1")); err != nil {
		t.Fatal(err)
	}
	_, replayed, again := b.Debit(b.ctx, "big", ledger.Charge{Account: ann, Amount: 100_00})
	if !replayed || again == nil || again.Error() != first.Error() {
		t.Fatalf("then %v, replayed %v", again, replayed)
	}
	b.clean()
}

func TestNoticesAreMadeOnce(t *testing.T) {
	b, _ := watched(t, plan.Rules{Alerts: &plan.Alerts{Low: []core.Amount{10_00}, Expiring: []int64{3600}}})
	_, _, err := b.Issue(b.ctx, "g", ann, core.Terms{Amount: 20_00, Category: core.Paid, Expires: start + 3*hour})
	b.need(err)
	b.take("a", 15_00)
	b.take("a", 15_00) // a replay tells nothing
	b.wantTold(plan.LowNotice)
	b.give("h", 10_00)
	b.wantTold(plan.LowNotice, plan.RestoredNotice)
	b.clock.Store(int64(start + 2*hour))
	for range 2 {
		_, _, err := b.Sweep(b.ctx, 100)
		b.need(err)
	}
	b.wantTold(plan.LowNotice, plan.RestoredNotice, plan.ExpiringNotice)
	b.clock.Store(int64(start + 3*hour))
	_, _, err = b.Sweep(b.ctx, 100)
	b.need(err)
	b.wantTold(plan.LowNotice, plan.RestoredNotice, plan.ExpiringNotice, plan.ExpiredNotice)
	b.take("rest", 10_00)
	b.wantTold(plan.LowNotice, plan.RestoredNotice, plan.ExpiringNotice, plan.ExpiredNotice, plan.LowNotice, plan.ExhaustedNotice)
	b.clean()
	b.restart()
	b.wantTold(plan.LowNotice, plan.RestoredNotice, plan.ExpiringNotice, plan.ExpiredNotice, plan.LowNotice, plan.ExhaustedNotice)
}

func TestCustomersHaveTheirOwnSettings(t *testing.T) {
	b, out := watched(t, plan.Rules{TopUp: below10(), Alerts: &plan.Alerts{Low: []core.Amount{10_00}}})
	put := func(form string, s plan.Settings) {
		t.Helper()
		s.Form = json.RawMessage(form)
		b.need(b.PutSettings(b.ctx, "ann", s))
	}
	off := below10()
	off.Off = true
	put(`{"a":1}`, plan.Settings{TopUp: map[string]*plan.TopUp{"credits": off}, Notify: []string{plan.ExhaustedNotice}})
	b.give("start", 15_00)
	b.take("a", 10_00)
	if len(out.asked()) != 0 || len(b.notices()) != 0 {
		t.Fatal("what is off was done")
	}
	put(`{"a":2}`, plan.Settings{TopUp: map[string]*plan.TopUp{"credits": {Pack: "small", Below: 20_00, To: 700_00}}})
	put(`{"a":2}`, plan.Settings{})
	if list := out.asked(); len(list) != 1 || list[0].Quantity != 2 {
		t.Fatalf("asked for %+v", list)
	}
	put(`{"a":3}`, plan.Settings{TopUp: map[string]*plan.TopUp{"credits": off}})
	put(`{"a":4}`, plan.Settings{})
	b.take("c", 5_00)
	if len(out.asked()) != 1 {
		t.Fatal("a change of settings bought twice")
	}
	if raw, err := b.Settings(b.ctx, "ann"); err != nil || string(raw) != `{"a":4}` {
		t.Fatalf("settings are %s: %v", raw, err)
	}
	if err := b.PutSettings(b.ctx, "nobody", plan.Settings{}); core.CodeOf(err) != core.CodeUnknownCustomer {
		t.Fatal(err)
	}
	b.clean()
	_, err := b.Erase(b.ctx, "ann")
	b.need(err)
	if b.annOf().NextDue() != core.Never {
		t.Fatal("an erased customer is watched")
	}
}

// What cannot be bought any more is told, and the debit goes on.
func TestAPackThatIsGone(t *testing.T) {
	rule := below10()
	rule.Pack = "gone"
	b, out := watched(t, plan.Rules{TopUp: rule})
	b.give("start", 15_00)
	b.take("d", 6_00)
	b.take("e", 1_00)
	if len(out.asked()) != 0 {
		t.Fatal("it was bought")
	}
	b.wantTold(plan.TopUpNotice)
}

// The customer's currency picks the price of what an account buys by itself,
// whenever it becomes known.
func TestTopUpsAreInTheCustomersCurrency(t *testing.T) {
	out, rule := &sales{}, below10()
	eur := core.Money{Minor: 70_00, Currency: "eur"}
	b := newBench(t, nil, ledger.Options{
		Outward: out, Collector: "east", Rules: map[string]*plan.Rules{"credits": {TopUp: rule}},
		Packs: map[string]sale.Pack{"small": {Name: "small", Unit: "credits", Credits: 500_00, Tiers: []sale.PackTier{{Prices: []core.Money{{Minor: 80_00, Currency: "usd"}, eur}}}}},
	})
	put := func(c core.Currency) {
		t.Helper()
		_, _, err := b.PutCustomer(b.ctx, ledger.Customer{ID: "ann", Currency: c})
		b.need(err)
	}
	usd := core.Money{Minor: 80_00, Currency: "usd"}
	put("eur")
	b.give("start", 15_00)
	for i, c := range []struct {
		currency core.Currency
		price    core.Money
	}{{"eur", eur}, {"", usd}, {"eur", eur}, {"usd", usd}} {
		if i > 0 {
			put(c.currency)
		}
		b.take(fmt.Sprint("d", i), 10_00)
		list := out.asked()
		if len(list) != i+1 || list[i].Price != c.price {
			t.Fatalf("in %q it asked for %+v", c.currency, list)
		}
		_, _, err := b.pay(list[i], payment(list[i], fmt.Sprint("in_", i)))
		b.need(err)
		b.take(fmt.Sprint("e", i), 490_00)
	}
	b.clean()
}

// A change of the unit takes the watch over, and back.
func TestTheWatchFollowsTheUnit(t *testing.T) {
	b, out := watched(t, plan.Rules{TopUp: below10(), Alerts: &plan.Alerts{Low: []core.Amount{10_00}}})
	_, _, err := b.Issue(b.ctx, "start", ann, core.Terms{Amount: 15_00, Category: core.Paid, Paid: core.Money{Minor: 1_20, Currency: "usd"}})
	b.need(err)
	b.take("d", 6_00)
	b.close()
	forward := b.forward()
	forward.Open = true
	rules := plan.Rules{TopUp: &plan.TopUp{Pack: "small", Below: 800000, Amount: 40_000000}, Alerts: &plan.Alerts{Low: []core.Amount{800000}}}
	b.open(nil, ledger.Options{Outward: out, Collector: "east", Rules: map[string]*plan.Rules{"usd": &rules}, Conversions: []ledger.Conversion{forward},
		Packs: map[string]sale.Pack{"small": {Name: "small", Unit: "usd", Credits: 40_000000, Price: core.Money{Minor: 80_00, Currency: "usd"}}}})
	b.convertAll()
	if len(out.asked()) != 1 {
		t.Fatalf("%d top-ups were asked for", len(out.asked()))
	}
	list, err := b.Notices(b.ctx, annInUSD, 0, 10)
	b.need(err)
	if len(list) != 1 || list[0].Type != plan.LowNotice || list[0].Unit != "credits" {
		t.Fatalf("told %+v", list)
	}
	_, _, err = b.Debit(b.ctx, "all", ledger.Charge{Account: annInUSD, Amount: 720000})
	b.need(err)
	if list, err = b.Notices(b.ctx, annInUSD, 1, 10); err != nil || len(list) != 1 || list[0].Type != plan.ExhaustedNotice || list[0].Seq != 2 {
		t.Fatalf("told %+v: %v", list, err)
	}
	if len(out.asked()) != 1 {
		t.Fatal("what is waited for was asked for again")
	}
	p := out.asked()[0]
	if _, fresh, err := b.pay(p, payment(p, "in_1")); err != nil || !fresh {
		t.Fatal(err)
	}
	if list, err = b.Notices(b.ctx, annInUSD, 2, 10); err != nil || len(list) != 2 {
		t.Fatalf("told %+v: %v", list, err)
	}
	b.clean()
}

// Whatever happens to an account, one top-up is waited for at most, no cap is
// broken, and what is told of a threshold goes down and up in turn.
func TestRandomTopUps(t *testing.T) {
	rule := plan.TopUp{Pack: "small", Below: 10_00, To: 400_00, Retry: []int64{1800, 7200}, Caps: []plan.TopUpCap{
		{Count: 2, Per: plan.Day}, {Money: core.Money{Minor: 400_00, Currency: "usd"}, Per: plan.Month},
	}}
	b, out := watched(t, plan.Rules{TopUp: &rule, Alerts: &plan.Alerts{Low: []core.Amount{100_00}, Expiring: []int64{3600}}})
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		c := &chance{bench: b, account: ledger.AccountKey{Customer: fmt.Sprint("c", n), Unit: "credits"}, out: out, declined: map[core.ID]bool{}, resolved: map[core.ID]bool{}}
		b.customer(c.account.Customer)
		for i := range rapid.IntRange(5, 20).Draw(r, "steps") {
			c.step(r, fmt.Sprint(n, "/", i))
			if waiting := len(c.asked()) - len(c.resolved); waiting > 1 {
				r.Fatalf("%d top-ups are waited for", waiting)
			}
		}
		c.check(r)
	})
	b.clean()
}

// chance is one customer to whom anything may happen.
type chance struct {
	*bench
	account  ledger.AccountKey
	out      *sales
	declined map[core.ID]bool
	resolved map[core.ID]bool // paid or declined
}

func (c *chance) asked() (list []sale.Purchase) {
	for _, p := range c.out.asked() {
		if p.Customer == c.account.Customer {
			list = append(list, p)
		}
	}
	return list
}

func (c *chance) step(r *rapid.T, key string) {
	amount := core.Amount(rapid.IntRange(1, 300_00).Draw(r, "amount"))
	charge, list := ledger.Charge{Account: c.account, Amount: amount}, c.asked()
	switch what := rapid.IntRange(0, 7).Draw(r, "what"); {
	case what == 0:
		_, _, err := c.Issue(c.ctx, key, c.account, core.Terms{
			Amount: amount, Category: core.Paid, Expires: c.Now() + hour*core.Time(rapid.IntRange(1, 30).Draw(r, "life")),
		})
		c.need(err)
	case what == 1:
		c.clock.Add(int64(hour) * int64(rapid.IntRange(0, 40).Draw(r, "quarters")) / 4)
		_, _, err := c.Sweep(c.ctx, 1000)
		c.need(err)
	case what == 2 && len(list) > 0:
		if p := list[len(list)-1]; c.fail(p) {
			c.declined[p.ID], c.resolved[p.ID] = true, true
		}
	case what == 3 && len(list) > 0: // a declined one may be paid after all
		p := list[rapid.IntRange(0, len(list)-1).Draw(r, "which")]
		_, _, err := c.pay(p, payment(p, string("in_"+p.ID)))
		c.need(err)
		c.resolved[p.ID] = true
	case what == 4:
		_, _, _ = c.Hold(c.ctx, key, charge, ledger.HoldTerms{For: time.Hour})
	default:
		_, _, _ = c.Debit(c.ctx, key, charge) // refused when there is not enough
	}
}

func (c *chance) check(r *rapid.T) {
	perDay := map[core.Time]int{}
	for _, p := range c.asked() {
		if !c.declined[p.ID] {
			perDay[p.Created/(24*hour)]++
		}
		if n := perDay[p.Created/(24*hour)]; n > 2 {
			r.Fatalf("%d top-ups on one day", n)
		}
	}
	state := map[string]bool{} // by threshold, whether it is low
	list, err := c.Notices(c.ctx, c.account, 0, 1000)
	c.need(err)
	for _, n := range list {
		at := n.Facts["threshold"]
		switch n.Type {
		case plan.LowNotice, plan.ExhaustedNotice, plan.RestoredNotice:
			if state[at] == (n.Type != plan.RestoredNotice) {
				r.Fatalf("told %s of %s twice in a row", n.Type, at)
			}
			state[at] = !state[at]
		}
	}
}
