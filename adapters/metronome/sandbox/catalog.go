package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

// usdCents is the one credit type whose identifier is the same everywhere.
const usdCents = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"

// firstUnits are dollars, the other currencies in their whole units, and one
// custom pricing unit.
func firstUnits() []unit {
	list := []unit{{usdCents, "USD (cents)", true}, {uuidOf("credits"), "credits", false}}
	for name := range strings.FieldsSeq("AUD BRL CAD CHF CZK EUR GBP INR MXN NGN NOK PLN SEK TRY ZAR NZD SGD DKK CNY") {
		list = append(list, unit{uuidOf(name), name, true})
	}
	return list
}

func (x unit) key() string { return x.ID }

func (x unit) render() obj { return obj{"id": x.ID, "name": x.Name} }

func (w *world) unit(id string) (unit, bool) {
	i := slices.IndexFunc(w.st.Units, func(u unit) bool { return u.ID == id })
	if i < 0 {
		return unit{}, false
	}
	return w.st.Units[i], true
}

// unitOf reads a credit type from a request: dollars when none is named.
func (w *world) unitOf(id *string) (string, error) {
	if id == nil {
		return usdCents, nil
	}
	if err := ident("credit_type_id", *id); err != nil {
		return "", err
	}
	if _, ok := w.unit(*id); !ok {
		return "", invalid("Credit type %q does not exist", *id)
	}
	return *id, nil
}

func listUnits(c *call) (any, error) {
	return listed(c, c.st.Units, func(unit) bool { return true }, func(u unit) obj {
		return obj{"id": u.ID, "name": u.Name, "is_currency": u.Currency}
	})
}

// makeUnits answers POST /_sandbox/units: custom pricing units are made in
// Metronome's app.
func makeUnits(a *sandbox.Account, body json.RawMessage) (any, error) {
	var in struct {
		Units []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"units"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, refusal(http.StatusBadRequest, `the body is not like {"units":[{"name":"credits"}]}: %v`, err)
	}
	w, list := worldOf(a), []unit{}
	for _, u := range in.Units {
		if u.Name == "" || u.ID != "" && !isUUID(u.ID) {
			return nil, refusal(http.StatusBadRequest, "unit %q with id %q: a unit has a name, and its id is a UUID", u.Name, u.ID)
		}
		i := slices.IndexFunc(w.st.Units, func(old unit) bool { return old.Name == u.Name || old.ID == u.ID })
		if i >= 0 && (u.ID == "" || w.st.Units[i].ID == u.ID) {
			list = append(list, w.st.Units[i])
			continue
		}
		if i >= 0 {
			return nil, refusal(http.StatusConflict, "a unit %q exists already, with id %s", w.st.Units[i].Name, w.st.Units[i].ID)
		}
		if u.ID == "" {
			u.ID = uuid(a)
		}
		w.st.Units = append(w.st.Units, unit{u.ID, u.Name, false})
		list = append(list, unit{u.ID, u.Name, false})
	}
	return obj{"units": list}, nil
}

func addField(c *call) (any, error) {
	var in customField
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Entity == "" || in.Key == "" {
		return nil, invalid("entity and key are required")
	}
	if !slices.ContainsFunc(c.st.Fields, func(f customField) bool { return f.Entity == in.Entity && f.Key == in.Key }) {
		c.st.Fields = append(c.st.Fields, in)
	}
	return nil, nil
}

func (f customField) key() string { return f.Entity + "\x00" + f.Key }

func listFields(c *call) (any, error) {
	var in struct {
		Entities []string `json:"entities"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return listed(c, c.st.Fields, func(f customField) bool { return in.Entities == nil || slices.Contains(in.Entities, f.Entity) }, func(f customField) obj {
		return obj{"entity": f.Entity, "key": f.Key, "enforce_uniqueness": f.Unique}
	})
}

// declared demands that every custom field has its key.
func (w *world) declared(entity string, custom map[string]string) error {
	const longest = 200
	for k, v := range custom {
		if !slices.ContainsFunc(w.st.Fields, func(f customField) bool { return f.Entity == entity && f.Key == k }) {
			return invalid("Custom field key %q does not exist for %s", k, entity)
		}
		if len([]rune(v)) > longest {
			return invalid("The value of custom field %q has more than %d characters", k, longest)
		}
	}
	return nil
}

func setFields(c *call) (any, error) {
	var in struct {
		Entity string            `json:"entity"`
		ID     string            `json:"entity_id"`
		Custom map[string]string `json:"custom_fields"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := c.declared(in.Entity, in.Custom); err != nil {
		return nil, err
	}
	var custom *map[string]string
	if x, ok := c.st.Customers.get(in.ID); ok && in.Entity == "customer" {
		custom = &x.Custom
	}
	if x, ok := c.st.Grants.get(in.ID); ok && in.Entity == x.entity() {
		custom = &x.Custom
	}
	if x, ok := c.st.Products.get(in.ID); ok && in.Entity == "contract_product" {
		custom = &x.Custom
	}
	if custom == nil {
		return nil, missing(in.Entity, in.ID)
	}
	merged := map[string]string{}
	for _, m := range []map[string]string{*custom, in.Custom} {
		for k, v := range m {
			merged[k] = v
		}
	}
	*custom = merged
	return nil, nil
}

func createProduct(c *call) (any, error) {
	var in struct {
		Name   string            `json:"name"`
		Type   string            `json:"type"`
		Metric *string           `json:"billable_metric_id"`
		Tags   []string          `json:"tags"`
		Custom map[string]string `json:"custom_fields"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x := &product{ID: "", Name: in.Name, Type: strings.ToUpper(in.Type), Metric: or(in.Metric, ""), Tags: in.Tags, Custom: in.Custom, Created: c.now}
	if x.Name == "" {
		return nil, invalid("name is required")
	}
	if !slices.Contains([]string{"FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE", "PRO_SERVICE"}, x.Type) {
		return nil, invalid("type %q is not a type of product", in.Type)
	}
	if _, ok := c.st.Metrics.get(x.Metric); (x.Type == "USAGE") != ok {
		return nil, invalid("billable_metric_id is required for a USAGE product, and for no other")
	}
	if err := c.declared("contract_product", in.Custom); err != nil {
		return nil, err
	}
	x.ID = uuid(c.a)
	c.st.Products.add(x)
	return obj{"data": obj{"id": x.ID}}, nil
}

func (w *world) renderProduct(x *product) obj {
	shape := obj{"name": x.Name, "created_at": w.stamp(x.Created), "created_by": "sandbox"}
	put(shape, "billable_metric_id", x.Metric != "", x.Metric)
	put(shape, "tags", x.Tags != nil, x.Tags)
	out := obj{"id": x.ID, "type": x.Type, "archived_at": nil, "initial": shape, "current": shape, "updates": []obj{}, "custom_fields": words(x.Custom)}
	if x.Archived != nil {
		out["archived_at"] = w.stamp(*x.Archived)
	}
	return out
}

func listProducts(c *call) (any, error) {
	var in struct {
		Filter string `json:"archive_filter"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return listed(c, c.st.Products.Rows, func(x *product) bool {
		return in.Filter == "ALL" || (in.Filter == "ARCHIVED") == (x.Archived != nil)
	}, c.renderProduct)
}

func (c *call) product(id string) (*product, error) {
	x, ok := c.st.Products.get(id)
	if !ok {
		return nil, missing("Product", id)
	}
	return x, nil
}

func getProduct(c *call) (any, error) {
	var in struct {
		ID string `json:"id"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.product(in.ID)
	if err != nil {
		return nil, err
	}
	return obj{"data": c.renderProduct(x)}, nil
}

func archiveProduct(c *call) (any, error) {
	var in struct {
		ID string `json:"product_id"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.product(in.ID)
	if err != nil {
		return nil, err
	}
	at := c.now
	x.Archived = &at
	return obj{"data": obj{"id": x.ID}}, nil
}

// fixed demands a product that grants can be made of.
func (w *world) fixed(id string) error {
	if err := ident("product_id", id); err != nil {
		return err
	}
	x, ok := w.st.Products.get(id)
	switch {
	case !ok:
		return missing("Product", id)
	case x.Type != "FIXED":
		return invalid("Product %s must be of type FIXED, it is %s", id, x.Type)
	case x.Archived != nil:
		return invalid("Product %s is archived", id)
	}
	return nil
}

// month is the calendar month of an instant.
func month(t time.Time) (start, end time.Time) {
	start = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return start, start.AddDate(0, 1, 0)
}
