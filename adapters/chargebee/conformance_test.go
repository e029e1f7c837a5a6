package chargebee_test

import (
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/adapters/adaptertest"
	"scrip/adapters/chargebee"
	"scrip/adapters/chargebee/sandbox"
	kit "scrip/adapters/sandbox"
)

func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{
		New: func(a adaptertest.Access) (adapters.Adapter, error) {
			return chargebee.New(chargebee.Config{Key: a.Key, WebhookSecrets: logins(a), BaseURL: a.URL + "/api/v2", HTTP: a.HTTP, Now: a.Now})
		},
		Sandbox: func(t *testing.T) http.Handler {
			s := sandbox.New(kit.Options{Seed: 1})
			t.Cleanup(s.Close)
			return s
		},
		Material: "providers/chargebee",
		Spec: func(_, path string) string {
			if strings.Contains(path, "/hosted_pages/") {
				return "" // the document, derived and cut down, has no pages
			}
			return "specs/chargebee.json"
		},
		Exceptions: map[string]string{"got string, want object at $.meta_data": "one form parameter holds JSON text; the derived document has the library's type"},
		Units:      []adapters.Holding{{Unit: "credits", Scale: 2}, {Unit: "credits", Scale: 0}, {Unit: "credits", Scale: 10}},
		Pools:      []string{"burn_in_any_order", "burn_newest_first", "burn_latest_expiry_first"},
	})
}
