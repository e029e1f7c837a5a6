// Package metronome speaks to Metronome: customers, prepaid credits and
// commits, and webhooks.
//
// A grant becomes a commit where it was paid and a credit where it was not,
// both of one segment, on the hour. Consumption is a manual entry in the ledger
// of the lot that the caller names. Whether such an entry is there already is
// told by its reason alone, since entries have no ids; what made a credit or
// commit is told by its uniqueness key, which the vendor never forgets.
//
// A unit is a credit type of the vendor, by its id. That of US dollars counts
// in cents there and in dollars here; all others count alike.
package metronome
