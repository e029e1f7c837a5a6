package sandbox

import "scrip/adapters/sandbox"

// Behaviours that Chargebee's documents leave open. Off is the likelier reading.
const (
	replayHeaderAbsent   = "replay_header_absent"
	errorsKept           = "errors_kept"
	errorTypeAbsent      = "error_type_absent"
	keyInUseLocks        = "key_in_use_locks"
	keysKeptLonger       = "keys_kept_24_hours"
	burnByID             = "burn_in_any_order"
	burnNewestFirst      = "burn_newest_first"
	burnLatestExpiry     = "burn_latest_expiry_first"
	duplicateConflict    = "duplicate_operation_409"
	duplicateReplayed    = "duplicate_operation_replayed"
	insufficientConflict = "insufficient_409"
	insufficientRefused  = "insufficient_422"
	gracePeriod          = "grace_period"
	eligibleByTimestamp  = "eligible_by_timestamp"
	futureRefused        = "future_timestamp_refused"
	contentSingular      = "event_content_singular"
	invoiceToldFirst     = "invoice_told_before_payment"
	deletedIDsReusable   = "deleted_ids_reusable"
	listsOldestFirst     = "lists_oldest_first"
	invoiceWithoutCard   = "invoice_without_card_due"
	unitsArchivedFree    = "archived_units_not_counted"
	usageFailedTexts     = "usage_failed_events_texts"
)

func variants() []sandbox.Variant {
	return []sandbox.Variant{
		{Name: replayHeaderAbsent, Doc: "a repeated answer lacks the chargebee-idempotency-replayed header"},
		{Name: errorsKept, Doc: "refused requests are stored under their idempotency key as well"},
		{Name: errorTypeAbsent, Doc: "error bodies have no type"},
		{Name: keyInUseLocks, Doc: "a request whose key is in use answers 429 lock_timeout instead of 409"},
		{Name: keysKeptLonger, Doc: "idempotency keys are kept for 24 hours instead of 30 minutes"},
		{Name: burnByID, Doc: "blocks burn in no order that means anything, but the same for one seed, instead of earliest expiry first"},
		{Name: burnNewestFirst, Doc: "the newest block burns first instead of the one that expires first"},
		{Name: burnLatestExpiry, Doc: "the block that expires last burns first"},
		{Name: duplicateConflict, Doc: "a ledger operation whose id is taken answers 409 instead of 400 duplicate_entry"},
		{Name: duplicateReplayed, Doc: "a ledger operation whose id is taken answers 200 with the operation that has it"},
		{Name: insufficientConflict, Doc: "a capture or authorization beyond the balance answers 409 instead of 400"},
		{Name: insufficientRefused, Doc: "a capture or authorization beyond the balance answers 422 instead of 400"},
		{Name: gracePeriod, Doc: "blocks serve captures of before their expiry for one more hour"},
		{Name: eligibleByTimestamp, Doc: "only blocks that were in force at ledger_operation_timestamp serve it, not those in force when it arrives"},
		{Name: futureRefused, Doc: "a ledger_operation_timestamp in the future is refused, also if only by seconds"},
		{Name: contentSingular, Doc: "events of the ledger name their content in the singular"},
		{Name: invoiceToldFirst, Doc: "invoice_updated is sent before payment_succeeded and payment_failed instead of after them"},
		{Name: deletedIDsReusable, Doc: "the id of a deleted customer can be given again"},
		{Name: listsOldestFirst, Doc: "lists are ordered oldest first where no order is asked for"},
		{Name: invoiceWithoutCard, Doc: "an invoice to be collected from a customer without a payment method is due instead of refused"},
		{Name: unitsArchivedFree, Doc: "archived credit units do not count towards the five of a site"},
		{Name: usageFailedTexts, Doc: "failed events of a batch are texts instead of objects"},
	}
}
