package orb

import (
	"net/http"
	"strings"

	"scrip/adapters"
	"scrip/core"
)

// Provider is the vendor's name in the config and in the capability matrix.
const Provider = "orb"

// DefaultBaseURL is the address of the API, its version included.
const DefaultBaseURL = "https://api.withorb.com/v1"

// defaultUnit is the pricing unit that Orb reads where none is named.
const defaultUnit = "credits"

// maxSecret bounds a key or secret in bytes; real ones have about a hundred.
const maxSecret = 512

// Config is what one Orb account needs.
type Config struct {
	// Key is the API key. Test and live mode have separate keys and one host.
	Key string
	// WebhookSecrets are the endpoints' secrets as shown, several where several
	// endpoints deliver to one address. Without any, no delivery is accepted.
	WebhookSecrets []string
	// BaseURL replaces [DefaultBaseURL], "/v1" included.
	BaseURL string
	// Units are the pricing units whose credits are read, since Orb lists
	// credits unit by unit and the units not at all; "credits" when empty. One
	// named by an ISO 4217 code, in any case, is that currency.
	Units []string
	// HTTP carries the calls; a bounded client that repeats reads when nil.
	HTTP *http.Client
	// Now is business time, which decides whether a listed block has expired;
	// the wall clock when nil.
	Now func() core.Time
}

// String hides the secrets.
func (c Config) String() string { return "orb config" }

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
	spelled := map[core.Currency]string{}
	for _, u := range c.Units {
		if strings.TrimSpace(u) == "" || len(u) > 255 {
			return adapters.Errorf(adapters.CodeInvalid, "pricing unit %.64q cannot be one, use the unit's name as the vendor's app shows it", u)
		}
		if currency, ok := realCurrency(u); ok {
			if before := spelled[currency]; before != "" && before != u {
				return adapters.Errorf(adapters.CodeInvalid, "units %q and %q are one currency, spell it in one way", before, u)
			}
			spelled[currency] = u
		}
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
