// Package copying carries a whole database from SQLite to PostgreSQL or back,
// row by row, and proves that both hold the same.
//
// What a row says goes over as it is: ids, sequences, hashes, answers, states
// and fences. Positions are the target's own, given anew in the order of the
// source; leases end, since who had them is not there. The columns are read
// from both databases, so that one that only one of them has is an error and
// not a loss.
package copying
