package metronome

import (
	"time"

	"scrip/adapters"
	"scrip/core"
)

// Where the facts come from.
const (
	specCreate  = "Metronome's OpenAPI document, POST /v1/contracts/customerCredits/create and customerCommits/create"
	specArchive = "Metronome's OpenAPI document, POST /v2/contracts/credits/archive and commits/archive"
	specEntry   = "Metronome's OpenAPI document, POST /v1/contracts/addManualBalanceLedgerEntry"
	specPeople  = "Metronome's OpenAPI document, POST /v1/customers"
	docsOrder   = "docs.metronome.com, order in which credits and commits are drawn"
	docsUnits   = "docs.metronome.com, pricing units"
	docsKeys    = "docs.metronome.com, idempotency"
	ourCore     = "decided by the core"
)

// Traits are Metronome's facts that no method shows.
func (a *Adapter) Traits() adapters.Traits {
	return adapters.Traits{
		Provider:    Provider,
		Strategies:  []adapters.Strategy{adapters.Mirror, adapters.Totals},
		WhyNot:      "meter: usage draws grants down only under a contract with a rate card, a metric and a product of its own, which this adapter does not make",
		QuantumOf:   "the unit's own smallest part, at most 6 decimals",
		KeyLifetime: 24 * time.Hour,
		ReadLag:     time.Minute, // not documented
		PerSecond:   10,          // no figure is published
		Draws:       true,
		SignsBody:   true,
		BurnOrder: []adapters.OrderKey{
			{Key: core.ByPriority, Confirmed: true}, {Key: core.ByCostBasis, Confirmed: true},
			{Key: core.ByExpiry, Confirmed: true}, {Key: core.ByEffective, Confirmed: true}, {Key: core.ByRecorded, Confirmed: false},
		},
		Echoes: []adapters.Echo{
			{Write: adapters.CustomerKind, How: "customers have no events; the alias is looked up"},
			{Write: adapters.GrantKind, Event: commitCreated, How: "our mark in the custom fields, where they are declared; a free one is told by " + creditCreated},
			{Write: adapters.EndKind, How: "an archive is told without its cause; the object is read"},
			{Write: adapters.ConsumeKind, How: "a manual entry has no event; the ledger is read"},
		},
		Facts:       facts(),
		Unconfirmed: unconfirmed(),
		Comparable: []string{
			"grants: amount, dates to the hour, priority, paid or free",
			"remaining: the grant's ledger, entry by entry; the vendor's balance does not go below zero",
			"consumption: manual entries by our mark in their reason, of archived grants too",
		},
	}
}

// facts are the vendor's column of the capability matrix.
func facts() []adapters.Fact {
	return []adapters.Fact{
		{Name: "object", Fit: adapters.Exact, How: "prepaid commit (paid) or credit (free) of one segment, of a real currency or a custom pricing unit; pricing units are made in the vendor's app only", Source: docsUnits},
		{Name: "never expires", Fit: adapters.Loss, How: "a far date, the beginning of 2126, since every segment must end; 40 years ahead where the vendor takes none so far", Source: specCreate},
		{Name: "expiry", Fit: adapters.Loss, How: "the next full hour", Source: specCreate},
		{Name: "future start", Fit: adapters.Loss, How: "starting_at, the full hour before", Source: specCreate},
		{Name: "priority", Fit: adapters.Exact, How: "priority, lower first on both sides", Source: docsOrder},
		{Name: "paid / promotional", Fit: adapters.Loss, How: "commit or credit; other categories in the description", Source: specCreate},
		{Name: "cost basis", Fit: adapters.Loss, How: "an invoice schedule that is never invoiced, for the part that is given; only in the description where the vendor refuses it or has no credit type of the currency", Source: specCreate},
		{Name: "scope", Fit: adapters.Kept, How: "the vendor could name products; actions stay in the core", Source: specCreate},
		{Name: "limits", Fit: adapters.Exact, How: "no number of grants is documented; a ledger of more than about 150,000 entries, a window each, is too long to be read", Source: specCreate},
		{Name: "void unspent", Fit: adapters.Loss, How: "archived; where a final invoice used it, ended at the next full hour", Source: specArchive},
		{Name: "idempotency", Fit: adapters.Exact, How: "uniqueness key of grants and alias of customers for ever; key of entries for 24 h, and look-up by their reason", Source: docsKeys},
		{Name: "negative balance, hold", Fit: adapters.Kept, How: "an entry may take more than is left, which the vendor's balance does not show; nothing can be reserved", Source: ourCore},
		{Name: "customer", Fit: adapters.Loss, How: "name and our id as ingest alias; e-mail address and metadata stay in the core", Source: specPeople},
		{Name: "consumption", Fit: adapters.Loss, How: "manual entry on the grant's own segment, dated by the hour; the time of sending in its reason", Source: specEntry},
		{Name: "payment", Fit: adapters.Refused, How: "another connection collects the money", Source: ourCore},
	}
}

// unconfirmed are behaviours that no document settles; the code is safe in
// either case.
func unconfirmed() []string {
	return []string{
		"how many decimals an amount may have",
		"how far away the end of a segment may be",
		"whether the time of a manual entry must be on the hour and within its segment",
		"whether manual entries tell their segment",
		"whether the start of a segment that lies ahead is in the ledger",
		"whether a commit that is never invoiced needs a contract to invoice it",
		"whether credits tell when they were made and archived",
		"whether archiving is enabled for an account",
		"whether an alert's event has an id of its own",
		"how an unknown customer is refused when its grants are listed",
		"which conflict a 409 means: its text decides, else the call is repeated",
		"the order of grants that are equal in all documented keys",
		"the vendor's rate limits",
		"how long a read may lag behind a write",
	}
}
