package metronome

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"scrip/adapters"
)

// tolerance is how far the date of a delivery may be off, both ways.
const tolerance = 300 * time.Second

// Verify checks Metronome-Webhook-Signature: the HMAC-SHA256 of the text of
// X-Metronome-Date, a line feed and the body, in lower-case hexadecimal. Any of
// the secrets will do. The older header Date is not read: proxies may rewrite
// it. Source: docs.metronome.com, webhooks; the verifier of @metronome/sdk.
func (a *Adapter) Verify(d adapters.Delivery, now time.Time) error {
	refused := adapters.Errorf(adapters.CodeUnauthorized, "the delivery is not signed as it must be")
	dates, signatures := d.Header.Values("X-Metronome-Date"), d.Header.Values("Metronome-Webhook-Signature")
	if len(dates) != 1 || len(signatures) != 1 || len(dates[0]) > 64 || len(signatures[0]) != hex.EncodedLen(sha256.Size) {
		return refused
	}
	at, err := http.ParseTime(dates[0])
	if err != nil {
		at, err = time.Parse(time.RFC3339, dates[0])
	}
	if age := now.Sub(at); err != nil || age > tolerance || age < -tolerance {
		return refused
	}
	accepted := false
	for _, secret := range a.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(dates[0] + "\n"))
		mac.Write(d.Body)
		accepted = hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(signatures[0])) || accepted
	}
	if !accepted {
		return refused
	}
	return nil
}
