package stripe

import (
	"context"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/httpx"
)

// Adapter speaks to one Stripe account. It holds no state beside its
// configuration and is safe for concurrent use.
type Adapter struct {
	key     string
	secrets [][]byte
	backend stripego.Backend
	api     client.API
	now     func() core.Time
}

// New returns an adapter, or a [adapters.CodeInvalid] error for a config that
// could never work: no key, a blank webhook secret, an unusable address.
func New(c Config) (*Adapter, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.HTTP == nil {
		c.HTTP = httpx.NewClient(httpx.Options{})
	}
	if c.BaseURL == "" {
		c.BaseURL = stripego.APIURL
	}
	if c.Now == nil {
		c.Now = func() core.Time { return core.TimeOf(time.Now()) }
	}
	a := &Adapter{key: c.Key, now: c.Now}
	for _, s := range c.WebhookSecrets {
		a.secrets = append(a.secrets, []byte(s))
	}
	a.backend = stripego.GetBackendWithConfig(stripego.APIBackend, &stripego.BackendConfig{
		URL: &c.BaseURL, HTTPClient: c.HTTP,
		MaxNetworkRetries: stripego.Int64(0), // the transport repeats reads, the outbox writes
		EnableTelemetry:   stripego.Bool(false),
		LeveledLogger:     &stripego.LeveledLogger{Level: stripego.LevelNull},
	})
	a.api.Init(c.Key, &stripego.Backends{API: a.backend, Connect: a.backend, Uploads: a.backend})
	return a, nil
}

// String hides the secrets.
func (a *Adapter) String() string { return "stripe adapter" }

// GoString hides the secrets.
func (a *Adapter) GoString() string { return a.String() }

// Probe lists one customer: the cheapest read that every key which serves
// this adapter must allow.
func (a *Adapter) Probe(ctx context.Context) error {
	_, err := list[customerObject](ctx, a, "/v1/customers", query{{"limit", "1"}})
	return err
}

var _ adapters.Adapter = (*Adapter)(nil)
