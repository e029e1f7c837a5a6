package main

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// tourConfig has every vendor, each at a connection of its name. Money is
// collected in one place throughout.
func tourConfig(w *town, primary string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nlisten: %s\nunit: {code: credits, scale: 2, price: 0.08 usd}\nconnections:\n", strings.TrimPrefix(w.api.base, "http://"))
	for _, v := range vendorNames() {
		fmt.Fprintf(&b, "  %s: {provider: %s, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: %q}\n", v, v, w.boxes[v])
	}
	fmt.Fprintf(&b, "route: {primary: %s, payments: %s}\nmapping:\n", primary, defaultVendor)
	for _, v := range vendorNames() {
		fmt.Fprintf(&b, "  %s: {window: 1s, limit: 1000, share: 1}\n", v)
	}
	return b.String()
}

// circuit visits every way from one place to another once, and ends where it
// began.
func circuit(places []string) []string {
	left := map[string][]string{}
	for _, from := range places {
		for _, to := range places {
			if from != to {
				left[from] = append(left[from], to)
			}
		}
	}
	var tour []string
	for stack := []string{places[0]}; len(stack) > 0; {
		at := stack[len(stack)-1]
		if next := left[at]; len(next) > 0 {
			left[at], stack = next[1:], append(stack, next[0])
			continue
		}
		tour, stack = append([]string{at}, tour...), stack[:len(stack)-1]
	}
	return tour
}

// TestCompanyTours moves one company over every pair of vendors, in both
// directions, one move after the other: each is applied, spent on, compared at
// both vendors, and drained. Nothing is lost on the way, and nothing counted
// twice.
func TestCompanyTours(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("moves a company over every pair of vendors")
	}
	size := sizeOf(t, 50)
	tour := circuit(vendorNames())
	if n := len(vendorNames()); len(tour) != n*(n-1)+1 {
		t.Fatalf("the tour is %v", tour)
	}
	w := newTownOf(t, "", tourConfig, tour[0], 20*time.Minute)
	w.populate(size)
	_, err := w.api.do(w.ctx, request{method: http.MethodPut, path: "/v1/customers/nobody", body: body{"name": "without a grant"}})
	w.need(err)
	w.rested()
	spent := 0
	spend := func(leg string) {
		for i := range size {
			w.post("/v1/debits", fmt.Sprintf("%s-%d", leg, i), body{"customer": fmt.Sprintf("c%02d", i), "amount": "1.03"})
		}
		spent++
	}
	reconcile := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if code, words := w.scrip("reconcile", "--connection", name); code != 0 {
				t.Errorf("reconcile %s: exit %d: %.4000s", name, code, words)
			}
		}
	}
	spend("start")
	for n, to := range tour[1:] {
		from, begun := tour[n], time.Now()
		leg := from + " to " + to
		w.lead(to)
		w.must("apply", "--yes")
		spend(leg)
		w.rested()
		reconcile(from, to)
		w.must("apply", "--drain", "--yes")
		w.rested()
		reconcile(from, to)
		if t.Failed() {
			t.Fatalf("%s failed", leg)
		}
		t.Logf("%s took %s", leg, time.Since(begun).Round(time.Millisecond))
	}
	want := new(big.Rat).Mul(big.NewRat(103, 100), big.NewRat(int64(spent), 1))
	for id, units := range w.purses() {
		p := units["credits"]
		if sum := new(big.Rat).Add(&p.left, &p.consumed); p.consumed.Cmp(want) != 0 || sum.Cmp(&p.issued) != 0 {
			t.Errorf("%s: %s issued, %s left, %s consumed, want %s", id, p.issued.FloatString(2), p.left.FloatString(2), p.consumed.FloatString(2), want.FloatString(2))
		}
	}
	w.must("audit")
}

// underFire are the moves between vendors of unlike kinds that are made while
// the company spends and processes are killed.
var underFire = [][2]string{{"stripe", "metronome"}, {"lago", "stripe"}, {"orb", "chargebee"}, {"metronome", "lago"}}

// TestCompanyMovesUnderFire moves a company while it debits and its processes
// are killed, and drains it so. SCRIP_TEST_CUSTOMERS=1000 is the long form.
func TestCompanyMovesUnderFire(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("moves companies while their processes are killed")
	}
	size, kills := sizeOf(t, 12), 4
	if size >= 1000 {
		kills = 20
	}
	for _, pair := range underFire {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			t.Parallel()
			moveUnderFire(t, pair[0], pair[1], size, kills)
		})
	}
}

func moveUnderFire(t *testing.T, from, to string, size, kills int) {
	w := newTownOf(t, "", tourConfig, from, 20*time.Minute)
	w.populate(size)
	_, err := w.api.do(w.ctx, request{method: http.MethodPut, path: "/v1/customers/nobody", body: body{"name": "without a grant"}})
	w.need(err)
	var stop atomic.Bool
	var traffic conc.WaitGroup
	taken := make([]int64, size) // hundredths
	for i := range min(size, 24) {
		traffic.Go(func() {
			for round := 0; !stop.Load() && w.ctx.Err() == nil; round++ {
				at := (i + 24*round) % size
				if at%24 != i%24 {
					continue // each customer has one spender
				}
				if _, ok := w.post("/v1/debits", fmt.Sprintf("fire-%d-%d", i, round), body{"customer": fmt.Sprintf("c%02d", at), "amount": "1.03"}); ok {
					taken[at] += 103
				}
				time.Sleep(60 * time.Millisecond) // a purse outlasts the slowest machine
			}
		})
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	strike := func(args ...string) {
		for n := range kills {
			if n%3 == 2 {
				w.killServe()
			}
			if w.killed(time.Duration(20+rnd.IntN(900))*time.Millisecond, args...) {
				w.ready()
				return
			}
		}
		w.ready()
		if code, words := w.scrip(args...); code != 0 && !strings.Contains(words, "there is no move") {
			t.Errorf("scrip %v: exit %d: %.4000s", args, code, words)
		}
	}
	w.lead(to)
	strike("apply", "--yes")
	strike("apply", "--drain", "--yes")
	stop.Store(true)
	traffic.Wait()
	w.rested()
	for _, name := range []string{from, to} {
		if code, words := w.scrip("reconcile", "--connection", name); code != 0 {
			t.Errorf("reconcile %s: exit %d: %.4000s", name, code, words)
		}
	}
	purses := w.purses()
	for i, hundredths := range taken {
		id := fmt.Sprintf("c%02d", i)
		p := purses[id]["credits"]
		want, sum := big.NewRat(hundredths, 100), new(big.Rat).Add(&p.left, &p.consumed)
		if p.consumed.Cmp(want) != 0 || sum.Cmp(&p.issued) != 0 {
			t.Errorf("%s: %s issued, %s left, %s consumed, want %s", id, p.issued.FloatString(2), p.left.FloatString(2), p.consumed.FloatString(2), want.FloatString(2))
		}
	}
	w.must("audit")
}
