package mapping

import (
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

var credits = core.Unit{Code: "credits", Scale: 2}

func outward(t *testing.T, route Route) *Outward {
	t.Helper()
	rate := price(t, "0.08 usd")
	o, err := NewOutward(route, []Connection{
		{Name: "main", Strategy: adapters.Meter, Rate: rate, Window: time.Minute},
		{Name: "next", Strategy: adapters.Mirror, Rate: rate, Window: time.Minute},
		{Name: "till", Strategy: adapters.Totals},
	}, []core.Unit{credits})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func summary(intents []*ledger.Intent) (list []string) {
	for _, i := range intents {
		list = append(list, i.Kind+"@"+i.Connection)
	}
	return list
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: got %v, want %v", what, got, want)
		}
	}
}

func TestNewOutwardRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		route Route
		conns []Connection
	}{
		"unknown connection": {Route{Primary: "x"}, nil},
		"unknown shadow":     {Route{Shadow: []string{"x"}}, nil},
		"no rate":            {Route{Primary: "x"}, []Connection{{Name: "x", Strategy: adapters.Meter}}},
	} {
		if _, err := NewOutward(c.route, c.conns, []core.Unit{credits}); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: %v, want an invalid error", name, err)
		}
	}
	money := []core.Unit{{Code: "usd", Scale: 6}}
	if _, err := NewOutward(Route{Primary: "x"}, []Connection{{Name: "x", Strategy: adapters.Meter}}, money); err != nil {
		t.Errorf("money needs no rate: %v", err)
	}
}

func TestOnCustomer(t *testing.T) {
	o := outward(t, Route{Primary: "main", Payments: "till", Shadow: []string{"next", "main"}})
	a := ledger.Customer{ID: "acme", Name: "Acme", Created: 5, Version: 1}
	first := o.OnCustomer(5, a)
	equal(t, "new customer", summary(first), "customer@main", "customer@next", "customer@till")
	b := a
	b.Name, b.Version = "Acme Ltd", 2
	again := a
	again.Version = 3
	ids := map[core.ID]bool{}
	for _, c := range []ledger.Customer{a, b, again} {
		for _, i := range o.OnCustomer(5, c) {
			ids[i.ID] = true
		}
	}
	if len(ids) != 9 {
		t.Errorf("three versions, the third like the first, make %d intents, want 9", len(ids))
	}
	if o.OnCustomer(5, a)[0].ID != first[0].ID {
		t.Error("deciding again makes another intent")
	}
	if body, err := DecodeBody(first[0].Body); err != nil || !body.New || body.Customer.Name != "Acme" {
		t.Errorf("the body says %+v, %v", body, err)
	}
}

func TestOnPurchase(t *testing.T) {
	o := outward(t, Route{Primary: "main", Payments: "till"})
	p := sale.Purchase{ID: "pur_x", Customer: "acme", Pack: "starter", Unit: "credits", Credits: 100000}
	got := o.OnPurchase(1, p)
	equal(t, "default", summary(got), "sell@till")
	if body, _ := DecodeBody(got[0].Body); body.Text != "1000.00 credits (starter)" {
		t.Errorf("text %q", body.Text)
	}
	p.Connection = "main"
	equal(t, "named", summary(o.OnPurchase(1, p)), "sell@main")
	p.Connection = "elsewhere"
	equal(t, "not of the route", summary(o.OnPurchase(1, p)))
}

func account(t *testing.T) *core.Account {
	t.Helper()
	return &core.Account{Customer: "acme", Unit: credits, Order: core.DefaultOrder()}
}

func issue(t *testing.T, a *core.Account, id core.ID, amount core.Amount, expires, now core.Time) {
	t.Helper()
	terms := core.Terms{ID: id, Amount: amount, Category: core.Paid, Priority: 50, Starts: now, Expires: expires}
	if _, err := a.Issue(terms, now); err != nil {
		t.Fatal(err)
	}
}

// tell gives the entries made since the last call to o.
func tell(o *Outward, a *core.Account, now core.Time, from *int) []*ledger.Intent {
	made := a.Entries[*from:]
	*from = len(a.Entries)
	return o.OnEntries(now, a, made)
}

func TestOnEntries(t *testing.T) {
	o, a, from := outward(t, Route{Primary: "main", Payments: "till"}), account(t), 0
	minute := core.Time(0).Add(time.Minute)
	issue(t, a, "grn_a", 1000, core.Never, 10)
	got := tell(o, a, 10, &from)
	equal(t, "grant", summary(got), "grant@main")
	if b, _ := DecodeBody(got[0].Body); b.Grant.Value != (core.Money{Minor: 80, Currency: "usd"}) || b.Grant.Original != 1000 {
		t.Errorf("grant told as %+v", b.Grant)
	}
	taken, err := a.Debit("deb_1", 300, "", 20, nil)
	if err != nil {
		t.Fatal(err)
	}
	got = tell(o, a, 20, &from)
	equal(t, "first debit", summary(got), "consume@main")
	if got[0].Due != 20+minute || got[0].Ref == "" {
		t.Errorf("window due at %d, about %q", got[0].Due, got[0].Ref)
	}
	if _, err := a.Debit("deb_2", 100, "", 30, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "debit inside the window", summary(tell(o, a, 30, &from)))
	if _, err := a.Reverse("rev_1", taken, 0, 100, 40); err != nil {
		t.Fatal(err)
	}
	equal(t, "reversal inside the window", summary(tell(o, a, 40, &from)))
	a.CloseWindow("main")
	if _, err := a.Reverse("rev_2", taken, 100, 100, 50); err != nil {
		t.Fatal(err)
	}
	got = tell(o, a, 50, &from)
	equal(t, "reversal without a window", summary(got), "consume@main")
	if got[0].Due != 50 {
		t.Errorf("a reversal is told at %d, want at once", got[0].Due)
	}
	if a.Windows[0].Number != 2 || a.Windows[0].Told != 300 {
		t.Errorf("window %+v", a.Windows[0])
	}
	if _, err := a.Void("grn_a", 60); err != nil {
		t.Fatal(err)
	}
	got = tell(o, a, 60, &from)
	equal(t, "void", summary(got), "end@main")
	if b, _ := DecodeBody(got[0].Body); b.End.Consumed != 200 {
		t.Errorf("end told as %+v", b.End)
	}
}

// TestEndWaits: a grant is not withdrawn while a hold may still capture from
// it, nor before the open window has been told.
func TestEndWaits(t *testing.T) {
	o, a, from := outward(t, Route{Primary: "main"}), account(t), 0
	minute := core.Time(0).Add(time.Minute)
	issue(t, a, "grn_a", 1000, core.Never, 10)
	if _, err := a.Reserve(core.Hold{ID: "hld_1", Amount: 400, Expires: 10 + 2*minute}, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Debit("deb_1", 100, "", 10, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "made", summary(tell(o, a, 10, &from)), "grant@main", "consume@main")
	if _, err := a.Void("grn_a", 20); err != nil {
		t.Fatal(err)
	}
	equal(t, "void with a part held", summary(tell(o, a, 20, &from)))
	if _, err := a.Capture(core.Capture{ID: "deb_2", Hold: "hld_1", Amount: 400, Final: true}, 30); err != nil {
		t.Fatal(err)
	}
	got := tell(o, a, 30, &from)
	equal(t, "captured", summary(got), "end@main")
	if got[0].Due != 10+minute {
		t.Errorf("the end is due at %d, want with the window at %d", got[0].Due, 10+minute)
	}
}

func TestBelowQuantumStaysInTheCore(t *testing.T) {
	o, a, from := outward(t, Route{Primary: "main"}), account(t), 0
	issue(t, a, "grn_a", 12, core.Never, 10) // 0.96 of a cent
	equal(t, "tiny grant", summary(tell(o, a, 10, &from)))
}

// TestNewConnectionBillsNoPast: what was consumed before a connection joined
// is not told to it.
func TestNewConnectionBillsNoPast(t *testing.T) {
	a := account(t)
	issue(t, a, "grn_a", 1000, core.Never, 10)
	if _, err := a.Debit("deb_1", 500, "", 20, nil); err != nil {
		t.Fatal(err)
	}
	o, from := outward(t, Route{Primary: "main", Shadow: []string{"next"}}), len(a.Entries)
	if got := o.OnEntries(20, a, a.Entries[1:]); len(got) != 0 {
		t.Errorf("an account that has not joined is told: %v", summary(got))
	}
	a.Join("main")
	a.Join("next")
	if _, err := a.Debit("deb_2", 100, "", 30, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "joined", summary(tell(o, a, 30, &from)), "consume@main", "consume@next")
	for _, w := range a.Windows {
		if w.Told != 500 {
			t.Errorf("%s begins at %d, want 500", w.Connection, w.Told)
		}
	}
}

// TestGivenBackBeforeTheEnd: what is given back to a grant that has ended is
// told before it is withdrawn, whatever comes after it in the same instant.
func TestGivenBackBeforeTheEnd(t *testing.T) {
	o, a, from := outward(t, Route{Primary: "next"}), account(t), 0
	issue(t, a, "grn_a", 1000, core.Never, 10)
	taken, err := a.Debit("deb_1", 400, "", 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	tell(o, a, 10, &from)
	if _, err := a.Void("grn_a", 20); err != nil {
		t.Fatal(err)
	}
	equal(t, "void", summary(tell(o, a, 20, &from)), "consume@next", "end@next")
	if _, err := a.Reverse("rev_1", taken, 0, 100, 30); err != nil {
		t.Fatal(err)
	}
	got := tell(o, a, 30, &from)
	equal(t, "given back to a void grant", summary(got), "consume@next", "end@next")
	window, _ := DecodeBody(got[0].Body)
	if c := window.Consume; c.Early == nil || c.Early.Consumed != 300 || got[0].Due != 30 || got[1].Due != 30 {
		t.Errorf("the window says %+v, due at %d, and the end is due at %d", c, got[0].Due, got[1].Due)
	}
	issue(t, a, "grn_b", 1000, core.Never, 30)
	equal(t, "a grant in the same instant", summary(tell(o, a, 30, &from)), "grant@next")
}

func TestWithdraw(t *testing.T) {
	for _, c := range []struct{ carry, ends, withdraws, left, over int64 }{
		{0, 5, 5, 0, 0}, {-3, 5, 2, 0, 3}, {-8, 5, 0, -3, 5}, {-8, 0, 0, -8, 0},
	} {
		b := Book{Carry: c.carry}
		if got := b.Withdraw(c.ends); got != c.withdraws || b.Carry != c.left || b.Over != c.over {
			t.Errorf("%d told too much, %d end: %d are withdrawn, leaving %+v", -c.carry, c.ends, got, b)
		}
	}
}

// TestHeldOfAnExpiredGrant: a hold keeps all of a grant that expires, so that no
// entry says it has ended. The vendor is told with whatever comes next.
func TestHeldOfAnExpiredGrant(t *testing.T) {
	o, a, from := outward(t, Route{Primary: "next"}), account(t), 0
	minute := core.Time(0).Add(time.Minute)
	issue(t, a, "grn_a", 1000, 5*minute, 10)
	if _, err := a.Reserve(core.Hold{ID: "hld_1", Amount: 1000, Expires: 100 * minute, Protect: true}, 10); err != nil {
		t.Fatal(err)
	}
	equal(t, "made", summary(tell(o, a, 10, &from)), "grant@next")
	issue(t, a, "grn_b", 700, core.Never, 6*minute)
	equal(t, "when the other is made", summary(tell(o, a, 6*minute, &from)), "grant@next", "end@next")
}

// TestSpentGrant: a vendor that chooses the lots is asked for what it may still
// hold of a grant that is spent here, unless it never expires.
func TestSpentGrant(t *testing.T) {
	o, a, from := outward(t, Route{Primary: "next"}), account(t), 0
	minute := core.Time(0).Add(time.Minute)
	issue(t, a, "grn_a", 1000, 500*minute, 10)
	issue(t, a, "grn_b", 1000, core.Never, 10)
	tell(o, a, 10, &from)
	if _, err := a.Debit("deb_1", 2000, "", 20, nil); err != nil {
		t.Fatal(err)
	}
	got := tell(o, a, 20, &from)
	equal(t, "spent", summary(got), "consume@next", "end@next")
	b, err := DecodeBody(got[1].Body)
	if err != nil || b.End.Grant != "grn_a" || !b.End.Spent || b.End.Holding.Quanta != 0 || got[1].Due != got[0].Due {
		t.Errorf("told %+v, due %s and %s, %v", b.End, got[0].Due, got[1].Due, err)
	}
}
