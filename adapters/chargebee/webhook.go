package chargebee

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"

	"scrip/adapters"
)

const maxHeader = 4096

// Verify checks the user and password of the delivery (Basic authentication)
// against all that are configured. There is no signature and no time, so the
// content proves nothing: [Adapter.Confirm] reads it back.
// Source: apidocs.chargebee.com/docs/api/webhooks.
func (a *Adapter) Verify(d adapters.Delivery, _ time.Time) error {
	headers := d.Header.Values("Authorization")
	refused := adapters.Errorf(adapters.CodeUnauthorized, "the delivery does not name its user and password as it must")
	if len(headers) != 1 || len(headers[0]) > maxHeader {
		return refused
	}
	scheme, text, _ := strings.Cut(headers[0], " ")
	got, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !strings.EqualFold(scheme, "basic") {
		return refused
	}
	// User and password are compared as one text, which is right because a user
	// has no colon; as hashes, so that the time taken tells no length.
	sum, accepted := sha256.Sum256(got), 0
	for _, login := range a.logins {
		want := sha256.Sum256(login)
		accepted |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	if accepted != 1 {
		return refused
	}
	return nil
}
