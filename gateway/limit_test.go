package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"scrip/core"
)

// A flood of deliveries finds an end, and the application is answered meanwhile.
//
// WH-14.
func TestFloodLeavesRoom(t *testing.T) {
	inside, open := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(o *Options) {
		o.Webhooks = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { inside <- struct{}{}; <-open })
	})
	w.g.limit.mostInside, w.g.limit.mostDeliveredIn = 6, 4
	deliver := func() *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		w.g.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/v1/webhooks/main", strings.NewReader("{}")))
		return rec
	}
	var flood sync.WaitGroup
	for range 4 {
		flood.Go(func() {
			if rec := deliver(); rec.Code != http.StatusOK {
				t.Errorf("a delivery that had room answered %d", rec.Code)
			}
		})
		<-inside
	}
	for range 3 {
		if rec := deliver(); rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") != "1" || !strings.Contains(rec.Body.String(), `"rate_limited"`) {
			t.Errorf("a delivery beyond answered %d %v %s", rec.Code, rec.Header(), rec.Body)
		}
	}
	for i := range 10 {
		w.call("PUT", fmt.Sprint("/v1/customers/c", i), `{}`).ok(200)
	}
	close(open)
	flood.Wait()
	if n, m := w.g.limit.all.Load(), w.g.limit.deliveries.Load(); n != 0 || m != 0 {
		t.Errorf("%d requests and %d deliveries are counted as inside", n, m)
	}
	if m := w.call("GET", "/metrics", "").ok(200); !strings.Contains(m.raw, `scrip_http_requests_total{route="limited",status="4xx"} 3`) {
		t.Errorf("refusals are not counted: %s", m.raw)
	}
}

// Nobody is let in beyond the limit but who asks how the gateway fares, and a
// refusal leaves an idempotency key free.
func TestLimit(t *testing.T) {
	w := newWorld(t)
	w.call("PUT", "/v1/customers/ann", `{}`).ok(200)
	w.g.limit.mostInside = 0
	const grant = `{"amount":"5","category":"promotional"}`
	a := w.call("POST", "/v1/customers/ann/grants", grant, "Idempotency-Key", "k").refused(429, core.CodeRateLimited, "")
	if a.at("retryable") != true || a.header.Get("Retry-After") != "1" {
		t.Errorf("the refusal is %s", a.raw)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		w.call("GET", path, "").ok(200)
	}
	w.g.limit.mostInside = mostInside
	w.call("POST", "/v1/customers/ann/grants", grant, "Idempotency-Key", "k").ok(200)
}

// What apply is doing is told as it is known.
func TestMigrations(t *testing.T) {
	w := newWorld(t)
	if a := w.call("GET", "/v1/migrations", "").ok(200); len(a.list("data")) != 0 {
		t.Errorf("without any there are %s", a.raw)
	}
	list, err := []Migration{{ID: "vendor", From: "main", To: "next", Phase: "backfill", Accounts: 7, Started: start, Updated: start}}, error(nil)
	w = newWorld(t, func(o *Options) { o.Migrations = func(context.Context) ([]Migration, error) { return list, err } })
	a := w.call("GET", "/v1/migrations", "").ok(200)
	if !strings.Contains(a.raw, `"id":"vendor","from":"main","to":"next","phase":"backfill","ended":false,"accounts":7,"started_at":"2026`) {
		t.Errorf("there are %s", a.raw)
	}
	err = context.DeadlineExceeded
	w.call("GET", "/v1/migrations", "").refused(503, core.CodeUnavailable, "")
}
