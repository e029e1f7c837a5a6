package convert

import (
	"cmp"
	"slices"

	"scrip/core"
)

// claim is one part of one hold, by position, and the lot it reserves.
type claim struct{ lot, hold, part int }

// holds settles what the parts of each open hold become, lot by lot, and what
// each hold's own figures become.
func (p *Plan) holds(a *core.Account) error {
	var claims []claim
	var at map[core.ID]int // of the lots
	for i := range a.Holds {
		h := &a.Holds[i]
		if h.State != core.HoldOpen {
			continue
		}
		made := Hold{ID: h.ID, Amount: Moved{From: h.Amount}, Captured: Moved{From: h.Captured}, Parts: make([]Part, 0, len(h.Parts))}
		if at == nil {
			at = p.positions()
		}
		for _, part := range h.Parts {
			lot, ok := at[part.Grant]
			if !ok || part.Amount <= 0 {
				return core.Errorf(core.CodeInternal, "hold %q reserves %d of grant %q, which has nothing left", string(h.ID), int64(part.Amount), string(part.Grant))
			}
			claims = append(claims, claim{lot, len(p.Holds), len(made.Parts)})
			made.Parts = append(made.Parts, Part{part.Grant, Moved{From: part.Amount}})
		}
		p.Holds = append(p.Holds, made)
	}
	slices.SortStableFunc(claims, func(x, y claim) int { return cmp.Compare(x.lot, y.lot) })
	for i := range p.Lots {
		n := 0
		for n < len(claims) && claims[n].lot == i {
			n++
		}
		if err := p.divide(&p.Lots[i], claims[:n]); err != nil {
			return err
		}
		claims = claims[n:]
	}
	for i := range p.Holds {
		if err := p.figures(&p.Holds[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) positions() map[core.ID]int {
	at := make(map[core.ID]int, len(p.Lots))
	for i := range p.Lots {
		at[p.Lots[i].Grant] = i
	}
	return at
}

// divide shares what a lot becomes among the holds on it and what is free. Of
// equal remainders the earlier hold's goes first and the free part's last:
// what is reserved was promised.
func (p *Plan) divide(lot *Lot, claims []claim) error {
	free := lot.Total.From
	shares := make([]share, 0, 8)
	for _, c := range claims {
		part := &p.Holds[c.hold].Parts[c.part]
		free -= part.From
		x, err := shareOf(part.From, lot.Rate)
		if err != nil {
			return err
		}
		shares = append(shares, x)
	}
	if held := lot.Total.From - free; held != lot.Held.From || free < 0 {
		return core.Errorf(core.CodeInternal, "grant %q holds %d of %d parts, its holds reserve %d: load the account whole",
			string(lot.Grant), int64(lot.Held.From), int64(lot.Total.From), int64(held))
	}
	if len(claims) == 0 {
		return nil
	}
	x, err := shareOf(free, lot.Rate)
	if err != nil {
		return err
	}
	parts := make([]core.Amount, len(shares)+1)
	apportion(append(shares, x), lot.Total.To, parts)
	for i, c := range claims {
		p.Holds[c.hold].Parts[c.part].To = parts[i]
		lot.Held.To += parts[i]
	}
	return nil
}

// figures settles the amount of a hold and what was captured.
func (p *Plan) figures(h *Hold) error {
	var reserved core.Amount
	for _, part := range h.Parts {
		reserved += part.To
	}
	captured, _, err := core.MulDiv(h.Captured.From, p.part, core.RoundHalfEven)
	if err != nil {
		return err
	}
	left, _, err := core.MulDiv(max(0, h.Amount.From-h.Captured.From), p.part, core.RoundHalfEven)
	if err != nil {
		return err
	}
	h.Captured.To = captured
	h.Amount.To, err = captured.Add(max(left, reserved))
	return err
}
