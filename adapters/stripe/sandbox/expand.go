package sandbox

import "strings"

const maxExpandDepth = 4

// expanded replaces ids by their objects where the request asks for it.
func (c *call) expanded(got any) (any, error) {
	root, ok := got.(obj)
	if !ok {
		return got, nil
	}
	for _, i := range c.p.form.Under("expand") {
		path := c.p.form["expand["+i+"]"]
		parts := strings.Split(path, ".")
		if len(parts) > maxExpandDepth || !c.expand(root, parts) {
			return nil, invalid("expand", "This property cannot be expanded (%s).", path)
		}
	}
	return root, nil
}

// expand walks one path and says whether it exists.
func (c *call) expand(v any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	switch v := v.(type) {
	case obj:
		child, ok := v[path[0]]
		if !ok {
			return false
		}
		if id, isID := child.(string); isID {
			found := c.byID(id)
			if found == nil {
				return false
			}
			v[path[0]], child = found, found
		}
		return c.expand(child, path[1:])
	case []obj:
		for _, x := range v {
			if !c.expand(x, path) {
				return false
			}
		}
		return true
	default:
		return v == nil
	}
}

// byID renders the object that an id names, nil for none.
func (c *call) byID(id string) obj {
	if x, ok := c.st.Customers.get(id); ok {
		return renderCustomer(x)
	}
	if x, ok := c.st.Invoices.get(id); ok {
		return c.renderInvoice(x)
	}
	if x, ok := c.st.Products.get(id); ok {
		return renderProduct(x)
	}
	if x, ok := c.st.Prices.get(id); ok {
		return renderPrice(x)
	}
	if x, ok := c.st.Intents.get(id); ok {
		return renderIntent(x)
	}
	if x, ok := c.st.Charges.get(id); ok {
		return renderCharge(x)
	}
	if x, ok := c.st.Grants.get(id); ok {
		return renderGrant(x)
	}
	if x, ok := c.st.Subscriptions.get(id); ok {
		return c.renderSubscription(x)
	}
	return nil
}
