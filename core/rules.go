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
	if a.Grant(t.ID) != nil {
		return nil, Errorf(CodeInternal, "grant %q exists already", string(t.ID))
	}
	if err := a.roomFor(t.Amount); err != nil {
		return nil, err
	}
	g := Grant{Terms: t, Recorded: now, Seq: a.Seq + 1}
	at, _ := slices.BinarySearchFunc(a.Grants, &g, func(x Grant, y *Grant) int { return a.Order.Compare(&x, y) })
	a.Grants = slices.Insert(a.Grants, at, g)
	a.post(EntryGrant, &a.Grants[at], t.ID, t.Amount, t.Starts, now)
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
	if a.Consumed > math.MaxInt64/2 {
		return InField(Errorf(CodeInvalid, "the account has consumed more than can be counted"), "amount")
	}
	return nil
}

// Debit takes amount from the grants in burn order, all or nothing. Zero is
// recorded by the caller and posts nothing. The allocations are appended to dst.
func (a *Account) Debit(id ID, amount Amount, action string, now Time, dst []Allocation) ([]Allocation, error) {
	if amount < 0 {
		return dst, InField(Errorf(CodeInvalid, "a debit cannot be below zero"), "amount")
	}
	if !a.summary.at(now) {
		a.Settle(now)
		a.summarise(now)
	}
	if err := a.enough(amount, action, now); err != nil {
		return dst, err
	}
	dst = a.burn(EntryDebit, id, amount, action, now, dst)
	for s := &a.summary; s.first < len(a.Grants) && a.Grants[s.first].Free() <= 0; {
		s.first++
	}
	return dst, nil
}

// enough refuses when less than amount can be spent on action at now.
func (a *Account) enough(amount Amount, action string, now Time) error {
	if s := &a.summary; s.open && s.at(now) && amount <= s.sum.Available {
		return nil
	}
	var available Amount
	for i := range a.Grants {
		g := &a.Grants[i]
		if g.Spendable(now) && g.Pays(action) {
			available += g.Free()
			if available >= amount {
				return nil
			}
		}
	}
	if amount == 0 {
		return nil
	}
	err := Errorf(CodeInsufficientCredits, "%s %s are required, %s are available",
		amount.Format(a.Unit.Scale), a.Unit.Code, available.Format(a.Unit.Scale))
	err.Available, err.Required = available.Format(a.Unit.Scale), amount.Format(a.Unit.Scale)
	return err
}

// burn takes amount in burn order by entries of the given kind. The caller
// has checked that there is enough.
func (a *Account) burn(kind EntryKind, source ID, amount Amount, action string, now Time, dst []Allocation) []Allocation {
	for i := a.summary.first; i < len(a.Grants); i++ {
		if amount == 0 {
			break
		}
		g := &a.Grants[i]
		if !g.Spendable(now) || !g.Pays(action) || g.Free() <= 0 {
			continue
		}
		part := min(amount, g.Free())
		a.post(kind, g, source, part, now, now)
		dst = append(dst, Allocation{g.ID, part})
		amount -= part
	}
	return dst
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

// Reverse gives amount of a debit back to the grants it came from, the last
// taken first. taken is what the debit drew, in the order it drew it; before
// is what earlier reversals gave back. What returns to an expired or voided
// grant ends at once.
func (a *Account) Reverse(id ID, taken []Allocation, before, amount Amount, now Time) ([]Allocation, error) {
	var total Amount
	for _, t := range taken {
		total += t.Amount
	}
	if amount <= 0 || amount > total-before {
		return nil, InField(Errorf(CodeInvalid, "%s cannot be given back, %s of the debit is left to reverse",
			amount.Format(a.Unit.Scale), (total-before).Format(a.Unit.Scale)), "amount")
	}
	for _, t := range taken {
		if a.Grant(t.Grant) == nil {
			return nil, Errorf(CodeInternal, "grant %q of the debit was not loaded", string(t.Grant))
		}
	}
	a.Settle(now)
	var given []Allocation
	skip := before
	for i := len(taken) - 1; i >= 0 && amount > 0; i-- {
		left := taken[i].Amount
		done := min(skip, left)
		skip, left = skip-done, left-done
		part := min(left, amount)
		if part == 0 {
			continue
		}
		g := a.Grant(taken[i].Grant)
		a.post(EntryReverse, g, id, part, now, now)
		a.end(g, id, part, now, now)
		given = append(given, Allocation{g.ID, part})
		amount -= part
	}
	return given, nil
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
// has come, in the order of their instants, each effective at its instant. At
// one instant holds come first, so that what they give back still expires.
// Whether it runs late changes no balance.
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
		for i := range a.Grants {
			if g := &a.Grants[i]; g.Expires == due && a.lapses(g) {
				a.expire(g, due, now)
			}
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
