package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/rate"
	"scrip/internal/clock"
	"scrip/internal/pgtest"
	"scrip/mapping"
	"scrip/mapping/config"
	"scrip/storage/postgres"
	"scrip/storage/sqlite"
)

const rootKey = "root-key-for-tests"

// start is where the tests' business time begins.
const start = core.Time(1_772_000_000_000_000)

// world is a gateway over a fresh database.
type world struct {
	t      *testing.T
	g      *gateway
	ledger *ledger.Ledger
	clock  *clock.Clock
	kicks  atomic.Int64
	stop   func()                                                  // of the ledger, once
	seen   func(*http.Request, string, *httptest.ResponseRecorder) // of every call, for the contract test
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func testConfig(t *testing.T) *config.Config {
	r, p := must[core.Rate](t), must[core.Price](t)
	return &config.Config{
		Units:       []config.Unit{{Unit: core.Unit{Code: "credits", Scale: 2}, Prices: []core.Price{p(core.ParsePrice("0.08 usd"))}}},
		Connections: []config.Connection{{Connection: mapping.Connection{Name: "main", Provider: "acme", Strategy: adapters.Strategy("meter")}}},
		Route:       mapping.Route{Primary: "main"},
		Order:       core.DefaultOrder(),
		Holds:       config.Holds{Default: 15 * time.Minute, Max: 24 * time.Hour},
		Cards: rate.Cards{{Version: "2026-01", Effective: 1_767_225_600_000_000, Actions: map[string]rate.Action{
			"image.generate": {Name: "image.generate", Per: 1, Rates: []rate.Rate{{Cost: r(core.ParseRate("5"))}}},
			"text.generate": {Name: "text.generate", Meter: "tokens", Per: 1000, Round: rate.StepUp, Minimum: r(core.ParseRate("0.1")), Rates: []rate.Rate{
				{When: map[string]string{"model": "large"}, Cost: r(core.ParseRate("1.5"))}, {Cost: r(core.ParseRate("0.1"))},
			}},
		}}},
		Packs: map[string]mapping.Pack{"starter": {Name: "starter", Unit: "credits", Credits: 100_000, Price: core.Money{Minor: 8000, Currency: "usd"}, Months: 12}},
	}
}

// openStore opens a fresh database: a SQLite, or in [TestOnPostgres], or where
// all tests shall, a PostgreSQL.
func openStore(t *testing.T) ledger.Store {
	t.Helper()
	var store ledger.Store
	var err error
	if strings.HasPrefix(t.Name(), "TestOnPostgres/") || os.Getenv("SCRIP_TEST_STORE") == "postgres" {
		store, err = postgres.Open(t.Context(), pgtest.New(t), postgres.Options{})
	} else {
		store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "scrip.db"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	store := openStore(t)
	w := &world{t: t, clock: clock.Test(start)}
	o := Options{
		Config: testConfig(t), Clock: w.clock, AdminKey: config.NewSecret("env:KEY", rootKey),
		Kick: func() { w.kicks.Add(1) }, TestClock: mover{w.clock}, Version: "test",
	}
	for _, c := range change {
		c(&o)
	}
	var units []core.Unit
	for _, u := range o.Config.Units {
		units = append(units, u.Unit)
	}
	w.ledger = ledger.Open(store, ledger.Options{
		Now: w.clock.Now, Units: units, Order: o.Config.Order, Rules: o.Config.Rules, Packs: o.Config.Packs, Collector: o.Config.Route.Collector(),
	})
	w.stop = sync.OnceFunc(w.ledger.Close)
	t.Cleanup(func() {
		w.stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Ledger = w.ledger
	w.g = build(o)
	return w
}

// mover moves the clock and has nothing to wait for.
type mover struct{ clock *clock.Clock }

func (m mover) Advance(_ context.Context, to core.Time) error { return m.clock.Set(to) }

// reply is an answer, decoded without floats.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// call sends a request as root unless headers say otherwise. Headers come in
// pairs; an empty value removes one.
func (w *world) call(method, path, body string, headers ...string) *reply {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(method, path, http.NoBody)
	}
	r.Header.Set("Authorization", "Bearer "+rootKey)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return w.send(r, body)
}

func (w *world) send(r *http.Request, body string) *reply {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.g.ServeHTTP(rec, r)
	if w.seen != nil {
		w.seen(r, body, rec)
	}
	a := &reply{t: w.t, status: rec.Code, header: rec.Header(), raw: rec.Body.String()}
	if strings.Contains(rec.Header().Get("Content-Type"), "json") {
		d := json.NewDecoder(bytes.NewReader(rec.Body.Bytes()))
		d.UseNumber()
		if err := d.Decode(&a.body); err != nil {
			w.t.Fatalf("%s %s answered no JSON: %v: %.200q", r.Method, r.URL, err, a.raw)
		}
		if _, err := d.Token(); err != io.EOF {
			w.t.Fatalf("%s %s answered more than one JSON value: %.200q", r.Method, r.URL, a.raw)
		}
	}
	return a
}

// post sends a command with a key.
func (w *world) post(path, key, body string) *reply {
	w.t.Helper()
	return w.call("POST", path, body, "Idempotency-Key", key)
}

// ok fails the test unless the status is as wanted.
func (a *reply) ok(status int) *reply {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.raw)
	}
	return a
}

// refused fails the test unless the answer is this problem.
func (a *reply) refused(status int, code core.Code, field string) *reply {
	a.t.Helper()
	a.ok(status)
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Fatalf("content type %q of a problem: %s", got, a.raw)
	}
	if a.text("code") != string(code) || a.text("field") != field {
		a.t.Fatalf("code %q field %q, want %q %q: %s", a.text("code"), a.text("field"), code, field, a.raw)
	}
	for _, name := range []string{"type", "title", "detail", "request_id"} {
		if a.text(name) == "" {
			a.t.Fatalf("the problem has no %s: %s", name, a.raw)
		}
	}
	return a
}

// at digs: names for objects, numbers for lists.
func (a *reply) at(path ...any) any {
	a.t.Helper()
	var v any = a.body
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				a.t.Fatalf("no %v in %s", path, a.raw)
			}
			v = l[p]
		}
	}
	return v
}

func (a *reply) text(path ...any) string {
	a.t.Helper()
	switch v := a.at(path...).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (a *reply) list(path ...any) []any {
	a.t.Helper()
	l, _ := a.at(path...).([]any)
	return l
}

// want compares pairs of a dotted path and its text.
func (a *reply) want(pairs ...string) *reply {
	a.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		var path []any
		for _, p := range strings.Split(pairs[i], ".") {
			path = append(path, p)
		}
		if got := a.text(path...); got != pairs[i+1] {
			a.t.Errorf("%s is %q, want %q: %s", pairs[i], got, pairs[i+1], a.raw)
		}
	}
	return a
}

// customer makes one, with credits when amount is not empty, and returns the grant's id.
func (w *world) customer(id, amount string) string {
	w.t.Helper()
	w.call("PUT", "/v1/customers/"+id, `{}`).ok(200)
	if amount == "" {
		return ""
	}
	return w.post("/v1/customers/"+id+"/grants", "grant-"+id, `{"amount":"`+amount+`","category":"paid"}`).ok(200).text("id")
}

// key makes a key of a scope.
func (w *world) key(scope string) string {
	w.t.Helper()
	plain, _, err := CreateKey(context.Background(), w.ledger, "test", scope)
	if err != nil {
		w.t.Fatal(err)
	}
	return plain
}

func (w *world) available(customer string) string {
	w.t.Helper()
	return w.call("GET", "/v1/customers/"+customer+"/balance", "").ok(200).text("available")
}
