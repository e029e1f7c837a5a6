package sandbox_test

import (
	"testing"

	"scrip/adapters/sandbox/sandboxtest"
	"scrip/adapters/stripe/sandbox"
)

// TestNPMSDK lets Stripe's own Node library speak to the sandbox.
func TestNPMSDK(t *testing.T) { sandboxtest.NPM(t, "stripe", sandbox.New) }
