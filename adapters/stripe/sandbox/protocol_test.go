package sandbox_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kit "scrip/adapters/sandbox"
	"scrip/adapters/stripe/sandbox"
)

func TestIdempotency(t *testing.T) {
	c := frozen(t)
	const key = "Idempotency-Key"
	body := form("name", "Ada", "metadata[a]", "1", "metadata[b]", "2")
	first := c.want(200, "POST", "/v1/customers", body, key, "k1")
	again := c.want(200, "POST", "/v1/customers", form("metadata[b]", "2", "metadata[a]", "1", "name", "Ada"), key, "k1")
	if string(first.raw) != string(again.raw) || again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("a repeated request answers %s %v", again.raw, again.header)
	}
	if first.header.Get("Request-Id") != again.header.Get("Request-Id") {
		t.Error("a stored answer does not carry its request's id")
	}
	other := c.want(400, "POST", "/v1/customers", "name=Bob", key, "k1")
	c.equal(other, "error.type", "idempotency_error")
	c.equal(c.want(400, "POST", "/v1/products", body, key, "k1"), "error.type", "idempotency_error")

	c.want(400, "POST", "/v1/customers", "nonsense=1", key, "k2") // failed validation leaves the key free
	c.want(200, "POST", "/v1/customers", "name=Free", key, "k2")
	c.want(400, "POST", "/v1/customers", "name=x", key, strings.Repeat("k", 256))
	if c.as("sk_other").want(200, "POST", "/v1/customers", "name=Bob", key, "k1").id() == first.id() {
		t.Error("two accounts share a key")
	}

	c.control("faults", `{"faults":[{"kind":"status","status":500}]}`) // nothing happened, nothing is stored
	c.want(500, "POST", "/v1/customers", "name=Later", key, "k3")
	c.want(200, "POST", "/v1/customers", "name=Later", key, "k3")

	inv := c.post("/v1/invoices", "customer", first.id()).id()
	c.post("/v1/invoiceitems", "customer", first.id(), "invoice", inv, "amount", "5", "currency", "usd")
	c.want(402, "POST", "/v1/invoices/"+inv+"/pay", "payment_method=pm_card_chargeDeclined", key, "k4") // executed: stored
	if r := c.want(402, "POST", "/v1/invoices/"+inv+"/pay", "payment_method=pm_card_chargeDeclined", key, "k4"); r.header.Get("Idempotent-Replayed") != "true" {
		t.Error("an executed failure is not stored")
	}
	for name, check := range map[string]func(){
		"replay_header_absent": func() {
			if r := c.want(200, "POST", "/v1/customers", body, key, "k1"); r.header.Get("Idempotent-Replayed") != "" {
				t.Error("the variant leaves the header")
			}
		},
		"idempotency_mismatch_409": func() { c.want(409, "POST", "/v1/customers", "name=Bob", key, "k1") },
		"not_found_kept": func() {
			c.want(404, "POST", "/v1/customers/cus_x", "name=a", key, "k5")
			if r := c.want(404, "POST", "/v1/customers/cus_x", "name=a", key, "k5"); r.header.Get("Idempotent-Replayed") != "true" {
				t.Error("the variant does not keep a 404")
			}
		},
	} {
		c.control("variant", `{"name":"`+name+`","on":true}`)
		check()
		c.control("variant", `{"name":"`+name+`","on":false}`)
	}
}

// TestIdempotencyEnds moves the wall clock: keys live for 24 hours of it,
// whatever business time says.
func TestIdempotencyEnds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := sandbox.New(kit.Options{Wall: func() time.Time { return now }})
	hs := httptest.NewServer(s)
	defer hs.Close()
	defer s.Close()
	c := &client{t: t, url: hs.URL, key: "k"}
	c.control("clock", `{"advance":"1h"}`)
	first := c.want(200, "POST", "/v1/customers", "name=a", "Idempotency-Key", "k1").id()
	c.control("clock", `{"advance":"2400h"}`)
	if c.want(200, "POST", "/v1/customers", "name=a", "Idempotency-Key", "k1").id() != first {
		t.Error("business time ended a key")
	}
	now = now.Add(24 * time.Hour)
	if c.want(200, "POST", "/v1/customers", "name=a", "Idempotency-Key", "k1").id() == first {
		t.Error("a key lives longer than 24 hours")
	}
}

func TestErrors(t *testing.T) {
	c := frozen(t)
	r := c.refuse(404, "url_invalid", "null", "GET", "/v1/nothing/here", "")
	c.equal(r, "error.type", "invalid_request_error")
	c.want(404, "PUT", "/v1/customers", "")
	c.refuse(404, "resource_missing", "id", "GET", "/v1/customers/cus_none", "")
	none := c.as("").want(401, "GET", "/v1/customers", "")
	c.equal(none, "error.type", "invalid_request_error")
	for status, want := range map[string]string{"429": "invalid_request_error rate_limit 7", "409": "invalid_request_error lock_timeout 7", "500": "api_error null 7", "503": "api_error null 7", "402": "card_error card_declined 7"} {
		c.control("faults", `{"faults":[{"kind":"status","status":`+status+`,"retry_after":"7"}]}`)
		got, err := c.do("GET", "/v1/customers", "")
		if err != nil {
			t.Fatal(err)
		}
		if have := got.text("error.type") + " " + got.text("error.code") + " " + got.header.Get("Retry-After"); have != want {
			t.Errorf("status %s: %s, want %s", status, have, want)
		}
		if status == "429" && got.header.Get("Stripe-Rate-Limited-Reason") == "" {
			t.Error("a rate limit without its reason")
		}
	}
}

func TestCustomers(t *testing.T) {
	c := frozen(t)
	a, b := c.customer("acct_a"), c.customer("acct_b")
	c.equal(c.get("/v1/customers?email=acct_a@example.com"), "data.0.id", a)
	c.equal(c.get("/v1/customers?email=ACCT_A@example.com"), "data", "[]")
	c.control("variant", `{"name":"email_filter_folds_case","on":true}`)
	c.equal(c.get("/v1/customers?email=ACCT_A@example.com"), "data.0.id", a)
	for query, want := range map[string]string{
		"metadata['external_id']:'acct_b'":                                     b,
		`metadata["external_id"]:"acct_b"`:                                     b,
		"email:'ACCT_A@example.com'":                                           a,
		"email~'acct_b' AND metadata['external_id']:'acct_b'":                  b,
		"metadata['external_id']:'acct_a' OR metadata['external_id']:'acct_a'": a,
		"-metadata['external_id']:'acct_a'":                                    b,
		"metadata['external_id']:'none'":                                       "null",
	} {
		c.equal(c.get("/v1/customers/search?query="+esc(strings.ReplaceAll(query, `"`, "%22"))), "data.0.id", want)
	}
	for _, query := range []string{"external_id:'a'", "metadata['a']", "", "email:'a' AND name:'b' OR name:'c'"} {
		c.want(400, "GET", "/v1/customers/search?query="+esc(query), "")
	}
	c.control("variant", `{"name":"search_lag","on":true}`)
	late := c.customer("late")
	for _, want := range []string{"null", "null", late} {
		c.equal(c.get("/v1/customers/search?query="+esc("metadata['external_id']:'late'")), "data.0.id", want)
	}
	c.want(200, "DELETE", "/v1/customers/"+a, "")
	c.equal(c.get("/v1/customers/"+a), "deleted", "true")
	c.want(404, "POST", "/v1/customers/"+a, "name=x")
	c.want(400, "POST", "/v1/billing/credit_grants", grantForm(a, "1"))
	c.equal(c.post("/v1/customers/"+b, "metadata", ""), "metadata", "{}")
}

func TestCustomerBalance(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	c.post("/v1/customers/"+cus+"/balance_transactions", "amount", "-500", "currency", "usd")
	c.equal(c.post("/v1/customers/"+cus+"/balance_transactions", "amount", "200", "currency", "usd"), "ending_balance", "-300")
	c.want(400, "POST", "/v1/customers/"+cus+"/balance_transactions", form("amount", "1", "currency", "eur"))
	inv := c.post("/v1/invoices", "customer", cus).id()
	c.post("/v1/invoiceitems", "customer", cus, "invoice", inv, "amount", "1000", "currency", "usd")
	r := c.post("/v1/invoices/" + inv + "/finalize")
	for path, want := range map[string]string{"total": "1000", "amount_due": "700", "starting_balance": "-300", "ending_balance": "0"} {
		c.equal(r, path, want)
	}
	c.post("/v1/invoices/" + inv + "/void")
	c.equal(c.get("/v1/customers/"+cus), "balance", "-300")
	types := ""
	for i := range 4 {
		types += c.get("/v1/customers/"+cus+"/balance_transactions").text("data."+num(int64(i))+".type") + " "
	}
	if types != "unapplied_from_invoice applied_to_invoice adjustment adjustment " {
		t.Errorf("balance transactions are %s", types)
	}
}

func TestEvents(t *testing.T) {
	c := frozen(t)
	hook := receive(t, ok)
	c.post("/v1/webhook_endpoints", "url", hook.url, "enabled_events[0]", "customer.updated", "api_version", "2025-02-24.acacia")
	cus := c.want(200, "POST", "/v1/customers", form("name", "Ada", "metadata[a]", "1"), "Idempotency-Key", "k1").id()
	c.post("/v1/customers/"+cus, "name", "Eve", "metadata[a]", "", "metadata[b]", "2")
	c.post("/v1/customers/"+cus, "name", "Eve") // changes nothing, tells nothing
	c.control("deliver", "")
	got := hook.all()
	if len(got) != 1 {
		t.Fatalf("%d deliveries, want 1: %s", len(got), hook.types())
	}
	sent := result{}
	json.Unmarshal(got[0].body, &sent.body) //nolint:errcheck // its fields are checked
	for path, want := range map[string]string{
		"type": "customer.updated", "api_version": "2025-02-24.acacia", "data.object.name": "Eve", "data.previous_attributes.name": "Ada",
		"data.previous_attributes.metadata": `{"a":"1","b":null}`, "object": "event", "livemode": "false", "pending_webhooks": "1",
	} {
		c.equal(sent, path, want)
	}
	made := c.get("/v1/events?type=customer.created")
	c.equal(made, "data.0.request.idempotency_key", "k1")
	c.equal(made, "data.0.api_version", "2023-10-16")
	c.equal(made, "data.0.data.object.name", "Ada") // as it was then
	c.equal(c.get("/v1/events?types[]=customer.updated&types[]=none"), "data.0.id", got[0].id)
	c.want(400, "GET", "/v1/events?types[]=a.b&type=c.d", "")
	c.equal(c.get("/v1/events?type=customer.*"), "data", "[]")
	c.control("variant", `{"name":"types_wildcard","on":true}`)
	c.equal(c.get("/v1/events?type=customer.*"), "data.0.type", "customer.updated")
	c.control("clock", `{"advance":"721h"}`)
	c.equal(c.get("/v1/events"), "data", "[]")
	c.want(404, "GET", "/v1/events/"+got[0].id, "")
}

func TestDeliverySuccess(t *testing.T) {
	c := frozen(t)
	var up atomic.Bool // however often the sender tries by itself meanwhile
	hook := receive(t, func(int) int {
		if up.Load() {
			return 200
		}
		return 500
	})
	c.control("webhooks", `{"url":"`+hook.url+`","secret":"s"}`)
	c.customer("a")
	c.control("deliver", "")
	c.equal(c.get("/v1/events?delivery_success=false"), "data.0.type", "customer.created")
	up.Store(true)
	c.control("deliver", "")
	c.equal(c.get("/v1/events?delivery_success=false"), "data", "[]")
	c.equal(c.get("/v1/events?delivery_success=true"), "data.0.type", "customer.created")
	c.equal(c.get("/v1/events"), "data.0.pending_webhooks", "0")
}

func TestBillingEventsWithheld(t *testing.T) {
	c := frozen(t)
	old, newer := receive(t, ok), receive(t, ok)
	c.control("variant", `{"name":"billing_events_not_delivered_to_2023_version","on":true}`)
	c.control("webhooks", `{"url":"`+old.url+`","secret":"s"}`)
	c.control("webhooks", `{"url":"`+newer.url+`","secret":"s","api_version":"2025-02-24.acacia"}`)
	c.grant(c.customer("a"), "5")
	c.control("deliver", "")
	if strings.Contains(old.types(), "billing.credit") || !strings.Contains(newer.types(), "billing.credit_grant.created") {
		t.Errorf("old endpoint got %s, new one %s", old.types(), newer.types())
	}
}

func TestEndpoints(t *testing.T) {
	c := frozen(t)
	hook := receive(t, ok)
	made := c.post("/v1/webhook_endpoints", "url", hook.url, "enabled_events[]", "*")
	key := made.text("secret")
	if !strings.HasPrefix(key, "whsec_") {
		t.Fatalf("no secret in %s", made.raw)
	}
	c.equal(c.get("/v1/webhook_endpoints/"+made.id()), "secret", "null")
	c.equal(c.get("/v1/webhook_endpoints"), "data.0.secret", "null")
	c.customer("a")
	c.control("deliver", "")
	got := hook.all()
	if len(got) != 1 {
		t.Fatalf("%d deliveries, want 1", len(got))
	}
	if err := verify(got[0].header.Get("Stripe-Signature"), got[0].body, key, time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Error(err)
	}
	c.equal(c.post("/v1/webhook_endpoints/"+made.id(), "disabled", "true"), "status", "disabled")
	c.customer("b")
	c.want(200, "DELETE", "/v1/webhook_endpoints/"+made.id(), "")
	c.want(404, "GET", "/v1/webhook_endpoints/"+made.id(), "")
	c.customer("c")
	c.control("deliver", "")
	if n := len(hook.all()); n != 1 {
		t.Errorf("a disabled and a deleted endpoint got %d more", n-1)
	}
	for _, body := range []string{"url=nonsense&enabled_events[]=*", "url=http://a.example", "url=http://a.example&enabled_events[]=not%20one"} {
		c.want(400, "POST", "/v1/webhook_endpoints", body)
	}
}
