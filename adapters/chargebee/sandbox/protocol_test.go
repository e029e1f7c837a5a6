package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scrip/adapters/chargebee/sandbox"
	kit "scrip/adapters/sandbox"
)

const keyHeader = "chargebee-idempotency-key"

func TestIdempotency(t *testing.T) {
	c := start(t)
	first := c.Want(200, "POST", api+"/customers", form("first_name", "Ada", "company", "Acme"), keyHeader, "k1")
	again := c.Want(200, "POST", api+"/customers", form("company", "Acme", "first_name", "Ada"), keyHeader, "k1")
	if string(first.Raw) != string(again.Raw) || first.Header.Get("Chargebee-Idempotency-Replayed") != "" || again.Header.Get("Chargebee-Idempotency-Replayed") != "true" {
		t.Errorf("a repeated request answers %s after %s, header %v", again.Raw, first.Raw, again.Header)
	}
	c.Equal(c.Want(422, "POST", api+"/customers", form("first_name", "Bob"), keyHeader, "k1"), "api_error_code", "unable_to_process_request")
	c.Equal(c.Want(400, "POST", api+"/customers", "", keyHeader, strings.Repeat("k", 101)), "param", keyHeader)
	c.Want(400, "POST", api+"/customers", form("id", strings.Repeat("x", 51)), keyHeader, "k2")
	c.Want(200, "POST", api+"/customers", form("id", "acct_1"), keyHeader, "k2") // a refusal used nothing up
	if n := c.list("/customers").Count("list"); n != 2 {
		t.Errorf("%d customers, want 2", n)
	}
	// Ledger operations ignore the header.
	sub := c.customer("acct_2")
	for range 2 {
		c.Want(200, "POST", api+"/ledger_operations/allocate", fmt.Sprintf(`{"subscription_id":%q,"unit_id":"credits","amount":"5","expires_at":%d}`, sub, at+day), keyHeader, "k3")
	}
	if n := len(c.left(sub)); n != 2 {
		t.Errorf("two allocations under one key made %d blocks", n)
	}
}

// Keys are kept by the wall clock: 30 minutes, or a day in a variant.
func TestKeyLifetime(t *testing.T) {
	for variant, want := range map[string]int{"": 400, "keys_kept_24_hours": 200} {
		now, mu := time.Now(), sync.Mutex{}
		s := sandbox.New(kit.Options{Wall: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
		c := serve(t, s)
		if variant != "" {
			c.Variant(variant)
		}
		send := func(status int) {
			t.Helper()
			c.Want(status, "POST", api+"/customers", form("id", "acct_1"), keyHeader, "k")
		}
		send(200)
		mu.Lock()
		now = now.Add(29 * time.Minute)
		mu.Unlock()
		send(200)
		mu.Lock()
		now = now.Add(2 * time.Minute)
		mu.Unlock()
		send(want)
	}
}

// A ledger write while another on its subscription runs is refused; one on
// another subscription is not.
func TestLockTimeout(t *testing.T) {
	c := start(t)
	one, two := c.customer("acct_1"), c.customer("acct_2")
	body := func(sub string) string {
		return fmt.Sprintf(`{"subscription_id":%q,"unit_id":"credits","amount":"5","expires_at":%d}`, sub, at+day)
	}
	c.Control("faults", `{"faults":[{"kind":"slow","delay":"400ms"}]}`)
	slow := make(chan int, 1)
	go func() {
		got, err := c.Do("POST", api+"/ledger_operations/allocate", body(one))
		if err != nil {
			t.Error(err)
		}
		slow <- got.Status
	}()
	for end := time.Now().Add(5 * time.Second); c.Get("/_sandbox/state").Text("calls.POST /api/v2/ledger_operations/allocate") == "" && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	got := c.Want(429, "POST", api+"/ledger_operations/allocate", body(one))
	if got.Text("api_error_code") != "lock_timeout" || got.Header.Get("Retry-After") == "" {
		t.Errorf("a concurrent write: %s, header %v", got.Raw, got.Header)
	}
	c.Want(200, "POST", api+"/ledger_operations/allocate", body(two))
	if status := <-slow; status != 200 {
		t.Errorf("the first write: %d", status)
	}
	if len(c.left(one)) != 1 {
		t.Error("the refused write had an effect")
	}
}

func TestKeyInUseLocks(t *testing.T) {
	c := start(t, "key_in_use_locks")
	c.Control("faults", `{"faults":[{"kind":"slow","delay":"400ms"}]}`)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Do("POST", api+"/customers", "", keyHeader, "k1") //nolint:errcheck // the other one is looked at
	}()
	for end := time.Now().Add(5 * time.Second); c.Get("/_sandbox/state").Text("calls.POST /api/v2/customers") == "" && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	c.Equal(c.Want(429, "POST", api+"/customers", "", keyHeader, "k1"), "api_error_code", "lock_timeout")
	<-done
}

func TestErrors(t *testing.T) {
	c := start(t)
	sub := c.customer("acct_1")
	capture := api + "/ledger_operations/capture"
	for _, tc := range []struct {
		method, path, body, code string
		status                   int
	}{
		{"GET", "/nothing", "", "resource_not_found", 404},
		{"PUT", "/customers/acct_1", "", "http_method_not_supported", 405},
		{"DELETE", "/customers", "", "http_method_not_supported", 405},
		{"POST", "/customers", "id=acct_1", "duplicate_entry", 400},
		{"POST", "/customers", "wrong=1", "param_wrong_value", 400},
		{"POST", "/customers", "email=nobody", "param_wrong_value", 400},
		{"POST", "/customers", "auto_collection=maybe", "param_wrong_value", 400},
		{"POST", "/customers", "net_term_days=-1", "param_wrong_value", 400},
		{"POST", "/customers", "meta_data=%5B", "param_wrong_value", 400},
		{"POST", "/customers", "a=%zz", "invalid_request", 400},
		{"GET", "/customers?limit=101", "", "param_wrong_value", 400},
		{"GET", "/customers?wrong=1", "", "param_wrong_value", 400},
		{"GET", "/customers?offset=3", "", "param_wrong_value", 400},
		{"GET", "/customers?offset=%5B%221%22%2C%22nobody%22%5D", "", "param_wrong_value", 400},
		{"GET", "/customers?created_at%5Bafter%5D=soon", "", "param_wrong_value", 400},
		{"GET", "/grant_blocks", "", "param_wrong_value", 400},
		{"GET", "/ledger_operations?unit_id%5Bis%5D=credits", "", "param_wrong_value", 400},
		{"POST", "/customers/acct_1/subscription_for_items", "subscription_items[0][item_price_id]=carrier-USD", "param_wrong_value", 400},
		{"POST", "/customers/acct_1/subscription_for_items", "subscription_items[item_price_id][1]=carrier-USD", "param_wrong_value", 400},
		{"POST", "/customers/acct_1/subscription_for_items", "subscription_items[item_price_id][0]=none", "resource_not_found", 404},
		{"POST", "/customers/acct_1/subscription_for_items", "id=" + sub + "&subscription_items[item_price_id][0]=carrier-USD", "duplicate_entry", 400},
		{"POST", "/customers/nobody/subscription_for_items", "", "resource_not_found", 404},
		{"POST", "/invoices/create_for_charge_items_and_charges", "customer_id=acct_1", "param_wrong_value", 400},
		{"POST", "/invoices/create_for_charge_items_and_charges", "customer_id=acct_1&charges[amount][0]=5&auto_collection=on", "payment_method_not_present", 400},
		{"POST", "/promotional_credits/add", "customer_id=acct_1&description=x", "param_wrong_value", 400},
		{"POST", "/promotional_credits/deduct", "customer_id=acct_1&description=x&amount=1", "param_wrong_value", 400},
	} {
		got := c.Want(tc.status, tc.method, api+tc.path, tc.body)
		c.Equal(got, "api_error_code", tc.code)
		if got.Text("message") == "" || got.Text("type") == "" || got.Text("http_status_code") != fmt.Sprint(tc.status) {
			t.Errorf("%s %s: %s", tc.method, tc.path, got.Raw)
		}
	}
	c.Want(400, "POST", capture, form("subscription_id", sub), "Content-Type", "application/x-www-form-urlencoded")
	c.Want(400, "POST", api+"/customers", `{"id":"x"}`, "Content-Type", "application/json")
	c.Control("faults", `{"faults":[{"kind":"status","status":500},{"kind":"status","status":503},{"kind":"status","status":429,"retry_after":"7"}]}`)
	for _, want := range []string{"internal_error", "internal_temporary_error", "api_request_limit_exceeded"} {
		got, err := c.Do("GET", api+"/customers", "")
		if err != nil || got.Text("api_error_code") != want || got.Header.Get("Retry-After") != map[bool]string{true: "7"}[want == "api_request_limit_exceeded"] {
			t.Errorf("%s %v, want %s", got.Raw, err, want)
		}
	}
	c.Variant("error_type_absent")
	c.Equal(c.Want(404, "GET", api+"/customers/nobody", ""), "type", "")
}

func TestRate(t *testing.T) {
	c := start(t)
	c.Control("mutate", `{"object":"site","id":"","op":"set","fields":{"calls_per_minute":3}}`)
	statuses := []int{}
	for range 5 {
		got, err := c.Do("GET", api+"/customers", "")
		if err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, got.Status)
		if got.Status == 429 && (got.Header.Get("Retry-After") == "" || got.Text("api_error_code") != "api_request_limit_exceeded") {
			t.Errorf("over the rate: %s", got.Raw)
		}
	}
	// A new minute may begin in between.
	if !slices.Contains(statuses, 429) && time.Now().Second() > 1 {
		t.Errorf("five calls at three a minute: %v", statuses)
	}
}

func TestListsAndPages(t *testing.T) {
	c := start(t)
	for i := range 7 {
		c.post("/customers", "id", fmt.Sprintf("acct_%d", i), "company", map[bool]string{true: "Acme"}[i%2 == 0])
		advance(c, time.Minute)
	}
	ids := func(pairs ...string) (out []string) {
		t.Helper()
		for offset := ""; ; {
			query := append([]string{"limit", "3"}, pairs...)
			if offset != "" {
				query = append(query, "offset", offset)
			}
			got := c.list("/customers", query...)
			for i := range got.Count("list") {
				out = append(out, strings.TrimPrefix(got.Text(fmt.Sprintf("list.%d.customer.id", i)), "acct_"))
			}
			if offset = got.Text("next_offset"); offset == "" {
				return out
			}
		}
	}
	after := fmt.Sprint(at + 60)
	for _, tc := range []struct {
		want  string
		pairs []string
	}{
		{"6 5 4 3 2 1 0", nil},
		{"0 1 2 3 4 5 6", []string{"sort_by[asc]", "created_at"}},
		{"6 4 2 0", []string{"company[is]", "Acme"}},
		{"5 3 1", []string{"company[is_present]", "false"}},
		{"5 3 1", []string{"company[is_not]", "Acme"}},
		{"3 1", []string{"id[in]", `["acct_1","acct_3"]`}},
		{"6 5 4 2 0", []string{"id[not_in]", `["acct_1","acct_3"]`}},
		{"6 5 4 3 2", []string{"created_at[after]", after}},
		{"0", []string{"created_at[before]", after}},
		{"2 1", []string{"created_at[between]", fmt.Sprintf("[%d,%d]", at+60, at+120)}},
		{"6 5 4 3 2 1 0", []string{"created_at[on]", after}},
		{"4", []string{"id[starts_with]", "acct_4"}},
	} {
		if got := strings.Join(ids(tc.pairs...), " "); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.pairs, got, tc.want)
		}
	}
	c.post("/customers/acct_6/delete")
	c.Variant("lists_oldest_first")
	if got := strings.Join(ids(), " ") + "|" + strings.Join(ids("include_deleted", "true"), " "); got != "0 1 2 3 4 5|0 1 2 3 4 5 6" {
		t.Errorf("oldest first, without and with the deleted one: %s", got)
	}
	c.refused(400, "duplicate_entry", "/customers", "id=acct_6") // the id is burnt
	c.Variant("deleted_ids_reusable")
	c.post("/customers", "id", "acct_6")
}

// The state shows a customer under the id in its meta_data, if there is one.
func TestExternalID(t *testing.T) {
	c := start(t)
	c.post("/customers", "id", "short", "meta_data", `{"external_id":"a much longer name"}`)
	if got := c.state(0); got.ID != "short" || got.ExternalID != "a much longer name" {
		t.Errorf("state %+v", got)
	}
}

// The retry schedule is the published one and ends after the eighth attempt.
func TestRetrySchedule(t *testing.T) {
	now := time.Now()
	c := serve(t, sandbox.New(kit.Options{Wall: func() time.Time { return now }}))
	c.Control("webhooks", `{"url":"`+deadURL(t)+`"}`)
	c.post("/customers", "id", "acct_1")
	var waits []time.Duration
	for len(waits) < 9 {
		got := c.Get("/_sandbox/webhooks")
		if got.Count("deliveries.0.attempts") <= len(waits) {
			time.Sleep(time.Millisecond) // the first attempt comes by itself
			continue
		}
		text := got.Text("deliveries.0.next_attempt")
		if text == "" {
			break
		}
		next, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, next.Sub(now.UTC()).Round(time.Minute))
		c.Control("deliver", "")
	}
	want := []time.Duration{2 * time.Minute, 6 * time.Minute, 30 * time.Minute, time.Hour, 5 * time.Hour, 24 * time.Hour, 48 * time.Hour}
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
}

func TestEndpoints(t *testing.T) {
	c := start(t)
	var ids []string
	for range 5 {
		ids = append(ids, c.post("/webhook_endpoints", "name", "n", "url", "http://127.0.0.1:1/", "enabled_events[0]", "customer_created").Text("webhook_endpoint.id"))
	}
	c.refused(400, "resource_limit_exceeded", "/webhook_endpoints", form("name", "n", "url", "http://127.0.0.1:1/"))
	c.Want(http.StatusBadRequest, "POST", "/_sandbox/webhooks", `{"url":"http://127.0.0.1:1/"}`)
	if got := c.Get(api + "/webhook_endpoints/" + ids[0]); strings.Contains(string(got.Raw), "basic_auth") {
		t.Errorf("an endpoint shows its password: %s", got.Raw)
	}
	for _, id := range ids {
		c.post("/webhook_endpoints/" + id + "/delete")
	}
	in := c.receive()
	c.post("/customers", "id", "acct_1")
	c.post("/customers/acct_1", "company", "Acme")
	if got := types(in.News(c.Client)); got != "customer_created customer_changed" {
		t.Errorf("events %s", got)
	}
}
