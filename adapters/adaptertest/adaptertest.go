// Package adaptertest is the one conformance suite that every adapter runs. It
// drives an adapter against its vendor's sandbox, and judges the outcome by the
// sandbox's control API, whose answers have one shape for all vendors:
//
//	func TestConformance(t *testing.T) {
//		adaptertest.Run(t, adaptertest.Harness{New: …, Sandbox: …, Material: "providers/…"})
//	}
//
// What an adapter's method set does not claim is not asked of it.
package adaptertest

import (
	"flag"
	"net/http"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

var update = flag.Bool("update", false, "write the golden events of the adapters instead of comparing them")

// Harness is what the suite must know of one adapter.
type Harness struct {
	// New makes an adapter; it must fail for an access that it cannot use.
	New func(Access) (adapters.Adapter, error)
	// Sandbox returns the handler of a new sandbox that ends with the test.
	Sandbox func(t *testing.T) http.Handler
	// Material is the vendor's folder of webhook vectors and event samples in
	// the vendor material that the environment names.
	Material string
	// Golden is the file of expected neutral events; testdata/events.json when empty.
	Golden string
	// Spec names the OpenAPI document, in the vendor material, that a call is
	// judged by; "" for a call that none describes. Nil skips the judgement.
	Spec func(method, path string) string
	// Exceptions are parts of findings that are the document's fault, each
	// with its reason; at most 15.
	Exceptions map[string]string
	// Endpoint is the body of POST /_sandbox/webhooks for an address; nil for
	// {"url", "secret"} with the first of the secrets that New gets.
	Endpoint func(url string) string
	// Currencies to value grants in, where the vendor holds money; usd, jpy and
	// kwd when empty.
	Currencies []core.Currency
	// Units are the vendor's units with the decimals to count them in, where it
	// holds units and no money. Their Quanta are not used.
	Units []adapters.Holding
	// Apart are variants under which the vendor cannot come to the same outcome,
	// each with its reason: the story must go through, alone with each.
	Apart map[string]string
	// Reads reports whether a call that is no GET only reads; nil for none.
	Reads func(method, path string) bool
	// Pools are the sandbox's variants in which the vendor may take consumption
	// from any of a customer's lots: what is left is compared as a whole then.
	Pools []string
	// Barred are the variants in which the vendor lets nobody work.
	Barred []string
	// Quanta is the largest consumption to tell at once; 999999999999999 when zero.
	Quanta int64
}

// Access is what an adapter needs to reach its vendor.
type Access struct {
	URL     string
	Key     string
	Secrets []string
	// Extra are the other texts of a webhook vector, and of the file of
	// vectors: a user name, an algorithm, a public key.
	Extra map[string]string
	HTTP  *http.Client
	Now   func() core.Time
}

func (h Harness) withDefaults() Harness {
	if h.Golden == "" {
		h.Golden = "testdata/events.json"
	}
	if len(h.Currencies) == 0 {
		h.Currencies = []core.Currency{"usd", "jpy", "kwd"}
	}
	if h.Quanta == 0 {
		h.Quanta = 999_999_999_999_999
	}
	return h
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	h = h.withDefaults()
	for _, part := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"claims", testClaims},
		{"preparation", testPreparation},
		{"idempotency", testIdempotency},
		{"ambiguity", testAmbiguity},
		{"refusals", testRefusals},
		{"rate limits", testRateLimits},
		{"precision", testPrecision},
		{"taking back", testTakingBack},
		{"paging", testPaging},
		{"sweep", testSweep},
		{"cancellation", testCancellation},
		{"secrets", testSecrets},
		{"variants", testVariants},
		{"documents", testDocuments},
		{"deliveries", testDeliveries},
		{"signatures", testSignatures},
		{"events", testEvents},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, h) })
	}
}
