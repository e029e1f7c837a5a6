package sandbox

import "scrip/adapters/sandbox"

// Behaviours that Lago's documents leave open, or that differ between versions
// and set-ups. Off is the likelier reading: the main branch of August 2026,
// with a licence, in Lago's own cloud.
const (
	version147          = "version_1_47"
	version149          = "version_1_49"
	version150          = "version_1_50"
	version151          = "version_1_51"
	bareBadRequest      = "bad_request_text"
	pageCapped          = "per_page_capped"
	metadataLimited     = "customer_metadata_limited"
	pastNotBilled       = "past_subscription_not_billed"
	jobsLate            = "jobs_late"
	noLicence           = "no_licence"
	readOnlyKey         = "key_read_only"
	untraceable         = "wallets_not_traceable"
	ongoingStale        = "ongoing_not_refreshed"
	clickhouse          = "clickhouse_events"
	fiveWallets         = "wallet_limit_five"
	any2xx              = "any_2xx_delivers"
	selfHosted          = "self_hosted"
	limitEnforced       = "rate_limit_enforced"
	providerRequired    = "payment_provider_required"
	emptyPageFirst      = "empty_page_is_one"
	duplicateCodeServer = "wallet_code_race"
	disputeNested       = "dispute_nested"
)

func variants() []sandbox.Variant {
	return []sandbox.Variant{
		{Name: version147, Doc: "as v1.47: granted credits are not rounded to money, and all that later versions changed"},
		{Name: version149, Doc: "as v1.49: top-ups that round to no money are taken, and all that later versions changed"},
		{Name: version150, Doc: "as v1.50: lists of transactions ignore the metadata filter, ongoing usage does not go on to the next wallet, and all that later versions changed"},
		{Name: version151, Doc: "as the release v1.51: voided_transaction_id is dropped, terminated wallets can be updated, automatic top-ups have a fixed size and no pause after a decline"},
		{Name: bareBadRequest, Doc: "a request without its root answers 400 with another text"},
		{Name: pageCapped, Doc: "per_page has a maximum of 100"},
		{Name: metadataLimited, Doc: "a customer takes at most five metadata pairs"},
		{Name: pastNotBilled, Doc: "a subscription that began in the past is billed from now on only"},
		{Name: jobsLate, Doc: "background jobs run a minute later instead of at once after the answer"},
		{Name: noLicence, Doc: "without a premium licence: no rules, no manual payments, no refresh of ongoing balances, no invoices that wait for their payment"},
		{Name: readOnlyKey, Doc: "the API key may read only: writes answer 403"},
		{Name: untraceable, Doc: "new wallets are not traceable, as those from before v1.45"},
		{Name: ongoingStale, Doc: "ongoing balances are not refreshed by the clock, as without a cache"},
		{Name: clickhouse, Doc: "events are kept in ClickHouse: no error for a duplicate, no id and no time of creation in the answer"},
		{Name: fiveWallets, Doc: "a customer can have five active wallets instead of six"},
		{Name: any2xx, Doc: "any 2xx takes a webhook, as the documents say, instead of 200, 201, 202 and 204 alone"},
		{Name: selfHosted, Doc: "no rate-limit headers, as in an installation of one's own"},
		{Name: limitEnforced, Doc: "more than 50 calls in a second of the wall clock answer 429; 500 for events, 200 for current usage"},
		{Name: providerRequired, Doc: "a payment link is refused for a customer without a payment provider"},
		{Name: emptyPageFirst, Doc: "an empty list tells page one of one instead of page zero of zero"},
		{Name: disputeNested, Doc: "the event of a lost dispute has the invoice in a field of its own instead of the invoice's fields"},
		{Name: duplicateCodeServer, Doc: "the code of an active wallet answers 500 instead of 422, as when two creations race"},
	}
}

// Versions in which something changed.
const (
	v147 = 47
	v148 = 48
	v149 = 49
	v150 = 50
	v151 = 51
	head = 100 // merged after v1.51
)

// since says whether the sandbox behaves as a version or a later one.
func (w *world) since(version int) bool {
	switch {
	case w.a.Variant(version147):
		return version <= v147
	case w.a.Variant(version149):
		return version <= v149
	case w.a.Variant(version150):
		return version <= v150
	case w.a.Variant(version151):
		return version <= v151
	default:
		return true
	}
}
