package ledger

import (
	"context"

	"scrip/core"
	"scrip/core/plan"
)

// Subscription reads a customer's subscription, settled now, or a not_found
// error when there has never been one.
func (l *Ledger) Subscription(ctx context.Context, account AccountKey) (plan.Subscribed, error) {
	a, err := l.Account(ctx, account)
	if err != nil {
		return plan.Subscribed{}, err
	}
	a.Settle(l.Now())
	return subscriptionOf(a)
}

func subscriptionOf(a *core.Account) (plan.Subscribed, error) {
	if s := stateOf(a); s != nil && s.Subscription != nil {
		return plan.Subscribed{Account: a, State: s}, nil
	}
	return plan.Subscribed{}, core.Errorf(core.CodeNotFound, "customer %q has no subscription", a.Customer)
}

// Subscribe makes a customer's subscription what is wished. What is there
// already is not done twice, so that it needs no key. It reports whether
// anything changed.
func (l *Ledger) Subscribe(ctx context.Context, account AccountKey, w plan.Wish) (plan.Subscribed, bool, error) {
	return l.subscription(ctx, account, nil, func(tx *Tx, a *core.Account) (bool, error) {
		state, err := l.remembering(a)
		if err != nil {
			return false, err
		}
		return state.Put(a, w, tx.Now)
	})
}

// Cancel ends a customer's subscription, with its period or at once. One that
// is cancelled or over already stays so.
func (l *Ledger) Cancel(ctx context.Context, account AccountKey, when plan.When) (plan.Subscribed, bool, error) {
	return l.subscription(ctx, account, nil, func(tx *Tx, a *core.Account) (bool, error) {
		s, err := subscriptionOf(a)
		if err != nil {
			return false, err
		}
		return s.State.Cancel(a, when, tx.Now)
	})
}

func renewalKey(object string) string { return "renewal/" + object }

// Renew takes the payment of a period, however often it is told, and grants
// what waited for it. Whether our clock or the payment comes first, a period is
// granted once. A payment of another price is no proof.
func (l *Ledger) Renew(ctx context.Context, account AccountKey, r plan.Renewal) (plan.Subscribed, bool, error) {
	return l.subscription(ctx, account, []string{renewalKey(r.Object)}, func(tx *Tx, a *core.Account) (bool, error) {
		return tx.Renew(a, r)
	})
}

// Renew is [Ledger.Renew] within a commit. The account is settled, and the
// natural key named.
func (tx *Tx) Renew(a *core.Account, r plan.Renewal) (bool, error) {
	s, err := subscriptionOf(a)
	if err != nil {
		return false, err
	}
	if tx.Natural(renewalKey(r.Object)) != "" {
		return false, nil
	}
	sub := s.State.Subscription
	if s.State.Redeem(a, r.Start, r.Paid, tx.Now) {
		tx.UseNatural(renewalKey(r.Object), core.NewID(plan.SourceID, a.Customer, "renewal", r.Object, 0))
		return true, nil
	}
	if price := s.State.Cost(r.Start, tx.Now); r.Paid != price {
		return false, core.InField(core.Errorf(core.CodeInvalid, "payment %q is %s, the period of plan %q from %s costs %s", r.Object, r.Paid, sub.Terms.Plan, r.Start, price), "paid")
	}
	fresh, err := s.State.Pay(a, r.Start, tx.Now)
	if err != nil {
		return false, err
	}
	tx.UseNatural(renewalKey(r.Object), core.NewID(plan.SourceID, a.Customer, "renewal", r.Object, 0))
	return fresh, nil
}

// subscription runs one change of a subscription on a settled account.
func (l *Ledger) subscription(ctx context.Context, account AccountKey, naturals []string, change func(*Tx, *core.Account) (bool, error)) (plan.Subscribed, bool, error) {
	var changed bool
	var text string
	err := l.Do(ctx, &Op{
		Names: func(b *Batch) {
			b.Accounts = append(b.Accounts, account)
			b.Records = append(b.Records, customerKey(account.Customer), RetiredKey(account.Unit))
			b.Naturals = append(b.Naturals, naturals...)
		},
		Decide: func(tx *Tx) error {
			a, err := tx.OpenAccount(account)
			if err != nil {
				return err
			}
			a.Settle(tx.Now)
			if changed, err = change(tx, a); err != nil {
				return err
			}
			err = tx.bill(a) // so that the answer names the purchase
			if s := stateOf(a); s != nil {
				text = s.Text()
			}
			return err
		},
	})
	if err != nil {
		return plan.Subscribed{}, false, err
	}
	s, err := l.plans.Read(text) // as it was decided: the account itself has gone on
	if err != nil {
		return plan.Subscribed{}, false, err
	}
	a := &core.Account{Customer: account.Customer, Unit: core.Unit{Code: account.Unit}}
	l.prepare(a)
	return plan.Subscribed{Account: a, State: s}, changed, nil
}
