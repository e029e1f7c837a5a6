package sandbox_test

import (
	"strings"
	"testing"
)

// TestVariants switches on each variant that no other test does, and looks for
// the one thing that it changes.
func TestVariants(t *testing.T) {
	for name, seen := range map[string]func(c *client) bool{
		"drafts_finalize_at_once": func(c *client) bool {
			cus := c.customer("a")
			_, _, sub := c.carrier(cus)
			c.Control("clock", `{"now":"2026-02-01T00:00:00Z"}`)
			return c.Get("/v1/invoices?subscription="+sub).Text("data.0.status") == "paid"
		},
		"grant_limit_other_error": func(c *client) bool {
			cus := c.customer("a")
			for range 100 {
				c.grant(cus, "1")
			}
			return c.Want(400, "POST", "/v1/billing/credit_grants", grantForm(cus, "1")).Text("error.code") != ""
		},
		"ledger_other_prefix": func(c *client) bool {
			cus := c.customer("a")
			c.grant(cus, "1")
			return !strings.HasPrefix(c.Get("/v1/billing/credit_balance_transactions?customer="+cus).Text("data.0.id"), "cbtxn_")
		},
		"meter_timestamp_refused": func(c *client) bool {
			c.meter("credits")
			r, err := c.Do("POST", "/v1/billing/meter_events", form("event_name", "credits", "payload[stripe_customer_id]", c.customer("a"), "payload[value]", "1", "timestamp", unix(hour)))
			return err == nil && r.Status == 400
		},
	} {
		c := frozen(t)
		if seen(c) {
			t.Errorf("%s behaves so while it is off", name)
		}
		c = frozen(t)
		c.Control("variant", `{"name":"`+name+`","on":true}`)
		if !seen(c) {
			t.Errorf("%s changes nothing", name)
		}
	}
}

// FuzzRequest sends anything as a form and as a search query: an answer comes,
// it is no server error, and the sandbox still works.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{"a[][b]=1", "metadata[][]=x", "email='", "expand[]=data.customer.x", "-metadata['a']:'b' AND", "[=1", "]=", "%", "amount[type][x]=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.ContainsAny(raw, "\x00\r\n") {
			return
		}
		c := start(t)
		for _, path := range []string{"/v1/customers", "/v1/billing/credit_grants", "/v1/subscriptions"} {
			if r, err := c.Do("POST", path, raw); err != nil || r.Status >= 500 {
				t.Errorf("POST %s %q: %d %v", path, raw, r.Status, err)
			}
		}
		if r, err := c.Do("GET", "/v1/customers/search?query="+strings.ReplaceAll(form("q", raw), "q=", ""), ""); err != nil || r.Status >= 500 {
			t.Errorf("search %q: %d %v", raw, r.Status, err)
		}
		c.customer("after")
	})
}
