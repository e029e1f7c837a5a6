//go:build crash

package postgres

// oneByOne sends each statement of a commit alone, so that a test can kill the
// process between any two.
const oneByOne = true
