// Package webhooks takes what vendors deliver and applies it.
//
// The receiver verifies a delivery over its raw bytes, stores it as it came
// and answers only after the commit; nothing else happens before the answer.
// The worker normalises stored events and applies them, each effect in one
// commit with its event's mark. Every stored event ends as applied, ignored
// with a reason, or parked for a person; until then it waits.
//
// What never arrived is looked for now and then: in the vendor's list of
// events, or in the objects that the events would have been about.
package webhooks
