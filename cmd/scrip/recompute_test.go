package main

import (
	"math/big"
	"net/url"
	"testing"

	"scrip/adapters/sandbox"
)

// What follows is a stranger: it knows a feed, two vendors' states, what one
// credit is worth and how finely each vendor counts, and nothing else of Scrip.

// story is one customer's account as its entries tell it.
type story struct {
	grants map[string]*lotStory
	order  []string
	points []point // after each entry
}

// lotStory is one grant, all amounts in credits.
type lotStory struct {
	amount, consumed, gone *big.Rat
	made                   int // the entry that made it
}

func (l *lotStory) left() *big.Rat {
	r := new(big.Rat).Sub(l.amount, l.consumed)
	return r.Sub(r, l.gone)
}

// point is the account after an entry: all consumption, and that of the grant
// that the entry is about.
type point struct {
	consumed      *big.Rat
	grant         string
	used, expired *big.Rat
}

// wholeFeed reads the feed in large pages.
func wholeFeed(t *testing.T, api, key string) []outsideEntry {
	t.Helper()
	var all []outsideEntry
	for cursor := ""; ; {
		var page struct {
			Data []outsideEntry
			Next string `json:"next_cursor"`
		}
		fetch(t, api+"/v1/feed?limit=1000&cursor="+url.QueryEscape(cursor), key, &page)
		if len(page.Data) == 0 {
			return all
		}
		all, cursor = append(all, page.Data...), page.Next
	}
}

func readState(t *testing.T, box string) (state sandbox.State) {
	t.Helper()
	fetch(t, box+"/_sandbox/state", townKey, &state)
	return state
}

// retell makes a story of each customer's entries.
func retell(t *testing.T, entries []outsideEntry) map[string]*story {
	t.Helper()
	all := map[string]*story{}
	for _, e := range entries {
		s := all[e.Customer]
		if s == nil {
			s = &story{grants: map[string]*lotStory{}}
			all[e.Customer] = s
		}
		if e.Seq != int64(len(s.points))+1 {
			t.Errorf("%s: entry %d where %d was due", e.Customer, e.Seq, len(s.points)+1)
		}
		if e.Grant == "" { // overage: no grant moves
			last := point{new(big.Rat), "", new(big.Rat), new(big.Rat)}
			if n := len(s.points); n > 0 {
				last.consumed.Set(s.points[n-1].consumed)
			}
			s.points = append(s.points, last)
			continue
		}
		amount, g := decimalOf(t, e.Amount), s.grants[e.Grant]
		if g == nil {
			g = &lotStory{new(big.Rat), new(big.Rat), new(big.Rat), len(s.points)}
			s.grants[e.Grant], s.order = g, append(s.order, e.Grant)
		}
		switch {
		case e.Kind == "grant":
			g.amount.Set(amount)
		case e.To == "consumed":
			g.consumed.Add(g.consumed, amount)
		case e.From == "consumed":
			g.consumed.Sub(g.consumed, amount)
		case e.Kind == "expire" || e.Kind == "void":
			g.gone.Add(g.gone, amount)
		}
		total := new(big.Rat)
		if n := len(s.points); n > 0 {
			total.Set(s.points[n-1].consumed)
		}
		if e.To == "consumed" {
			total.Add(total, amount)
		}
		if e.From == "consumed" {
			total.Sub(total, amount)
		}
		s.points = append(s.points, point{total, e.Grant, new(big.Rat).Set(g.consumed), new(big.Rat).Set(g.gone)})
	}
	return all
}

// end is all consumption.
func (s *story) end() *big.Rat { return s.points[len(s.points)-1].consumed }

// floorOf is floor(amount x rate): how many of its smallest parts a vendor
// holds of an amount.
func floorOf(amount *big.Rat, rate int64) *big.Int {
	r := new(big.Rat).Mul(amount, big.NewRat(rate, 1))
	return new(big.Int).Div(r.Num(), r.Denom())
}

// The rates: a credit is worth 8 cents at the one vendor, and is a million
// parts at the other.
const (
	centsOfCredit = 8
	partsOfCredit = 1_000_000
)

// stands reports whether a vendor's object is in force.
func stands(g *sandbox.Grant) bool {
	return g.State != "void" && g.State != "voided" && g.State != "expired" && g.State != "debt"
}

// parts is a vendor's decimal in its smallest parts.
func parts(t *testing.T, text string, rate int64) *big.Int {
	t.Helper()
	return floorOf(decimalOf(t, text), rate)
}

// given is what was left of a grant when a vendor's object of it was made, by
// what the object says of itself.
func (l *lotStory) given(t *testing.T, g *sandbox.Grant) *big.Rat {
	t.Helper()
	return new(big.Rat).Sub(l.amount, decimalOf(t, g.Metadata["consumed"]))
}

// inForce are a customer's objects in force by our grant.
func inForce(t *testing.T, c *sandbox.Customer) map[string]*sandbox.Grant {
	t.Helper()
	by := map[string]*sandbox.Grant{}
	for i := range c.Grants {
		g := &c.Grants[i]
		id := g.Metadata["scrip_grant"]
		if !stands(g) || id == "" {
			continue
		}
		if other := by[id]; other != nil {
			t.Errorf("%s: %s and %s are both in force for grant %s", c.ExternalID, other.ID, g.ID, id)
		}
		by[id] = g
	}
	return by
}

// checkUnits recomputes what a vendor of units has left of a customer: it
// draws in its own order, so of all grants together. What an object was given
// is judged by itself.
func checkUnits(t *testing.T, c *sandbox.Customer, s *story) (kept *big.Rat, listed int) {
	t.Helper()
	have, want, kept := new(big.Int), new(big.Int), new(big.Rat)
	objects := inForce(t, c)
	for i := range c.Grants {
		have.Add(have, parts(t, c.Grants[i].Remaining, partsOfCredit))
	}
	for id, g := range objects {
		if l := s.grants[id]; l == nil {
			t.Errorf("%s: %s is for a grant that is not ours: %v", c.ExternalID, g.ID, g.Metadata)
		} else if got, due := parts(t, g.Amount, partsOfCredit), floorOf(l.given(t, g), partsOfCredit); got.Cmp(due) != 0 {
			t.Errorf("%s: grant %s was given %s parts, %s were due", c.ExternalID, id, got, due)
		}
	}
	for _, id := range s.order {
		left := s.grants[id].left()
		due := floorOf(left, partsOfCredit)
		want.Add(want, due)
		switch {
		case due.Sign() == 0:
			if kept.Add(kept, left); left.Sign() > 0 {
				listed++
			}
		case objects[id] == nil:
			t.Errorf("%s: grant %s has %s left and no object", c.ExternalID, id, left.FloatString(8))
		}
	}
	if have.Cmp(want) != 0 {
		t.Errorf("%s: the vendor has %s parts left, the feed %s", c.ExternalID, have, want)
	}
	return kept, listed
}

// checkMoney recomputes what a vendor of money holds of a customer that it was
// told of from the entry since on: each grant it was given, and the meter.
// before are the objects that stood there earlier, counted what its meter had.
// At which entry the account came, only the objects say; one must fit all.
func checkMoney(t *testing.T, c *sandbox.Customer, s *story, since int, before map[string]bool, counted *big.Int) (kept *big.Rat, listed int) {
	t.Helper()
	kept = new(big.Rat)
	objects := inForce(t, c)
	for id, g := range objects {
		l := s.grants[id]
		if l == nil {
			t.Errorf("%s: %s is for a grant that is not ours: %v", c.ExternalID, g.ID, g.Metadata)
			continue
		}
		// The amount is in major units, a hundred parts each.
		if got, due := parts(t, g.Amount, 100), floorOf(l.given(t, g), centsOfCredit); got.Cmp(due) != 0 {
			t.Errorf("%s: grant %s was given %s cents, %s were due", c.ExternalID, id, got, due)
		}
	}
	for _, id := range s.order {
		l := s.grants[id]
		if left := l.left(); objects[id] == nil && left.Sign() > 0 {
			if floorOf(left, centsOfCredit).Sign() > 0 {
				t.Errorf("%s: grant %s has %s left and no object", c.ExternalID, id, left.FloatString(8))
			}
			kept.Add(kept, left)
			listed++
		}
	}
	meter := parts(t, c.Consumed, 1)
	told := new(big.Int).Sub(meter, counted)
	end := floorOf(s.end(), centsOfCredit)
	for at := since; at <= len(s.points); at++ {
		come := new(big.Int)
		if at > 0 {
			come = floorOf(s.points[at-1].consumed, centsOfCredit)
		}
		if told.Cmp(new(big.Int).Sub(end, come)) == 0 && s.fits(t, objects, before, at) {
			return kept, listed
		}
		if since == 0 {
			break // told from its first entry on: there is nothing to find
		}
	}
	t.Errorf("%s: the meter counts %s cents, %s of them since entry %d, of %s in the feed: no entry fits at which it came", c.ExternalID, meter, told, since, end)
	return kept, listed
}

// fits reports whether the objects that are new at the vendor may have been
// made after so many entries: what they say was consumed then, was.
func (s *story) fits(t *testing.T, objects map[string]*sandbox.Grant, before map[string]bool, at int) bool {
	t.Helper()
	used := map[string]*big.Rat{}
	for _, p := range s.points[:at] {
		used[p.grant] = new(big.Rat).Add(p.used, p.expired)
	}
	for id, g := range objects {
		if before[g.ID] {
			continue
		}
		then := used[id]
		if then == nil {
			then = new(big.Rat) // it was made later
		}
		if decimalOf(t, g.Metadata["consumed"]).Cmp(then) != 0 {
			return false
		}
	}
	return true
}

// leftIn is all that is left in the core, by the pots of the entries.
func leftIn(t *testing.T, entries []outsideEntry) *big.Rat {
	t.Helper()
	sum := new(big.Rat)
	for _, e := range entries {
		amount := decimalOf(t, e.Amount)
		for pot, sign := range map[string]int64{e.From: -1, e.To: 1} {
			if pot == "available" || pot == "held" {
				sum.Add(sum, new(big.Rat).Mul(amount, big.NewRat(sign, 1)))
			}
		}
	}
	return sum
}
