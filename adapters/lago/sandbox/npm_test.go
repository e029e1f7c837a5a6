package sandbox_test

import (
	"testing"

	"scrip/adapters/lago/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// TestNPMSDK lets Lago's own Node library speak to the sandbox.
func TestNPMSDK(t *testing.T) { sandboxtest.NPM(t, "lago-javascript-client", sandbox.New) }
