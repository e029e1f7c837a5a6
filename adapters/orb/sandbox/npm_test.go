package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNPMSDK lets Orb's own Node library speak to the sandbox.
func TestNPMSDK(t *testing.T) {
	if os.Getenv("SCRIP_NPM") == "" {
		t.Skip("SCRIP_NPM is not set: it lets this test install Orb's Node library and run it")
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	if _, err := os.Stat(filepath.Join("npm", "node_modules", "orb-billing")); err != nil {
		run(t, "npm", "ci", "--no-audit", "--no-fund")
	}
	c := start(t)
	t.Setenv("SANDBOX_URL", c.url)
	out := run(t, "node", "check.mjs")
	if !strings.Contains(out, " passed, 0 failed") || strings.HasPrefix(out, "0 passed") {
		t.Errorf("the library does not agree with the sandbox:\n%s", out)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = "npm"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
