package config

// The fields that the format has, by section, as the reader and the schema for
// editors both take them. Those of the top stand in parse.go.
const (
	retentionFields  = "raw"
	holdsFields      = "default max"
	windowsFields    = "late skew closed"
	deficitFields    = "limit settled_by"
	refundsFields    = "shortfall"
	unitFields       = "code scale price convert"
	convertFields    = "from at"
	connectionFields = "provider api_key webhook_secrets base_url"
	routeFields      = "primary payments shadow"
	cardFields       = "version effective_at actions"
	actionFields     = "cost base unit meter per round minimum rates tiers multiply refund_on not_from at_zero"
	rateFields       = "when cost tiers base minimum multiply"
	tiersFields      = "mode per steps"
	tierFields       = "up_to cost"
	packFields       = "credits unit price tiers price_per minimum expires non_refundable"
	packTierFields   = "up_to price"
	topUpFields      = "enabled pack below to amount packs percent minimum at_most retry"
	alertsFields     = "enabled unit low expiring"
	mappingFields    = "strategy rate create window units packs carrier manual_changes share limit"
	planFields       = "price collect every allotment at_zero overage trial upgrade"
	allotmentFields  = "credits seats mode every start expires rollover on cap priority scope"
	bracketFields    = "up_to credits"
	rolloverFields   = "max of for priority forfeit"
	overageFields    = "price per limit charge_at actions"
	trialFields      = "credits for"
)
