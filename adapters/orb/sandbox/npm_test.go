package sandbox_test

import (
	"testing"

	"scrip/adapters/orb/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// TestNPMSDK lets Orb's own Node library speak to the sandbox.
func TestNPMSDK(t *testing.T) { sandboxtest.NPM(t, "orb-billing", sandbox.New) }
