package ledger_test

import (
	"slices"

	"scrip/core"
)

// naive is an account by the shortest rules that can be read to be right. It
// shares no code with the core.
type naive struct {
	grants []*naiveGrant // in the order they were made
	holds  []*naiveHold
}

type naiveGrant struct {
	priority          int
	expires           core.Time
	left, held, spent core.Amount
	closed            bool
}

type naivePart struct {
	grant  *naiveGrant
	amount core.Amount
}

type naiveHold struct {
	amount, captured core.Amount
	expires          core.Time
	parts            []naivePart
	state            string
}

// order is the burn order: priority, expiry, age.
func (n *naive) order() []*naiveGrant {
	list := slices.Clone(n.grants)
	slices.SortStableFunc(list, func(a, b *naiveGrant) int {
		if a.priority != b.priority {
			return a.priority - b.priority
		}
		if a.expires < b.expires {
			return -1
		} else if a.expires > b.expires {
			return 1
		}
		return 0
	})
	return list
}

// settle lets time pass, instant by instant: holds first, then grants.
func (n *naive) settle(now core.Time) {
	var instants []core.Time
	for _, h := range n.holds {
		instants = append(instants, h.expires)
	}
	for _, g := range n.grants {
		instants = append(instants, g.expires)
	}
	slices.Sort(instants)
	for _, at := range slices.Compact(instants) {
		if at > now {
			return
		}
		for _, h := range n.holds {
			if h.state == "open" && h.expires == at {
				h.giveBack()
				h.state = "expired"
			}
		}
		for _, g := range n.grants {
			if g.expires != at {
				continue
			}
			for _, h := range n.holds {
				h.parts = slices.DeleteFunc(h.parts, func(p naivePart) bool { return p.grant == g })
			}
			g.left, g.held, g.closed = 0, 0, true
		}
	}
}

func (h *naiveHold) giveBack() {
	for _, p := range h.parts {
		p.grant.held -= p.amount
		if p.grant.closed {
			p.grant.left -= p.amount
		}
	}
	h.parts = nil
}

func (h *naiveHold) reserved() (sum core.Amount) {
	for _, p := range h.parts {
		sum += p.amount
	}
	return sum
}

func (n *naive) balance() (b core.Balance) {
	for _, g := range n.grants {
		b.Posted += g.left
		b.Held += g.held
	}
	b.Available = b.Posted - b.Held
	return b
}

func (n *naive) free() (sum core.Amount) {
	for _, g := range n.grants {
		if !g.closed {
			sum += g.left - g.held
		}
	}
	return sum
}

// take finds amount in burn order, or nil when there is not enough.
func (n *naive) take(amount core.Amount) (parts []naivePart) {
	if n.free() < amount {
		return nil
	}
	for _, g := range n.order() {
		if part := min(amount, g.left-g.held); part > 0 && !g.closed {
			parts = append(parts, naivePart{g, part})
			amount -= part
		}
	}
	return parts
}

func (n *naive) debit(amount core.Amount) ([]naivePart, core.Code) {
	parts := n.take(amount)
	if parts == nil {
		return nil, core.CodeInsufficientCredits
	}
	for _, p := range parts {
		p.grant.left -= p.amount
		p.grant.spent += p.amount
	}
	return parts, ""
}

func (n *naive) hold(amount core.Amount, expires core.Time) (*naiveHold, core.Code) {
	parts := n.take(amount)
	if parts == nil {
		return nil, core.CodeInsufficientCredits
	}
	for _, p := range parts {
		p.grant.held += p.amount
	}
	h := &naiveHold{amount: amount, expires: expires, parts: parts, state: "open"}
	n.holds = append(n.holds, h)
	return h, ""
}

func (n *naive) capture(h *naiveHold, amount core.Amount, final bool) core.Code {
	switch {
	case h.state != "open" && h.state != "expired":
		return core.CodeHoldNotOpen
	case amount > h.amount-h.captured:
		return core.CodeHoldExceeded
	case n.free() < amount-h.reserved():
		return core.CodeInsufficientCredits
	}
	h.captured += amount
	for i := range h.parts {
		p := &h.parts[i]
		part := min(p.amount, amount)
		p.grant.left -= part
		p.grant.held -= part
		p.grant.spent += part
		p.amount -= part
		amount -= part
	}
	if amount > 0 {
		n.debit(amount)
	}
	if final && h.state == "open" {
		h.giveBack()
		h.state = "captured"
	}
	return ""
}

func (n *naive) release(h *naiveHold) core.Code {
	if h.state != "open" {
		return core.CodeHoldNotOpen
	}
	h.giveBack()
	h.state = "released"
	return ""
}

func (n *naive) void(g *naiveGrant) core.Code {
	if g.closed || g.left == 0 {
		return core.CodeGrantNotOpen
	}
	g.left, g.closed = g.held, true
	return ""
}

// reverse gives a debit back whole, the last part first.
func (n *naive) reverse(parts []naivePart) {
	for _, p := range parts {
		p.grant.spent -= p.amount
		if !p.grant.closed {
			p.grant.left += p.amount
		}
	}
}
