package lago

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Bounds of what is written of a customer. That of the name is documented,
// those of metadata are not: ours are modest.
const (
	maxName  = 255
	maxPairs = 5
)

// billing links a customer to a payment provider.
type billing struct {
	Provider string `json:"payment_provider"`
	Code     string `json:"payment_provider_code"`
	Sync     bool   `json:"sync_with_provider"`
}

type customerBody struct {
	External string   `json:"external_id"`
	Name     string   `json:"name,omitempty"`
	Email    string   `json:"email,omitempty"`
	Currency string   `json:"currency,omitempty"`
	Billing  *billing `json:"billing_configuration,omitempty"`
	Metadata pairs    `json:"metadata,omitempty"`
}

// PutCustomer creates or updates the customer under the application's id, which
// is the id at Lago too: one call does either. It is read first, since pairs of
// metadata that exist are changed by their ids. What is empty here is left as it
// is there, and so is the currency: it is sent once. A new customer is linked to
// the configured payment provider, so that packs can be paid for.
func (a *Adapter) PutCustomer(ctx context.Context, o adapters.CustomerOrder) (adapters.Answer, error) {
	id := o.Links.One(adapters.RoleCustomer)
	if id == "" {
		id = o.ID
	}
	there, err := a.customer(ctx, id)
	if err != nil {
		return adapters.Answer{}, err
	}
	body := customerBody{External: id, Name: clip(o.Name, maxName), Email: o.Email, Metadata: customerPairs(o, there.Metadata)}
	if there.External == "" {
		body.Currency = strings.ToUpper(string(o.Currency))
		if a.collector.Code != "" {
			body.Billing = &a.collector
		}
	}
	var made struct {
		Customer customer `json:"customer"`
	}
	if err := a.api.Send(ctx, http.MethodPost, "/customers", "", map[string]any{"customer": body}, &made); err != nil {
		return adapters.Answer{}, err
	}
	if made.Customer.External != id {
		return adapters.Answer{}, noEffectSeen()
	}
	return customerAnswer(o.ID, id), nil
}

func customerAnswer(neutral, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleCustomer, Vendor: vendor}}}
}

// customerPairs is the metadata of a customer: ours, then the application's in
// the order of their keys while they fit.
func customerPairs(o adapters.CustomerOrder, there pairs) pairs {
	hidden := false
	out := pairs{{Key: metaIntent, Value: string(o.Mark.ID), Shown: &hidden}}
	for _, k := range slices.Sorted(maps.Keys(o.Metadata)) {
		v := o.Metadata[k]
		if k != "" && v != "" && k != metaIntent && len(k) <= 20 && len(v) <= maxValue && len(out) < maxPairs {
			out = append(out, pair{Key: k, Value: v, Shown: &hidden})
		}
	}
	for i := range out {
		for _, known := range there {
			if known.Key == out[i].Key {
				out[i].ID = known.Named
			}
		}
	}
	return out
}

// customer reads a customer by its id at Lago; none is no error.
func (a *Adapter) customer(ctx context.Context, id string) (customer, error) {
	var got struct {
		Customer customer `json:"customer"`
	}
	err := a.api.Get(ctx, rest.Path("customers", id), nil, &got)
	switch {
	case refusedAs(err, "customer_not_found"):
		return customer{}, nil
	case err == nil && got.Customer.External != id:
		err = adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the customer that was asked for")
	}
	return got.Customer, err
}

// Customers lists customers, newest first.
func (a *Adapter) Customers(ctx context.Context, p adapters.Page) (out adapters.Listing[adapters.VendorCustomer], err error) {
	out.Next, err = a.page(ctx, "/customers", "customers", url.Values{}, p, func(raw json.RawMessage, _ string, _ times) (bool, error) {
		var c customer
		if json.Unmarshal(raw, &c) != nil {
			return false, adapters.Errorf(adapters.CodeBadAnswer, "a listed customer cannot be read")
		}
		out.Items = append(out.Items, adapters.VendorCustomer{ID: c.External, Neutral: c.External, Name: c.Name, Email: c.Email})
		return false, nil
	})
	return out, err
}

// limit is the size of the page that the caller asks for.
func limit(p adapters.Page) int {
	if p.Limit <= 0 || p.Limit > pageSize {
		return pageSize
	}
	return p.Limit
}

const second = core.Time(1_000_000)

var (
	_ adapters.CustomerWriter = (*Adapter)(nil)
	_ adapters.CustomerReader = (*Adapter)(nil)
)
