package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"scrip/adapters/sandbox/sandboxtest"
	"scrip/adapters/stripe/sandbox"
)

func TestSandbox(t *testing.T) {
	customer := func(mark string) sandboxtest.Request {
		return sandboxtest.Request{
			Method: "POST", Path: "/v1/customers", ContentType: "application/x-www-form-urlencoded",
			Body: form("metadata[external_id]", mark),
		}
	}
	sandboxtest.Run(t, sandboxtest.Harness{
		New:      sandbox.New,
		Customer: customer,
		Trigger:  customer,
		Event:    "customer.created",
		Webhook:  func(url string) string { return `{"url":"` + url + `","secret":"` + secret + `"}` },
		Authentic: func(h http.Header, body []byte, now time.Time) error {
			return verify(h.Get("Stripe-Signature"), body, secret, now)
		},
		EventID: func(_ http.Header, body []byte) string {
			var e struct{ ID string }
			json.Unmarshal(body, &e) //nolint:errcheck // an empty id fails the test
			return e.ID
		},
		Idempotency: "Idempotency-Key",
		Variant:     "search_lag",
	})
}

const secret = "whsec_suite"

// verify is Stripe's published check, written again here: any v1 over
// timestamp, dot and body, not older than five minutes.
func verify(header string, body []byte, secret string, now time.Time) error {
	var at int64
	var marks []string
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return err
			}
			at = n
		case "v1":
			marks = append(marks, value)
		}
	}
	if age := now.Sub(time.Unix(at, 0)); age < -5*time.Minute || age > 5*time.Minute {
		return fmt.Errorf("the signature is %s old", age)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at, body)
	want := hex.EncodeToString(mac.Sum(nil))
	for _, m := range marks {
		if hmac.Equal([]byte(m), []byte(want)) {
			return nil
		}
	}
	return errors.New("no signature fits")
}
