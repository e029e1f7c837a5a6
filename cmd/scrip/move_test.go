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

func (w *town) populate(customers int) {
	for i := range customers {
		id := fmt.Sprintf("c%02d", i)
		_, err := w.api.do(w.ctx, request{method: http.MethodPut, path: "/v1/customers/" + id, body: body{"name": id}})
		w.need(err)
		w.post("/v1/customers/"+id+"/grants", "paid-"+id, body{"amount": "5000", "category": "paid", "paid": body{"amount": "400", "currency": "usd"}})
		w.post("/v1/customers/"+id+"/grants", "gift-"+id, body{"amount": fmt.Sprint(10 + i), "category": "promotional", "expires_at": "2099-01-01T00:00:00Z"})
		w.post("/v1/holds", "hold-"+id, body{"customer": id, "amount": "7.25", "expires_in": "1h"})
	}
}

// agree compares what a vendor that holds units has left with the feed, by
// customer, as somebody from outside would.
func (w *town) agree(customers int) {
	w.Helper()
	left := map[string]*big.Rat{}
	for _, e := range outsideFeed(w.T, w.api.base, w.api.key) {
		amount := decimalOf(w.T, e.Amount)
		sum := left[e.Customer]
		if sum == nil {
			sum = new(big.Rat)
			left[e.Customer] = sum
		}
		for pot, sign := range map[string]int64{e.From: -1, e.To: 1} {
			if pot == "available" || pot == "held" {
				sum.Add(sum, new(big.Rat).Mul(amount, big.NewRat(sign, 1)))
			}
		}
	}
	var state struct {
		Customers []struct {
			ExternalID string `json:"external_id"`
			Grants     []struct{ Remaining string }
		}
	}
	fetch(w.T, w.boxes["orb"]+"/_sandbox/state", "sk_test_town", &state)
	if len(left) != customers || len(state.Customers) != customers {
		w.Errorf("%d customers in the feed, %d at the vendor, want %d", len(left), len(state.Customers), customers)
	}
	for _, c := range state.Customers {
		sum := new(big.Rat)
		for _, g := range c.Grants {
			sum.Add(sum, decimalOf(w.T, g.Remaining))
		}
		if ours := left[c.ExternalID]; ours == nil || sum.Cmp(ours) != 0 {
			w.Errorf("%s: the vendor has %s left, the feed %v", c.ExternalID, sum.FloatString(2), ours)
		}
	}
}

// TestMoveSurvivesKills moves a company from one vendor to another while it
// debits, kills the operator's command over and over, goes back, moves again
// and drains. Nothing is lost, nothing counted twice.
// CR-08, MG-02, MG-04.
func TestMoveSurvivesKills(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("moves a whole company three times")
	}
	const customers = 6
	w := newTown(t, townConfig, "main", 4*time.Minute)
	w.populate(customers)
	var stop atomic.Bool
	var traffic conc.WaitGroup
	for i := range customers {
		traffic.Go(func() {
			id := fmt.Sprintf("c%02d", i)
			for n := 0; !stop.Load() && w.ctx.Err() == nil; n++ {
				w.post("/v1/debits", fmt.Sprintf("debit-%s-%d", id, n), body{"customer": id, "amount": "0.37"})
				time.Sleep(30 * time.Millisecond)
			}
		})
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	until := func(args ...string) {
		for range 10 {
			if w.killed(time.Duration(5+rnd.IntN(120))*time.Millisecond, args...) {
				break
			}
		}
		begun := time.Now()
		defer func() { t.Logf("%v took %s", args, time.Since(begun).Round(time.Millisecond)) }()
		if code, words := w.scrip(args...); code != 0 && !strings.Contains(words, "there is no move") {
			t.Fatalf("scrip %v: exit %d: %s", args, code, words)
		}
	}
	w.lead("next")
	until("apply", "--yes")
	if code, words := w.scrip("status", "--json"); code != 0 || !strings.Contains(words, `"phase":"moved"`) {
		t.Fatalf("status: exit %d: %s", code, words)
	}
	until("rollback")
	w.lead("main")
	if code, words := w.scrip("plan"); code != 0 {
		t.Fatalf("after going back the first config differs from what is applied: %s", words)
	}
	w.lead("next")
	until("apply", "--yes")
	stop.Store(true)
	traffic.Wait()
	w.rested()
	w.agree(customers)
	until("apply", "--drain")
	w.rested()
	for _, connection := range []string{"main", "next"} {
		if code, words := w.scrip("reconcile", "--connection", connection); code != 0 {
			t.Errorf("reconcile %s: exit %d: %s", connection, code, words)
		}
	}
	if code, words := w.scrip("audit"); code != 0 {
		t.Errorf("audit: exit %d: %s", code, words)
	}
}

// TestMoveTheOtherWay moves from a vendor that holds units to one that holds
// money, and drains.
func TestMoveTheOtherWay(t *testing.T) {
	t.Parallel()
	const customers = 3
	w := newTown(t, townConfig, "next", 4*time.Minute)
	w.populate(customers)
	spend := func(key string) {
		for i := range customers {
			id := fmt.Sprintf("c%02d", i)
			w.post("/v1/debits", key+id, body{"customer": id, "amount": "33.33"})
		}
	}
	spend("before")
	w.rested()
	w.agree(customers)
	w.lead("main")
	for _, step := range [][]string{{"apply", "--yes"}, {"apply", "--drain"}} {
		if code, words := w.scrip(step...); code != 0 {
			t.Fatalf("scrip %v: exit %d: %s", step, code, words)
		}
		spend(fmt.Sprint(step))
		w.rested()
		for _, connection := range []string{"main", "next"} {
			if code, words := w.scrip("reconcile", "--connection", connection); code != 0 {
				t.Errorf("after %v, reconcile %s: exit %d: %s", step, connection, code, words)
			}
		}
	}
}
