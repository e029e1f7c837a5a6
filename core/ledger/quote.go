package ledger

import (
	"context"
	"slices"

	"scrip/core"
	"scrip/core/rate"
)

// Quote prices a charge with an ask and tries it on copies of the accounts. The
// customer must exist. A refusal to price it is returned as the error.
func (l *Ledger) Quote(ctx context.Context, c Charge) (*rate.Quote, error) {
	if _, err := l.Customer(ctx, c.Account.Customer); err != nil {
		return nil, err
	}
	var b Batch
	c.names(&b)
	tx := newTx(l, &State{Accounts: map[AccountKey]*core.Account{}}, l.Now())
	for _, key := range b.Accounts {
		a, err := l.Account(ctx, key)
		if err != nil {
			return nil, err
		}
		tx.state.Accounts[key] = a
	}
	p, err := tx.price(&c)
	if err != nil {
		return nil, err
	}
	q := &rate.Quote{Card: p.card, Parts: make([]rate.QuotePart, len(p.parts))}
	has := map[string]core.Amount{}
	for i, part := range p.parts {
		key := AccountKey{c.Account.Customer, part.Unit}
		a := tx.Account(key)
		if err := tx.usable(key, a); err != nil {
			return nil, err
		}
		a.Settle(tx.Now)
		one := &q.Parts[i]
		one.Account, one.Amount, one.Available = a, part.Amount, spendable(a, &c, p, tx.Now)
		has[part.Unit] = one.Available
	}
	if q.Times, err = p.action.Times(p.event, c.Ask.Units, func(unit string) core.Amount { return has[unit] }); err != nil {
		return nil, err
	}
	for i := range q.Parts {
		one := &q.Parts[i]
		// The quote's own id never is another's: nothing of this is kept.
		d := core.Draw{ID: "quote", Amount: one.Amount, Action: c.Action, Not: p.action.NotFrom, Rule: p.rule()}
		var err error
		if one.Drawn, one.Charged, err = tx.draw(one.Account, d); err != nil && q.Short == nil {
			q.Short = err
		}
	}
	if code := core.CodeOf(q.Short); q.Short != nil && code != core.CodeInsufficientCredits && code != core.CodeLimitReached {
		return nil, q.Short
	}
	return q, nil
}

// spendable is what the grants of an account could pay of an action.
func spendable(a *core.Account, c *Charge, p *priced, now core.Time) core.Amount {
	var sum core.Amount
	for i := range a.Grants {
		if g := &a.Grants[i]; g.Spendable(now) && g.Pays(c.Action) && !slices.Contains(p.action.NotFrom, g.Category) {
			sum += g.Free()
		}
	}
	return sum
}
