package gateway

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"scrip/core"
)

func TestAP06KeyIsRequired(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "10")
	for path, body := range map[string]string{
		"/v1/customers/ann/grants":    `{"amount":"1","category":"paid"}`,
		"/v1/customers/ann/purchases": `{"pack":"starter"}`,
		"/v1/debits":                  `{"customer":"ann","amount":"1"}`,
		"/v1/holds":                   `{"customer":"ann","amount":"1"}`,
		"/v1/grants/x/void":           ``,
		"/v1/debits/x/reverse":        ``,
		"/v1/purchases/x/refund":      ``,
		"/v1/holds/x/capture":         ``,
		"/v1/holds/x/release":         ``,
	} {
		w.call("POST", path, body).refused(400, core.CodeIdempotencyKeyRequired, "")
		w.call("POST", path, body, "Idempotency-Key", "  ").refused(400, core.CodeIdempotencyKeyRequired, "")
	}
	for name, key := range map[string]string{"long": strings.Repeat("k", 256), "not ascii": "schlüssel", "control": "a\tb"} {
		if a := w.post("/v1/debits", key, `{"customer":"ann","amount":"1"}`); a.status != 400 || a.text("code") != "malformed" {
			t.Errorf("%s key: %d %s", name, a.status, a.raw)
		}
	}
	r := request("POST", "/v1/debits", "Authorization", "Bearer "+rootKey, "Idempotency-Key", "a", "Idempotency-Key", "b")
	w.send(r, "").refused(400, core.CodeMalformed, "")
	w.post("/v1/debits", strings.Repeat("k", 255), `{"customer":"ann","amount":"1"}`).ok(200)
	w.post("/v1/debits", " ~!", `{"customer":"ann","amount":"1"}`).ok(200)
}

func TestAP06Replays(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "100")
	w.customer("bob", "100")
	first := w.post("/v1/debits", "k", `{"customer":"ann","action":"image.generate","quantity":"2","dimensions":{"a":"1","b":"2"}}`).ok(200)
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Error("the first answer says it is a replay")
	}
	for name, body := range map[string]string{
		"same":              `{"customer":"ann","action":"image.generate","quantity":"2","dimensions":{"a":"1","b":"2"}}`,
		"other order":       `{"dimensions":{"b":"2","a":"1"},"quantity":"2","action":"image.generate","customer":"ann"}`,
		"other spacing":     "{ \"customer\" : \"ann\",\n\"action\":\"image.generate\",\"quantity\":\"2\",\"dimensions\":{\"a\":\"1\",\"b\":\"2\"}}",
		"equal quantity":    `{"customer":"ann","action":"image.generate","quantity":2,"dimensions":{"a":"1","b":"2"}}`,
		"more decimals":     `{"customer":"ann","action":"image.generate","quantity":"2.000","dimensions":{"a":"1","b":"2"}}`,
		"unit spelled out":  `{"customer":"ann","unit":"credits","action":"image.generate","quantity":"2","dimensions":{"a":"1","b":"2"}}`,
		"escaped otherwise": `{"customer":"\u0061nn","action":"image.generate","quantity":"2","dimensions":{"a":"1","b":"2"}}`,
	} {
		a := w.post("/v1/debits", "k", body).ok(200).want("id", first.text("id"), "amount", "10.00", "balance", "90.00")
		if a.header.Get("Idempotent-Replayed") != "true" || a.at("replayed") != true {
			t.Errorf("%s: the replay does not say so: %s", name, a.raw)
		}
	}
	for field, body := range map[string]string{
		"quantity":   `{"customer":"ann","action":"image.generate","quantity":"3","dimensions":{"a":"1","b":"2"}}`,
		"dimensions": `{"customer":"ann","action":"image.generate","quantity":"2"}`,
		"customer":   `{"customer":"bob","action":"image.generate","quantity":"2","dimensions":{"a":"1","b":"2"}}`,
		"action":     `{"customer":"ann","action":"text.generate","quantity":"2","dimensions":{"a":"1","b":"2"}}`,
	} {
		w.post("/v1/debits", "k", body).refused(422, core.CodeIdempotencyConflict, field)
	}
	// Another endpoint is another operation, with keys of its own.
	w.post("/v1/holds", "k", `{"customer":"ann","amount":"1"}`).ok(200)
	if n := w.available("bob"); n != "100.00" {
		t.Errorf("a conflict touched another customer: %s", n)
	}
	if n := w.available("ann"); n != "89.00" {
		t.Errorf("%s left of 100 after one debit of 10 and a hold of 1", n)
	}
}

func TestAP06RefusalIsTheAnswerForEver(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "1")
	body := `{"customer":"ann","amount":"5"}`
	w.post("/v1/debits", "k", body).refused(402, core.CodeInsufficientCredits, "")
	w.post("/v1/customers/ann/grants", "more", `{"amount":"100","category":"paid"}`).ok(200)
	again := w.post("/v1/debits", "k", body).refused(402, core.CodeInsufficientCredits, "").want("available", "1.00", "required", "5.00")
	if again.header.Get("Idempotent-Replayed") != "true" {
		t.Error("the replayed refusal does not say so")
	}
	w.post("/v1/debits", "k", `{"customer":"ann","amount":"1"}`).refused(422, core.CodeIdempotencyConflict, "amount")
	w.post("/v1/debits", "new", body).ok(200)
}

func TestAP06ManyAtOnceHaveOneEffect(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "100")
	var ids sync.Map
	var wait sync.WaitGroup
	for range 24 {
		wait.Go(func() {
			a := w.post("/v1/debits", "k", `{"customer":"ann","amount":"10"}`)
			ids.Store(fmt.Sprint(a.status, a.text("id")), true)
		})
	}
	wait.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if left := w.available("ann"); n != 1 || left != "90.00" {
		t.Errorf("%d different answers, %s left", n, left)
	}
}

func TestAP12Batch(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "1000")
	w.customer("bob", "5")
	items := make([]string, 1000)
	for i := range items {
		items[i] = fmt.Sprintf(`{"key":"b%d","customer":"ann","amount":"0.5"}`, i)
	}
	items[500] = `{"key":"b500","customer":"ann","amount":0.5}`
	a := w.call("POST", "/v1/debits/batch", `{"debits":[`+strings.Join(items, ",")+`]}`).ok(200)
	applied := 0
	for i := range a.list("data") {
		if a.text("data", i, "status") == "applied" {
			applied++
		}
	}
	if applied != 999 || a.text("data", 500, "status") != "refused" || a.text("data", 500, "error", "field") != "amount" || a.text("data", 501, "key") != "b501" {
		t.Errorf("%d applied; the bad item: %v", applied, a.at("data", 500))
	}
	if n := w.available("ann"); n != "500.50" {
		t.Errorf("%s left", n)
	}
	items[500] = `{"key":"b500","customer":"ann","amount":"0.5"}`
	a = w.call("POST", "/v1/debits/batch", `{"debits":[`+strings.Join(items, ",")+`]}`).ok(200)
	if a.text("data", 499, "status") != "replayed" || a.text("data", 500, "status") != "applied" || w.available("ann") != "500.00" {
		t.Errorf("the retry: %v, %v, %s left", a.at("data", 499), a.at("data", 500), w.available("ann"))
	}
}

func TestBatchOutcomesStandByThemselves(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "10")
	w.customer("bob", "")
	a := w.call("POST", "/v1/debits/batch", `{"debits":[
		{"key":"1","customer":"ann","amount":"4"},
		{"key":"1","customer":"ann","amount":"4"},
		{"key":"1","customer":"ann","amount":"5"},
		{"key":"2","customer":"ann","amount":"7"},
		{"customer":"ann","amount":"1"},
		{"key":"3","customer":"nobody","amount":"1"},
		{"key":"4","customer":"ann","action":"nothing"},
		{"key":"5","customer":"ann","amount":"1","amount":"2"},
		{"key":"6","customer":"ann","amount":"1","extra":1},
		{"key":"7","customer":"bob","amount":"1"},
		{"key":"8","customer":"ann","action":"image.generate"},
		{"key":"9","customer":"ann","amount":"1"}]}`)
	// A name that stands twice makes the whole body ambiguous.
	a.refused(400, core.CodeMalformed, "debits.7.amount")
	a = w.call("POST", "/v1/debits/batch", `{"debits":[
		{"key":"1","customer":"ann","amount":"4"},
		{"key":"1","customer":"ann","amount":"4.00"},
		{"key":"1","customer":"ann","amount":"5"},
		{"key":"2","customer":"ann","amount":"7"},
		{"customer":"ann","amount":"1"},
		{"key":"3","customer":"nobody","amount":"1"},
		{"key":"4","customer":"ann","action":"nothing"},
		{"key":"6","customer":"ann","amount":"1","extra":1},
		{"key":"7","customer":"bob","amount":"1"},
		{"key":"8","customer":"ann","action":"image.generate"},
		{"key":"9","customer":"ann","amount":"1"},
		"x"]}`).ok(200)
	want := []string{"applied", "replayed", "idempotency_conflict", "insufficient_credits", "idempotency_key_required", "unknown_customer",
		"unknown_action", "malformed", "insufficient_credits", "applied", "applied", "malformed"}
	for i, expected := range want {
		got := a.text("data", i, "status")
		if got == "refused" {
			got = a.text("data", i, "error", "code")
		}
		if got != expected {
			t.Errorf("item %d: %v, want %s", i, a.at("data", i), expected)
		}
	}
	if a.text("data", 9, "debit", "amount") != "5.00" || w.available("ann") != "0.00" {
		t.Errorf("%s left of 10: %s", w.available("ann"), a.raw)
	}
	for _, body := range []string{`{"debits":[]}`, `{}`, `{"debits":[` + strings.TrimSuffix(strings.Repeat(`{},`, 1001), ",") + `]}`} {
		w.call("POST", "/v1/debits/batch", body).refused(422, core.CodeInvalid, "debits")
	}
}
