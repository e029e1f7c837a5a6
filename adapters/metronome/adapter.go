package metronome

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Adapter speaks to one Metronome environment. It holds no state beside its
// configuration and is safe for concurrent use.
type Adapter struct {
	secrets [][]byte
	units   []string
	api     *rest.Client
	now     func() core.Time
}

// New returns an adapter, or a [adapters.CodeInvalid] error for a config that
// could never work: no token, a blank webhook secret, an unusable address.
func New(c Config) (*Adapter, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Now == nil {
		c.Now = func() core.Time { return core.TimeOf(time.Now()) }
	}
	a := &Adapter{now: c.Now, units: c.Units}
	for _, s := range c.WebhookSecrets {
		a.secrets = append(a.secrets, []byte(s))
	}
	var err error
	a.api, err = rest.New(rest.Options{
		BaseURL: c.BaseURL, HTTP: c.HTTP, KeyHeader: "Idempotency-Key", MaxAnswer: maxAnswer, Judge: judge,
		Header: http.Header{"Authorization": {"Bearer " + c.Key}},
	})
	return a, err
}

// maxAnswer bounds an answer in bytes: a ledger cannot be read in parts.
const maxAnswer = 32 << 20

// String hides the secrets.
func (a *Adapter) String() string { return "metronome adapter" }

// GoString hides the secrets.
func (a *Adapter) GoString() string { return a.String() }

// Probe lists one credit type.
func (a *Adapter) Probe(ctx context.Context) error {
	_, _, err := list[creditType](ctx, a, creditTypes, url.Values{"limit": {"1"}}, nil)
	return err
}

var _ adapters.Adapter = (*Adapter)(nil)
