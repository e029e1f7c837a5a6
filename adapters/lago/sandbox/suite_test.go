package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"testing"
	"time"

	"scrip/adapters/lago/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

func TestSandbox(t *testing.T) {
	customer := func(mark string) sandboxtest.Request {
		return sandboxtest.Request{
			Method: "POST", Path: api + "/customers", ContentType: "application/json", Body: `{"customer":{"external_id":"` + mark + `","name":"Ada"}}`,
		}
	}
	sandboxtest.Run(t, sandboxtest.Harness{
		New:        sandbox.New,
		Customer:   customer,
		Trigger:    customer,
		Event:      "customer.created",
		Webhook:    func(url string) string { return `{"url":"` + url + `","secret":"` + secret + `"}` },
		Authentic:  func(h http.Header, body []byte, _ time.Time) error { return authentic(h, body) },
		EventID:    func(h http.Header, _ []byte) string { return h.Get("X-Lago-Unique-Key") },
		Variant:    "key_read_only",
		FirstRetry: 4 * time.Second,
	})
}

// authentic is the published check, written again here: base64 over the body
// alone, under the organization's key as a text.
func authentic(h http.Header, body []byte) error {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if h.Get("X-Lago-Signature-Algorithm") != "hmac" || !hmac.Equal([]byte(want), []byte(h.Get("X-Lago-Signature"))) {
		return errors.New("the signature does not fit")
	}
	return nil
}
