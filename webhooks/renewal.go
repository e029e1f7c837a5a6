package webhooks

import (
	"context"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
)

// maxCustomer bounds a customer's id.
const maxCustomer = 128

// renewal takes the vendor's word that a period of a customer's plan was paid.
// Whether it or our clock is first, and however often it is told, the period is
// granted once; effect, natural key and mark are one commit.
func (w *Worker) renewal(ctx context.Context, e *ledger.Event, ev adapters.Event) (ruling, error) {
	told := ev.Renewal
	if told == nil {
		return ignored("a subscription of the vendor's was paid: which one is not told"), nil
	}
	s, why, err := w.subscriber(ctx, e, ev)
	if s == nil {
		return ignored("a subscription of the vendor's was paid: %s", why), err
	}
	switch {
	case ev.Hint:
		return parked("it is not signed, and the vendor cannot be asked whether a period of customer %q was paid", s.Account.Customer), nil
	case !told.Settled:
		return parked("not all of invoice %q for a period of customer %q was paid with money", printable(ev.Object, 100), s.Account.Customer), nil
	}
	account := ledger.AccountKey{Customer: s.Account.Customer, Unit: s.Account.Unit.Code}
	r := plan.Renewal{Start: told.Start, Object: e.Connection + "/" + ev.Object, Paid: told.Paid}
	return ruling{
		names: func(b *ledger.Batch) { w.o.Ledger.NamesRenewal(b, account, r) },
		effect: func(tx *ledger.Tx) (ending, error) {
			fresh, err := tx.RenewOf(account, r)
			switch {
			case err != nil && (core.CodeOf(err) == core.CodeInternal || core.CodeOf(err) == core.CodeUnavailable):
				return ending{}, err
			case err != nil:
				return ending{ledger.Parked, "no period was paid by it: " + err.Error()}, nil
			case fresh:
				return ending{ledger.Applied, ""}, nil
			}
			return ending{ledger.Ignored, "already applied"}, nil
		},
	}, nil
}

// subscriber is the subscription here that a vendor's stands for: the one that
// it is linked to, else that of the customer whom it names itself. Without one
// why says so. What names a customer of ours, or can only be for a plan that is
// collected this way, waits for the subscription or the link: it is an error.
func (w *Worker) subscriber(ctx context.Context, e *ledger.Event, ev adapters.Event) (s *plan.Subscribed, why string, err error) {
	object := ev.Renewal.Subscription
	if carrier, err := w.ours(ctx, e.Connection, adapters.RoleCarrier, object); err != nil || carrier != "" {
		return nil, "it bills consumption", err
	}
	customer, err := w.ours(ctx, e.Connection, plan.VendorRole, object)
	if customer == "" && printable(ev.Neutral, maxCustomer) == ev.Neutral {
		customer = ev.Neutral
	}
	named := customer != ""
	if !named && err == nil {
		customer, err = w.ours(ctx, e.Connection, adapters.RoleCustomer, ev.Customer)
	}
	if err != nil || customer == "" {
		return nil, "it is of no customer of ours", err
	}
	found, err := w.o.Ledger.SubscriptionOf(ctx, customer)
	switch {
	case core.CodeOf(err) == core.CodeNotFound && named:
		return nil, "", core.Errorf(core.CodeNotFound, "customer %q has no subscription here yet", customer)
	case core.CodeOf(err) == core.CodeNotFound:
		return nil, "the customer has no subscription here", nil
	case err != nil:
		return nil, "", err
	case named:
		return &found, "", nil
	case found.State.Subscription.Terms.Collect != plan.ByVendor || found.State.Subscription.Ended != 0:
		return nil, "it is linked to no subscription here", nil
	}
	links, err := w.o.Ledger.Reader().Links.Links(ctx, ledger.LinkKey{Connection: e.Connection, Neutral: customer})
	if err != nil {
		return nil, "", err
	}
	for _, l := range links {
		if l.Role == plan.VendorRole {
			return nil, "the customer's plan is collected by another", nil
		}
	}
	return nil, "", core.Errorf(core.CodeNotFound, "a vendor's subscription collects the plan of customer %q, and none is linked yet", customer)
}
