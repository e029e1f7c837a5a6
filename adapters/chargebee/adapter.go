package chargebee

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Provider is the vendor's name in the config and in the capability matrix.
const Provider = "chargebee"

// defaultUser is the user of a webhook endpoint whose secret names none.
const defaultUser = "scrip"

// Config is what one Chargebee site needs.
type Config struct {
	// Key is the API key. Test and live sites have separate keys and hosts.
	Key string
	// WebhookSecrets are user and password of the endpoints, each written
	// "user:password"; the password may hold colons. One without a colon is the
	// password of the user "scrip". Without any, no delivery is accepted.
	WebhookSecrets []string
	// BaseURL is the site's address, such as https://acme.chargebee.com/api/v2.
	BaseURL string
	// Carrier is the item price of a plan that customers' subscriptions are made
	// of; one without cost is made when it is empty.
	Carrier string
	// HTTP carries the calls; a bounded client that repeats reads when nil.
	HTTP *http.Client
	// Now is business time, which decides what has expired; the wall clock when nil.
	Now func() core.Time
}

// String hides the secrets.
func (c Config) String() string { return "chargebee config" }

// GoString hides the secrets.
func (c Config) GoString() string { return c.String() }

// Adapter speaks to one Chargebee site. It holds no state beside its
// configuration and is safe for concurrent use.
type Adapter struct {
	logins  [][]byte // user:password
	carrier string
	api     *rest.Client
	now     func() core.Time
}

// New returns an adapter, or a [adapters.CodeInvalid] error for a config that
// could never work: no key, no address, a webhook secret that is no user and
// password.
func New(c Config) (*Adapter, error) {
	if why := rest.SecretFault(c.Key); why != "" {
		return nil, adapters.Errorf(adapters.CodeInvalid, "the API key %s", why)
	}
	if c.BaseURL == "" {
		return nil, adapters.Errorf(adapters.CodeInvalid, "the site's address is missing, set base_url to one such as https://acme.chargebee.com")
	}
	a := &Adapter{carrier: c.Carrier, now: c.Now}
	for i, s := range c.WebhookSecrets {
		user, password, named := strings.Cut(s, ":")
		if !named {
			user, password = defaultUser, s
		}
		if rest.SecretFault(s) != "" || user == "" || password == "" {
			return nil, adapters.Errorf(adapters.CodeInvalid, "webhook secret %d is not the password, or user:password, of the vendor's webhook endpoint", i+1)
		}
		a.logins = append(a.logins, []byte(user+":"+password))
	}
	if a.now == nil {
		a.now = func() core.Time { return core.TimeOf(time.Now()) }
	}
	var err error
	a.api, err = rest.New(rest.Options{
		BaseURL: c.BaseURL, HTTP: c.HTTP, KeyHeader: "chargebee-idempotency-key", Judge: judge,
		Header: http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(c.Key+":"))}},
	})
	return a, err
}

// String hides the secrets.
func (a *Adapter) String() string { return "chargebee adapter" }

// GoString hides the secrets.
func (a *Adapter) GoString() string { return a.String() }

// Probe reads the site's configuration, which has to be that of Product
// Catalog 2: the calls of the older one are others.
func (a *Adapter) Probe(ctx context.Context) error {
	var got struct {
		List []struct {
			Catalog string `json:"product_catalog_version"`
		} `json:"configurations"`
	}
	switch err := a.api.Get(ctx, "/configurations", nil, &got); {
	case err != nil:
		return err
	case len(got.List) == 0:
		return adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the configuration of a site")
	case got.List[0].Catalog != "v2":
		return adapters.Errorf(adapters.CodeInvalid, "the site has another product catalog than version 2, which this adapter needs")
	}
	return nil
}

var _ adapters.Adapter = (*Adapter)(nil)
