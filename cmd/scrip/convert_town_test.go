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

// centsConfig is the town's config with a place for its unit.
const centsConfig = `version: 1
listen: %s
UNIT
connections:
  main: {provider: stripe, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
  next: {provider: orb, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
route: {primary: %s, payments: main}
mapping:
  main: {window: 1s, limit: 1000, share: 1}
  next: {window: 1s, limit: 1000, share: 1}
rate_card:
  version: "1"
  actions:
    image.generate: {cost: 5}
    text.generate: {meter: tokens, per: 1000, round: up, minimum: 0.1, rates: [{when: {model: large}, cost: 1.5}, {cost: 0.1}]}
packs:
  starter: {credits: 1000, price: 80 usd, expires: 12 months}
`

const (
	inCredits = "unit: {code: credits, scale: 2, price: 0.08 usd}"
	inDollars = "unit: {code: usd, scale: 6}\nconvert: {from: credits, at: list}"
)

// settlers makes customers with mixed grants, open holds and unpaid packs.
func (w *town) settlers(n int) {
	var work conc.WaitGroup
	for worker := range 8 {
		work.Go(func() {
			for i := worker; i < n; i += 8 {
				id := fmt.Sprintf("c%04d", i)
				w.call(request{method: http.MethodPut, path: "/v1/customers/" + id, body: body{"name": id}})
				grants := "/v1/customers/" + id + "/grants"
				w.post(grants, "paid-"+id, body{"amount": "5000", "category": "paid", "paid": body{"amount": "333.33", "currency": "usd"}, "priority": 60})
				w.post(grants, "gift-"+id, body{"amount": fmt.Sprintf("%d.07", 10+i%50), "category": "promotional", "expires_at": "2099-01-01T00:00:00Z"})
				w.post(grants, "dust-"+id, body{"amount": "0.01", "category": "promotional"})
				w.post(grants, "soon-"+id, body{"amount": "40", "category": "promotional", "effective_at": "2098-01-01T00:00:00Z"})
				w.post("/v1/holds", "sum-"+id, body{"customer": id, "amount": "7.25", "unit": "credits", "expires_in": "1h"})
				w.post("/v1/holds", "act-"+id, body{"customer": id, "action": "image.generate", "quantity": "3", "expires_in": "1h", "protect_until_resolved": i%2 == 0})
				if i%10 == 0 {
					w.post("/v1/customers/"+id+"/purchases", "buy-"+id, body{"pack": "starter"})
				}
			}
		})
	}
	work.Wait()
}

// spenders debit by action until they are stopped, as if nothing happened.
// They return how often each customer was debited for an image and for text.
func (w *town) spenders(n int, stop *atomic.Bool) (images, texts []atomic.Int64, work *conc.WaitGroup) {
	images, texts, work = make([]atomic.Int64, n), make([]atomic.Int64, n), &conc.WaitGroup{}
	for worker := range 6 {
		work.Go(func() {
			for round := 0; !stop.Load() && w.ctx.Err() == nil; round++ {
				if round > 120*n { // what a customer has is not to run out
					time.Sleep(20 * time.Millisecond)
					continue
				}
				i := (worker + 6*round) % n
				id := fmt.Sprintf("c%04d", i)
				if round%3 == 0 {
					if _, ok := w.post("/v1/debits", fmt.Sprintf("t-%d-%d", worker, round), body{"customer": id, "action": "text.generate", "quantity": "2500", "dimensions": body{"model": "large"}}); ok {
						texts[i].Add(1)
					}
				} else if _, ok := w.post("/v1/debits", fmt.Sprintf("i-%d-%d", worker, round), body{"customer": id, "action": "image.generate"}); ok {
					images[i].Add(1)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	return images, texts, work
}

// payPacks pays what the customers bought, at whatever moment that is.
func (w *town) payPacks() {
	var state struct {
		Customers []struct {
			Invoices []struct {
				ID, Status string
				Metadata   map[string]string
			}
		}
	}
	fetch(w.T, w.boxes["stripe"]+"/_sandbox/state", townKey, &state)
	for _, c := range state.Customers {
		for _, i := range c.Invoices {
			if i.Metadata["scrip_purchase"] != "" && i.Status == "open" {
				w.control("stripe", "pay", body{"object": i.ID, "outcome": "paid"})
			}
		}
	}
}

// purse is what a stranger adds up of one customer's entries in one unit.
type purse struct{ issued, left, consumed, in, out big.Rat }

// purses adds up the feed by customer and unit.
func (w *town) purses() map[string]map[string]*purse {
	all := map[string]map[string]*purse{}
	for _, e := range outsideFeed(w.T, w.api.base, w.api.key) {
		if all[e.Customer] == nil {
			all[e.Customer] = map[string]*purse{"credits": {}, "usd": {}}
		}
		p, amount := all[e.Customer][e.Unit], decimalOf(w.T, e.Amount)
		pots := map[string]*big.Rat{"available": &p.left, "held": &p.left, "consumed": &p.consumed}
		for pot, sign := range map[string]int64{e.From: -1, e.To: 1} {
			if sum := pots[pot]; sum != nil {
				sum.Add(sum, new(big.Rat).Mul(amount, big.NewRat(sign, 1)))
			}
		}
		switch e.Kind {
		case "grant":
			p.issued.Add(&p.issued, amount)
		case "convert_in":
			p.in.Add(&p.in, amount)
		case "convert_out":
			p.out.Add(&p.out, amount)
		}
	}
	return all
}

// dollars is a number of credits, and of dollars, in dollars.
func dollars(credits, usd *big.Rat) *big.Rat {
	sum := new(big.Rat).Mul(credits, big.NewRat(8, 100))
	return sum.Add(sum, usd)
}

// addsUp checks, from outside, that every customer has what was granted less
// what the application was told it spent, whatever it was counted in, and
// that the vendor agrees by the quantum law.
func (w *town) addsUp(images, texts []atomic.Int64, unit string) {
	w.Helper()
	purses := w.purses()
	atMoney, atUnits := outsideState(w.T, w.boxes["stripe"]), map[string]map[string]*big.Rat{}
	var orb struct {
		Customers []struct {
			ExternalID string `json:"external_id"`
			Grants     []struct{ Remaining, Unit string }
		}
	}
	fetch(w.T, w.boxes["orb"]+"/_sandbox/state", townKey, &orb)
	for _, c := range orb.Customers {
		atUnits[c.ExternalID] = map[string]*big.Rat{"credits": {}, "usd": {}}
		for _, g := range c.Grants {
			sum := atUnits[c.ExternalID][strings.ToLower(g.Unit)]
			sum.Add(sum, decimalOf(w.T, g.Remaining))
		}
	}
	wrong := 0
	for i := range images {
		id := fmt.Sprintf("c%04d", i)
		credits, usd := purses[id]["credits"], purses[id]["usd"]
		spent := new(big.Rat).Add(big.NewRat(images[i].Load()*40, 100), big.NewRat(texts[i].Load()*36, 100))
		if got := dollars(&credits.consumed, &usd.consumed); got.Cmp(spent) != 0 {
			w.Errorf("%s: consumed %s dollars, the application was told of %s", id, got.FloatString(6), spent.FloatString(6))
			wrong++
		}
		had := dollars(&credits.issued, &usd.issued)
		if got := dollars(&credits.left, &usd.left); got.Cmp(had.Sub(had, spent)) != 0 {
			w.Errorf("%s: %s dollars are left, granted less spent are %s", id, got.FloatString(6), had.FloatString(6))
			wrong++
		}
		for code, p := range purses[id] {
			if code != unit && p.left.Sign() != 0 {
				w.Errorf("%s has %s %s still", id, p.left.FloatString(6), code)
				wrong++
			}
			if there := atUnits[id]; there != nil && there[code].Cmp(&p.left) != 0 {
				w.Errorf("%s: the vendor of units has %s %s left, the feed %s", id, there[code].FloatString(6), code, p.left.FloatString(6))
				wrong++
			}
		}
		if there, ok := atMoney[id]; ok && len(atUnits) == 0 {
			// Each account tells the floor of all that it ever consumed.
			want := new(big.Int)
			for _, v := range []*big.Rat{dollars(&credits.consumed, new(big.Rat)), &usd.consumed} {
				c := new(big.Rat).Mul(v, big.NewRat(100, 1))
				want.Add(want, new(big.Int).Quo(c.Num(), c.Denom()))
			}
			if there.Consumed != want.String() {
				w.Errorf("%s: the vendor of money counts %s cents, the feed says %s", id, there.Consumed, want)
				wrong++
			}
		}
		if wrong > 20 {
			w.Fatal("and more")
		}
	}
}

// TestUnitSurvivesKills converts a company's credits to dollars while it
// debits and payments arrive, kills the operator's command and the gateway
// over and over, takes it back the same way, and converts again. Nothing is
// lost, nothing counted twice, and at the vendor neither.
// MG-02, MG-04.
func TestUnitSurvivesKills(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("converts a whole company three times")
	}
	for _, primary := range []string{"main", "next"} {
		t.Run(primary, func(t *testing.T) {
			t.Parallel()
			convertTown(t, primary, sizeOf(t, 24))
		})
	}
}

func convertTown(t *testing.T, primary string, customers int) {
	w := newTown(t, strings.Replace(centsConfig, "UNIT", inCredits, 1), primary, 10*time.Minute)
	if primary == "main" {
		w.control("stripe", "webhooks", body{"url": w.api.base + "/v1/webhooks/main", "secret": townSecret})
	}
	w.settlers(customers)
	var stop atomic.Bool
	images, texts, traffic := w.spenders(customers, &stop)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	kills := 0
	until := func(args ...string) {
		for n := range killsOf() / 3 {
			if n%3 == 2 {
				w.killServe()
				kills++
			}
			if w.killed(time.Duration(20+rnd.IntN(700))*time.Millisecond, args...) {
				break
			}
			kills++
		}
		w.ready()
		w.must(args...)
	}
	write := func(unit string) {
		w.config = strings.Replace(centsConfig, "UNIT", unit, 1)
		w.lead(primary)
	}
	check := func(unit, phase string) {
		t.Helper()
		if code, words := w.scrip("status", "--json"); code != 0 || !strings.Contains(words, fmt.Sprintf(`"phase":"%s"`, phase)) {
			t.Fatalf("status: exit %d: %s", code, words)
		}
		if code, words := w.scrip("audit"); code != 0 {
			t.Fatalf("audit: exit %d: %.4000s", code, words)
		}
	}
	write(inDollars)
	until("apply", "--yes")
	check("usd", "converted")
	w.payPacks()
	until("rollback")
	write(inCredits)
	if code, words := w.scrip("plan"); code != 0 {
		t.Fatalf("after going back the first config differs from what is applied: %s", words)
	}
	check("credits", "undone")
	write(inDollars)
	until("apply", "--yes")
	stop.Store(true)
	traffic.Wait()
	w.rested()
	check("usd", "converted")
	w.addsUp(images, texts, "usd")
	for i := range customers {
		id := fmt.Sprintf("c%04d", i)
		a, err := w.api.do(w.ctx, request{method: http.MethodGet, path: "/v1/customers/" + id + "/holds"})
		w.need(err)
		var list struct {
			Data []struct{ ID, Action, Unit, State string }
		}
		w.need(a.decode(&list))
		for _, h := range list.Data {
			if h.State != "open" || h.Unit != "usd" {
				t.Errorf("%s: hold %s is %s in %s", id, h.ID, h.State, h.Unit)
			}
			if h.Action != "" {
				if _, ok := w.post("/v1/holds/"+h.ID+"/capture", "cap-"+id, body{"quantity": "2"}); ok {
					images[i].Add(2)
				}
			} else {
				w.post("/v1/holds/"+h.ID+"/release", "rel-"+id, body{})
			}
		}
	}
	w.rested()
	w.addsUp(images, texts, "usd")
	if code, words := w.scrip("reconcile", "--connection", primary); code != 0 {
		t.Errorf("reconcile: exit %d: %.4000s", code, words)
	}
	t.Logf("%d customers, %d kills", customers, kills)
}
