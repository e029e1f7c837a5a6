package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const topUpConfig = `version: 1
storage: sqlite:scrip.db
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
  main: {provider: stripe, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "http://127.0.0.1:9090"}
route: {primary: main}
packs:
  starter: {credits: 100, price: 8 usd, expires: 12 months}
  dollars: {price_per: 0.08 usd, minimum: 50}
  bulk: {credits: 10, tiers: [{up_to: 10, price: 9 usd}, {price: 8 usd}]}
top_up: {pack: starter, below: 20, to: 250, at_most: [3 per day, 60 usd per month], retry: [1h, 6h]}
alerts: {low: [100], expiring: [30 days]}
`

// notices are the types of all notices of a customer.
func (c *till) notices(customer string) string {
	c.Helper()
	var types []string
	for _, n := range c.get("/v1/notices?customer=" + customer).at("data").list() {
		types = append(types, n.at("type").text())
	}
	return strings.Join(types, " ")
}

// bought lists the states of the purchases that an account asked for by itself,
// by what the vendor has bills for.
func (c *till) bought(customer string) []seen {
	c.Helper()
	c.settle()
	var list []seen
	for _, v := range readState(c.T, c.box.base).Customers {
		for _, i := range v.Invoices {
			if id := i.Metadata["scrip_purchase"]; id != "" {
				if p := c.get("/v1/purchases/" + id); p.at("customer").text() == customer && p.at("auto").v == true {
					list = append(list, p)
				}
			}
		}
	}
	return list
}

func (c *till) card(customer, state string) {
	c.Helper()
	for _, v := range readState(c.T, c.box.base).Customers {
		if v.ExternalID == customer {
			c.control("mutate", body{"object": "customer", "id": v.ID, "op": "set", "fields": body{"card": state}})
			return
		}
	}
	c.Fatalf("the vendor does not know %s", customer)
}

// A card that is declined, then works: each move below is answered with one
// charge, whatever the application does meanwhile. LC-08.
func TestTopUpAtAVendor(t *testing.T) {
	c := openTill(t, topUpConfig, tillStart(2027))
	c.put("/v1/customers/acme", body{"name": "Acme"})
	c.post("/v1/customers/acme/grants", body{"amount": "110", "category": "promotional"})
	c.settle()
	c.card("acme", "declined")
	for i := range 20 {
		c.post("/v1/debits", body{"customer": "acme", "amount": fmt.Sprintf("5.%02d", i)})
	}
	list := c.bought("acme")
	if len(list) != 1 || list[0].at("state").text() != "failed" || list[0].at("price", "amount").text() != "24.00" {
		t.Fatalf("after the first move below: %v", list)
	}
	if got := c.notices("acme"); got != "balance.low topup.failed" {
		t.Fatalf("told %q", got)
	}
	c.pass(c.now().Add(59 * time.Minute))
	c.post("/v1/debits", body{"customer": "acme", "amount": "1"})
	if n := len(c.bought("acme")); n != 1 {
		t.Fatalf("%d charges while it waits", n)
	}
	c.card("acme", "")
	c.pass(c.now().Add(time.Minute)) // nobody does anything: time alone tries again
	list = c.bought("acme")
	if len(list) != 2 || list[1].at("state").text()+list[0].at("state").text() != "paidfailed" && list[0].at("state").text()+list[1].at("state").text() != "paidfailed" {
		t.Fatalf("after an hour: %v", list)
	}
	if got := c.get("/v1/customers/acme/balance").at("available").text(); got != "307.10" {
		t.Errorf("available is %s", got)
	}
	c.post("/v1/debits", body{"customer": "acme", "amount": "300"})
	list = c.bought("acme")
	if len(list) != 3 {
		t.Fatalf("%d charges after the second move below", len(list))
	}
	if got := c.get("/v1/customers/acme/balance").at("available").text(); got != "307.10" {
		t.Errorf("available is %s", got)
	}
	// 48 usd are spent of 60: a third has no room this month.
	c.post("/v1/debits", body{"customer": "acme", "amount": "300"})
	if n := len(c.bought("acme")); n != 3 {
		t.Fatalf("%d charges, the limit leaves room for three", n)
	}
	if got := c.notices("acme"); got != "balance.low topup.failed balance.restored balance.low balance.restored balance.low topup.failed" {
		t.Errorf("told %q", got)
	}
	c.pass(time.Date(c.now().Year(), c.now().Month()+1, 1, 0, 0, 0, 0, time.UTC))
	if n := len(c.bought("acme")); n != 4 {
		t.Errorf("%d charges after the month has turned", n)
	}
}

// Settings are strict, are told as they were put, and never buy twice.
func TestSettingsOverHTTP(t *testing.T) {
	c := openTill(t, topUpConfig, tillStart(2027))
	c.put("/v1/customers/acme", body{"name": "Acme"})
	for text, field := range map[string]body{
		"top_up.pack":    {"top_up": body{"pack": "none"}},
		"top_up.to":      {"top_up": body{"to": "5"}},
		"top_up.at_most": {"top_up": body{"at_most": []string{"often"}}},
		"alerts.low":     {"alerts": body{"low": []string{"0"}}},
		"notify":         {"notify": []string{"balance.lo"}},
		"rate_card":      {"rate_card": "2020"},
		"top_upp":        {"top_upp": body{}},
	} {
		if _, err := c.try("PUT", "/v1/customers/acme/settings", field); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v is answered with %v", field, err)
		}
	}
	if _, err := c.try("PUT", "/v1/customers/nobody/settings", body{}); err == nil {
		t.Error("nobody has settings")
	}
	c.put("/v1/customers/acme/settings", body{"top_up": body{"enabled": false}, "alerts": body{"low": []string{"30"}}})
	c.post("/v1/customers/acme/grants", body{"amount": "110", "category": "promotional"})
	c.post("/v1/debits", body{"customer": "acme", "amount": "95"})
	if n := len(c.bought("acme")); n != 0 {
		t.Fatalf("%d charges while it is off", n)
	}
	if got := c.notices("acme"); got != "balance.low" {
		t.Errorf("told %q", got)
	}
	on := body{"top_up": body{"pack": "dollars", "below": "20", "amount": "62.5"}}
	for range 3 {
		c.put("/v1/customers/acme/settings", on)
		c.put("/v1/customers/acme/settings", body{"top_up": body{"enabled": false}})
	}
	c.put("/v1/customers/acme/settings", on)
	list := c.bought("acme")
	if len(list) != 1 || list[0].at("price", "amount").text() != "5.00" || list[0].at("state").text() != "paid" {
		t.Fatalf("turned on and off: %v", list)
	}
	got := c.get("/v1/customers/acme/settings")
	if got.at("top_up", "amount").text() != "62.5" || got.at("alerts").v != nil {
		t.Errorf("settings are %v", got.v)
	}
}

// Packs by number, by amount, and at prices by number.
func TestPacksOverHTTP(t *testing.T) {
	c := openTill(t, topUpConfig, tillStart(2027))
	c.put("/v1/customers/acme", body{"name": "Acme"})
	for _, p := range []struct {
		ask            body
		credits, price string
	}{
		{body{"pack": "starter"}, "100.00", "8.00"},
		{body{"pack": "starter", "quantity": 3}, "300.00", "24.00"},
		{body{"pack": "bulk", "quantity": 10}, "100.00", "90.00"},
		{body{"pack": "bulk", "quantity": 11}, "110.00", "88.00"},
		{body{"pack": "dollars", "amount": "62.5"}, "62.50", "5.00"},
	} {
		bought := c.post("/v1/customers/acme/purchases", p.ask)
		if bought.at("credits").text() != p.credits || bought.at("price", "amount").text() != p.price {
			t.Errorf("%v is %v", p.ask, bought.v)
		}
		before := c.get("/v1/customers/acme/balance").at("available").num()
		c.pay(bought.at("id").text(), "paid")
		after := c.get("/v1/customers/acme/balance").at("available").num()
		if after.Sub(after, before).Cmp(c.num(p.credits)) != 0 {
			t.Errorf("%v brought %s", p.ask, after.FloatString(2))
		}
	}
	for text, ask := range map[string]body{
		"quantity": {"pack": "dollars", "quantity": 2}, "amount": {"pack": "dollars", "amount": "49"}, "smallest coin": {"pack": "dollars", "amount": "50.01"},
		"pack": {"pack": "starterr"}, "by the pack": {"pack": "starter", "amount": "5"},
	} {
		if _, err := c.try("POST", "/v1/customers/acme/purchases", ask); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v is answered with %v", ask, err)
		}
	}
}
