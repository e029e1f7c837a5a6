package core

import (
	"cmp"
	"slices"
	"strings"
)

// HoldState is where a hold stands. Only an open hold reserves anything.
type HoldState string

// The states of a hold; the last three are final.
const (
	HoldOpen     HoldState = "open"
	HoldCaptured HoldState = "captured"
	HoldReleased HoldState = "released"
	HoldExpired  HoldState = "expired"
)

// Hold reserves named amounts of named grants until it is captured, released
// or expires.
type Hold struct {
	ID       ID
	Amount   Amount       // what was reserved when it was made
	Captured Amount       // what captures took, extra parts included
	Parts    []Allocation // what is still reserved
	State    HoldState
	Created  Time
	Expires  Time
	Resolved Time
	Protect  bool       // reserved parts outlive their grant's expiry until the hold resolves
	Action   string     // "" when the hold was made by amount
	Card     string     // rate card version the price is fixed at
	Price    string     // how a captured quantity is priced, fixed when the hold was made
	Not      []Category `json:"-"` // whose grants must not pay; not kept, a capture names it again
	dirty    bool
}

// compareHolds orders the holds of one account, so that what time decides of
// several at one instant comes in the same order on every store.
func compareHolds(x, y Hold) int {
	return cmp.Or(cmp.Compare(x.Created, y.Created), strings.Compare(string(x.ID), string(y.ID)))
}

// Reserved is what the hold still keeps.
func (h *Hold) Reserved() Amount {
	var sum Amount
	for _, p := range h.Parts {
		sum += p.Amount
	}
	return sum
}

func (h *Hold) part(grant ID) Amount {
	for _, p := range h.Parts {
		if p.Grant == grant {
			return p.Amount
		}
	}
	return 0
}

// drop removes the part of one grant and returns it.
func (h *Hold) drop(grant ID) Amount {
	i := slices.IndexFunc(h.Parts, func(p Allocation) bool { return p.Grant == grant })
	if i < 0 {
		return 0
	}
	amount := h.Parts[i].Amount
	h.Parts, h.dirty = slices.Delete(slices.Clone(h.Parts), i, i+1), true
	return amount
}

func (h *Hold) resolve(state HoldState, at Time) {
	h.State, h.Resolved, h.Parts, h.dirty = state, at, nil, true
}

// Reserve makes a hold of h.Amount, all or nothing, in burn order. Its
// expiry must be ahead.
func (a *Account) Reserve(h Hold, now Time) (*Hold, error) {
	switch {
	case h.Amount <= 0:
		return nil, InField(Errorf(CodeInvalid, "a hold must be above zero"), "amount")
	case h.Expires <= now || h.Expires == Never:
		return nil, InField(Errorf(CodeInvalid, "a hold must expire after now, %s", now), "expires_in")
	}
	a.Settle(now)
	if a.Hold(h.ID) != nil {
		return nil, Errorf(CodeInternal, "hold %q exists already", string(h.ID))
	}
	d := Draw{ID: h.ID, Amount: h.Amount, Action: h.Action, Not: h.Not}
	if err := a.enough(&d, now); err != nil {
		return nil, err
	}
	h.Parts = a.burn(EntryHold, &d, h.Amount, now, nil)
	h.State, h.Created, h.Captured, h.Resolved, h.Not, h.dirty = HoldOpen, now, 0, 0, nil, true
	at, _ := slices.BinarySearchFunc(a.Holds, h, compareHolds)
	a.Holds = slices.Insert(a.Holds, at, h)
	return &a.Holds[at], nil
}

// Capture is how a hold is turned into consumption.
type Capture struct {
	ID        ID // of the debit it makes
	Hold      ID
	Amount    Amount
	Final     bool       // release the rest and close the hold
	AllowOver bool       // let the part above the hold be an ordinary debit
	Not       []Category // whose grants must not pay that debit
	Rule      Shortfall  // what becomes of what grants cannot pay of it; "" is Reject
	Room      Amount     // how much of it may be overage, or become deficit
}

// Capture takes from a hold. The part above what is still reserved, where
// AllowOver asks for it or where reserved grants expired meanwhile, is an
// ordinary debit of the same step, by the capture's rule. A hold that expired
// is not revived: the capture is then a fresh debit, marked late. What the rule
// leaves out is not captured.
func (a *Account) Capture(c Capture, now Time) (Drawn, error) {
	if c.Amount < 0 {
		return Drawn{}, InField(Errorf(CodeInvalid, "a capture cannot be below zero"), "amount")
	}
	a.Settle(now)
	h := a.Hold(c.Hold)
	if h == nil {
		return Drawn{}, Errorf(CodeNotFound, "hold %q does not exist", string(c.Hold))
	}
	if h.State != HoldOpen && h.State != HoldExpired {
		return Drawn{}, Errorf(CodeHoldNotOpen, "hold %q is %s", string(h.ID), h.State)
	}
	if left := max(0, h.Amount-h.Captured); c.Amount > left && !c.AllowOver {
		return Drawn{}, InField(Errorf(CodeHoldExceeded, "%s is more than the %s left of hold %q, capture less or set allow_over",
			c.Amount.Format(a.Unit.Scale), left.Format(a.Unit.Scale), string(h.ID)), "amount")
	}
	if h.State == HoldExpired {
		done, err := a.Draw(c.draw(h, c.Amount), now, nil)
		if err == nil {
			h.Captured, h.dirty = h.Captured+c.Amount-done.Forgone, true
		}
		done.Late = true
		return done, err
	}
	over := max(0, c.Amount-h.Reserved())
	d, done, fromGrants := c.draw(h, over), Drawn{}, over
	if err := a.enough(&d, now); over > 0 && err != nil {
		if fromGrants, err = a.divide(&d, &done, a.spendable(&d, now)); err != nil {
			return Drawn{}, err
		}
	}
	done.Allocations = a.captureParts(h, c.ID, c.Amount-over, now)
	if over > 0 {
		done.Allocations = mergeParts(a.burn(EntryDebit, &d, fromGrants, now, done.Allocations))
		a.beyondGrants(&d, &done, now, now)
	}
	h.Captured, h.dirty = h.Captured+c.Amount-done.Forgone, true
	if c.Final {
		a.giveBack(h, now, now)
		h.resolve(HoldCaptured, now)
		a.settleDebt(now, now)
	}
	return done, nil
}

// draw is the ordinary debit of what a hold does not reserve.
func (c *Capture) draw(h *Hold, amount Amount) Draw {
	return Draw{ID: c.ID, Amount: amount, Action: h.Action, Not: c.Not, Rule: c.Rule, Room: c.Room}
}

// captureParts takes amount from the hold's parts in the order they were reserved.
func (a *Account) captureParts(h *Hold, source ID, amount Amount, now Time) []Allocation {
	var taken, rest []Allocation
	for _, p := range h.Parts {
		part := min(p.Amount, amount)
		if part > 0 {
			a.post(EntryCapture, a.Grant(p.Grant), source, part, now, now)
			taken = append(taken, Allocation{p.Grant, part})
			amount -= part
		}
		if left := p.Amount - part; left > 0 {
			rest = append(rest, Allocation{p.Grant, left})
		}
	}
	h.Parts, h.dirty = rest, true
	return taken
}

// mergeParts adds up what was taken from one grant twice.
func mergeParts(parts []Allocation) []Allocation {
	var merged []Allocation
	for _, p := range parts {
		if i := slices.IndexFunc(merged, func(m Allocation) bool { return m.Grant == p.Grant }); i >= 0 {
			merged[i].Amount += p.Amount
			continue
		}
		merged = append(merged, p)
	}
	return merged
}

// Release gives everything a hold still reserves back to its grants.
func (a *Account) Release(id ID, now Time) (*Hold, error) {
	a.Settle(now)
	h := a.Hold(id)
	if h == nil {
		return nil, Errorf(CodeNotFound, "hold %q does not exist", string(id))
	}
	if h.State != HoldOpen {
		return nil, Errorf(CodeHoldNotOpen, "hold %q is %s", string(id), h.State)
	}
	a.giveBack(h, now, now)
	h.resolve(HoldReleased, now)
	a.settleDebt(now, now)
	return h, nil
}

// giveBack posts the release of every part; a part whose grant has ended
// meanwhile ends at once.
func (a *Account) giveBack(h *Hold, at, now Time) {
	for _, p := range h.Parts {
		g := a.Grant(p.Grant)
		a.post(EntryRelease, g, h.ID, p.Amount, at, now)
		if g.Closed != "" {
			a.end(g, h.ID, p.Amount, at, now)
		}
	}
}
