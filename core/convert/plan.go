package convert

import (
	"math"
	"math/big"
	"slices"

	"scrip/core"
)

// Plan is what the grants and holds of one account become. It is made of
// plain values; amounts before and after are in parts of From and To.
type Plan struct {
	Customer string
	From, To core.Unit
	Total    Moved
	Residual *big.Rat // exact value of Total.From less Total.To, in parts of To: above zero, the customer got less
	Lots     []Lot    // in burn order
	Holds    []Hold   // in the order they were made
	part     core.Rate
}

// Lot is what one grant with a remainder becomes: the old one ends with
// nothing left, a new one is made of Total.To.
type Lot struct {
	Grant core.ID
	Total Moved
	Held  Moved      // the part of Total that open holds reserve
	Rate  core.Rate  // exact parts of the new unit for one of the old
	By    Mode       // what decided Rate
	Paid  core.Money // the money paid for what moves, rounded down; the rest of it stays with the old grant
}

// Closed reports whether nothing is left of the grant in the new unit: no new
// grant is made of it, and its customer should be told.
func (l *Lot) Closed() bool { return l.Total.To == 0 }

// Hold is what an open hold becomes. Its amount and what was captured stand on
// no grant and go by the list price or the rate. What may still be captured is
// never less than what is reserved; where it is more, a capture above the
// reserve takes the rest as an ordinary debit.
type Hold struct {
	ID       core.ID
	Amount   Moved
	Captured Moved
	Parts    []Part
}

// Part is what a hold reserves of one grant, the old grant named. A part
// may become nothing; then the new hold has none there.
type Part struct {
	Grant core.ID
	Moved
}

// maxTotal is how much an account may hold, far below what would wrap.
const maxTotal = math.MaxInt64 / 4

// Plan says what an account becomes: every grant with a remainder, scheduled
// ones and those that only a hold still keeps too, and every open hold. The
// account must be whole, sorted and settled at now, as a store loads it and
// [core.Account.Settle] leaves it.
func (c *Change) Plan(a *core.Account, now core.Time) (*Plan, error) {
	if a.Unit != c.From {
		return nil, core.Errorf(core.CodeUnitMismatch, "the account of %q is in %q with %d decimals, the change is from %q with %d",
			a.Customer, a.Unit.Code, a.Unit.Scale, c.From.Code, c.From.Scale)
	}
	p := &Plan{Customer: a.Customer, From: c.From, To: c.To, part: c.part}
	if err := p.fill(a, now, c.value, 0); err != nil {
		return nil, err
	}
	return p, nil
}

// fill works out the lots and holds of a, each grant at its value. The total
// begins with what comes from no grant of a.
func (p *Plan) fill(a *core.Account, now core.Time, value func(*core.Grant) (core.Rate, Mode, error), total core.Amount) error {
	if a.NextDue() <= now {
		return core.Errorf(core.CodeInternal, "the account of %q is not settled, settle it before its unit changes", a.Customer)
	}
	live := 0
	for i := range a.Grants {
		if i > 0 && a.Order.Compare(&a.Grants[i-1], &a.Grants[i]) > 0 {
			return core.Errorf(core.CodeInternal, "the account of %q is not in burn order, sort it before its unit changes", a.Customer)
		}
		if a.Grants[i].Remaining > 0 {
			live++
		}
	}
	p.Lots = make([]Lot, 0, live)
	shares := make([]share, 0, live)
	exact := sum{whole: total}
	for i := range a.Grants {
		g := &a.Grants[i]
		if g.Remaining <= 0 {
			continue
		}
		lot, x, err := p.lot(g, value)
		if err == nil {
			err = exact.add(x)
		}
		if err != nil {
			return err
		}
		p.Lots, shares = append(p.Lots, lot), append(shares, x)
		p.Total.From += g.Remaining
	}
	if exact.whole >= maxTotal {
		return core.Errorf(core.CodeInvalid, "the account of %q would hold more %s than a balance can count, keep fewer decimals", a.Customer, p.To.Code)
	}
	p.Total.To, p.Residual = exact.round()
	p.share(shares, p.Total.To-total)
	return p.holds(a)
}

// lot is one grant with its exact value; what it becomes is settled later.
func (p *Plan) lot(g *core.Grant, value func(*core.Grant) (core.Rate, Mode, error)) (Lot, share, error) {
	rate, by, err := value(g)
	if err != nil {
		return Lot{}, share{}, err
	}
	x, err := shareOf(g.Remaining, rate)
	if err != nil || x.whole > core.MaxAmount || x.whole == core.MaxAmount && x.rem > 0 {
		return Lot{}, share{}, core.Errorf(core.CodeInvalid, "%s %s of grant %q would become more %s than an amount may count, keep fewer decimals",
			g.Remaining.Format(p.From.Scale), p.From.Code, string(g.ID), p.To.Code)
	}
	paid, err := g.CostBasis(g.Remaining)
	if err != nil {
		return Lot{}, share{}, err
	}
	return Lot{Grant: g.ID, Total: Moved{From: g.Remaining}, Held: Moved{From: g.Held}, Rate: rate, By: by, Paid: paid}, x, nil
}

// share settles what each lot becomes of a total.
func (p *Plan) share(shares []share, total core.Amount) {
	var few [16]core.Amount
	parts := slices.Grow(few[:0], len(shares))[:len(shares)]
	apportion(shares, total, parts)
	for i := range p.Lots {
		p.Lots[i].Total.To = parts[i]
	}
}
