package chargebee

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"scrip/adapters"
	"scrip/internal/rest"
)

// maxPairs bounds the application's metadata on a customer; the vendor's own
// bound is not documented.
const maxPairs = 50

// address is what the vendor takes for an e-mail address, by the pattern of its
// own library.
var address = regexp.MustCompile(`^(?:[A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`)

type customerAnswer struct {
	Customer customerObject `json:"customer"`
}

// PutCustomer creates a customer under the application's id, a longer one under
// its hash, or updates the linked one. One that exists under that id is linked
// and updated. What is empty here is left as it is there; metadata are written
// once, so that nobody else's are lost. An address that the vendor would refuse
// is left out.
func (a *Adapter) PutCustomer(ctx context.Context, o adapters.CustomerOrder) (adapters.Answer, error) {
	form := url.Values{}
	if o.Name != "" {
		form.Set("company", clip(o.Name, maxText))
	}
	if len(o.Email) <= 70 && address.MatchString(o.Email) {
		form.Set("email", o.Email)
	}
	if known := o.Links.One(adapters.RoleCustomer); known != "" {
		return a.updateCustomer(ctx, o, known, form)
	}
	meta, err := customerMeta(o)
	if err != nil {
		return adapters.Answer{}, err
	}
	first, id := maps.Clone(form), vendorID(o.ID)
	first.Set("id", id)
	first.Set("meta_data", meta)
	if o.Currency != "" {
		first.Set("preferred_currency_code", strings.ToUpper(string(o.Currency)))
	}
	var made customerAnswer
	err = a.api.SendForm(ctx, "/customers", string(o.Mark.ID), first, &made)
	switch {
	case exists(err):
		return a.updateCustomer(ctx, o, id, form)
	case err != nil:
		return adapters.Answer{}, err
	case made.Customer.ID != id:
		return adapters.Answer{}, noEffectSeen()
	}
	return linked(o.ID, adapters.RoleCustomer, id), nil
}

func (a *Adapter) updateCustomer(ctx context.Context, o adapters.CustomerOrder, id string, form url.Values) (adapters.Answer, error) {
	var got customerAnswer
	err := a.api.SendForm(ctx, rest.Path("customers", id), string(o.Mark.ID)+":update", form, &got)
	if rest.HasCode(err, adapters.CodeNotFound) {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "customer %q was deleted at the vendor, which gives its id to nobody else", clip(id, maxID))
	}
	if err == nil && got.Customer.ID != id {
		err = noEffectSeen()
	}
	if err != nil {
		return adapters.Answer{}, err
	}
	return linked(o.ID, adapters.RoleCustomer, id), nil
}

func linked(neutral, role, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: role, Vendor: vendor}}}
}

// customerMeta is the metadata of a customer: ours, then the application's in
// the order of their keys while they fit.
func customerMeta(o adapters.CustomerOrder) (string, error) {
	pairs := map[string]string{metaIntent: string(o.Mark.ID), metaExternal: o.ID}
	for _, k := range slices.Sorted(maps.Keys(o.Metadata)) {
		if _, ours := pairs[k]; !ours && k != "" && len(pairs) < maxPairs {
			pairs[k] = clip(o.Metadata[k], maxText)
		}
	}
	text, err := json.Marshal(pairs)
	if err != nil {
		return "", adapters.Errorf(adapters.CodeInvalid, "the customer's metadata cannot be written as JSON")
	}
	return string(text), nil
}

// Customers lists customers.
func (a *Adapter) Customers(ctx context.Context, p adapters.Page) (adapters.Listing[adapters.VendorCustomer], error) {
	items, next, err := list[customerObject](ctx, a, "/customers", "customer", pageOf(p))
	out := adapters.Listing[adapters.VendorCustomer]{Next: next}
	for i := range items {
		c := &items[i]
		name := c.Company
		if name == "" {
			name = strings.TrimSpace(c.First + " " + c.Last)
		}
		out.Items = append(out.Items, adapters.VendorCustomer{ID: c.ID, Neutral: c.neutral(), Name: name, Email: c.Email})
	}
	return out, err
}

var (
	_ adapters.CustomerWriter = (*Adapter)(nil)
	_ adapters.CustomerReader = (*Adapter)(nil)
)
