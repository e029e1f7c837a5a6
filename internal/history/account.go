package history

import (
	"cmp"
	"math/big"
	"slices"
)

// account is one customer's credits in one unit. Nothing in it is summed up
// beforehand, and big integers in it are never changed in place.
type account struct {
	place  Place
	grants []grant // in the order they were made
	holds  []hold  // in the order they were made
	debits []debit
}

type grant struct {
	id       string
	left     *big.Int // neither consumed nor ended; what holds reserve is in it
	priority int64
	free     bool // nobody paid for it
	starts   int64
	expires  int64
	scope    []string
	gone     string // "void" or "expired"
}

type hold struct {
	id       string
	amount   *big.Int
	captured *big.Int
	action   string
	expires  int64
	protect  bool
	state    string // open, captured, released, expired
	parts    []Part
}

type debit struct {
	id       string
	parts    []Part
	reversed *big.Int
}

func number(n int64) *big.Int      { return big.NewInt(n) }
func plus(a, b *big.Int) *big.Int  { return new(big.Int).Add(a, b) }
func minus(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
func some(a *big.Int) bool         { return a.Sign() > 0 }
func less(a, b *big.Int) bool      { return a.Cmp(b) < 0 }

func smaller(a, b *big.Int) *big.Int {
	if less(a, b) {
		return a
	}
	return b
}

func remove(p []Part, id string) []Part {
	return slices.DeleteFunc(slices.Clone(p), func(p Part) bool { return p.Grant == id })
}

func sum(parts []Part) *big.Int {
	total := number(0)
	for _, p := range parts {
		total = plus(total, p.Amount)
	}
	return total
}

func (a *account) clone() *account {
	return &account{a.place, slices.Clone(a.grants), slices.Clone(a.holds), slices.Clone(a.debits)}
}

func (a *account) grant(id string) *grant {
	for i := range a.grants {
		if a.grants[i].id == id {
			return &a.grants[i]
		}
	}
	return nil
}

func (a *account) hold(id string) *hold {
	for i := range a.holds {
		if a.holds[i].id == id {
			return &a.holds[i]
		}
	}
	return nil
}

func (a *account) debit(id string) *debit {
	for i := range a.debits {
		if a.debits[i].id == id {
			return &a.debits[i]
		}
	}
	return nil
}

// held is what open holds reserve of a grant.
func (a *account) held(grant string) *big.Int {
	total := number(0)
	for _, h := range a.holds {
		for _, p := range h.parts {
			if p.Grant == grant {
				total = plus(total, p.Amount)
			}
		}
	}
	return total
}

// free is what may be spent of a grant at now.
func (a *account) free(g *grant, now int64) *big.Int {
	if g.gone != "" || g.starts > now {
		return number(0)
	}
	return minus(g.left, a.held(g.id))
}

// pass lets time pass up to now, one instant after the other: first holds
// expire, then grants.
func (a *account) pass(now int64) {
	var instants []int64
	for _, h := range a.holds {
		instants = append(instants, h.expires)
	}
	for _, g := range a.grants {
		instants = append(instants, g.expires)
	}
	slices.Sort(instants)
	for _, at := range instants {
		if at > now {
			return
		}
		for i := range a.holds {
			if h := &a.holds[i]; h.state == "open" && h.expires == at {
				a.giveBack(h, "expired")
			}
		}
		for i := range a.grants {
			if g := &a.grants[i]; g.expires == at {
				a.expire(g)
			}
		}
	}
}

// expire ends a grant; what a hold protects of it stays until that resolves.
func (a *account) expire(g *grant) {
	for i := range a.holds {
		if h := &a.holds[i]; !h.protect {
			h.parts = remove(h.parts, g.id)
		}
	}
	g.left = a.held(g.id)
	if g.gone == "" {
		g.gone = "expired"
	}
}

// giveBack resolves a hold: what it reserved is free again, unless its grant
// is gone.
func (a *account) giveBack(h *hold, state string) {
	for _, p := range h.parts {
		if g := a.grant(p.Grant); g.gone != "" {
			g.left = minus(g.left, p.Amount)
		}
	}
	h.parts, h.state = nil, state
}

// order is the grants in the order they burn: priority, expiry, what nobody
// paid for, start, age.
func (a *account) order() []*grant {
	var list []*grant
	for i := range a.grants {
		list = append(list, &a.grants[i])
	}
	first := map[bool]int{true: 0, false: 1}
	slices.SortStableFunc(list, func(x, y *grant) int {
		return cmp.Or(cmp.Compare(x.priority, y.priority), cmp.Compare(x.expires, y.expires),
			cmp.Compare(first[x.free], first[y.free]), cmp.Compare(x.starts, y.starts))
	})
	return list
}

// find looks for amount for an action in the order of burning; enough says
// whether it is there.
func (a *account) find(amount *big.Int, action string, now int64) (parts []Part, enough bool) {
	for _, g := range a.order() {
		part := smaller(amount, a.free(g, now))
		if len(g.scope) > 0 && !slices.Contains(g.scope, action) || !some(part) {
			continue
		}
		parts = append(parts, Part{g.id, part})
		amount = minus(amount, part)
	}
	return parts, !some(amount)
}

func (a *account) take(parts []Part) {
	for _, p := range parts {
		g := a.grant(p.Grant)
		g.left = minus(g.left, p.Amount)
	}
}

// capture takes from a hold that is open or has expired. What is above its
// reserved parts is found elsewhere.
func (a *account) capture(h *hold, amount *big.Int, now int64) (taken []Part, enough bool) {
	above := minus(amount, sum(h.parts))
	if !some(above) {
		above = number(0)
	}
	found, enough := a.find(above, h.action, now)
	if !enough {
		return nil, false
	}
	inside, rest := minus(amount, above), []Part(nil)
	for _, p := range h.parts {
		part := smaller(p.Amount, inside)
		inside = minus(inside, part)
		if some(part) {
			taken = append(taken, Part{p.Grant, part})
		}
		if left := minus(p.Amount, part); some(left) {
			rest = append(rest, Part{p.Grant, left})
		}
	}
	h.parts, h.captured = rest, plus(h.captured, amount)
	for _, f := range found {
		i := slices.IndexFunc(taken, func(p Part) bool { return p.Grant == f.Grant })
		if i < 0 {
			taken = append(taken, f)
		} else {
			taken[i].Amount = plus(taken[i].Amount, f.Amount)
		}
	}
	a.take(taken)
	return taken, true
}

// reverse gives amount of a debit back, what was taken last first.
func (a *account) reverse(d *debit, amount *big.Int) (given []Part) {
	skip := d.reversed
	d.reversed = plus(d.reversed, amount)
	for _, p := range slices.Backward(d.parts) {
		skipped := smaller(skip, p.Amount)
		skip = minus(skip, skipped)
		part := smaller(amount, minus(p.Amount, skipped))
		if !some(part) {
			continue
		}
		amount = minus(amount, part)
		given = append(given, Part{p.Grant, part})
		if g := a.grant(p.Grant); g.gone == "" {
			g.left = plus(g.left, part)
		}
	}
	return given
}

// sums fills in an answer what the account has at now, by then passed.
func (a *account) sums(to *Answer, now int64) {
	to.Available, to.Held = number(0), number(0)
	for i := range a.grants {
		g := &a.grants[i]
		to.Available = plus(to.Available, a.free(g, now))
		to.Held = plus(to.Held, a.held(g.id))
	}
	to.Posted = plus(to.Available, to.Held)
}
