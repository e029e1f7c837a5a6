// Package rest is the JSON client of the vendors for which no SDK is used: one
// call in, one bounded answer out, and every failure in the adapters' classes.
//
// It repeats nothing: the transport repeats reads, the durable outbox repeats
// writes. What a vendor wrote is never passed on; a [Judge] reads it and
// answers with words of ours.
package rest
