package sandbox

import (
	"encoding/json"
	"maps"
	"slices"

	"scrip/adapters/sandbox"
)

const maxID = 50 // characters of the ids that callers choose

// texts are the plain fields of a customer with their greatest lengths.
func texts() map[string]int {
	return map[string]int{
		"first_name": 150, "last_name": 150, "phone": 50, "company": 250, "preferred_currency_code": 3, "taxability": 20, "locale": 50,
		"customer_type": 20, "offline_payment_method": 40, "invoice_notes": 2000,
	}
}

func addressTexts() []string {
	return []string{"first_name", "last_name", "email", "company", "phone", "line1", "line2", "line3", "city", "state_code", "state", "zip", "country"}
}

func (f *form) customer(x *customer) {
	for name, most := range texts() {
		if _, ok := f.in[name]; ok {
			v := f.text(name, most)
			x.Texts[name] = v
		}
	}
	if v, ok := f.take("email"); ok {
		if v != "" && !isEmail(v) {
			f.fail(wrong("email", "is not a valid email address"))
		}
		x.Texts["email"] = v
	}
	x.AutoCollection = f.word("auto_collection", x.AutoCollection, "on", "off")
	if n, ok := f.number("net_term_days"); ok {
		x.NetTerms = n
	}
	x.DirectDebit = f.flag("allow_direct_debit", x.DirectDebit)
	if meta, ok := f.object("meta_data"); ok {
		x.Meta = meta
	}
	maps.DeleteFunc(x.Texts, func(_, v string) bool { return v == "" })
}

func createCustomer(c *call) (any, error) {
	f := c.form()
	x := &customer{AutoCollection: "on", Texts: map[string]string{}, Promotional: map[string]int64{}, Billing: map[string]string{}}
	x.ID = f.text("id", maxID)
	f.customer(x)
	for _, name := range addressTexts() {
		if v := f.text("billing_address["+name+"]", 250); v != "" {
			x.Billing[name] = v
		}
	}
	f.skip("billing_address", "auto_close_invoices", "consolidated_invoicing", "created_from_ip", "vat_number")
	if err := f.end(); err != nil {
		return nil, err
	}
	if old, ok := c.st.Customers.get(x.ID); ok {
		if !old.Deleted || !c.a.Variant(deletedIDsReusable) {
			return nil, duplicate("id", x.ID)
		}
		c.st.Customers.remove(x.ID)
	}
	if x.ID == "" {
		x.ID = c.a.NewID("", 17)
	}
	c.made(&x.stamps)
	c.st.Customers.add(x)
	c.tell("customer_created", "api", obj{"customer": c.renderCustomer(x)})
	return c.customerAnswer(x), nil
}

func (w *world) customerNamed(id string) (*customer, error) {
	x, ok := w.st.Customers.get(id)
	if !ok || x.Deleted {
		return nil, missing("customer", id)
	}
	return x, nil
}

func (w *world) customerAnswer(x *customer) obj { return obj{"customer": w.renderCustomer(x)} }

// getCustomer shows deleted customers too, marked as such.
func getCustomer(c *call) (any, error) {
	x, ok := c.st.Customers.get(c.Path("id"))
	if !ok {
		return nil, missing("customer", c.Path("id"))
	}
	return c.customerAnswer(x), nil
}

func updateCustomer(c *call) (any, error) {
	x, err := c.customerNamed(c.Path("id"))
	if err != nil {
		return nil, err
	}
	changed := *x
	changed.Texts = maps.Clone(x.Texts)
	f := c.form()
	f.customer(&changed)
	f.skip("auto_close_invoices", "consolidated_invoicing", "fraud_flag")
	if err := f.end(); err != nil {
		return nil, err
	}
	*x = changed
	c.customerChanged(x)
	return c.customerAnswer(x), nil
}

func (w *world) customerChanged(x *customer) {
	w.changed(&x.stamps)
	w.tell("customer_changed", "api", obj{"customer": w.renderCustomer(x)})
}

// deleteCustomer keeps the customer as deleted; its id stays taken unless a
// variant says otherwise.
func deleteCustomer(c *call) (any, error) {
	x, err := c.customerNamed(c.Path("id"))
	if err != nil {
		return nil, err
	}
	f := c.form()
	f.flag("delete_payment_method", true)
	if err := f.end(); err != nil {
		return nil, err
	}
	x.Deleted = true
	for _, s := range c.st.Subscriptions.Rows {
		if s.Customer == x.ID {
			s.Deleted = true
		}
	}
	c.changed(&x.stamps)
	c.tell("customer_deleted", "api", c.customerAnswer(x))
	return c.customerAnswer(x), nil
}

func listCustomers(c *call) (any, error) {
	return list(c, listing{
		name: "customer", filters: "id first_name last_name email company phone auto_collection taxability created_at updated_at", sorts: "created_at updated_at", deleted: true,
	}, c.st.Customers.Rows, c.renderCustomer, nil)
}

func (x *customer) currency() string { return or(x.Texts["preferred_currency_code"], "USD") }

func (w *world) renderCustomer(x *customer) obj {
	out := obj{
		"id": x.ID, "auto_collection": x.AutoCollection, "net_term_days": x.NetTerms, "allow_direct_debit": x.DirectDebit, "created_at": x.Created,
		"updated_at": x.Updated, "resource_version": x.Version, "deleted": x.Deleted, "promotional_credits": x.Promotional[x.currency()],
		"refundable_credits": int64(0), "excess_payments": int64(0), "unbilled_charges": int64(0), "preferred_currency_code": x.currency(),
		"taxability": "taxable", "meta_data": x.Meta, "object": "customer",
	}
	for name, v := range x.Texts {
		out[name] = v
	}
	if len(x.Promotional) > 1 {
		balances := []obj{}
		for _, code := range slices.Sorted(maps.Keys(x.Promotional)) {
			balances = append(balances, obj{"promotional_credits": x.Promotional[code], "excess_payments": int64(0), "refundable_credits": int64(0), "unbilled_charges": int64(0),
				"currency_code": code, "balance_currency_code": code, "object": "customer_balance"})
		}
		out["balances"] = balances
	}
	if len(x.Billing) > 0 {
		address := obj{"object": "billing_address"}
		for name, v := range x.Billing {
			address[name] = v
		}
		out["billing_address"] = address
	}
	return full(out)
}

// external is the id under which the state shows a customer: that in its
// meta_data where there is one, else its own.
func (x *customer) external() string {
	var meta struct {
		External string `json:"external_id"`
	}
	if json.Unmarshal(x.Meta, &meta) == nil && meta.External != "" {
		return meta.External
	}
	return x.ID
}

// addPromotion changes a customer's promotional credits in a currency and
// writes it down.
func (w *world) addPromotion(x *customer, p promotion) *promotion {
	p.ID, p.Created, p.Customer = w.a.NewID("pc_", 17), w.at(), x.ID
	if x.Promotional == nil {
		x.Promotional = map[string]int64{}
	}
	typ := "promotional_credits_added"
	if p.Type == "increment" {
		x.Promotional[p.Currency] += p.Amount
	} else {
		typ = "promotional_credits_deducted"
		x.Promotional[p.Currency] -= p.Amount
	}
	p.Closing = x.Promotional[p.Currency]
	made := w.st.Promotions.add(&p)
	w.changed(&x.stamps)
	w.tell(typ, "api", obj{"customer": w.renderCustomer(x), "promotional_credit": renderPromotion(made)})
	return made
}

// promotional answers add, deduct and set. A deduction that names no amount
// takes everything.
func promotional(c *call) (any, error) {
	f := c.form()
	p := promotion{
		Description: f.need("description", 250), Currency: f.text("currency_code", 3), Reference: f.text("reference", 500),
		Credit: f.word("credit_type", "general", "loyalty_credits", "referral_rewards"), Type: "increment",
	}
	owner := f.need("customer_id", maxID)
	n, given := f.number("amount")
	if err := f.end(); err != nil {
		return nil, err
	}
	x, err := c.customerNamed(owner)
	if err != nil {
		return nil, err
	}
	p.Currency = or(p.Currency, x.currency())
	left := x.Promotional[p.Currency]
	how := c.Path("how")
	switch {
	case how == "add" && !given, how == "set" && !given:
		return nil, wrong("amount", "cannot be blank")
	case how == "deduct":
		if !given {
			n = left
		}
		if n > left {
			return nil, wrong("amount", "the customer has %d promotional credits", left)
		}
		p.Type = "decrement"
	case how == "set" && n < left:
		p.Type, n = "decrement", left-n
	case how == "set":
		n -= left
	case how != "add":
		return nil, refused(c.a, sandbox.Problem{Kind: sandbox.NoSuchPath, Message: "POST " + c.Request.URL.Path})
	}
	p.Amount = n
	made := c.addPromotion(x, p)
	return obj{"customer": c.renderCustomer(x), "promotional_credit": renderPromotion(made)}, nil
}

func renderPromotion(p *promotion) obj {
	return full(obj{
		"id": p.ID, "customer_id": p.Customer, "type": p.Type, "amount": p.Amount, "currency_code": p.Currency, "description": p.Description,
		"credit_type": p.Credit, "reference": p.Reference, "closing_balance": p.Closing, "done_by": "full_access_key_v1", "created_at": p.Created,
		"object": "promotional_credit",
	})
}

func listPromotions(c *call) (any, error) {
	return list(c, listing{name: "promotional_credit", filters: "id created_at type customer_id"}, c.st.Promotions.Rows, renderPromotion, nil)
}

func getPromotion(c *call) (any, error) {
	p, ok := c.st.Promotions.get(c.Path("id"))
	if !ok {
		return nil, missing("promotional_credit", c.Path("id"))
	}
	return obj{"promotional_credit": renderPromotion(p)}, nil
}
