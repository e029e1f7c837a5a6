package main

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"

	"scrip/internal/pgtest"
)

// fleetConfig lets the vendor be called as often as need be, and its windows be
// short.
const fleetConfig = `version: 1
storage: "%s"
listen: %s
unit: {code: credits, scale: 8, price: 0.08 usd}
rate_card: {version: "1", effective_at: 2026-01-01T00:00:00Z, actions: {image: {cost: 0.5}}}
connections:
  main: {provider: stripe, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
route: {primary: main, payments: main}
mapping:
  main: {window: 1s, share: 1, limit: 10000}
`

const fleetSize = 3

// fleet is a company whose gateway is several processes on one PostgreSQL, any
// of which is asked. Each is started again whenever it ends.
type fleet struct {
	*company
	at [fleetSize]string // addresses

	mu    sync.Mutex
	runs  [fleetSize]*exec.Cmd // nil between two
	ended bool
	kills int
}

func newFleet(t *testing.T, customers int, patience time.Duration) *fleet {
	database := pgtest.New(t)
	w := newVendors(t, patience)
	f := &fleet{company: &company{town: w, size: customers, rnd: rand.New(rand.NewPCG(1, 1)), consumed: map[string]*big.Rat{}, paid: map[string]int{}}}
	w.api = newClient("http://any", "scrip_admin_of_the_town")
	w.api.http = &http.Client{Transport: f, Timeout: 15 * time.Second}
	for i := range f.at {
		f.at[i] = "127.0.0.1:" + freePort(t)
		text := []byte(fmt.Sprintf(fleetConfig, database, f.at[i], w.boxes["stripe"]))
		f.need(os.WriteFile(filepath.Join(w.dir, fmt.Sprintf("replica%d.yaml", i)), text, 0o600))
		if i == 0 { // what commands read
			f.need(os.WriteFile(filepath.Join(w.dir, "scrip.yaml"), text, 0o600))
		}
	}
	var keepers conc.WaitGroup
	for i := range f.at {
		keepers.Go(func() { f.keep(i) })
	}
	t.Cleanup(func() {
		f.mu.Lock()
		f.ended = true
		for _, cmd := range f.runs {
			if cmd != nil {
				_ = cmd.Process.Signal(os.Interrupt)
			}
		}
		f.mu.Unlock()
		keepers.Wait()
		if t.Failed() {
			t.Logf("the gateways said: %.6000s", w.words)
		}
	})
	f.all()
	return f
}

// keep starts a replica, and another when it ends.
func (f *fleet) keep(i int) {
	for {
		cmd := f.command("serve", "-c", fmt.Sprintf("replica%d.yaml", i))
		cmd.Dir, cmd.Stderr = f.dir, f.words
		f.mu.Lock()
		if f.ended || f.ctx.Err() != nil || cmd.Start() != nil {
			f.mu.Unlock()
			return
		}
		f.runs[i] = cmd
		f.mu.Unlock()
		_ = cmd.Wait()
		f.mu.Lock()
		f.runs[i] = nil
		f.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
}

// kill kills a replica with -9, if it runs.
func (f *fleet) kill(i int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.runs[i] != nil && f.runs[i].Process.Kill() == nil {
		f.kills++
	}
}

// RoundTrip implements [http.RoundTripper]: any replica is asked.
func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	to := r.Clone(r.Context())
	to.URL.Host, to.Host = f.at[rand.IntN(fleetSize)], ""
	return http.DefaultTransport.RoundTrip(to)
}

// all waits until every replica answers.
func (f *fleet) all() {
	f.Helper()
	for _, at := range f.at {
		one := newClient("http://"+at, f.api.key)
		for {
			if _, err := one.do(f.ctx, request{method: http.MethodGet, path: "/readyz"}); err == nil {
				break
			}
			if f.ctx.Err() != nil {
				f.Fatalf("%s did not become ready", at)
			}
			time.Sleep(25 * time.Millisecond)
		}
	}
}

// people makes the customers, with grants that last and a hold for some.
func (f *fleet) people() {
	workers := pool.New().WithMaxGoroutines(8)
	for i := range f.size {
		workers.Go(func() {
			id := customerName(i)
			f.call(request{method: http.MethodPut, path: "/v1/customers/" + id, body: body{"name": id}})
			f.post("/v1/customers/"+id+"/grants", "paid-"+id, body{"amount": fmt.Sprintf("5000.%02d", i), "category": "paid", "paid": body{"amount": "400", "currency": "usd"}})
			f.post("/v1/customers/"+id+"/grants", "gift-"+id, body{"amount": fmt.Sprintf("%d.000001", 10+i), "category": "promotional", "priority": 20})
			f.hold(id, "hold-"+id, body{"amount": "7.25", "expires_in": "1h"})
		})
	}
	workers.Wait()
}

// begin has many write through whichever replica, each repeating what was not
// answered by its key.
func (f *fleet) begin(writers int) {
	f.rounds++
	f.stop.Store(false)
	f.traffic = conc.NewWaitGroup()
	for w := range writers {
		rnd := rand.New(rand.NewPCG(2, uint64(w)))
		f.traffic.Go(func() {
			for n := 0; !f.stop.Load() && f.ctx.Err() == nil; n++ {
				key := fmt.Sprintf("w%d-%d", w, n)
				if id := customerName(rnd.IntN(f.size)); n%20 == 1 {
					f.hold(id, key, body{"amount": "7.25", "expires_in": "1h"})
				} else if n%20 == 2 {
					f.post("/v1/customers/"+id+"/grants", key, body{"amount": fmt.Sprintf("%d.5", 1+rnd.IntN(90)), "category": "promotional"})
				} else {
					f.act(rnd, key, n)
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
}

// follow reads the feed from its start to its end, while it is written to,
// through whichever replica, until done.
func (f *fleet) follow(done *atomic.Bool) (entries []outsideEntry) {
	for cursor, last := "", false; f.ctx.Err() == nil; {
		ended := done.Load()
		a, ok := f.call(request{method: http.MethodGet, path: "/v1/feed", query: url.Values{"limit": {"100"}, "cursor": {cursor}}})
		if !ok {
			return nil
		}
		var page struct {
			Data []outsideEntry
			Next string `json:"next_cursor"`
		}
		f.read(a, &page)
		if len(page.Data) > 0 {
			entries, cursor = append(entries, page.Data...), page.Next
			last = false
			continue
		}
		if last && ended {
			return entries
		}
		last = ended
		time.Sleep(20 * time.Millisecond)
	}
	return entries
}

// fleetTime is how long replicas are killed: SCRIP_REPLICAS, such as 10m, or a
// few seconds.
func fleetTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("SCRIP_REPLICAS")
	if text == "" {
		return 6 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SCRIP_REPLICAS: %v", err)
	}
	return d
}

// TestReplicas runs three processes on one PostgreSQL and kills one of them
// each second, while many write through all of them and the vendor fails in
// four ways. What was answered stands once, the feed has all of it for who
// reads along, the queues come to rest by themselves, and the vendor has
// everything once.
func TestReplicas(t *testing.T) {
	t.Parallel() // most of its time is waiting for the leases of the killed
	long := fleetTime(t)
	f := newFleet(t, 50, long+4*time.Minute)
	f.control("stripe", "webhooks", body{"url": "http://" + f.at[0] + "/v1/webhooks/main", "secret": townSecret})
	const many = 1_000_000_000
	f.control("stripe", "faults", body{"seed": 1, "faults": []body{
		{"kind": "status", "status": 429, "count": many, "probability": "0.05"},
		{"kind": "status_after", "status": 500, "count": many, "probability": "0.08"},
		{"kind": "slow", "delay": "50ms", "count": many, "probability": "0.1"},
		{"kind": "reset", "count": many, "probability": "0.05"},
	}})
	var done atomic.Bool
	var entries []outsideEntry
	var reading conc.WaitGroup
	reading.Go(func() { entries = f.follow(&done) })
	f.people()
	f.begin(8)
	for until, n := time.Now().Add(long), 0; time.Now().Before(until) && !t.Failed(); n++ {
		time.Sleep(time.Second)
		f.kill(n % fleetSize)
	}
	calm := newClient(f.boxes["stripe"], townKey)
	_, err := calm.do(f.ctx, request{method: http.MethodDelete, path: "/_sandbox/faults"})
	f.need(err)
	f.all()
	f.rest()
	done.Store(true)
	reading.Wait()
	t.Logf("%d kills, %d answered writes, %d entries", f.kills, f.debits, len(entries))
	if f.kills < 3 {
		t.Errorf("%d kills", f.kills)
	}
	f.whole(entries)
}

// whole checks from outside that everything stands once.
func (f *fleet) whole(entries []outsideEntry) {
	f.Helper()
	stories := retell(f.T, entries)
	again := wholeFeed(f.T, "http://"+f.at[0], f.api.key)
	if len(again) != len(entries) {
		f.Errorf("who read along has %d entries, the feed %d", len(entries), len(again))
	}
	for id, s := range retell(f.T, again) {
		if mine := stories[id]; mine == nil || len(mine.points) != len(s.points) || mine.end().Cmp(s.end()) != 0 {
			f.Errorf("%s: who read along has another account than the feed", id)
		}
	}
	at := map[string]bool{}
	state := readState(f.T, f.boxes["stripe"])
	for i := range state.Customers {
		c := &state.Customers[i]
		s := stories[c.ExternalID]
		switch {
		case at[c.ExternalID]:
			f.Errorf("%s stands twice at the vendor", c.ExternalID)
		case s == nil:
			f.Errorf("%s is at the vendor and has no entry", c.ExternalID)
		default:
			checkMoney(f.T, c, s, 0, nil, new(big.Int))
		}
		at[c.ExternalID] = true
	}
	for i := range f.size {
		id := customerName(i)
		s := stories[id]
		if s == nil || !at[id] {
			f.Errorf("%s is missing: in the feed %t, at the vendor %t", id, s != nil, at[id])
			continue
		}
		if want := f.consumed[id]; want == nil || s.end().Cmp(want) != 0 {
			f.Errorf("%s: the answers add up to %v, the feed to %v", id, want, s.end())
		}
	}
	f.must("audit")
	f.must("reconcile", "--connection", "main")
}
