package ledger_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

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
	return newBench(t, nil, ledger.Options{Outward: out, Shop: ledger.Shop{
		Rules:     map[string]*plan.Rules{"credits": &rules},
		Packs:     map[string]sale.Pack{"small": {Name: "small", Unit: "credits", Credits: 500_00, Price: core.Money{Minor: 80_00, Currency: "usd"}, Months: 12}},
		Collector: "east",
	}}), out
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
	put := func(form string, s ledger.Settings) {
		t.Helper()
		s.Form = json.RawMessage(form)
		b.need(b.PutSettings(b.ctx, "ann", s))
	}
	off := below10()
	off.Off = true
	put(`{"a":1}`, ledger.Settings{TopUp: map[string]*plan.TopUp{"credits": off}, Notify: []string{plan.ExhaustedNotice}})
	b.give("start", 15_00)
	b.take("a", 10_00)
	if len(out.asked()) != 0 || len(b.notices()) != 0 {
		t.Fatal("what is off was done")
	}
	put(`{"a":2}`, ledger.Settings{TopUp: map[string]*plan.TopUp{"credits": {Pack: "small", Below: 20_00, To: 700_00}}})
	put(`{"a":2}`, ledger.Settings{})
	if list := out.asked(); len(list) != 1 || list[0].Quantity != 2 {
		t.Fatalf("asked for %+v", list)
	}
	put(`{"a":3}`, ledger.Settings{TopUp: map[string]*plan.TopUp{"credits": off}})
	put(`{"a":4}`, ledger.Settings{})
	b.take("c", 5_00)
	if len(out.asked()) != 1 {
		t.Fatal("a change of settings bought twice")
	}
	if raw, err := b.Settings(b.ctx, "ann"); err != nil || string(raw) != `{"a":4}` {
		t.Fatalf("settings are %s: %v", raw, err)
	}
	if err := b.PutSettings(b.ctx, "nobody", ledger.Settings{}); core.CodeOf(err) != core.CodeUnknownCustomer {
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
