package ledger

import (
	"scrip/core"
)

// drawer is a policy that decides what becomes of what grants cannot pay.
type drawer interface {
	core.Policy
	// Draw is [core.Account.Draw] by the policy's rule, and remembers what it
	// took. charged is the money that overage will be billed with, exact.
	Draw(a *core.Account, d core.Draw, now core.Time) (done core.Drawn, charged string, err error)
}

// unwinder is a policy that hears of what a reversal gave back.
type unwinder interface {
	Unwound(a *core.Account, action string, given core.Drawn, now core.Time)
}

// draw debits an account by its policy, or by the deficit that everyone has.
func (tx *Tx) draw(a *core.Account, d core.Draw) (core.Drawn, string, error) {
	a.Settle(tx.Now)
	if p, is := a.Policy.(drawer); is {
		return p.Draw(a, d, tx.Now)
	}
	limit := tx.ledger.options.Deficit
	if d.Rule == "" && limit > 0 {
		d.Rule = core.Deficit
	}
	if d.Rule == core.Overage { // nobody has agreed to a price
		d.Rule = core.Reject
	}
	d.Room = max(0, limit-a.Overdrawn)
	done, err := a.Draw(d, tx.Now, nil)
	return done, "", err
}

// beyond is the part of a debit or capture that no grant paid.
type beyond struct {
	Overage core.Amount `json:",omitempty"` // billed in money
	Charged string      `json:",omitempty"` // the money, an exact decimal with its currency
	Deficit core.Amount `json:",omitempty"` // owed
	Forgone core.Amount `json:",omitempty"` // left out
}

// Drawn is how the debit was paid.
func (r *DebitReceipt) Drawn() core.Drawn {
	return core.Drawn{Allocations: r.Allocations, Overage: r.Overage, Deficit: r.Deficit, Forgone: r.Forgone, Late: r.Late}
}
