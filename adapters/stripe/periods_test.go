package stripe_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/adapters"
	"scrip/adapters/stripe"
	"scrip/core"
)

// TestCarrierPeriods makes carriers at instants where months are difficult:
// every period but the first is a calendar month, and a grant that expires in
// one is told to end a day after it.
func TestCarrierPeriods(t *testing.T) {
	for from, ends := range map[string][]string{
		"2026-01-01T00:00:00Z": {"2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		"2026-01-01T00:00:01Z": {"2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		"2026-01-30T12:00:00Z": {"2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		"2026-01-31T23:59:59Z": {"2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		"2026-12-31T23:59:59Z": {"2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"},
		"2028-02-29T08:00:00Z": {"2028-03-01T00:00:00Z", "2028-04-01T00:00:00Z"},
	} {
		t.Run(from, func(t *testing.T) {
			d := open(t, from)
			d.keep(d.carrier(1))
			sub := d.links.One(adapters.RoleCarrier)
			start := d.now
			for _, text := range ends {
				got := d.list("/v1/subscriptions?customer=" + d.customer).Data
				end := instant(t, text)
				if len(got) != 1 || got[0].ID != sub || got[0].Start != start.Std().Unix() || got[0].End != end.Std().Unix() || got[0].Status != "active" {
					t.Fatalf("subscriptions %+v, want %s to last until %s", got, sub, text)
				}
				for _, expires := range []core.Time{start, start + (end-start)/2, end - 1} {
					if at := stripe.ExpiryAtVendor(expires); at != end.Add(24*time.Hour) {
						t.Errorf("what expires %s is told to end %s", expires, at)
					}
				}
				start = end
				d.clock(text)
			}
		})
	}
}

// A carrier is made once, however often it is asked for.
func TestCarrierOnce(t *testing.T) {
	one := func(t *testing.T, d *desk) {
		t.Helper()
		got := d.list("/v1/subscriptions?status=all&limit=100").Data
		if len(got) != 1 || got[0].ID != d.links.One(adapters.RoleCarrier) || got[0].Metadata["scrip_carrier"] != "cust_1" {
			t.Errorf("subscriptions %+v, linked is %s", got, d.links.One(adapters.RoleCarrier))
		}
	}
	t.Run("repeated", func(t *testing.T) {
		d := open(t, "2026-01-31T23:59:59Z")
		for n, at := range []string{"2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z", "2026-04-17T00:00:00Z"} {
			d.clock(at)
			d.keep(d.carrier(n)) // by other orders too
		}
		one(t, d)
	})
	t.Run("by several at once", func(t *testing.T) {
		d := open(t, "2026-01-10T12:00:00Z")
		p := pool.NewWithResults[adapters.Answer]().WithErrors()
		for range 8 {
			p.Go(func() (adapters.Answer, error) {
				for {
					got, err := d.carrier(1)
					if err == nil || !adapters.AsError(err).Retry() {
						return got, err
					}
				}
			})
		}
		got, err := p.Wait()
		for _, answer := range got {
			d.keep(answer, err)
			if fmt.Sprint(answer) != fmt.Sprint(got[0]) {
				t.Errorf("%v and %v", answer, got[0])
			}
		}
		one(t, d)
	})
	for kind, spec := range map[string]string{"reset": "", "malformed": "", "timeout_after": "", "status": `,"status":500`, "status_after": `,"status":502`} {
		t.Run("lost: "+kind, func(t *testing.T) {
			d := open(t, "2026-01-10T12:00:00Z")
			d.control("faults", fmt.Sprintf(`{"faults":[{"match":{"method":"POST","path":"/v1/subscriptions"},"kind":%q%s}]}`, kind, spec))
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			_, err := d.port.PutCarrier(ctx, adapters.CarrierOrder{Mark: d.mark("carrier", 1, "cust_1"), Links: d.links})
			cancel()
			if !adapters.AsError(err).Ambiguous() {
				t.Errorf("got %v, want an error that says nothing of the outcome", err)
			}
			d.keep(d.carrier(1))
			one(t, d)
		})
	}
}

// One that somebody cancelled is made again; the customer's other
// subscriptions are none of ours.
func TestCarrierAgain(t *testing.T) {
	d := open(t, "2026-01-10T12:00:00Z")
	d.raw("POST", "/v1/prices", "currency=usd&unit_amount=4900&product_data[name]=Pro&recurring[interval]=month&lookup_key=pro")
	d.raw("POST", "/v1/subscriptions", "customer="+d.customer+"&items[0][price]="+d.list("/v1/prices?lookup_keys[]=pro").Data[0].ID)
	d.keep(d.carrier(1))
	first := d.links.One(adapters.RoleCarrier)
	d.raw("DELETE", "/v1/subscriptions/"+first, "")
	got, err := d.carrier(2)
	if again := adapters.Links(got.Links).One(adapters.RoleCarrier); err != nil || again == first || again == "" {
		t.Errorf("got %v, %v, want another than %s", got, err, first)
	}
	if n := len(d.list("/v1/subscriptions").Data); n != 2 {
		t.Errorf("%d subscriptions run, want the plan and the carrier", n)
	}
}

// TestPreparedObjects looks at what a preparation leaves at the vendor: each
// thing once, among many that are not ours.
func TestPreparedObjects(t *testing.T) {
	d := open(t, "2026-01-10T12:00:00Z")
	for n := range 120 {
		d.raw("POST", "/v1/prices", fmt.Sprintf("currency=usd&unit_amount=%d&product=scrip_credits", n+1))
		d.raw("POST", "/v1/billing/meters", fmt.Sprintf("display_name=m&event_name=m%d&default_aggregation[formula]=sum", n))
	}
	again, err := d.port.Prepare(t.Context(), adapters.Setup{Currency: "usd", Create: true})
	if err != nil || len(again.Links) != 4 {
		t.Fatalf("%v, %v", again, err)
	}
	for _, l := range again.Links {
		if d.links.One(l.Role) != l.Vendor || l.Neutral != adapters.SetupNeutral {
			t.Errorf("prepared again %v, first %v", l, d.links)
		}
	}
	count := map[string]int{}
	for _, path := range []string{"/v1/billing/meters", "/v1/prices"} {
		after := ""
		for {
			got := d.list(path + "?limit=100" + after).Data
			for _, x := range got {
				count[path+" "+x.Name+x.Lookup]++
			}
			if len(got) < 100 {
				break
			}
			after = "&starting_after=" + got[0].ID
		}
	}
	for _, name := range []string{"scrip_credits", "scrip_overage"} {
		if m, p := count["/v1/billing/meters "+name], count["/v1/prices "+name]; m != 1 || p != 1 {
			t.Errorf("%s: %d meters and %d prices", name, m, p)
		}
	}
	if len(count) < 120 {
		t.Errorf("only %d names were listed", len(count))
	}
}
