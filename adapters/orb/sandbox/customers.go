package sandbox

import (
	"encoding/json"
	"net/mail"
	"slices"
	"time"
	_ "time/tzdata" // a customer's days follow its own zone, also where the system knows none

	"scrip/adapters/sandbox"
)

const (
	maxText   = 500 // characters of a name or an address
	maxEmails = 50
	goneAfter = 5 * time.Minute
)

// customerFields are what creating and editing a customer have in common. What
// the sandbox accepts and has no use for stays raw.
type customerFields struct {
	Metadata         json.RawMessage `json:"metadata"`
	Name             *string         `json:"name"`
	Email            *string         `json:"email"`
	ExternalID       *string         `json:"external_customer_id"`
	Currency         *string         `json:"currency"`
	Provider         *string         `json:"payment_provider"`
	ProviderID       *string         `json:"payment_provider_id"`
	Shipping         *address        `json:"shipping_address"`
	Billing          *address        `json:"billing_address"`
	TaxID            json.RawMessage `json:"tax_id"`
	AutoCollection   *bool           `json:"auto_collection"`
	AutoIssuance     *bool           `json:"auto_issuance"`
	EmailDelivery    *bool           `json:"email_delivery"`
	AdditionalEmails []string        `json:"additional_emails"`
	TaxConfiguration json.RawMessage `json:"tax_configuration"`
	Reporting        json.RawMessage `json:"reporting_configuration"`
	Accounting       json.RawMessage `json:"accounting_sync_configuration"`
	Hierarchy        json.RawMessage `json:"hierarchy"`
	Payment          json.RawMessage `json:"payment_configuration"`
}

type newCustomer struct {
	customerFields
	Timezone *string `json:"timezone"`
}

type editCustomer struct {
	customerFields
	DefaultPaymentMethod *string `json:"default_payment_method_id"`
}

func (f *customerFields) check(s *shape) {
	if f.Name != nil {
		s.check(len(*f.Name) >= 1 && len(*f.Name) <= maxText, "name: it has between 1 and 500 characters")
	}
	if f.Email != nil {
		s.check(isEmail(*f.Email), "email: %q is not an e-mail address", *f.Email)
	}
	s.check(len(f.AdditionalEmails) <= maxEmails, "additional_emails: at most 50")
	if f.Provider != nil {
		known := []string{"quickbooks", "bill.com", "stripe_charge", "stripe_invoice", "netsuite", "adyen"}
		s.check(slices.Contains(known, *f.Provider), "payment_provider: %q is unknown", *f.Provider)
	}
	if f.Currency != nil {
		s.check(isCurrency(*f.Currency), "currency: %q is not an ISO 4217 code", *f.Currency)
	}
}

func isEmail(s string) bool {
	got, err := mail.ParseAddress(s)
	return err == nil && got.Address == s && len(s) <= maxText
}

// isCurrency says whether a word has the form of an ISO 4217 code.
func isCurrency(s string) bool {
	return len(s) == 3 && !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < 'A' || b > 'Z' })
}

// apply writes the fields that are given.
func (f *customerFields) apply(x *customer) error {
	metadata, err := merged(x.Metadata, f.Metadata)
	if err != nil {
		return err
	}
	x.Metadata = metadata
	x.Name, x.Email = or(f.Name, x.Name), or(f.Email, x.Email)
	x.AutoCollection, x.EmailDelivery = or(f.AutoCollection, x.AutoCollection), or(f.EmailDelivery, x.EmailDelivery)
	for to, from := range map[**string]*string{&x.ExternalID: f.ExternalID, &x.Currency: f.Currency, &x.Provider: f.Provider, &x.ProviderID: f.ProviderID} {
		if from != nil {
			*to = from
		}
	}
	if f.AutoIssuance != nil {
		x.AutoIssuance = f.AutoIssuance
	}
	if f.Shipping != nil {
		x.Shipping = f.Shipping
	}
	if f.Billing != nil {
		x.Billing = f.Billing
	}
	if f.TaxID != nil {
		x.TaxID = f.TaxID
	}
	if f.AdditionalEmails != nil {
		x.AdditionalEmails = f.AdditionalEmails
	}
	return nil
}

func createCustomer(c *call) (any, error) {
	var in newCustomer
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var s shape
	s.check(in.Name != nil, "name: field required")
	s.check(in.Email != nil, "email: field required")
	in.check(&s)
	zone := or(in.Timezone, "Etc/UTC")
	_, err := time.LoadLocation(zone)
	s.check(err == nil && zone != "" && zone != "Local", "timezone: %q is not an IANA name", zone)
	if err := s.problem(); err != nil {
		return nil, err
	}
	if in.ExternalID != nil {
		if _, taken := c.byExternal(*in.ExternalID); taken {
			return nil, duplicateExternal(*in.ExternalID)
		}
	}
	x := &customer{Timezone: zone, Created: c.second(), AutoCollection: true, EmailDelivery: true, AdditionalEmails: []string{}}
	if err := in.apply(x); err != nil {
		return nil, err
	}
	x.ID = c.a.NewID("", 16)
	c.st.Customers.add(x)
	c.tellCustomer("customer.created", x, obj{})
	return c.renderCustomer(x), nil
}

func duplicateExternal(id string) *problem {
	return failure(400, duplicateResource, "Duplicate resource creation", "A customer with the external_customer_id %q exists already", id)
}

func updateCustomer(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	var in editCustomer
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var s shape
	in.check(&s)
	if err := s.problem(); err != nil {
		return nil, err
	}
	if in.Currency != nil && x.Currency != nil && *in.Currency != *x.Currency {
		return nil, violates("The currency of a customer can be set once; it is %s", *x.Currency)
	}
	if in.ExternalID != nil && *in.ExternalID != or(x.ExternalID, "") {
		if _, taken := c.byExternal(*in.ExternalID); taken {
			return nil, duplicateExternal(*in.ExternalID)
		}
		if x.ExternalID != nil {
			return nil, violates("The customer has an external_customer_id already: %s", *x.ExternalID)
		}
	}
	before := c.renderCustomer(x)
	if err := in.apply(x); err != nil {
		return nil, err
	}
	after := c.renderCustomer(x)
	if prev := diff(before, after); len(prev) > 0 {
		c.tellCustomer("customer.edited", x, obj{"previous_attributes": prev})
	}
	return after, nil
}

// customer is the one that the path names, by either id.
func (c *call) customer() (*customer, error) {
	if id := c.Path("external_customer_id"); id != "" {
		if x, ok := c.byExternal(id); ok {
			return x, nil
		}
		return nil, missing("customer", id)
	}
	return c.customerNamed(c.Path("customer_id"))
}

func (w *world) customerNamed(id string) (*customer, error) {
	x, ok := w.st.Customers.get(id)
	if !ok || x.gone(w.now) {
		return nil, missing("customer", id)
	}
	return x, nil
}

func (x *customer) gone(now time.Time) bool { return x.DeletedAt != nil && !now.Before(*x.DeletedAt) }

func (w *world) byExternal(id string) (*customer, bool) {
	for _, x := range w.st.Customers.Rows {
		if x.ExternalID != nil && *x.ExternalID == id && !x.gone(w.now) {
			return x, true
		}
	}
	return nil, false
}

func getCustomer(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	return c.renderCustomer(x), nil
}

func listCustomers(c *call) (any, error) {
	created, err := c.within("created_at")
	if err != nil {
		return nil, err
	}
	return list(c, pageLimit, c.st.Customers.Rows, func(x *customer) bool { return !x.gone(c.now) && created(x.Created) }, c.renderCustomer)
}

func deleteCustomer(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	for _, v := range c.st.Invoices.Rows {
		if v.Customer == x.ID && v.IssuedAt != nil {
			return nil, violates("The customer has an issued invoice and cannot be deleted")
		}
	}
	at := c.now
	if c.a.Variant(customerDeleteLate) {
		at = at.Add(goneAfter)
	}
	x.DeletedAt = &at
	return nil, nil
}

func (w *world) renderCustomer(x *customer) obj {
	var tax any
	if len(x.TaxID) > 0 {
		tax = x.TaxID
	}
	var portal any
	if base := w.a.BaseURL(); base != "" {
		portal = base + "/_sandbox/"
	}
	return obj{
		"id": x.ID, "external_customer_id": x.ExternalID, "name": x.Name, "email": x.Email, "timezone": x.Timezone, "metadata": x.Metadata,
		"payment_provider_id": x.ProviderID, "payment_provider": x.Provider, "created_at": stamp(&x.Created), "balance": x.Balance.fixed(2),
		"shipping_address": x.Shipping, "billing_address": x.Billing, "currency": x.Currency, "tax_id": tax, "auto_collection": x.AutoCollection,
		"exempt_from_automated_tax": nil, "email_delivery": x.EmailDelivery, "auto_issuance": x.AutoIssuance,
		"additional_emails": filled(x.AdditionalEmails), "portal_url": portal, "hierarchy": obj{"parent": nil, "children": []obj{}},
	}
}

func (x *customer) minified() obj { return obj{"id": x.ID, "external_customer_id": x.ExternalID} }

// zone is the customer's time zone; UTC where the name is of no use.
func (w *world) zone(x *customer) *time.Location {
	if at, ok := w.st.zones[x.Timezone]; ok {
		return at
	}
	at, err := time.LoadLocation(x.Timezone)
	if err != nil {
		at = time.UTC
	}
	if w.st.zones == nil {
		w.st.zones = map[string]*time.Location{}
	}
	w.st.zones[x.Timezone] = at
	return at
}

func (w *world) zoneOf(l *ledger) *time.Location {
	if x, ok := w.st.Customers.get(l.Customer); ok {
		return w.zone(x)
	}
	return time.UTC
}

func (w *world) tellCustomer(typ string, x *customer, properties obj) {
	w.emit(typ, "customer", func(sandbox.Endpoint) obj { return w.renderCustomer(x) }, properties)
}
