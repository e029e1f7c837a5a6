package sandbox

import "scrip/adapters/sandbox"

// Behaviours that Stripe's documents leave open. Off is the likelier reading.
const (
	idempotencyMismatch409 = "idempotency_mismatch_409"
	replayHeaderAbsent     = "replay_header_absent"
	notFoundKept           = "not_found_kept"
	searchLag              = "search_lag"
	readLag                = "read_lag"
	summaryLag             = "summary_lag"
	emailFoldsCase         = "email_filter_folds_case"
	pastEffectiveAtRefused = "past_effective_at_refused"
	expiredGrantExtended   = "expired_grant_update_accepted"
	grantLimitOtherError   = "grant_limit_other_error"
	neverExpiringFirst     = "never_expiring_first"
	naturalExpirySilent    = "natural_expiry_silent"
	ledgerOtherPrefix      = "ledger_other_prefix"
	creditCallsNeedAcacia  = "credit_calls_need_acacia"
	billingEventsWithheld  = "billing_events_not_delivered_to_2023_version"
	meterDuplicateError    = "meter_duplicate_error"
	meterTimestampRefused  = "meter_timestamp_refused"
	typesWildcard          = "types_wildcard"
	draftsFinalizeAtOnce   = "drafts_finalize_at_once"
)

func variants() []sandbox.Variant {
	return []sandbox.Variant{
		{Name: idempotencyMismatch409, Doc: "the same idempotency key with other parameters answers 409 instead of 400"},
		{Name: replayHeaderAbsent, Doc: "a replayed answer carries no Idempotent-Replayed header"},
		{Name: notFoundKept, Doc: "a 404 is stored under its idempotency key, as if execution had begun"},
		{Name: searchLag, Doc: "a new or changed customer is missing from the next two searches"},
		{Name: readLag, Doc: "a new credit grant is missing from its first read, by id or in a list"},
		{Name: summaryLag, Doc: "a meter event is missing from the first summary that should count it"},
		{Name: emailFoldsCase, Doc: "the email filter of the customer list ignores case"},
		{Name: pastEffectiveAtRefused, Doc: "a credit grant whose effective_at lies in the past is refused"},
		{Name: expiredGrantExtended, Doc: "an expired grant takes a later expires_at, without getting its rest back"},
		{Name: grantLimitOtherError, Doc: "the 101st unused grant is refused with another message, and a code"},
		{Name: neverExpiringFirst, Doc: "grants without expires_at are drawn before those that expire"},
		{Name: naturalExpirySilent, Doc: "an expiry that nobody asked for is recorded and told of a day late"},
		{Name: ledgerOtherPrefix, Doc: "credit balance transactions have ids that do not begin with cbtxn_"},
		{Name: creditCallsNeedAcacia, Doc: "credit grant calls with a Stripe-Version before 2024-09-30 do not exist"},
		{Name: billingEventsWithheld, Doc: "endpoints pinned to 2023-10-16 get no billing.credit_* events"},
		{Name: meterDuplicateError, Doc: "a meter event whose identifier was used within 24 hours answers 400 instead of 200"},
		{Name: meterTimestampRefused, Doc: "a meter event outside the time window answers 400 instead of an error report later"},
		{Name: typesWildcard, Doc: "the type filters of the event list understand a final *"},
		{Name: draftsFinalizeAtOnce, Doc: "drafts that advance by themselves finalize at once instead of an hour later"},
	}
}
