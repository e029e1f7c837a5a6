package orb

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"scrip/adapters"
	"scrip/internal/rest"
)

// Bounds of what is written of a customer. Orb names those of name and e-mail
// address; those of metadata are not documented and ours are modest.
const (
	maxName  = 500
	maxPairs = 50
	maxValue = 500
)

// customerBody is a new customer, or a change: what is left out stays.
type customerBody struct {
	Name     string            `json:"name,omitempty"`
	Email    string            `json:"email,omitempty"`
	External string            `json:"external_customer_id,omitempty"`
	Currency string            `json:"currency,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// PutCustomer creates a customer under the application's id, or updates the
// linked one. One that exists under that id is linked and updated. Orb demands
// a name and an e-mail address: a customer without them is created with its id
// and an address that can never receive mail. On an update what is empty here
// is left as it is there, and so is the currency: it can be set once.
func (a *Adapter) PutCustomer(ctx context.Context, o adapters.CustomerOrder) (adapters.Answer, error) {
	body := customerBody{Name: clip(o.Name, maxName), Email: o.Email, Metadata: customerPairs(o)}
	if known := o.Links.One(adapters.RoleCustomer); known != "" {
		return a.updateCustomer(ctx, o.ID, known, "", body)
	}
	first := body
	first.External = o.ID
	if first.Name == "" {
		first.Name = clip(o.ID, maxName)
	}
	if first.Email == "" {
		first.Email = placeholder(o.ID)
	}
	if o.Currency != "" {
		first.Currency = isoCode(o.Currency)
	}
	var made customerObject
	err := a.api.Send(ctx, http.MethodPost, "/customers", string(o.Mark.ID), first, &made)
	if first.Currency != "" && hasCode(err, adapters.CodeInvalid) && !exists(err) {
		// Orb may not invoice in that currency. A customer without one is better
		// than none: what needs the currency says so.
		first.Currency = ""
		err = a.api.Send(ctx, http.MethodPost, "/customers", string(o.Mark.ID)+":open", first, &made)
	}
	if exists(err) || hasCode(err, adapters.CodeConflict) {
		found, readErr := a.customerByExternal(ctx, o.ID)
		switch {
		case readErr != nil && !hasCode(readErr, adapters.CodeNotFound):
			return adapters.Answer{}, readErr
		case readErr == nil:
			return a.updateCustomer(ctx, o.ID, found.ID, "", body)
		}
	}
	switch {
	case err != nil:
		return adapters.Answer{}, err
	case made.ID == "":
		return adapters.Answer{}, noEffectSeen()
	}
	return customerAnswer(o.ID, made.ID), nil
}

func (a *Adapter) updateCustomer(ctx context.Context, neutral, id, key string, body customerBody) (adapters.Answer, error) {
	var got customerObject
	if err := a.api.Send(ctx, http.MethodPut, rest.Path("customers", id), key, body, &got); err != nil {
		return adapters.Answer{}, err
	}
	if got.ID != id {
		return adapters.Answer{}, noEffectSeen()
	}
	return customerAnswer(neutral, id), nil
}

func (a *Adapter) customerByExternal(ctx context.Context, external string) (customerObject, error) {
	var c customerObject
	err := a.api.Get(ctx, rest.Path("customers", "external_customer_id", external), nil, &c)
	if err == nil && (c.ID == "" || c.External != external) {
		err = adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the customer that was asked for")
	}
	return c, err
}

func customerAnswer(neutral, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleCustomer, Vendor: vendor}}}
}

// customerPairs is the metadata of a customer: ours, then the application's in
// the order of their keys while they fit.
func customerPairs(o adapters.CustomerOrder) map[string]string {
	pairs := map[string]string{metaIntent: string(o.Mark.ID)}
	for _, k := range slices.Sorted(maps.Keys(o.Metadata)) {
		v := o.Metadata[k]
		if k != "" && k != metaIntent && len(k) <= maxValue && len(v) <= maxValue && len(pairs) < maxPairs {
			pairs[k] = v
		}
	}
	return pairs
}

// placeholder is an address under .invalid, which no mail can reach (RFC 2606).
func placeholder(id string) string {
	local := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, clip(id, 60)), "-")
	if local == "" {
		local = "customer"
	}
	return local + "@scrip.invalid"
}

// Customers lists customers, newest first.
func (a *Adapter) Customers(ctx context.Context, p adapters.Page) (adapters.Listing[adapters.VendorCustomer], error) {
	var out adapters.Listing[adapters.VendorCustomer]
	q := url.Values{"limit": {strconv.Itoa(limit(p))}}
	if p.Cursor != "" {
		q.Set("cursor", p.Cursor)
	}
	got, err := list[customerObject](ctx, a, "/customers", q)
	if err != nil {
		return out, err
	}
	for _, c := range got.Data {
		out.Items = append(out.Items, adapters.VendorCustomer{ID: c.ID, Neutral: c.External, Name: c.Name, Email: c.Email})
	}
	out.Next = got.next
	return out, nil
}

// limit is the size of the page that the caller asks for.
func limit(p adapters.Page) int {
	if p.Limit <= 0 || p.Limit > pageSize {
		return pageSize
	}
	return p.Limit
}

var (
	_ adapters.CustomerWriter = (*Adapter)(nil)
	_ adapters.CustomerReader = (*Adapter)(nil)
)
