//go:build crash

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

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

const statement, call = "statement", "call"

var (
	name, count, _ = strings.Cut(os.Getenv("SCRIP_CRASH"), ":")
	passed         atomic.Int64

	kind, at, fails = parse(os.Getenv("SCRIP_CRASH_AT"))
	numbered        atomic.Int64 // of kind
	log             = open(os.Getenv("SCRIP_CRASH_LOG"))
)

func parse(text string) (kind string, at int64, fails bool) {
	kind, text, _ = strings.Cut(text, ":")
	text, how, _ := strings.Cut(text, ":")
	at, _ = strconv.ParseInt(text, 10, 64)
	return kind, at, how == "fail"
}

func open(path string) *os.File {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return f
}

// Point marks a place to die at. Points that are named after a commit count
// as statements, since they stand for its BEGIN and COMMIT.
func Point(p string) {
	if strings.HasPrefix(p, "commit-") && !fails && number(statement) {
		die()
	}
	if p != name {
		return
	}
	if k, err := strconv.ParseInt(count, 10, 64); err == nil && passed.Add(1) == k {
		die()
	}
}

// Statement is called before each statement of the database; its error is the
// statement's.
func Statement() error { return end(statement, syscall.EIO) }

// Call is called before each call to a vendor is sent, and when its answer is
// there; its error is the call's.
func Call() error { return end(call, syscall.ECONNRESET) }

// Hit reports whether the number that SCRIP_CRASH_AT names was given, to a
// process that has survived it.
func Hit() bool { return at > 0 && numbered.Load() >= at }

// end is one end of what is numbered as k.
func end(k string, how error) error {
	switch {
	case !number(k):
		return nil
	case fails:
		return fmt.Errorf("%s %d was made to fail: %w", kind, at, how)
	}
	die()
	return nil
}

// number gives the next number of k, and reports whether it is the one.
func number(k string) bool {
	if log != nil {
		_, _ = log.WriteString(k + "\n")
	}
	return k == kind && numbered.Add(1) == at
}

func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}
