package core

// Policy is what moves an account by itself beside expiry, such as the
// renewals of a subscription. It belongs to one account and changes with it;
// [Account.Settle] asks it to act, so that what it does never depends on a
// sweep having run.
type Policy interface {
	// Due is the next instant at which it acts, Never when it does not.
	Due() Time
	// Act does what is due at that instant: effective then, recorded now. It
	// runs when holds have expired at the instant and grants have not.
	// Afterwards Due is later than at.
	Act(a *Account, at, now Time)
	// Text is its durable form, "" when nothing is left of it.
	Text() string
}

// Keep gives the account a policy, or takes up what has changed of it. A nil
// policy is not allowed; one without a text is forgotten when it is stored.
func (a *Account) Keep(p Policy) {
	a.Policy, a.Acts, a.kept, a.summary = p, p.Due(), true, summary{}
	if a.Acts == Never {
		a.Acts = 0
	}
}

// Kept reports whether the policy changed since the account was loaded.
func (a *Account) Kept() bool { return a.kept }

// Allot adds a grant that begins at an instant which may be past, even one
// that is over by now: what a policy gives. The caller is [Policy.Act], or has
// settled the account.
func (a *Account) Allot(t Terms, now Time) (*Grant, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	g, err := a.insert(t, now)
	if err != nil {
		return nil, err
	}
	a.post(EntryGrant, g, t.ID, t.Amount, t.Starts, now)
	if t.Starts <= now {
		a.settleDebt(t.Starts, now)
	}
	return a.Grant(t.ID), nil
}

// RollOver carries a part of what is free of a grant over into a new one: t's
// amount, which both lose and gain. It is effective at an instant, when the
// first ends and the second begins.
func (a *Account) RollOver(from ID, t Terms, at, now Time) (*Grant, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	old := a.Grant(from)
	if old == nil || t.Amount > old.Free() {
		return nil, Errorf(CodeInternal, "%d parts cannot be carried over from grant %q", int64(t.Amount), string(from))
	}
	if a.Grant(t.ID) != nil {
		return nil, Errorf(CodeInternal, "grant %q exists already", string(t.ID))
	}
	if err := a.roomFor(t.Amount); err != nil { // nothing may be refused once something is posted
		return nil, err
	}
	a.post(EntryRollOut, old, t.ID, t.Amount, at, now)
	g, err := a.insert(t, now)
	if err != nil {
		return nil, err
	}
	a.post(EntryRollIn, g, from, t.Amount, at, now)
	return g, nil
}

// End lets what is left of a grant expire at an instant before its own, as a
// revocation does; holds give back what they reserve of it unless they protect
// it. The account must be settled.
func (a *Account) End(id ID, at, now Time) {
	if g := a.Grant(id); g != nil && g.Closed == "" {
		a.summary = summary{}
		a.expire(g, at, now)
	}
}
