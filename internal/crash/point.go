//go:build !crash

// Package crash names the points at which a test may kill the process. In an
// ordinary build they do nothing; with the build tag crash, the environment
// variable SCRIP_CRASH=NAME:K kills the process with SIGKILL when the point
// NAME is passed for the K-th time.
package crash

// Point marks a place to die at.
func Point(string) {}
