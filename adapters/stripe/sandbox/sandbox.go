// Package sandbox is a stateful stand-in for Stripe, written from Stripe's
// published wire behaviour: its paths, form bodies, errors, stored idempotent
// answers, credit grants with their ledger, meters, invoices and signed
// webhooks. Objects have the shape of API version 2023-10-16 whatever version
// is asked for; billing.credit_* objects have the shape of their own pages.
package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"scrip/adapters/sandbox"
)

// apiVersion is the account's default version, in which events are rendered.
const apiVersion = "2023-10-16"

// New returns a running Stripe sandbox; Close ends it.
func New(o sandbox.Options) *sandbox.Server {
	return sandbox.New(sandbox.Vendor{
		Name:     "stripe",
		NewState: func() any { return new(state) },
		Routes:   routes(),
		Refuse:   refuse,
		Idempotency: sandbox.Idempotency{
			Header: "Idempotency-Key", Methods: []string{http.MethodPost}, Lifetime: 24 * time.Hour,
			Replay: func(a *sandbox.Account, h http.Header) {
				if !a.Variant(replayHeaderAbsent) {
					h.Set("Idempotent-Replayed", "true")
				}
			},
		},
		Webhooks: sandbox.Webhooks{Fields: []string{"api_version"}, Added: endpointAdded, Sign: sign, Retry: retry},
		Variants: variants(),
		Due:      due, Run: runDue,
		View: view, Pay: pay, Mutate: mutate, Hosted: hosted,
	}, o)
}

// sign writes the Stripe-Signature header: one v1 for each secret over the
// time of this attempt, a dot, and the body.
func sign(ep sandbox.Endpoint, m sandbox.Message) http.Header {
	at := strconv.FormatInt(m.At.Unix(), 10)
	value := "t=" + at
	for _, secret := range ep.Secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(at + "."))
		mac.Write(m.Body)
		value += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return http.Header{"Stripe-Signature": {value}, "User-Agent": {"Stripe/1.0 (+https://stripe.com/docs/webhooks)"}}
}

// retry backs off from one second by fours and gives up after three days, the
// documented span of live mode; its steps are not published.
func retry(attempts int) (time.Duration, bool) {
	const span = 3 * 24 * time.Hour
	wait, total := time.Second, time.Second
	for range attempts - 1 {
		wait *= 4
		total += wait
		if total > span {
			return 0, false
		}
	}
	return wait, true
}

// isHTTP says whether a webhook or payment address can be used.
func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
