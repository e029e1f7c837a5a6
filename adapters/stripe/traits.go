package stripe

import (
	"time"

	"scrip/adapters"
	"scrip/core"
)

// Where the facts come from.
const (
	docsCredits     = "docs.stripe.com/billing/subscriptions/usage-based/billing-credits"
	apiGrant        = "docs.stripe.com/api/billing/credit-grant (2025-02-24.acacia)"
	apiSubscription = "docs.stripe.com/api/subscriptions/create (billing_cycle_anchor_config)"
	docsKeys        = "docs.stripe.com/api/idempotent_requests"
	ourCore         = "decided by the core"
	noSuchObject    = "no such object in docs.stripe.com/api"
)

// Traits are Stripe's facts that no method shows.
func (a *Adapter) Traits() adapters.Traits {
	return adapters.Traits{
		Provider:    Provider,
		Strategies:  []adapters.Strategy{adapters.Meter, adapters.Totals},
		WhyNot:      "mirror: no call of the vendor debits a grant, it draws grants down itself when an invoice is final",
		QuantumOf:   "one minor unit of the currency (one cent, one yen)",
		KeyLifetime: 24 * time.Hour,
		PerSecond:   25,
		Backdating:  35 * 24 * time.Hour,
		ReadLag:     time.Minute,
		MaxGrants:   maxGrants,
		BillsMonths: true,
		SignsBody:   true,
		// Expiry is documented but for grants that have none.
		BurnOrder: []adapters.OrderKey{
			{Key: core.ByPriority, Confirmed: true}, {Key: core.ByExpiry, Confirmed: false}, {Key: core.ByFree, Confirmed: true},
			{Key: core.ByEffective, Confirmed: true}, {Key: core.ByRecorded, Confirmed: true},
		},
		Echoes: []adapters.Echo{
			{Write: adapters.CustomerKind, Event: "customer.created", How: "our mark in metadata; customer.updated by the request's idempotency key"},
			{Write: adapters.GrantKind, Event: "billing.credit_grant.created", How: "our mark in metadata"},
			{Write: adapters.EndKind, Event: "billing.credit_grant.updated", How: "the request's idempotency key"},
			{Write: adapters.ConsumeKind, How: "a meter event has no event of its own; one that was not counted is reported by its identifier"},
			{Write: adapters.SellKind, Event: "invoice.created", How: "our mark in metadata; invoice.finalized by the request's idempotency key"},
		},
		Facts:       facts(),
		Unconfirmed: unconfirmed(),
		Comparable: []string{
			"grants: amount, expiry as mapped, priority, category, scope, state",
			"remaining: per grant, after a period's invoice is final and trued up; between them nothing, the vendor draws down only then",
			"consumption: meter summary per customer and period",
		},
	}
}

// facts are the vendor's column of the capability matrix.
func facts() []adapters.Fact {
	return []adapters.Fact{
		{Name: "object", Fit: adapters.Loss, How: "billing credit grant, money in whole minor units; the vendor draws it down when an invoice is final, not as credits are spent; trued up after each final invoice, once a period", Source: docsCredits},
		{Name: "never expires", Fit: adapters.Exact, How: "no expires_at", Source: apiGrant},
		{Name: "expiry", Fit: adapters.Loss, How: "end of the carrier period (calendar month, UTC) that holds the core's expiry, plus 1 day", Source: docsCredits + ", eligibility"},
		{Name: "future start", Fit: adapters.Exact, How: "effective_at, to the second", Source: apiGrant},
		{Name: "priority", Fit: adapters.Exact, How: "int 0..100", Source: apiGrant},
		{Name: "paid / promotional", Fit: adapters.Loss, How: "category paid for paid, allotment and rollover, promotional for the rest; ours in metadata", Source: apiGrant},
		{Name: "cost basis", Fit: adapters.Exact, How: "metadata", Source: "docs.stripe.com/api/metadata"},
		{Name: "scope", Fit: adapters.Loss, How: "the one price that consumption is billed at, never overage; actions stay in the core", Source: apiGrant},
		{Name: "limits", Fit: adapters.Loss, How: "100 unused grants per customer: the next is kept in the core and what is consumed of it is not told, until it is offered again when one has ended", Source: docsCredits + ", limits"},
		{Name: "void unspent", Fit: adapters.Loss, How: "void only if never applied, else expire", Source: apiGrant},
		{Name: "idempotency", Fit: adapters.Exact, How: "key for 24 h, and look-up by metadata", Source: docsKeys},
		{Name: "negative balance, hold", Fit: adapters.Kept, How: noSuchObject, Source: ourCore},
		{Name: "currencies", Fit: adapters.Loss, How: "refused where the vendor's minor unit is not ISO 4217's: isk, ugx, mga and a few more", Source: "docs.stripe.com/currencies, special cases"},
		{Name: "customer metadata", Fit: adapters.Loss, How: "48 pairs, keys of 40 and values of 500 characters; the rest is kept in the core", Source: "docs.stripe.com/api/metadata"},
		{Name: "carrier", Fit: adapters.Loss, How: "one subscription per customer with two metered prices of one minor unit, periods are calendar months (UTC); what was consumed before it began is never billed", Source: apiSubscription},
		{Name: "consumption", Fit: adapters.Loss, How: "meter events of whole minor units, at most 35 days old, counted later; cancelled within 24 h", Source: "docs.stripe.com/api/billing/meter-event"},
	}
}

// unconfirmed are behaviours that no document settles; the code is safe in
// either case.
func unconfirmed() []string {
	return []string{
		"status of a key used with other parameters: 400 or 409",
		"whether a replayed answer is marked",
		"whether a 404 is kept under its idempotency key",
		"how long search, credit grants and meter summaries lag behind writes",
		"whether the customer list's email filter ignores case",
		"whether effective_at in the past is refused",
		"whether an expired grant can be given a later expiry",
		"text and code of the error for the 101st unused grant",
		"where grants that never expire stand in the burn order",
		"whether a natural expiry is told of at once",
		"prefix of the ids of credit balance transactions",
		"whether credit calls need an API version from 2024-09-30 on",
		"whether an endpoint pinned to 2023-10-16 gets billing.credit_* events",
		"whether a repeated meter event identifier is answered with 200 or refused",
		"whether a meter event outside the time window is refused at once or reported later",
		"wildcards in the event list's type filter",
		"when drafts that advance by themselves are finalized",
		"currencies of credit grants, and whether one may be scoped to a price in another",
	}
}
