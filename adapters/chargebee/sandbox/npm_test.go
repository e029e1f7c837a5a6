package sandbox_test

import (
	"testing"

	"scrip/adapters/chargebee/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// TestNPMSDK lets Chargebee's own Node library speak to the sandbox.
func TestNPMSDK(t *testing.T) { sandboxtest.NPM(t, "chargebee", sandbox.New) }
