package convert

import (
	"math/big"

	"scrip/core"
)

// Revert is the plan that takes p back while nothing has touched the new
// grants and holds: every figure returns to exactly what it was. It names the
// grants of the old unit, as p does.
func (p *Plan) Revert() *Plan {
	r := &Plan{
		Customer: p.Customer, From: p.To, To: p.From, Total: p.Total.back(), Residual: new(big.Rat),
		Lots: make([]Lot, len(p.Lots)), Holds: make([]Hold, len(p.Holds)), part: core.Rate{Num: p.part.Den, Den: p.part.Num},
	}
	for i, l := range p.Lots {
		r.Lots[i] = Lot{Grant: l.Grant, Total: l.Total.back(), Held: l.Held.back(), Rate: l.backRate(), By: l.By, Paid: l.Paid}
	}
	for i, h := range p.Holds {
		parts := make([]Part, len(h.Parts))
		for j, part := range h.Parts {
			parts[j] = Part{part.Grant, part.back()}
		}
		r.Holds[i] = Hold{ID: h.ID, Amount: h.Amount.back(), Captured: h.Captured.back(), Parts: parts}
	}
	return r
}

func (m Moved) back() Moved { return Moved{m.To, m.From} }

// backRate is the old amount for one part of the new; a grant that became
// nothing has no rate and returns whole.
func (l *Lot) backRate() core.Rate {
	if l.Total.To == 0 {
		return core.Rate{}
	}
	return core.Rate{Num: int64(l.Total.From), Den: int64(l.Total.To)}
}

// Undo takes p back after the account, now in the new unit, was used: what is
// left of each new grant is worth the same share of the old one, so an
// untouched grant returns exactly and what was spent stays spent. A grant made
// since goes by the price rate of p. origin says which old grant a new one
// was made of; grants that had become nothing are named by their old ids and
// return whole, from zero.
func (p *Plan) Undo(a *core.Account, origin map[core.ID]core.ID, now core.Time) (*Plan, error) {
	if a.Unit != p.To || a.Customer != p.Customer {
		return nil, core.Errorf(core.CodeUnitMismatch, "the account of %q in %q is not what the change of %q made", a.Customer, a.Unit.Code, p.Customer)
	}
	lots := make(map[core.ID]*Lot, len(p.Lots))
	var closed core.Amount
	for i := range p.Lots {
		l := &p.Lots[i]
		lots[l.Grant] = l
		if l.Closed() {
			closed += l.Total.From
		}
	}
	inverse := core.Rate{Num: p.part.Den, Den: p.part.Num}
	r := &Plan{Customer: p.Customer, From: p.To, To: p.From, part: inverse}
	err := r.fill(a, now, func(g *core.Grant) (core.Rate, Mode, error) {
		l, ok := lots[origin[g.ID]]
		if !ok {
			return inverse, Explicit, nil
		}
		if g.Remaining > l.Total.To {
			return core.Rate{}, "", core.Errorf(core.CodeInternal, "grant %q holds more than the change made it of, %d parts", string(g.ID), int64(l.Total.To))
		}
		return l.backRate(), l.By, nil
	}, closed)
	if err != nil {
		return nil, err
	}
	for _, l := range p.Lots {
		if l.Closed() {
			r.Lots = append(r.Lots, Lot{Grant: l.Grant, Total: Moved{To: l.Total.From}, By: l.By, Paid: l.Paid})
		}
	}
	return r, nil
}
