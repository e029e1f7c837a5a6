package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/reconcile"
)

// street is a town in which two customers have bought and consumed, and
// everything was carried.
type street struct {
	*town
	paid, gift core.ID
	usage      string // what the vendor calls acme's window
}

func newStreet(t *testing.T) *street {
	t.Helper()
	x := &street{town: newTown(t)}
	x.customer("acme")
	x.customer("globex")
	x.paid = x.grant("acme", "paid", 1000_00, core.Terms{})
	x.gift = x.grant("acme", "gift", 60_33, core.Terms{Category: core.Promotional, Priority: 10, Expires: x.clock.Now().Add(40 * 24 * time.Hour)})
	x.grant("globex", "paid", 500_00, core.Terms{})
	x.grant("globex", "crumb", 1, core.Terms{}) // less than a cent: all residual
	x.debit("acme", "d1", 100_07)
	x.debit("globex", "d2", 1_99)
	x.settle()
	key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	x.usage = x.link(mapping.WindowID("main", key, 1), adapters.RoleUsage)
	return x
}

func (x *street) vendorGrant(id core.ID) string { return x.link(string(id), adapters.RoleGrant) }

// RC-01.
func TestInStep(t *testing.T) {
	x := newStreet(t)
	r := x.compare()
	expect(t, r, "", "")
	if c := r.Counts; c.Customers != 2 || c.VendorCustomers != 2 || c.Foreign != 0 || c.Grants != 3 || c.Kept != 1 {
		t.Errorf("counts %+v", c)
	}
	if len(r.NotComparable) == 0 || r.Queues != (reconcile.Queues{}) {
		t.Errorf("not comparable %+v, queues %+v", r.NotComparable, r.Queues)
	}
	// Each grant's end and each reversal keeps both sides in step.
	if _, _, err := x.led.Void(t.Context(), "void", x.paid); err != nil {
		t.Fatal(err)
	}
	x.settle()
	expect(t, x.compare(), "", "")
	x.advance(41 * 24 * time.Hour)
	x.settle()
	expect(t, x.compare(), "", "")
	// A vendor may leave out of its list what has ended.
	x.mutate("grant", x.vendorGrant(x.gift), "delete", nil)
	x.mutate("grant", x.vendorGrant(x.paid), "delete", nil)
	expect(t, x.compare(), "", "")
}

// TestDrift changes the vendor's side in each way and wants that named, and
// nothing else.
// RC-02.
func TestDrift(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(x *street)
		want   string
	}{
		{"customer deleted", func(x *street) { x.mutate("customer", x.link("acme", adapters.RoleCustomer), "delete", nil) }, "acme/customer/missing_at_vendor"},
		{"customer twice", func(x *street) { x.mutate("customer", x.link("acme", adapters.RoleCustomer), "duplicate", nil) }, "acme/customer/duplicate"},
		{"customer unmarked", func(x *street) {
			x.mutate("customer", x.link("acme", adapters.RoleCustomer), "set", map[string]any{"metadata": map[string]string{"external_id": ""}})
		}, "acme/customer/mark_lost"},
		{"grant deleted", func(x *street) { x.mutate("grant", x.vendorGrant(x.paid), "delete", nil) }, "acme/grant/missing_at_vendor"},
		{"grant twice", func(x *street) { x.mutate("grant", x.vendorGrant(x.paid), "duplicate", nil) }, "acme/grant/duplicate"},
		{"grant of another amount", func(x *street) { x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"value": 7999}) }, "acme/grant/amount"},
		{"grant used up", func(x *street) { x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"remaining": 0}) }, "acme/grants usd/remaining"},
		{"grant grown", func(x *street) { x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"remaining": 8001}) }, "acme/grant/remaining"},
		{"grant ends early", func(x *street) {
			x.mutate("grant", x.vendorGrant(x.gift), "set", map[string]any{"expires_at": x.clock.Now().Add(time.Hour).Std().Unix()})
		}, "acme/grant/expiry"},
		{"grant ends never", func(x *street) { x.mutate("grant", x.vendorGrant(x.gift), "set", map[string]any{"expires_at": nil}) }, "acme/grant/expiry"},
		{"grant ends at all", func(x *street) {
			x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"expires_at": x.clock.Now().Std().AddDate(90, 0, 0).Unix()})
		}, "acme/grant/expiry"},
		{"grant voided", func(x *street) {
			x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"voided_at": x.clock.Now().Std().Unix()})
		}, "acme/grant/state"},
		{"priority", func(x *street) { x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"priority": 1}) }, "acme/grant/priority"},
		{"category", func(x *street) { x.mutate("grant", x.vendorGrant(x.gift), "set", map[string]any{"category": "paid"}) }, "acme/grant/category"},
		{"grant unmarked", func(x *street) {
			x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"metadata": map[string]string{"scrip_grant": ""}})
		}, "acme/grant/mark_lost"},
		{"stranger's mark", func(x *street) {
			x.mutate("grant", x.vendorGrant(x.paid), "duplicate", nil)
			x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"metadata": map[string]string{"scrip_grant": "grn_nobody"}})
		}, "acme/grant/unlinked, acme/grant/extra_at_vendor"},
		{"consumption lost", func(x *street) { x.mutate("meter_event", x.usage, "delete", nil) }, "acme/consumption usd/consumption"},
		{"consumption twice", func(x *street) { x.mutate("meter_event", x.usage, "duplicate", nil) }, "acme/consumption usd/consumption"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newStreet(t)
			c.change(x)
			r := x.compare()
			got := strings.Split(short(r.Findings), ", ")
			for _, w := range strings.Split(c.want, ", ") {
				if !strings.Contains(short(r.Findings), w) {
					t.Errorf("no %s in %+v", w, r.Findings)
				}
			}
			if len(got) != len(strings.Split(c.want, ", ")) || len(r.InFlight) != 0 {
				t.Errorf("findings %+v, in flight %+v", r.Findings, r.InFlight)
			}
			for _, f := range r.Findings {
				if f.ID == "" || f.Customer != "acme" {
					t.Errorf("finding %+v", f)
				}
			}
			one := x.options()
			if one.Customer = "globex"; true {
				other, err := reconcile.Run(t.Context(), one)
				if err != nil || !other.Agrees() {
					t.Errorf("globex: %+v, %v", other, err)
				}
			}
		})
	}
}

// TestForeign leaves alone what other software keeps at the vendor.
func TestForeign(t *testing.T) {
	x := newStreet(t)
	x.mutate("customer", x.link("acme", adapters.RoleCustomer), "duplicate", nil)
	duplicate := x.compare().Findings[0].VendorObject
	x.mutate("customer", duplicate, "set", map[string]any{"metadata": map[string]string{"external_id": ""}})
	r := x.compare()
	expect(t, r, "", "")
	if r.Counts.Foreign != 1 || r.Counts.VendorCustomers != 3 {
		t.Errorf("counts %+v", r.Counts)
	}
	x.mutate("customer", duplicate, "set", map[string]any{"metadata": map[string]string{"external_id": "initech"}})
	expect(t, x.compare(), "initech/customer/extra_at_vendor", "")
}

// TestOpenWindow: what waits for its window is in flight, and hides nothing else.
func TestOpenWindow(t *testing.T) {
	x := newStreet(t)
	x.debit("acme", "d3", 5_00)
	r := x.compare()
	expect(t, r, "", "acme/window usd/consumption")
	if r.Queues.Open != 1 || r.InFlight[0].Ours != "8.40 usd" || r.InFlight[0].Vendors != "8.00 usd" {
		t.Errorf("%+v, %+v", r.Queues, r.InFlight)
	}
	x.mutate("meter_event", x.usage, "delete", nil)
	expect(t, x.compare(), "acme/consumption usd/consumption", "acme/window usd/consumption")
	x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"remaining": 0})
	expect(t, x.compare(), "acme/consumption usd/consumption, acme/grants usd/remaining", "acme/window usd/consumption")
	// The end of a grant is told after the window.
	if _, _, err := x.led.Void(t.Context(), "void", x.gift); err != nil {
		t.Fatal(err)
	}
	expect(t, x.compare(), "acme/consumption usd/consumption", "acme/grant/state, acme/grants usd/remaining, acme/window usd/consumption")
}

// noOrders is a queue in which no order can be found.
type noOrders struct{ ledger.QueueReader }

func (noOrders) Intent(context.Context, core.ID) (*ledger.Intent, error) { return nil, nil }

// TestLostWindow: an open window that no order will ever tell is a difference.
func TestLostWindow(t *testing.T) {
	x := newStreet(t)
	x.debit("acme", "d3", 5_00)
	o := x.options()
	o.Reader.Queues = noOrders{o.Reader.Queues}
	r, err := reconcile.Run(t.Context(), o)
	x.must(err)
	if got := short(r.Findings); !strings.Contains(got, "acme/window usd/consumption") {
		t.Errorf("findings %q: %+v", got, r.Findings)
	}
}

// TestSpentTwin: a grant that was used up at the vendor and made again there
// is none too many, and neither is a stranger that has ended.
func TestSpentTwin(t *testing.T) {
	x := newStreet(t)
	x.mutate("grant", x.vendorGrant(x.paid), "duplicate", nil)
	twin := x.compare().Findings[0].VendorObject
	x.mutate("grant", twin, "set", map[string]any{"remaining": 0})
	expect(t, x.compare(), "", "")
	x.mutate("grant", twin, "set", map[string]any{"metadata": map[string]string{"scrip_grant": "grn_nobody"}})
	expect(t, x.compare(), "acme/grant/extra_at_vendor", "")
	x.mutate("grant", twin, "set", map[string]any{"voided_at": x.clock.Now().Std().Unix()})
	expect(t, x.compare(), "", "")
}

// TestMeanwhile: what changes, or is settled, while both sides are read is in
// flight and no drift.
// RC-03.
func TestMeanwhile(t *testing.T) {
	x := newStreet(t)
	x.mutate("grant", x.vendorGrant(x.paid), "delete", nil)
	during := func(do func()) *reconcile.Report {
		o := x.options()
		o.Progress = func(customers int) {
			if customers == 2 {
				do()
			}
		}
		r, err := reconcile.Run(t.Context(), o)
		x.must(err)
		return r
	}
	expect(t, during(func() {}), "acme/grant/missing_at_vendor", "")
	expect(t, during(func() { x.debit("acme", "d3", 1_00) }), "", "acme/grant/missing_at_vendor")
	x.settle()
	x.grant("acme", "more", 10_00, core.Terms{})
	expect(t, during(x.settle), "", "acme/grant/missing_at_vendor, acme/grant/missing_at_vendor")
	expect(t, during(func() {}), "acme/grant/missing_at_vendor", "")
}

// TestLostLink: the vendor's object is there and bears our id, but nothing on
// our side leads to it.
func TestLostLink(t *testing.T) {
	x := newStreet(t)
	l := ledger.Link{Connection: "main", Neutral: "acme", Role: adapters.RoleCustomer, Vendor: x.link("acme", adapters.RoleCustomer)}
	x.must(x.led.Do(t.Context(), &ledger.Op{
		Names:  func(b *ledger.Batch) { b.Links = append(b.Links, ledger.LinkKey{Connection: "main", Neutral: "acme"}) },
		Decide: func(tx *ledger.Tx) error { tx.Unlink(l); return nil },
	}))
	r := x.compare()
	expect(t, r, "acme/customer/unlinked", "")
	if r.Findings[0].Vendors != l.Vendor {
		t.Errorf("%+v", r.Findings[0])
	}
}

// TestOffRoute: a connection that the route does not name owes nothing but to
// the accounts that are told there.
func TestOffRoute(t *testing.T) {
	x := newStreet(t)
	x.led.Close()
	x.wire(mapping.Route{})
	x.customer("initech")
	x.route = mapping.Route{Primary: "other"}
	expect(t, x.compare(), "", "")
	x.mutate("customer", x.link("acme", adapters.RoleCustomer), "delete", nil)
	expect(t, x.compare(), "acme/customer/missing_at_vendor", "")
	x.move((*core.Account).Leave, (*mapping.Outward).Withdraw)
	expect(t, x.compare(), "", "")
}

// TestOnTheWay: while an order waits or is parked, its customer's differences
// are in flight.
func TestOnTheWay(t *testing.T) {
	x := newStreet(t)
	x.customer("initech")
	id := x.grant("initech", "paid", 10_00, core.Terms{})
	expect(t, x.compare(), "", "initech/customer/missing_at_vendor")
	x.settle()
	expect(t, x.compare(), "", "")
	x.mutate("grant", x.vendorGrant(x.paid), "delete", nil)
	x.grant("acme", "more", 10_00, core.Terms{})
	expect(t, x.compare(), "", "acme/grant/missing_at_vendor, acme/grant/missing_at_vendor")
	intents, err := x.led.Reader().Queues.Intents(t.Context(), ledger.QueueFilter{State: ledger.Waiting, Limit: 10})
	if err != nil || len(intents) != 1 {
		t.Fatalf("%+v, %v", intents, err)
	}
	x.must(x.led.ParkIntent(t.Context(), intents[0].ID, "a test"))
	r := x.compare()
	expect(t, r, "", "acme/grant/missing_at_vendor, acme/grant/missing_at_vendor")
	if !strings.Contains(r.InFlight[0].Evidence, "parked") || r.Queues.Parked != 1 {
		t.Errorf("%+v, %+v", r.InFlight[0], r.Queues)
	}
	x.must(x.led.RetryIntent(t.Context(), intents[0].ID))
	x.settle()
	expect(t, x.compare(), "acme/grant/missing_at_vendor", "")
	x.vendorGrant(id)
}

// TestLag: what the vendor was told a moment ago may not be counted yet.
// RC-03, PA-11.
func TestLag(t *testing.T) {
	x := newTown(t)
	x.customer("acme")
	x.grant("acme", "paid", 100_00, core.Terms{})
	x.debit("acme", "d1", 10_00)
	x.advance(2 * time.Minute)
	x.must(x.out.Drain(t.Context()))
	key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	x.mutate("meter_event", x.link(mapping.WindowID("main", key, 1), adapters.RoleUsage), "delete", nil)
	expect(t, x.compare(), "", "acme/consumption usd/consumption")
	x.advance(2 * time.Minute)
	expect(t, x.compare(), "acme/consumption usd/consumption", "")
}

// TestMove: an account that joins later is given what is left, and what was
// consumed before is not the vendor's to count; one that is not told is said
// not to be compared.
func TestMove(t *testing.T) {
	x := newTown(t)
	x.led.Close()
	x.wire(mapping.Route{})
	x.customer("acme")
	early := x.grant("acme", "paid", 100_00, core.Terms{Priority: 5})
	x.grant("acme", "gone", 10_00, core.Terms{Priority: 1})
	x.grant("acme", "dust", 20, core.Terms{Actions: []string{"x"}}) // of which less than a cent will be left
	_, _, err := x.led.Debit(t.Context(), "d0", ledger.Charge{Account: ledger.AccountKey{Customer: "acme", Unit: "credits"}, Amount: 15, Action: "x"})
	x.must(err)
	x.debit("acme", "d1", 30_01)
	x.settle()
	x.led.Close()
	x.wire(x.route)
	x.debit("acme", "d2", 5_00)
	x.settle()
	expect(t, x.compare(), "acme/customer/missing_at_vendor", "")
	for i, d := range []core.Amount{0, 3_33, 4_44} { // it joins, leaves and joins again
		if d > 0 {
			x.move((*core.Account).Leave, (*mapping.Outward).Withdraw)
			x.debit("acme", fmt.Sprint("between", i), 1_01)
			x.settle()
			if r := x.compare(); !r.Agrees() || len(r.InFlight) > 0 || !strings.Contains(fmt.Sprint(r.NotComparable), "not told") {
				t.Errorf("after leaving: %+v", r)
			}
		}
		x.move((*core.Account).Join, (*mapping.Outward).Backfill)
		if d == 0 { // what was given is what was left, to the cent
			expect(t, x.compare(), "", "")
			x.mutate("grant", x.link(string(early), adapters.RoleGrant), "set", map[string]any{"value": 600})
			expect(t, x.compare(), "acme/grant/amount", "")
			x.mutate("grant", x.link(string(early), adapters.RoleGrant), "set", map[string]any{"value": 599})
		}
		x.grant("acme", fmt.Sprint("more", i), 50_00, core.Terms{})
		x.debit("acme", fmt.Sprint("first", i), 20_05)
		x.settle()
		x.debit("acme", fmt.Sprint("second", i), 5_01)
		expect(t, x.compare(), "", "acme/window usd/consumption")
		x.settle()
		expect(t, x.compare(), "", "")
	}
	// Partly consumed, it stood when the account left: it is still the one.
	x.mutate("grant", x.link(string(early), adapters.RoleGrant), "set", map[string]any{"value": 598})
	expect(t, x.compare(), "acme/grant/amount", "")
	x.mutate("grant", x.link(string(early), adapters.RoleGrant), "duplicate", map[string]any{})
	expect(t, x.compare(), "acme/grant/amount, acme/grant/duplicate", "")
}

// TestSameBytes: the same state gives the same report, in every format, and
// findings keep their ids while their figures change.
func TestSameBytes(t *testing.T) {
	x := newStreet(t)
	x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"value": 7999})
	x.mutate("customer", x.link("globex", adapters.RoleCustomer), "duplicate", nil)
	x.mutate("customer", x.link("globex", adapters.RoleCustomer), "duplicate", nil)
	first, second := x.compare(), x.compare()
	for _, format := range reconcile.Formats() {
		var a, b bytes.Buffer
		x.must(first.Write(&a, format))
		x.must(second.Write(&b, format))
		if a.String() != b.String() || !strings.Contains(a.String(), "duplicate") {
			t.Errorf("%s:\n%s\n%s", format, a.String(), b.String())
		}
	}
	if err := first.Write(&bytes.Buffer{}, "xml"); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("an unknown format: %v", err)
	}
	x.mutate("grant", x.vendorGrant(x.paid), "set", map[string]any{"value": 7998})
	third := x.compare()
	for i, f := range third.Findings {
		if f.ID != first.Findings[i].ID {
			t.Errorf("%s became %s", first.Findings[i].ID, f.ID)
		}
	}
	if a, b := first.Findings[0], third.Findings[0]; a.Difference != "-0.01" || b.Difference != "-0.02" {
		t.Errorf("differences %q, %q", a.Difference, b.Difference)
	}
}

func TestRefusals(t *testing.T) {
	x := newTown(t)
	o := x.options()
	o.Customer = "nobody"
	if _, err := reconcile.Run(t.Context(), o); core.CodeOf(err) != core.CodeUnknownCustomer {
		t.Errorf("unknown customer: %v", err)
	}
}

// TestTotals: a connection that only sells holds customers, and nothing else
// is claimed to agree.
func TestTotals(t *testing.T) {
	x := newTown(t)
	x.led.Close()
	x.conn.Strategy = adapters.Totals
	x.wire(x.route)
	x.customer("acme")
	x.grant("acme", "paid", 100_00, core.Terms{})
	x.debit("acme", "d1", 10_00)
	x.settle()
	r := x.compare()
	expect(t, r, "", "")
	if r.Counts.Grants != 0 || len(r.NotComparable) != 1 || r.NotComparable[0].Fact != "grants and consumption" {
		t.Errorf("%+v", r)
	}
	x.mutate("customer", x.link("acme", adapters.RoleCustomer), "delete", nil)
	expect(t, x.compare(), "acme/customer/missing_at_vendor", "")
}
