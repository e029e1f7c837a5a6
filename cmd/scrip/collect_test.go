package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"scrip/core"
)

const collectConfig = `version: 1
storage: sqlite:scrip.db
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
  main: {provider: stripe, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "http://127.0.0.1:9090"}
route: {primary: main}
plans:
  pro: {price: 49 usd, every: 1 month, collect: vendor, allotment: {credits: 500, on: payment}}
  max: {price: 99 usd, every: 1 month, collect: scrip, allotment: {credits: 2000, on: payment}}
`

// atVendor makes an object by the vendor's own API, as the application would.
func (c *till) atVendor(path string, fields ...string) string {
	c.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	req, err := http.NewRequestWithContext(c.Context(), http.MethodPost, c.box.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+tillKey)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var made struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusOK || made.ID == "" {
		c.Fatalf("%s: status %d, %v", path, resp.StatusCode, err)
	}
	return made.ID
}

func (c *till) wantAvailable(customer, want string) {
	c.Helper()
	c.settle()
	if got := c.get("/v1/customers/" + customer + "/balance").at("available").text(); got != want {
		c.Errorf("at %s available is %s, want %s", core.TimeOf(c.now()), got, want)
	}
}

// A vendor's subscription collects a plan: each of its paid invoices renews the
// period once, whichever clock is ahead, and a declined card renews nothing
// until it is paid. Its first invoice comes before the subscription here.
func TestVendorCollectsAPlan(t *testing.T) {
	c := openTill(t, collectConfig, tillStart(2027))
	c.put("/v1/customers/acme", body{"name": "Acme"})
	c.settle()
	var customer string
	for _, v := range readState(t, c.box.base).Customers {
		customer = v.ID
	}
	price := c.atVendor("/v1/prices", "currency", "usd", "unit_amount", "4900", "product_data[name]", "Pro", "recurring[interval]", "month")
	sub := c.atVendor("/v1/subscriptions", "customer", customer, "items[0][price]", price, "metadata[scrip_customer]", "acme")
	c.control("deliver", body{})
	begun := c.now()
	c.put("/v1/customers/acme/subscription", body{"plan": "pro", "anchor_at": core.TimeOf(begun).String(), "vendor": body{"subscription": sub}})
	c.wantAvailable("acme", "500.00")
	c.post("/v1/debits", body{"customer": "acme", "amount": "100"})

	c.pass(begun.AddDate(0, 1, 0))
	c.wantAvailable("acme", "0.00") // the vendor charges an hour after the boundary
	c.pass(begun.AddDate(0, 1, 0).Add(2 * time.Hour))
	c.wantAvailable("acme", "500.00")

	c.card("acme", "declined")
	c.pass(begun.AddDate(0, 2, 0).Add(2 * time.Hour))
	c.wantAvailable("acme", "0.00")
	for _, v := range readState(t, c.box.base).Customers {
		for _, i := range v.Invoices {
			if i.Status == "open" {
				c.control("pay", body{"object": i.ID, "outcome": "paid"})
			}
		}
	}
	c.wantAvailable("acme", "500.00")
	for _, e := range c.get("/v1/inbox?limit=100").at("data").list() {
		if s := e.at("state").text(); s != "applied" && s != "ignored" {
			t.Errorf("event %s is %s: %s", e.at("type").text(), s, e.at("reason").text())
		}
	}
}

// Scrip collects a plan: each period is a purchase that the vendor charges for,
// and its payment renews.
func TestScripCollectsAPlan(t *testing.T) {
	c := openTill(t, collectConfig, tillStart(2027))
	c.put("/v1/customers/acme", body{"name": "Acme"})
	begun := c.now()
	first := c.put("/v1/customers/acme/subscription", body{"plan": "max"}).at("purchase").text()
	c.wantAvailable("acme", "2000.00")
	if p := c.get("/v1/purchases/" + first); p.at("state").text() != "paid" || p.at("price", "amount").text() != "99.00" {
		t.Errorf("the first period's purchase is %v", p)
	}
	c.card("acme", "declined")
	c.pass(begun.AddDate(0, 1, 0).Add(time.Hour))
	c.wantAvailable("acme", "0.00")
	second := c.get("/v1/customers/acme/subscription").at("purchase").text()
	if state := c.get("/v1/purchases/" + second).at("state").text(); second == first || state != "failed" {
		t.Errorf("the second period's purchase %s is %s", second, state)
	}
	c.card("acme", "")
	c.pay(second, "paid")
	c.wantAvailable("acme", "2000.00")
	if n := len(c.bought("acme")); n != 2 {
		t.Errorf("%d bills in two periods", n)
	}
	c.pass(begun.AddDate(0, 2, 0).Add(time.Hour))
	c.wantAvailable("acme", "2000.00")
	if n := len(c.bought("acme")); n != 3 {
		t.Errorf("%d bills in three periods", n)
	}
}
