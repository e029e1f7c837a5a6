// Package storetest is the one suite that every [ledger.Store] passes. It asks
// for what the ledger relies on and for nothing of a particular database.
package storetest

import (
	"testing"

	"scrip/core/ledger"
)

// Run runs the suite. open returns a store that is empty, and closes it when
// its test ends.
func Run(t *testing.T, open func(t *testing.T) ledger.Store) {
	for _, topic := range []struct {
		name  string
		cases []testCase
	}{
		{"Commit", commitCases},
		{"Accounts", accountCases},
		{"Entries", entryCases},
		{"Records", recordCases},
		{"Inbox", inboxCases},
		{"Outbox", outboxCases},
		{"Reader", readerCases},
	} {
		t.Run(topic.name, func(t *testing.T) {
			for _, c := range topic.cases {
				t.Run(c.name, func(t *testing.T) { c.run(newWorld(t, open(t))) })
			}
		})
	}
	t.Run("Random", func(t *testing.T) { randomScripts(t, open) })
}

// Memory is an empty store in memory: the model that other stores are compared
// with, slow and short.
func Memory() ledger.Store { return newModel() }

// testCase is one thing that a store must do.
type testCase struct {
	name string
	run  func(*world)
}
