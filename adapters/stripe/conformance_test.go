package stripe_test

import (
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/adapters/adaptertest"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/stripe"
	"scrip/adapters/stripe/sandbox"
)

func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{
		New: func(a adaptertest.Access) (adapters.Adapter, error) {
			return stripe.New(stripe.Config{Key: a.Key, WebhookSecrets: a.Secrets, BaseURL: a.URL, HTTP: a.HTTP, Now: a.Now})
		},
		Sandbox: func(t *testing.T) http.Handler {
			s := sandbox.New(kit.Options{Seed: 1})
			t.Cleanup(s.Close)
			return s
		},
		Material: "providers/stripe",
		Spec: func(_, path string) string {
			if strings.Contains(path, "/v1/billing/credit_") {
				return "specs/stripe.json"
			}
			return "specs/stripe-2024-04-10.json"
		},
	})
}
