package mapping

import (
	"slices"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/mapping/burn"
)

// A vendor that draws by priority and expiry is given other priorities where
// the core's own order is another, so that it draws the same grants first; and
// what a true-up makes again keeps them. Where its order is the core's, or it
// keeps no priorities, they stay as they are.
func TestBackfillEncodesTheBurnOrder(t *testing.T) {
	keeps := burn.Vendor{
		Keys:   []adapters.OrderKey{{Key: core.ByPriority, Confirmed: true}, {Key: core.ByExpiry, Confirmed: true}},
		Scopes: true, Highest: 100,
	}
	for name, c := range map[string]struct {
		order  core.Order
		vendor burn.Vendor
		mended bool
	}{
		"another order":    {core.Order{core.ByFree, core.ByRecorded}, keeps, true},
		"the same order":   {core.Order{core.ByPriority, core.ByExpiry}, keeps, false},
		"no priorities":    {core.Order{core.ByFree, core.ByRecorded}, burn.Vendor{Keys: keeps.Keys, Scopes: true}, false},
		"nothing is known": {core.Order{core.ByFree, core.ByRecorded}, burn.Vendor{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := Connection{Name: "next", Strategy: adapters.Meter, Rate: price(t, "0.08 usd"), Window: time.Minute, Burn: c.vendor}
			o, err := NewOutward(Route{Primary: "next"}, []Connection{conn}, []core.Unit{credits})
			if err != nil {
				t.Fatal(err)
			}
			a := &core.Account{Customer: "acme", Unit: credits, Order: c.order}
			for i, g := range []core.Terms{
				{ID: "grn_paid", Category: core.Paid, Priority: 10, Expires: 100},
				{ID: "grn_gift", Category: core.Promotional, Priority: 90, Expires: 200},
				{ID: "grn_more", Category: core.Promotional, Priority: 50, Expires: 300},
			} {
				g.Amount, g.Starts = 100_00, 1
				if _, err := a.Issue(g, core.Time(i+1)); err != nil {
					t.Fatal(err)
				}
			}
			a.Join("next")
			given := map[core.ID]int{}
			var ids []core.ID
			for _, i := range o.Backfill(10, a, "next") {
				b, err := DecodeBody(i.Body)
				if err != nil {
					t.Fatal(err)
				}
				given[b.Grant.Grant] = b.Grant.Priority
				ids = append(ids, b.Grant.Grant)
			}
			slices.SortStableFunc(ids, func(x, y core.ID) int { return given[x] - given[y] })
			sorted := slices.Clone(a.Grants)
			slices.SortFunc(sorted, func(x, y core.Grant) int { return c.order.Compare(&x, &y) })
			own, same := true, true
			for i := range sorted {
				own = own && given[sorted[i].ID] == sorted[i].Priority
				same = same && ids[i] == sorted[i].ID
			}
			if own == c.mended || c.mended && !same {
				t.Errorf("given %v, the core's order is %v", given, []core.ID{sorted[0].ID, sorted[1].ID, sorted[2].ID})
			}
			redo, err := conn.Compare(a.Grant("grn_gift"), credits, 0, adapters.VendorGrant{
				ID: "v", State: core.Open, Priority: given["grn_gift"], Remaining: core.Money{Minor: 1, Currency: "usd"},
			}, 20)
			if err != nil || redo == nil || redo.Again == nil || redo.Again.Priority != given["grn_gift"] {
				t.Errorf("a true-up makes it again with %+v, %v", redo, err)
			}
		})
	}
}
