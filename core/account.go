package core

import "slices"

// Account is one customer's balance in one unit: its grants in burn order,
// its open holds, and the head of its chain of entries.
//
// Every rule is a method that either changes the account and keeps the
// entries of the change in Entries, or returns an [*Error] and leaves the
// account as [Account.Settle] left it.
type Account struct {
	Customer string
	Unit     Unit
	Grants   []Grant // what has a remainder, and what the command names, in burn order
	Holds    []Hold  // open holds, and what the command names
	Consumed Amount  // net consumption of grants since the account began
	// Overdrawn is the deficit: consumption that nothing has paid for yet. A
	// grant that settles deficits pays it before anything else.
	Overdrawn Amount
	Windows   []Window
	Became    string // the unit that its balance was converted to, "" while it is counted in this one
	Seq       int64
	Head      [32]byte // of the last sealed entry
	Entries   []Entry  // made since the account was loaded; [Account.Seal] chains them
	Order     Order
	Settles   []Category // whose grants settle a deficit; none means paid ones
	Policy    Policy     // nil when nothing moves the account by itself
	Stored    string     // the policy's durable form, as loaded or sealed
	Acts      Time       // when the policy acts next, 0 when it does not
	kept      bool       // the policy changed since the account was loaded
	dirty     bool
	summary   summary
}

// Sort puts the grants in burn order and the holds in the order they were
// made; a store loads them in any.
func (a *Account) Sort() {
	a.summary = summary{}
	slices.SortFunc(a.Holds, compareHolds)
	slices.SortFunc(a.Grants, func(x, y Grant) int { return a.Order.Compare(&x, &y) })
}

// Grant finds a loaded grant, or nil.
func (a *Account) Grant(id ID) *Grant {
	for i := range a.Grants {
		if a.Grants[i].ID == id {
			return &a.Grants[i]
		}
	}
	return nil
}

// Hold finds a loaded hold, or nil.
func (a *Account) Hold(id ID) *Hold {
	for i := range a.Holds {
		if a.Holds[i].ID == id {
			return &a.Holds[i]
		}
	}
	return nil
}

// Balance is what an account holds at an instant.
type Balance struct {
	Posted    Amount // spendable grants' remainders, held parts included
	Held      Amount // reserved by open holds
	Available Amount // Posted - Held
}

// Balance is what the grants in force at now come to. It is right whether or not
// [Account.Settle] has run, but for what a policy that is due would give.
func (a *Account) Balance(now Time) Balance {
	if a.summary.at(now) {
		return a.summary.sum
	}
	return a.balance(now)
}

func (a *Account) balance(now Time) Balance {
	var b Balance
	for i := range a.Grants {
		g := &a.Grants[i]
		held := a.heldAt(g, now)
		if g.Spendable(now) {
			b.Posted += g.Remaining
		} else {
			b.Posted += held
		}
		b.Held += held
	}
	b.Available = b.Posted - b.Held
	return b
}

// heldAt is the part of g that holds still reserve at now.
func (a *Account) heldAt(g *Grant, now Time) Amount {
	if g.Held == 0 {
		return 0
	}
	var held Amount
	for i := range a.Holds {
		h := &a.Holds[i]
		if h.State != HoldOpen || h.Expires <= now || now >= g.Expires && !h.Protect {
			continue
		}
		held += h.part(g.ID)
	}
	return held
}

// NextDue is the first instant after which time alone changes the account: a
// hold or a remainder expires, a deficit meets the grant that settles it, or
// its policy acts. Never when there is none.
func (a *Account) NextDue() Time {
	due := a.nextEnd()
	if a.Overdrawn > 0 {
		for i := range a.Grants {
			if g := &a.Grants[i]; a.settles(g) && g.Closed == "" && g.Free() > 0 && g.Starts < g.Expires {
				due = min(due, g.Starts)
			}
		}
	}
	if a.Acts != 0 {
		due = min(due, a.Acts)
	}
	return due
}

// nextEnd is when the first hold or remainder expires.
func (a *Account) nextEnd() Time {
	due := Never
	for i := range a.Grants {
		if g := &a.Grants[i]; g.Expires < due && a.lapses(g) {
			due = g.Expires
		}
	}
	for i := range a.Holds {
		if h := &a.Holds[i]; h.State == HoldOpen {
			due = min(due, h.Expires)
		}
	}
	return due
}

// lapses reports whether something of g is left to end at its expiry: its
// remainder, or, once it is voided, what unprotected holds still keep of it.
func (a *Account) lapses(g *Grant) bool {
	if g.Remaining == 0 || g.Closed == Expired {
		return false
	}
	return g.Closed == "" || slices.ContainsFunc(a.Holds, func(h Hold) bool {
		return h.State == HoldOpen && !h.Protect && h.part(g.ID) > 0
	})
}

// Changed reports whether anything differs from what was loaded.
func (a *Account) Changed() bool {
	if a.dirty || a.kept || len(a.Entries) > 0 {
		return true
	}
	for range a.ChangedGrants {
		return true
	}
	for range a.ChangedHolds {
		return true
	}
	return false
}

// Committed makes of an account whose changes were stored what a store would
// load again: no entries, no grants without a remainder, no resolved holds.
func (a *Account) Committed() {
	a.dirty, a.kept, a.summary = false, false, summary{}
	if a.Entries = a.Entries[:0]; cap(a.Entries) > maxKeptEntries {
		a.Entries = nil
	}
	a.Grants = slices.DeleteFunc(a.Grants, func(g Grant) bool { return g.Remaining == 0 })
	for i := range a.Grants {
		a.Grants[i].dirty = false
	}
	a.Holds = slices.DeleteFunc(a.Holds, func(h Hold) bool { return h.State != HoldOpen })
	for i := range a.Holds {
		a.Holds[i].dirty = false
	}
}

// maxKeptEntries bounds the room for entries that a kept account holds on to.
const maxKeptEntries = 16

// ChangedGrants calls yield for each grant that differs from what was loaded.
func (a *Account) ChangedGrants(yield func(*Grant) bool) {
	for i := range a.Grants {
		if a.Grants[i].dirty && !yield(&a.Grants[i]) {
			return
		}
	}
}

// ChangedHolds calls yield for each hold that differs from what was loaded.
func (a *Account) ChangedHolds(yield func(*Hold) bool) {
	for i := range a.Holds {
		if a.Holds[i].dirty && !yield(&a.Holds[i]) {
			return
		}
	}
}
