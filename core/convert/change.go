package convert

import (
	"math/big"

	"scrip/core"
)

// Mode says what a grant is worth when its unit changes.
type Mode string

// The modes.
const (
	// CostBasis values each grant at the money paid for it, exactly: paid /
	// amount. A grant that records no payment is valued at the list price, and
	// [Lot.By] says so; one that records a payment of zero becomes nothing.
	CostBasis Mode = "cost_basis"
	// List values every grant at the list price of one unit.
	List Mode = "list"
	// Explicit values every grant at a rate given for the change.
	Explicit Mode = "rate"
)

// Terms are how one unit becomes another.
type Terms struct {
	From, To core.Unit
	Mode     Mode
	Rate     core.Rate  // Explicit: whole new units for one whole old unit
	List     core.Price // other modes: money for one old unit, or, from money and by List, for one new unit
}

// Change is checked terms.
type Change struct {
	Terms
	unit core.Rate // whole new units for a whole old one; what stands on no grant's own value
	part core.Rate // the same in smallest parts
}

// New checks terms. Units of one code, a rate that is not above zero and a
// price in another currency are refused: they would be two changes in one, the
// end of every balance, or an exchange of money.
func New(t Terms) (*Change, error) {
	for _, u := range [...]core.Unit{t.From, t.To} {
		if u.Code == "" || u.Scale < 0 || u.Scale > core.MaxScale {
			return nil, core.Errorf(core.CodeInvalid, "unit %q with %d decimals is none, give it a code and 0 to %d decimals", u.Code, u.Scale, core.MaxScale)
		}
	}
	if t.From.Code == t.To.Code {
		return nil, core.Errorf(core.CodeInvalid, "unit %q cannot become itself, give the new unit a code of its own", t.From.Code)
	}
	unit, err := t.perUnit()
	if err != nil {
		return nil, err
	}
	if unit.Num <= 0 || unit.Den <= 0 {
		return nil, core.Errorf(core.CodeInvalid, "one %s would become %d/%d %s, the rate must be above zero", t.From.Code, unit.Num, unit.Den, t.To.Code)
	}
	part, err := unit.Scaled(t.To.Scale - t.From.Scale)
	if err != nil {
		return nil, err
	}
	return &Change{Terms: t, unit: unit, part: part}, nil
}

// perUnit is how many whole new units one whole old unit becomes.
func (t Terms) perUnit() (core.Rate, error) {
	switch t.Mode {
	case Explicit:
		return t.Rate, nil
	case CostBasis, List:
	default:
		return core.Rate{}, core.Errorf(core.CodeInvalid, "a change of unit at %q is unknown, use cost_basis, list or a rate", string(t.Mode))
	}
	money := string(t.List.Currency)
	switch {
	case money == "":
		return core.Rate{}, core.Errorf(core.CodeInvalid, "a change at %s needs a list price, for prices and for grants that nobody paid for", t.Mode)
	case money == t.To.Code:
		return t.List.Rate, nil
	case money == t.From.Code && t.Mode == List:
		return core.Rate{Num: t.List.Rate.Den, Den: t.List.Rate.Num}, nil
	}
	return core.Rate{}, core.Errorf(core.CodeUnitMismatch, "a change from %q to %q at %s cannot use a price in %q, give a rate", t.From.Code, t.To.Code, t.Mode, money)
}

// value is what one smallest part of a grant becomes, in parts of the new
// unit, and which mode decided it.
func (c *Change) value(g *core.Grant) (core.Rate, Mode, error) {
	if c.Mode != CostBasis {
		return c.part, c.Mode, nil
	}
	if g.Paid.Currency == "" {
		return c.part, List, nil
	}
	if string(g.Paid.Currency) != c.To.Code {
		return core.Rate{}, "", core.Errorf(core.CodeUnitMismatch, "grant %q was paid in %q, its cost basis is none in %q: change at list or at a rate",
			string(g.ID), string(g.Paid.Currency), c.To.Code)
	}
	r, err := core.Rate{Num: int64(g.Paid.Minor), Den: int64(g.Amount)}.Scaled(c.To.Scale - g.Paid.Currency.Exponent())
	if err != nil {
		return core.Rate{}, "", core.Errorf(core.CodeInvalid, "the cost basis of grant %q, %s for %d parts, is too fine for %q: keep fewer decimals",
			string(g.ID), g.Paid, int64(g.Amount), c.To.Code)
	}
	return r, CostBasis, nil
}

// Moved is one amount before and after, each in its own unit's parts.
type Moved struct{ From, To core.Amount }

// Line converts an amount that stands on no grant, such as what is overdrawn
// or a customer's threshold: its exact value rounded once. The residual is
// the exact value less the rounded one, in parts of the new unit.
func (c *Change) Line(amount core.Amount) (Moved, *big.Rat, error) {
	var s sum
	x, err := shareOf(amount, c.part)
	if err == nil {
		err = s.add(x)
	}
	if err != nil {
		return Moved{}, nil, err
	}
	to, residual := s.round()
	if max(s.whole, to) > core.MaxAmount {
		return Moved{}, nil, core.Errorf(core.CodeInvalid, "%s %s would become more %s than an amount may count, keep fewer decimals",
			amount.Format(c.From.Scale), c.From.Code, c.To.Code)
	}
	return Moved{amount, to}, residual, nil
}

// Unit is how many whole new units a whole old one becomes, where no grant
// has a value of its own.
func (c *Change) Unit() core.Rate { return c.unit }

// Again readies a plan of this change that was kept outside, to be taken back
// by [Plan.Undo]. One of no lots stands for a customer who came after it.
func (c *Change) Again(p Plan) *Plan {
	p.From, p.To, p.part = c.From, c.To, c.part
	return &p
}

// Late is what amount becomes that comes to a grant after its account has been
// changed: what a reversal gives back, or a payment that was under way. It is
// rounded to the nearest part, ties to the even one.
func (c *Change) Late(g *core.Grant, amount core.Amount) (core.Amount, error) {
	rate, _, err := c.value(g)
	if err != nil {
		return 0, err
	}
	to, _, err := core.MulDiv(amount, rate, core.RoundHalfEven)
	return to, err
}

// LateBack is [Change.Late] after the change was taken back: amount is of the
// new unit, and what it becomes of the old.
func (c *Change) LateBack(amount core.Amount) (core.Amount, error) {
	from, _, err := core.MulDiv(amount, core.Rate{Num: c.part.Den, Den: c.part.Num}, core.RoundHalfEven)
	return from, err
}
