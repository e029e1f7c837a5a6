package core

import (
	"math/big"
	"slices"
	"sort"
	"strings"
)

// model is a second, naive reading of the rules: every part of a unit is a token that
// lies somewhere. It knows no sums and no entries, and is slow on purpose.
type model struct {
	order  Order
	grants []*modelGrant // in the order they were issued
	holds  []*modelHold  // in the order they were made
	debits map[ID][]Allocation
	given  map[ID]Amount // of each debit, by reversals
}

type modelGrant struct {
	Terms
	seq    int64
	voided bool
	over   bool // its expiry has been played
	tokens []credit
}

// credit is one part of a unit: a token. An owner is the hold that reserves it.
type credit struct {
	state Pot
	owner ID
}

type modelHold struct {
	Hold
	captured Amount
}

func (m *model) grant(id ID) *modelGrant {
	for _, g := range m.grants {
		if g.ID == id {
			return g
		}
	}
	return nil
}

func (m *model) hold(id ID) *modelHold {
	for _, h := range m.holds {
		if h.ID == id {
			return h
		}
	}
	return nil
}

// count counts a grant's tokens in a state, of one owner or of any.
func (g *modelGrant) count(state Pot, owner ID) (n Amount) {
	for _, t := range g.tokens {
		if t.state == state && (owner == "" || t.owner == owner) {
			n++
		}
	}
	return n
}

// move puts up to n tokens of a state and owner elsewhere.
func (g *modelGrant) move(n Amount, from Pot, owner ID, to Pot, newOwner ID) (moved Amount) {
	for i := range g.tokens {
		if t := &g.tokens[i]; moved < n && t.state == from && t.owner == owner {
			t.state, t.owner = to, newOwner
			moved++
		}
	}
	return moved
}

// burnOrder is the grants in the order that the keys ask for.
func (m *model) burnOrder() []*modelGrant {
	sorted := slices.Clone(m.grants)
	sort.SliceStable(sorted, func(i, j int) bool {
		for _, key := range m.order {
			if c := compareBy(key, sorted[i], sorted[j]); c != 0 {
				return c < 0
			}
		}
		return sorted[i].seq < sorted[j].seq
	})
	return sorted
}

func compareBy(key OrderKey, x, y *modelGrant) int {
	rank := func(first bool) int64 {
		if first {
			return 0
		}
		return 1
	}
	var a, b int64
	switch key {
	case ByPriority:
		a, b = int64(x.Priority), int64(y.Priority)
	case ByExpiry:
		a, b = int64(x.Expires), int64(y.Expires)
	case ByFree:
		a, b = rank(x.Category == Promotional || x.Category == Adjustment), rank(y.Category == Promotional || y.Category == Adjustment)
	case ByEffective:
		a, b = int64(x.Starts), int64(y.Starts)
	case ByRecorded:
		a, b = x.seq, y.seq
	case ByScope:
		a, b = rank(x.Actions != nil), rank(y.Actions != nil)
	case ByCostBasis:
		if x.Paid.Minor > 0 && y.Paid.Minor > 0 && x.Paid.Currency != y.Paid.Currency {
			return strings.Compare(string(x.Paid.Currency), string(y.Paid.Currency))
		}
		return big.NewRat(int64(x.Paid.Minor), int64(x.Amount)).Cmp(big.NewRat(int64(y.Paid.Minor), int64(y.Amount)))
	}
	return big.NewInt(a).Cmp(big.NewInt(b))
}

// play lets time pass, one instant after the other.
func (m *model) play(now Time) {
	instants := map[Time]bool{}
	for _, h := range m.holds {
		instants[h.Expires] = true
	}
	for _, g := range m.grants {
		instants[g.Expires] = true
	}
	var ordered []Time
	for t := range instants {
		if t <= now {
			ordered = append(ordered, t)
		}
	}
	slices.Sort(ordered)
	for _, t := range ordered {
		for _, h := range m.holds {
			if h.State == HoldOpen && h.Expires <= t {
				m.giveBack(h.ID)
				h.State = HoldExpired
			}
		}
		for _, g := range m.grants {
			if g.Expires <= t && !g.over {
				g.over = true
				for _, h := range m.holds {
					if h.State == HoldOpen && !h.Protect {
						g.move(g.Amount, Held, h.ID, Available, "")
					}
				}
				m.end(g)
			}
		}
	}
}

// end moves what lies free in a grant that is over or voided out of it.
func (m *model) end(g *modelGrant) {
	switch {
	case g.voided:
		g.move(g.Amount, Available, "", Voided, "")
	case g.over:
		g.move(g.Amount, Available, "", Breakage, "")
	}
}

func (m *model) giveBack(hold ID) {
	for _, g := range m.grants {
		g.move(g.Amount, Held, hold, Available, "")
		m.end(g)
	}
}

// spendable is the grants that may pay for an action now, in burn order.
func (m *model) spendable(action string, now Time) (list []*modelGrant) {
	for _, g := range m.burnOrder() {
		allowed := len(g.Actions) == 0
		for _, a := range g.Actions {
			allowed = allowed || a == action
		}
		if allowed && !g.voided && !g.over && g.Starts <= now {
			list = append(list, g)
		}
	}
	return list
}

func (m *model) available(action string, now Time) (n Amount) {
	for _, g := range m.spendable(action, now) {
		n += g.count(Available, "")
	}
	return n
}

func (m *model) take(n Amount, action string, now Time, to Pot, owner ID) (parts []Allocation) {
	for _, g := range m.spendable(action, now) {
		if moved := g.move(n, Available, "", to, owner); moved > 0 {
			parts = append(parts, Allocation{g.ID, moved})
			n -= moved
		}
	}
	return parts
}

// balance is what the tokens say at now, once time has been played.
func (m *model) balance(now Time) (b Balance) {
	for _, g := range m.grants {
		if g.Starts <= now {
			b.Available += g.count(Available, "")
			b.Held += g.count(Held, "")
		}
	}
	b.Posted = b.Available + b.Held
	return b
}

func (m *model) issue(t Terms, seq int64) {
	g := &modelGrant{Terms: t, seq: seq, tokens: make([]credit, t.Amount)}
	for i := range g.tokens {
		g.tokens[i].state = Available
	}
	m.grants = append(m.grants, g)
}

func (m *model) debit(id ID, n Amount, action string, now Time) Code {
	if m.available(action, now) < n {
		return CodeInsufficientCredits
	}
	m.debits[id] = m.take(n, action, now, Consumed, "")
	return ""
}

func (m *model) reserve(h Hold, now Time) Code {
	if m.available(h.Action, now) < h.Amount {
		return CodeInsufficientCredits
	}
	h.State = HoldOpen
	m.take(h.Amount, h.Action, now, Held, h.ID)
	m.holds = append(m.holds, &modelHold{Hold: h})
	return ""
}

func (m *model) capture(c Capture, now Time) Code {
	h := m.hold(c.Hold)
	switch {
	case h == nil:
		return CodeNotFound
	case h.State == HoldCaptured || h.State == HoldReleased:
		return CodeHoldNotOpen
	case !c.AllowOver && c.Amount > 0 && h.captured+c.Amount > h.Amount:
		return CodeHoldExceeded
	case h.State == HoldExpired:
		code := m.debit(c.ID, c.Amount, h.Action, now)
		if code == "" {
			h.captured += c.Amount
		}
		return code
	}
	var reserved Amount
	for _, g := range m.grants {
		reserved += g.count(Held, h.ID)
	}
	over := max(0, c.Amount-reserved)
	if m.available(h.Action, now) < over {
		return CodeInsufficientCredits
	}
	var parts []Allocation
	left := c.Amount - over
	for _, g := range m.burnOrder() {
		if moved := g.move(left, Held, h.ID, Consumed, ""); moved > 0 {
			parts = append(parts, Allocation{g.ID, moved})
			left -= moved
		}
	}
	for _, p := range m.take(over, h.Action, now, Consumed, "") {
		i := slices.IndexFunc(parts, func(q Allocation) bool { return q.Grant == p.Grant })
		if i < 0 {
			parts = append(parts, p)
		} else {
			parts[i].Amount += p.Amount
		}
	}
	m.debits[c.ID] = parts
	h.captured += c.Amount
	if c.Final {
		m.giveBack(h.ID)
		h.State = HoldCaptured
	}
	return ""
}

func (m *model) release(id ID) Code {
	h := m.hold(id)
	switch {
	case h == nil:
		return CodeNotFound
	case h.State != HoldOpen:
		return CodeHoldNotOpen
	}
	m.giveBack(id)
	h.State = HoldReleased
	return ""
}

func (m *model) void(id ID) Code {
	g := m.grant(id)
	switch {
	case g == nil:
		return CodeNotFound
	case g.voided || g.over || g.count(Available, "")+g.count(Held, "") == 0:
		return CodeGrantNotOpen
	}
	g.voided = true
	m.end(g)
	return ""
}

// reverse gives single tokens back, the last taken first.
func (m *model) reverse(debit ID, n Amount) Code {
	var taken []ID
	for _, p := range m.debits[debit] {
		for range p.Amount {
			taken = append(taken, p.Grant)
		}
	}
	taken = taken[:Amount(len(taken))-m.given[debit]]
	if n <= 0 || n > Amount(len(taken)) {
		return CodeInvalid
	}
	for range n {
		g := m.grant(taken[len(taken)-1])
		taken = taken[:len(taken)-1]
		g.move(1, Consumed, "", Available, "")
		m.end(g)
	}
	m.given[debit] += n
	return ""
}
