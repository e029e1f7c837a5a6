package main

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/adapters"
	kit "scrip/adapters/sandbox"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
	"scrip/mapping/reconcile"
)

// stormSeed is the seed of SCRIP_STORM_SEED; else a new one for the long form,
// and always the same for the short one.
func stormSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(1)
	if os.Getenv("SCRIP_STORM") != "" {
		seed = rand.Uint64()
	}
	if text := os.Getenv("SCRIP_STORM_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SCRIP_STORM_SEED: %v", err)
		}
	}
	t.Logf("SCRIP_STORM_SEED=%d", seed)
	return seed
}

// TestStorm has three of ten calls to each vendor fail, in five ways, and its
// webhooks come twice and in the wrong order, while customers spend. When that
// is over nothing waits, nothing is parked but what the vendor must refuse, and
// both sides agree, by our comparison and by a stranger's.
// PA-02, PA-03, PA-09.
func TestStorm(t *testing.T) {
	seed := stormSeed(t)
	customers, operations := 40, 400
	if slowBuild {
		customers, operations = 20, 200
	}
	if os.Getenv("SCRIP_STORM") != "" {
		customers, operations = 1000, 10_000
	}
	t.Setenv("STORM_KEY", stormKey)
	t.Setenv("STORM_SECRET", stormSecret)
	for _, v := range vendors() {
		t.Run(v.name, func(t *testing.T) {
			begun := time.Now()
			s := brew(t, v, seed, customers)
			s.rage(seed, operations)
			poison := s.poison()
			s.calm()
			for _, by := range []time.Duration{0, 2 * time.Minute, 3 * time.Hour} {
				s.advance(by)
				s.settle()
			}
			s.atRest(poison)
			s.level()
			s.recompute(s.atRest(poison))
			calls := 0
			for _, n := range s.state().Calls {
				calls += n
			}
			t.Logf("%d calls, took %s;%s; refused by the core:%s", calls, time.Since(begun).Round(time.Millisecond), counts(s.done), counts(s.refused))
		})
	}
}

// rage makes operations in rounds. In each the queues are worked while the
// operations come, and then virtual time passes that closes windows.
func (s *storm) rage(seed uint64, operations int) {
	s.Helper()
	const rounds = 8
	s.blow(seed)
	for _, p := range s.people {
		s.take("new customer", s.put(p))
		s.take("grant", s.grant(p))
	}
	for round := range rounds {
		var both conc.WaitGroup
		both.Go(func() { _ = s.pass() })
		for range operations / rounds {
			s.operate()
		}
		both.Wait()
		s.advance(75 * time.Second)
		_ = s.pass()
		s.paid()
		s.blow(seed + uint64(round) + 1)
	}
}

// operate makes one operation of one customer.
func (s *storm) operate() {
	s.Helper()
	p := s.people[s.rnd.IntN(len(s.people))]
	l, account := s.app.ledger, ledger.AccountKey{Customer: p.id, Unit: "credits"}
	switch n := s.rnd.IntN(100); {
	case n < 42:
		got, _, err := l.Debit(s.ctx, s.key(), ledger.Charge{Account: account, Amount: s.credits(1, 900)})
		if s.take("debit", err) {
			p.debits = append(p.debits, got.ID)
		}
	case n < 54:
		s.take("grant", s.grant(p))
	case n < 64:
		got, _, err := l.Hold(s.ctx, s.key(), ledger.Charge{Account: account, Amount: s.credits(1, 900)}, ledger.HoldTerms{For: 700 * time.Hour})
		if s.take("hold", err) {
			p.holds = append(p.holds, got.Hold.ID)
		}
	case n < 74:
		if id, ok := pickID(s.rnd, &p.holds, true); ok {
			got, _, _, err := l.Capture(s.ctx, s.key(), ledger.CaptureTerms{Hold: id, Unit: "credits", Amount: s.credits(0, 500), Final: s.rnd.IntN(3) > 0, AllowOver: true})
			if s.take("capture", err) {
				p.debits = append(p.debits, got.ID)
			}
		}
	case n < 84:
		if id, ok := pickID(s.rnd, &p.debits, false); ok {
			var part core.Amount // all that is left of it
			if s.rnd.IntN(2) == 0 {
				part = s.credits(0, 400)
			}
			_, _, err := l.Reverse(s.ctx, s.key(), id, part)
			s.take("reversal", err)
		}
	case n < 89:
		if id, ok := pickID(s.rnd, &p.grants, true); ok {
			_, _, err := l.Void(s.ctx, s.key(), id)
			s.take("void", err)
		}
	case n < 94 || s.vendor.pays != "":
		s.take("customer", s.put(p))
	default:
		s.buy(p)
	}
}

// buy asks for a pack.
func (s *storm) buy(p *person) {
	s.Helper()
	pack := s.app.config.Packs["starter"]
	got, _, err := s.app.ledger.Buy(s.ctx, s.key(), sale.Purchase{
		Customer: p.id, Pack: pack.Name, Connection: "main", Unit: pack.Unit, Credits: pack.Credits, Price: pack.Price, Months: pack.Months, Days: pack.Days,
	})
	if s.take("purchase", err) {
		p.purchases = append(p.purchases, got.ID)
	}
}

// poison has some customers, or what their credits hang on, vanish at the
// vendor while calls go on failing, and gives each a grant more, which the
// vendor must refuse for good. It returns how many.
func (s *storm) poison() (n int) {
	s.Helper()
	s.settle()
	s.advance(2 * time.Minute)
	s.settle()
	ids := map[string]string{}
	for _, c := range s.state().Customers {
		ids[c.ExternalID] = c.ID
	}
	for i, p := range s.people {
		if i%20 != 7 {
			continue
		}
		object, id := "customer", ids[p.id]
		if s.vendor.traits.CarrierLeads {
			links, err := s.app.ledger.Reader().Links.Links(s.ctx, ledger.LinkKey{Connection: "main", Neutral: p.id})
			s.need(err)
			for _, l := range links {
				if l.Role == adapters.RoleCarrier {
					object, id = "subscription", l.Vendor
				}
			}
		}
		s.control("mutate", body{"object": object, "id": id, "op": "delete"})
		s.need(s.grant(p))
		p.poisoned = true
		n++
	}
	s.settle()
	return n
}

// atRest holds everything to account, with the sandbox at peace.
func (s *storm) atRest(poison int) *reconcile.Report {
	s.Helper()
	if waiting, parked := s.queues(); waiting != 0 || parked != poison {
		s.Errorf("%d waiting, %d parked, want %d parked: %s", waiting, parked, poison, s.parked())
	}
	connection, err := s.app.connectionNamed("main")
	s.need(err)
	report, err := reconcile.Run(s.ctx, reconcile.Options{
		Reader: s.app.store.Reader(), Port: s.app.ports["main"], Connection: connection, Route: s.app.config.Route,
		Units: units(s.app.config), AsOf: s.app.clock.Now(),
	})
	s.need(err)
	poisoned := map[string]bool{}
	for _, p := range s.people {
		poisoned[p.id] = p.poisoned
	}
	for _, f := range append(report.Findings, report.InFlight...) {
		if !poisoned[f.Customer] {
			s.Errorf("the comparison finds %+v", f)
		}
	}
	if !report.Agrees() {
		s.Errorf("the comparison finds %d differences", report.Counts.Findings)
	}
	return report
}

// level has customers spend more than they were ever given back, where the
// vendor takes nothing back, or chooses the lots, so that what it put back on
// one that is over here is taken from it: until then it holds less than the core.
func (s *storm) level() {
	s.Helper()
	if _, takes := s.app.ports["main"].Adapter.(adapters.ConsumptionCanceller); takes && s.vendor.traits.Strategies[0] != adapters.Mirror || s.vendor.traits.Draws {
		return
	}
	for _, p := range s.people {
		if p.poisoned {
			continue
		}
		account, much := ledger.AccountKey{Customer: p.id, Unit: "credits"}, 100_000*cent
		_, _, err := s.app.ledger.Issue(s.ctx, s.key(), account, core.Terms{Amount: much, Category: core.Promotional, Priority: core.DefaultPriority, Expires: core.Never})
		s.need(err)
		_, _, err = s.app.ledger.Debit(s.ctx, s.key(), ledger.Charge{Account: account, Amount: much})
		s.need(err)
	}
	s.settle()
	s.advance(3 * time.Hour)
	s.settle()
}

// parked says what is parked and why.
func (s *storm) parked() string {
	var words []string
	intents, err := s.app.ledger.Reader().Queues.Intents(s.ctx, ledger.QueueFilter{State: ledger.Parked, Limit: 500})
	s.need(err)
	for _, i := range intents {
		words = append(words, fmt.Sprintf("%s of %s: %s", i.Kind, i.Customer, i.Reason))
	}
	events, err := s.app.ledger.Reader().Queues.Events(s.ctx, ledger.QueueFilter{State: ledger.Parked, Limit: 500})
	s.need(err)
	for _, e := range events {
		words = append(words, fmt.Sprintf("event %s: %s", e.Type, e.Reason))
	}
	return strings.Join(words, "\n")
}

// recompute is the stranger's view: the feed and the sandbox's state alone, and
// what a credit is worth there.
func (s *storm) recompute(report *reconcile.Report) {
	s.Helper()
	feed := wholeFeed(s.T, s.api.URL, stormKey)
	stories := retell(s.T, feed)
	rate, places := int64(centsOfCredit), int64(100) // cents of a credit, and of a dollar
	if s.vendor.units {
		rate, places = partsOfCredit, partsOfCredit
		if d := s.vendor.traits.Decimals; d > 0 {
			for n := 6; n < min(d, stormScale); n++ {
				rate, places = 10*rate, 10*places
			}
		}
	}
	there := map[string]*kit.Customer{}
	state := s.state()
	for i := range state.Customers {
		c := &state.Customers[i]
		if there[c.ExternalID] != nil {
			s.Errorf("customer %q is at the vendor twice", c.ExternalID)
		}
		there[c.ExternalID] = c
	}
	missing := 0
	for _, p := range s.people {
		story, c := stories[p.id], there[p.id]
		switch {
		case p.poisoned:
			continue
		case c == nil:
			s.Errorf("customer %q is not at the vendor", p.id)
			continue
		case s.vendor.traits.Strategies[0] == adapters.Meter:
			if have, want := parts(s.T, c.Consumed, 1), floorOf(story.end(), rate); have.Cmp(want) != 0 {
				s.Errorf("%s: the vendor counts %s, the feed %s", p.id, have, want)
			}
		case !s.vendor.traits.Draws:
			s.together(p.id, c, story, rate, places)
		}
		missing += s.lots(p.id, c, story, rate, places)
	}
	if missing > report.Counts.Kept {
		s.Errorf("%d grants are not at the vendor, the comparison knows of %d", missing, report.Counts.Kept)
	}
}

// together holds what a vendor that draws in its own order has left of a
// customer against the sum of what is left of each grant.
func (s *storm) together(id string, c *kit.Customer, story *story, rate, places int64) {
	have, want := new(big.Int), new(big.Int)
	for i := range c.Grants {
		have.Add(have, parts(s.T, c.Grants[i].Remaining, places))
	}
	for _, l := range story.grants {
		want.Add(want, floorOf(new(big.Rat).Sub(l.amount, l.told()), rate))
	}
	want.Sub(want, floorOf(story.end(), rate))
	if have.Cmp(want) != 0 {
		s.Errorf("%s: the vendor has %s parts left, the feed %s", id, have, want)
	}
}

// told is what ended of a grant, as far as the vendor was told: it is when the
// last hold on a part of the grant is resolved.
func (l *lotStory) told() *big.Rat {
	if l.left().Sign() > 0 {
		return new(big.Rat)
	}
	return l.gone
}

// lots holds each grant at the vendor against the feed: what it was given and,
// where we name the lot that is drawn on, what is left. It returns how many are
// not there.
func (s *storm) lots(id string, c *kit.Customer, story *story, rate, places int64) (missing int) {
	held := map[string]*big.Int{}
	for i := range c.Grants {
		g := &c.Grants[i]
		name := g.Metadata["scrip_grant"]
		l := story.grants[name]
		if left := parts(s.T, g.Remaining, places); name == "" && left.Sign() < 0 && left.Int64() >= -int64(len(story.grants)) {
			continue // what rounding took more than there was
		}
		if l == nil {
			s.Errorf("%s: %s is for no grant of ours: %+v", id, g.ID, *g)
			continue
		}
		if held[name] == nil {
			held[name] = new(big.Int)
		}
		held[name].Add(held[name], parts(s.T, g.Remaining, places))

	}
	for name, l := range story.grants {
		left := new(big.Rat).Sub(l.amount, l.consumed)
		due := floorOf(left.Sub(left, l.told()), rate)
		switch {
		case held[name] == nil:
			if due.Sign() > 0 {
				missing++
			}
		case s.vendor.traits.Draws && held[name].Cmp(due) != 0:
			s.Errorf("%s: grant %s has %s parts left there, %s by the feed", id, name, held[name], due)
		}
	}
	return missing
}
