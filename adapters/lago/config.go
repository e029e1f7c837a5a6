package lago

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Provider is the vendor's name in the config and in the capability matrix.
const Provider = "lago"

// DefaultBaseURL is the address of the API in the vendor's American cloud.
const DefaultBaseURL = "https://api.getlago.com/api/v1"

// Config is what one Lago organization needs.
type Config struct {
	// Key is the API key.
	Key string
	// WebhookSecrets are what deliveries are checked by: the organization's HMAC
	// key, or for JWT the public key as GET /webhooks/json_public_key gives it,
	// line breaks removed or not, or as PEM. Without any, no delivery is accepted.
	// HMAC is the better choice: a JWT carries the whole body in a header, which
	// servers on the way may find too long.
	WebhookSecrets []string
	// Issuer is the address that JWTs must name; that of BaseURL when empty. What
	// the vendor's cloud names is not documented.
	Issuer string
	// BaseURL replaces [DefaultBaseURL], "/api/v1" included.
	BaseURL string
	// Collector is the payment provider that new customers are linked to, its
	// kind and the code that it has in Lago: "stripe:stripe_main". Without one,
	// only customers who are linked in Lago's app can be sold to.
	Collector string
	// HTTP carries the calls; a bounded client that repeats reads when nil.
	HTTP *http.Client
	// Now is business time, which decides whether a wallet has expired; the wall
	// clock when nil.
	Now func() core.Time
}

// String hides the secrets.
func (c Config) String() string { return "lago config" }

// GoString hides the secrets.
func (c Config) GoString() string { return c.String() }

// secrets sorts the webhook secrets into HMAC keys and public keys, and refuses
// what could never work.
func (c Config) secrets() (hmacs [][]byte, keys []*rsa.PublicKey, err error) {
	if why := rest.SecretFault(c.Key); why != "" {
		return nil, nil, adapters.Errorf(adapters.CodeInvalid, "the API key %s", why)
	}
	for i, s := range c.WebhookSecrets {
		text, isKey := pemText(s)
		if !isKey {
			if why := rest.SecretFault(s); why != "" {
				return nil, nil, adapters.Errorf(adapters.CodeInvalid, "webhook secret %d %s", i+1, why)
			}
			hmacs = append(hmacs, []byte(s))
			continue
		}
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return nil, nil, adapters.Errorf(adapters.CodeInvalid, "webhook secret %d begins as a public key and is none", i+1)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(*rsa.PublicKey)
		if err != nil || !ok || key.N.BitLen() < 2048 {
			return nil, nil, adapters.Errorf(adapters.CodeInvalid, "webhook secret %d is no RSA public key of at least 2048 bits", i+1)
		}
		keys = append(keys, key)
	}
	return hmacs, keys, nil
}

// pemText is the PEM text that a secret is or encodes, and whether there is one.
func pemText(s string) (string, bool) {
	const begin = "-----BEGIN "
	if strings.HasPrefix(strings.TrimSpace(s), begin) {
		return s, true
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s)) // skips line breaks
	return string(raw), err == nil && strings.HasPrefix(string(raw), begin)
}

// issuer is the address of Lago itself, as its JWTs name it.
func (c Config) issuer() string {
	if c.Issuer != "" {
		return c.Issuer
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
