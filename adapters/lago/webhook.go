package lago

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"scrip/adapters"
)

// maxToken bounds a signature: a JWT holds the whole body, twice encoded.
const maxToken = 8 << 20

// Verify checks X-Lago-Signature by the algorithm that its own header names, and
// by secrets of that kind alone: base64 of the body's HMAC-SHA256 under the
// organization's key, or a JWT (RS256) of the configured issuer whose claim is the body.
// Lago signs no time, so that an old delivery verifies for ever: events are
// known by what they say. Source: lago-api, app/models/webhook.rb.
func (a *Adapter) Verify(d adapters.Delivery, _ time.Time) error {
	signatures, algorithms := d.Header.Values("X-Lago-Signature"), d.Header.Values("X-Lago-Signature-Algorithm")
	if len(signatures) != 1 || len(algorithms) != 1 || len(signatures[0]) > maxToken {
		return unauthorized()
	}
	accepted := false
	switch algorithms[0] {
	case "hmac":
		got, err := base64.StdEncoding.Strict().DecodeString(signatures[0])
		if err != nil || strings.ContainsAny(signatures[0], "\r\n") {
			return unauthorized()
		}
		for _, key := range a.hmacs {
			mac := hmac.New(sha256.New, key)
			mac.Write(d.Body)
			accepted = hmac.Equal(mac.Sum(nil), got) || accepted
		}
	case "jwt":
		for _, key := range a.keys {
			accepted = a.verifyToken(signatures[0], d.Body, key) || accepted
		}
	}
	if !accepted {
		return unauthorized()
	}
	return nil
}

// verifyToken checks a compact JWS: its algorithm is never taken from it.
func (a *Adapter) verifyToken(token string, body []byte, key *rsa.PublicKey) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil {
			return false
		}
	}
	var header struct {
		Algorithm string          `json:"alg"`
		Critical  json.RawMessage `json:"crit"`
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if json.Unmarshal(raw[0], &header) != nil || header.Algorithm != "RS256" || header.Critical != nil ||
		rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw[2]) != nil {
		return false
	}
	var claims struct {
		Data   *string `json:"data"`
		Issuer string  `json:"iss"`
	}
	return json.Unmarshal(raw[1], &claims) == nil && claims.Data != nil && claims.Issuer == a.issuer && *claims.Data == string(body)
}

func unauthorized() error {
	return adapters.Errorf(adapters.CodeUnauthorized, "the delivery is not signed as it must be")
}
