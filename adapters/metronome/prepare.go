package metronome

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/internal/rest"
)

const creditTypes = "/v1/credit-types/list"

// What a connection's grants rest on.
const (
	productName = "scrip_credits" // the product that every credit and commit must name
	roleUnit    = "unit/"         // and the unit's name; neutral: [adapters.SetupNeutral]; vendor: the credit type's id
	roleFields  = "fields"        // neutral: [adapters.SetupNeutral]; vendor: the custom field of our mark, where it is declared
)

// entities are what is declared to have our custom fields, and fields those.
var (
	entities = [...]string{"commit", "contract_credit"}
	fields   = [...]string{metaIntent, metaGrant, "original", "consumed", "cost_basis", "source"}
)

// Prepare checks that the credit types are there, which the API cannot make,
// and finds or makes the product that grants name and the custom fields that
// let their events be recognised. Without the fields all works but that.
func (a *Adapter) Prepare(ctx context.Context, o adapters.Setup) (adapters.Answer, error) {
	if len(o.Units) == 0 {
		return adapters.Answer{}, nil // nothing is held there
	}
	answer, err := a.namedUnits(ctx, o.Units)
	if err != nil {
		return adapters.Answer{}, err
	}
	product, err := a.product(ctx)
	if err == nil && product == "" {
		product, err = a.makeProduct(ctx, o.Create)
	}
	if err != nil {
		return adapters.Answer{}, err
	}
	answer.Links = append(answer.Links, adapters.Link{Neutral: adapters.SetupNeutral, Role: adapters.RoleProduct, Vendor: product})
	declared, err := a.declare(ctx, o.Create)
	switch {
	case err != nil:
		return adapters.Answer{}, err
	case declared:
		answer.Links = append(answer.Links, adapters.Link{Neutral: adapters.SetupNeutral, Role: roleFields, Vendor: metaIntent})
	}
	return answer, nil
}

// namedUnits links units to the credit types that they name, each to one.
func (a *Adapter) namedUnits(ctx context.Context, units []string) (answer adapters.Answer, err error) {
	ids := map[string][]string{}
	err = each(ctx, a, creditTypes, url.Values{"limit": {"100"}}, nil, func(t *creditType) bool {
		for _, u := range units {
			if t.is(u) && !slices.Contains(ids[u], t.ID) {
				ids[u] = append(ids[u], t.ID)
			}
		}
		return false
	})
	if err != nil {
		return answer, err
	}
	for _, u := range units {
		if len(ids[u]) != 1 {
			return answer, adapters.Errorf(adapters.CodeInvalid,
				"%d credit types of the vendor are %q: make the custom pricing unit in its app, since its API cannot, or map the unit to an id", len(ids[u]), u)
		}
		answer.Links = append(answer.Links, adapters.Link{Neutral: adapters.SetupNeutral, Role: roleUnit + u, Vendor: ids[u][0]})
	}
	return answer, nil
}

// unitID is the credit type that a unit names; "" where it is not linked.
func unitID(links adapters.Links, unit string) string {
	switch {
	case uuid.MatchString(unit):
		return unit
	case strings.EqualFold(unit, "usd"):
		return usdCents
	}
	return on(links, adapters.SetupNeutral, roleUnit+unit)
}

// product is the oldest product of our name, so that all choose the same if
// there are several; "" where there is none.
func (a *Adapter) product(ctx context.Context) (id string, err error) {
	type state struct {
		Name    string    `json:"name"`
		Created time.Time `json:"created_at"`
	}
	type product struct {
		ID       string     `json:"id"`
		Type     string     `json:"type"`
		Archived *time.Time `json:"archived_at"`
		Initial  state      `json:"initial"`
		Current  state      `json:"current"`
	}
	var best product
	filters := map[string]string{"archive_filter": "NOT_ARCHIVED"}
	err = each(ctx, a, "/v1/contract-pricing/products/list", url.Values{"limit": {"100"}}, filters, func(p *product) bool {
		older := best.ID == "" || p.Initial.Created.Before(best.Initial.Created) || p.Initial.Created.Equal(best.Initial.Created) && p.ID < best.ID
		if p.Current.Name == productName && p.Type == "FIXED" && p.Archived == nil && older {
			best = *p
		}
		return false
	})
	return best.ID, err
}

// makeProduct makes the product. Products made twice do no harm.
func (a *Adapter) makeProduct(ctx context.Context, leave bool) (string, error) {
	if !leave {
		return "", adapters.Errorf(adapters.CodeInvalid, "the vendor lacks the product %q of type fixed, make it or let it be created", productName)
	}
	// The hour's own key, since a failure is repeated for the life of a key.
	return a.makes(ctx, "/v1/contract-pricing/products/create", productName+"/"+instant(floorHour(a.now())), body{"name": productName, "type": "FIXED"})
}

// field is a custom field as it is declared.
type field struct {
	Entity string `json:"entity"`
	Key    string `json:"key"`
	Unique bool   `json:"enforce_uniqueness"`
}

// declare reports whether our custom fields are declared, after declaring them
// where it has leave to. An account that cannot have them goes without.
func (a *Adapter) declare(ctx context.Context, leave bool) (bool, error) {
	lacks, err := a.undeclared(ctx)
	if err != nil || len(lacks) == 0 || !leave {
		return err == nil && len(lacks) == 0, without(err)
	}
	for _, f := range lacks {
		// One that somebody declared meanwhile is refused, like one that is not
		// allowed: the next look tells which.
		if err := a.api.Send(ctx, http.MethodPost, "/v1/customFields/addKey", "", f, nil); without(err) != nil {
			return false, err
		}
	}
	lacks, err = a.undeclared(ctx)
	return err == nil && len(lacks) == 0, without(err)
}

// undeclared lists which of our fields are not declared.
func (a *Adapter) undeclared(ctx context.Context) ([]field, error) {
	var lacks []field
	for _, e := range entities {
		for _, k := range fields {
			lacks = append(lacks, field{Entity: e, Key: k})
		}
	}
	err := each(ctx, a, "/v1/customFields/listKeys", url.Values{}, body{"entities": entities}, func(f *field) bool {
		lacks = slices.DeleteFunc(lacks, func(l field) bool { return l.Entity == f.Entity && l.Key == f.Key })
		return false
	})
	return lacks, err
}

// without drops a refusal that repeating would not change.
func without(err error) error {
	if rest.HasCode(err, cannot...) {
		return nil
	}
	return err
}

// cannot are the classes of a refusal that repeating does not change.
var cannot = []adapters.Code{adapters.CodeInvalid, adapters.CodeNotFound, adapters.CodeForbidden, adapters.CodeConflict, adapters.CodeInProgress}

// all are the vendor's objects of one neutral thing in a role.
func all(links adapters.Links, neutral, role string) (vendor []string) {
	for _, l := range links {
		if l.Neutral == neutral && l.Role == role {
			vendor = append(vendor, l.Vendor)
		}
	}
	return vendor
}

// on is the first of them, or "".
func on(links adapters.Links, neutral, role string) string {
	return first(all(links, neutral, role)...)
}

var _ adapters.Preparer = (*Adapter)(nil)
