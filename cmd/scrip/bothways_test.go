package main

import (
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"scrip/adapters/sandbox"
)

// companySize is how many customers move.
func companySize(t *testing.T) int { return sizeOf(t, 60) }

// sizeOf is the size of a company: SCRIP_TEST_CUSTOMERS, or what is usual.
func sizeOf(t *testing.T, usual int) int {
	text := os.Getenv("SCRIP_TEST_CUSTOMERS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 9999 {
		t.Fatalf("SCRIP_TEST_CUSTOMERS is %q: write a number of customers from 1 to 9999", text)
	}
	return n
}

// killsOf is how often a command or the gateway dies on the way in one
// direction: fewer times in a company of the usual size.
func killsOf() int {
	if os.Getenv("SCRIP_TEST_CUSTOMERS") == "" {
		return killsEachWay / 2
	}
	return killsEachWay
}

// killsEachWay are how often the operator's command or the gateway dies on the
// way in one direction, some of them while the source is drained.
const (
	killsEachWay = 30
	killsAtDrain = 6
)

// TestCompanyMovesBothWays moves a company to the other vendor and back, each
// time to the end, while it debits, captures, reverses and is paid, and while
// the operator's command and the gateway are killed over and over. At each
// rest both vendors and all totals are recomputed from outside.
// MG-02, MG-04, MG-07.
func TestCompanyMovesBothWays(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("moves a company there and back")
	}
	w := newTown(t, companyConfig, "main", 15*time.Minute)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := &company{town: w, size: companySize(t), rnd: rand.New(rand.NewPCG(seed, 1)), consumed: map[string]*big.Rat{}, paid: map[string]int{}}
	for box, connection := range map[string]string{"stripe": "main", "orb": "next"} {
		c.control(box, "webhooks", body{"url": w.api.base + "/v1/webhooks/" + connection, "secret": townSecret})
	}
	c.populate()
	c.spend()
	c.pay(len(c.sales) / 3)
	c.rest()
	c.totals()
	c.money(nil, nil, nil)

	begun := time.Now()
	c.lead("next")
	c.spend()
	c.pay(len(c.sales) / 2)
	long := 800*time.Millisecond + time.Duration(c.size)*time.Millisecond
	short := 100*time.Millisecond + time.Duration(c.size)*time.Millisecond/4
	left := c.strike(killsOf()-killsAtDrain, long, "apply", "--yes")
	c.rest()
	c.totals()
	c.money(nil, nil, nil)
	c.units()
	c.agrees()
	c.spend()
	c.batter(c.strike(killsAtDrain+left, short, "apply", "--drain"))
	c.rest()
	c.totals()
	c.units()
	c.agrees()
	t.Logf("there: %s", time.Since(begun).Round(time.Millisecond))

	since, stood, counted := c.mark()
	begun = time.Now()
	c.lead("main")
	c.spend()
	c.pay(len(c.sales))
	left = c.strike(killsOf()-killsAtDrain, long, "apply", "--yes")
	c.rest()
	c.totals()
	c.units()
	c.money(since, stood, counted)
	c.agrees()
	c.spend()
	c.batter(c.strike(killsAtDrain+left, short, "apply", "--drain"))
	c.rest()
	c.totals()
	c.money(since, stood, counted)
	c.nothing("orb")
	c.agrees()
	c.must("audit")
	t.Logf("back: %s", time.Since(begun).Round(time.Millisecond))
}

// agrees has the product itself compare.
func (c *company) agrees() {
	c.Helper()
	for _, connection := range []string{"main", "next"} {
		c.must("reconcile", "--connection", connection)
	}
}

// totals recomputes the core: what was taken is what the application was told,
// and no move has made or ended any credits.
func (c *company) totals() {
	c.Helper()
	entries := wholeFeed(c.T, c.api.base, c.api.key)
	granted, taken, gone := new(big.Rat), new(big.Rat), new(big.Rat)
	stories := retell(c.T, entries)
	if len(stories) != c.size {
		c.Errorf("%d customers in the feed, want %d", len(stories), c.size)
	}
	for i := range c.size {
		id := customerName(i)
		s, told := stories[id], c.consumed[id]
		if s == nil || told == nil {
			c.Errorf("%s is missing: %v, %v", id, s != nil, told)
			continue
		}
		if s.end().Cmp(told) != 0 {
			c.Errorf("%s: %s were taken, the application was told %s", id, s.end().FloatString(8), told.FloatString(8))
		}
		if want := len(grantsOf(i, time.Now())) + c.paid[id]; len(s.order) != want {
			c.Errorf("%s: %d grants, want %d", id, len(s.order), want)
		}
		for _, l := range s.grants {
			granted.Add(granted, l.amount)
			gone.Add(gone, l.gone)
			if l.gone.Sign() > 0 && i%10 != 1 {
				c.Errorf("%s: %s of a grant ended that never expires", id, l.gone.FloatString(8))
			}
		}
		taken.Add(taken, told)
	}
	want := granted.Sub(granted, taken)
	want.Sub(want, gone)
	if left := leftIn(c.T, entries); left.Cmp(want) != 0 {
		c.Errorf("%s credits are left, want %s", left.FloatString(8), want.FloatString(8))
	}
	c.Logf("%d entries; left %s, taken %s, expired %s", len(entries), want.FloatString(8), taken.FloatString(8), gone.FloatString(8))
}

// both reads the feed, then a vendor's customers by our id.
func (c *company) both(box string) (map[string]*story, map[string]*sandbox.Customer) {
	c.Helper()
	stories := retell(c.T, wholeFeed(c.T, c.api.base, c.api.key))
	state := readState(c.T, c.boxes[box])
	customers := map[string]*sandbox.Customer{}
	for i := range state.Customers {
		x := &state.Customers[i]
		if customers[x.ExternalID] != nil {
			c.Errorf("%s stands twice at %s", x.ExternalID, box)
		}
		customers[x.ExternalID] = x
	}
	if len(customers) != c.size {
		c.Errorf("%d customers at %s, want %d", len(customers), box, c.size)
	}
	return stories, customers
}

// units recomputes the vendor that holds units: all that is left in the core
// is there, but for the grants that are kept, to the last part.
func (c *company) units() {
	c.Helper()
	stories, customers := c.both("orb")
	there, kept, left, listed := new(big.Rat), new(big.Rat), new(big.Rat), 0
	for id, s := range stories {
		x := customers[id]
		if x == nil {
			c.Errorf("%s is not at the vendor", id)
			continue
		}
		k, n := checkUnits(c.T, x, s)
		kept.Add(kept, k)
		listed += n
		for _, g := range x.Grants {
			there.Add(there, decimalOf(c.T, g.Remaining))
		}
		for _, l := range s.grants {
			left.Add(left, l.left())
		}
	}
	if sum := new(big.Rat).Add(there, kept); sum.Cmp(left) != 0 {
		c.Errorf("%s at the vendor and %s kept are not the %s that are left", there.FloatString(8), kept.FloatString(8), left.FloatString(8))
	}
	c.Logf("at the vendor of units %s, %d grants kept with %s", there.FloatString(6), listed, kept.FloatString(8))
}

// money recomputes the vendor that holds money. counted, since and stood are
// what [company.mark] read when it was left, nothing if it never was.
func (c *company) money(since map[string]int, stood map[string]bool, counted map[string]*big.Int) {
	c.Helper()
	stories, customers := c.both("stripe")
	kept, listed := new(big.Rat), 0
	for id, s := range stories {
		x, n := customers[id], new(big.Int)
		if x == nil {
			c.Errorf("%s is not at the vendor", id)
			continue
		}
		if counted[id] != nil {
			n = counted[id]
		}
		k, some := checkMoney(c.T, x, s, since[id], stood, n)
		kept.Add(kept, k)
		listed += some
	}
	c.Logf("at the vendor of money: %d grants kept with %s", listed, kept.FloatString(8))
}

// mark notes how the vendor of money was left: the objects that stand there
// still, what its meter counts, and how many entries each customer had.
func (c *company) mark() (since map[string]int, stood map[string]bool, counted map[string]*big.Int) {
	c.Helper()
	since, stood, counted = map[string]int{}, map[string]bool{}, map[string]*big.Int{}
	stories, customers := c.both("stripe")
	for id, x := range customers {
		counted[id], since[id] = parts(c.T, x.Consumed, 1), len(stories[id].points)
		for grant, g := range inForce(c.T, x) {
			stood[g.ID] = true
			if l := stories[id].grants[grant]; l == nil || l.consumed.Sign() == 0 {
				c.Errorf("%s: %s stands, of which nothing was ever consumed", id, g.ID)
			}
		}
	}
	return since, stood, counted
}

// nothing wants a vendor that was left to hold nothing.
func (c *company) nothing(box string) {
	c.Helper()
	_, customers := c.both(box)
	for id, x := range customers {
		for _, g := range x.Grants {
			if decimalOf(c.T, g.Remaining).Sign() != 0 {
				c.Errorf("%s: %s is still left of %s", id, g.Remaining, g.ID)
			}
		}
	}
}
