package metronome

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"scrip/adapters"
	"scrip/internal/rest"
)

// Bounds of what is written of a customer; the vendor cuts longer names itself.
const (
	maxName  = 160
	maxAlias = 128
)

type customerObject struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	External string   `json:"external_id"`
	Aliases  []string `json:"ingest_aliases"`
}

// PutCustomer creates a customer with the application's id as ingest alias, or
// names the linked one. An alias belongs to one customer for ever, so that it
// serves as the key of the write, too. The vendor has nowhere to keep e-mail
// addresses and metadata, and an empty name leaves the one it has.
func (a *Adapter) PutCustomer(ctx context.Context, o adapters.CustomerOrder) (adapters.Answer, error) {
	if o.ID == "" || len([]rune(o.ID)) > maxAlias {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "customer id %.64q cannot be an ingest alias, which has 1 to %d characters", o.ID, maxAlias)
	}
	name := clip(o.Name, maxName)
	if known := o.Links.One(adapters.RoleCustomer); known != "" {
		return a.rename(ctx, o.ID, known, name)
	}
	made, err := a.makes(ctx, "/v1/customers", "", body{"name": first(name, o.ID), "ingest_aliases": []string{o.ID}})
	if e := adapters.AsError(err); err != nil && e.Status == http.StatusConflict {
		found, archived, readErr := a.customerByAlias(ctx, o.ID)
		switch {
		case readErr != nil:
			return adapters.Answer{}, readErr
		case found.ID == "" && e.Vendor == keyUsed:
			return adapters.Answer{}, unlisted("the customer of this alias")
		case found.ID == "":
			return adapters.Answer{}, err
		case archived:
			return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid,
				"the alias %q belongs to the archived customer %.64q, take it off that one in the vendor's app", o.ID, found.ID)
		}
		return a.rename(ctx, o.ID, found.ID, name)
	}
	if err != nil {
		return adapters.Answer{}, err
	}
	return customerAnswer(o.ID, made), nil
}

// rename gives a customer its name, "" for the one that it has.
func (a *Adapter) rename(ctx context.Context, neutral, id, name string) (adapters.Answer, error) {
	if name == "" {
		return customerAnswer(neutral, id), nil
	}
	if _, err := a.makes(ctx, rest.Path("v1", "customers", id, "setName"), "", body{"name": name}); err != nil {
		return adapters.Answer{}, err
	}
	return customerAnswer(neutral, id), nil
}

// customerByAlias looks a customer up, an archived one only where no other has
// the alias. None is no error.
func (a *Adapter) customerByAlias(ctx context.Context, alias string) (found customerObject, archived bool, err error) {
	for _, archived := range []bool{false, true} {
		q := url.Values{"ingest_alias": {alias}}
		if archived {
			q.Set("only_archived", "true")
		}
		err := each(ctx, a, "/v1/customers", q, nil, func(c *customerObject) bool {
			if slices.Contains(c.Aliases, alias) { // the filter is the vendor's to keep
				found = *c
			}
			return found.ID != ""
		})
		if err != nil || found.ID != "" {
			return found, archived, err
		}
	}
	return found, false, nil
}

func customerAnswer(neutral, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleCustomer, Vendor: vendor}}}
}

// Customers lists customers. One with several aliases is known by the vendor's
// older external id, which is the alias that it was made with.
func (a *Adapter) Customers(ctx context.Context, p adapters.Page) (adapters.Listing[adapters.VendorCustomer], error) {
	var out adapters.Listing[adapters.VendorCustomer]
	q := url.Values{"limit": {strconv.Itoa(limit(p, 100))}}
	if p.Cursor != "" {
		q.Set("next_page", p.Cursor)
	}
	got, next, err := list[customerObject](ctx, a, "/v1/customers", q, nil)
	if err != nil {
		return out, err
	}
	for _, c := range got {
		v := adapters.VendorCustomer{ID: c.ID, Name: c.Name}
		if len(c.Aliases) > 0 {
			v.Neutral = c.Aliases[0]
		}
		if slices.Contains(c.Aliases, c.External) {
			v.Neutral = c.External
		}
		out.Items = append(out.Items, v)
	}
	out.Next = next
	return out, nil
}

// limit is the size of the page that the caller asks for.
func limit(p adapters.Page, most int) int {
	if p.Limit <= 0 || p.Limit > most {
		return most
	}
	return p.Limit
}

// clip cuts a text to what the vendor takes, in characters.
func clip(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most])
	}
	return s
}

var (
	_ adapters.CustomerWriter = (*Adapter)(nil)
	_ adapters.CustomerReader = (*Adapter)(nil)
)
