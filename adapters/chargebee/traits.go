package chargebee

import (
	"time"

	"scrip/adapters"
	"scrip/core"
)

// Where the facts come from.
const (
	specLedger   = "Chargebee's OpenAPI document (Product Catalog 2), ledger operations and grant blocks"
	specCustomer = "Chargebee's OpenAPI document (Product Catalog 2), customers"
	specInvoice  = "Chargebee's OpenAPI document (Product Catalog 2), invoices"
	docsKeys     = "apidocs.chargebee.com/docs/api/idempotency"
	docsCredits  = "chargebee.com/docs, prepaid credits"
	docsHooks    = "apidocs.chargebee.com/docs/api/webhooks"
	ourCore      = "decided by the core"
)

// Traits are Chargebee's facts that no method shows.
func (a *Adapter) Traits() adapters.Traits {
	return adapters.Traits{
		Provider:     Provider,
		Strategies:   []adapters.Strategy{adapters.Mirror, adapters.Totals},
		WhyNot:       "meter: whether usage events draw on the vendor's credit ledger by themselves is not documented",
		QuantumOf:    "the unit's own smallest part, at most 10 decimals",
		KeyLifetime:  30 * time.Minute,
		Backdating:   10 * time.Minute,
		ReadLag:      time.Minute, // not documented
		PerSecond:    2,           // 150 a minute on test sites and on the smallest plan
		StartsNow:    true,
		CarrierLeads: true,
		Pooled:       true,
		Decimals:     10,
		BurnOrder: []adapters.OrderKey{
			{Key: core.ByExpiry, Confirmed: false}, {Key: core.ByEffective, Confirmed: false}, {Key: core.ByRecorded, Confirmed: false},
		},
		Echoes: []adapters.Echo{
			{Write: adapters.CustomerKind, Event: "customer_created", How: "our mark in meta_data; a change is told by customer_changed, which says nothing of its cause"},
			{Write: adapters.GrantKind, Event: "grant_blocks_created", How: "our mark in the block's metadata"},
			{Write: adapters.EndKind, Event: "ledger_updated", How: "our mark is the operation's id"},
			{Write: adapters.ConsumeKind, Event: "ledger_updated", How: "our mark is the operation's id"},
			{Write: adapters.SellKind, Event: "invoice_generated", How: "our mark in po_number"},
		},
		Facts:       facts(),
		Unconfirmed: unconfirmed(),
		Comparable: []string{
			"grants: amount, that expires_at is not earlier",
			"remaining: unit and subscription; blocks are shown, not judged",
			"consumption: captures by our id",
		},
	}
}

// facts are the vendor's column of the capability matrix.
func facts() []adapters.Fact {
	return []adapters.Fact{
		{Name: "object", Fit: adapters.Exact, How: "allocation, which makes a grant block of a credit unit under a subscription of the customer's own; a site has at most five credit units", Source: docsCredits},
		{Name: "never expires", Fit: adapters.Loss, How: "every block expires: the year 2200", Source: specLedger},
		{Name: "expiry", Fit: adapters.Loss, How: "expires_at ten years later: a block may hold what counts to other grants, since the vendor's burn order is not documented; the core withdraws the rest at its own instant", Source: ourCore},
		{Name: "future start", Fit: adapters.Kept, How: "a block starts when it is made, so it is made when its grant starts", Source: specLedger},
		{Name: "priority", Fit: adapters.Kept, How: "the vendor's own burn order; ours in metadata", Source: specLedger},
		{Name: "paid / promotional", Fit: adapters.Kept, How: "category in metadata", Source: specLedger},
		{Name: "cost basis", Fit: adapters.Kept, How: "in metadata", Source: specLedger},
		{Name: "scope", Fit: adapters.Kept, How: "actions stay in the core", Source: specLedger},
		{Name: "limits", Fit: adapters.Exact, How: "no number of blocks is documented", Source: specLedger},
		{Name: "void unspent", Fit: adapters.Loss, How: "no block can be voided: as much is captured under a mark, from whatever block the vendor takes", Source: specLedger},
		{Name: "idempotency", Fit: adapters.Loss, How: "captures by an id of ours, for ever; allocations have none, so blocks are read before one is made; a key for 30 minutes elsewhere", Source: docsKeys},
		{Name: "negative balance, hold", Fit: adapters.Kept, How: "units are made without overdraft, and holds are never carried", Source: ourCore},
		{Name: "customer", Fit: adapters.Loss, How: "our id is theirs, a longer one than 50 characters its hash; metadata are written once; an address that the vendor refuses is left out", Source: specCustomer},
		{Name: "consumption", Fit: adapters.Loss, How: "capture in the vendor's own burn order, dated with the time of sending; the window's bounds in metadata; nothing can be given back", Source: specLedger},
		{Name: "payment", Fit: adapters.Exact, How: "invoice of one charge and a page to pay on, good for about an hour; what tells of money is read back; disputes are not told", Source: specInvoice},
		{Name: "webhooks", Fit: adapters.Loss, How: "user and password only: the content of a delivery proves nothing", Source: docsHooks},
	}
}

// unconfirmed are behaviours that no document settles; the code is safe in
// either case.
func unconfirmed() []string {
	return []string{
		"the order in which blocks are drawn on",
		"what a taken operation id is answered with: it is looked up",
		"what a balance that does not suffice is answered with: any refusal of an operation that is not there is definite",
		"how long blocks serve captures of before their expiry",
		"whether a block must have been in force at an operation's time, or when it arrives",
		"whether an operation may be dated a few seconds ahead",
		"whether allocations honour an idempotency key: none is sent, blocks are read",
		"what a key in use is answered with",
		"whether refusals are kept under their idempotency key",
		"how long idempotency keys are kept: 30 minutes by one page, 24 hours by another",
		"whether the ids of deleted customers can be given again",
		"whether ledger events name their content in the singular or the plural",
		"in which order lists come",
		"whether payment or invoice is told first",
		"how long events are listed",
		"how long a read may lag behind a write",
	}
}
