// Package chargebee speaks to Chargebee Billing: customers, prepaid credits,
// invoices for packs and webhooks.
//
// Chargebee keeps prepaid credits in a ledger per subscription and credit unit,
// so every customer has one subscription, its carrier, that costs nothing. A
// grant becomes a grant block by an allocation, consumption becomes a capture.
// A capture cannot choose its block and nothing can be given back: the ledger
// of a customer and unit agrees with the core as a whole, its blocks need not.
//
// A capture carries our own id, which counts once in the whole ledger. An
// allocation carries none and knows no idempotency key: the blocks are read
// before one is made, and compared by their metadata.
//
// Webhooks authenticate the sender and not the content. Each is a hint, and
// what tells of money is read back from the vendor's own list of events.
package chargebee
