package config

// The fields that the format has, by section, as the reader and the schema for
// editors both take them. Those of the top stand in parse.go.
const (
	retentionFields  = "raw"
	holdsFields      = "default max"
	windowsFields    = "late skew"
	deficitFields    = "limit settled_by"
	unitFields       = "code scale price convert"
	convertFields    = "from at"
	connectionFields = "provider api_key webhook_secrets base_url"
	routeFields      = "primary payments shadow"
	cardFields       = "version effective_at actions"
	actionFields     = "cost base meter per round minimum rates"
	rateFields       = "when cost"
	packFields       = "credits unit price expires"
	mappingFields    = "strategy rate create window units packs carrier manual_changes share limit"
)
