package history

import (
	"fmt"
	"slices"
	"strings"
)

// script makes commands up. It remembers what it made, so that later commands
// can be about it.
type script struct {
	choose func(what string, n int) int // one of 0 to n-1; the simplest is 0
	makeID func(kind, customer, op, key string) string
	places []Place
	now    int64
	name   string // keeps keys of several scripts apart
	apart  bool   // no key is used in two accounts
	serial int
	sent   []Command
	made   map[string][]thing
}

type thing struct {
	id     string
	place  Place
	priced bool // a hold that was made for an action
}

// The kinds of things that ids name, as their prefixes.
const (
	grantID    = "grn"
	debitID    = "deb"
	holdID     = "hld"
	reversalID = "rev"
	purchaseID = "pur"
)

const hour = 3600 * 1_000_000

func (s *script) yes(what string, of int) bool { return s.choose(what, of) == of-1 }

func (s *script) pick(what string, list ...int) int64 { return int64(list[s.choose(what, len(list))]) }

func (s *script) anywhere() Place { return s.places[s.choose("account", len(s.places))] }

// one is a thing of a kind that was made before; ok is false when there is none.
func (s *script) one(kind string) (thing, bool) {
	list := s.made[kind]
	if len(list) == 0 {
		return thing{}, false
	}
	return list[len(list)-1-s.choose("which", len(list))], true
}

// learn remembers what a command may have made, and of what it was refused
// some too.
func (s *script) learn(c Command, refused bool) {
	if c.Key != "" {
		s.sent = append(s.sent, c)
	}
	for _, item := range c.Items {
		s.learn(item, refused)
	}
	kind, _, _ := strings.Cut(c.ID, "_")
	if c.ID == "" || refused && len(s.sent)%20 > 0 {
		return
	}
	// What an old key made stays where it was made.
	if !slices.ContainsFunc(s.made[kind], func(t thing) bool { return t.id == c.ID }) {
		s.made[kind] = append(s.made[kind], thing{c.ID, c.Place, c.Op == Hold && c.Action != ""})
	}
}

// begin gives a command its key: a new one, or rarely one that was used before
// for a command of its kind.
func (s *script) begin(op Op, p Place) Command {
	s.serial++
	c := Command{Op: op, Place: p, Key: fmt.Sprintf("%s%d", s.name, s.serial)}
	if s.yes("an old key", 12) {
		for _, old := range slices.Backward(s.sent) {
			if old.Op == op && (old.Place == p || !s.apart) {
				c.Key = old.Key
				break
			}
		}
	}
	return c
}

// charge says what a debit or hold is for.
func (s *script) charge(c *Command) {
	if c.Place.Unit != s.places[0].Unit || !s.yes("by action", 3) {
		c.Amount = number(s.pick("amount", 100, 1000, 3000, 250, 1, 700, 4000, 0))
		return
	}
	c.Action = []string{"image", "text"}[s.choose("action", 2)]
	c.Quantity = s.quantity(c.Action)
}

func (s *script) quantity(action string) int64 {
	if action == "text" {
		return s.pick("quantity", 1, 1000, 1001, 40000)
	}
	return s.pick("quantity", 1, 2, 5)
}

// kinds is how each command is made up; one that is not possible yet has no Op.
// What makes others possible comes first: that is drawn more often.
func (s *script) kinds() map[string]func() Command {
	return map[string]func() Command{
		"1 grant": s.grant, "2 hold": s.hold, "3 capture": s.capture, "4 debit": s.debit, "5 reverse": s.reverse, "6 void": s.void,
		"7 release": s.release, "again": s.again, "buy": s.buy, "pay": s.pay, "read": s.read,
	}
}

func (s *script) grant() Command {
	c := s.begin(Grant, s.anywhere())
	c.Amount = number(s.pick("amount", 3000, 1000, 100, 1, 0))
	c.Priority = s.pick("priority", 50, 10, 0)
	c.Category = []string{"paid", "promotional", "allotment", "rollover", "adjustment"}[s.choose("category", 5)]
	switch s.choose("starts", 6) {
	case 4:
		c.Starts = s.now + hour
	case 5:
		c.Starts = s.now - hour
	}
	if hours := s.pick("expires", 0, 0, 1, 2, 4, 24, -1); hours != 0 {
		c.Expires = max(s.now, c.Starts) + hours*hour
	}
	switch s.choose("scope", 6) {
	case 4:
		c.Scope = []string{"image"}
	case 5:
		c.Scope = []string{"image", "text"}
	}
	c.ID = s.makeID(grantID, c.Place.Customer, string(Grant), c.Key)
	return c
}

func (s *script) debit() Command {
	c := s.begin(Debit, s.anywhere())
	s.charge(&c)
	c.ID = s.makeID(debitID, c.Place.Customer, string(Debit), c.Key)
	return c
}

func (s *script) hold() Command {
	c := s.begin(Hold, s.anywhere())
	s.charge(&c)
	c.Life = s.pick("life", 1, 2, 3, 10) * hour / 2
	c.Protect = s.yes("protect", 3)
	c.ID = s.makeID(holdID, c.Place.Customer, string(Hold), c.Key)
	return c
}

func (s *script) capture() Command {
	h, ok := s.one(holdID)
	if !ok {
		return Command{}
	}
	c := s.begin(Capture, h.place)
	c.Of = h.id
	if n := s.choose("how much", 7); n < 6 {
		c.Amount = number([]int64{100, 50, 250, 1000, 0, 5000}[n])
	}
	if h.priced && s.yes("by quantity", 2) {
		c.Amount, c.Quantity = nil, s.quantity("image")
	}
	c.Final, c.Over = !s.yes("leave it open", 3), s.yes("allow over", 3)
	c.ID = s.makeID(debitID, c.Place.Customer, string(Capture), c.Key)
	return c
}

// about is a command about a thing.
func (s *script) about(op Op, kind string) Command {
	t, ok := s.one(kind)
	if !ok {
		return Command{}
	}
	c := s.begin(op, t.place)
	c.Of = t.id
	return c
}

func (s *script) release() Command { return s.about(Release, holdID) }

func (s *script) void() Command { return s.about(Void, grantID) }

func (s *script) reverse() Command {
	c := s.about(Reverse, debitID)
	if c.Op == "" {
		return c
	}
	if n := s.choose("how much", 4); n > 0 {
		c.Amount = number([]int64{1, 60, 400}[n-1])
	}
	c.ID = s.makeID(reversalID, c.Place.Customer, string(Reverse), c.Key)
	return c
}

func (s *script) buy() Command {
	c := s.begin(Buy, Place{s.anywhere().Customer, s.places[0].Unit})
	c.ID = s.makeID(purchaseID, c.Place.Customer, string(Buy), c.Key)
	return c
}

// pay brings the payment of a purchase, rarely of another amount.
func (s *script) pay() Command {
	p, ok := s.one(purchaseID)
	if !ok {
		return Command{}
	}
	c := Command{Op: Pay, Place: p.place, Of: p.id, Amount: number(Small.Minor)}
	if s.yes("another amount", 6) {
		c.Amount = number(Small.Minor + 1)
	}
	c.ID = s.makeID(grantID, p.place.Customer, string(Buy), p.id)
	return c
}

// again repeats a command with its key.
func (s *script) again() Command {
	if len(s.sent) == 0 {
		return Command{}
	}
	return s.sent[len(s.sent)-1-s.choose("which", len(s.sent))]
}

// read is a balance, now or ahead, or a quote.
func (s *script) read() Command {
	c := Command{Op: Balance, Place: s.anywhere()}
	if s.yes("a quote", 3) {
		c.Op, c.Place.Unit, c.Action = Quote, s.places[0].Unit, []string{"image", "text"}[s.choose("action", 2)]
		c.Quantity = s.quantity(c.Action)
	} else if hours := s.pick("ahead", 0, 1, 3, 30); hours > 0 {
		c.At = s.now + hours*hour
	}
	return c
}
