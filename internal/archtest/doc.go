// Package archtest holds the house rules that a compiler does not check: who
// may import whom, what the pure packages must not touch, how long a file may
// grow, which words may stand where. Everything is in its tests; run them with
//
//	go test ./internal/archtest
//
// Each rule is one function from a parsed tree to findings and one test. The
// rules are also run on small wrong trees, so that each is known to fail.
package archtest
