// Package history judges a ledger by a model that can be read to be right.
//
// The model is one naive account: big integers, slices and the shortest rules,
// written without a line of the core. [Run] sends a ledger random commands,
// compares every answer with the model's and shrinks what fails; [Race] sends
// commands from many callers at once and asks whether the answers can be those
// of one account that does one thing at a time.
package history
