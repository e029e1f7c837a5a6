package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters/sandbox/sandboxtest"
)

const hour = time.Hour

// refuse demands a status, code and param.
func (c *client) refuse(status int, code, param, method, path, body string) sandboxtest.Answer {
	c.T.Helper()
	r := c.Want(status, method, path, body)
	c.Equal(r, "error.code", code)
	c.Equal(r, "error.param", param)
	if r.Header.Get("Request-Id") == "" {
		c.T.Error("an error without Request-Id")
	}
	return r
}

func TestGrantValidation(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	flat := c.post("/v1/prices", "currency", "usd", "unit_amount", "1", "product_data[name]", "x").ID()
	without := func(drop string, more ...string) string {
		var kept []string
		for _, pair := range strings.Split(grantForm(cus, "100", more...), "&") {
			if !strings.HasPrefix(pair, strings.NewReplacer("[", "%5B", "]", "%5D").Replace(drop)+"=") {
				kept = append(kept, pair)
			}
		}
		return strings.Join(kept, "&")
	}
	for name, tc := range map[string]struct{ body, code, param string }{
		"no customer":         {without("customer"), "parameter_missing", "customer"},
		"unknown customer":    {grantForm("cus_none", "1"), "resource_missing", "customer"},
		"no type":             {without("amount[type]"), "parameter_missing", "amount[type]"},
		"wrong type":          {strings.Replace(grantForm(cus, "1"), "monetary&", "custom&", 1), "", "amount[type]"},
		"no value":            {without("amount[monetary][value]"), "parameter_missing", "amount[monetary][value]"},
		"zero":                {grantForm(cus, "0"), "parameter_invalid_integer", "amount[monetary][value]"},
		"negative":            {grantForm(cus, "-5"), "parameter_invalid_integer", "amount[monetary][value]"},
		"fraction":            {grantForm(cus, "1.5"), "parameter_invalid_integer", "amount[monetary][value]"},
		"no scope":            {without("applicability_config[scope][price_type]"), "parameter_missing", "applicability_config[scope]"},
		"both scopes":         {grantForm(cus, "1", "applicability_config[scope][prices][0][id]", flat), "", "applicability_config[scope]"},
		"scope not metered":   {without("applicability_config[scope][price_type]", "applicability_config[scope][prices][0][id]", flat), "", "applicability_config[scope][prices][0][id]"},
		"scope unknown":       {without("applicability_config[scope][price_type]", "applicability_config[scope][prices][0][id]", "price_x"), "resource_missing", "applicability_config[scope][prices][0][id]"},
		"category":            {grantForm(cus, "1", "category", "gift"), "", "category"},
		"priority high":       {grantForm(cus, "1", "priority", "101"), "", "priority"},
		"priority low":        {grantForm(cus, "1", "priority", "-1"), "", "priority"},
		"expires in the past": {grantForm(cus, "1", "expires_at", unix(-hour)), "", "expires_at"},
		"expires now":         {grantForm(cus, "1", "expires_at", unix(0)), "", "expires_at"},
		"expires at effect":   {grantForm(cus, "1", "effective_at", unix(hour), "expires_at", unix(hour)), "", "expires_at"},
		"long name":           {grantForm(cus, "1", "name", strings.Repeat("x", 101)), "parameter_invalid_string", "name"},
		"unknown parameter":   {grantForm(cus, "1", "expiry", "1"), "parameter_unknown", "expiry"},
		"unknown nested":      {grantForm(cus, "1", "amount[monetary][unit]", "1"), "parameter_unknown", "amount[monetary][unit]"},
		"long metadata":       {grantForm(cus, "1", "metadata[k]", strings.Repeat("x", 501)), "", "metadata[k]"},
	} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.T = t
			c.refuse(400, tc.code, tc.param, "POST", "/v1/billing/credit_grants", tc.body)
		})
	}
	if n := c.Get("/v1/billing/credit_grants").At("data"); len(n.([]any)) != 0 {
		t.Errorf("a refused grant exists: %v", n)
	}
}

func TestGrantLife(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	g := c.grant(cus, "1000", "category", "promotional", "expires_at", unix(48*hour), "metadata[a]", "1", "metadata[b]", "2")
	c.Equal(c.Get("/v1/billing/credit_grants/"+g), "expires_at", unix(48*hour))
	for _, field := range []string{"amount[monetary][value]", "priority", "category", "name", "effective_at"} {
		c.refuse(400, "parameter_unknown", field, "POST", "/v1/billing/credit_grants/"+g, form(field, "1"))
	}
	up := c.post("/v1/billing/credit_grants/"+g, "metadata[a]", "", "metadata[c]", "3")
	c.Equal(up, "metadata", `{"b":"2","c":"3"}`)
	c.Equal(c.post("/v1/billing/credit_grants/"+g, "expires_at", ""), "expires_at", "")
	c.Equal(c.post("/v1/billing/credit_grants/"+g, "expires_at", unix(72*hour)), "expires_at", unix(72*hour))
	c.Want(400, "POST", "/v1/billing/credit_grants/"+g, form("expires_at", unix(-hour)))

	c.Control("clock", `{"advance":"24h"}`)
	ended := c.post("/v1/billing/credit_grants/" + g + "/expire")
	c.Equal(ended, "expires_at", unix(24*hour))
	for _, again := range []string{"/expire", "/void"} {
		c.Want(400, "POST", "/v1/billing/credit_grants/"+g+again, "")
	}
	c.Want(400, "POST", "/v1/billing/credit_grants/"+g, form("expires_at", unix(99*hour)))
	v := c.grant(cus, "500")
	c.Equal(c.post("/v1/billing/credit_grants/"+v+"/void"), "voided_at", unix(24*hour))
	c.Want(400, "POST", "/v1/billing/credit_grants/"+v+"/void", "")
	if got := c.ledger(cus, ""); got != "credits_voided 500, credits_granted 500, credits_expired 1000, credits_granted 1000" {
		t.Errorf("the ledger says %s", got)
	}
	state := c.Get("/_sandbox/state")
	c.Equal(state, "customers.0.grants.0.state", "expired")
	c.Equal(state, "customers.0.grants.1.state", "voided")
	c.Equal(state, "customers.0.grants.1.remaining", "0.00")
}

// ledger lists a customer's entries, newest first.
func (c *client) ledger(cus, grant string) string {
	c.T.Helper()
	path := "/v1/billing/credit_balance_transactions?limit=100&customer=" + cus
	if grant != "" {
		path += "&credit_grant=" + grant
	}
	r := c.Get(path)
	var list []string
	for i := range r.At("data").([]any) {
		side := fmt.Sprintf("data.%d.%s", i, r.Text(fmt.Sprintf("data.%d.type", i)))
		list = append(list, r.Text(side+".type")+" "+r.Text(side+".amount.monetary.value"))
	}
	return strings.Join(list, ", ")
}

// balance is ledger and available balance of one grant.
func (c *client) balance(cus, grant string) string {
	c.T.Helper()
	r := c.Get("/v1/billing/credit_balance_summary?customer=" + cus + "&filter[type]=credit_grant&filter[credit_grant]=" + grant)
	return r.Text("balances.0.ledger_balance.monetary.value") + " " + r.Text("balances.0.available_balance.monetary.value")
}

func TestGrantTimes(t *testing.T) {
	c := frozen(t)
	hook := sandboxtest.Receive(t, nil)
	c.Control("webhooks", `{"url":"`+hook.URL+`","secret":"s"}`)
	cus := c.customer("a")
	later := c.grant(cus, "300", "effective_at", unix(10*hour), "expires_at", unix(20*hour))
	if got := c.balance(cus, later); got != "0 0" {
		t.Errorf("a grant that has not begun has balances %s", got)
	}
	c.Equal(c.Get("/_sandbox/state"), "customers.0.grants.0.state", "pending")
	c.Control("clock", `{"advance":"10h"}`)
	if got := c.balance(cus, later); got != "300 300" {
		t.Errorf("a grant that has begun has balances %s", got)
	}
	c.Control("clock", `{"advance":"100h"}`)
	if got := c.balance(cus, later); got != "0 0" {
		t.Errorf("a grant that has ended has balances %s", got)
	}
	entry := c.Get("/v1/billing/credit_balance_transactions?customer=" + cus)
	c.Equal(entry, "data.0.debit.type", "credits_expired")
	c.Equal(entry, "data.0.created", unix(20*hour)) // at its own instant, not at the end of the move
	c.Control("deliver", "")
	if n := strings.Count(sandboxtest.Types(hook.All()), "billing.credit_balance_transaction.created"); n != 2 {
		t.Errorf("%d ledger events were sent, want 2: %s", n, sandboxtest.Types(hook.All()))
	}
}

func TestNaturalExpirySilent(t *testing.T) {
	c := frozen(t)
	c.Control("variant", `{"name":"natural_expiry_silent","on":true}`)
	cus := c.customer("a")
	g := c.grant(cus, "300", "expires_at", unix(10*hour))
	c.Control("clock", `{"advance":"11h"}`)
	if got := c.balance(cus, g); got != "300 0" {
		t.Errorf("ledger and available are %s after a silent expiry, want 300 0", got)
	}
	c.Control("clock", `{"advance":"24h"}`)
	if got := c.balance(cus, g); got != "0 0" {
		t.Errorf("ledger and available are %s a day later, want 0 0", got)
	}
}

func TestUnusedGrantLimit(t *testing.T) {
	c := frozen(t)
	cus, first := c.customer("a"), ""
	for range 100 {
		first = c.grant(cus, "1")
	}
	r := c.Want(400, "POST", "/v1/billing/credit_grants", grantForm(cus, "1"))
	if !strings.Contains(r.Text("error.message"), "100") {
		t.Errorf("the limit is refused with %s", r.Raw)
	}
	c.grant(c.customer("b"), "1")
	c.post("/v1/billing/credit_grants/" + first + "/void")
	c.grant(cus, "1")
}

func TestSummary(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	m := c.meter("credits")
	price := c.meteredPrice(m, "1")
	all := c.grant(cus, "100")
	c.Want(200, "POST", "/v1/billing/credit_grants", form("customer", cus, "amount[type]", "monetary", "amount[monetary][currency]", "usd",
		"amount[monetary][value]", "30", "applicability_config[scope][prices][0][id]", price))
	c.Want(200, "POST", "/v1/billing/credit_grants", strings.Replace(grantForm(cus, "7"), "usd", "EUR", 1))
	c.grant(c.customer("b"), "5000")
	base := "/v1/billing/credit_balance_summary?customer=" + cus
	c.refuse(400, "parameter_missing", "filter", "GET", base, "")
	c.refuse(400, "parameter_missing", "filter[credit_grant]", "GET", base+"&filter[type]=credit_grant", "")
	c.refuse(400, "parameter_missing", "customer", "GET", "/v1/billing/credit_balance_summary?filter[type]=credit_grant&filter[credit_grant]="+all, "")
	metered := c.Get(base + "&filter[type]=applicability_scope&filter[applicability_scope][price_type]=metered")
	c.Equal(metered, "balances.0.available_balance.monetary", `{"currency":"usd","value":100}`)
	c.Equal(metered, "balances.1.available_balance.monetary", `{"currency":"eur","value":7}`)
	one := c.Get(base + "&filter[type]=applicability_scope&filter[applicability_scope][prices][0][id]=" + price)
	c.Equal(one, "balances.0.available_balance.monetary.value", "130")
	if got := c.balance(cus, all); got != "100 100" {
		t.Errorf("one grant's balances are %s", got)
	}
}

func TestPages(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	var made []string
	for range 5 {
		made = append(made, c.grant(cus, "1"))
	}
	slices.Reverse(made)
	ids := func(query string) string {
		r := c.Get("/v1/billing/credit_grants?customer=" + cus + query)
		text := r.Text("has_more")
		for i := range r.At("data").([]any) {
			text += " " + fmt.Sprint(slices.Index(made, r.Text(fmt.Sprintf("data.%d.id", i))))
		}
		return text
	}
	for query, want := range map[string]string{
		"":                                    "false 0 1 2 3 4",
		"&limit=2":                            "true 0 1",
		"&limit=2&starting_after=" + made[1]:  "true 2 3",
		"&limit=2&starting_after=" + made[3]:  "false 4",
		"&limit=2&ending_before=" + made[4]:   "true 2 3",
		"&limit=100&ending_before=" + made[1]: "false 0",
		"&starting_after=" + made[4]:          "false",
	} {
		if got := ids(query); got != want {
			t.Errorf("%q gives %s, want %s", query, got, want)
		}
	}
	for _, bad := range []string{"?limit=0", "?limit=101", "?limit=x", "?starting_after=credgr_none", "?starting_after=" + made[0] + "&ending_before=" + made[1], "?offset=1"} {
		c.Want(400, "GET", "/v1/billing/credit_grants"+bad, "")
	}
}

func TestGrantVariants(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	c.grant(cus, "1", "effective_at", unix(-hour))
	c.Control("variant", `{"name":"past_effective_at_refused","on":true}`)
	c.refuse(400, "", "effective_at", "POST", "/v1/billing/credit_grants", grantForm(cus, "1", "effective_at", unix(-hour)))
	c.Control("variant", `{"name":"read_lag","on":true}`)
	g := c.grant(cus, "2")
	c.Want(404, "GET", "/v1/billing/credit_grants/"+g, "")
	c.Get("/v1/billing/credit_grants/" + g)
	c.Control("variant", `{"name":"credit_calls_need_acacia","on":true}`)
	c.Want(404, "GET", "/v1/billing/credit_grants/"+g, "", "Stripe-Version", "2023-10-16")
	c.Want(200, "GET", "/v1/billing/credit_grants/"+g, "", "Stripe-Version", "2025-02-24.acacia")
	c.Control("variant", `{"name":"credit_calls_need_acacia","on":false}`)
	c.Control("variant", `{"name":"expired_grant_update_accepted","on":true}`)
	c.post("/v1/billing/credit_grants/" + g + "/expire")
	c.Equal(c.post("/v1/billing/credit_grants/"+g, "expires_at", unix(hour)), "expires_at", unix(hour))
	if got := c.balance(cus, g); got != "0 0" {
		t.Errorf("an expired grant got its rest back: %s", got)
	}
}
