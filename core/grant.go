package core

import "slices"

// Category says where a grant came from; it takes part in the burn order.
type Category string

// The categories.
const (
	Paid        Category = "paid"
	Promotional Category = "promotional"
	Allotment   Category = "allotment"
	Rollover    Category = "rollover"
	Adjustment  Category = "adjustment"
)

// Valid reports whether c is a known category.
func (c Category) Valid() bool {
	switch c {
	case Paid, Promotional, Allotment, Rollover, Adjustment:
		return true
	}
	return false
}

// free reports whether c ranks with the promotional grants: what nobody paid
// for burns before what somebody did.
func (c Category) free() bool { return c == Promotional || c == Adjustment }

// GrantState is what a grant is at an instant.
type GrantState string

// The states of a grant. Scheduled and expired depend on the time asked for.
const (
	Scheduled GrantState = "scheduled"
	Open      GrantState = "open"
	Spent     GrantState = "spent"
	Expired   GrantState = "expired"
	Void      GrantState = "void"
	Converted GrantState = "converted" // its rest is counted in another unit now
)

// Terms are the facts of a grant that never change once it is made.
type Terms struct {
	ID       ID
	Amount   Amount // what was granted, above zero
	Category Category
	Priority int  // 0 to MaxPriority, lower burns first
	Starts   Time // first instant at which it may be spent
	Expires  Time // first instant at which it may no longer be spent, or Never
	Paid     Money
	Actions  []string // the only actions it may pay for; none means any
	Source   ID       // the purchase that made it, or ""
	Metadata map[string]string
}

// Grant is a lot of credits: immutable terms, and what has become of it.
// Amount = Remaining + Ended + consumed, always.
type Grant struct {
	Terms
	Recorded  Time
	Seq       int64  // sequence of the entry that made it: the last tie-break of any order
	Remaining Amount // not consumed, expired or voided; includes Held
	Held      Amount // reserved by open holds
	Ended     Amount // expired, voided, converted or taken back with its payment
	Away      Amount // of Ended: converted or taken back, and not come back
	Closed    GrantState
	dirty     bool
}

// Consumed is what debits and captures took, less what reversals gave back.
func (g *Grant) Consumed() Amount { return g.Amount - g.Remaining - g.Ended }

// Free is what may be spent or reserved, dates apart.
func (g *Grant) Free() Amount { return g.Remaining - g.Held }

// Spendable reports whether the grant is in force at now: Starts <= now < Expires.
func (g *Grant) Spendable(now Time) bool {
	return g.Closed == "" && g.Starts <= now && now < g.Expires
}

// Allotted reports whether a policy made the grant. It was so when the grant
// began, however late it was posted.
func (g *Grant) Allotted() bool {
	return g.Source != "" && (g.Category == Allotment || g.Category == Rollover)
}

// Pays reports whether the grant's scope lets it pay for action. A debit that
// names no action is paid by unrestricted grants only.
func (g *Grant) Pays(action string) bool {
	return len(g.Actions) == 0 || slices.Contains(g.Actions, action)
}

// State is what the grant is at now.
func (g *Grant) State(now Time) GrantState {
	switch {
	case g.Closed != "":
		return g.Closed
	case g.Remaining == 0:
		return Spent
	case now >= g.Expires:
		return Expired
	case now < g.Starts:
		return Scheduled
	}
	return Open
}

// CostBasis is the money paid for amount of the grant, exact to the minor
// unit by rounding down.
func (g *Grant) CostBasis(amount Amount) (Money, error) {
	if g.Paid.IsZero() {
		return Money{}, nil
	}
	minor, _, err := MulDiv(amount, Rate{int64(g.Paid.Minor), int64(g.Amount)}, RoundDown)
	return Money{minor, g.Paid.Currency}, err
}

// check refuses terms that no grant may have.
func (t *Terms) check() error {
	switch {
	case t.Amount <= 0:
		return InField(Errorf(CodeInvalid, "a grant must be above zero"), "amount")
	case t.Amount > MaxAmount:
		return InField(Errorf(CodeInvalid, "a grant of %d parts is too large", int64(t.Amount)), "amount")
	case !t.Category.Valid():
		return InField(Errorf(CodeInvalid, "category %q is not paid, promotional, allotment, rollover or adjustment", string(t.Category)), "category")
	case t.Priority < 0 || t.Priority > MaxPriority:
		return InField(Errorf(CodeInvalid, "priority %d is not between 0 and %d", t.Priority, MaxPriority), "priority")
	case t.Expires <= t.Starts:
		return InField(Errorf(CodeInvalid, "expiry %s is not after the start %s", t.Expires, t.Starts), "expires_at")
	case t.Paid.Minor < 0:
		return InField(Errorf(CodeInvalid, "paid amount is below zero"), "paid")
	}
	return nil
}
