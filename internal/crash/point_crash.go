//go:build crash

// Package crash names the points at which a test may kill the process. In an
// ordinary build they do nothing; with the build tag crash, the environment
// variable SCRIP_CRASH=NAME:K kills the process with SIGKILL when the point
// NAME is passed for the K-th time.
package crash

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var (
	name, count, _ = strings.Cut(os.Getenv("SCRIP_CRASH"), ":")
	passed         atomic.Int64
)

// Point marks a place to die at.
func Point(at string) {
	if at != name {
		return
	}
	if k, err := strconv.ParseInt(count, 10, 64); err == nil && passed.Add(1) == k {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	}
}
