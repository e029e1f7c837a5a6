package ledger

import (
	"context"
	"slices"

	"scrip/core"
	"scrip/core/plan"
)

// SubscriptionOf reads the subscription of a customer in whatever unit it is,
// settled now, or a not_found error when there has never been one.
func (l *Ledger) SubscriptionOf(ctx context.Context, customer string) (plan.Subscribed, error) {
	var over *plan.Subscribed
	for _, u := range l.options.Units {
		if l.became[u.Code] != "" {
			continue
		}
		s, err := l.Subscription(ctx, AccountKey{customer, u.Code})
		switch {
		case core.CodeOf(err) == core.CodeNotFound:
		case err != nil:
			return plan.Subscribed{}, err
		case s.State.Subscription.Ended == 0:
			return s, nil
		case over == nil:
			over = &s
		}
	}
	if over != nil {
		return *over, nil
	}
	return plan.Subscribed{}, core.Errorf(core.CodeNotFound, "customer %q has no subscription", customer)
}

// NamesRenewal names what [Tx.RenewOf] must see.
func (l *Ledger) NamesRenewal(b *Batch, account AccountKey, r plan.Renewal) {
	account = l.Current(account)
	b.Accounts = append(b.Accounts, account)
	b.Records = append(b.Records, customerKey(account.Customer), RetiredKey(account.Unit))
	b.Naturals = append(b.Naturals, renewalKey(r.Object))
}

// RenewOf is [Tx.Renew] of a named account.
func (tx *Tx) RenewOf(account AccountKey, r plan.Renewal) (bool, error) {
	account = tx.ledger.Current(account)
	a := tx.Account(account)
	if err := tx.usable(account, a); err != nil {
		return false, err
	}
	if a == nil || tx.Erased(account.Customer) {
		return false, core.Errorf(core.CodeNotFound, "customer %q has no subscription", account.Customer)
	}
	a.Settle(tx.Now)
	return tx.Renew(a, r)
}

// LinkOne makes a link the only one in its role of what it names at its
// connection; with Vendor "" there is none then. An object that is linked to
// something else in that role is refused.
func (l *Ledger) LinkOne(ctx context.Context, link Link) error {
	if link.Vendor != "" {
		list, err := l.Reader().Links.ByVendor(ctx, link.Connection, link.Vendor)
		if err != nil {
			return err
		}
		for _, have := range list {
			if have.Role == link.Role && have.Neutral != link.Neutral {
				return core.Errorf(core.CodeInvalid, "%q at connection %q is linked to %q already", link.Vendor, link.Connection, have.Neutral)
			}
		}
	}
	key := LinkKey{link.Connection, link.Neutral}
	return l.Do(ctx, &Op{
		Names: func(b *Batch) { b.Links = append(b.Links, key) },
		Decide: func(tx *Tx) error {
			for _, have := range slices.Clone(tx.Links(key)) {
				if have.Role == link.Role && have != link {
					tx.Unlink(have)
				}
			}
			if link.Vendor != "" {
				tx.Link(link)
			}
			return nil
		},
	})
}
