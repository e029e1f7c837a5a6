package core

import "slices"

// Shortfall is the rule for what grants cannot pay.
type Shortfall string

// The rules. All take what the grants have first, but Reject, which takes
// nothing unless they have all of it.
const (
	Reject  Shortfall = "reject"  // refuse the whole
	Cap     Shortfall = "cap"     // leave the rest out
	Overage Shortfall = "overage" // bill the rest in money, up to a limit
	Deficit Shortfall = "deficit" // owe the rest, up to a limit
)

// Draw is what a debit asks for.
type Draw struct {
	ID     ID
	Amount Amount
	Action string     // "" when the caller named the amount itself
	Not    []Category // whose grants must not pay
	Rule   Shortfall  // "" is Reject
	Room   Amount     // how much may be overage, or become deficit
	At     Time       // when it happened, where that was before now; 0 is now
	Lapsed []Entry    // of a late draw: what of each grant expired after At, and when
	Rolled map[ID]ID  // of a late draw: what was rolled over after At, by grant what it was rolled from
}

// Drawn is how a debit was paid; the parts add up to what was asked for.
type Drawn struct {
	Allocations []Allocation
	Overage     Amount // billed in money
	Deficit     Amount // owed
	Forgone     Amount // left out, neither taken nor owed
	Late        bool   // of a capture: its hold had expired, this was a fresh debit
}

// Debit takes amount from the grants in burn order, all or nothing. Zero is
// recorded by the caller and posts nothing. The allocations are appended to dst.
func (a *Account) Debit(id ID, amount Amount, action string, now Time, dst []Allocation) ([]Allocation, error) {
	done, err := a.Draw(Draw{ID: id, Amount: amount, Action: action}, now, dst)
	return done.Allocations, err
}

// Draw takes an amount from the grants in burn order, and what they cannot pay
// by the draw's rule, all in one step. The allocations are appended to dst.
func (a *Account) Draw(d Draw, now Time, dst []Allocation) (Drawn, error) {
	if d.Amount < 0 {
		return Drawn{Allocations: dst}, InField(Errorf(CodeInvalid, "a debit cannot be below zero"), "amount")
	}
	if d.At != 0 && d.At < now {
		return a.drawLate(d, now, dst)
	}
	if !a.summary.at(now) {
		a.Settle(now)
		a.summarise(now)
	}
	done, fromGrants := Drawn{Allocations: dst}, d.Amount
	if err := a.enough(&d, now); err != nil {
		if fromGrants, err = a.divide(&d, &done, a.spendable(&d, now)); err != nil {
			return done, err
		}
	}
	done.Allocations = a.burn(EntryDebit, &d, fromGrants, now, dst)
	for s := &a.summary; s.first < len(a.Grants) && a.Grants[s.first].Free() <= 0; {
		s.first++
	}
	a.beyondGrants(&d, &done, now, now)
	return done, nil
}

// divide says how much of a draw grants pay of what they could, and by the
// draw's rule what becomes of the rest.
func (a *Account) divide(d *Draw, done *Drawn, available Amount) (Amount, error) {
	rest := d.Amount - available
	switch {
	case rest <= 0:
		return d.Amount, nil
	case d.Rule == Reject, d.Rule == "":
		return 0, a.lacking(d, available)
	case d.Rule == Cap:
		done.Forgone = rest
	case rest > d.Room:
		return 0, a.beyond(d, rest)
	case d.Rule == Overage:
		done.Overage = rest
	default:
		done.Deficit = rest
	}
	return available, nil
}

// beyondGrants posts what of a draw no grant pays.
func (a *Account) beyondGrants(d *Draw, done *Drawn, at, now Time) {
	if done.Overage > 0 {
		a.postOwn(EntryOverage, d.ID, done.Overage, at, now)
	}
	if done.Deficit > 0 {
		a.postOwn(EntryOverdraw, d.ID, done.Deficit, at, now)
		a.settleDebt(now, now)
	}
}

// beyond refuses what a limit leaves no room for.
func (a *Account) beyond(d *Draw, rest Amount) error {
	err := Errorf(CodeLimitReached, "%s of the %s %s would be %s, %s are left of its limit", rest.Format(a.Unit.Scale),
		d.Amount.Format(a.Unit.Scale), a.Unit.Code, d.Rule, max(0, d.Room).Format(a.Unit.Scale))
	err.Available, err.Required = (d.Amount - rest + max(0, d.Room)).Format(a.Unit.Scale), d.Amount.Format(a.Unit.Scale)
	return err
}

// pays reports whether a grant may pay a part of the draw at now.
func (d *Draw) pays(g *Grant, now Time) bool {
	return g.Spendable(now) && d.mayPay(g)
}

// mayPay reports whether the draw's action lets a grant pay for it.
func (d *Draw) mayPay(g *Grant) bool {
	return g.Pays(d.Action) && (len(d.Not) == 0 || !slices.Contains(d.Not, g.Category))
}

// spendable is what grants could pay of the draw, were it large enough.
func (a *Account) spendable(d *Draw, now Time) Amount {
	var sum Amount
	for i := range a.Grants {
		if g := &a.Grants[i]; d.pays(g, now) {
			sum += g.Free()
		}
	}
	return sum
}

// enough refuses when the grants cannot pay the whole draw at now.
func (a *Account) enough(d *Draw, now Time) error {
	if s := &a.summary; s.open && s.at(now) && d.Amount <= s.sum.Available && len(d.Not) == 0 || d.Amount == 0 {
		return nil
	}
	available := a.spendable(d, now)
	if available >= d.Amount {
		return nil
	}
	return a.lacking(d, available)
}

// lacking refuses what grants cannot pay.
func (a *Account) lacking(d *Draw, available Amount) error {
	err := Errorf(CodeInsufficientCredits, "%s %s are required, %s are available",
		d.Amount.Format(a.Unit.Scale), a.Unit.Code, available.Format(a.Unit.Scale))
	err.Available, err.Required = available.Format(a.Unit.Scale), d.Amount.Format(a.Unit.Scale)
	return err
}

// burn takes amount in burn order by entries of the given kind. The caller
// has checked that there is enough.
func (a *Account) burn(kind EntryKind, d *Draw, amount Amount, now Time, dst []Allocation) []Allocation {
	for i := a.summary.first; i < len(a.Grants); i++ {
		if amount == 0 {
			break
		}
		g := &a.Grants[i]
		if g.Free() <= 0 || !d.pays(g, now) {
			continue
		}
		part := min(amount, g.Free())
		a.post(kind, g, d.ID, part, now, now)
		dst = append(dst, Allocation{g.ID, part})
		amount -= part
	}
	return dst
}

// settles reports whether a grant pays deficits: one that may pay for anything.
func (a *Account) settles(g *Grant) bool {
	if len(a.Settles) == 0 {
		return g.Category == Paid && len(g.Actions) == 0
	}
	return slices.Contains(a.Settles, g.Category) && len(g.Actions) == 0
}

// settleDebt pays the deficit, as far as they go, with the grants that settle
// one and are in force at an instant, in burn order. Every rule that lets
// something become free ends with it, so that a deficit never stands beside
// what could pay it.
func (a *Account) settleDebt(at, now Time) {
	for i := range a.Grants {
		if a.Overdrawn == 0 {
			return
		}
		if g := &a.Grants[i]; a.settles(g) && g.Spendable(at) && g.Free() > 0 {
			a.post(EntrySettle, g, g.ID, min(a.Overdrawn, g.Free()), at, now)
		}
	}
}
