// Package adapters says what a billing vendor must and may do for Scrip.
//
// An [Adapter] must tell its traits, verify and normalise its webhooks, and
// answer a probe. Everything else a vendor may or may not do is an optional
// interface of one method; what an adapter's method set has is what it
// claims, and [NewPort] finds it once. Traits hold the facts that no method
// can show. An adapter never pretends: what it cannot do stays in the core,
// and the capability matrix says so.
//
// Adapters are naive. They hold no state, log nothing and retry no write: an
// adapter is a function from an order and the links it is given to calls, and
// from their answers to new links. [Port] owns limits, timeouts and the form
// of errors; the durable outbox owns retries.
package adapters
