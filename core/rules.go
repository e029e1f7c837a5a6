package core

import (
	"math"
	"slices"
)

// Issue adds a grant. A grant that would make the account's sum overflow is
// refused.
func (a *Account) Issue(t Terms, now Time) (*Grant, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if now >= t.Expires {
		return nil, InField(Errorf(CodeInvalid, "expiry %s is not after now, %s", t.Expires, now), "expires_at")
	}
	a.Settle(now)
	g, err := a.insert(t, now)
	if err != nil {
		return nil, err
	}
	a.post(EntryGrant, g, t.ID, t.Amount, t.Starts, now)
	a.settleDebt(now, now)
	return a.Grant(t.ID), nil
}

// insert makes room for a new grant in burn order; its entry is the caller's.
func (a *Account) insert(t Terms, now Time) (*Grant, error) {
	if a.Grant(t.ID) != nil {
		return nil, Errorf(CodeInternal, "grant %q exists already", string(t.ID))
	}
	if err := a.roomFor(t.Amount); err != nil {
		return nil, err
	}
	g := Grant{Terms: t, Recorded: now, Seq: a.Seq + 1}
	at, _ := slices.BinarySearchFunc(a.Grants, &g, func(x Grant, y *Grant) int { return a.Order.Compare(&x, y) })
	a.Grants, a.summary = slices.Insert(a.Grants, at, g), summary{}
	return &a.Grants[at], nil
}

// roomFor refuses an amount that the account's sums could not hold: the sum
// of all remainders and all that was consumed stays below half of 64 bits.
func (a *Account) roomFor(amount Amount) error {
	total := amount
	for i := range a.Grants {
		total += a.Grants[i].Remaining
		if total > math.MaxInt64/4 {
			return InField(Errorf(CodeInvalid, "the account would hold more than a balance can count"), "amount")
		}
	}
	if a.Consumed > math.MaxInt64/2 || a.Overdrawn > math.MaxInt64/2 {
		return InField(Errorf(CodeInvalid, "the account has consumed more than can be counted"), "amount")
	}
	return nil
}

// Void removes what is unspent and unheld; what was spent stays history, and
// a held part is voided when its hold gives it back.
func (a *Account) Void(id ID, now Time) (Amount, error) {
	a.summary = summary{}
	a.Settle(now)
	g := a.Grant(id)
	if g == nil {
		return 0, Errorf(CodeNotFound, "grant %q does not exist", string(id))
	}
	if state := g.State(now); state != Open && state != Scheduled {
		return 0, Errorf(CodeGrantNotOpen, "grant %q is %s, only an open or scheduled grant can be voided", string(id), state)
	}
	amount := g.Free()
	if amount > 0 {
		// A scheduled grant's void takes effect with the grant: before, there
		// is nothing that it could take away.
		a.post(EntryVoid, g, g.ID, amount, max(now, g.Starts), now)
	}
	g.Closed, g.dirty = Void, true
	return amount, nil
}

// end lets what came back to a closed or expired grant go the same way at once.
func (a *Account) end(g *Grant, source ID, amount Amount, at, now Time) {
	switch {
	case g.Closed == Void:
		a.post(EntryVoid, g, source, amount, at, now)
	case g.Closed == Converted:
		a.post(EntryConvertOut, g, source, amount, at, now)
	case g.Closed == Expired || at >= g.Expires:
		g.Closed = Expired
		a.post(EntryExpire, g, source, amount, at, now)
	case a.Became != "": // nothing was left of it when its account was converted
		g.Closed = Converted
		a.post(EntryConvertOut, g, source, amount, at, now)
	}
}

// Settle posts what time has decided by now: holds and grants whose expiry
// has come, what the policy does and deficits that meet a grant, in the order
// of their instants, each effective at its instant. At one instant holds come
// first, so that what they give back still expires, then the policy, which may
// carry an ending grant over. Whether it runs late changes no balance.
func (a *Account) Settle(now Time) {
	for {
		due := a.NextDue()
		if due > now {
			return
		}
		for i := range a.Holds {
			if h := &a.Holds[i]; h.State == HoldOpen && h.Expires == due {
				a.giveBack(h, due, now)
				h.resolve(HoldExpired, due)
			}
		}
		if a.Acts == due && a.Policy != nil {
			a.Policy.Act(a, due, now)
			if a.Policy.Due() > due {
				a.Keep(a.Policy)
			}
		}
		for i := range a.Grants {
			if g := &a.Grants[i]; g.Expires == due && a.lapses(g) {
				a.expire(g, due, now)
			}
		}
		a.settleDebt(due, now)
		if a.NextDue() <= due { // a policy that is not known here waits for those who know it
			return
		}
	}
}

// expire ends a grant at its instant; a voided one stays void. Holds do not
// lengthen its life: what they reserved of it ends too, unless they protect it
// until they resolve.
func (a *Account) expire(g *Grant, at, now Time) {
	for i := range a.Holds {
		if h := &a.Holds[i]; h.State == HoldOpen && !h.Protect {
			if part := h.drop(g.ID); part > 0 {
				a.post(EntryRelease, g, h.ID, part, at, now)
			}
		}
	}
	if g.Closed == "" {
		g.Closed, g.dirty = Expired, true
	}
	if free := g.Free(); free > 0 {
		a.end(g, g.ID, free, at, now)
	}
}
