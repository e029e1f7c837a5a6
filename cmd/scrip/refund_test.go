package main

import (
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kit "scrip/adapters/sandbox"
	"scrip/core"
	"scrip/mapping/reconcile"
)

// cashDesk is a till whose credits are carried by one vendor and paid for at
// another.
type cashDesk struct {
	*till
	vendor string
	holds  string // the base address of its sandbox
}

// openDesk serves with the sandboxes of a vendor and of the one that collects.
func openDesk(t *testing.T, name, more string) *cashDesk {
	t.Helper()
	t.Setenv("VENDOR_KEY", tillKey)
	t.Setenv("VENDOR_WEBHOOK_SECRET", tillSecret)
	d := &cashDesk{till: &till{T: t}, vendor: name}
	var connections, windows strings.Builder
	start := tillStart(2025)
	for _, v := range vendors() {
		if v.name != name && v.name != defaultVendor {
			continue
		}
		server := v.sandbox(kit.Options{Seed: 1})
		front := httptest.NewServer(server)
		server.SetPublicURL(front.URL)
		t.Cleanup(func() { front.Close(); server.Close() })
		box := newClient(front.URL, tillKey)
		if v.name == defaultVendor {
			d.box = box
		}
		if v.name == name {
			d.holds = front.URL
		}
		if _, err := box.do(t.Context(), request{method: http.MethodPost, path: "/_sandbox/clock", body: body{"now": core.TimeOf(start).String()}}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&connections, "  %s: {provider: %s, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: %q}\n", v.name, v.name, front.URL)
		fmt.Fprintf(&windows, "  %s: {window: 1s, limit: 10000, share: 1}\n", v.name)
	}
	text := fmt.Sprintf("version: 1\nstorage: sqlite:%s\nunit: {code: credits, scale: 2, price: 0.08 usd}\nconnections:\n%sroute: {primary: %s, payments: %s}\nmapping:\n%s"+
		"packs:\n  starter: {credits: 100, price: 8 usd, expires: 12 months}\n  forever: {credits: 200, price: 16 usd}\n%s",
		filepath.Join(t.TempDir(), "scrip.db"), connections.String(), name, defaultVendor, windows.String(), more)
	var front *httptest.Server
	d.app, front, d.shut = serveText(t, text, start)
	d.api = newClient(front.URL, tillKey)
	d.control("webhooks", body{"url": front.URL + "/v1/webhooks/" + defaultVendor, "secret": tillSecret})
	return d
}

// bill finds the vendor's bill of a purchase, and has the vendor do something to it.
func (d *cashDesk) bill(purchase string, b body) {
	d.Helper()
	d.settle()
	for _, customer := range readState(d.T, d.box.base).Customers {
		for _, i := range customer.Invoices {
			if i.Metadata["scrip_purchase"] == purchase {
				b["object"] = i.ID
				d.control("pay", b)
				d.settle()
				return
			}
		}
	}
	d.Fatalf("the vendor has no bill of purchase %s", purchase)
}

func (d *cashDesk) sell(customer, pack string) string {
	d.Helper()
	id := d.post("/v1/customers/"+customer+"/purchases", body{"pack": pack}).at("id").text()
	d.bill(id, body{"outcome": "paid"})
	return id
}

// agrees checks the balance, that both vendors hold what they should, and the books.
func (d *cashDesk) agrees(when, available, overdrawn string) {
	d.Helper()
	for range 2 {
		d.pass(d.now().Add(2 * time.Second))
	}
	d.pass(d.now().Add(time.Hour)) // no read lags any more
	b := d.get("/v1/customers/ann/balance")
	if b.at("available").num().Cmp(d.num(available)) != 0 || b.at("overdrawn").num().Cmp(d.num(overdrawn)) != 0 {
		d.Errorf("%s: %s are available and %s owed, want %s and %s", when, b.at("available").text(), b.at("overdrawn").text(), available, overdrawn)
	}
	conn, err := d.app.connectionNamed(d.vendor)
	if err != nil {
		d.Fatal(err)
	}
	report, err := reconcile.Run(d.Context(), reconcile.Options{
		Reader: d.app.store.Reader(), Port: d.app.ports[conn.Name], Connection: conn, Route: d.app.config.Route,
		Units: units(d.app.config), AsOf: d.app.ledger.Now(),
	})
	if err != nil {
		d.Fatal(err)
	}
	for _, f := range report.Findings {
		d.Errorf("%s: the vendor differs: %+v", when, f)
	}
	d.holdsAll(when, available)
	audit, err := d.app.store.Reader().AuditAll(d.Context(), nil)
	if err != nil {
		d.Fatal(err)
	}
	for _, f := range audit.Findings {
		d.Errorf("%s: the books: %s %s", when, f.Where, f.What)
	}
	for _, queue := range []string{"inbox", "outbox"} {
		for _, item := range d.get("/v1/" + queue + "?state=parked").at("data").list() {
			d.Errorf("%s: the %s keeps %v", when, queue, item.v)
		}
	}
}

// holdsAll adds up what is left of the grants at a vendor whose ledger is moved.
func (d *cashDesk) holdsAll(when, available string) {
	d.Helper()
	if d.vendor == defaultVendor {
		return // it draws with its own invoices
	}
	left := new(big.Rat)
	for _, c := range readState(d.T, d.holds).Customers {
		for _, g := range c.Grants {
			left.Add(left, d.num(string(g.Remaining)))
		}
	}
	want := d.num(available)
	if v, _ := vendorNamed(d.vendor); !v.units {
		want.Mul(want, big.NewRat(8, 100))
	}
	if left.Cmp(want) != 0 {
		d.Errorf("%s: the vendor has %s left, want %s", when, left.FloatString(6), want.FloatString(6))
	}
}

// A purchase that is partly refunded, then disputed, then won back, at every
// vendor that can carry its credits: what is spendable, owed, and held by the
// vendor agree at each step.
func TestMoneyGoesBackAtEveryVendor(t *testing.T) {
	for _, name := range vendorNames() {
		t.Run(name, func(t *testing.T) {
			d := openDesk(t, name, "")
			d.put("/v1/customers/ann", body{"name": "Ann"})
			first := d.sell("ann", "starter")
			d.sell("ann", "forever")
			d.post("/v1/debits", body{"customer": "ann", "amount": "30"})
			d.agrees("after the sale", "270", "0")
			d.bill(first, body{"outcome": "refunded", "amount": 200})
			d.agrees("after a refund of a quarter", "245", "0")
			d.bill(first, body{"outcome": "disputed"})
			if p := d.get("/v1/purchases/" + first); p.at("state").text() != "disputed" || p.at("returns", "collected").text() != "70.00" || p.at("returns", "uncollected").text() != "30.00" {
				d.Errorf("the disputed purchase is %v", p.v)
			}
			d.agrees("disputed", "170", "0") // what is owed is paid by the other purchase
			d.post("/v1/debits", body{"customer": "ann", "amount": "10"})
			d.agrees("spent on", "160", "0")
			d.bill(first, body{"outcome": "won"})
			d.agrees("won", "235", "0")
			d.post("/v1/debits", body{"customer": "ann", "amount": "200"})
			d.agrees("spent", "35", "0")
			if p := d.get("/v1/purchases/" + first); p.at("state").text() != "paid" || p.at("returns", "requested").text() != "25.00" {
				d.Errorf("the purchase is %v", p.v)
			}
		})
	}
}

// Money is given back through the API, in two parts: the vendor is asked, and
// the credits go when it reports it, told twice and out of order.
func TestRefundThroughTheAPI(t *testing.T) {
	d := openDesk(t, defaultVendor, "refunds: {shortfall: write_off}\n")
	d.put("/v1/customers/ann", body{"name": "Ann"})
	bought := d.sell("ann", "starter")
	d.post("/v1/debits", body{"customer": "ann", "amount": "90"})
	path := "/v1/purchases/" + bought + "/refund"
	d.control("faults", body{"webhooks": []body{{"kind": "duplicate", "count": 5}, {"kind": "reorder", "count": 5}}})
	if r := d.post(path, body{"amount": "2.00"}); r.at("amount", "amount").text() != "2.00" || r.at("purchase").text() != bought {
		t.Errorf("the refund is %v", r.v)
	}
	if got := d.get("/v1/customers/ann/balance").at("available").text(); got != "10.00" {
		t.Errorf("%s are available before the vendor has given the money back", got)
	}
	d.agrees("a quarter is back", "0", "0")
	d.control("faults", body{"webhooks": []body{{"kind": "duplicate", "count": 5}, {"kind": "reorder", "count": 5}}})
	d.post(path, nil)
	for _, wrong := range []any{nil, body{"amount": "1"}} {
		if _, err := d.try(http.MethodPost, path, wrong); err == nil || !strings.Contains(err.Error(), "given back") {
			t.Errorf("more than was paid is given back: %v", err)
		}
	}
	d.agrees("all is back", "0", "0")
	p := d.get("/v1/purchases/" + bought)
	if p.at("state").text() != "refunded" || p.at("returns", "requested").text() != "100.00" || p.at("returns", "collected").text() != "10.00" ||
		p.at("returns", "uncollected").text() != "90.00" || p.at("returns", "written_off").text() != "90.00" {
		t.Errorf("the purchase is %v", p.v)
	}
	pending := d.post("/v1/customers/ann/purchases", body{"pack": "starter"}).at("id").text()
	if _, err := d.try(http.MethodPost, "/v1/purchases/"+pending+"/refund", nil); err == nil || !strings.Contains(err.Error(), "pending") {
		t.Errorf("what was not paid is given back: %v", err)
	}
}
