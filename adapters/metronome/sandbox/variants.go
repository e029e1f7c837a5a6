package sandbox

import "scrip/adapters/sandbox"

// Behaviours that Metronome's documents leave open. Off is the likelier
// reading.
const (
	failuresKept          = "failures_kept_without_effect"
	newestFirst           = "lists_newest_first"
	futureListed          = "future_segments_in_ledger"
	manualNamesSegment    = "manual_entries_name_segment"
	manualOnEndedRefused  = "manual_on_ended_refused"
	archiveWritesNothing  = "archive_writes_nothing"
	archiveRepeatRefused  = "archive_repeat_refused"
	pastEndRefused        = "past_end_refused"
	farDatesRefused       = "far_dates_refused"
	roundedToSix          = "amounts_rounded_to_six_decimals"
	silentNeedsContract   = "do_not_invoice_needs_contract"
	tiesReverse           = "ties_reverse"
	contractLevelFirst    = "contract_level_first"
	unrestrictedFirst     = "unrestricted_first"
	alertEventIDs         = "alert_event_ids"
	alertsLate            = "alerts_late"
	notificationsOff      = "notifications_off"
	environmentProduction = "environment_production"
	usageBeforeCustomer   = "usage_before_customer_lost"
	deductionsNameless    = "deductions_without_segment"
	wholeSeconds          = "timestamps_whole_seconds"
	editingOff            = "contract_editing_off"
)

func variants() []sandbox.Variant {
	return []sandbox.Variant{
		{Name: failuresKept, Doc: "a write that fails with 5xx and had no effect is kept under its idempotency key as well"},
		{Name: newestFirst, Doc: "lists are ordered newest first, invoices without a sort too"},
		{Name: futureListed, Doc: "the ledger has the start of a segment before the segment starts"},
		{Name: manualNamesSegment, Doc: "manual ledger entries carry the segment_id that they were made for"},
		{Name: manualOnEndedRefused, Doc: "a manual entry on a segment that has ended answers 400"},
		{Name: archiveWritesNothing, Doc: "archiving a credit or commit leaves its ledger as it was"},
		{Name: archiveRepeatRefused, Doc: "archiving what is archived answers 400"},
		{Name: pastEndRefused, Doc: "an end date that has passed answers 400"},
		{Name: farDatesRefused, Doc: "an ending_before more than 50 years ahead answers 400"},
		{Name: roundedToSix, Doc: "amounts are cut to six decimals without a word"},
		{Name: silentNeedsContract, Doc: "invoice_contract_id is required with do_not_invoice too"},
		{Name: tiesReverse, Doc: "grants that the documented order leaves equal burn newest first"},
		{Name: contractLevelFirst, Doc: "at equal priority grants of the contract burn before those of the customer"},
		{Name: unrestrictedFirst, Doc: "a grant for all products burns before one for few, all other things being equal"},
		{Name: alertEventIDs, Doc: "events of alerts have an id of their own instead of the alert's"},
		{Name: alertsLate, Doc: "alerts are evaluated three minutes after the change"},
		{Name: notificationsOff, Doc: "events of contracts, commits, credits and finalized invoices are not enabled"},
		{Name: environmentProduction, Doc: "environment_type is PRODUCTION"},
		{Name: usageBeforeCustomer, Doc: "usage that names an alias before the alias exists never matches"},
		{Name: deductionsNameless, Doc: "deductions of finalized invoices lack segment_id"},
		{Name: editingOff, Doc: "contract editing is not enabled: edits and archiving under /v2/contracts answer 400"},
		{Name: wholeSeconds, Doc: "timestamps have no fraction of a second"},
	}
}
