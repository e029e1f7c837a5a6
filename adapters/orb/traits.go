package orb

import (
	"time"

	"scrip/adapters"
	"scrip/core"
)

// Where the facts come from.
const (
	specLedger  = "Orb's OpenAPI document, POST /customers/{customer_id}/credits/ledger_entry"
	specCredits = "Orb's OpenAPI document, GET /customers/{customer_id}/credits"
	docsPrepaid = "docs.withorb.com, prepurchase of credits"
	docsKeys    = "docs.withorb.com/reference/idempotency"
	ourCore     = "decided by the core"
)

// Traits are Orb's facts that no method shows.
func (a *Adapter) Traits() adapters.Traits {
	return adapters.Traits{
		Provider:    Provider,
		Strategies:  []adapters.Strategy{adapters.Mirror, adapters.Totals},
		WhyNot:      "meter: this adapter sends no usage events, each of which Orb would price by a metric and plan of its own",
		QuantumOf:   "the unit's own smallest part, at most 6 decimals",
		KeyLifetime: 48 * time.Hour,
		ReadLag:     time.Minute, // not documented
		PerSecond:   10,          // no figure is published; this one is said of test mode
		SignsBody:   true,
		BurnOrder: []adapters.OrderKey{
			{Key: core.ByExpiry, Confirmed: true}, {Key: core.ByCostBasis, Confirmed: true},
			{Key: core.ByEffective, Confirmed: false}, {Key: core.ByRecorded, Confirmed: false},
		},
		Echoes: []adapters.Echo{
			{Write: adapters.CustomerKind, Event: "customer.created", How: "our mark in metadata; a change is told by customer.edited, which says nothing of its cause"},
			{Write: adapters.GrantKind, Event: "customer.credit_ledger_incremented", How: "our mark in the block's metadata"},
			{Write: adapters.EndKind, How: "a void has no event; the ledger is read"},
			{Write: adapters.ConsumeKind, How: "a decrement has no event; the ledger is read"},
		},
		Facts:       facts(),
		Unconfirmed: unconfirmed(),
		Comparable: []string{
			"grants: amount, effective day, expiry day, cost basis",
			"remaining: block where both burn orders agree for the customer, else customer and unit",
			"consumption: decrement entries by our mark in metadata, less amendments",
		},
	}
}

// facts are the vendor's column of the capability matrix.
func facts() []adapters.Fact {
	return []adapters.Fact{
		{Name: "object", Fit: adapters.Exact, How: "increment, which makes a credit block of a real currency or of a pricing unit; pricing units are made in the vendor's app only", Source: specLedger},
		{Name: "never expires", Fit: adapters.Exact, How: "no expiry_date", Source: specLedger},
		{Name: "expiry", Fit: adapters.Loss, How: "midnight (UTC), 24 to 48 hours later: the vendor expires near a boundary of days in the customer's zone", Source: specLedger},
		{Name: "future start", Fit: adapters.Loss, How: "effective_date, the start (UTC) of the day before, so that the block serves its first day; yesterday where the vendor refuses one long ago", Source: docsPrepaid},
		{Name: "priority", Fit: adapters.Kept, How: "the vendor burns by expiry and cost basis; ours in metadata", Source: specLedger},
		{Name: "paid / promotional", Fit: adapters.Loss, How: "cost basis 0 where nothing was paid; category in metadata", Source: specLedger},
		{Name: "cost basis", Fit: adapters.Loss, How: "per_unit_cost_basis and an invoice marked as paid; only in metadata where one credit's price needs more than 9 decimals or the customer is invoiced in another currency", Source: specLedger},
		{Name: "scope", Fit: adapters.Kept, How: "the vendor could filter by items; actions stay in the core", Source: specLedger},
		{Name: "limits", Fit: adapters.Exact, How: "no number of blocks is documented", Source: specCredits},
		{Name: "void unspent", Fit: adapters.Loss, How: "void; what the vendor burned of the block before others is taken by a decrement", Source: specLedger},
		{Name: "idempotency", Fit: adapters.Exact, How: "key for 48 h, and look-up by metadata", Source: docsKeys},
		{Name: "negative balance, hold", Fit: adapters.Kept, How: "a decrement may go below zero by itself; nothing can be reserved", Source: ourCore},
		{Name: "customer", Fit: adapters.Loss, How: "external_customer_id; an e-mail address is required, a customer without one gets an address under .invalid; what is emptied here stays there", Source: "Orb's OpenAPI document, POST /customers"},
		{Name: "currency", Fit: adapters.Loss, How: "sent with a new customer; one without gets that of its first grant in a real currency, or paid grant, which cannot be changed; a unit that is a real currency must be the customer's own, else its grants and consumption are refused", Source: "Orb's OpenAPI document, PUT /customers/{customer_id}"},
		{Name: "consumption", Fit: adapters.Loss, How: "decrement in the vendor's own burn order and time; the window's bounds in metadata", Source: specLedger},
		{Name: "payment", Fit: adapters.Refused, How: "another connection collects the money", Source: ourCore},
	}
}

// unconfirmed are behaviours that no document settles; the code is safe in
// either case.
func unconfirmed() []string {
	return []string{
		"which conflict a 409 means: the text of its detail decides, else the call is repeated",
		"how many decimals an amount may have",
		"whether blocks' numbers in webhooks are strings or bare",
		"the sign of amounts in the ledger",
		"how an expiry within a day is rounded",
		"how far back effective_date may go",
		"the burn order of blocks with equal expiry and cost basis",
		"whether a void answers with its announcement or with itself",
		"whether a decrement below zero is refused",
		"whether a decrement that spans blocks repeats the metadata on each entry",
		"whether credits of an unknown pricing unit are refused or empty",
		"whether credits of a currency that the customer is not invoiced in are refused or empty when listed",
		"how many decimals credits of a real currency may have",
		"which currencies the vendor invoices in",
		"whether an invoice without a currency of the customer is refused",
		"whether entries vanish when somebody deletes a block",
		"whether blocks are listed before they take effect",
		"whether refusals are kept under their idempotency key",
		"whether a change of metadata merges or replaces",
		"the vendor's rate limits",
		"how long a read may lag behind a write",
	}
}
