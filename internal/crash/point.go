//go:build !crash

// Package crash marks the places at which a test may kill the process or make
// it fail: named points, every statement of the database, every call to a
// vendor. In an ordinary build all of it compiles to nothing.
//
// With the build tag crash the environment decides:
//
//	SCRIP_CRASH=NAME:K                 dies when the point NAME is passed for the K-th time
//	SCRIP_CRASH_AT=statement:K         dies before the K-th statement of the process
//	SCRIP_CRASH_AT=statement:K:fail    the K-th statement fails instead, with an I/O error
//	SCRIP_CRASH_AT=call:K              dies at the K-th end of a call: odd before it is sent, even when its answer is there
//	SCRIP_CRASH_AT=call:K:fail         the connection is cut there instead
//	SCRIP_CRASH_LOG=FILE               writes a line to FILE for each number that is given
//
// To die is to be killed by SIGKILL.
package crash

// Point marks a place to die at. Points that are named after a commit count
// as statements, since they stand for its BEGIN and COMMIT.
func Point(string) {}

// Statement is called before each statement of the database; its error is the
// statement's.
func Statement() error { return nil }

// Call is called before each call to a vendor is sent, and when its answer is
// there; its error is the call's.
func Call() error { return nil }
