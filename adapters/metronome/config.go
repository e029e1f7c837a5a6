package metronome

import (
	"net/http"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Provider is the vendor's name in the config and in the capability matrix.
const Provider = "metronome"

// DefaultBaseURL is the address of the API; its paths name their version.
const DefaultBaseURL = "https://api.metronome.com"

// Config is what one Metronome environment needs.
type Config struct {
	// Key is the API token. It decides the environment, on one host.
	Key string
	// WebhookSecrets are the destinations' secrets, several where several deliver
	// to one address or one is being replaced. Without any, no delivery is accepted.
	WebhookSecrets []string
	// BaseURL replaces [DefaultBaseURL].
	BaseURL string
	// Units are the credit types that the connection carries, each by its id or
	// its name: what is read bears the same. Dollars may be named by "usd".
	Units []string
	// HTTP carries the calls; a bounded client that repeats reads when nil.
	HTTP *http.Client
	// Now is business time, which decides whether a lot has ended; the wall clock
	// when nil.
	Now func() core.Time
}

// String hides the secrets.
func (c Config) String() string { return "metronome config" }

// GoString hides the secrets.
func (c Config) GoString() string { return c.String() }

// check refuses what could never work, and what would verify with nothing.
func (c Config) check() error {
	if why := rest.SecretFault(c.Key); why != "" {
		return adapters.Errorf(adapters.CodeInvalid, "the API token %s", why)
	}
	for i, s := range c.WebhookSecrets {
		if why := rest.SecretFault(s); why != "" {
			return adapters.Errorf(adapters.CodeInvalid, "webhook secret %d %s", i+1, why)
		}
	}
	return nil
}
