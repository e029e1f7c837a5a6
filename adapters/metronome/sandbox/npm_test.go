package sandbox_test

import (
	"testing"

	"scrip/adapters/metronome/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// TestNPMSDK lets Metronome's own Node library speak to the sandbox.
func TestNPMSDK(t *testing.T) { sandboxtest.NPM(t, "@metronome/sdk", sandbox.New) }
