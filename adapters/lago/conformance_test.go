package lago_test

import (
	"net/http"
	"testing"

	"scrip/adapters"
	"scrip/adapters/adaptertest"
	"scrip/adapters/lago"
	"scrip/adapters/lago/sandbox"
	kit "scrip/adapters/sandbox"
)

func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{
		New: func(a adaptertest.Access) (adapters.Adapter, error) {
			c := lago.Config{Key: a.Key, WebhookSecrets: a.Secrets, BaseURL: a.URL + "/api/v1", Issuer: a.Extra["issuer"], Collector: "stripe:stripe_main", HTTP: a.HTTP, Now: a.Now}
			if key := map[string]string{"hmac": "hmac_key", "jwt": "jwt_public_key_pem"}[a.Extra["algo"]]; key != "" {
				c.WebhookSecrets = []string{a.Extra[key]}
			}
			return lago.New(c)
		},
		Sandbox: func(t *testing.T) http.Handler {
			s := sandbox.New(kit.Options{Seed: 1})
			t.Cleanup(s.Close)
			return s
		},
		Material:   "providers/lago",
		Spec:       document,
		Exceptions: documentFaults(),
		Pools:      []string{"version_1_47", "version_1_49", "version_1_50", "version_1_51", "wallets_not_traceable"},
		Barred:     []string{"key_read_only", "rate_limit_enforced"},
	})
}
