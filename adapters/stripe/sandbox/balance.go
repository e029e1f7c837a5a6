package sandbox

func renderBalanceTxn(x *balanceTxn) obj {
	return obj{
		"id": x.ID, "object": "customer_balance_transaction", "created": x.Created, "livemode": false, "customer": x.Customer,
		"amount": x.Amount, "currency": x.Currency, "description": orNull(x.Description), "ending_balance": x.Ending,
		"type": x.Type, "invoice": orNull(x.Invoice), "credit_note": nil, "metadata": x.Metadata,
	}
}

// moveBalance changes a customer's balance (positive: owes more) and writes
// the entry. The customer must have one currency, which the first entry sets.
func (w *world) moveBalance(x *customer, amount int64, currency, kind, invoice string) *balanceTxn {
	if x.Currency == "" {
		x.Currency = currency
	}
	x.Balance += amount
	return w.st.BalanceTxns.add(&balanceTxn{
		ID: w.a.NewID("cbtxn_", 24), Created: w.now, Customer: x.ID, Amount: amount, Currency: x.Currency,
		Ending: x.Balance, Type: kind, Invoice: invoice, Metadata: map[string]string{},
	})
}

func createBalanceTxn(c *call) (any, error) {
	x, err := c.liveCustomer()
	if err != nil {
		return nil, err
	}
	amount, currency := c.p.needNum("amount"), c.p.currency("currency")
	description, metadata := c.p.textMax("description", 350), c.p.metadata(nil)
	if c.p.err != nil {
		return nil, c.p.err
	}
	if x.Currency != "" && x.Currency != currency {
		return nil, refused("The customer's currency is %s; a balance transaction cannot be in %s.", x.Currency, currency)
	}
	var made *balanceTxn
	c.change("customer.updated", func() obj { return renderCustomer(x) }, func() {
		made = c.moveBalance(x, amount, currency, "adjustment", "")
		set(&made.Description, description)
		made.Metadata = metadata
	})
	return renderBalanceTxn(made), nil
}

func (c *call) balanceTxn() (*balanceTxn, error) {
	x, ok := c.st.BalanceTxns.get(c.Path("txn"))
	if !ok || x.Customer != c.Path("id") {
		return nil, gone("customer_balance_transaction", c.Path("txn"))
	}
	return x, nil
}

func getBalanceTxn(c *call) (any, error) {
	x, err := c.balanceTxn()
	if err != nil {
		return nil, err
	}
	return renderBalanceTxn(x), nil
}

func updateBalanceTxn(c *call) (any, error) {
	x, err := c.balanceTxn()
	if err != nil {
		return nil, err
	}
	description, metadata := c.p.textMax("description", 350), c.p.metadata(x.Metadata)
	if c.p.err != nil {
		return nil, c.p.err
	}
	set(&x.Description, description)
	x.Metadata = metadata
	return renderBalanceTxn(x), nil
}

func listBalanceTxns(c *call) (any, error) {
	id := c.Path("id")
	if _, ok := c.st.Customers.get(id); !ok {
		return nil, gone("customer", id)
	}
	return list(c, "/v1/customers/"+id+"/balance_transactions", c.st.BalanceTxns.Rows,
		func(x *balanceTxn) bool { return x.Customer == id }, renderBalanceTxn)
}
