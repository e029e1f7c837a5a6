package gateway

import (
	"scrip/core"
	"scrip/core/ledger"
)

// debitPartView is what a debit took, or a reversal gave back, in one of
// several units.
type debitPartView struct {
	Amount      decimal          `json:"amount"`
	Unit        string           `json:"unit"`
	Allocations []allocationView `json:"allocations"`
	Overage     *overageView     `json:"overage,omitempty"`
	Deficit     decimal          `json:"deficit,omitempty"`
	Balance     decimal          `json:"balance" doc:"available right after"`
}

func (g *gateway) viewPart(key ledger.AccountKey, amount core.Amount, d core.Drawn, charged string, available core.Amount) debitPartView {
	return debitPartView{
		Amount: g.format(key, amount), Unit: key.Unit, Allocations: g.viewAllocations(key, d.Allocations),
		Overage: g.overage(key, d.Overage, charged), Deficit: g.part(key, d.Deficit), Balance: g.format(key, available),
	}
}

// viewParts lists the units of a debit that took several.
func (g *gateway) viewParts(r *ledger.DebitReceipt) []debitPartView {
	if len(r.Also) == 0 {
		return nil
	}
	parts := []debitPartView{g.viewPart(r.Account, r.Amount, r.Drawn(), r.Charged, r.Balance.Available)}
	for i := range r.Also {
		p := &r.Also[i]
		parts = append(parts, g.viewPart(p.Account, p.Amount, p.Drawn(), p.Charged, p.Balance.Available))
	}
	return parts
}

// viewReversedParts lists the units of a reversal that gave back several.
func (g *gateway) viewReversedParts(r *ledger.ReversalReceipt) []debitPartView {
	if len(r.Also) == 0 {
		return nil
	}
	view := func(r *ledger.ReversalReceipt) debitPartView {
		return g.viewPart(r.Account, r.Amount, core.Drawn{Allocations: r.Allocations, Overage: r.Overage, Deficit: r.Deficit}, "", r.Balance.Available)
	}
	parts := []debitPartView{view(r)}
	for i := range r.Also {
		parts = append(parts, view(&r.Also[i]))
	}
	return parts
}
