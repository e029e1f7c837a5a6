// Package core holds the rules of prepaid credits as pure functions: amounts,
// grants, burn-down, holds, debits, voids, reversals and expiry.
//
// Nothing here reads a clock, a database, the network or randomness. A rule
// takes an [Account], a command and the time, and either changes the account
// and returns the ledger entries of the change, or returns a refusal and
// leaves the account as it was. So the rules can be tested by properties,
// replayed and simulated, and cannot differ between stores.
//
// Amounts are integers of the unit's smallest part. Time intervals are
// half-open: a grant may be spent from its effective time up to, and not at,
// its expiry. Rounding happens in [MulDiv] and nowhere else.
package core
