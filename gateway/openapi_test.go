package gateway

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

// TestOpenAPIFile compares the committed description with the code's:
// go test ./gateway -run TestOpenAPIFile -update writes it anew.
func TestOpenAPIFile(t *testing.T) {
	doc, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(path, doc, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, doc) {
		t.Errorf("docs/openapi.json is not what the code says (%v); run: go test ./gateway -run TestOpenAPIFile -update", err)
	}
	served := newWorld(t).call("GET", "/openapi.json", "", "Authorization", "").ok(200)
	if served.raw != string(doc) {
		t.Error("/openapi.json serves another description")
	}
}

func TestOpenAPIDocument(t *testing.T) {
	v := contract(t)
	if valid, errs := v.ValidateDocument(); !valid {
		for _, e := range errs {
			t.Errorf("%s: %s", e.Message, e.Reason)
		}
	}
	raw, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Scope       string `json:"x-scope"`
			Security    []any
			Parameters  []struct{ Name string }
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %s", doc.OpenAPI)
	}
	if strings.Contains(string(raw), "ErrorModel") {
		t.Error("the document describes the framework's errors")
	}
	// Quantities, and nothing else, may be written as numbers.
	if numbers, quantities := strings.Count(string(raw), `"type": "number"`), strings.Count(string(raw), `"oneOf"`); numbers != quantities {
		t.Errorf("%d numbers and %d quantities are described", numbers, quantities)
	}
	g := build(Options{})
	reserved := map[string]bool{"GET /metrics": true, "GET /openapi.json": true, "POST /v1/webhooks/{connection}": true}
	for _, l := range later() {
		reserved[l.pattern] = true
	}
	for _, pattern := range g.router.patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		op, described := doc.Paths[path][strings.ToLower(method)]
		if described == reserved[pattern] {
			t.Errorf("%s: described is %v", pattern, described)
			continue
		}
		if described && (op.Scope != g.router.need[pattern].String() || (len(op.Security) == 0) != (op.Scope == "public") || op.Responses["default"] == nil || op.OperationID == "") {
			t.Errorf("%s is described as %+v", pattern, op)
		}
	}
}

func contract(t *testing.T) validator.Validator {
	t.Helper()
	raw, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := libopenapi.NewDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := doc.BuildV3Model(); err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return v
}

// TestAnswersKeepTheContract sends one of nearly every call through a
// validator that knows only the document.
func TestAnswersKeepTheContract(t *testing.T) {
	v := contract(t)
	w := newWorld(t)
	calls := 0
	w.seen = func(r *http.Request, body string, rec *httptest.ResponseRecorder) {
		calls++
		r.Body = io.NopCloser(strings.NewReader(body))
		if rec.Code < 400 {
			if valid, errs := v.ValidateHttpRequest(r); !valid {
				t.Errorf("%s %s %s: request: %s", r.Method, r.URL, body, describeErrors(errs))
			}
		}
		r.Body = io.NopCloser(strings.NewReader(body))
		if valid, errs := v.ValidateHttpResponse(r, rec.Result()); !valid {
			t.Errorf("%s %s: answer %s: %s", r.Method, r.URL, rec.Body, describeErrors(errs))
		}
	}
	exercise(w)
	if calls < 30 {
		t.Errorf("only %d calls were checked", calls)
	}
}

// TestContractNoticesFaults is the control: the validator must refuse what
// the document does not allow.
func TestContractNoticesFaults(t *testing.T) {
	v := contract(t)
	r := httptest.NewRequest("GET", "/v1/customers/ann/balance", http.NoBody)
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/json")
	_, _ = rec.WriteString(`{"customer":"ann","as_of":"2026-01-01T00:00:00Z","available":5}`)
	if valid, _ := v.ValidateHttpResponse(r, rec.Result()); valid {
		t.Error("an amount as a number passes")
	}
	body := `{"amount":"1","category":"gift"}`
	r = httptest.NewRequest("POST", "/v1/customers/ann/grants", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Idempotency-Key", "k")
	if valid, _ := v.ValidateHttpRequest(r); valid {
		t.Error("an unknown category passes")
	}
}

func describeErrors[E interface{ Error() string }](errs []E) string {
	var all []string
	for _, e := range errs {
		all = append(all, e.Error())
	}
	return strings.Join(all, "; ")
}

// exercise makes one of nearly every call, refusals among them.
func exercise(w *world) {
	event, intent := w.queued()
	grant := w.customer("ann", "100")
	w.customer("bob", "")
	w.call("PUT", "/v1/customers/ann", `{"name":"Ann","metadata":{"a":"b"}}`).ok(200)
	w.post("/v1/customers/ann/grants", "g", `{"amount":"5","category":"paid","priority":3,"expires_at":"2029-01-01T00:00:00Z","paid":{"amount":"1","currency":"eur"},"scope":{"actions":["image.generate"]},"metadata":{"k":"v"}}`).ok(200)
	w.post("/v1/customers/ann/grants", "g2", `{"amount":"5","category":"paid","paid":{"amount":"1","currency":"usd"}}`).ok(200)
	debit := w.post("/v1/debits", "d", `{"customer":"ann","action":"image.generate","quantity":2,"dimensions":{"a":"b"}}`).ok(200).text("id")
	w.post("/v1/debits", "d2", `{"customer":"ann","amount":"1000"}`).ok(402)
	w.post("/v1/debits/"+debit+"/reverse", "r", `{"amount":"1"}`).ok(200)
	w.call("POST", "/v1/debits/batch", `{"debits":[{"key":"b1","customer":"ann","amount":"1"},{"key":"b2","customer":"bob","amount":"1"}]}`).ok(200)
	w.call("POST", "/v1/quotes", `{"customer":"ann","action":"text.generate","quantity":"5"}`).ok(200)
	w.call("POST", "/v1/quotes", `{"action":"text.generate"}`).ok(200)
	hold := w.post("/v1/holds", "h", `{"customer":"ann","action":"text.generate","quantity":"1000","expires_in":"1h"}`).ok(200).text("id")
	w.call("GET", "/v1/customers/ann/balance", "").ok(200)
	w.post("/v1/holds/"+hold+"/capture", "c", `{"quantity":"1","final":false}`).ok(200)
	w.post("/v1/holds/"+hold+"/release", "l", `{}`).ok(200)
	w.post("/v1/grants/"+grant+"/void", "v", "").ok(200)
	purchase := w.post("/v1/customers/ann/purchases", "p", `{"pack":"starter"}`).ok(201).text("id")
	key := w.call("POST", "/v1/keys", `{"name":"x","scope":"read"}`).ok(200).text("id")
	for _, path := range []string{
		"/v1/customers", "/v1/customers/ann", "/v1/customers/ann/grants", "/v1/customers/ann/grants?state=all&limit=2", "/v1/customers/ann/holds", "/v1/holds/" + hold,
		"/v1/customers/ann/entries?limit=1", "/v1/feed?limit=2", "/v1/actions", "/v1/connections", "/v1/inbox", "/v1/inbox/" + string(event), "/v1/outbox", "/v1/outbox/" + string(intent),
		"/v1/keys", "/v1/purchases/" + purchase, "/healthz", "/readyz",
	} {
		w.call("GET", path, "").ok(200)
	}
	w.call("GET", "/v1/customers/nobody", "").ok(404)
	w.call("POST", "/v1/inbox/"+string(event)+"/replay", "").ok(200)
	w.call("POST", "/v1/outbox/"+string(intent)+"/park", `{"reason":"x"}`).ok(200)
	w.call("POST", "/v1/outbox/"+string(intent)+"/retry", "").ok(200)
	w.call("POST", "/v1/test-clock", `{"advance":"24h"}`).ok(200)
	w.call("DELETE", "/v1/keys/"+key, "").ok(200)
}
