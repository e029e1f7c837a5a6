package ledger

import (
	"strings"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/rate"
)

// drawer is a policy that decides what becomes of what grants cannot pay.
type drawer interface {
	core.Policy
	// Draw is [core.Account.Draw] by the policy's rule, and remembers what it
	// took. charged is the money that overage will be billed with, exact.
	Draw(a *core.Account, d core.Draw, now core.Time) (done core.Drawn, charged string, err error)
	// Capture is [core.Account.Capture] so, for what its hold does not reserve.
	Capture(a *core.Account, c core.Capture, now core.Time) (done core.Drawn, charged string, err error)
}

// unwinder is a policy that hears of what a reversal gave back.
type unwinder interface {
	Unwound(a *core.Account, back plan.Back, now core.Time)
}

// draw debits an account by its policy, or by the deficit that everyone has.
func (tx *Tx) draw(a *core.Account, d core.Draw) (core.Drawn, string, error) {
	a.Settle(tx.Now)
	if p, is := a.Policy.(drawer); is {
		return p.Draw(a, d, tx.Now)
	}
	d.Rule, d.Room = tx.room(a, d.Rule)
	done, err := a.Draw(d, tx.Now, nil)
	return done, "", err
}

// room is the rule and its limit where no policy decides.
func (tx *Tx) room(a *core.Account, rule core.Shortfall) (core.Shortfall, core.Amount) {
	limit := tx.ledger.options.Deficit
	if rule == "" && limit > 0 {
		rule = core.Deficit
	}
	if rule == core.Overage { // nobody has agreed to a price
		rule = core.Reject
	}
	return rule, max(0, limit-a.Overdrawn)
}

// capture takes from a hold. What that does not reserve is drawn by the rule
// that the price of the hold was fixed with, else as any debit.
func (tx *Tx) capture(a *core.Account, c core.Capture) (core.Drawn, string, error) {
	a.Settle(tx.Now)
	if h := a.Hold(c.Hold); h != nil && strings.Contains(h.Price, `"at_zero"`) {
		fixed, err := rate.ParseFixed(h.Price)
		if err != nil {
			return core.Drawn{}, "", err
		}
		c.Rule = fixed.Action.AtZero
	}
	if p, is := a.Policy.(drawer); is {
		return p.Capture(a, c, tx.Now)
	}
	c.Rule, c.Room = tx.room(a, c.Rule)
	done, err := a.Capture(c, tx.Now)
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
