// Package lago speaks to Lago: customers, prepaid wallets, invoices and
// webhooks.
//
// Lago keeps prepaid credits in wallets of one currency, at most six of them
// for a customer, and lets wallets expire, not top-ups. Grants therefore go
// into one wallet for each quarter of expiry, each as a granted top-up of its
// own; a credit is worth one whole unit of money, so that what Lago counts in
// cents is exact. No fee that an invoice draws on wallets for is of a kind
// that these wallets serve: Lago never spends them by itself. Consumption is a
// void of the named top-up, and what comes back is a top-up of its own.
//
// Lago has no idempotency keys. Every top-up, void and invoice carries the
// intent that made it, and is looked for before it is made. That is a check
// and no lock: the outbox has one order of a customer at a connection under
// way at a time, and this adapter relies on it.
//
// Releases up to v1.51 drop the name of the top-up from a void without a word
// and take it from the wallet in Lago's own order; wallets from before v1.45
// refuse the name. There a wallet is right as a whole, and its top-ups are only
// right where both orders agree.
package lago
