package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"scrip/adapters"
)

const (
	// tolerance is how old a signature may be; ours also holds for the future,
	// which Stripe's own libraries let pass.
	tolerance = 300 * time.Second
	maxHeader = 4096
	latest    = 253402300799 // the year 9999, in seconds
)

// Verify checks the Stripe-Signature header over the raw body: HMAC-SHA256 of
// "<t>.<body>" under the whole secret, equal to any v1 for any of the secrets,
// with t within 300 seconds of now. Other schemes are ignored; a part that is
// not one name and one value refuses the header.
// Source: docs.stripe.com/webhooks/signatures.
func (a *Adapter) Verify(d adapters.Delivery, now time.Time) error {
	values := d.Header.Values("Stripe-Signature")
	if len(values) != 1 {
		return unauthorized()
	}
	t, signatures, ok := parseSignature(values[0])
	if !ok {
		return unauthorized()
	}
	if age := now.Sub(t.at); age > tolerance || age < -tolerance {
		return unauthorized()
	}
	accepted := false
	for _, secret := range a.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(t.text + "."))
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

// signedAt is a signature's time, with the text that was signed.
type signedAt struct {
	text string
	at   time.Time
}

// parseSignature reads "t=1492774577,v1=5257a8…,v1=…,v0=…". A v1 that is not
// hexadecimal is skipped, as Stripe's libraries do.
func parseSignature(header string) (t signedAt, signatures [][]byte, ok bool) {
	if header == "" || len(header) > maxHeader {
		return t, nil, false
	}
	for part := range strings.SplitSeq(header, ",") {
		name, value, found := strings.Cut(part, "=")
		if !found || strings.Contains(value, "=") {
			return t, nil, false
		}
		switch name {
		case "t":
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil || seconds <= 0 || seconds > latest || strings.Trim(value, "0123456789") != "" {
				return t, nil, false
			}
			t = signedAt{value, time.Unix(seconds, 0)}
		case "v1":
			if sig, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, sig)
			}
		}
	}
	return t, signatures, t.text != "" && len(signatures) > 0
}
