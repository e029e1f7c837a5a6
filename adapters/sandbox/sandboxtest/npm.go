package sandboxtest

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"scrip/adapters/sandbox"
)

// NPM lets a vendor's own Node library speak to its sandbox: it runs check.mjs
// in the folder npm beside the test, with the sandbox's address in
// SANDBOX_URL, and installs what package.json there pins when the library is
// missing. It skips unless SCRIP_NPM is set.
func NPM(t *testing.T, library string, start func(sandbox.Options) *sandbox.Server) {
	if os.Getenv("SCRIP_NPM") == "" {
		t.Skipf("SCRIP_NPM is not set: it lets this test install %s and run it", library)
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	if _, err := os.Stat(filepath.Join("npm", "node_modules", filepath.FromSlash(library))); err != nil {
		run(t, "npm", "ci", "--no-audit", "--no-fund")
	}
	s := start(sandbox.Options{Seed: 7})
	hs := httptest.NewServer(s)
	defer hs.Close()
	defer s.Close()
	s.SetPublicURL(hs.URL)
	t.Setenv("SANDBOX_URL", hs.URL)
	out := run(t, "node", "check.mjs")
	if !strings.Contains(out, " passed, 0 failed") || strings.HasPrefix(out, "0 passed") {
		t.Errorf("%s does not agree with the sandbox:\n%s", library, out)
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
