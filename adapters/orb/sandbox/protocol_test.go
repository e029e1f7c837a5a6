package sandbox_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"scrip/adapters/sandbox/sandboxtest"
)

func TestCustomers(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a/b credits")
	for _, path := range []string{"/v1/customers/" + cus, "/v1/customers/external_customer_id/a%2Fb%20credits"} {
		if got := c.Get(path); got.Text("id") != cus || got.Text("external_customer_id") != "a/b credits" || got.Text("created_at") != "2099-03-01T12:00:00+00:00" {
			t.Errorf("%s: %s", path, got.Raw)
		}
	}
	c.Get("/v1/customers/external_customer_id/a%2Fb%20credits/credits")
	word := c.customer("credits") // a word that is a path elsewhere
	if got := c.Get("/v1/customers/external_customer_id/credits").Text("id"); got != word {
		t.Errorf("external id \"credits\" finds %s", got)
	}
	in := c.receive("")
	c.Want(200, "PUT", "/v1/customers/external_customer_id/credits", `{"metadata":{"x":"1","y":"2"},"name":"Bob"}`)
	got := c.Want(200, "PUT", "/v1/customers/"+word, `{"metadata":{"x":null},"email":null}`)
	if got.Text("name") != "Bob" || got.Text("email") != "ada@example.com" || fmt.Sprint(got.At("metadata")) != "map[y:2]" {
		t.Errorf("updated: %s", got.Raw)
	}
	if got := in.News(c.Client); types(got) != "edited edited" || got[0].Text("properties.previous_attributes.name") != "Ada" {
		t.Errorf("events %s", types(got))
	}
	if n := c.Get("/v1/customers?created_at[gte]=" + noon).Count("data"); n != 2 {
		t.Errorf("%d customers", n)
	}
	c.Want(204, "DELETE", "/v1/customers/"+word, "")
	c.Want(404, "GET", "/v1/customers/"+word, "")
	c.customer("credits")
}

func TestCustomerRefusals(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	for body, fragment := range map[string]string{
		`{"name":"A","email":"a@b.c","typo":1}`:                            "400-request-validation-errors",
		`{"name":"A"}`:                                                     "400-request-validation-errors",
		`{"name":"","email":"a@b.c"}`:                                      "400-request-validation-errors",
		`{"name":"A","email":"nobody"}`:                                    "400-request-validation-errors",
		`{"name":"A","email":"a@b.c","timezone":"Moon/Crater"}`:            "400-request-validation-errors",
		`{"name":"A","email":"a@b.c","payment_provider":"gold"}`:           "400-request-validation-errors",
		`{"name":"A","email":"a@b.c","external_customer_id":"a"}`:          "400-duplicate-resource-creation",
		`{"name":"A","email":"a@b.c","metadata":{"a":1}}`:                  "400-request-validation-errors",
		`{"name":"A","email":"a@b.c"} {}`:                                  "400-request-validation-errors",
		`not json`:                                                         "400-request-validation-errors",
		``:                                                                 "400-request-validation-errors",
		`{"name":"A","email":"a@b.c","currency":"` + "credits" + `"}`:      "400-request-validation-errors",
		`{"name":"A","email":"` + strings.Repeat("a", 500) + `@b.c"}`:      "400-request-validation-errors",
		`{"name":"A","email":"a@b.c","additional_emails":"not a list"}`:    "400-request-validation-errors",
		`{"name":"` + strings.Repeat("a", 501) + `","email":"ada@b.test"}`: "400-request-validation-errors",
	} {
		got := c.Want(400, "POST", "/v1/customers", body)
		if !strings.HasSuffix(got.Text("type"), "#"+fragment) || got.Text("status") != "400" {
			t.Errorf("%.60s: %s, want %s", body, got.Raw, fragment)
		}
		if strings.HasPrefix(fragment, "400-request") && got.Count("validation_errors") == 0 {
			t.Errorf("%.60s: no validation_errors", body)
		}
	}
	c.Want(400, "PUT", "/v1/customers/"+cus, `{"currency":"EUR"}`)
	c.Want(400, "PUT", "/v1/customers/"+cus, `{"external_customer_id":"other"}`)
	c.Want(400, "PUT", "/v1/customers/"+cus, `{"timezone":"Etc/UTC"}`)
	if got := c.Want(404, "GET", "/v1/nothing", ""); !strings.HasSuffix(got.Text("type"), "#404-url-not-found") {
		t.Errorf("%s", got.Raw)
	}
	if got := c.Want(404, "GET", "/v1/customers/x", ""); !strings.HasSuffix(got.Text("type"), "#404-resource-not-found") {
		t.Errorf("%s", got.Raw)
	}
	c.Key = ""
	c.Want(401, "GET", "/v1/ping", "")
}

func TestIdempotency(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	path, body := "/v1/customers/"+cus+"/credits/ledger_entry", "{"+inc+`"amount":1}`
	first := c.Want(201, "POST", path, body, "Idempotency-Key", "k")
	second := c.Want(201, "POST", path, body, "Idempotency-Key", "k")
	if second.Text("id") != first.Text("id") || second.Header.Get("Idempotent-Replayed") != "true" || second.Header.Get("Idempotency-Key") != "k" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("replay %s %v", second.Raw, second.Header)
	}
	other := c.Want(409, "POST", path, "{"+inc+`"amount":2}`, "Idempotency-Key", "k")
	if !strings.HasSuffix(other.Text("type"), "#409-resource-conflict") || !strings.Contains(other.Text("detail"), "different request payload") {
		t.Errorf("mismatch: %s", other.Raw)
	}
	c.Want(400, "POST", path, body, "Idempotency-Key", strings.Repeat("k", 65))
	c.Want(201, "POST", path, body, "Idempotency-Key", strings.Repeat("k", 64))
	c.Want(400, "POST", path, "{"+inc+`"amount":0}`, "Idempotency-Key", "bad")
	c.Want(201, "POST", path, body, "Idempotency-Key", "bad") // a refusal leaves the key unused
	c.Variant("replay_header_absent")
	if h := c.Want(201, "POST", path, body, "Idempotency-Key", "k").Header; h.Get("Idempotent-Replayed") != "" {
		t.Error("the replay header is there")
	}
	c.Control("faults", `{"faults":[{"kind":"status","status":503,"retry_after":"3"}]}`)
	got := c.Want(503, "POST", path, body)
	if got.Header.Get("Transient-Error") != "true" || got.Header.Get("Retry-After") != "3" || !strings.HasSuffix(got.Text("type"), "#500-internal-server-error") {
		t.Errorf("injected: %s %v", got.Raw, got.Header)
	}
}

func TestIngest(t *testing.T) {
	c := startAt(t, noon)
	event := func(key, more string) string {
		return `{"event_name":"e","timestamp":"2099-03-01T11:00:00Z","properties":{"n":1.5},"idempotency_key":"` + key + `","external_customer_id":"a"` + more + `}`
	}
	send := func(status int, events ...string) sandboxtest.Answer {
		return c.Want(status, "POST", "/v1/ingest", `{"events":[`+strings.Join(events, ",")+`]}`)
	}
	if got := send(200, event("1", ""), event("1", ""), event("2", "")); got.Count("validation_failed") != 0 {
		t.Errorf("%s", got.Raw)
	}
	bad := strings.Replace(event("3", ""), "11:00:00Z", "13:00:00Z", 1)
	got := send(400, bad, event("4", ""))
	if got.Text("validation_failed.0.idempotency_key") != "3" || got.Count("validation_failed") != 1 || got.Text("status") != "400" {
		t.Errorf("%s", got.Raw)
	}
	send(200, event("3", "")) // the failed key is not used up
	send(400, event("5", ""), event("5", `,"customer_id":"x"`))
	send(400, event("6", `,"typo":1`))
	send(400, strings.Replace(event("7", ""), "1.5", "[1]", 1))
	send(400, strings.Replace(event("7", ""), "2099-03-01T11", "2099-02-28T11", 1))
	found := c.Want(200, "POST", "/v1/events/search", `{"event_ids":["1","3","4","5","7"]}`)
	if found.Count("data") != 3 || found.Text("data.0.properties.n") != "1.5" {
		t.Errorf("%s", found.Raw)
	}
	c.Want(200, "PUT", "/v1/events/1/deprecate", "")
	c.Variant("ingest_batch_limited")
	many := strings.Split(strings.Repeat(event("8", "")+"\n", 501), "\n")[:501]
	send(413, many...)
	send(200, many[:500]...)
	c.Variant("ingest_failed_bare")
	if got := send(400, bad+""); got.Text("validation_failed.0.idempotency_key") != "3" || got.Text("status") != "" {
		t.Errorf("%s", got.Raw)
	}
}

// Every form of the signature header verifies with both secrets of a rotation.
func TestSignatures(t *testing.T) {
	for _, form := range []string{"spaces", "repeated", "commas"} {
		c := startAt(t, noon)
		in := c.receive(`,"previous_secret":"old","signatures":"` + form + `"`)
		c.customer("a")
		c.Control("mutate", `{"object":"resource_event","op":"set","id":""}`)
		list := in.News(c.Client)
		if types(list) != "created resource_event.test" {
			t.Fatalf("%s: events %s", form, types(list))
		}
		for _, e := range list {
			for _, key := range []string{secret, "old"} {
				if err := verify(e.Header, e.Raw, key, time.Now()); err != nil {
					t.Errorf("%s: %v in %v", form, err, e.Header)
				}
			}
			if verify(e.Header, e.Raw, "wrong", time.Now()) == nil {
				t.Errorf("%s: a wrong secret verifies", form)
			}
			if n := len(e.Header["X-Orb-Signature"]); (n == 2) != (form == "repeated") {
				t.Errorf("%s: %d headers", form, n)
			}
			if !regexp.MustCompile(`^2099-03-01T12:00:00\+00:00$`).MatchString(e.Text("created_at")) {
				t.Errorf("created_at %s", e.Text("created_at"))
			}
		}
	}
}

func TestMutate(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	id := c.grant(cus, `"amount":10,"metadata":{"g":"1"}`)
	entry := c.entry(cus, dec+`"amount":1`).Text("id")
	c.Control("mutate", `{"object":"grant","id":"`+id+`","op":"set","fields":{"balance":"3.5"}}`)
	c.Control("mutate", `{"object":"grant","id":"`+id+`","op":"duplicate"}`)
	c.Control("mutate", `{"object":"ledger_entry","id":"`+entry+`","op":"duplicate"}`)
	s := c.state(0)
	if len(s.Grants) != 2 || s.Grants[0].Remaining != "3.5" || s.Grants[1].Metadata["g"] != "1" || s.Consumed != "2" {
		t.Errorf("state %+v", s)
	}
	c.Control("mutate", `{"object":"ledger_entry","id":"`+entry+`","op":"delete"}`)
	c.Control("mutate", `{"object":"credit_block","id":"`+id+`","op":"delete"}`)
	if s := c.state(0); len(s.Grants) != 1 || s.Consumed != "1" {
		t.Errorf("state %+v", s)
	}
	in := c.receive("")
	c.Control("mutate", `{"object":"customer","id":"`+cus+`","op":"set","fields":{"name":"Eve"},"webhook":true}`)
	if got := in.News(c.Client); types(got) != "edited" || got[0].Text("customer.name") != "Eve" || got[0].Text("properties.previous_attributes.name") != "Ada" {
		t.Errorf("events %s", types(got))
	}
	c.Want(http.StatusBadRequest, "POST", "/_sandbox/mutate", `{"object":"customer","id":"`+cus+`","op":"set","fields":{"id":"other"}}`)
	c.Want(http.StatusBadRequest, "POST", "/_sandbox/units", `{"units":[{"name":"USD"}]}`)
}

// Small variants, each against what happens without it.
func TestVariants(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	id := c.grant(cus, `"amount":10.125,"effective_date":"2098-01-01T00:00:00Z"`)
	c.grant(cus, `"amount":10,"effective_date":"2099-04-01T00:00:00Z","expiry_date":"2099-05-01T00:00:00Z"`)
	filtered := c.grant(cus, `"amount":1,"expiry_date":"2099-05-01T00:00:00Z","filters":[{"field":"item_id","operator":"includes","values":["x"]}]`)
	c.Variant("decrement_amount_negative")
	c.Variant("decrement_uses_filtered")
	if got := c.entry(cus, dec+`"amount":1`); got.Text("credit_block.id") != filtered || got.Text("amount") != "-1" || got.Text("starting_balance") != "21.125" {
		t.Errorf("decrement: %s", got.Raw)
	}
	c.Variant("future_blocks_hidden")
	if got := c.left(cus); len(got) != 2 {
		t.Errorf("blocks %v", got)
	}
	c.Variant("ledger_number_strings")
	if got := c.Get("/v1/credit_blocks/" + id).At("balance"); got != "10.125" {
		t.Errorf("balance %#v, want a string", got)
	}
	c.Variant("amount_two_decimals")
	c.refusedEntry(cus, inc+`"amount":10.125`, "400-request-validation-errors")
	c.Variant("backdating_limited")
	c.refusedEntry(cus, inc+`"amount":10,"effective_date":"2098-01-01T00:00:00Z"`, "400-constraint-violation")
	c.Variant("errors_kept")
	first := c.Want(400, "POST", "/v1/customers", `{}`, "Idempotency-Key", "k")
	if got := c.Want(400, "POST", "/v1/customers", `{}`, "Idempotency-Key", "k"); got.Header.Get("Idempotent-Replayed") != "true" || string(got.Raw) != string(first.Raw) {
		t.Errorf("a refusal was not kept: %v", got.Header)
	}
	c.Variant("moved_block_without_metadata")
	with := c.grant(cus, `"amount":3,"metadata":{"g":"1"}`)
	c.entry(cus, `"entry_type":"expiration_change","block_id":"`+with+`","target_expiry_date":"2099-09-01"`)
	if g := c.state(0).Grants; len(g[len(g)-1].Metadata) != 0 {
		t.Errorf("moved block %+v", g[len(g)-1])
	}
	in := c.receive("")
	c.Variant("event_timestamps")
	c.Variant("webhook_block_numbers")
	c.Variant("incremented_sent_while_pending")
	c.entry(cus, inc+`"amount":2,`+pays+`,"require_successful_payment":true}`)
	events := in.News(c.Client)
	if types(events) != "invoice.issued invoice.issued_summary credit_ledger_incremented" || !strings.HasSuffix(events[2].Text("created_at"), ".000000Z") {
		t.Fatalf("events %s %s", types(events), events[2].Text("created_at"))
	}
	if events[2].Text("properties.block.status") != "pending_payment" || strings.Contains(string(events[2].Raw), `"balance":"2"`) {
		t.Errorf("increment event: %s", events[2].Raw)
	}
	c.Variant("decrements_pending")
	ledger := "/v1/customers/" + cus + "/credits/ledger?entry_type=decrement&entry_status="
	if n, m := c.Get(ledger+"pending").Count("data"), c.Get(ledger+"committed").Count("data"); n != 1 || m != 0 {
		t.Errorf("%d decrements are pending, %d committed; want 1 and 0", n, m)
	}
	c.Variant("effective_next_day")
	c.grant(cus, `"amount":1,"expiry_date":"2099-03-20T00:00:00Z"`)
	if got := c.entry(cus, dec+`"amount":1`).Text("credit_block.id"); got != id {
		t.Errorf("a block of today served today: %s, want %s", got, id)
	}
	gone := c.customer("gone")
	c.Variant("customer_delete_late")
	c.Want(204, "DELETE", "/v1/customers/"+gone, "")
	c.Get("/v1/customers/" + gone)
	c.Control("clock", `{"advance":"5m"}`)
	c.Want(404, "GET", "/v1/customers/"+gone, "")
}
