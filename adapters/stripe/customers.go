package stripe

import (
	"context"
	"maps"
	"slices"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
)

// Limits of metadata (docs.stripe.com/metadata). Pairs of the application that
// do not fit stay in the core; ours come first.
const (
	maxPairs = 50
	maxKey   = 40
	maxValue = 500
)

// PutCustomer creates a customer, or updates the linked one. The
// application's id goes into metadata, since Stripe has no external id. On an
// update an empty name or e-mail address is cleared there too.
func (a *Adapter) PutCustomer(ctx context.Context, o adapters.CustomerOrder) (adapters.Answer, error) {
	params := &stripego.CustomerParams{Params: write(ctx, string(o.Mark.ID)), Metadata: customerPairs(o)}
	known := o.Links.One(adapters.RoleCustomer)
	if o.Name != "" || known != "" {
		params.Name = stripego.String(clip(o.Name, 256))
	}
	if o.Email != "" || known != "" {
		params.Email = stripego.String(o.Email)
	}
	var got *stripego.Customer
	var err error
	if known != "" {
		got, err = a.api.Customers.Update(known, params)
	} else {
		got, err = a.api.Customers.New(params)
	}
	switch {
	case err != nil:
		return adapters.Answer{}, writeFailed(err)
	case got.ID == "" || known != "" && got.ID != known:
		return adapters.Answer{}, noEffectSeen()
	}
	return customerAnswer(o.ID, got.ID), nil
}

func customerAnswer(neutral, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleCustomer, Vendor: vendor}}}
}

// customerPairs is the metadata of a customer: ours, then the application's in
// the order of their keys while they fit.
func customerPairs(o adapters.CustomerOrder) map[string]string {
	pairs := map[string]string{metaCustomer: o.ID, metaIntent: string(o.Mark.ID)}
	for _, k := range slices.Sorted(maps.Keys(o.Metadata)) {
		v := o.Metadata[k]
		_, ours := pairs[k]
		fits := k != "" && len([]rune(k)) <= maxKey && len([]rune(v)) <= maxValue && !strings.ContainsAny(k, "[]")
		if !ours && fits && len(pairs) < maxPairs {
			pairs[k] = v
		}
	}
	return pairs
}

// Customers lists customers, newest first.
func (a *Adapter) Customers(ctx context.Context, p adapters.Page) (adapters.Listing[adapters.VendorCustomer], error) {
	var out adapters.Listing[adapters.VendorCustomer]
	got, next, err := listing(ctx, a, "/v1/customers", nil, p, customerID)
	if err != nil {
		return out, err
	}
	for _, c := range got.Data {
		out.Items = append(out.Items, adapters.VendorCustomer{ID: c.ID, Neutral: c.Metadata[metaCustomer], Name: c.Name, Email: c.Email})
	}
	out.Next = next
	return out, nil
}

func customerID(c customerObject) string { return c.ID }

var (
	_ adapters.CustomerWriter = (*Adapter)(nil)
	_ adapters.CustomerReader = (*Adapter)(nil)
)
