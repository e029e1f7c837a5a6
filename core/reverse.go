package core

// Reverse is [Account.Unwind] of a debit that grants alone have paid.
func (a *Account) Reverse(id ID, taken []Allocation, before, amount Amount, now Time) ([]Allocation, error) {
	given, err := a.Unwind(id, Drawn{Allocations: taken}, before, amount, "", now)
	return given.Allocations, err
}

// Unwind gives amount of a debit back, the last taken first: what was
// overage is not billed, what was deficit is not owed, then the grants it came
// from have it again. taken is what the debit drew, in the order it drew it;
// before is what earlier reversals gave back. What returns to an expired or
// voided grant ends at once. Of a deficit that was settled meanwhile, the part
// that is no longer owed becomes a grant of its own, with the id spare.
func (a *Account) Unwind(id ID, taken Drawn, before, amount Amount, spare ID, now Time) (Drawn, error) {
	return a.UnwindAt(id, taken, before, amount, spare, now, now)
}

// UnwindAt is [Account.Unwind] of what is to count as given back at an instant
// that is not ahead, such as that of the debit.
func (a *Account) UnwindAt(id ID, taken Drawn, before, amount Amount, spare ID, at, now Time) (Drawn, error) {
	total := taken.Overage + taken.Deficit
	for _, t := range taken.Allocations {
		total += t.Amount
	}
	if amount <= 0 || amount > total-before {
		return Drawn{}, InField(Errorf(CodeInvalid, "%s cannot be given back, %s of the debit is left to reverse",
			amount.Format(a.Unit.Scale), (total-before).Format(a.Unit.Scale)), "amount")
	}
	for _, t := range taken.Allocations {
		if a.Grant(t.Grant) == nil {
			return Drawn{}, Errorf(CodeInternal, "grant %q of the debit was not loaded", string(t.Grant))
		}
	}
	a.Settle(now)
	if taken.Deficit > 0 { // what was paid of it comes as a grant; nothing may be refused once something is posted
		if err := a.roomFor(taken.Deficit); err != nil {
			return Drawn{}, err
		}
	}
	var given Drawn
	part := func(left Amount) Amount {
		_, n := give(left, &before, &amount)
		return n
	}
	if given.Overage = part(taken.Overage); given.Overage > 0 {
		a.postOwn(EntryOverageBack, id, given.Overage, at, now)
	}
	if given.Deficit = part(taken.Deficit); given.Deficit > 0 {
		if err := a.forgive(id, given.Deficit, spare, at, now); err != nil {
			return Drawn{}, err
		}
	}
	for i := len(taken.Allocations) - 1; i >= 0 && amount > 0; i-- {
		n := part(taken.Allocations[i].Amount)
		if n == 0 {
			continue
		}
		g := a.Grant(taken.Allocations[i].Grant)
		at := max(at, g.Starts) // a late debit takes what was rolled over when that began
		a.post(EntryReverse, g, id, n, at, now)
		ended := now
		if g.Closed == Expired || g.Closed == "" && now >= g.Expires { // it was there again until the grant expired
			ended = max(at, min(g.Expires, now))
		}
		a.end(g, id, n, ended, now)
		given.Allocations = append(given.Allocations, Allocation{g.ID, n})
	}
	a.settleDebt(now, now)
	return given, nil
}

// forgive takes a deficit back as far as it is still owed; what has been paid
// of it becomes a grant.
func (a *Account) forgive(id ID, amount Amount, spare ID, at, now Time) error {
	owed := min(amount, a.Overdrawn)
	if paid := amount - owed; paid > 0 {
		t := Terms{ID: spare, Amount: paid, Category: Adjustment, Priority: DefaultPriority, Starts: now, Expires: Never, Source: id}
		g, err := a.insert(t, now)
		if err != nil {
			return err
		}
		a.post(EntryGrant, g, id, paid, now, now)
	}
	if owed > 0 {
		a.postOwn(EntryOverdrawBack, id, owed, at, now)
	}
	return nil
}

// give takes the share of one part of a debit off what was given back before
// and off what is given back now.
func give(part Amount, before, amount *Amount) (done, now Amount) {
	done = min(*before, part)
	*before -= done
	now = min(*amount, part-done)
	*amount -= now
	return done, now
}

// Shares parts what is given back of a debit, after what was before: of its
// overage, of its deficit, and of what its grants paid; of each how much was
// given back before, and is now.
func (d *Drawn) Shares(before, amount Amount) (overage, deficit, grants [2]Amount) {
	overage[0], overage[1] = give(d.Overage, &before, &amount)
	deficit[0], deficit[1] = give(d.Deficit, &before, &amount)
	return overage, deficit, [2]Amount{before, amount}
}
