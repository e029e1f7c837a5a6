package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"scrip/adapters/orb/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

const secret = "orb-suite-secret"

func TestSandbox(t *testing.T) {
	customer := func(mark string) sandboxtest.Request {
		return sandboxtest.Request{
			Method: "POST", Path: "/v1/customers", ContentType: "application/json",
			Body: `{"name":"Ada","email":"ada@example.com","external_customer_id":"` + mark + `"}`,
		}
	}
	sandboxtest.Run(t, sandboxtest.Harness{
		New:      sandbox.New,
		Customer: customer,
		Trigger:  customer,
		Event:    "customer.created",
		Webhook:  func(url string) string { return `{"url":"` + url + `","secret":"` + secret + `"}` },
		Authentic: func(h http.Header, body []byte, now time.Time) error {
			return verify(h, body, secret, now)
		},
		EventID: func(_ http.Header, body []byte) string {
			var e struct{ ID string }
			json.Unmarshal(body, &e) //nolint:errcheck // an empty id fails the test
			return e.ID
		},
		Idempotency: "Idempotency-Key",
		Variant:     "negative_refused",
		HasUnits:    true,
	})
}

// verify is the published check, written again here: any v1 over version, time
// and body, not further away than five minutes.
func verify(h http.Header, body []byte, secret string, now time.Time) error {
	at, err := time.Parse("2006-01-02T15:04:05.999999999", h.Get("X-Orb-Timestamp"))
	if err != nil {
		return err
	}
	if age := now.Sub(at); age < -5*time.Minute || age > 5*time.Minute {
		return fmt.Errorf("the signature is %s old", age)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v1:%s:%s", h.Get("X-Orb-Timestamp"), body)
	want := "v1=" + hex.EncodeToString(mac.Sum(nil))
	for _, line := range h["X-Orb-Signature"] {
		for _, mark := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' }) {
			if hmac.Equal([]byte(mark), []byte(want)) {
				return nil
			}
		}
	}
	return errors.New("no signature fits")
}
