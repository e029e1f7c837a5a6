package lago_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/sale"
)

func (r *rig) sale(n int, cents core.Amount) adapters.SellOrder {
	id := core.NewID(core.PurchaseID, ada, "purchase", "key", n)
	return adapters.SellOrder{
		Mark: r.mark(adapters.SellKind, n, string(id)), Purchase: id, Pack: "starter", Price: core.Money{Minor: cents, Currency: "usd"}, Text: "1000 credits", Links: r.links,
	}
}

// shop prepares the packs.
func (r *rig) shop() {
	r.t.Helper()
	r.keep(r.a.Prepare(r.t.Context(), adapters.Setup{Currency: "usd", Packs: []string{"starter"}, Create: true}))
}

// swept are the payments that a sweep of the customer tells.
func (r *rig) swept(since core.Time) (out []sale.Payment) {
	r.t.Helper()
	page := adapters.Page{Limit: 1}
	for {
		got, err := r.a.Sweep(r.t.Context(), since, ada, page)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, body := range got.Items {
			e, err := r.a.Normalise(body)
			if err != nil {
				r.t.Fatal(err)
			}
			if e.Payment != nil {
				out = append(out, *e.Payment)
			}
		}
		if page.Cursor = got.Next; page.Cursor == "" {
			return out
		}
	}
}

// TestLostPayment pays one of two equal invoices while nobody receives events,
// days after it was made: a sweep proves that one, and later its refund.
//
// WH-03.
func TestLostPayment(t *testing.T) {
	r := newRig(t)
	r.shop()
	r.keep(r.a.Sell(t.Context(), r.sale(1, 8000)))
	second := r.keep(r.a.Sell(t.Context(), r.sale(2, 8000)))
	r.advance("240h")
	since := r.now
	if got := r.swept(0); len(got) != 0 {
		t.Errorf("unpaid invoices are swept as %v", got)
	}
	r.call("POST", "/_sandbox/pay", fmt.Sprintf(`{"object":%q,"outcome":"paid"}`, second.Links[0].Vendor), nil)
	got := r.swept(since)
	want := sale.Purchase{ID: r.sale(2, 0).Purchase, Price: core.Money{Minor: 8000, Currency: "usd"}}
	if len(got) != 1 || got[0].Purchase != want.ID || want.Prove(got[0]) != nil {
		t.Fatalf("swept are %+v", got)
	}
	again, err := r.a.Sell(t.Context(), r.sale(2, 8000))
	if err != nil || again.Links[0] != second.Links[0] || again.PayURL != "" {
		t.Errorf("sold again: %v, %v", again, err)
	}
	r.advance("48h")
	since = r.now
	r.call("POST", "/_sandbox/pay", fmt.Sprintf(`{"object":%q,"outcome":"refunded"}`, second.Links[0].Vendor), nil)
	if got := r.swept(since); len(got) != 1 || got[0].Purchase != want.ID || got[0].Object != second.Links[0].Vendor {
		t.Errorf("the refund is swept as %+v", got)
	}
}

// TestHalfSold loses the note on an invoice: it is not found, selling goes on
// with it, and it is found then.
//
// PA-03.
func TestHalfSold(t *testing.T) {
	r := newRig(t)
	r.shop()
	o := r.sale(1, 8000)
	r.cut = func(req *http.Request) bool { return req.Method == http.MethodPut }
	if _, err := r.a.Sell(t.Context(), o); !adapters.AsError(err).Ambiguous() {
		t.Fatalf("the lost note gave %v", err)
	}
	r.cut = nil
	if found, err := r.a.Find(t.Context(), o.Mark); err != nil || len(found.Links) != 0 {
		t.Errorf("half a sale is found: %v, %v", found, err)
	}
	sold := r.keep(r.a.Sell(t.Context(), o))
	found, err := r.a.Find(t.Context(), o.Mark)
	if err != nil || fmt.Sprint(found) != fmt.Sprint(sold) {
		t.Errorf("found %v, %v; sold %v", found, err, sold)
	}
	var list struct{ Invoices []struct{} }
	r.call("GET", "/api/v1/invoices?external_customer_id=ada%2F42", "", &list)
	if len(list.Invoices) != 1 {
		t.Errorf("%d invoices were made", len(list.Invoices))
	}
}

// TestTaxesComeOnTop pays an invoice with taxes: the price was paid.
func TestTaxesComeOnTop(t *testing.T) {
	r := newRig(t)
	r.shop()
	r.call("POST", "/api/v1/taxes", `{"tax":{"name":"VAT","code":"vat","rate":"20","applied_to_organization":true}}`, nil)
	sold := r.keep(r.a.Sell(t.Context(), r.sale(1, 8000)))
	r.call("POST", "/_sandbox/pay", fmt.Sprintf(`{"object":%q,"outcome":"paid"}`, sold.Links[0].Vendor), nil)
	if got := r.swept(0); len(got) != 1 || got[0].Paid.Minor != 8000 {
		t.Errorf("paid is %+v", got)
	}
}

// TestNobodyCollects sells to a customer whom Lago gives no address to pay at:
// refused, and sold without a second invoice once it does.
func TestNobodyCollects(t *testing.T) {
	r := newRig(t)
	r.shop()
	r.call("POST", "/_sandbox/faults", `{"faults":[{"match":{"method":"POST","path":"/api/v1/invoices/*/payment_url"},"kind":"status","status":422,"count":2}]}`, nil)
	for range 2 {
		if _, err := r.a.Sell(t.Context(), r.sale(1, 8000)); adapters.AsError(err).Code != adapters.CodeInvalid {
			t.Fatalf("sold without an address: %v", err)
		}
	}
	if sold, err := r.a.Sell(t.Context(), r.sale(1, 8000)); err != nil || sold.PayURL == "" {
		t.Errorf("sold after all: %v, %v", sold, err)
	}
	var list struct{ Invoices []struct{} }
	r.call("GET", "/api/v1/invoices?external_customer_id=ada%2F42", "", &list)
	if len(list.Invoices) != 1 {
		t.Errorf("%d invoices were made", len(list.Invoices))
	}
}

// TestInvoicesDrawNothing bills a subscription of a customer with credits of
// ours: Lago pays nothing of it from our wallets, but would from another's.
func TestInvoicesDrawNothing(t *testing.T) {
	r := newRig(t)
	r.grant(1, 5000, 90)
	r.call("POST", "/api/v1/plans", `{"plan":{"name":"Pro","code":"pro","interval":"monthly","amount_cents":1000,"amount_currency":"USD","pay_in_advance":true,"charges":[]}}`, nil)
	r.call("POST", "/api/v1/subscriptions", `{"subscription":{"external_customer_id":"ada/42","plan_code":"pro","external_id":"one"}}`, nil)
	r.advance("2h")
	if sum, _ := r.active(); sum != 5000 {
		t.Errorf("an invoice left %d of 5000", sum)
	}
	r.call("POST", "/api/v1/wallets", `{"wallet":{"external_customer_id":"ada/42","rate_amount":"1","currency":"USD","granted_credits":"7"}}`, nil)
	r.advance("2h")
	r.call("POST", "/api/v1/subscriptions", `{"subscription":{"external_customer_id":"ada/42","plan_code":"pro","external_id":"two"}}`, nil)
	r.advance("2h")
	for _, w := range r.wallets() {
		if ours := strings.HasPrefix(w.Code, "scrip_"); ours && w.Balance != 5000 || !ours && w.Balance >= 700 {
			t.Errorf("invoices left %d in wallet %s", w.Balance, w.Code)
		}
	}
	if got := r.left()[grantID(1)]; got != 5000 {
		t.Errorf("the grant has %d", got)
	}
}

// TestCustomersMoveBetweenPages adds customers while they are listed: rows move
// to later pages, and each that was there comes once.
//
// PA-10.
func TestCustomersMoveBetweenPages(t *testing.T) {
	r := newRig(t)
	for n := range 7 {
		r.advance("1s")
		r.call("POST", "/api/v1/customers", fmt.Sprintf(`{"customer":{"external_id":"c%d"}}`, n), nil)
	}
	seen, page := map[string]int{}, adapters.Page{Limit: 3}
	for n := 7; ; n++ {
		got, err := r.a.Customers(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range got.Items {
			seen[c.ID]++
		}
		if page.Cursor = got.Next; page.Cursor == "" {
			break
		}
		r.advance("1s")
		if n < 9 {
			r.call("POST", "/api/v1/customers", fmt.Sprintf(`{"customer":{"external_id":"c%d"}}`, n), nil)
		}
	}
	for n := range 7 {
		if id := fmt.Sprintf("c%d", n); seen[id] != 1 {
			t.Errorf("%s was listed %d times", id, seen[id])
		}
	}
}
