package storetest

import (
	"testing"

	"scrip/core/ledger"
)

// The model is itself a store, so the suite can be shown to ask for nothing
// but what the contract says.
func TestModel(t *testing.T) {
	Run(t, func(*testing.T) ledger.Store { return newModel() })
}
