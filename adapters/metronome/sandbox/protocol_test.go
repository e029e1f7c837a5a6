package sandbox_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"scrip/adapters/metronome/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

const idempotency = "Idempotency-Key"

// Keys live for a day of the wall clock, and keep failures that came after
// execution began.
func TestIdempotency(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := sandbox.New(kit.Options{Wall: func() time.Time { return now }})
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	c := &client{Client: &sandboxtest.Client{T: t, URL: hs.URL, Key: "k"}}
	send := func(status int, name, key string) string {
		t.Helper()
		return c.Want(status, "POST", "/v1/customers", `{"name":"`+name+`"}`, idempotency, key).Text("data.id")
	}
	first := send(200, "Ada", "k1")
	if send(200, "Ada", "k1") != first {
		t.Error("a key made a second customer")
	}
	send(409, "Eve", "k1")
	send(400, "", "k2")
	send(200, "Ada", "k2") // a refusal leaves the key free
	now = now.Add(24 * time.Hour)
	if send(200, "Ada", "k1") == first {
		t.Error("a key lives longer than 24 hours")
	}
	for _, tc := range []struct {
		name, fault, variant string
		then, made           int
	}{
		{"after the effect", `"kind":"status_after","status":500`, "", 500, 1},
		{"without effect", `"kind":"status","status":500`, "", 200, 1},
		{"kept without effect", `"kind":"status","status":503`, "failures_kept_without_effect", 503, 0},
		{"too many requests", `"kind":"status_after","status":429`, "failures_kept_without_effect", 200, 1},
		{"lost", `"kind":"timeout_after","delay":"1ms"`, "", 200, 1},
	} {
		if tc.variant != "" {
			c.Variant(tc.variant)
		}
		before := c.Get("/v1/customers?limit=100").Count("data")
		c.Control("faults", `{"faults":[{`+tc.fault+`}]}`)
		c.Do("POST", "/v1/customers", `{"name":"x"}`, idempotency, tc.name) //nolint:errcheck // it fails on purpose
		for range 2 {
			send(tc.then, "x", tc.name)
		}
		if made := c.Get("/v1/customers?limit=100").Count("data") - before; made != tc.made {
			t.Errorf("%s: %d customers, want %d", tc.name, made, tc.made)
		}
	}
}

func TestErrors(t *testing.T) {
	c := start(t)
	c.Control("faults", `{"faults":[{"kind":"status","status":429,"retry_after":"7"}]}`)
	if got := c.Want(429, "GET", "/v1/customers", ""); got.Header.Get("Retry-After") != "7" || got.Text("message") == "" {
		t.Errorf("429: %s %v", got.Raw, got.Header)
	}
	for _, tc := range []struct {
		status             int
		method, path, body string
	}{
		{404, "GET", "/v1/nothing", ""}, {404, "POST", "/v1/invoices/void", `{"id":"` + c.units + `"}`}, {400, "POST", "/v1/customers", `{"name":`},
		{400, "POST", "/v1/customers", `{"name":"x"} {}`}, {400, "GET", "/v1/customers?limit=101", ""}, {400, "POST", credits + "create", ``},
		{404, "POST", "/v1/contract-pricing/products/get", `{"id":"` + c.units + `"}`}, {400, "POST", "/v1/contracts/create", `{"customer_id":"x"}`},
	} {
		if got := c.Want(tc.status, tc.method, tc.path, tc.body); got.Text("message") == "" || len(got.Body) != 1 {
			t.Errorf("%s %s: %s, want a message alone", tc.method, tc.path, got.Raw)
		}
	}
	got := c.Want(400, "POST", "/v2/contracts/credits/archive", `{"customer_id":"`+c.units+`","credit_id":"`+c.units+`"}`)
	c.Equal(got, "code", "CustomerNotFound")
}

// The sender gives up after about two hundred tries.
func TestRetryEnds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := sandbox.New(kit.Options{Wall: func() time.Time { return now }})
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	c := &client{Client: &sandboxtest.Client{T: t, URL: hs.URL, Key: "k"}}
	in := sandboxtest.Receive(t, func(int) int { return 500 })
	c.Control("webhooks", `{"url":"`+in.URL+`","secret":"`+secret+`"}`)
	c.Control("mutate", `{"object":"webhook","id":"","op":"set"}`)
	for range 250 {
		c.Control("deliver", "")
	}
	c.Equal(c.Get("/_sandbox/webhooks"), "deliveries.0.state", "failed")
	if n := len(in.All()); n < 195 || n > 205 {
		t.Errorf("%d tries, want about 200", n)
	}
}

func TestMutate(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	id, segment := c.credit(cus, `"name":"Gift"`, item("5", "01T12", "20T00"))
	c.manual(cus, id, segment, "-1", "")
	in := c.receive()
	mutate := func(status int, object, id, rest string) {
		t.Helper()
		c.Want(status, "POST", "/_sandbox/mutate", `{"object":"`+object+`","id":"`+id+`",`+rest+`}`)
	}
	mutate(200, "credit", id, `"op":"set","fields":{"name":"Present"},"webhook":true`)
	mutate(200, "credit", id, `"op":"duplicate","webhook":true`)
	mutate(200, "ledger_entry", id+"/0", `"op":"set","fields":{"amount":"-2"}`)
	mutate(200, "ledger_entry", id+"/0", `"op":"duplicate"`)
	c.tells(cus, id, "SEGMENT_START 5, MANUAL -2, MANUAL -2", "1")
	twin := c.post(balances+"list", `"customer_id":"`+cus+`"`)
	c.Equal(twin, "data.1.name", "Present")
	c.tells(cus, twin.Text("data.1.id"), "SEGMENT_START 5, MANUAL -1", "4")
	mutate(200, "ledger_entry", id+"/0", `"op":"delete"`)
	c.tells(cus, id, "SEGMENT_START 5, MANUAL -2", "3")
	mutate(200, "credit", id, `"op":"delete","webhook":true`)
	if got := c.grant(cus, id); got.Count("data") != 0 {
		t.Errorf("a deleted grant: %s", got.Raw)
	}
	mutate(200, "customer", cus, `"op":"set","fields":{"name":"Eve"}`)
	c.Equal(c.Get("/v1/customers/"+cus), "data.name", "Eve")
	mutate(200, "product", c.goods, `"op":"delete"`)
	c.refused(400, credits+"create", c.body(cus, "", item("1", "01T12", "02T12")), "archived")
	mutate(404, "ledger_entry", twin.Text("data.1.id")+"/7", `"op":"delete"`)
	mutate(400, "credit", twin.Text("data.1.id"), `"op":"set","fields":{"id":"x"}`)
	mutate(400, "credit", twin.Text("data.1.id"), `"op":"set","fields":{"nonsense":1}`)
	mutate(400, "house", "x", `"op":"set"`)
	if types := sandboxtest.Types(in.News(c.Client)); !strings.HasPrefix(types, "credit.edit credit.create") || !strings.HasSuffix(types, "credit.archive") {
		t.Errorf("events %s", types)
	}
}
