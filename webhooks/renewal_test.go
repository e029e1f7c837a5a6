package webhooks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/sale"
)

// subscribe gives acme a plan of 100.00 credits for 20 dollars a month, from
// 31 January on, granted when its payment is proven or at the boundary.
func (w *world) subscribe(onPayment bool, collect plan.Collect) {
	w.t.Helper()
	w.at("2026-01-31T10:00:00Z")
	_, _, err := w.led.PutCustomer(w.ctx, ledger.Customer{ID: "acme"})
	w.must(err)
	month := plan.Span{N: 1, Of: plan.Month}
	_, _, err = w.led.Subscribe(w.ctx, ledger.AccountKey{Customer: "acme", Unit: "credits"}, plan.Wish{Terms: plan.Terms{
		Plan: "pro", Every: month, Prices: []core.Money{{Minor: 2000, Currency: "usd"}}, Collect: collect,
		Allotments: []plan.Allotment{{Credits: 100_00, Every: month, OnPayment: onPayment, Priority: 50}},
	}})
	w.must(err)
}

func (w *world) at(date string) {
	w.t.Helper()
	at, err := core.ParseTime(date)
	w.must(err)
	w.nowTime.Store(int64(at))
}

// renewed is a paid invoice of the vendor's subscription.
func renewed(id, invoice, start string) wire {
	at, err := core.ParseTime(start)
	if err != nil {
		panic(err)
	}
	return wire{
		ID: id, Type: "invoice.paid", Kind: adapters.RenewalEvent, Object: invoice, Customer: "cus_1",
		Renewal: &sale.Renewal{Subscription: "sub_1", Start: at, Paid: core.Money{Minor: 2000, Currency: "usd"}, Settled: true},
	}
}

// grants counts what was granted, in credits.
func (w *world) grants() (list []string) {
	w.t.Helper()
	all, err := w.led.Reader().Accounts.Grants(w.ctx, ledger.AccountKey{Customer: "acme", Unit: "credits"}, 0, 100)
	w.must(err)
	for _, g := range all {
		list = append(list, fmt.Sprintf("%d from %s", g.Amount, g.Starts))
	}
	return list
}

// A vendor's renewal and our clock renew a period once between them, whichever
// is first, and however often, late and out of order it is told.
func TestRenewalsOfAVendor(t *testing.T) {
	const jan, feb, mar = "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z"
	type step struct {
		now, start, invoice string // an event of an invoice for the period from start; "" only the clock goes
	}
	for name, c := range map[string]struct {
		onPayment bool
		steps     []step
		states    string   // of the events, in order
		want      []string // grants
	}{
		"after our clock": {true, []step{{jan, jan, "in_1"}, {"2026-02-28T10:00:05Z", feb, "in_2"}}, "applied applied",
			[]string{"10000 from " + jan, "10000 from 2026-02-28T10:00:05Z"}},
		"before our clock": {true, []step{{jan, jan, "in_1"}, {"2026-02-28T09:59:58Z", feb, "in_2"}, {feb, "", ""}}, "applied applied",
			[]string{"10000 from " + jan, "10000 from " + feb}},
		"told twice": {true, []step{{jan, jan, "in_1"}, {jan, jan, "in_1"}, {feb, jan, "in_1"}, {feb, feb, "in_2"}, {feb, feb, "in_2"}}, "applied ignored ignored applied ignored",
			[]string{"10000 from " + jan, "10000 from " + feb}},
		"two invoices for a period": {true, []step{{jan, jan, "in_1"}, {jan, jan, "in_9"}}, "applied ignored", []string{"10000 from " + jan}},
		"out of order": {true, []step{{mar, mar, "in_3"}, {mar, jan, "in_1"}, {mar, feb, "in_2"}}, "applied ignored ignored",
			[]string{"10000 from " + mar}},
		"its clock is not ours": {true, []step{{jan, "2026-01-31T09:58:12Z", "in_1"}, {"2026-02-28T10:00:05Z", "2026-02-28T10:03:00Z", "in_2"}}, "applied applied",
			[]string{"10000 from " + jan, "10000 from 2026-02-28T10:00:05Z"}},
		"at the boundary, told before": {false, []step{{jan, jan, "in_1"}, {"2026-02-28T09:00:00Z", feb, "in_2"}, {feb, "", ""}}, "applied applied",
			[]string{"10000 from " + jan, "10000 from " + feb}},
		"at the boundary, told after": {false, []step{{jan, jan, "in_1"}, {feb, "", ""}, {"2026-02-28T11:00:00Z", feb, "in_2"}, {"2026-02-28T11:00:00Z", feb, "in_2"}}, "applied applied ignored",
			[]string{"10000 from " + jan, "10000 from " + feb}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.subscribe(c.onPayment, "")
			w.must(w.led.LinkOne(w.ctx, ledger.Link{Connection: "main", Neutral: "acme", Role: plan.VendorRole, Vendor: "sub_1"}))
			for i, s := range c.steps {
				w.at(s.now)
				if _, _, err := w.led.Sweep(w.ctx, 10); err != nil {
					t.Fatal(err)
				}
				if s.start != "" {
					w.deliver(renewed(fmt.Sprintf("evt_%d", i), s.invoice, s.start))
					w.drain()
				}
			}
			var states []string
			for _, e := range w.events() {
				states = append(states, string(e.State))
			}
			if got := strings.Join(states, " "); got != c.states {
				t.Errorf("events are %s, want %s", got, c.states)
			}
			if got := w.grants(); !slices.Equal(got, c.want) {
				t.Errorf("granted %v, want %v", got, c.want)
			}
		})
	}
}

// What proves nothing renews nothing, and says why.
func TestRenewalsThatProveNothing(t *testing.T) {
	for name, c := range map[string]struct {
		link    string
		collect plan.Collect
		change  func(*wire)
		state   ledger.QueueState
		reason  string
	}{
		"another price":         {"sub_1", "", func(x *wire) { x.Renewal.Paid.Minor++ }, ledger.Parked, "costs 20.00 usd"},
		"another currency":      {"sub_1", "", func(x *wire) { x.Renewal.Paid.Currency = "eur" }, ledger.Parked, "costs 20.00 usd"},
		"paid with credit":      {"sub_1", "", func(x *wire) { x.Renewal.Settled = false }, ledger.Parked, "with money"},
		"no start of a period":  {"sub_1", "", func(x *wire) { x.Renewal.Start = x.Renewal.Start.Add(300 * time.Hour) }, ledger.Parked, "start of no period"},
		"not signed":            {"sub_1", "", func(x *wire) { x.Hint = true }, ledger.Parked, "not signed"},
		"nothing told":          {"sub_1", "", func(x *wire) { x.Renewal = nil }, ledger.Ignored, "not told"},
		"another's":             {"sub_2", "", func(*wire) {}, ledger.Ignored, "linked to no subscription"},
		"another's, by vendor":  {"sub_2", plan.ByVendor, func(*wire) {}, ledger.Ignored, "collected by another"},
		"of nobody":             {"sub_2", plan.ByVendor, func(x *wire) { x.Customer = "cus_2" }, ledger.Ignored, "no customer of ours"},
		"of a carrier":          {"sub_2", plan.ByVendor, func(x *wire) { x.Renewal.Subscription = "sub_3" }, ledger.Ignored, "bills consumption"},
		"an odd name, by link":  {"sub_1", "", func(x *wire) { x.Neutral = "a\x00b"; x.Renewal.Paid.Minor-- }, ledger.Parked, "costs 20.00 usd"},
		"not linked, collected": {"", plan.ByVendor, func(*wire) {}, ledger.Waiting, "none is linked yet"},
		"names one without":     {"", "", func(x *wire) { x.Neutral = "nobody" }, ledger.Waiting, "no subscription here yet"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.subscribe(true, c.collect)
			w.link("acme", adapters.RoleCustomer, "cus_1")
			w.link("acme", adapters.RoleCarrier, "sub_3")
			if c.link != "" {
				w.must(w.led.LinkOne(w.ctx, ledger.Link{Connection: "main", Neutral: "acme", Role: plan.VendorRole, Vendor: c.link}))
			}
			x := renewed("evt_1", "in_1", "2026-01-31T10:00:00Z")
			c.change(&x)
			w.deliver(x)
			w.pass()
			if e := w.last(); e.State != c.state || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("%s: %q, want %s: %q", e.State, e.Reason, c.state, c.reason)
			}
			if got := w.grants(); len(got) > 0 {
				t.Errorf("granted %v", got)
			}
		})
	}
}

// An event that comes before the subscription here, or before its link, waits
// for it and is applied then.
func TestRenewalWaitsForItsSubscription(t *testing.T) {
	w := newWorld(t)
	x := renewed("evt_1", "in_1", "2026-01-31T10:00:00Z")
	x.Neutral = "acme"
	w.at("2026-01-31T10:00:00Z")
	w.deliver(x)
	w.pass()
	w.subscribe(true, plan.ByVendor)
	w.link("acme", adapters.RoleCustomer, "cus_1")
	w.drain()
	w.at("2026-02-28T10:00:01Z")
	w.deliver(renewed("evt_2", "in_2", "2026-02-28T10:00:00Z")) // names nobody
	w.pass()
	if e := w.events()[1]; e.State != ledger.Waiting {
		t.Fatalf("without a link it is %s: %s", e.State, e.Reason)
	}
	w.must(w.led.LinkOne(w.ctx, ledger.Link{Connection: "main", Neutral: "acme", Role: plan.VendorRole, Vendor: "sub_1"}))
	w.drain()
	if got := w.grants(); len(got) != 2 {
		t.Errorf("granted %v", got)
	}
	for _, e := range w.events() {
		if e.State != ledger.Applied {
			t.Errorf("%s is %s: %s", e.VendorID, e.State, e.Reason)
		}
	}
	if err := w.led.LinkOne(w.ctx, ledger.Link{Connection: "main", Neutral: "ben", Role: plan.VendorRole, Vendor: "sub_1"}); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("one subscription of two customers: %v", err)
	}
}
