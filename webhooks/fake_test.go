package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
	"scrip/mapping"
	"scrip/storage/sqlite"
)

// vendor signs with a header and speaks neutral events as JSON.
type vendor struct {
	secret string
	pages  [][][]byte
	circle bool
}

// wire is the vendor's event.
type wire struct {
	ID       string             `json:"id"`
	Type     string             `json:"type"`
	Kind     adapters.EventKind `json:"kind"`
	At       core.Time          `json:"at,omitempty"`
	Until    core.Time          `json:"until,omitempty"`
	Live     bool               `json:"live,omitempty"`
	Hint     bool               `json:"hint,omitempty"`
	Mark     core.ID            `json:"mark,omitempty"`
	Object   string             `json:"object,omitempty"`
	Customer string             `json:"customer,omitempty"`
	Purchase core.ID            `json:"purchase,omitempty"`
	Minor    core.Amount        `json:"minor,omitempty"`
	Currency core.Currency      `json:"currency,omitempty"`
	Unpaid   bool               `json:"unpaid,omitempty"`
	Won      bool               `json:"won,omitempty"`
	Why      string             `json:"why,omitempty"`
	Noise    string             `json:"noise,omitempty"` // differs between deliveries, means nothing
	Panic    bool               `json:"panic,omitempty"`
	Neutral  string             `json:"neutral,omitempty"`
	Renewal  *sale.Renewal      `json:"renewal,omitempty"`
}

func (v *vendor) Traits() adapters.Traits {
	return adapters.Traits{Provider: "fake", PerSecond: 1 << 20, Echoes: []adapters.Echo{{Write: adapters.GrantKind, Event: "odd.echo"}}}
}

func (v *vendor) Probe(context.Context) error { return nil }

func (v *vendor) Verify(d adapters.Delivery, now time.Time) error {
	if d.Header.Get("Signature") != v.secret {
		return adapters.Errorf(adapters.CodeUnauthorized, "not authentic")
	}
	return nil
}

func (v *vendor) Normalise(body []byte) (adapters.Event, error) {
	var x wire
	if err := json.Unmarshal(body, &x); err != nil {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is not an event")
	}
	if x.Panic {
		panic("impossible")
	}
	e := adapters.Event{Reason: x.Why, ID: x.ID, Type: x.Type, Kind: x.Kind, Live: x.Live, Hint: x.Hint, Mark: x.Mark, Object: x.Object, Customer: x.Customer, At: x.At, Until: x.Until, Neutral: x.Neutral, Renewal: x.Renewal}
	if x.Purchase != "" || x.Minor != 0 {
		e.Payment = &sale.Payment{Purchase: x.Purchase, Object: x.Object, Paid: core.Money{Minor: x.Minor, Currency: x.Currency}, Settled: !x.Unpaid}
	}
	if x.Kind == adapters.DisputeEvent {
		e.Payment.Settled = x.Won
	}
	return e, nil
}

func (v *vendor) Events(_ context.Context, _ core.Time, p adapters.Page) (adapters.Listing[[]byte], error) {
	at := 0
	if p.Cursor != "" {
		at = int(p.Cursor[0] - 'a')
	}
	list := adapters.Listing[[]byte]{Items: v.pages[at]}
	switch {
	case at+1 < len(v.pages):
		list.Next = string(rune('a' + at + 1))
	case v.circle:
		list.Next = "b"
	}
	return list, nil
}

type world struct {
	t        *testing.T
	ctx      context.Context
	led      *ledger.Ledger
	store    *failing
	worker   *Worker
	mux      *http.ServeMux
	vendor   *vendor
	strategy adapters.Strategy
	kicks    atomic.Int64
	nowTime  atomic.Int64
}

// failing is a store that can be switched off.
type failing struct {
	ledger.Store
	off atomic.Bool
}

func (f *failing) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	if f.off.Load() {
		return context.DeadlineExceeded
	}
	return f.Store.Commit(ctx, b, decide)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, adapters.Meter)
}

// newWorldOf is newWorld with a strategy of the main connection.
func newWorldOf(t *testing.T, strategy adapters.Strategy) *world {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{strategy: strategy, t: t, ctx: t.Context(), store: &failing{Store: store}, vendor: &vendor{secret: "good"}, mux: http.NewServeMux()}
	w.nowTime.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	w.led = ledger.Open(w.store, ledger.Options{
		Now:   func() core.Time { return core.Time(w.nowTime.Load()) },
		Units: []core.Unit{{Code: "credits", Scale: 2}}, Order: core.DefaultOrder(),
	})
	o := Options{
		Ledger: w.led, Connections: []mapping.Connection{{Name: "main", Strategy: w.strategy}, {Name: "live", Live: true}},
		Ports: map[string]*adapters.Port{
			"main": adapters.NewPort(w.vendor, adapters.Limits{}), "live": adapters.NewPort(&vendor{secret: "live"}, adapters.Limits{}),
		},
		Wall: func() time.Time { return core.Time(w.nowTime.Load()).Std() }, Kick: func() { w.kicks.Add(1) },
	}
	w.worker = NewWorker(o)
	w.mux.Handle("/v1/webhooks/{connection}", NewReceiver(o))
	t.Cleanup(func() { w.led.Close(); _ = store.Close() })
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func raw(x wire) []byte {
	body, _ := json.Marshal(x)
	return body
}

// post delivers a body to a connection.
func (w *world) post(connection, signature string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/webhooks/"+connection, bytes.NewReader(body))
	r.Header.Set("Signature", signature)
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec
}

// deliver posts an authentic event and expects it to be taken.
func (w *world) deliver(x wire) {
	w.t.Helper()
	if rec := w.post("main", "good", raw(x)); rec.Code != 200 {
		w.t.Fatalf("delivery answered %d: %s", rec.Code, rec.Body)
	}
}

func (w *world) drain() {
	w.t.Helper()
	w.must(w.worker.Drain(w.ctx))
}

func (w *world) events() []ledger.Event {
	w.t.Helper()
	list, err := w.led.Reader().Queues.Events(w.ctx, ledger.QueueFilter{Limit: 1000})
	w.must(err)
	return list
}

// last is the newest event.
func (w *world) last() ledger.Event {
	w.t.Helper()
	list := w.events()
	if len(list) == 0 {
		w.t.Fatal("no event was stored")
	}
	return list[len(list)-1]
}

// buy makes a customer with a pending purchase of 80 usd.
func (w *world) buy(key string) sale.Purchase {
	w.t.Helper()
	_, _, err := w.led.PutCustomer(w.ctx, ledger.Customer{ID: "acme"})
	w.must(err)
	p, _, err := w.led.Buy(w.ctx, key, sale.Purchase{
		Customer: "acme", Pack: "starter", Unit: "credits", Credits: 1000_00, Price: core.Money{Minor: 8000, Currency: "usd"}, Connection: "main",
	})
	w.must(err)
	return p
}

func (w *world) balance() core.Amount {
	w.t.Helper()
	a, err := w.led.Account(w.ctx, ledger.AccountKey{Customer: "acme", Unit: "credits"})
	w.must(err)
	return a.Balance(w.led.Now()).Posted
}

func paid(id string, p sale.Purchase) wire {
	return wire{ID: id, Type: "invoice.paid", Kind: adapters.PaymentEvent, Object: "in_1", Purchase: p.ID, Minor: 8000, Currency: "usd"}
}
