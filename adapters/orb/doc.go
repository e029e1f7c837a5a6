// Package orb speaks to Orb: customers, prepaid credits and webhooks.
//
// Orb keeps credits as blocks in a ledger per customer and pricing unit. A
// grant becomes a block by an increment, consumption becomes a decrement of
// the ledger, and what is withdrawn is voided. A decrement cannot choose its
// block: Orb burns in an order of its own, so a block may be short of what the
// core has left of its grant while another holds as much more.
//
// A unit named by an ISO 4217 code is that currency, which Orb knows without
// being told; a customer has credits in the one currency that it is invoiced
// in, which is set once, at its first grant in it.
//
// Orb looks nothing up by a reference of ours. Every entry and block therefore
// carries the intent that made it in its metadata, and in its description
// where it has one, and is found by reading the newest entries.
package orb
