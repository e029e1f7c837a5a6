package stripe_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/speccheck"
)

func instant(t *testing.T, text string) core.Time {
	t.Helper()
	at, err := core.ParseTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// drawn is what two months leave at the vendor.
type drawn struct{ january, trued, february string }

// Stripe draws promotional before paid, and what never expires last; an order
// that is not confirmed, and drafts that wait for nothing, change what each
// grant gives. After the true-up every one holds what the core says again.
var (
	documented = drawn{
		"ever 100 of 100, gift 0 of 500, pack 7700 of 8000",
		"ever 100 of 100, gift 0 of 500, gift 500 of 500, pack 7200 of 7200",
		"ever 100 of 100, gift 0 of 500, gift 389 of 500, pack 7200 of 7200",
	}
	unlike = map[string]drawn{
		"never_expiring_first": {
			"ever 0 of 100, gift 0 of 500, pack 7800 of 8000",
			"ever 0 of 100, ever 100 of 100, gift 0 of 500, gift 500 of 500, pack 7200 of 7200",
			"ever 0 of 100, ever 0 of 100, gift 0 of 500, gift 489 of 500, pack 7200 of 7200",
		},
		"drafts_finalize_at_once": { // what is told late is billed by nobody
			"ever 100 of 100, gift 0 of 500, pack 7750 of 8000",
			"ever 100 of 100, gift 0 of 500, gift 500 of 500, pack 7200 of 7200",
			"ever 100 of 100, gift 0 of 500, gift 389 of 500, pack 7200 of 7200",
		},
		"all": {
			"ever 0 of 100, gift 0 of 500, pack 7850 of 8000",
			"ever 0 of 100, ever 100 of 100, gift 0 of 500, gift 500 of 500, pack 7200 of 7200",
			"ever 0 of 100, ever 0 of 100, gift 0 of 500, gift 489 of 500, pack 7200 of 7200",
		},
	}
)

// TestMonths lives through two months of a customer: consumption is told, the
// period ends, its invoice is final, the vendor draws, the rest is trued up.
func TestMonths(t *testing.T) {
	var known struct{ Variants []struct{ Name string } }
	if err := json.Unmarshal(open(t, "2026-01-10T12:00:00Z").raw("GET", "/_sandbox/variant", ""), &known); err != nil || len(known.Variants) < 10 {
		t.Fatalf("the variants: %v, %v", known, err)
	}
	cases := map[string][]string{"none": nil, "all": nil}
	for _, v := range known.Variants {
		cases[v.Name] = []string{v.Name}
		cases["all"] = append(cases["all"], v.Name)
	}
	for name, variants := range cases {
		t.Run(name, func(t *testing.T) {
			want, special := unlike[name]
			if !special {
				want = documented
			}
			d := open(t, "2026-01-10T12:00:00Z", variants...)
			months(d, want, strings.Contains(strings.Join(variants, " "), "drafts_finalize_at_once"))
			if name == "none" {
				documents(d)
			}
		})
	}
}

func months(d *desk, want drawn, atOnce bool) {
	t, summer := d.t, instant(d.t, "2026-06-30T00:00:00Z")
	same := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", what, got, want)
		}
	}
	d.keep(d.carrier(1))
	pack, gift, ever := lot{"pack", core.Paid, summer, 8000}, lot{"gift", core.Promotional, summer, 500}, lot{"ever", core.Paid, core.Never, 100}
	for _, l := range []lot{pack, gift, ever} {
		d.grant(0, l, l.minor)
	}
	d.tell(1, 300, instant(t, "2026-01-10T12:00:00Z")) // the second in which the carrier was made
	d.clock("2026-01-31T23:59:00Z")
	d.tell(2, 450, instant(t, "2026-01-31T23:59:00Z"))
	same("before the period's end", d.left(), "ever 100 of 100, gift 500 of 500, pack 8000 of 8000")
	d.clock("2026-02-01T00:10:00Z")
	d.tell(3, 50, instant(t, "2026-01-31T23:59:59Z")) // told late
	d.tell(4, 111, d.now)                             // of the new period
	if !atOnce {
		same("while the invoice is a draft", d.left()+"; "+d.finals(), "ever 100 of 100, gift 500 of 500, pack 8000 of 8000; ")
	}
	d.clock("2026-02-01T02:00:00Z")
	same("after the invoice is final", d.left(), want.january)
	same("the events", d.finals(), "invoice.finalized until 2026-02-01T00:00:00Z by true")
	same("the invoices", d.invoices(), "create paid 0, cycle paid 0")
	same("consumption", fmt.Sprint(d.used("2026-01-10T12:00:00Z", "2026-02-01T00:00:00Z"), d.used("2026-02-01T00:00:00Z", "2026-02-01T03:00:00Z")), "800 111")

	trueUp(d, map[string]core.Amount{"gift": 500, "pack": 7200, "ever": 100}, pack, gift, ever)
	same("after the true-up", d.left(), want.trued)
	d.raw("POST", "/v1/billing/meter_events", "event_name=scrip_overage&identifier=over&payload[value]=40&payload[stripe_customer_id]="+d.customer)
	d.clock("2026-03-01T02:00:00Z")
	same("a month later", d.left(), want.february)
	same("the invoices", d.invoices(), "create paid 0, cycle paid 0, cycle paid 40") // grants never pay for overage
	same("the events", d.finals(), "invoice.finalized until 2026-02-01T00:00:00Z by true, invoice.finalized until 2026-03-01T00:00:00Z by true")
}

// used reads a sum of consumption; the first read of some variants lags.
func (d *desk) used(from, to string) int64 {
	d.t.Helper()
	q := adapters.UsageQuery{Customer: d.customer, From: instant(d.t, from), To: instant(d.t, to), Links: d.links}
	if _, err := d.port.Usage(d.t.Context(), q); err != nil {
		d.t.Fatal(err)
	}
	n, err := d.port.Usage(d.t.Context(), q)
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// trueUp ends what differs from the core and makes it again, as the sync does.
// Each order is sent twice: a repeat changes nothing.
func trueUp(d *desk, want map[string]core.Amount, lots ...lot) {
	d.t.Helper()
	byName := map[string]lot{}
	for _, l := range lots {
		byName[l.name] = l
	}
	for _, g := range d.grants() {
		rest := want[g.Neutral]
		if g.Remaining.Minor == rest {
			continue
		}
		for range 2 {
			if g.Remaining.Minor > 0 {
				d.keep(d.port.EndGrant(d.t.Context(), adapters.EndOrder{
					Mark: d.mark("end", 0, g.Neutral), Grant: core.ID(g.Neutral), Consumed: 1, TrueUp: true, Holding: g.Left,
					Links: adapters.Links{{Neutral: g.Neutral, Role: adapters.RoleGrant, Vendor: g.ID}},
				}))
			}
			d.grant(1, byName[g.Neutral], rest)
		}
	}
}

// documents holds the calls of a desk against the vendor's own documents.
func documents(d *desk) {
	older, set := speccheck.Material("specs/stripe-2024-04-10.json")
	if !set {
		return // the suite of conformance says so
	}
	newer, _ := speccheck.Material("specs/stripe.json")
	checked := 0
	for prefix, file := range map[string]string{"/v1/billing/credit_": newer, "/v1/": older} {
		spec, err := speccheck.Load(file)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, x := range d.recorder.Exchanges() {
			if credit := strings.Contains(x.URL, "/v1/billing/credit_"); !strings.Contains(x.URL, "/v1/") || credit != (file == newer) {
				continue
			}
			checked++
			for _, violation := range spec.Check(x) {
				d.t.Errorf("%s: %s\n  %s\n  %.300s", prefix, violation, x.Body, x.Reply)
			}
		}
	}
	if checked < 40 {
		d.t.Errorf("only %d exchanges were checked", checked)
	}
}
