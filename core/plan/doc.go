// Package plan is what an account does by itself and remembers beside its
// grants: a subscription with its renewals, the overage of a cycle, the usage
// that tiers count. All of it is one [State], which the account keeps as its
// [core.Policy].
//
// Like the core it is pure: no clock, no files. Time zones come from the
// caller, see [Zones].
package plan
