package orb

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"scrip/adapters"
)

const (
	tolerance = 300 * time.Second // both ways, inclusive
	maxHeader = 4096
	// clockLayout is a date-time without zone, which means UTC; a fraction may
	// follow.
	clockLayout = "2006-01-02T15:04:05"
)

// Verify checks X-Orb-Signature: HMAC-SHA256 of "v1:<timestamp>:<body>" under
// the whole secret, the timestamp as it stands in X-Orb-Timestamp. Any v1 for
// any of the secrets is enough; other versions are skipped. Orb's own libraries
// split signatures in different ways, so spaces, commas and repeated headers
// all part them. Source: the webhook verifiers of orb-go and orb-billing.
func (a *Adapter) Verify(d adapters.Delivery, now time.Time) error {
	stamps := d.Header.Values("X-Orb-Timestamp")
	if len(stamps) != 1 || len(stamps[0]) > 64 {
		return unauthorized()
	}
	at, ok := parseClock(stamps[0])
	if !ok {
		return unauthorized()
	}
	if age := now.Sub(at); age > tolerance || age < -tolerance {
		return unauthorized()
	}
	signatures := parseSignatures(d.Header.Values("X-Orb-Signature"))
	accepted := false
	for _, secret := range a.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("v1:" + stamps[0] + ":"))
		mac.Write(d.Body)
		want := mac.Sum(nil)
		for _, got := range signatures {
			accepted = hmac.Equal(want, got) || accepted
		}
	}
	if !accepted {
		return unauthorized()
	}
	return nil
}

func unauthorized() error {
	return adapters.Errorf(adapters.CodeUnauthorized, "the delivery is not signed as it must be")
}

// parseClock reads a timestamp with or without a zone.
func parseClock(text string) (time.Time, bool) {
	for _, layout := range []string{clockLayout, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// parseSignatures reads "v1=<hex>" from all headers. What is no hexadecimal,
// or of another version, is skipped.
func parseSignatures(headers []string) [][]byte {
	total := 0
	var out [][]byte
	for _, h := range headers {
		if total += len(h); total > maxHeader {
			return nil
		}
		for _, part := range strings.FieldsFunc(h, func(r rune) bool { return r == ' ' || r == ',' }) {
			text, ok := strings.CutPrefix(part, "v1=")
			if sig, err := hex.DecodeString(text); ok && err == nil {
				out = append(out, sig)
			}
		}
	}
	return out
}
