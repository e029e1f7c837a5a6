package metronome_test

import (
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/adapters/adaptertest"
	"scrip/adapters/metronome"
	"scrip/adapters/metronome/sandbox"
	kit "scrip/adapters/sandbox"
)

func TestConformance(t *testing.T) {
	conform(t, adapters.Holding{Unit: "credits", Scale: 2}, adapters.Holding{Unit: "credits", Scale: 0}, adapters.Holding{Unit: "credits", Scale: 6})
}

func TestConformanceInDollars(t *testing.T) {
	conform(t, adapters.Holding{Unit: "usd", Scale: 2}, adapters.Holding{Unit: "usd", Scale: 6})
}

func conform(t *testing.T, kinds ...adapters.Holding) {
	adaptertest.Run(t, adaptertest.Harness{
		New: func(a adaptertest.Access) (adapters.Adapter, error) {
			return metronome.New(metronome.Config{Key: a.Key, WebhookSecrets: a.Secrets, BaseURL: a.URL, HTTP: a.HTTP, Units: []string{kinds[0].Unit}, Now: a.Now})
		},
		Sandbox: func(t *testing.T) http.Handler {
			s := sandbox.New(kit.Options{Seed: 1})
			t.Cleanup(s.Close)
			return s
		},
		Material:   "providers/metronome",
		Spec:       func(_, _ string) string { return "specs/metronome.json" },
		Reads:      func(_, path string) bool { return strings.Contains(path, "/list") },
		Exceptions: map[string]string{"/create -> 409": "the reference tells of it, for a uniqueness key or an alias that was used"},
		Apart:      map[string]string{"contract_editing_off": "nothing can be archived, so a grant ends at the next full hour"},
		Units:      kinds,
	})
}
