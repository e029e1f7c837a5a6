// Package pgtest gives tests a real PostgreSQL: New a fresh database on a
// server that the tests of one process share, Start a server of the test's own
// that may be killed.
//
// Servers are gone with the process that started them however it ends: see
// package pgrun. Where PostgreSQL is not installed the test is skipped.
package pgtest
