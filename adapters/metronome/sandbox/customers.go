package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	maxName    = 160
	maxAliases = 2000
)

func createCustomer(c *call) (any, error) {
	var in struct {
		Name     *string           `json:"name"`
		External *string           `json:"external_id"`
		Aliases  []string          `json:"ingest_aliases"`
		Custom   map[string]string `json:"custom_fields"`
		Billing  json.RawMessage   `json:"customer_billing_provider_configurations"`
		Revenue  json.RawMessage   `json:"customer_revenue_system_configurations"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if or(in.Name, "") == "" {
		return nil, invalid("name is required")
	}
	if in.External != nil && (*in.External == "" || len(*in.External) > maxKeyLength) {
		return nil, invalid("external_id must have 1 to %d characters", maxKeyLength)
	}
	aliases := in.Aliases
	if in.External != nil && !slices.Contains(aliases, *in.External) {
		aliases = append([]string{*in.External}, aliases...)
	}
	if err := c.freeAliases("", aliases); err != nil {
		return nil, err
	}
	if err := c.declared("customer", in.Custom); err != nil {
		return nil, err
	}
	x := &customer{ID: uuid(c.a), Name: cutName(*in.Name), ExternalID: or(in.External, ""), Aliases: filled(aliases), Custom: in.Custom, Created: c.now, Updated: c.now}
	if x.ExternalID == "" && len(aliases) > 0 {
		x.ExternalID = aliases[0]
	}
	c.st.Customers.add(x)
	c.matchUsage(x)
	return obj{"data": renderCustomer(x)}, nil
}

func cutName(name string) string {
	runes := []rune(name)
	return string(runes[:min(len(runes), maxName)])
}

// freeAliases demands that no other customer, archived ones included, has one
// of the aliases.
func (w *world) freeAliases(own string, aliases []string) error {
	if len(aliases) > maxAliases {
		return invalid("ingest_aliases has at most %d items", maxAliases)
	}
	for _, alias := range aliases {
		if alias == "" || len(alias) > maxKeyLength {
			return invalid("an ingest alias must have 1 to %d characters", maxKeyLength)
		}
		if x, ok := w.byAlias(alias); ok && x.ID != own {
			return failure(http.StatusConflict, "Ingest alias %q is already in use.", alias)
		}
	}
	return nil
}

func (w *world) byAlias(alias string) (*customer, bool) {
	for _, x := range w.st.Customers.Rows {
		if slices.Contains(x.Aliases, alias) {
			return x, true
		}
	}
	return nil, false
}

// customer finds who a body names.
func (w *world) customer(id string) (*customer, error) {
	if err := ident("customer_id", id); err != nil {
		return nil, err
	}
	x, ok := w.st.Customers.get(id)
	if !ok {
		return nil, missing("Customer", id)
	}
	return x, nil
}

// living refuses writes to archived customers.
func (w *world) living(id string) (*customer, error) {
	x, err := w.customer(id)
	if err == nil && x.Archived != nil {
		err = invalid("Customer %s is archived", id)
	}
	return x, err
}

func renderCustomer(x *customer) obj {
	return obj{"id": x.ID, "external_id": x.ExternalID, "ingest_aliases": filled(x.Aliases), "name": x.Name, "custom_fields": words(x.Custom)}
}

func (w *world) detail(x *customer) obj {
	out := renderCustomer(x)
	out["customer_config"] = obj{"salesforce_account_id": nil}
	out["created_at"], out["updated_at"], out["archived_at"] = w.stamp(x.Created), w.stamp(x.Updated), nil
	if x.Archived != nil {
		out["archived_at"] = w.stamp(*x.Archived)
	}
	return out
}

func words(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func listCustomers(c *call) (any, error) {
	q := c.Request.URL.Query()
	alias, archived := q.Get("ingest_alias"), q.Get("only_archived") == "true"
	var ids []string
	for _, text := range append(q["customer_ids"], q["customer_ids[]"]...) {
		ids = append(ids, strings.Split(text, ",")...)
	}
	if len(ids) > maxPage {
		return nil, invalid("customer_ids has at most %d items", maxPage)
	}
	return listed(c, c.st.Customers.Rows, func(x *customer) bool {
		return (x.Archived != nil) == archived && (alias == "" || slices.Contains(x.Aliases, alias)) && (ids == nil || slices.Contains(ids, x.ID))
	}, c.detail)
}

func getCustomer(c *call) (any, error) {
	x, err := c.customer(c.Path("customer_id"))
	if err != nil {
		return nil, err
	}
	return obj{"data": c.detail(x)}, nil
}

func setAliases(c *call) (any, error) {
	var in struct {
		Aliases *[]string `json:"ingest_aliases"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.customer(c.Path("customer_id"))
	if err != nil {
		return nil, err
	}
	if in.Aliases == nil {
		return nil, invalid("ingest_aliases is required")
	}
	if err := c.freeAliases(x.ID, *in.Aliases); err != nil {
		return nil, err
	}
	x.Aliases, x.Updated = *in.Aliases, c.now
	if len(x.Aliases) > 0 && !slices.Contains(x.Aliases, x.ExternalID) {
		x.ExternalID = x.Aliases[0]
	}
	c.matchUsage(x)
	return nil, nil
}

func setName(c *call) (any, error) {
	var in struct {
		Name string `json:"name"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.customer(c.Path("customer_id"))
	if err != nil {
		return nil, err
	}
	if in.Name == "" {
		return nil, invalid("name is required")
	}
	x.Name, x.Updated = cutName(in.Name), c.now
	return obj{"data": renderCustomer(x)}, nil
}

func archiveCustomer(c *call) (any, error) {
	var in struct {
		ID string `json:"id"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.living(in.ID)
	if err != nil {
		return nil, err
	}
	x.Archived, x.Updated = &c.now, c.now
	for _, k := range c.st.Contracts.Rows {
		if k.Customer == x.ID && (k.End == nil || k.End.After(c.now)) {
			end := c.now
			k.End = &end
		}
	}
	for _, inv := range c.st.Invoices.Rows {
		if inv.Customer == x.ID && inv.Status != void {
			c.voidInvoice(inv)
		}
	}
	c.live()
	return obj{"data": obj{"id": x.ID}}, nil
}

// stamp writes an instant as answers carry it.
func (w *world) stamp(t time.Time) string {
	if w.a.Variant(wholeSeconds) {
		return t.UTC().Format(time.RFC3339)
	}
	return stamp(t)
}
