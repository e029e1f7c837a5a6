package core

import "slices"

// A change of unit ends an account's lots and holds in one unit and makes them
// again in another. How much each becomes is decided elsewhere; these methods
// write it down, as entries of both accounts. The caller commits both together.

// ConvertOut ends all that is left of the account, because it is counted in
// the unit to from now on: holds give back what they reserve, and the rest of
// every grant leaves. It returns the grants and open holds as they were. The
// account must be settled at now.
func (a *Account) ConvertOut(to string, now Time) ([]Grant, []Hold) {
	grants, holds := slices.Clone(a.Grants), []Hold(nil)
	for i := range a.Holds {
		h := &a.Holds[i]
		if h.State != HoldOpen {
			continue
		}
		holds = append(holds, *h)
		for _, p := range h.Parts {
			a.post(EntryRelease, a.Grant(p.Grant), h.ID, p.Amount, now, now)
		}
	}
	a.Holds = slices.DeleteFunc(a.Holds, func(h Hold) bool { return h.State == HoldOpen })
	for i := range a.Grants {
		g := &a.Grants[i]
		if g.Remaining == 0 {
			continue
		}
		a.post(EntryConvertOut, g, g.ID, g.Remaining, now, now)
		g.Closed, g.dirty = Converted, true
	}
	a.Became, a.dirty = to, true
	return grants, holds
}

// MoveDebt takes the deficit over to the account in another unit, where it is
// so much.
func (a *Account) MoveDebt(to *Account, amount Amount, source ID, now Time) {
	if a.Overdrawn > 0 {
		a.postOwn(EntryOverdrawBack, source, a.Overdrawn, now, now)
	}
	if amount > 0 {
		to.postOwn(EntryOverdraw, source, amount, now, now)
		to.settleDebt(now, now)
	}
}

// Reopen lets balances be counted in the account, be it new or one that was
// converted before.
func (a *Account) Reopen() { a.Became, a.dirty = "", true }

// ConvertIn adds a grant that was made from source, a grant in another unit.
// Unlike [Account.Issue] it takes one whose life is over but for what holds
// reserve of it: closed says so.
func (a *Account) ConvertIn(t Terms, closed GrantState, source ID, now Time) (*Grant, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if a.Grant(t.ID) != nil {
		return nil, Errorf(CodeInternal, "grant %q exists already", string(t.ID))
	}
	if err := a.roomFor(t.Amount); err != nil {
		return nil, err
	}
	g := Grant{Terms: t, Recorded: now, Seq: a.Seq + 1, Closed: closed}
	at, _ := slices.BinarySearchFunc(a.Grants, &g, func(x Grant, y *Grant) int { return a.Order.Compare(&x, y) })
	a.Grants = slices.Insert(a.Grants, at, g)
	a.post(EntryConvertIn, &a.Grants[at], source, t.Amount, now, now)
	return &a.Grants[at], nil
}

// ConvertBack gives amount back to a grant that was converted, which is open
// again, or as closed says. It can bring no more than was converted of it.
func (a *Account) ConvertBack(id ID, closed GrantState, source ID, amount Amount, now Time) error {
	g := a.Grant(id)
	if g == nil || g.Closed != Converted || amount < 0 || amount > g.Away {
		return Errorf(CodeInternal, "%d parts cannot go back to grant %q", int64(amount), string(id))
	}
	g.Closed, g.dirty, a.summary = closed, true, summary{}
	if amount > 0 {
		a.post(EntryConvertIn, g, source, amount, now, now)
	}
	return nil
}

// TakeHold adds an open hold that was made in another unit, with its id, its
// life and what it reserves here.
func (a *Account) TakeHold(h Hold, now Time) error {
	for _, p := range h.Parts {
		g := a.Grant(p.Grant)
		if g == nil || p.Amount <= 0 || p.Amount > g.Free() {
			return Errorf(CodeInternal, "hold %q cannot reserve %d of grant %q", string(h.ID), int64(p.Amount), string(p.Grant))
		}
		a.post(EntryHold, g, h.ID, p.Amount, now, now)
	}
	h.State, h.dirty = HoldOpen, true
	at, found := slices.BinarySearchFunc(a.Holds, h, compareHolds)
	if found {
		return Errorf(CodeInternal, "hold %q exists already", string(h.ID))
	}
	a.Holds = slices.Insert(a.Holds, at, h)
	return nil
}
