package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	mostCustomerPairs = 5               // with the variant only: the real limit is not known
	draftsWait        = 5 * time.Minute // until a deleted customer's drafts are final
)

// plainFields are the fields of a customer that are kept as they come.
func plainFields() []string {
	return []string{
		"name", "firstname", "lastname", "customer_type", "country", "address_line1", "address_line2", "state", "zipcode", "email", "city", "url",
		"phone", "logo_url", "legal_name", "legal_number", "currency", "tax_identification_number", "timezone", "net_payment_term",
		"external_salesforce_id",
	}
}

func addressFields() []string {
	return []string{"address_line1", "address_line2", "city", "zipcode", "state", "country"}
}

func billingFields() []string {
	return []string{
		"invoice_grace_period", "payment_provider", "payment_provider_code", "document_locale", "subscription_invoice_issuing_date_anchor",
		"subscription_invoice_issuing_date_adjustment", "provider_customer_id", "provider_payment_methods",
	}
}

func (x *customer) external() string { return x.External }
func (x *customer) currency() string { return params(x.Attrs).word("currency") }
func (x *customer) billing() params  { return params(x.Attrs).object("billing_configuration") }
func (x *customer) grace() int64     { return or(x.billing().number("invoice_grace_period"), 0) }
func (x *customer) slug(w *world) string {
	return fmt.Sprintf("%s-%03d", w.prefix(), x.Sequence)
}

// prefix begins the numbers of invoices.
func (w *world) prefix() string { return "LAG-" + strings.ToUpper(w.organization()[:4]) }

// zone is the customer's time zone, UTC when it has none that exists.
func (x *customer) zone() *time.Location {
	zone, err := time.LoadLocation(params(x.Attrs).word("timezone"))
	if err != nil {
		return time.UTC
	}
	return zone
}

// byExternal finds a customer that is not deleted.
func (w *world) byExternal(id string) (*customer, bool) {
	for _, x := range w.st.Customers.Rows {
		if x.Deleted == nil && x.external() == id {
			return x, true
		}
	}
	return nil, false
}

// named is the customer of a path.
func (c *call) named() (*customer, error) {
	x, ok := c.byExternal(c.Path("external_id"))
	if !ok {
		return nil, missing("customer")
	}
	return x, nil
}

// putCustomer creates a customer, or changes the fields that are given.
func putCustomer(c *call) (any, error) {
	p, err := c.root("customer")
	if err != nil {
		return nil, err
	}
	f := faults{}
	id := p.word("external_id")
	if id == "" {
		f.add("external_id", "value_is_mandatory")
	}
	if p.given("currency") && !isCurrency(p.word("currency")) {
		f.add("currency", "value_is_invalid")
	}
	if _, err := time.LoadLocation(p.word("timezone")); err != nil {
		f.add("timezone", "value_is_invalid")
	}
	if p.given("email") && !strings.Contains(p.word("email"), "@") {
		f.add("email", "invalid_email_format")
	}
	if c.a.Variant(metadataLimited) && len(p.objects("metadata")) > mostCustomerPairs {
		f.add("metadata", "invalid_count")
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	x, found := c.byExternal(id)
	if !found {
		x = c.st.Customers.add(&customer{ID: c.uuid(), Sequence: len(c.st.Customers.Rows) + 1, Created: c.now, External: id, Attrs: attributes{}})
	}
	c.applyCustomer(x, p)
	if found {
		c.tell("customer.updated", "customer", func() obj { return c.renderCustomer(x) })
	} else {
		c.tell("customer.created", "customer", func() obj { return c.renderCustomer(x) })
	}
	return obj{"customer": c.renderCustomer(x)}, nil
}

func (w *world) applyCustomer(x *customer, p params) {
	x.Updated = w.now
	for _, name := range append(plainFields(), "account_type", "finalize_zero_amount_invoice") {
		if p.has(name) {
			x.Attrs[name] = p[name]
		}
	}
	for name, fields := range map[string][]string{"billing_configuration": billingFields(), "shipping_address": addressFields()} {
		merged, update := params(x.Attrs).object(name), p.object(name)
		if update == nil {
			continue
		}
		if merged == nil {
			merged = params{}
		}
		for _, field := range fields {
			if update.has(field) {
				merged[field] = update[field]
			}
		}
		x.Attrs[name], _ = json.Marshal(merged) //nolint:errchkjson // raw values that were read as JSON
	}
	if p.has("metadata") {
		x.Metadata = w.applyMetadata(x.Metadata, p.objects("metadata"))
	}
	if p.has("tax_codes") {
		x.TaxCodes = p.words("tax_codes")
	}
	if p.has("skip_invoice_custom_sections") {
		x.Sections = p.flag("skip_invoice_custom_sections")
	}
}

// applyMetadata replaces a customer's metadata; entries named by their id keep
// it and their time.
func (w *world) applyMetadata(old []noted, list []params) []noted {
	out := []noted{}
	for _, p := range list {
		one := noted{ID: w.uuid(), Created: w.now}
		for _, before := range old {
			if id := p.word("id"); id != "" && id == before.ID || id == "" && p.word("key") == before.Key {
				one = before
			}
		}
		one.Key, one.Value, one.Display = p.word("key"), p.word("value"), p.flag("display_in_invoice")
		out = append(out, one)
	}
	return out
}

func listCustomers(c *call) (any, error) {
	external, currency, search := c.among("external_id"), c.among("currencies"), strings.ToLower(c.query().Get("search_term"))
	filter := c.metadataFilter()
	return page(c, "customers", c.st.Customers.Rows, func(x *customer) bool {
		texts := strings.ToLower(x.external() + "\n" + params(x.Attrs).word("name") + "\n" + params(x.Attrs).word("email"))
		return x.Deleted == nil && external(x.external()) && currency(x.currency()) && strings.Contains(texts, search) &&
			filter(func(key string) (string, bool) {
				i := slices.IndexFunc(x.Metadata, func(n noted) bool { return n.Key == key })
				if i < 0 {
					return "", false
				}
				return x.Metadata[i].Value, true
			})
	}, c.renderCustomer)
}

// metadataFilter reads metadata[key]=value; an empty value asks for objects
// without the key.
func (c *call) metadataFilter() func(value func(key string) (string, bool)) bool {
	want := map[string]string{}
	for name, values := range c.query() {
		if key, ok := strings.CutPrefix(name, "metadata["); ok && strings.HasSuffix(key, "]") {
			want[strings.TrimSuffix(key, "]")] = values[0]
		}
	}
	return func(value func(string) (string, bool)) bool {
		for key, wanted := range want {
			if got, has := value(key); has && got != wanted || !has && wanted != "" {
				return false
			}
		}
		return true
	}
}

func getCustomer(c *call) (any, error) {
	x, err := c.named()
	if err != nil {
		return nil, err
	}
	return obj{"customer": c.renderCustomer(x)}, nil
}

// deleteCustomer frees the external id at once; wallets and subscriptions end
// in the background.
func deleteCustomer(c *call) (any, error) {
	x, err := c.named()
	if err != nil {
		return nil, err
	}
	shown := c.renderCustomer(x)
	x.Deleted = &c.now
	c.later("customer_gone", x.ID, 0, nil)
	c.later("last_drafts", x.ID, draftsWait, nil)
	return obj{"customer": shown}, nil
}

// endCustomer ends what a deleted customer had.
func (w *world) endCustomer(id string) {
	for _, x := range w.st.Wallets.Rows {
		if x.Customer == id {
			w.terminate(x)
		}
	}
	for _, s := range w.st.Subs.Rows {
		if s.Customer == id && s.Status == active {
			s.Status, s.Terminated = terminated, &w.now
		}
	}
}

func (w *world) renderCustomer(x *customer) obj {
	out := obj{
		"lago_id": x.ID, "external_id": x.external(), "billing_entity_code": entity, "account_type": "customer", "sequential_id": x.Sequence,
		"slug": x.slug(w), "created_at": instant(x.Created), "updated_at": instant(x.Updated), "applicable_timezone": "UTC",
		"finalize_zero_amount_invoice": "inherit", "skip_invoice_custom_sections": x.Sections, "integration_customers": []any{},
	}
	for _, name := range plainFields() {
		out[name] = value(params(x.Attrs), name)
	}
	for _, name := range []string{"account_type", "finalize_zero_amount_invoice"} {
		if s := params(x.Attrs).word(name); s != "" {
			out[name] = s
		}
	}
	if zone := params(x.Attrs).word("timezone"); zone != "" {
		out["applicable_timezone"] = zone
	}
	for name, fields := range map[string][]string{"billing_configuration": billingFields(), "shipping_address": addressFields()} {
		inner := obj{}
		for _, field := range fields {
			inner[field] = value(params(x.Attrs).object(name), field)
		}
		out[name] = inner
	}
	list := []obj{}
	for _, n := range x.Metadata {
		list = append(list, obj{"lago_id": n.ID, "key": n.Key, "value": n.Value, "display_in_invoice": n.Display, "created_at": instant(n.Created)})
	}
	out["metadata"] = list
	return out
}

// innerCustomer is a customer within another object.
func (w *world) innerCustomer(x *customer) obj {
	out := w.renderCustomer(x)
	delete(out, "integration_customers")
	return out
}

// value is a raw value of a request, null where there is none.
func value(p params, name string) any {
	if !p.given(name) {
		return nil
	}
	return p[name]
}

// isCurrency says whether a text has the form of a currency code.
func isCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
