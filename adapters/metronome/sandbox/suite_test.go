package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"scrip/adapters/metronome/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

const secret = "metronome-suite-secret"

func TestSandbox(t *testing.T) {
	sandboxtest.Run(t, sandboxtest.Harness{
		New: sandbox.New,
		Customer: func(mark string) sandboxtest.Request {
			return sandboxtest.Request{Method: "POST", Path: "/v1/customers", ContentType: "application/json", Body: `{"name":"Ada","ingest_aliases":["` + mark + `"]}`}
		},
		Trigger: func(string) sandboxtest.Request {
			return sandboxtest.Request{Method: "POST", Path: "/_sandbox/mutate", ContentType: "application/json", Body: `{"object":"webhook","id":"","op":"set"}`}
		},
		Event:   "webhooks.test",
		Webhook: func(url string) string { return `{"url":"` + url + `","secret":"` + secret + `"}` },
		Authentic: func(h http.Header, body []byte, now time.Time) error {
			return verify(h, body, secret, now)
		},
		EventID: func(_ http.Header, body []byte) string {
			var e struct{ ID string }
			json.Unmarshal(body, &e) //nolint:errcheck // an empty id fails the test
			return e.ID
		},
		Idempotency:   "Idempotency-Key",
		KeepsFailures: true,
		Variant:       "ties_reverse",
		HasUnits:      true,
	})
}

// verify is the published check, written again here: one signature over the
// date's text, a line feed and the body, not further away than five minutes.
func verify(h http.Header, body []byte, secret string, now time.Time) error {
	date := h.Get("X-Metronome-Date")
	at, err := time.Parse(http.TimeFormat, date)
	if err != nil {
		return err
	}
	if age := now.Sub(at); age < -5*time.Minute || age > 5*time.Minute {
		return fmt.Errorf("the signature is %s old", age)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(date + "\n" + string(body)))
	if h.Get("Metronome-Webhook-Signature") != hex.EncodeToString(mac.Sum(nil)) {
		return errors.New("the signature does not fit")
	}
	return nil
}
