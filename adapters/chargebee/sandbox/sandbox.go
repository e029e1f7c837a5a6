// Package sandbox is a stateful stand-in for Chargebee Billing with Product
// Catalog 2, written from its published wire behaviour: form bodies under
// /api/v2, stored idempotent answers, customers, promotional credits, credit
// units with their ledger of grant blocks, holds and overdrafts, item prices,
// subscriptions, invoices with payments and refunds, events and webhooks with
// Basic authentication. Usage events are taken and charge nothing.
package sandbox

import (
	"encoding/base64"
	"net/http"
	"time"

	"scrip/adapters/sandbox"
)

const (
	keyHeader    = "chargebee-idempotency-key"
	maxKeyLength = 100
)

// New returns a running Chargebee sandbox; Close ends it.
func New(o sandbox.Options) *sandbox.Server {
	return sandbox.New(sandbox.Vendor{
		Name:     "chargebee",
		NewState: func() any { return &state{} },
		Routes:   routes(),
		Refuse:   refuse,
		Idempotency: sandbox.Idempotency{
			Header: keyHeader, Methods: []string{http.MethodPost},
			LifetimeOf: func(a *sandbox.Account) time.Duration {
				if a.Variant(keysKeptLonger) {
					return 24 * time.Hour
				}
				return 30 * time.Minute
			},
			Replay: func(a *sandbox.Account, h http.Header) {
				if !a.Variant(replayHeaderAbsent) {
					h.Set("Chargebee-Idempotency-Replayed", "true")
				}
			},
		},
		Webhooks: sandbox.Webhooks{Fields: []string{userName, password}, Added: endpointAdded, Sign: sign, Retry: retry},
		Variants: variants(),
		Due:      due, Run: runDue,
		View: view, Pay: payControl, Mutate: mutate, Hosted: hosted,
	}, o)
}

// sign names the user and password of the endpoint, where it has them: that is
// all the proof there is. The body is not covered.
func sign(ep sandbox.Endpoint, _ sandbox.Message) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	if user := ep.Settings[userName]; user != "" {
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+ep.Settings[password])))
	}
	return h
}

// retry is the published schedule: seven more attempts in a bit over three days.
func retry(attempts int) (time.Duration, bool) {
	waits := []time.Duration{2 * time.Minute, 6 * time.Minute, 30 * time.Minute, time.Hour, 5 * time.Hour, 24 * time.Hour, 48 * time.Hour}
	if attempts > len(waits) {
		return 0, false
	}
	return waits[attempts-1], true
}
