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
	adaptertest.Run(t, adaptertest.Harness{
		New: func(a adaptertest.Access) (adapters.Adapter, error) {
			return orb.New(orb.Config{Key: a.Key, WebhookSecrets: a.Secrets, BaseURL: a.URL + "/v1", HTTP: a.HTTP, Now: a.Now})
		},
		Sandbox: func(t *testing.T) http.Handler {
			s := sandbox.New(kit.Options{Seed: 1})
			t.Cleanup(s.Close)
			return s
		},
		Material: "providers/orb",
		Spec:     func(_, _ string) string { return "specs/orb.json" },
		Units:    []adapters.Holding{{Unit: "credits", Scale: 2}, {Unit: "credits", Scale: 0}, {Unit: "credits", Scale: 6}},
	})
}
