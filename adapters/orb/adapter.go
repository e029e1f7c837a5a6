package orb

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Adapter speaks to one Orb account. It holds no state beside its
// configuration and is safe for concurrent use.
type Adapter struct {
	secrets [][]byte
	units   []string
	api     *rest.Client
	now     func() core.Time
}

// New returns an adapter, or a [adapters.CodeInvalid] error for a config that
// could never work: no key, a blank webhook secret, an unusable address.
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
	a := &Adapter{now: c.Now, units: slices.Compact(slices.Sorted(slices.Values(c.Units)))} // each is read once
	if len(a.units) == 0 {
		a.units = []string{defaultUnit}
	}
	for _, s := range c.WebhookSecrets {
		a.secrets = append(a.secrets, []byte(s))
	}
	var err error
	a.api, err = rest.New(rest.Options{
		BaseURL: c.BaseURL, HTTP: c.HTTP, KeyHeader: "Idempotency-Key", Judge: judge,
		Header: http.Header{"Authorization": {"Bearer " + c.Key}},
	})
	return a, err
}

// String hides the secrets.
func (a *Adapter) String() string { return "orb adapter" }

// GoString hides the secrets.
func (a *Adapter) GoString() string { return a.String() }

// Probe asks for the ping that Orb has to check a key with.
func (a *Adapter) Probe(ctx context.Context) error {
	var pong struct {
		Response *string `json:"response"`
	}
	if err := a.api.Get(ctx, "/ping", nil, &pong); err != nil {
		return err
	}
	if pong.Response == nil {
		return adapters.Errorf(adapters.CodeBadAnswer, "the answer is not that of a ping")
	}
	return nil
}

// Prepare checks that the units are usable as far as Orb lets it: units cannot
// be made or listed by the API, and credits can be read of a customer only. So
// the credits of some customer are asked for in each unit; a unit that Orb
// refuses is named in the error. Where there is no customer yet, nothing can
// be checked and the units are accepted. A real currency needs no making, and
// its credits can be read of a customer only that is invoiced in it: it is not
// asked about.
func (a *Adapter) Prepare(ctx context.Context, o adapters.Setup) (adapters.Answer, error) {
	var unread, ask []string
	for _, u := range o.Units {
		if !slices.Contains(a.units, u) {
			unread = append(unread, u)
		}
		if _, ok := realCurrency(u); !ok {
			ask = append(ask, u)
		}
	}
	if len(unread) > 0 {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the connection carries %q, which are not among the units it reads", unread)
	}
	if len(ask) == 0 {
		return adapters.Answer{}, nil
	}
	some, err := list[customerObject](ctx, a, "/customers", url.Values{"limit": {"1"}})
	if err != nil || len(some.Data) == 0 {
		return adapters.Answer{}, err
	}
	var missing []string
	for _, u := range ask {
		q := url.Values{"limit": {"1"}, "currency": {u}}
		_, err := list[block](ctx, a, rest.Path("customers", some.Data[0].ID, "credits"), q)
		if hasCode(err, adapters.CodeInvalid) {
			missing = append(missing, u)
		} else if err != nil {
			return adapters.Answer{}, err
		}
	}
	if len(missing) > 0 {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid,
			"the vendor does not know the pricing units %s, make them in its app: its API cannot", strings.Join(missing, ", "))
	}
	return adapters.Answer{}, nil
}

var (
	_ adapters.Adapter  = (*Adapter)(nil)
	_ adapters.Preparer = (*Adapter)(nil)
)
