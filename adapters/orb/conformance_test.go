package orb_test

import (
	"net/http"
	"testing"

	"scrip/adapters"
	"scrip/adapters/adaptertest"
	"scrip/adapters/orb"
	"scrip/adapters/orb/sandbox"
	kit "scrip/adapters/sandbox"
)

func TestConformance(t *testing.T) {
	conform(t, nil, adapters.Holding{Unit: "credits", Scale: 2}, adapters.Holding{Unit: "credits", Scale: 0}, adapters.Holding{Unit: "credits", Scale: 6})
}

func TestConformanceInDollars(t *testing.T) {
	conform(t, []string{"usd"}, adapters.Holding{Unit: "usd", Scale: 2}, adapters.Holding{Unit: "usd", Scale: 6})
}

func conform(t *testing.T, units []string, kinds ...adapters.Holding) {
	adaptertest.Run(t, adaptertest.Harness{
		New: func(a adaptertest.Access) (adapters.Adapter, error) {
			return orb.New(orb.Config{Key: a.Key, WebhookSecrets: a.Secrets, BaseURL: a.URL + "/v1", HTTP: a.HTTP, Units: units, Now: a.Now})
		},
		Sandbox: func(t *testing.T) http.Handler {
			s := sandbox.New(kit.Options{Seed: 1})
			t.Cleanup(s.Close)
			return s
		},
		Material: "providers/orb",
		Spec:     func(_, _ string) string { return "specs/orb.json" },
		Units:    kinds,
	})
}
