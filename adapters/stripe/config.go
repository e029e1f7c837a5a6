package stripe

import (
	"net/http"
	"net/url"
	"strings"

	"scrip/adapters"
	"scrip/core"
)

// Provider is the vendor's name in the config and in the capability matrix.
const Provider = "stripe"

// maxSecret bounds a key or secret in bytes; real ones have about a hundred.
const maxSecret = 512

// Config is what one Stripe account needs.
type Config struct {
	// Key is the secret or restricted API key.
	Key string
	// WebhookSecrets are the endpoints' signing secrets as shown, "whsec_"
	// included; several while one is rolled or where several endpoints deliver
	// to one address. Without any, no delivery is accepted: an adapter that
	// has nothing to verify with verifies nothing.
	WebhookSecrets []string
	// BaseURL replaces https://api.stripe.com. Plain http is refused for live keys.
	BaseURL string
	// HTTP carries the calls; [httpx.NewClient] when nil.
	HTTP *http.Client
	// Now is business time, which decides whether a listed grant has expired;
	// the wall clock when nil.
	Now func() core.Time
}

// String hides the secrets.
func (c Config) String() string { return "stripe config" }

// GoString hides the secrets.
func (c Config) GoString() string { return c.String() }

// check refuses what could never work, and what would verify with nothing.
func (c Config) check() error {
	if why := secretFault(c.Key); why != "" {
		return adapters.Errorf(adapters.CodeInvalid, "the API key %s", why)
	}
	for i, s := range c.WebhookSecrets {
		if why := secretFault(s); why != "" {
			return adapters.Errorf(adapters.CodeInvalid, "webhook secret %d %s", i+1, why)
		}
	}
	if c.BaseURL == "" {
		return nil
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return adapters.Errorf(adapters.CodeInvalid, "the base URL is not a plain address such as \"https://api.stripe.com\"")
	}
	if u.Scheme == "http" && strings.Contains(c.Key, "k_live_") {
		return adapters.Errorf(adapters.CodeInvalid, "a live key cannot be sent over plain http, use https in the base URL")
	}
	return nil
}

// secretFault says what keeps a text from being a secret, without showing it.
func secretFault(s string) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "is empty, set it in the connection's config"
	case len(s) > maxSecret:
		return "is too long to be one, check what the config names"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "holds a space or an unprintable character, check for a line break at its end"
	}
	return ""
}
