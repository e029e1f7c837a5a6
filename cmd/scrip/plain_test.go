package main

import (
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// plainBuild is the command built as it is shipped, once for all tests.
var plainBuild = sync.OnceValues(func() (string, error) {
	beside, err := exec.LookPath("scrip") // the tests' own, in a folder that goes when they end
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(beside), "scrip-plain")
	return path, exec.Command("go", "build", "-o", path, ".").Run()
})

// shipped is the program that a town of processes runs. The race detector
// watches this test and the scripts; whole towns of it would take many times
// as long as those of the program that is shipped.
func shipped(t *testing.T) string {
	t.Helper()
	if !slowBuild {
		return "scrip"
	}
	path, err := plainBuild()
	if err != nil {
		t.Fatalf("building the command: %v", err)
	}
	return path
}
