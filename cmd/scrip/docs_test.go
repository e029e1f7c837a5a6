package main

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write generated pages anew")

// TestCapabilitiesPage keeps docs/capabilities.md true to the adapters.
func TestCapabilitiesPage(t *testing.T) {
	all, err := matrices()
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/capabilities.md"
	want := markdown(all)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the adapters say (%v): go test ./cmd/scrip -run CapabilitiesPage -update writes it", path, err)
	}
}
