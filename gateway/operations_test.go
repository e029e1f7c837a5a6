package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/config"
)

// queued puts an event and an intent into the queues.
func (w *world) queued() (event, intent core.ID) {
	w.t.Helper()
	event = core.NewID(core.EventID, "e1", "event/main", "e1", 0)
	intent = core.NewID(core.IntentID, "ann", "grant/main", "g1", 0)
	err := w.ledger.Do(context.Background(), &ledger.Op{
		Names: func(*ledger.Batch) {},
		Decide: func(tx *ledger.Tx) error {
			tx.PutEvent(&ledger.Event{ID: event, Connection: "main", VendorID: "e1", Type: "invoice.paid", Body: []byte(`{"a":1}`), Digest: "d", Received: tx.Now, State: ledger.Parked, Reason: "odd", Attempts: 3})
			tx.Send(&ledger.Intent{ID: intent, Connection: "main", Customer: "ann", Kind: "grant", Ref: "g1", Body: []byte(`{}`), Due: tx.Now, State: ledger.Waiting, Created: tx.Now})
			return nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return event, intent
}

func TestQueues(t *testing.T) {
	w := newWorld(t)
	event, intent := w.queued()
	l := w.call("GET", "/v1/inbox?state=parked&connection=main", "").ok(200)
	if len(l.list("data")) != 1 || l.text("data", 0, "id") != string(event) || l.text("data", 0, "reason") != "odd" {
		t.Fatalf("inbox: %s", l.raw)
	}
	w.call("GET", "/v1/inbox/"+string(event), "").ok(200).want("body", `{"a":1}`, "type", "invoice.paid", "state", "parked")
	w.call("POST", "/v1/inbox/"+string(event)+"/replay", "").ok(200).want("state", "waiting", "reason", "")
	if l := w.call("GET", "/v1/inbox?state=parked", "").ok(200); len(l.list("data")) != 0 {
		t.Errorf("still parked: %s", l.raw)
	}
	w.call("GET", "/v1/outbox/"+string(intent), "").ok(200).want("kind", "grant", "customer", "ann", "state", "waiting", "body", "{}")
	w.call("POST", "/v1/outbox/"+string(intent)+"/park", `{"reason":"wait for the vendor"}`).ok(200).want("state", "parked", "reason", "wait for the vendor")
	w.call("POST", "/v1/outbox/"+string(intent)+"/park", "").refused(422, core.CodeInvalid, "")
	w.call("POST", "/v1/outbox/"+string(intent)+"/retry", "").ok(200).want("state", "waiting")
	w.call("POST", "/v1/outbox/"+string(event)+"/retry", "").refused(404, core.CodeNotFound, "")
	w.call("POST", "/v1/inbox/"+core.EventID+"_"+strings.Repeat("0", 24)+"/replay", "").refused(404, core.CodeNotFound, "")

	c := w.call("GET", "/v1/connections", "").ok(200)
	if c.text("data", 0, "name") != "main" || c.text("data", 0, "provider") != "acme" || fmt.Sprint(c.list("data", 0, "roles")) != "[primary payments]" || len(c.list("data", 0, "queues")) == 0 {
		t.Errorf("connections: %s", c.raw)
	}
	m := w.call("GET", "/metrics", "", "Authorization", "").ok(200)
	for _, line := range []string{`scrip_queue_waiting{connection="main",queue="outbox"} 1`, `scrip_build_info{version="test"} 1`, `scrip_http_requests_total{route="GET /v1/inbox/{id}",status="2xx"} 1`} {
		if !strings.Contains(m.raw, line) {
			t.Errorf("metrics lack %s:\n%s", line, m.raw)
		}
	}
}

func TestMetricsNameNoCustomer(t *testing.T) {
	w := newWorld(t)
	w.customer("customer-of-the-test", "1")
	w.call("GET", "/no/customer-of-the-test", "").ok(404)
	if m := w.call("GET", "/metrics", "").ok(200); strings.Contains(m.raw, "customer-of-the-test") || strings.Contains(m.raw, "/no/") {
		t.Error("a metric is labelled with what a caller wrote")
	}
}

func TestConnectionsOfTheProcess(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Connections = func(context.Context) []ConnectionInfo {
			return []ConnectionInfo{{Name: "next", Provider: "acme", Strategy: "mirror", Health: "broken", Reason: "unauthorized", Capabilities: []string{"grants"}}}
		}
	})
	c := w.call("GET", "/v1/connections", "").ok(200)
	if c.text("data", 0, "health") != "broken" || len(c.list("data")) != 1 || c.text("data", 0, "lag_seconds") != "0" {
		t.Errorf("connections: %s", c.raw)
	}
}

func TestTestClock(t *testing.T) {
	w := newWorld(t)
	w.call("POST", "/v1/test-clock", `{"advance":"720h"}`).ok(200).want("now", start.Add(720*time.Hour).String())
	w.call("POST", "/v1/test-clock", `{"now":"2030-01-01T00:00:00Z"}`).ok(200).want("now", "2030-01-01T00:00:00Z")
	for body, field := range map[string]string{
		`{}`: "now", `{"now":"2031-01-01T00:00:00Z","advance":"1h"}`: "now", `{"now":"2020-01-01T00:00:00Z"}`: "now", `{"now":"x"}`: "now",
		`{"advance":"-1h"}`: "advance", `{"advance":"0s"}`: "advance", `{"advance":"a month"}`: "advance",
	} {
		w.call("POST", "/v1/test-clock", body).refused(422, core.CodeInvalid, field)
	}
	w.call("POST", "/v1/test-clock", `{"advance":"1h"}`, "Authorization", "Bearer "+w.key("write")).refused(403, core.CodeForbidden, "")
	still := newWorld(t, func(o *Options) { o.TestClock = nil })
	still.call("POST", "/v1/test-clock", `{"advance":"1h"}`).refused(422, core.CodeNotSupported, "")
}

func TestSeveralUnits(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Config.Units = append(o.Config.Units, config.Unit{Unit: core.Unit{Code: "minutes", Scale: 0}})
	})
	w.customer("ann", "")
	w.post("/v1/customers/ann/grants", "a", `{"amount":"1","category":"paid"}`).refused(422, core.CodeUnitRequired, "unit")
	w.post("/v1/customers/ann/grants", "a", `{"amount":"1.5","unit":"minutes","category":"paid"}`).refused(422, core.CodeInvalid, "amount")
	w.post("/v1/customers/ann/grants", "a", `{"amount":"15","unit":"minutes","category":"paid"}`).ok(200).want("amount", "15")
	w.post("/v1/customers/ann/grants", "b", `{"amount":"1","unit":"credits","category":"paid"}`).ok(200).want("amount", "1.00")
	b := w.call("GET", "/v1/customers/ann/balance", "").ok(200)
	if b.text("balances", 0, "available") != "1.00" || b.text("balances", 1, "available") != "15" || b.at("available") != nil {
		t.Errorf("balances: %s", b.raw)
	}
	w.call("GET", "/v1/customers/ann/balance?unit=minutes", "").ok(200).want("unit", "minutes", "available", "15")
	w.call("GET", "/v1/customers/ann/entries", "").refused(422, core.CodeUnitRequired, "unit")
	w.call("GET", "/v1/customers/ann/entries?unit=minutes", "").ok(200)
	w.post("/v1/debits", "d", `{"customer":"ann","action":"image.generate","unit":"minutes"}`).refused(422, core.CodeUnitMismatch, "unit")
	w.post("/v1/debits", "d", `{"customer":"ann","amount":"5","unit":"minutes"}`).ok(200).want("amount", "5", "balance", "10")
}

func TestReadiness(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.ConfigPending = func(context.Context) bool { return true } })
	if r := w.call("GET", "/readyz", "", "Authorization", "").ok(200); r.at("config_pending") != true {
		t.Errorf("readiness: %s", r.raw)
	}
	w.call("GET", "/healthz", "", "Authorization", "").ok(200).want("status", "ok")
	bare := &world{t: t, g: build(Options{})}
	bare.call("GET", "/healthz", "").ok(200)
	bare.call("GET", "/readyz", "").refused(503, core.CodeUnavailable, "")
}

func TestWebhooksGetTheBodyUntouched(t *testing.T) {
	var got, name string
	w := newWorld(t, func(o *Options) {
		o.Webhooks = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got, name = string(body), r.PathValue("connection")
		})
	})
	body := "{ \"dup\": 1, \"dup\": 2 }\x00\xff"
	w.call("POST", "/v1/webhooks/main", body, "Authorization", "", "Content-Type", "text/odd").ok(200)
	if got != body || name != "main" {
		t.Errorf("the receiver got %q for %q", got, name)
	}
	newWorld(t).call("POST", "/v1/webhooks/main", "x").refused(404, core.CodeNotFound, "")
}

// AP-15.
func TestPanicsAndFailuresAreAnsweredAndLogged(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.Webhooks = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret of the inside") })
		o.Connections = func(context.Context) []ConnectionInfo { panic("in a handler") }
	})
	for _, a := range []*reply{w.call("POST", "/v1/webhooks/main", "x"), w.call("GET", "/v1/connections", "")} {
		a.refused(500, core.CodeInternal, "")
		if strings.Contains(a.raw, "secret") || !strings.Contains(log.String(), a.text("request_id")) {
			t.Errorf("answer %s, log %s", a.raw, log.String())
		}
	}
	// The ledger has stopped: the answer says try again, and nothing else.
	w.stop()
	a := w.call("PUT", "/v1/customers/ann", `{}`).refused(503, core.CodeUnavailable, "")
	if a.at("retryable") != true || a.header.Get("Retry-After") == "" {
		t.Errorf("unavailable: %s", a.raw)
	}
}
