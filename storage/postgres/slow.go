//go:build !crash

package postgres

// oneByOne sends each statement of a commit alone.
const oneByOne = false
