package core

import "math"

// Clawback takes back what a payment had bought: an amount, in parts of the
// unit, first of what is unspent and unheld of the grant it made. Of the rest,
// with others, the paid grants in burn order; what they do not have becomes a
// deficit, or with the rule [Cap] is written off. No grant that nobody paid for
// is ever taken. source is the purchase.
func (a *Account) Clawback(grant, source ID, amount Amount, rule Shortfall, others bool, now Time) (Drawn, error) {
	if amount <= 0 || amount > MaxAmount {
		return Drawn{}, Errorf(CodeInternal, "%d parts cannot be taken back", int64(amount))
	}
	if rule != Cap && a.Overdrawn > math.MaxInt64/2 {
		return Drawn{}, Errorf(CodeInvalid, "the account owes more than can be counted")
	}
	a.Settle(now)
	var done Drawn
	rest := amount
	take := func(g *Grant) {
		part := min(rest, g.Free())
		if part <= 0 || g.Closed != "" || now >= g.Expires {
			return
		}
		// Before a grant begins there is nothing of it to take.
		a.post(EntryClawback, g, source, part, max(now, g.Starts), now)
		done.Allocations = append(done.Allocations, Allocation{g.ID, part})
		rest -= part
	}
	if g := a.Grant(grant); g != nil {
		take(g)
	}
	for i := 0; others && i < len(a.Grants) && rest > 0; i++ {
		if g := &a.Grants[i]; g.ID != grant && g.Category == Paid {
			take(g)
		}
	}
	switch {
	case rest == 0:
	case rule == Cap:
		done.Forgone = rest
	default:
		done.Deficit = rest
		a.postOwn(EntryOwe, source, rest, now, now)
		a.settleDebt(now, now)
	}
	return done, nil
}

// Reinstate gives back what [Account.Clawback] took at an instant: what is
// still owed of it is owed no more, and what was paid of that meanwhile becomes
// a grant; what was taken of grants returns to the same ones. One that expired
// in between goes on as a new grant, with as much of its life as it had left
// then. spare makes the ids of new grants: 0 for what was owed, then one for
// each allocation. All grants must be loaded.
func (a *Account) Reinstate(source ID, back Drawn, taken Time, spare func(int) ID, now Time) error {
	total := back.Deficit
	for _, part := range back.Allocations {
		total += part.Amount
		if g := a.Grant(part.Grant); g == nil || part.Amount > g.Away {
			return Errorf(CodeInternal, "%d parts cannot go back to grant %q", int64(part.Amount), string(part.Grant))
		}
	}
	if err := a.roomFor(total); err != nil {
		return err
	}
	a.Settle(now)
	if err := a.unowe(source, back.Deficit, spare(0), now); err != nil {
		return err
	}
	for i, part := range back.Allocations {
		if err := a.putBack(part, source, taken, spare(i+1), now); err != nil {
			return err
		}
	}
	a.settleDebt(now, now)
	return nil
}

// unowe takes a deficit back as far as it is owed; the rest becomes a grant.
func (a *Account) unowe(source ID, amount Amount, spare ID, now Time) error {
	owed := min(amount, a.Overdrawn)
	if owed > 0 {
		a.postOwn(EntryReinstateOwed, source, owed, now, now)
	}
	if amount == owed {
		return nil
	}
	t := Terms{ID: spare, Amount: amount - owed, Category: Adjustment, Priority: DefaultPriority, Starts: now, Expires: Never, Source: source}
	g, err := a.insert(t, now)
	if err != nil {
		return err
	}
	a.post(EntryGrant, g, spare, t.Amount, now, now)
	return nil
}

// putBack returns a part to its grant, or to one that goes on in its place.
func (a *Account) putBack(part Allocation, source ID, taken Time, spare ID, now Time) error {
	g := a.Grant(part.Grant)
	a.post(EntryReinstate, g, source, part.Amount, max(now, g.Starts), now)
	switch {
	case a.Became != "" || g.Closed == Void || g.Closed == Converted:
		a.end(g, source, part.Amount, now, now)
		return nil
	case g.Closed == "" && now < g.Expires:
		return nil
	}
	g.Closed = Expired
	t := g.Terms
	t.ID, t.Amount, t.Paid, t.Source = spare, part.Amount, Money{}, source
	t.Starts = now
	if t.Expires != Never { // one without an end can have been ended early
		t.Expires = now + max(1, g.Expires-max(taken, g.Starts))
	}
	_, err := a.RollOver(g.ID, t, now, now)
	return err
}
