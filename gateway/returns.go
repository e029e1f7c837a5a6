package gateway

import (
	"fmt"

	"scrip/core/ledger"
	"scrip/core/sale"
)

type returnsView struct {
	Money       *moneyView   `json:"money" doc:"of the price: refunded or contested now"`
	Requested   decimal      `json:"requested" doc:"credits that this money had bought"`
	Collected   decimal      `json:"collected,omitempty" doc:"of these: taken back; left out where a change of unit lies between"`
	Uncollected decimal      `json:"uncollected,omitempty" doc:"of these: spent by then, owed or written off"`
	WrittenOff  decimal      `json:"written_off,omitempty" doc:"of what was not collected: nobody owes it"`
	Remainder   string       `json:"remainder,omitempty" doc:"what rounding left to the customer, a fraction of the unit's smallest part" example:"1/3"`
	Claims      []claimView  `json:"claims"`
	Takings     []takingView `json:"takings,omitempty" doc:"what was taken back and not returned"`
}

type claimView struct {
	Kind   string     `json:"kind" enum:"refund,dispute"`
	Object string     `json:"object" doc:"the vendor's refund, credit note, payment or dispute"`
	Amount *moneyView `json:"amount" doc:"in all"`
	State  string     `json:"state" enum:"standing,lost,won"`
	At     *string    `json:"at" format:"date-time" doc:"when it was first told"`
}

type takingView struct {
	Claim      string           `json:"claim"`
	Unit       string           `json:"unit"`
	Grants     []allocationView `json:"grants,omitempty"`
	Owed       decimal          `json:"owed,omitempty" doc:"became a deficit"`
	WrittenOff decimal          `json:"written_off,omitempty"`
	At         *string          `json:"at" format:"date-time"`
}

// viewReturns shows what became of a purchase's money after it was paid.
func (g *gateway) viewReturns(p *sale.Purchase) *returnsView {
	if p.Returns == nil {
		return nil
	}
	key := ledger.AccountKey{Customer: p.Customer, Unit: p.Unit}
	v := &returnsView{Money: viewMoney(p.Reversed()), Requested: g.format(key, p.Taken())}
	for i := range p.Returns.Claims {
		c := &p.Returns.Claims[i]
		v.Claims = append(v.Claims, claimView{string(c.Kind), c.Object, viewMoney(c.Amount), string(c.State), timeView(c.At)})
	}
	var sum sale.Taking
	plain := true
	for i := range p.Returns.Takings {
		t := &p.Returns.Takings[i]
		at := ledger.AccountKey{Customer: p.Customer, Unit: t.Unit}
		if t.Requested == 0 {
			continue
		}
		plain = plain && t.Unit == p.Unit
		sum.Lots, sum.Owed, sum.Lost = append(sum.Lots, t.Lots...), sum.Owed+t.Owed, sum.Lost+t.Lost
		v.Takings = append(v.Takings, takingView{t.Claim, t.Unit, g.viewAllocations(at, t.Lots), g.part(at, t.Owed), g.part(at, t.Lost), timeView(t.At)})
	}
	if plain {
		v.Collected, v.Uncollected, v.WrittenOff = g.format(key, sum.Collected()), g.format(key, sum.Owed+sum.Lost), g.part(key, sum.Lost)
	}
	if _, rest, err := p.Forfeit(); err == nil && rest.Num > 0 {
		v.Remainder = fmt.Sprintf("%d/%d", rest.Num, rest.Den)
	}
	return v
}
