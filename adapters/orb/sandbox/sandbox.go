// Package sandbox is a stateful stand-in for Orb, written from Orb's published
// wire behaviour: JSON paths under /v1, problem bodies, stored idempotent
// answers, credit blocks with their ledger, top-ups, invoices for credit
// purchases, alerts, event ingestion and signed webhooks. Plans, prices and
// subscriptions do not exist in it, so usage events burn no credits.
package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

const (
	keyHeader     = "Idempotency-Key"
	maxKeyLength  = 64
	signatureForm = "signatures"      // setting of an endpoint: spaces, repeated or commas
	slimPayload   = "slim"            // setting of an endpoint: "true" leaves long lists out
	otherSecret   = "previous_secret" // setting of an endpoint: a second secret, as during rotation
)

// New returns a running Orb sandbox; Close ends it.
func New(o sandbox.Options) *sandbox.Server {
	return sandbox.New(sandbox.Vendor{
		Name:     "orb",
		NewState: func() any { return &state{Units: []unit{{ID: "PUcredits0000000", Name: "credits"}}} },
		Routes:   routes(),
		Refuse:   refuse,
		Idempotency: sandbox.Idempotency{
			Header: keyHeader, Methods: []string{http.MethodPost, http.MethodPatch}, Lifetime: 48 * time.Hour,
			Replay: func(a *sandbox.Account, h http.Header) {
				if !a.Variant(replayHeaderAbsent) {
					h.Set("Idempotent-Replayed", "true")
				}
			},
		},
		Webhooks: sandbox.Webhooks{Fields: []string{signatureForm, slimPayload, otherSecret}, Added: endpointAdded, Sign: sign, Retry: retry},
		Variants: variants(),
		Due:      due, Run: runDue,
		View: view, Pay: pay, Mutate: mutate, Units: makeUnits, Hosted: hosted,
	}, o)
}

// endpointAdded completes an endpoint; Orb has no call that makes one.
func endpointAdded(a *sandbox.Account, ep *sandbox.Endpoint) error {
	if len(ep.Secrets) == 0 {
		return refusal(http.StatusBadRequest, "secret is missing; the sandbox signs with it")
	}
	switch ep.Settings[signatureForm] {
	case "", "spaces", "repeated", "commas":
	default:
		return refusal(http.StatusBadRequest, "signatures %q is unknown; use spaces, repeated or commas", ep.Settings[signatureForm])
	}
	if old := ep.Settings[otherSecret]; old != "" {
		ep.Secrets = append(ep.Secrets, old)
		delete(ep.Settings, otherSecret) // a secret and no setting
	}
	ep.ID, ep.Types = a.NewID("", 16), []string{"*"}
	return nil
}

// sign writes one v1 per secret over version, time and body. The time carries
// no zone and means UTC.
func sign(ep sandbox.Endpoint, m sandbox.Message) http.Header {
	at := m.At.UTC().Format("2006-01-02T15:04:05.000000")
	var marks []string
	for _, secret := range ep.Secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v1:" + at + ":"))
		mac.Write(m.Body)
		marks = append(marks, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	switch ep.Settings[signatureForm] {
	case "repeated":
	case "commas":
		marks = []string{strings.Join(marks, ", ")}
	default:
		marks = []string{strings.Join(marks, " ")}
	}
	return http.Header{"X-Orb-Timestamp": {at}, "X-Orb-Signature": marks, "Content-Type": {"application/json"}}
}

// retry doubles from one second and gives up after a day; the schedule that
// Orb keeps is not published.
func retry(attempts int) (time.Duration, bool) {
	const steps = 17
	if attempts >= steps {
		return 0, false
	}
	return time.Second << (attempts - 1), true
}
