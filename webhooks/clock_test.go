package webhooks

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/mapping"
)

// dated refuses what was not signed within five minutes of the clock.
type dated struct{ vendor }

func (v *dated) Verify(d adapters.Delivery, now time.Time) error {
	at, err := time.Parse(time.RFC3339, d.Header.Get("Signed"))
	if err != nil || now.Sub(at).Abs() > 5*time.Minute {
		return adapters.Errorf(adapters.CodeUnauthorized, "not authentic")
	}
	return nil
}

// process is another process on the same ledger, whose wall clock is its own.
func (w *world) process(wall *atomic.Int64, observe func(string, ledger.QueueState)) (*Worker, http.Handler) {
	o := Options{
		Ledger: w.led, Connections: []mapping.Connection{{Name: "main", Strategy: w.strategy}}, Observe: observe,
		Ports: map[string]*adapters.Port{"main": adapters.NewPort(&dated{*w.vendor}, adapters.Limits{})},
		Wall:  func() time.Time { return core.Time(wall.Load()).Std() },
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/webhooks/{connection}", NewReceiver(o))
	return NewWorker(o), mux
}

// The wall clock jumps while a delivery is being worked on: what is leased may
// come to another worker too soon, and has one effect all the same; what comes
// in is refused by its signature's age, which is counted, and is taken when the
// clock is right again. CK-02.
func TestWallJumps(t *testing.T) {
	for name, to := range map[string]string{
		"back an hour": "2025-12-31T23:00:00Z", "ahead a day": "2026-01-02T00:00:00Z", "to 1970": "1970-01-01T01:00:00Z", "to 2100": "2100-01-01T00:00:00Z",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.buy("buy")
			var wall, refused atomic.Int64
			right := w.nowTime.Load()
			wall.Store(right)
			first, door := w.process(&wall, func(connection string, s ledger.QueueState) {
				if s == Refused && connection == "main" {
					refused.Add(1)
				}
			})
			deliver := func(x wire) int {
				r := httptest.NewRequest(http.MethodPost, "/v1/webhooks/main", bytes.NewReader(raw(x)))
				r.Header.Set("Signed", core.Time(right).Std().UTC().Format(time.RFC3339))
				rec := httptest.NewRecorder()
				door.ServeHTTP(rec, r)
				return rec.Code
			}
			if code := deliver(paid("evt_1", p)); code != 200 {
				t.Fatalf("answered %d", code)
			}
			claim := func() []ledger.Claimed {
				items, err := w.led.Store().Claim(w.ctx, ledger.Inbox, w.led.Now(), core.Time(wall.Load()), 16, 30*time.Second)
				w.must(err)
				return items
			}
			begun := claim()
			at, err := core.ParseTime(to)
			w.must(err)
			wall.Store(int64(at))
			again := claim()
			if early := at > core.Time(right); len(begun) != 1 || len(again) != map[bool]int{true: 1}[early] {
				t.Fatalf("claimed %d, then %d", len(begun), len(again))
			}
			for _, item := range append(begun, again...) {
				first.work(w.ctx, item)
			}
			if code := deliver(paid("evt_2", p)); code != 401 || refused.Load() != 1 {
				t.Errorf("a delivery is answered %d, %d are counted", code, refused.Load())
			}
			wall.Store(right + time.Minute.Microseconds())
			for _, item := range claim() {
				first.work(w.ctx, item)
			}
			if code := deliver(paid("evt_2", p)); code != 200 || refused.Load() != 1 {
				t.Errorf("with the clock right it is answered %d", code)
			}
			for _, item := range claim() {
				first.work(w.ctx, item)
			}
			if e := w.events(); len(e) != 2 || e[0].State != ledger.Applied || e[1].State != ledger.Ignored || w.balance() != 1000_00 {
				t.Errorf("events %+v, balance %d", e, w.balance())
			}
		})
	}
}

// Two processes whose clocks are 30 seconds apart, as long as a lease is: no
// event has its effect twice, and neither has what time decides. CK-03.
func TestTwoClocks(t *testing.T) {
	w := newWorld(t)
	w.subscribe(false, "")
	var fast, slow atomic.Int64
	slow.Store(w.nowTime.Load())
	fast.Store(w.nowTime.Load() + (30 * time.Second).Microseconds())
	one, _ := w.process(&fast, nil)
	two, _ := w.process(&slow, nil)
	const n = 20
	for i := range n {
		p := w.buy(fmt.Sprintf("buy-%d", i))
		x := paid(fmt.Sprintf("evt_%d", i), p)
		x.Object = fmt.Sprintf("in_%d", i)
		w.deliver(x)
	}
	// Whatever either claims it begins at once, although the other has begun it.
	var claimed []ledger.Claimed
	for _, wall := range []*atomic.Int64{&slow, &fast} {
		items, err := w.led.Store().Claim(w.ctx, ledger.Inbox, w.led.Now(), core.Time(wall.Load()), n, 30*time.Second)
		w.must(err)
		claimed = append(claimed, items...)
	}
	if len(claimed) != 2*n {
		t.Fatalf("%d were claimed, the clocks should make it %d", len(claimed), 2*n)
	}
	var both conc.WaitGroup
	for i, item := range claimed {
		both.Go(func() { []*Worker{two, one}[i/n].work(w.ctx, item) })
	}
	both.Wait()
	for _, e := range w.events() {
		if e.State != ledger.Applied || e.Attempts != 1 {
			t.Errorf("%s is %s after %d attempts: %s", e.VendorID, e.State, e.Attempts, e.Reason)
		}
	}
	if got := len(w.grants()); got != n+1 {
		t.Errorf("%d grants of %d payments and a period", got, n)
	}

	// The renewal is due by the fast clock, and half a minute later by the other.
	other := ledger.Open(w.store, ledger.Options{
		Now:   func() core.Time { return core.Time(w.nowTime.Load()) + 30_000_000 },
		Units: []core.Unit{{Code: "credits", Scale: 2}}, Order: core.DefaultOrder(),
	})
	defer other.Close()
	w.at("2026-02-28T09:59:45Z")
	for range 4 {
		for _, l := range []*ledger.Ledger{other, w.led, other} {
			if _, _, err := l.Sweep(w.ctx, 10); err != nil {
				t.Fatal(err)
			}
		}
		w.nowTime.Add((10 * time.Second).Microseconds())
	}
	renewals := 0
	for _, g := range w.grants() {
		if strings.HasSuffix(g, "from 2026-02-28T10:00:00Z") {
			renewals++
		}
	}
	if renewals != 1 {
		t.Errorf("the period was granted %d times: %v", renewals, w.grants())
	}
}

// A vendor's instant that is a year ahead, zero, or was told in another unit is
// kept as it is, and what comes of an event does not rest on it. CK-05.
func TestVendorsInstantIsOnlyData(t *testing.T) {
	now := core.Time(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	for name, at := range map[string]core.Time{
		"a year ahead": now.AddMonths(12), "zero": 0, "in milliseconds": now / 1000, "as if they were seconds": core.Never - 1,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.buy("buy")
			x, late := paid("evt_1", p), paid("evt_2", p)
			x.At, late.At, late.Kind = at, now, adapters.FailedEvent
			for _, e := range []wire{x, late} { // by its instant the second may be the older or the newer one
				w.deliver(e)
				w.drain()
			}
			list := w.events()
			if list[0].State != ledger.Applied || list[1].State != ledger.Ignored || w.balance() != 1000_00 || list[0].Received != w.led.Now() {
				t.Errorf("%+v, balance %d", list, w.balance())
			}
			if !bytes.Contains(list[0].Body, []byte(`"evt_1"`)) {
				t.Errorf("the body is %s", list[0].Body)
			}
			w.subscribe(true, "")
			w.must(w.led.LinkOne(w.ctx, ledger.Link{Connection: "main", Neutral: "acme", Role: plan.VendorRole, Vendor: "sub_1"}))
			y := renewed("evt_3", "in_3", "2026-01-31T10:00:00Z")
			y.Renewal.Start = at
			w.deliver(y)
			w.drain()
			if e := w.last(); e.State != ledger.Parked && e.State != ledger.Ignored || len(w.grants()) != 1 {
				t.Errorf("a period from %s is %s: %s; granted %v", at, e.State, e.Reason, w.grants())
			}
		})
	}
}
