// Package sandbox is a stateful stand-in for Metronome, written from
// Metronome's published wire behaviour: credits and commits with their
// segments, ledgers and manual entries, usage that draws on draft invoices,
// alerts, payment gates and webhooks that carry ids only. Of contracts and rate
// cards it knows what usage needs to draw; what a person makes in Metronome's
// app, custom pricing units, is made by the control API.
package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"scrip/adapters/sandbox"
)

// New returns a running Metronome sandbox; Close ends it.
func New(o sandbox.Options) *sandbox.Server {
	return sandbox.New(sandbox.Vendor{
		Name:     "metronome",
		NewState: func() any { return &state{Units: firstUnits(), Keys: map[string]string{}} },
		Routes:   routes(),
		Refuse:   refuse,
		Idempotency: sandbox.Idempotency{
			Header: "Idempotency-Key", Methods: []string{http.MethodPost}, Lifetime: 24 * time.Hour,
			KeepsFault: func(a *sandbox.Account, status int, effect bool) bool {
				return status >= http.StatusInternalServerError && (effect || a.Variant(failuresKept))
			},
		},
		Webhooks: sandbox.Webhooks{Added: endpointAdded, Sign: sign, Retry: retry},
		Variants: variants(),
		Due:      due, Run: runDue,
		View: view, Pay: pay, Mutate: mutate, Units: makeUnits,
	}, o)
}

// endpointAdded completes an endpoint, which is made in Metronome's app.
func endpointAdded(a *sandbox.Account, ep *sandbox.Endpoint) error {
	if len(ep.Secrets) == 0 {
		return refusal(http.StatusBadRequest, "secret is missing; the sandbox signs with it")
	}
	ep.ID, ep.Types = uuid(a), []string{"*"}
	return nil
}

// sign writes one signature over the date's text and the body.
func sign(ep sandbox.Endpoint, m sandbox.Message) http.Header {
	date := m.At.UTC().Format(http.TimeFormat)
	mac := hmac.New(sha256.New, []byte(ep.Secrets[0]))
	mac.Write([]byte(date + "\n"))
	mac.Write(m.Body)
	return http.Header{
		"X-Metronome-Date": {date}, "Date": {date}, "Metronome-Webhook-Signature": {hex.EncodeToString(mac.Sum(nil))},
		"Content-Type": {"application/json"}, "User-Agent": {"Metronome"},
	}
}

// retry doubles from one second up to every quarter of an hour, for two days.
func retry(attempts int) (time.Duration, bool) {
	const doublings, total = 10, 201
	switch {
	case attempts >= total:
		return 0, false
	case attempts > doublings:
		return 15 * time.Minute, true
	default:
		return time.Second << (attempts - 1), true
	}
}
