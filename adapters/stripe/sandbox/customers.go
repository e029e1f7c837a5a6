package sandbox

import (
	"strings"
)

func renderCustomer(x *customer) obj {
	if x.Deleted {
		return obj{"id": x.ID, "object": "customer", "deleted": true}
	}
	return obj{
		"id": x.ID, "object": "customer", "created": x.Created, "livemode": false, "test_clock": nil,
		"name": orNull(x.Name), "email": orNull(x.Email), "description": orNull(x.Description), "phone": orNull(x.Phone),
		"metadata": x.Metadata, "balance": x.Balance, "currency": orNull(x.Currency),
		"invoice_prefix": x.InvoicePrefix, "next_invoice_sequence": x.NextInvoice, "tax_exempt": x.TaxExempt,
		"address": nil, "default_source": nil, "delinquent": false, "discount": nil, "preferred_locales": []string{}, "shipping": nil,
		"invoice_settings": obj{"custom_fields": nil, "default_payment_method": nil, "footer": nil, "rendering_options": nil},
	}
}

// customerOf returns a live customer that a parameter names.
func (c *call) customerOf(param string) *customer {
	id := c.p.needText(param)
	if c.p.err != nil {
		return nil
	}
	x, ok := c.st.Customers.get(id)
	if !ok || x.Deleted {
		c.p.fail(noSuch(param, "customer", id))
		return nil
	}
	return x
}

// liveCustomer returns the customer that the path names, if it was not deleted.
func (c *call) liveCustomer() (*customer, error) {
	x, ok := c.st.Customers.get(c.Path("id"))
	if !ok || x.Deleted {
		return nil, gone("customer", c.Path("id"))
	}
	return x, nil
}

// customerUpdate reads the fields of create and update into a copy.
func (c *call) customerUpdate(x customer) customer {
	set(&x.Name, c.p.textMax("name", 256))
	set(&x.Email, c.p.textMax("email", 512))
	set(&x.Description, c.p.textMax("description", 5000))
	set(&x.Phone, c.p.textMax("phone", 20))
	set(&x.InvoicePrefix, c.p.text("invoice_prefix"))
	if n := c.p.num("next_invoice_sequence"); n != nil {
		x.NextInvoice = *n
	}
	if c.p.has("tax_exempt") {
		x.TaxExempt = c.p.oneOf("tax_exempt", "none", "exempt", "reverse")
	}
	x.Metadata = c.p.metadata(x.Metadata)
	return x
}

func createCustomer(c *call) (any, error) {
	x := c.customerUpdate(customer{Created: c.now, TaxExempt: "none", NextInvoice: 1})
	balance := c.p.num("balance")
	if c.p.err != nil {
		return nil, c.p.err
	}
	x.ID = c.a.NewID("cus_", 14)
	if x.InvoicePrefix == "" {
		x.InvoicePrefix = strings.ToUpper(c.a.NewID("", 8))
	}
	if c.a.Variant(searchLag) {
		x.Unsearchable = 2
	}
	made := c.st.Customers.add(&x)
	if balance != nil && *balance != 0 {
		c.moveBalance(made, *balance, "usd", "initial", "")
	}
	c.emit("customer.created", renderCustomer(made), nil)
	return renderCustomer(made), nil
}

func getCustomer(c *call) (any, error) {
	x, ok := c.st.Customers.get(c.Path("id"))
	if !ok {
		return nil, gone("customer", c.Path("id"))
	}
	return renderCustomer(x), nil
}

func updateCustomer(c *call) (any, error) {
	x, err := c.liveCustomer()
	if err != nil {
		return nil, err
	}
	next := c.customerUpdate(*x)
	balance := c.p.num("balance")
	if c.p.err != nil {
		return nil, c.p.err
	}
	if c.a.Variant(searchLag) {
		next.Unsearchable = 2
	}
	c.change("customer.updated", func() obj { return renderCustomer(x) }, func() {
		*x = next
		if balance != nil && *balance != x.Balance {
			c.moveBalance(x, *balance-x.Balance, "usd", "adjustment", "")
		}
	})
	return renderCustomer(x), nil
}

func deleteCustomer(c *call) (any, error) {
	x, err := c.liveCustomer()
	if err != nil {
		return nil, err
	}
	c.removeCustomer(x, true)
	return renderCustomer(x), nil
}

// removeCustomer deletes a customer and ends its subscriptions.
func (w *world) removeCustomer(x *customer, tell bool) {
	for _, s := range w.st.Subscriptions.Rows {
		if s.Customer == x.ID && s.EndedAt == nil {
			w.endSubscription(s)
		}
	}
	last := renderCustomer(x)
	x.Deleted = true
	if tell {
		w.emit("customer.deleted", last, nil)
	}
}

func listCustomers(c *call) (any, error) {
	email, created := c.p.text("email"), c.p.within("created")
	return list(c, "/v1/customers", c.st.Customers.Rows, func(x *customer) bool {
		same := email == nil || x.Email == *email || c.a.Variant(emailFoldsCase) && strings.EqualFold(x.Email, *email)
		return !x.Deleted && same && created(x.Created)
	}, renderCustomer)
}
