package sandbox_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"scrip/adapters/sandbox/sandboxtest"
)

// carrier subscribes a customer to a metered price of one minor unit and
// returns meter and subscription.
func (c *client) carrier(cus string) (meter, price, sub string) {
	c.T.Helper()
	meter = c.meter("credits")
	price = c.meteredPrice(meter, "1")
	return meter, price, c.post("/v1/subscriptions", "customer", cus, "items[0][price]", price).ID()
}

// cycle is a month and the hour after which its invoice is final.
const cycle = `{"advance":"745h"}`

func TestCreditsApplied(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	_, _, sub := c.carrier(cus)
	g := c.grant(cus, "1000", "expires_at", unix(60*24*hour))
	c.use("credits", cus, "350", "e1")
	if got := c.balance(cus, g); got != "1000 1000" {
		t.Errorf("usage alone changed the balance to %s", got)
	}
	c.Control("clock", cycle)
	inv := c.Get("/v1/invoices?subscription=" + sub)
	for path, want := range map[string]string{
		"status": "paid", "billing_reason": "subscription_cycle", "subtotal": "350", "total": "0", "amount_due": "0", "period_end": unix(31 * 24 * hour),
		"total_pretax_credit_amounts.0.amount": "350", "lines.data.0.quantity": "350", "status_transitions.finalized_at": unix(31*24*hour + hour),
	} {
		c.Equal(inv, "data.0."+path, want)
	}
	if got := c.ledger(cus, g); got != "credits_applied 350, credits_granted 1000" {
		t.Errorf("the ledger says %s", got)
	}
	if got := c.balance(cus, g); got != "650 650" {
		t.Errorf("the balance is %s, want 650 650", got)
	}
	c.Want(400, "POST", "/v1/billing/credit_grants/"+g+"/void", "") // it was applied
	c.Equal(c.Get("/v1/subscriptions/"+sub), "current_period_end", unix(59*24*hour))
}

func TestBurnOrder(t *testing.T) {
	far := unix(200 * 24 * hour)
	near := unix(100 * 24 * hour)
	for name, tc := range map[string]struct {
		first, second []string
		swapped       bool
		variant       string
	}{
		"priority":               {[]string{"priority", "60"}, []string{"priority", "10"}, true, ""},
		"expiry":                 {[]string{"expires_at", far}, []string{"expires_at", near}, true, ""},
		"never expires last":     {nil, []string{"expires_at", far}, true, ""},
		"never expires first":    {[]string{"expires_at", far}, nil, true, "never_expiring_first"},
		"promotional":            {[]string{"category", "paid"}, []string{"category", "promotional"}, true, ""},
		"effective":              {nil, []string{"effective_at", unix(-hour)}, true, ""},
		"made":                   {nil, nil, false, ""},
		"priority before expiry": {[]string{"priority", "60", "expires_at", near}, []string{"priority", "10", "expires_at", far}, true, ""},
		"expiry before category": {[]string{"expires_at", far, "category", "promotional"}, []string{"expires_at", near}, true, ""},
		"category before effect": {[]string{"effective_at", unix(-hour)}, []string{"category", "promotional"}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := frozen(t)
			if tc.variant != "" {
				c.Control("variant", `{"name":"`+tc.variant+`","on":true}`)
			}
			cus := c.customer("a")
			c.carrier(cus)
			a, b := c.grant(cus, "100", tc.first...), c.grant(cus, "100", tc.second...)
			c.use("credits", cus, "130", "e1")
			c.Control("clock", cycle)
			want := "0 0 / 70 70"
			if tc.swapped {
				want = "70 70 / 0 0"
			}
			if got := c.balance(cus, a) + " / " + c.balance(cus, b); got != want {
				t.Errorf("balances %s, want %s", got, want)
			}
		})
	}
}

func TestEligibility(t *testing.T) {
	end := 31 * 24 * hour
	for name, tc := range map[string]struct {
		more []string
		used bool
	}{
		"plain":                   {nil, true},
		"expires at period end":   {[]string{"expires_at", unix(end)}, false},
		"expires before final":    {[]string{"expires_at", unix(end + time.Minute)}, false},
		"expires with slack":      {[]string{"expires_at", unix(end + 24*hour)}, true},
		"effective at period end": {[]string{"effective_at", unix(end)}, true},
		"effective after":         {[]string{"effective_at", unix(end + time.Minute)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := frozen(t)
			cus := c.customer("a")
			c.carrier(cus)
			g := c.grant(cus, "100", tc.more...)
			c.use("credits", cus, "40", "e1")
			c.Control("clock", cycle)
			if got := strings.Contains(c.ledger(cus, g), "credits_applied"); got != tc.used {
				t.Errorf("applied: %v, want %v", got, tc.used)
			}
		})
	}
}

func TestScopeAndOverage(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	m := c.meter("credits")
	over := c.meter("overage")
	covered, beyond := c.meteredPrice(m, "1"), c.meteredPrice(over, "1")
	sub := c.post("/v1/subscriptions", "customer", cus, "items[0][price]", covered, "items[1][price]", beyond).ID()
	g := c.Want(200, "POST", "/v1/billing/credit_grants", form("customer", cus, "amount[type]", "monetary", "amount[monetary][currency]", "usd",
		"amount[monetary][value]", "100", "applicability_config[scope][prices][0][id]", covered)).ID()
	c.Want(200, "POST", "/v1/billing/credit_grants", strings.Replace(grantForm(cus, "5000"), "usd", "eur", 1)) // of another currency
	c.use("credits", cus, "60", "e1")
	c.use("overage", cus, "25", "e2")
	c.Control("clock", cycle)
	inv := c.Get("/v1/invoices?subscription=" + sub)
	c.Equal(inv, "data.0.total", "25")
	c.Equal(inv, "data.0.amount_paid", "25")
	if got := c.balance(cus, g); got != "40 40" {
		t.Errorf("balance %s, want 40 40", got)
	}
}

func TestVoidReinstates(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	c.Control("mutate", `{"object":"customer","id":"`+cus+`","op":"set","fields":{"card":"declined"}}`)
	_, _, sub := c.carrier(cus)
	short, long := c.grant(cus, "100", "expires_at", unix(32*24*hour)), c.grant(cus, "100")
	c.use("credits", cus, "350", "e1")
	c.Control("clock", cycle)
	inv := c.Get("/v1/invoices?subscription=" + sub)
	c.Equal(inv, "data.0.status", "open")
	c.Equal(inv, "data.0.amount_due", "150")
	c.Equal(c.Get("/v1/subscriptions/"+sub), "status", "past_due")
	c.Control("clock", `{"advance":"48h"}`)
	c.post("/v1/invoices/" + inv.Text("data.0.id") + "/void")
	if got := c.ledger(cus, short); got != "credits_expired 100, credits_application_invoice_voided 100, credits_applied 100, credits_granted 100" {
		t.Errorf("the ledger of a grant that ended meanwhile says %s", got)
	}
	if got := c.balance(cus, long); got != "100 100" {
		t.Errorf("the balance of the other is %s", got)
	}
	c.Want(400, "POST", "/v1/billing/credit_grants/"+long+"/void", "") // once applied, never voided
}

func TestPeriods(t *testing.T) {
	c := frozen(t)
	c.Control("clock", `{"now":"2026-01-31T12:00:00Z"}`)
	cus := c.customer("a")
	flat := c.post("/v1/prices", "currency", "usd", "unit_amount", "4900", "product_data[name]", "Pro", "recurring[interval]", "month").ID()
	sub := c.post("/v1/subscriptions", "customer", cus, "items[0][price]", flat).ID()
	first := c.Get("/v1/invoices?subscription=" + sub)
	c.Equal(first, "data.0.billing_reason", "subscription_create")
	c.Equal(first, "data.0.amount_paid", "4900")
	for _, end := range []string{"2026-02-28T12:00:00Z", "2026-03-31T12:00:00Z", "2026-04-30T12:00:00Z"} {
		want, err := time.Parse(time.RFC3339, end)
		if err != nil {
			t.Fatal(err)
		}
		c.Equal(c.Get("/v1/subscriptions/"+sub), "current_period_end", num(want.Unix()))
		c.Control("clock", `{"now":"`+end+`"}`)
	}
	c.post("/v1/subscriptions/"+sub, "cancel_at_period_end", "true")
	c.Control("clock", `{"advance":"744h"}`)
	c.Equal(c.Get("/v1/subscriptions/"+sub), "status", "canceled")
	c.Want(404, "DELETE", "/v1/subscriptions/"+sub, "")
	anchored := c.post("/v1/subscriptions", "customer", cus, "items[0][price]", flat, "proration_behavior", "none", "billing_cycle_anchor", num(time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC).Unix())).ID()
	c.Equal(c.Get("/v1/invoices?subscription="+anchored), "data.0.total", "0")
	c.Control("clock", `{"now":"2026-06-15T02:00:00Z"}`)
	c.Equal(c.Get("/v1/invoices?subscription="+anchored), "data.0.total", "4900")
	c.Equal(c.Get("/v1/subscriptions/"+anchored), "current_period_end", num(time.Date(2026, 7, 15, 0, 0, 0, 0, time.UTC).Unix()))
}

// TestAnchorConfig lets the vendor work out where full periods begin.
func TestAnchorConfig(t *testing.T) {
	config := func(pairs ...string) []string {
		var out []string
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, "billing_cycle_anchor_config["+pairs[i]+"]", pairs[i+1])
		}
		return out
	}
	for now, tc := range map[string]struct {
		config []string
		ends   string
	}{
		"2026-01-31T23:59:59Z": {config("day_of_month", "1", "hour", "0", "minute", "0", "second", "0"), "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z"},
		"2026-02-01T00:00:00Z": {config("day_of_month", "1", "hour", "0", "minute", "0", "second", "0"), "2026-03-01T00:00:00Z 2026-04-01T00:00:00Z"},
		"2026-01-20T10:20:30Z": {config("day_of_month", "28"), "2026-01-28T10:20:30Z 2026-02-28T10:20:30Z"},
		"2026-12-20T10:20:30Z": {config("day_of_month", "20", "hour", "9"), "2027-01-20T09:20:30Z 2027-02-20T09:20:30Z"},
	} {
		t.Run(now, func(t *testing.T) {
			c := frozen(t)
			c.Control("clock", `{"now":"`+now+`"}`)
			cus, price := c.customer("a"), c.meteredPrice(c.meter("credits"), "1")
			sub := c.post("/v1/subscriptions", append([]string{"customer", cus, "items[0][price]", price, "proration_behavior", "none"}, tc.config...)...)
			c.Equal(sub, "billing_cycle_anchor_config.day_of_month", tc.config[1])
			if more := c.Get("/v1/invoices?subscription=" + sub.ID()).At("data.1"); more != nil {
				t.Errorf("a period ended at once: %v", more)
			}
			for end := range strings.SplitSeq(tc.ends, " ") {
				want, err := time.Parse(time.RFC3339, end)
				if err != nil {
					t.Fatal(err)
				}
				c.Equal(c.Get("/v1/subscriptions/"+sub.ID()), "current_period_end", num(want.Unix()))
				c.Control("clock", `{"now":"`+end+`"}`)
			}
		})
	}
	c := frozen(t)
	cus := c.customer("a")
	monthly, daily := c.meteredPrice(c.meter("credits"), "1"), c.post("/v1/prices", "currency", "usd", "unit_amount", "1", "product_data[name]", "x", "recurring[interval]", "day").ID()
	for name, more := range map[string][]string{
		"no day":      config("hour", "0"),
		"day 0":       config("day_of_month", "0"),
		"day 32":      config("day_of_month", "32"),
		"hour 24":     config("day_of_month", "1", "hour", "24"),
		"two anchors": append(config("day_of_month", "1"), "billing_cycle_anchor", unix(hour)),
		"unknown":     config("day_of_month", "1", "week", "1"),
		"daily":       append(config("day_of_month", "1"), "items[0][price]", daily),
	} {
		body := form(append([]string{"customer", cus, "items[0][price]", monthly}, more...)...)
		if r, err := c.Do("POST", "/v1/subscriptions", body); err != nil || r.Status != 400 {
			t.Errorf("%s: %d %s %v, want 400", name, r.Status, r.Raw, err)
		}
	}
}

func TestSubscriptionRules(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	once := c.post("/v1/prices", "currency", "usd", "unit_amount", "1", "product_data[name]", "x").ID()
	monthly := c.post("/v1/prices", "currency", "usd", "unit_amount", "1", "product_data[name]", "x", "recurring[interval]", "month").ID()
	yearly := c.post("/v1/prices", "currency", "usd", "unit_amount", "1", "product_data[name]", "x", "recurring[interval]", "year").ID()
	euro := c.post("/v1/prices", "currency", "eur", "unit_amount", "1", "product_data[name]", "x", "recurring[interval]", "month").ID()
	for name, body := range map[string]string{
		"no items":       form("customer", cus),
		"no customer":    form("items[0][price]", monthly),
		"one time price": form("customer", cus, "items[0][price]", once),
		"unknown price":  form("customer", cus, "items[0][price]", "price_x"),
		"two intervals":  form("customer", cus, "items[0][price]", monthly, "items[1][price]", yearly),
		"two currencies": form("customer", cus, "items[0][price]", monthly, "items[1][price]", euro),
		"past anchor":    form("customer", cus, "items[0][price]", monthly, "billing_cycle_anchor", unix(-hour)),
		"unknown":        form("customer", cus, "items[0][price]", monthly, "plan", "pro"),
	} {
		if r, err := c.Do("POST", "/v1/subscriptions", body); err != nil || r.Status != 400 {
			t.Errorf("%s: %d %s %v, want 400", name, r.Status, r.Raw, err)
		}
	}
	sub := c.post("/v1/subscriptions", "customer", cus, "items[0][price]", monthly)
	item := sub.Text("items.data.0.id")
	c.Want(400, "POST", "/v1/subscriptions/"+sub.ID(), form("items[0][id]", item, "items[0][quantity]", "2"))
	changed := c.post("/v1/subscriptions/"+sub.ID(), "items[0][id]", item, "items[0][quantity]", "2", "proration_behavior", "none")
	c.Equal(changed, "items.data.0.quantity", "2")
}

// TestLedgerAddsUp uses an account from many sides at once: whatever the order,
// every grant's entries add up to its balance, and no credit is lost or made.
func TestLedgerAddsUp(t *testing.T) {
	c := frozen(t)
	hook := sandboxtest.Receive(t, nil)
	c.Control("webhooks", `{"url":"`+hook.URL+`","secret":"s"}`)
	cus := c.customer("a")
	c.carrier(cus)
	grants := make([]string, 8)
	var wait sync.WaitGroup
	for i := range grants {
		wait.Go(func() {
			grants[i] = c.grant(cus, num(int64(100*(i+1))), "priority", num(int64(i)))
			c.use("credits", cus, num(int64(37*(i+1))), "e"+num(int64(i)))
			switch i % 4 {
			case 1:
				c.post("/v1/billing/credit_grants/" + grants[i] + "/void")
			case 2:
				c.post("/v1/billing/credit_grants/" + grants[i] + "/expire")
			case 3:
				c.Get("/_sandbox/state")
			}
		})
	}
	wait.Wait()
	c.Control("clock", cycle)
	c.Control("deliver", "")
	signs := map[string]int64{"credits_granted": 1, "credits_application_invoice_voided": 1, "credits_applied": -1, "credits_expired": -1, "credits_voided": -1}
	var applied int64
	for i, g := range grants {
		var sum int64
		for entry := range strings.SplitSeq(c.ledger(cus, g), ", ") {
			kind, text, _ := strings.Cut(entry, " ")
			var n int64
			for _, d := range text {
				n = n*10 + int64(d-'0')
			}
			sum += signs[kind] * n
			if kind == "credits_applied" {
				applied += n
			}
		}
		want, _, _ := strings.Cut(c.balance(cus, g), " ")
		if num(sum) != want || i%4 == 1 && sum != 0 {
			t.Errorf("grant %d: entries add up to %d, the balance is %s", i, sum, want)
		}
	}
	if want := int64(37 * 36); applied != want {
		t.Errorf("%d credits were applied for usage of %d", applied, want)
	}
}
