package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"
)

// companyConfig counts in parts so fine that both vendors must round: a cent
// is an eighth of a credit, and units are held to a millionth.
const companyConfig = `version: 1
listen: %s
unit: {code: credits, scale: 8, price: 0.08 usd}
rate_card: {version: "1", effective_at: 2026-01-01T00:00:00Z, actions: {image: {cost: 0.5}}}
packs: {starter: {credits: 100, price: 8 usd, expires: 12 months}}
connections:
  main: {provider: stripe, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
  next: {provider: orb, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
route: {primary: %s, payments: main}
mapping:
  main: {window: 4s, share: 1, limit: 10000}
  next: {window: 4s, share: 1, limit: 10000}
`

// company is a town of many customers with everything that an account can
// have, and what its application was told.
type company struct {
	*town
	size   int
	rnd    *rand.Rand
	rounds int // of traffic

	mu       sync.Mutex
	consumed map[string]*big.Rat // by customer: what was answered to be taken, less what was given back
	debits   int
	holds    []openHold
	sales    []bought       // not paid yet
	paid     map[string]int // packs, by customer
	stop     atomic.Bool
	traffic  *conc.WaitGroup
}

type openHold struct {
	id, customer string
	short        bool // it expires soon, and can be captured only
}

type bought struct{ id, customer string }

func customerName(i int) string { return fmt.Sprintf("c%04d", i) }

// count adds to what was taken from a customer.
func (c *company) count(customer, amount string, sign int64) {
	n := decimalOf(c.T, amount)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.consumed[customer] == nil {
		c.consumed[customer] = new(big.Rat)
	}
	c.consumed[customer].Add(c.consumed[customer], n.Mul(n, big.NewRat(sign, 1)))
	c.debits++
}

// grantsOf are the terms of a customer's grants. Of some the vendors can hold
// nothing: they burn last, and stay.
func grantsOf(i int, now time.Time) []body {
	at := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339) }
	list := []body{
		{"amount": fmt.Sprintf("500.%02d", i%100), "category": "paid", "paid": body{"amount": "40", "currency": "usd"}},
		{"amount": fmt.Sprintf("%d.000001", 10+i%50), "category": "promotional", "expires_at": "2099-01-01T00:00:00Z", "priority": 20},
	}
	if i%3 == 0 {
		list = append(list, body{"amount": "75.5", "category": "paid", "effective_at": at(240 * time.Hour), "expires_at": "2098-01-01T00:00:00Z"})
	}
	if i%4 == 0 {
		list = append(list, body{"amount": "25", "category": "promotional", "scope": body{"actions": []string{"image"}}})
	}
	if i%5 == 0 {
		list = append(list, body{"amount": "0.00000042", "category": "promotional", "priority": 100})
	}
	if i%7 == 0 {
		list = append(list, body{"amount": "0.1", "category": "paid", "priority": 99})
	}
	if i%10 == 1 {
		list = append(list, body{"amount": "33.33", "category": "allotment", "priority": 10, "expires_at": at(45 * time.Second)})
	}
	return list
}

func (c *company) populate() {
	begun := time.Now()
	workers := pool.New().WithMaxGoroutines(16)
	for i := range c.size {
		workers.Go(func() {
			id := customerName(i)
			if _, ok := c.call(request{method: http.MethodPut, path: "/v1/customers/" + id, body: body{"name": id}}); !ok {
				return
			}
			for n, g := range grantsOf(i, begun) {
				c.post("/v1/customers/"+id+"/grants", fmt.Sprintf("grant-%s-%d", id, n), g)
			}
			if i%3 == 1 {
				c.hold(id, "hold-"+id, body{"amount": "7.25", "expires_in": "1h", "protect_until_resolved": i%2 == 0})
			}
			if i%25 == 2 {
				c.hold(id, "short-"+id, body{"amount": "3.5", "expires_in": "1s"}) // it is captured late
			}
			if i%40 == 3 {
				if a, ok := c.post("/v1/customers/"+id+"/purchases", "sale-"+id, body{"pack": "starter"}); ok {
					var p struct{ ID string }
					c.read(a, &p)
					c.mu.Lock()
					c.sales = append(c.sales, bought{p.ID, id})
					c.mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	c.Logf("%d customers made in %s", c.size, time.Since(begun).Round(time.Millisecond))
}

func (c *company) read(a answer, into any) {
	if err := json.Unmarshal(a.raw, into); err != nil {
		c.Errorf("answer %.200q: %v", a.raw, err)
	}
}

func (c *company) hold(customer, key string, b body) {
	b["customer"] = customer
	if a, ok := c.post("/v1/holds", key, b); ok {
		var h struct{ ID string }
		c.read(a, &h)
		c.mu.Lock()
		c.holds = append(c.holds, openHold{h.ID, customer, b["expires_in"] == "1s"})
		c.mu.Unlock()
	}
}

type takenDebit struct{ ID, Customer, Amount string }

// debit takes once, whatever becomes of the first answers.
func (c *company) debit(key string, b body) (d takenDebit) {
	if a, ok := c.post("/v1/debits", key, b); ok {
		c.read(a, &d)
		c.count(d.Customer, d.Amount, 1)
	}
	return d
}

// batch takes from many customers in one call.
func (c *company) batch(debits []body) {
	a, ok := c.post("/v1/debits/batch", "", body{"debits": debits})
	if !ok {
		return
	}
	var answers struct {
		Data []struct {
			Status string
			Debit  takenDebit
		}
	}
	c.read(a, &answers)
	for i, x := range answers.Data {
		if x.Status == "refused" {
			c.Errorf("debit %v was refused: %s", debits[i], a.raw)
			return
		}
		c.count(x.Debit.Customer, x.Debit.Amount, 1)
	}
}

// spend keeps the company busy until rest is called: single debits that are
// sent twice at times, batches, actions, reversals, captures, releases.
func (c *company) spend() {
	c.rounds++
	c.stop.Store(false)
	c.traffic = conc.NewWaitGroup()
	for worker := range 4 {
		rnd := rand.New(rand.NewPCG(c.rnd.Uint64(), uint64(worker)))
		c.traffic.Go(func() {
			for n := 0; !c.stop.Load() && c.ctx.Err() == nil; n++ {
				c.act(rnd, fmt.Sprintf("r%d-%d-%d", c.rounds, worker, n), n)
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

func (c *company) act(rnd *rand.Rand, key string, n int) {
	id := customerName(rnd.IntN(c.size))
	amount := fmt.Sprintf("0.%06d", 1+rnd.IntN(99_999))
	switch {
	case n%20 == 3:
		var debits []body
		for k := range 20 {
			debits = append(debits, body{"key": fmt.Sprintf("%s-%d", key, k), "customer": customerName(rnd.IntN(c.size)), "amount": "0.03"})
		}
		c.batch(debits)
	case n%20 == 7:
		d := c.debit(key, body{"customer": id, "amount": amount})
		if _, ok := c.post("/v1/debits/"+d.ID+"/reverse", key+"-back", nil); ok {
			c.count(id, d.Amount, -1)
		}
	case n%20 == 11:
		c.debit(key, body{"customer": customerName(rnd.IntN(c.size) / 4 * 4), "action": "image", "quantity": 1})
	case n%20 == 15:
		c.resolve(rnd, key)
	default:
		d := c.debit(key, body{"customer": id, "amount": amount})
		if n%5 == 0 && d.ID != "" { // the application asks again: it is the same debit
			if a, ok := c.post("/v1/debits", key, body{"customer": id, "amount": amount}); ok {
				var again takenDebit
				if c.read(a, &again); again != d || !a.replayed {
					c.Errorf("%s: %v, then %v", key, d, again)
				}
			}
		}
	}
}

// resolve captures a part of some hold, or releases it.
func (c *company) resolve(rnd *rand.Rand, key string) {
	c.mu.Lock()
	if len(c.holds) == 0 {
		c.mu.Unlock()
		return
	}
	i := rnd.IntN(len(c.holds))
	h := c.holds[i]
	c.holds = append(c.holds[:i], c.holds[i+1:]...)
	c.mu.Unlock()
	if rnd.IntN(4) == 0 && !h.short {
		c.call(request{method: http.MethodPost, path: "/v1/holds/" + h.id + "/release", key: key})
		return
	}
	if a, ok := c.post("/v1/holds/"+h.id+"/capture", key, body{"amount": "2.5"}); ok {
		var got struct{ Debit takenDebit }
		c.read(a, &got)
		c.count(h.customer, got.Debit.Amount, 1)
	}
}

// rest ends the traffic and has every customer take a last time, more than was
// ever given back to it at once, so that no vendor is left with a debt of ours.
// It returns when nothing is on its way any more, late webhooks included.
func (c *company) rest() {
	c.stop.Store(true)
	c.traffic.Wait()
	for from := 0; from < c.size; from += 500 {
		var debits []body
		for i := from; i < min(from+500, c.size); i++ {
			debits = append(debits, body{"key": fmt.Sprintf("last-%d-%d", c.rounds, i), "customer": customerName(i), "amount": "0.25"})
		}
		c.batch(debits)
	}
	c.ready()
	begun := time.Now()
	for range 2 { // what webhooks bring is told, and has its webhooks
		c.control("stripe", "deliver", body{})
		c.control("orb", "deliver", body{})
		c.rested()
	}
	c.Logf("at rest after %s, %d debits in all", time.Since(begun).Round(time.Millisecond), c.debits)
}

// pay has so many of those who bought pay, each told by webhooks that come
// late, twice or out of order; of those that only repeat what is known, some
// never come.
func (c *company) pay(many int) {
	c.control("stripe", "faults", body{"webhooks": []body{
		{"kind": "duplicate", "type": "invoice.paid", "count": 3}, {"kind": "delay", "type": "invoice.paid", "delay": "4s", "count": 3},
		{"kind": "reorder", "type": "invoice.paid", "delay": "2s"}, {"kind": "delay", "type": "invoice.paid", "delay": "8s", "count": 3},
		{"kind": "lose", "type": "billing.credit_grant.created", "count": 20}, {"kind": "duplicate", "type": "billing.credit_grant.created", "count": 3},
	}})
	wanted := map[string]bool{}
	for _, s := range c.sales[:many] {
		wanted[s.id] = true
		c.paid[s.customer]++
	}
	c.sales = c.sales[many:]
	for len(wanted) > 0 && c.ctx.Err() == nil {
		for _, customer := range readState(c.T, c.boxes["stripe"]).Customers {
			for _, i := range customer.Invoices {
				if id := i.Metadata["scrip_purchase"]; wanted[id] && i.PayURL != "" {
					c.control("stripe", "pay", body{"object": i.ID, "outcome": "paid"})
					delete(wanted, id)
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// strike carries a command out in spite of kills: of the command itself and of
// the gateway beside it, at random instants, more of them early than late. It
// returns how many of the kills it had no time for.
func (c *company) strike(kills int, reach time.Duration, args ...string) (left int) {
	begun, done, through, phases := time.Now(), 0, false, map[string]int{}
	c.phase()
	start := time.Since(begun) // what a command takes to come to its work, which differs much between builds
	reach += start
	for done < kills && !through && c.ctx.Err() == nil {
		if c.rnd.IntN(8) > 0 { // else the command may find no gateway and work alone
			c.ready()
		}
		after := start + time.Duration(c.rnd.Int64N(int64(reach)))
		if c.rnd.IntN(2) == 0 {
			after = start + time.Duration(c.rnd.Int64N(int64(reach/10)))
		}
		beside := time.NewTimer(time.Hour)
		if c.rnd.IntN(3) == 0 {
			beside = time.AfterFunc(time.Duration(c.rnd.Int64N(int64(after))), c.killServe)
		}
		through = c.killed(after, args...)
		if !through {
			done++
			at := c.phase()
			phases[at]++
			through = at == "done" && slices.Contains(args, "--drain") // it died with its work done
		}
		if !beside.Stop() {
			done++
		}
	}
	c.Logf("%v: %d kills in %s, the command's at %v", args, done, time.Since(begun).Round(time.Millisecond), phases)
	c.ready()
	if !through {
		c.must(args...)
	}
	return max(0, kills-done)
}

// batter kills the gateway so many times while the company goes on.
func (c *company) batter(kills int) {
	for range kills {
		c.ready()
		time.Sleep(time.Duration(c.rnd.IntN(200)) * time.Millisecond)
		c.killServe()
	}
	c.ready()
}

// phase is how far the move has come.
func (c *company) phase() string {
	_, words := c.scrip("status", "--json")
	var status struct{ Move struct{ Phase string } }
	if err := json.Unmarshal([]byte(words), &status); err != nil {
		c.Errorf("status: %v: %.400s", err, words)
	}
	return status.Move.Phase
}
