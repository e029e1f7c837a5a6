package reconcile_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/stripe"
	"scrip/adapters/stripe/sandbox"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/mapping"
	"scrip/mapping/reconcile"
	"scrip/mapping/sync"
	"scrip/storage/sqlite"
)

const apiKey = "sk_test_reconcile"

// town is a ledger on SQLite, the worker that carries it outward, and a
// vendor's sandbox behind real HTTP.
type town struct {
	t       *testing.T
	clock   *clock.Clock
	store   ledger.Store
	led     *ledger.Ledger
	out     *sync.Worker
	outward *mapping.Outward
	port    *adapters.Port
	conn    mapping.Connection
	route   mapping.Route
	units   []core.Unit
	vendor  string // the sandbox's address
}

func newTown(t *testing.T) *town {
	t.Helper()
	box := sandbox.New(kit.Options{Seed: 1})
	server := httptest.NewServer(box)
	t.Cleanup(func() { server.Close(); box.Close() })
	x := &town{t: t, vendor: server.URL, clock: clock.Test(0), route: mapping.Route{Primary: "main"}}
	x.must(x.clock.Set(x.clock.Now().Add(time.Second)))
	rate, err := core.ParsePrice("0.08 usd")
	x.must(err)
	x.conn = mapping.Connection{Name: "main", Strategy: adapters.Meter, Rate: rate, Window: time.Minute, Create: true}
	adapter, err := stripe.New(stripe.Config{Key: apiKey, WebhookSecrets: []string{"whsec_c3Rvcnk"}, BaseURL: server.URL, Now: x.clock.Now})
	x.must(err)
	x.open(adapter)
	return x
}

// open makes the insides of the gateway in front of an adapter.
func (x *town) open(a adapters.Adapter) {
	x.t.Helper()
	x.units = []core.Unit{{Code: "credits", Scale: 2}}
	x.port = adapters.NewPort(a, adapters.Limits{Percent: 100, Timeout: 5 * time.Second})
	store, err := sqlite.Open(x.t.Context(), filepath.Join(x.t.TempDir(), "l.db"))
	x.must(err)
	x.store = store
	x.t.Cleanup(func() { _ = store.Close() })
	x.wire(x.route)
}

// wire opens the ledger with a route; an empty one tells nobody.
func (x *town) wire(route mapping.Route) {
	x.t.Helper()
	conns := []mapping.Connection{x.conn}
	outward, err := mapping.NewOutward(route, conns, x.units)
	x.must(err)
	x.outward = outward
	x.led = ledger.Open(x.store, ledger.Options{Now: x.clock.Now, Units: x.units, Order: core.DefaultOrder(), Outward: outward})
	x.t.Cleanup(x.led.Close)
	x.out = sync.New(sync.Options{
		Ledger: x.led, Ports: map[string]*adapters.Port{x.conn.Name: x.port}, Connections: conns, Route: x.route, Units: x.units, Wall: clock.WallNow,
	})
}

func (x *town) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// control calls the sandbox's control API.
func (x *town) control(call string, body any) {
	x.t.Helper()
	raw, err := json.Marshal(body)
	x.must(err)
	req, err := http.NewRequestWithContext(x.t.Context(), http.MethodPost, x.vendor+"/_sandbox/"+call, bytes.NewReader(raw))
	x.must(err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	x.must(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	x.must(err)
	if resp.StatusCode >= 300 {
		x.t.Fatalf("%s answered %d: %s", call, resp.StatusCode, answer)
	}
}

// mutate changes an object at the vendor as a person there might.
func (x *town) mutate(object, id, op string, fields map[string]any) {
	x.t.Helper()
	x.control("mutate", map[string]any{"object": object, "id": id, "op": op, "fields": fields})
}

// advance moves both clocks.
func (x *town) advance(d time.Duration) {
	x.t.Helper()
	to := x.clock.Now().Add(d)
	if x.vendor != "" {
		x.control("clock", map[string]any{"now": to.String()})
	}
	x.must(x.clock.Set(to))
}

// settle lets open windows close and everything be carried, and waits out the
// vendor's lag.
func (x *town) settle() {
	x.t.Helper()
	x.advance(2 * time.Minute)
	_, _, err := x.led.Sweep(x.t.Context(), 100)
	x.must(err)
	x.must(x.out.Drain(x.t.Context()))
	x.advance(2 * time.Minute)
}

func (x *town) customer(id string) {
	x.t.Helper()
	_, _, err := x.led.PutCustomer(x.t.Context(), ledger.Customer{ID: id, Name: strings.ToUpper(id)})
	x.must(err)
}

func (x *town) grant(customer, key string, amount core.Amount, terms core.Terms) core.ID {
	x.t.Helper()
	terms.Amount = amount
	if terms.Category == "" {
		terms.Category = core.Paid
	}
	account := ledger.AccountKey{Customer: customer, Unit: "credits"}
	r, _, err := x.led.Issue(x.t.Context(), customer+"-"+key, account, terms)
	x.must(err)
	return r.Grant.ID
}

// move lets acme's account join or leave the connection, and settles.
func (x *town) move(change func(*core.Account, string) bool, orders func(*mapping.Outward, core.Time, *core.Account, string) []*ledger.Intent) {
	x.t.Helper()
	key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	x.must(x.led.Do(x.t.Context(), &ledger.Op{
		Names: func(b *ledger.Batch) { b.Accounts = append(b.Accounts, key) },
		Decide: func(tx *ledger.Tx) error {
			if a := tx.Account(key); change(a, "main") {
				tx.Send(orders(x.outward, tx.Now, a, "main")...)
			}
			return nil
		},
	}))
	x.settle()
}

func (x *town) debit(customer, key string, amount core.Amount) {
	x.t.Helper()
	_, _, err := x.led.Debit(x.t.Context(), key, ledger.Charge{Account: ledger.AccountKey{Customer: customer, Unit: "credits"}, Amount: amount})
	x.must(err)
}

// link is the vendor's object of a neutral thing.
func (x *town) link(neutral, role string) string {
	x.t.Helper()
	links, err := x.led.Reader().Links.Links(x.t.Context(), ledger.LinkKey{Connection: "main", Neutral: neutral})
	x.must(err)
	for _, l := range links {
		if l.Role == role {
			return l.Vendor
		}
	}
	x.t.Fatalf("%s has no %s at the vendor: %v", neutral, role, links)
	return ""
}

func (x *town) options() reconcile.Options {
	return reconcile.Options{Reader: x.store.Reader(), Port: x.port, Connection: x.conn, Route: x.route, Units: x.units, AsOf: x.clock.Now()}
}

func (x *town) compare() *reconcile.Report {
	x.t.Helper()
	report, err := reconcile.Run(x.t.Context(), x.options())
	x.must(err)
	return report
}

// short writes findings as customer/object/cause, ids of grants left out.
func short(list []reconcile.Finding) string {
	var out []string
	for _, f := range list {
		object, _, _ := strings.Cut(f.Object, " grn_")
		out = append(out, f.Customer+"/"+object+"/"+string(f.Cause))
	}
	return strings.Join(out, ", ")
}

func expect(t *testing.T, r *reconcile.Report, findings, inFlight string) {
	t.Helper()
	if got := short(r.Findings); got != findings {
		t.Errorf("findings %q, want %q: %+v", got, findings, r.Findings)
	}
	if got := short(r.InFlight); got != inFlight {
		t.Errorf("in flight %q, want %q: %+v", got, inFlight, r.InFlight)
	}
	if r.Agrees() != (findings == "") {
		t.Errorf("agrees: %t", r.Agrees())
	}
}
