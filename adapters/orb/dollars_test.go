package orb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/adapters/orb"
	"scrip/core"
)

// A connection that holds credits and dollars: the customer has nothing in
// dollars until its first grant in them, and everything after, in every
// behaviour that the vendor leaves open.
func TestCreditsAndDollars(t *testing.T) {
	for _, variant := range [][]string{nil, {"ledger_number_strings", "decrement_amount_negative"}, {"debt_on_last_block"}, {"future_blocks_hidden", "errors_kept"}, {"decrements_pending"}} {
		w := newWorld(t, variant...)
		ctx := t.Context()
		both, err := orb.New(orb.Config{Key: "k1", BaseURL: w.url + "/v1", Units: []string{"credits", "usd"}, Now: func() core.Time { return w.now }})
		if err != nil {
			t.Fatal(err)
		}
		w.Adapter = both
		if _, err := w.Prepare(ctx, adapters.Setup{Units: []string{"credits", "usd"}}); err != nil {
			t.Fatalf("%v: %v", variant, err)
		}
		customer := w.links.One(adapters.RoleCustomer)
		used := adapters.UsageQuery{Customer: customer, From: w.now - vendorDay, To: w.now + vendorDay, Unit: "usd", Scale: 6}
		if n, err := w.Usage(ctx, used); n != 0 || err != nil {
			t.Errorf("%v: usage before any dollar is %d, %v", variant, n, err)
		}
		w.grant(1, 1000, w.now, core.Never)

		order := adapters.GrantOrder{
			Mark:  adapters.Mark{ID: id("grant", 2), Kind: adapters.GrantKind, Neutral: "grn_2", Customer: customer},
			Grant: "grn_2", Holding: adapters.Holding{Quanta: 72_000_004, Scale: 6, Unit: "usd"}, Unit: core.Unit{Code: "usd", Scale: 6}, Original: 100_000_000, Consumed: 27_999_996,
			Category: core.Paid, Starts: w.now, Expires: core.Never, Basis: core.Money{Minor: 8000, Currency: "usd"}, Now: w.now, Links: w.links,
		}
		if found, err := w.Find(ctx, order.Mark); len(found.Links) != 0 || err != nil {
			t.Errorf("%v: found %v, %v before it was made", variant, found, err)
		}
		made, err := w.CreateGrant(ctx, order)
		if err != nil {
			t.Fatalf("%v: %v", variant, err)
		}
		if again, err := w.CreateGrant(ctx, order); err != nil || !slices.Equal(again.Links, made.Links) {
			t.Errorf("%v: repeated: %v, %v", variant, again, err)
		}
		if found, err := w.Find(ctx, order.Mark); err != nil || !slices.Equal(found.Links, made.Links) {
			t.Errorf("%v: looked up: %v, %v", variant, found, err)
		}
		told, err := w.Consume(ctx, adapters.ConsumeOrder{
			Mark:   adapters.Mark{ID: id("consume", 1), Kind: adapters.ConsumeKind, Neutral: "win_1", Customer: customer},
			Window: "win_1", Quanta: 2_000_001, Scale: 6, Unit: "usd", Opened: w.now, Closed: w.now, Sent: w.now, Links: w.links,
		})
		if err != nil || len(told.Links) != 1 {
			t.Fatalf("%v: consumption: %v, %v", variant, told, err)
		}
		if n, err := w.Usage(ctx, used); n != 2_000_001 || err != nil {
			t.Errorf("%v: usage is %d, %v", variant, n, err)
		}
		end := adapters.EndOrder{
			Mark: adapters.Mark{ID: id("end", 2), Kind: adapters.EndKind}, Grant: "grn_2", Holding: adapters.Holding{Quanta: 60_000_000, Scale: 6, Unit: "usd"},
			Links: append(slices.Clone(w.links), made.Links...),
		}
		if _, err := w.CancelConsumption(ctx, adapters.CancelOrder{Mark: adapters.Mark{ID: id("cancel", 1)}, Windows: told.Links, Links: w.links}); err != nil {
			t.Fatalf("%v: cancel: %v", variant, err)
		}
		for range 2 {
			if _, err := w.EndGrant(ctx, end); err != nil {
				t.Fatalf("%v: end: %v", variant, err)
			}
		}
		if got := w.holdings(); got != "credits 10000000, usd 12000004" {
			t.Errorf("%v: holds %s", variant, got)
		}
	}
}

// holdings is what is left in each unit, in millionths.
func (w *world) holdings() string {
	w.t.Helper()
	left := map[string]int64{}
	page := adapters.Page{}
	for {
		got, err := w.Grants(w.t.Context(), w.links.One(adapters.RoleCustomer), page)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, g := range got.Items {
			left[g.Left.Unit] += g.Left.Quanta
		}
		if page.Cursor = got.Next; page.Cursor == "" {
			var out []string
			for unit, n := range left {
				out = append(out, fmt.Sprintf("%s %d", unit, n))
			}
			slices.Sort(out)
			return strings.Join(out, ", ")
		}
	}
}

// A customer may consume on credit, before anything was granted in dollars;
// one that is invoiced in euros can neither hold nor consume dollars.
func TestDollarsOfCustomers(t *testing.T) {
	for _, currency := range []core.Currency{"", "usd", "eur"} {
		w := newWorld(t)
		a, err := orb.New(orb.Config{Key: "k1", BaseURL: w.url + "/v1", Units: []string{"usd"}, Now: func() core.Time { return w.now }})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		got, err := a.PutCustomer(ctx, adapters.CustomerOrder{Mark: adapters.Mark{ID: id("customer", 1)}, ID: "cust_2", Name: "Bo", Currency: currency})
		if err != nil {
			t.Fatal(err)
		}
		customer := adapters.Links(got.Links).One(adapters.RoleCustomer)
		_, err = a.Consume(ctx, adapters.ConsumeOrder{
			Mark:   adapters.Mark{ID: id("consume", 1), Kind: adapters.ConsumeKind, Neutral: "win_1", Customer: customer},
			Window: "win_1", Quanta: 7, Scale: 6, Unit: "usd", Opened: w.now, Closed: w.now, Sent: w.now, Links: got.Links,
		})
		want, used := adapters.Code(""), int64(7)
		if currency == "eur" {
			want, used = adapters.CodeInvalid, 0
		}
		if (err != nil) != (want != "") || err != nil && adapters.AsError(err).Code != want {
			t.Errorf("invoiced in %q: %v", currency, err)
		}
		n, err := a.Usage(ctx, adapters.UsageQuery{Customer: customer, From: w.now - vendorDay, To: w.now + vendorDay, Unit: "usd", Scale: 6})
		if n != used || err != nil {
			t.Errorf("invoiced in %q: usage is %d, %v", currency, n, err)
		}
	}
}
