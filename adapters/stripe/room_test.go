package stripe_test

import (
	"fmt"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

// A customer with a hundred unused grants is given no other, however the
// vendor words it, and is again when one of them has ended.
func TestNoRoomForAnotherGrant(t *testing.T) {
	for _, variants := range [][]string{nil, {"grant_limit_other_error"}} {
		t.Run(fmt.Sprint(variants), func(t *testing.T) {
			d := open(t, "2026-01-10T12:00:00Z", variants...)
			order := func(n int) adapters.GrantOrder {
				id := core.NewID(core.GrantID, "cust_1", "test", "room", n)
				return adapters.GrantOrder{
					Mark: d.mark("grant", n, string(id)), Grant: id, Value: core.Money{Minor: 100, Currency: "usd"}, Unit: core.Unit{Code: "credits"},
					Original: 12, Category: core.Promotional, Priority: 50, Starts: d.now, Expires: core.Never, Now: d.now, Links: d.links,
				}
			}
			var first adapters.Answer
			for n := range 100 {
				got, err := d.port.CreateGrant(t.Context(), order(n))
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					first = got
				}
			}
			if _, err := d.port.CreateGrant(t.Context(), order(100)); err == nil || adapters.AsError(err).Code != adapters.CodeFull {
				t.Fatalf("the 101st: %v", err)
			}
			end := adapters.EndOrder{Mark: d.mark("end", 0, first.Links[0].Neutral), Grant: core.ID(first.Links[0].Neutral), Links: append(d.links, first.Links...)}
			if _, err := d.port.EndGrant(t.Context(), end); err != nil {
				t.Fatal(err)
			}
			bad := order(101)
			bad.Priority = 1000
			if _, err := d.port.CreateGrant(t.Context(), bad); err == nil || adapters.AsError(err).Code == adapters.CodeFull {
				t.Errorf("another refusal: %v", err)
			}
			if _, err := d.port.CreateGrant(t.Context(), order(102)); err != nil {
				t.Errorf("after one has ended: %v", err)
			}
		})
	}
}
