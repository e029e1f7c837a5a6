package sandbox_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

func TestIdempotency(t *testing.T) {
	c := frozen(t)
	const key = "Idempotency-Key"
	body := form("name", "Ada", "metadata[a]", "1", "metadata[b]", "2")
	first := c.Want(200, "POST", "/v1/customers", body, key, "k1")
	again := c.Want(200, "POST", "/v1/customers", form("metadata[b]", "2", "metadata[a]", "1", "name", "Ada"), key, "k1")
	if string(first.Raw) != string(again.Raw) || again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("a repeated request answers %s %v", again.Raw, again.Header)
	}
	if first.Header.Get("Request-Id") != again.Header.Get("Request-Id") {
		t.Error("a stored answer does not carry its request's id")
	}
	other := c.Want(400, "POST", "/v1/customers", "name=Bob", key, "k1")
	c.Equal(other, "error.type", "idempotency_error")
	c.Equal(c.Want(400, "POST", "/v1/products", body, key, "k1"), "error.type", "idempotency_error")

	c.Want(400, "POST", "/v1/customers", "nonsense=1", key, "k2") // failed validation leaves the key free
	c.Want(200, "POST", "/v1/customers", "name=Free", key, "k2")
	c.Want(400, "POST", "/v1/customers", "name=x", key, strings.Repeat("k", 256))
	if c.as("sk_other").Want(200, "POST", "/v1/customers", "name=Bob", key, "k1").ID() == first.ID() {
		t.Error("two accounts share a key")
	}

	c.Control("faults", `{"faults":[{"kind":"status","status":500}]}`) // nothing happened, nothing is stored
	c.Want(500, "POST", "/v1/customers", "name=Later", key, "k3")
	c.Want(200, "POST", "/v1/customers", "name=Later", key, "k3")

	inv := c.post("/v1/invoices", "customer", first.ID()).ID()
	c.post("/v1/invoiceitems", "customer", first.ID(), "invoice", inv, "amount", "5", "currency", "usd")
	c.Want(402, "POST", "/v1/invoices/"+inv+"/pay", "payment_method=pm_card_chargeDeclined", key, "k4") // executed: stored
	if r := c.Want(402, "POST", "/v1/invoices/"+inv+"/pay", "payment_method=pm_card_chargeDeclined", key, "k4"); r.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("an executed failure is not stored")
	}
	for name, check := range map[string]func(){
		"replay_header_absent": func() {
			if r := c.Want(200, "POST", "/v1/customers", body, key, "k1"); r.Header.Get("Idempotent-Replayed") != "" {
				t.Error("the variant leaves the header")
			}
		},
		"idempotency_mismatch_409": func() { c.Want(409, "POST", "/v1/customers", "name=Bob", key, "k1") },
		"not_found_kept": func() {
			c.Want(404, "POST", "/v1/customers/cus_x", "name=a", key, "k5")
			if r := c.Want(404, "POST", "/v1/customers/cus_x", "name=a", key, "k5"); r.Header.Get("Idempotent-Replayed") != "true" {
				t.Error("the variant does not keep a 404")
			}
		},
	} {
		c.Control("variant", `{"name":"`+name+`","on":true}`)
		check()
		c.Control("variant", `{"name":"`+name+`","on":false}`)
	}
}

// TestIdempotencyEnds moves the wall clock: keys live for 24 hours of it,
// whatever business time says.
func TestIdempotencyEnds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := startWith(t, kit.Options{Wall: func() time.Time { return now }})
	c.Control("clock", `{"advance":"1h"}`)
	first := c.Want(200, "POST", "/v1/customers", "name=a", "Idempotency-Key", "k1").ID()
	c.Control("clock", `{"advance":"2400h"}`)
	if c.Want(200, "POST", "/v1/customers", "name=a", "Idempotency-Key", "k1").ID() != first {
		t.Error("business time ended a key")
	}
	now = now.Add(24 * time.Hour)
	if c.Want(200, "POST", "/v1/customers", "name=a", "Idempotency-Key", "k1").ID() == first {
		t.Error("a key lives longer than 24 hours")
	}
}

func TestErrors(t *testing.T) {
	c := frozen(t)
	r := c.refuse(404, "url_invalid", "", "GET", "/v1/nothing/here", "")
	c.Equal(r, "error.type", "invalid_request_error")
	c.Want(404, "PUT", "/v1/customers", "")
	c.refuse(404, "resource_missing", "id", "GET", "/v1/customers/cus_none", "")
	none := c.as("").Want(401, "GET", "/v1/customers", "")
	c.Equal(none, "error.type", "invalid_request_error")
	for status, want := range map[string]string{"429": "invalid_request_error rate_limit 7", "409": "invalid_request_error lock_timeout 7", "500": "api_error  7", "503": "api_error  7", "402": "card_error card_declined 7"} {
		c.Control("faults", `{"faults":[{"kind":"status","status":`+status+`,"retry_after":"7"}]}`)
		got, err := c.Do("GET", "/v1/customers", "")
		if err != nil {
			t.Fatal(err)
		}
		if have := got.Text("error.type") + " " + got.Text("error.code") + " " + got.Header.Get("Retry-After"); have != want {
			t.Errorf("status %s: %s, want %s", status, have, want)
		}
		if status == "429" && got.Header.Get("Stripe-Rate-Limited-Reason") == "" {
			t.Error("a rate limit without its reason")
		}
	}
}

func TestCustomers(t *testing.T) {
	c := frozen(t)
	a, b := c.customer("acct_a"), c.customer("acct_b")
	c.Equal(c.Get("/v1/customers?email=acct_a@example.com"), "data.0.id", a)
	c.Equal(c.Get("/v1/customers?email=ACCT_A@example.com"), "data", "[]")
	c.Control("variant", `{"name":"email_filter_folds_case","on":true}`)
	c.Equal(c.Get("/v1/customers?email=ACCT_A@example.com"), "data.0.id", a)
	for query, want := range map[string]string{
		"metadata['external_id']:'acct_b'":                                     b,
		`metadata["external_id"]:"acct_b"`:                                     b,
		"email:'ACCT_A@example.com'":                                           a,
		"email~'acct_b' AND metadata['external_id']:'acct_b'":                  b,
		"metadata['external_id']:'acct_a' OR metadata['external_id']:'acct_a'": a,
		"-metadata['external_id']:'acct_a'":                                    b,
		"metadata['external_id']:'none'":                                       "",
	} {
		c.Equal(c.Get("/v1/customers/search?query="+esc(strings.ReplaceAll(query, `"`, "%22"))), "data.0.id", want)
	}
	for _, query := range []string{"external_id:'a'", "metadata['a']", "", "email:'a' AND name:'b' OR name:'c'"} {
		c.Want(400, "GET", "/v1/customers/search?query="+esc(query), "")
	}
	c.Control("variant", `{"name":"search_lag","on":true}`)
	late := c.customer("late")
	for _, want := range []string{"", "", late} {
		c.Equal(c.Get("/v1/customers/search?query="+esc("metadata['external_id']:'late'")), "data.0.id", want)
	}
	c.Want(200, "DELETE", "/v1/customers/"+a, "")
	c.Equal(c.Get("/v1/customers/"+a), "deleted", "true")
	c.Want(404, "POST", "/v1/customers/"+a, "name=x")
	c.Want(400, "POST", "/v1/billing/credit_grants", grantForm(a, "1"))
	c.Equal(c.post("/v1/customers/"+b, "metadata", ""), "metadata", "{}")
}

func TestCustomerBalance(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	c.post("/v1/customers/"+cus+"/balance_transactions", "amount", "-500", "currency", "usd")
	c.Equal(c.post("/v1/customers/"+cus+"/balance_transactions", "amount", "200", "currency", "usd"), "ending_balance", "-300")
	c.Want(400, "POST", "/v1/customers/"+cus+"/balance_transactions", form("amount", "1", "currency", "eur"))
	inv := c.post("/v1/invoices", "customer", cus).ID()
	c.post("/v1/invoiceitems", "customer", cus, "invoice", inv, "amount", "1000", "currency", "usd")
	r := c.post("/v1/invoices/" + inv + "/finalize")
	for path, want := range map[string]string{"total": "1000", "amount_due": "700", "starting_balance": "-300", "ending_balance": "0"} {
		c.Equal(r, path, want)
	}
	c.post("/v1/invoices/" + inv + "/void")
	c.Equal(c.Get("/v1/customers/"+cus), "balance", "-300")
	types := ""
	for i := range 4 {
		types += c.Get("/v1/customers/"+cus+"/balance_transactions").Text("data."+num(int64(i))+".type") + " "
	}
	if types != "unapplied_from_invoice applied_to_invoice adjustment adjustment " {
		t.Errorf("balance transactions are %s", types)
	}
}

func TestEvents(t *testing.T) {
	c := frozen(t)
	hook := sandboxtest.Receive(t, nil)
	c.post("/v1/webhook_endpoints", "url", hook.URL, "enabled_events[0]", "customer.updated", "api_version", "2025-02-24.acacia")
	cus := c.Want(200, "POST", "/v1/customers", form("name", "Ada", "metadata[a]", "1"), "Idempotency-Key", "k1").ID()
	c.post("/v1/customers/"+cus, "name", "Eve", "metadata[a]", "", "metadata[b]", "2")
	c.post("/v1/customers/"+cus, "name", "Eve") // changes nothing, tells nothing
	c.Control("deliver", "")
	got := hook.All()
	if len(got) != 1 {
		t.Fatalf("%d deliveries, want 1: %s", len(got), sandboxtest.Types(hook.All()))
	}
	sent := got[0]
	for path, want := range map[string]string{
		"type": "customer.updated", "api_version": "2025-02-24.acacia", "data.object.name": "Eve", "data.previous_attributes.name": "Ada",
		"data.previous_attributes.metadata": `{"a":"1","b":null}`, "object": "event", "livemode": "false", "pending_webhooks": "1",
	} {
		c.Equal(sent, path, want)
	}
	made := c.Get("/v1/events?type=customer.created")
	c.Equal(made, "data.0.request.idempotency_key", "k1")
	c.Equal(made, "data.0.api_version", "2023-10-16")
	c.Equal(made, "data.0.data.object.name", "Ada") // as it was then
	c.Equal(c.Get("/v1/events?types[]=customer.updated&types[]=none"), "data.0.id", got[0].ID())
	c.Want(400, "GET", "/v1/events?types[]=a.b&type=c.d", "")
	c.Equal(c.Get("/v1/events?type=customer.*"), "data", "[]")
	c.Control("variant", `{"name":"types_wildcard","on":true}`)
	c.Equal(c.Get("/v1/events?type=customer.*"), "data.0.type", "customer.updated")
	c.Control("clock", `{"advance":"721h"}`)
	c.Equal(c.Get("/v1/events"), "data", "[]")
	c.Want(404, "GET", "/v1/events/"+got[0].ID(), "")
}

func TestDeliverySuccess(t *testing.T) {
	c := frozen(t)
	var up atomic.Bool // however often the sender tries by itself meanwhile
	hook := sandboxtest.Receive(t, func(int) int {
		if up.Load() {
			return 200
		}
		return 500
	})
	c.Control("webhooks", `{"url":"`+hook.URL+`","secret":"s"}`)
	c.customer("a")
	c.Control("deliver", "")
	c.Equal(c.Get("/v1/events?delivery_success=false"), "data.0.type", "customer.created")
	up.Store(true)
	c.Control("deliver", "")
	c.Equal(c.Get("/v1/events?delivery_success=false"), "data", "[]")
	c.Equal(c.Get("/v1/events?delivery_success=true"), "data.0.type", "customer.created")
	c.Equal(c.Get("/v1/events"), "data.0.pending_webhooks", "0")
}

func TestBillingEventsWithheld(t *testing.T) {
	c := frozen(t)
	old, newer := sandboxtest.Receive(t, nil), sandboxtest.Receive(t, nil)
	c.Control("variant", `{"name":"billing_events_not_delivered_to_2023_version","on":true}`)
	c.Control("webhooks", `{"url":"`+old.URL+`","secret":"s"}`)
	c.Control("webhooks", `{"url":"`+newer.URL+`","secret":"s","api_version":"2025-02-24.acacia"}`)
	c.grant(c.customer("a"), "5")
	c.Control("deliver", "")
	if strings.Contains(sandboxtest.Types(old.All()), "billing.credit") || !strings.Contains(sandboxtest.Types(newer.All()), "billing.credit_grant.created") {
		t.Errorf("old endpoint got %s, new one %s", sandboxtest.Types(old.All()), sandboxtest.Types(newer.All()))
	}
}

func TestEndpoints(t *testing.T) {
	c := frozen(t)
	hook := sandboxtest.Receive(t, nil)
	made := c.post("/v1/webhook_endpoints", "url", hook.URL, "enabled_events[]", "*")
	key := made.Text("secret")
	if !strings.HasPrefix(key, "whsec_") {
		t.Fatalf("no secret in %s", made.Raw)
	}
	c.Equal(c.Get("/v1/webhook_endpoints/"+made.ID()), "secret", "")
	c.Equal(c.Get("/v1/webhook_endpoints"), "data.0.secret", "")
	c.customer("a")
	c.Control("deliver", "")
	got := hook.All()
	if len(got) != 1 {
		t.Fatalf("%d deliveries, want 1", len(got))
	}
	if err := verify(got[0].Header.Get("Stripe-Signature"), got[0].Raw, key, time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Error(err)
	}
	c.Equal(c.post("/v1/webhook_endpoints/"+made.ID(), "disabled", "true"), "status", "disabled")
	c.customer("b")
	c.Want(200, "DELETE", "/v1/webhook_endpoints/"+made.ID(), "")
	c.Want(404, "GET", "/v1/webhook_endpoints/"+made.ID(), "")
	c.customer("c")
	c.Control("deliver", "")
	if n := len(hook.All()); n != 1 {
		t.Errorf("a disabled and a deleted endpoint got %d more", n-1)
	}
	for _, body := range []string{"url=nonsense&enabled_events[]=*", "url=http://a.example", "url=http://a.example&enabled_events[]=not%20one"} {
		c.Want(400, "POST", "/v1/webhook_endpoints", body)
	}
}
