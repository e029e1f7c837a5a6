package sandbox

import "scrip/adapters/sandbox"

// Behaviours that Orb's documents leave open. Off is the likelier reading.
const (
	replayHeaderAbsent      = "replay_header_absent"
	errorsKept              = "errors_kept"
	tiesByRecorded          = "ties_by_recorded"
	tiesReverse             = "ties_reverse"
	negativeRefused         = "negative_refused"
	debtOnLastBlock         = "debt_on_last_block"
	ledgerNumberStrings     = "ledger_number_strings"
	signedAmounts           = "decrement_amount_negative"
	expiryExact             = "expiry_exact"
	expiryEarly             = "expiry_early"
	futureBlocksHidden      = "future_blocks_hidden"
	effectiveNextDay        = "effective_next_day"
	filteredServeDecrement  = "decrement_uses_filtered"
	movedWithoutMetadata    = "moved_block_without_metadata"
	voidLimitedToBalance    = "void_limited_to_balance"
	webhookBlockNumbers     = "webhook_block_numbers"
	incrementedWhilePending = "incremented_sent_while_pending"
	deletedUsageReversed    = "deleted_block_usage_reversed"
	twoDecimals             = "amount_two_decimals"
	backdatingLimited       = "backdating_limited"
	customerDeleteLate      = "customer_delete_late"
	ingestFailedBare        = "ingest_failed_bare"
	decrementsPending       = "decrements_pending"
	ingestBatchLimited      = "ingest_batch_limited"
	eventTimestamps         = "event_timestamps"
)

func variants() []sandbox.Variant {
	return []sandbox.Variant{
		{Name: replayHeaderAbsent, Doc: "a repeated answer lacks the Idempotent-Replayed header"},
		{Name: errorsKept, Doc: "refused requests are stored under their idempotency key as well"},
		{Name: tiesByRecorded, Doc: "blocks of equal expiry and cost basis burn in the order of their creation"},
		{Name: tiesReverse, Doc: "blocks of equal expiry and cost basis burn newest first"},
		{Name: negativeRefused, Doc: "a decrement of more than the balance answers 400"},
		{Name: debtOnLastBlock, Doc: "a decrement beyond the balance makes the last block negative instead of a block of its own"},
		{Name: ledgerNumberStrings, Doc: "amounts of blocks and ledger entries are strings in REST answers"},
		{Name: signedAmounts, Doc: "the amount of entries that take credits away is negative"},
		{Name: expiryExact, Doc: "blocks expire at the second of their expiry_date instead of the next day boundary of the customer"},
		{Name: expiryEarly, Doc: "blocks expire at the day boundary of the customer at or before their expiry_date"},
		{Name: futureBlocksHidden, Doc: "blocks that are not effective yet are not listed"},
		{Name: effectiveNextDay, Doc: "decrements are served only by blocks that were effective before the customer's day began"},
		{Name: filteredServeDecrement, Doc: "decrements by the API may use blocks with item filters"},
		{Name: movedWithoutMetadata, Doc: "the block that an expiration change makes has no metadata"},
		{Name: voidLimitedToBalance, Doc: "a void of more than the block still holds answers 400"},
		{Name: webhookBlockNumbers, Doc: "block balances are numbers in webhooks instead of strings"},
		{Name: incrementedWhilePending, Doc: "customer.credit_ledger_incremented is sent before a block's payment instead of after it"},
		{Name: deletedUsageReversed, Doc: "what a deleted block had served is given back instead of taken from other blocks"},
		{Name: twoDecimals, Doc: "amounts with more than two decimals answer 400"},
		{Name: backdatingLimited, Doc: "an effective_date more than 90 days ago answers 400"},
		{Name: customerDeleteLate, Doc: "a deleted customer can be read for five more minutes"},
		{Name: ingestFailedBare, Doc: "a refused ingestion has validation_failed alone, without the problem's fields"},
		{Name: decrementsPending, Doc: "decrements are shown as pending for the twelve hours of the grace period"},
		{Name: ingestBatchLimited, Doc: "an ingestion of more than 500 events answers 413"},
		{Name: eventTimestamps, Doc: "created_at in webhooks carries microseconds and Z instead of whole seconds and an offset"},
	}
}
