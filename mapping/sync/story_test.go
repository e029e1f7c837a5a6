package sync_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"scrip/adapters"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/stripe"
	"scrip/adapters/stripe/sandbox"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
	"scrip/internal/clock"
	"scrip/mapping"
	"scrip/mapping/sync"
	"scrip/storage/sqlite"
	"scrip/webhooks"
)

const (
	apiKey = "sk_test_story"
	secret = "whsec_c3Rvcnk"
)

// town is a gateway's insides with a vendor's sandbox at the other end.
type town struct {
	t       *testing.T
	clock   *clock.Clock
	led     *ledger.Ledger
	out     *sync.Worker
	in      *webhooks.Worker
	vendor  string // the sandbox's address
	account ledger.AccountKey
}

func newTown(t *testing.T) *town {
	t.Helper()
	box := sandbox.New(kit.Options{Seed: 1})
	server := httptest.NewServer(box)
	t.Cleanup(func() { server.Close(); box.Close() })
	x := &town{t: t, vendor: server.URL, clock: clock.Test(0), account: ledger.AccountKey{Customer: "acme", Unit: "credits"}}
	units := []core.Unit{{Code: "credits", Scale: 2}}
	rate, err := core.ParsePrice("0.08 usd")
	x.must(err)
	conns := []mapping.Connection{{Name: "main", Strategy: adapters.Meter, Rate: rate, Window: time.Minute, Create: true}}
	route := mapping.Route{Primary: "main"}
	adapter, err := stripe.New(stripe.Config{Key: apiKey, WebhookSecrets: []string{secret}, BaseURL: server.URL, Now: x.clock.Now})
	x.must(err)
	ports := map[string]*adapters.Port{"main": adapters.NewPort(adapter, adapters.Limits{Percent: 100, Timeout: 2 * time.Second})}
	outward, err := mapping.NewOutward(route, conns, units)
	x.must(err)
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"))
	x.must(err)
	x.led = ledger.Open(store, ledger.Options{Now: x.clock.Now, Units: units, Order: core.DefaultOrder(), Outward: outward})
	t.Cleanup(func() { x.led.Close(); _ = store.Close() })
	x.out = sync.New(sync.Options{
		Ledger: x.led, Ports: ports, Connections: conns, Route: route, Units: units,
		Packs: map[string]mapping.Pack{"starter": {Name: "starter"}}, Wall: clock.WallNow,
	})
	o := webhooks.Options{Ledger: x.led, Ports: ports, Connections: conns, Wall: time.Now}
	x.in = webhooks.NewWorker(o)
	mux := http.NewServeMux()
	mux.Handle("/v1/webhooks/{connection}", webhooks.NewReceiver(o))
	gate := httptest.NewServer(mux)
	t.Cleanup(gate.Close)
	x.control("webhooks", map[string]any{"url": gate.URL + "/v1/webhooks/main", "secret": secret})
	return x
}

func (x *town) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *town) control(call string, body any) {
	x.t.Helper()
	raw, err := json.Marshal(body)
	x.must(err)
	x.ask(http.MethodPost, call, bytes.NewReader(raw), nil)
}

func (x *town) ask(method, call string, body io.Reader, into any) {
	x.t.Helper()
	req, err := http.NewRequestWithContext(x.t.Context(), method, x.vendor+"/_sandbox/"+call, body)
	x.must(err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	x.must(err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	x.must(err)
	if resp.StatusCode >= 300 {
		x.t.Fatalf("%s answered %d: %s", call, resp.StatusCode, raw)
	}
	if into != nil {
		x.must(json.Unmarshal(raw, into))
	}
}

// settle moves the clocks past the open window and lets everything arrive.
func (x *town) settle() {
	x.t.Helper()
	x.control("clock", map[string]any{"now": x.clock.Now().Add(2 * time.Minute).String()})
	x.must(x.clock.Set(x.clock.Now().Add(2 * time.Minute)))
	for range 3 {
		x.must(x.out.Drain(x.t.Context()))
		x.control("deliver", map[string]any{})
		x.must(x.in.Drain(x.t.Context()))
	}
}

func (x *town) debit(key string, amount core.Amount) core.ID {
	x.t.Helper()
	r, _, err := x.led.Debit(x.t.Context(), key, ledger.Charge{Account: x.account, Amount: amount})
	x.must(err)
	return r.ID
}

// state is what the sandbox says it holds.
type state struct {
	Customers []struct {
		ExternalID string `json:"external_id"`
		Grants     []struct {
			Amount   string            `json:"amount"`
			Metadata map[string]string `json:"metadata"`
		} `json:"grants"`
		Consumed string `json:"consumed"`
		Invoices []struct {
			ID string `json:"id"`
		} `json:"invoices"`
	} `json:"customers"`
}

// TestStoryWithFaults sells, is paid, burns and gives back against the
// vendor's sandbox while calls fail in every form, and ends with both sides
// agreeing by the quantum law and nothing made twice.
func TestStoryWithFaults(t *testing.T) {
	x := newTown(t)
	var faults []map[string]any
	for _, path := range []string{
		"/v1/customers", "/v1/invoices", "/v1/invoiceitems", "/v1/billing/credit_grants", "/v1/billing/meter_events", "/v1/billing/meter_event_adjustments",
	} {
		match := map[string]any{"method": "POST", "path": path}
		faults = append(faults,
			map[string]any{"match": match, "kind": "status_after", "status": 500, "count": 1},
			map[string]any{"match": match, "kind": "reset", "count": 1},
			map[string]any{"match": match, "kind": "status", "status": 429, "retry_after": "1", "count": 1},
			map[string]any{"match": match, "kind": "malformed", "count": 1})
	}
	x.control("faults", map[string]any{"faults": faults, "webhooks": []map[string]any{{"kind": "duplicate", "type": "invoice.paid", "count": 3}}})
	ctx := t.Context()
	x.control("clock", map[string]any{"now": x.clock.Now().Add(time.Minute).String()})
	x.must(x.clock.Set(x.clock.Now().Add(time.Minute)))
	_, _, err := x.led.PutCustomer(ctx, ledger.Customer{ID: "acme", Name: "Acme"})
	x.must(err)
	p, _, err := x.led.Buy(ctx, "buy", sale.Purchase{
		Customer: "acme", Pack: "starter", Unit: "credits", Credits: 1000_00, Price: core.Money{Minor: 8000, Currency: "usd"}, Connection: "main",
	})
	x.must(err)
	x.settle()
	if p, err = x.led.Purchase(ctx, p.ID); err != nil || p.PayURL == "" {
		x.report()
		t.Fatalf("purchase %+v, %v", p, err)
	}
	var s state
	x.ask(http.MethodGet, "state", nil, &s)
	if len(s.Customers) != 1 || len(s.Customers[0].Invoices) != 1 {
		t.Fatalf("the vendor has %+v", s)
	}
	x.control("pay", map[string]any{"object": s.Customers[0].Invoices[0].ID, "outcome": "paid"})
	x.settle()
	first := x.debit("d1", 123_45)
	x.settle()
	x.debit("d2", 77_77)
	x.settle()
	if _, _, err := x.led.Reverse(ctx, "r1", first, 0); err != nil {
		t.Fatal(err)
	}
	x.settle()
	x.ask(http.MethodGet, "state", nil, &s)
	c := s.Customers[0]
	if len(c.Grants) != 1 || c.Grants[0].Amount != "80.00" || c.Consumed != "622" { // floor of 77.77 x 8 cents, in cents
		x.report()
		t.Errorf("the vendor holds %+v", c)
	}
	intents, err := x.led.Reader().Queues.Intents(ctx, ledger.QueueFilter{Limit: 100})
	x.must(err)
	attempts := 0
	for _, i := range intents {
		attempts += i.Attempts
	}
	if attempts < 2*len(intents) {
		t.Errorf("%d attempts for %d intents: the faults were not met", attempts, len(intents))
	}
	a, err := x.led.Account(ctx, x.account)
	if err != nil || a.Balance(x.led.Now()).Posted != 1000_00-77_77 {
		t.Errorf("balance %+v, %v", a.Balance(x.led.Now()), err)
	}
	stats, err := x.led.Reader().Queues.Stats(ctx, x.led.Now())
	x.must(err)
	for _, q := range stats {
		if q.Parked != 0 || q.Waiting != 0 {
			x.report()
			t.Errorf("%s: %d waiting, %d parked", q.Queue, q.Waiting, q.Parked)
		}
	}
}

// report logs what is not settled.
func (x *town) report() {
	intents, _ := x.led.Reader().Queues.Intents(x.t.Context(), ledger.QueueFilter{Limit: 100})
	for _, i := range intents {
		x.t.Logf("%s %s: %s %q", i.Kind, i.ID, i.State, i.Reason)
	}
	events, _ := x.led.Reader().Queues.Events(x.t.Context(), ledger.QueueFilter{Limit: 100})
	for _, e := range events {
		x.t.Logf("%s %s: %s %q", e.Type, e.VendorID, e.State, e.Reason)
	}
}
