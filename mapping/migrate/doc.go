// Package migrate carries changes of the config into what is applied.
//
// The database keeps the applied config: the first start on an empty one
// applies the file, and from then on a difference waits for a plan and its
// apply. A plan is a file that says what changes; it is refused when what is
// applied, or the file it was made from, has changed since.
package migrate
