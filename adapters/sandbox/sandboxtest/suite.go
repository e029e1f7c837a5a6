// Package sandboxtest is the one suite that every vendor's sandbox runs: what
// the control API promises, independent of the vendor.
package sandboxtest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"scrip/adapters/sandbox"
)

// Request is one call to a vendor's API.
type Request struct {
	Method, Path, ContentType, Body string
	Header                          http.Header
}

// Harness is what the suite needs to know of a vendor.
type Harness struct {
	// New starts the vendor's sandbox.
	New func(sandbox.Options) *sandbox.Server
	// Customer makes a customer with an external id; the state must show it.
	Customer func(external string) Request
	// Trigger causes exactly one webhook, of type Event.
	Trigger func(mark string) Request
	Event   string
	// Webhook is the body of POST /_sandbox/webhooks for a receiver.
	Webhook func(url string) string
	// Authentic checks what a receiver got, at the wall clock's time; nil for
	// a vendor that signs nothing.
	Authentic func(header http.Header, body []byte, now time.Time) error
	// EventID reads the event's identity out of a delivery.
	EventID func(header http.Header, body []byte) string
	// Idempotency names the header that repeats an answer; empty for none.
	Idempotency string
	// KeepsFailures says that a key keeps a failure that came after the effect.
	KeepsFailures bool
	// Variant is the name of one variant.
	Variant string
	// FirstRetry is the vendor's wait after a failed delivery where it is longer
	// than a test waits; 0 where it is not.
	FirstRetry time.Duration
	// HasUnits says that POST /_sandbox/units makes something.
	HasUnits bool
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"Accounts": accounts, "Keyless": keyless, "Strict": strict, "Clock": clock, "Variants": variants, "Reset": reset, "Units": units,
		"Calls": calls, "FaultStatus": faultStatus, "FaultStatusAfter": faultStatusAfter, "FaultTimeoutAfter": faultTimeoutAfter,
		"FaultReset": faultReset, "FaultSlow": faultSlow, "FaultMalformed": faultMalformed, "FaultMatch": faultMatch, "FaultCount": faultCount,
		"FaultProbability": faultProbability, "FaultsClear": faultsClear, "KeyInUse": keyInUse,
		"Signed": signed, "Retried": retried, "Deliver": deliver, "Duplicate": duplicate, "Reorder": reorder, "Delay": delay, "Lose": lose,
		"Unreachable": unreachable, "Snapshot": snapshot, "SnapshotRefused": snapshotRefused,
	} {
		if name == "KeyInUse" && h.Idempotency == "" {
			continue // this vendor has no idempotency header
		}
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, h) })
	}
}

// boxed is a running sandbox and one key to it.
type boxed struct {
	*client
	server *sandbox.Server
	web    *httptest.Server
}

func begin(t *testing.T, h Harness, o sandbox.Options) boxed {
	t.Helper()
	s := h.New(o)
	web := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); web.Close() })
	return boxed{&client{t: t, h: h, url: web.URL, key: "key-one"}, s, web}
}
