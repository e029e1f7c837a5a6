package lago

import (
	"time"

	"scrip/adapters"
	"scrip/core"
)

// Where the facts come from.
const (
	codeWallets  = "lago-api, app/services/wallets and the OpenAPI document, POST /wallets"
	codeMoves    = "lago-api, app/services/wallet_transactions/create_from_params_service.rb"
	codeOrder    = "lago-api, app/services/credits/allocate_prepaid_credits_by_wallets_service.rb"
	codeInvoices = "Lago's OpenAPI document, POST /invoices"
	issueIdem    = "lago-api issue 5870, and 5998 for the filter by metadata"
	ourCore      = "decided by the core"
)

// Traits are Lago's facts that no method shows.
func (a *Adapter) Traits() adapters.Traits {
	return adapters.Traits{
		Provider:   Provider,
		Strategies: []adapters.Strategy{adapters.Mirror, adapters.Totals},
		WhyNot:     "meter: events are billed by the plan of a subscription, and invoices draw on wallets in an order of their own, long after the core did",
		QuantumOf:  "one minor unit of money",
		// Lago gives a request up after 25 s: one whose answer was lost may act
		// until then, and without keys only a look-up after that settles it.
		ReadLag:   30 * time.Second,
		PerSecond: 50, // in the vendor's cloud
		Draws:     true,
		StartsNow: true,
		SignsBody: true,
		BurnOrder: []adapters.OrderKey{{Key: core.ByPriority, Confirmed: true}, {Key: core.ByRecorded, Confirmed: true}},
		Echoes: []adapters.Echo{
			{Write: adapters.CustomerKind, Event: "customer.created", How: "our mark in metadata; a change is told by customer.updated, which says nothing of its cause"},
			{Write: adapters.GrantKind, Event: moveCreated, How: "our mark in the top-up's metadata"},
			{Write: adapters.EndKind, Event: moveCreated, How: "our mark in the void's metadata"},
			{Write: adapters.ConsumeKind, Event: moveCreated, How: "our mark in the metadata of the void, or of the top-up that puts back"},
			{Write: adapters.SellKind, How: "invoice.one_off_created tells of an invoice as of any other"},
		},
		Facts:       facts(),
		Unconfirmed: unconfirmed(),
		Comparable: []string{
			"grants: cents, quarter of expiry, category in metadata",
			"remaining: the grant's top-ups where Lago takes voids by name, else the wallet",
			"consumption: voids by our mark in metadata, less top-ups that put back",
		},
	}
}

const moveCreated = "wallet_transaction.created"

// facts are the vendor's column of the capability matrix.
func facts() []adapters.Fact {
	return []adapters.Fact{
		{Name: "object", Fit: adapters.Exact, How: "granted top-up of a wallet whose credit is one whole unit of money; one wallet for each quarter of expiry and currency", Source: codeWallets},
		{Name: "never expires", Fit: adapters.Exact, How: "a wallet of its own without expiration_at", Source: codeWallets},
		{Name: "expiry", Fit: adapters.Loss, How: "that of the wallet: the first of a quarter (UTC), 1 to 93 days later; the core withdraws the grant at its own instant", Source: codeWallets},
		{Name: "future start", Fit: adapters.Kept, How: "kept in the core until it starts: a top-up can be spent at once", Source: codeMoves},
		{Name: "priority", Fit: adapters.Loss, How: "1 to 50: two neighbours share a place", Source: codeMoves},
		{Name: "paid / promotional", Fit: adapters.Loss, How: "all are granted, since purchased credits make an invoice; category in metadata", Source: codeMoves},
		{Name: "cost basis", Fit: adapters.Kept, How: "in metadata", Source: codeMoves},
		{Name: "scope", Fit: adapters.Kept, How: "wallets could be limited to metrics; ours serve no fee, actions stay in the core", Source: codeWallets},
		{Name: "limits", Fit: adapters.Loss, How: "6 active wallets of a customer: enough for lives of up to a year; grants of further quarters of expiry are kept in the core until a wallet of ours is empty, which is then ended", Source: codeWallets},
		{Name: "void unspent", Fit: adapters.Exact, How: "void of the grant's top-ups; what Lago spent of them before others is taken from the wallet", Source: codeMoves},
		{Name: "idempotency", Fit: adapters.Loss, How: "no keys: a mark in metadata, looked for before each write; a customer's orders follow one another", Source: issueIdem},
		{Name: "negative balance, hold", Fit: adapters.Kept, How: "a wallet cannot go below zero, and nothing can be reserved", Source: ourCore},
		{Name: "customer", Fit: adapters.Loss, How: "external_id; at most five pairs of metadata; what is emptied here stays there", Source: "Lago's OpenAPI document, POST /customers"},
		{Name: "consumption", Fit: adapters.Exact, How: "void of the grant's own top-up, in Lago's own time; releases up to v1.51 drop the name without a word, and take it from the wallet by priority and age", Source: "lago-api pull request 6000"},
		{Name: "invoices", Fit: adapters.Exact, How: "our wallets serve fees of kind credit alone, on whose invoices Lago spends no wallet: nothing is drawn but by us", Source: codeOrder},
		{Name: "payment", Fit: adapters.Exact, How: "one-off invoice with its own page; proven by payment_status; taxes come on top", Source: codeInvoices},
	}
}

// unconfirmed are behaviours that no document settles, or that differ between
// releases; the code is safe in either case.
func unconfirmed() []string {
	return []string{
		"whether a void names its top-up: on the main branch after v1.51, not before",
		"whether lists of transactions filter by metadata: since v1.51; rows are checked here",
		"whether wallets trace what is left of each top-up: since v1.45, unless an older wallet of the customer is active",
		"whether a customer has five active wallets, as the documents say, or six",
		"the largest page of a list",
		"how many pairs of metadata a customer has, and whether a key can be sent again without its id",
		"what issuer the vendor's cloud names in JWTs",
		"the text of a refusal of a request without its root",
		"whether an empty list calls itself page 0 or page 1",
		"whether a wallet made twice at once is refused or fails",
		"whether a one-off invoice is charged at once",
		"whether a customer without a payment provider gets an address to pay at",
		"in which parts the vendor counts currencies that ISO 4217 and its own library part differently",
	}
}
