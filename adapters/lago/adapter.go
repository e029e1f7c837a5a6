package lago

import (
	"context"
	"crypto/rsa"
	"net/http"
	"net/url"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Adapter speaks to one Lago organization. It holds no state beside its
// configuration and is safe for concurrent use, but for one customer's orders,
// which must follow one another.
type Adapter struct {
	hmacs     [][]byte
	keys      []*rsa.PublicKey
	issuer    string
	collector billing
	api       *rest.Client
	now       func() core.Time
}

// New returns an adapter, or a [adapters.CodeInvalid] error for a config that
// could never work: no key, a blank webhook secret, an unusable address.
func New(c Config) (*Adapter, error) {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Now == nil {
		c.Now = func() core.Time { return core.TimeOf(time.Now()) }
	}
	hmacs, keys, err := c.secrets()
	if err != nil {
		return nil, err
	}
	a := &Adapter{hmacs: hmacs, keys: keys, issuer: c.issuer(), now: c.Now}
	if c.Collector != "" {
		kind, code, ok := strings.Cut(c.Collector, ":")
		if !ok || kind == "" || code == "" {
			return nil, adapters.Errorf(adapters.CodeInvalid, "the payment provider %.64q is not its kind and code, such as \"stripe:stripe_main\"", c.Collector)
		}
		a.collector = billing{Provider: kind, Code: code, Sync: true}
	}
	a.api, err = rest.New(rest.Options{
		BaseURL: c.BaseURL, HTTP: c.HTTP, Judge: judge, WaitHeader: "X-RateLimit-Reset",
		Header: http.Header{"Authorization": {"Bearer " + c.Key}},
	})
	return a, err
}

// String hides the secrets.
func (a *Adapter) String() string { return "lago adapter" }

// GoString hides the secrets.
func (a *Adapter) GoString() string { return a.String() }

// Probe asks for one customer.
func (a *Adapter) Probe(ctx context.Context) error {
	_, err := list[customer](ctx, a, "/customers", "customers", url.Values{}, 1, 1)
	return err
}

// addOn is what pack invoices are made out for: each line of a one-off invoice
// must be of an add-on, whose price the line replaces.
const addOn = "scrip_pack"

// Prepare finds, or makes where the setup allows it, the add-on that packs are
// invoiced by. Wallets need no preparation: the currency of each is its own.
func (a *Adapter) Prepare(ctx context.Context, o adapters.Setup) (adapters.Answer, error) {
	if o.Currency != "" {
		if err := carries(o.Currency.Exponent(), string(o.Currency)); err != nil {
			return adapters.Answer{}, err
		}
	}
	if len(o.Packs) == 0 {
		return adapters.Answer{}, nil
	}
	type named struct {
		Code string `json:"code"`
	}
	var found struct {
		AddOn named `json:"add_on"`
	}
	err := a.api.Get(ctx, rest.Path("add_ons", addOn), nil, &found)
	switch {
	case err == nil && found.AddOn.Code != addOn:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the add-on that was asked for")
	case refusedAs(err, "add_on_not_found") && !o.Create:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "missing at the vendor: add-on %s; allow it to be made, or make it", addOn)
	case refusedAs(err, "add_on_not_found"):
		err = a.makeAddOn(ctx, o)
	}
	if err != nil {
		return adapters.Answer{}, err
	}
	var out adapters.Answer
	for _, pack := range o.Packs {
		out.Links = append(out.Links, adapters.Link{Neutral: pack, Role: adapters.RoleProduct, Vendor: addOn})
	}
	return out, nil
}

func (a *Adapter) makeAddOn(ctx context.Context, o adapters.Setup) error {
	currency := o.Currency
	if currency == "" {
		currency = "usd"
	}
	err := a.api.Send(ctx, http.MethodPost, "/add_ons", "", map[string]any{"add_on": map[string]any{
		"name": "Credits", "code": addOn, "amount_cents": 0, "amount_currency": strings.ToUpper(string(currency)),
		"description": "made by scrip: each invoice names its own price",
	}}, nil)
	if refusedFor(err, "value_already_exist") {
		return nil // another process was faster
	}
	return err
}

var (
	_ adapters.Adapter  = (*Adapter)(nil)
	_ adapters.Preparer = (*Adapter)(nil)
)
