package sandbox_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"scrip/adapters/chargebee/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

const hookPassword = "s3cr3t:with:colons"

func TestSandbox(t *testing.T) {
	customer := func(mark string) sandboxtest.Request {
		return sandboxtest.Request{
			Method: "POST", Path: "/api/v2/customers", ContentType: "application/x-www-form-urlencoded",
			Body: url.Values{"id": {mark}, "email": {"ada@example.com"}}.Encode(),
		}
	}
	sandboxtest.Run(t, sandboxtest.Harness{
		New:      sandbox.New,
		Customer: customer,
		Trigger:  customer,
		Event:    "customer_created",
		Webhook: func(url string) string {
			return `{"url":"` + url + `","username":"hook","password":"` + hookPassword + `"}`
		},
		Authentic: func(h http.Header, _ []byte, _ time.Time) error {
			r := &http.Request{Header: h}
			if user, word, ok := r.BasicAuth(); !ok || user != "hook" || word != hookPassword {
				return errors.New("user and password are not those of the endpoint")
			}
			return nil
		},
		EventID: func(_ http.Header, body []byte) string {
			var e struct{ ID string }
			json.Unmarshal(body, &e) //nolint:errcheck // an empty id fails the test
			return e.ID
		},
		Idempotency: "chargebee-idempotency-key",
		Variant:     "insufficient_409",
		FirstRetry:  2 * time.Minute,
	})
}
