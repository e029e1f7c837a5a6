// Package sim runs the whole gateway in one process under one scheduler: the
// ledger, both queues and their workers, the HTTP API, the operator's changes
// and two vendors' sandboxes, with virtual time. Everything that happens is
// chosen from a seed, so a run that fails is repeated by its number, and
// shrinks by leaving steps out. Faults come at every edge: of the store, of
// calls to vendors, of deliveries, and crashes between any two of them.
//
// It is made of tests alone. See docs/testing.md for how to run it.
package sim
