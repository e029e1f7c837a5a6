package sandbox

func createBalanceTxn(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	var in struct {
		Amount      *string `json:"amount"`
		Type        *string `json:"type"`
		Description *string `json:"description"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var s shape
	sum, err := parseAmount(or(in.Amount, ""))
	s.check(err == nil && sum.sign() > 0, "amount: a positive decimal string is required")
	typ := or(in.Type, "")
	s.check(typ == increment || typ == decrement, "type: it is increment or decrement")
	if err := s.problem(); err != nil {
		return nil, err
	}
	t := &balanceTxn{ID: c.a.NewID("", 16), Customer: x.ID, Created: c.second(), Type: typ, Amount: sum, Start: x.Balance, Description: in.Description}
	if typ == increment {
		x.Balance = x.Balance.add(sum)
	} else {
		x.Balance = x.Balance.sub(sum)
	}
	t.End = x.Balance
	c.st.Txns.add(t)
	c.tellCustomer("customer.balance_transaction_created", x, obj{"balance_transaction": renderTxn(t)})
	return renderTxn(t), nil
}

func renderTxn(t *balanceTxn) obj {
	return obj{
		"id": t.ID, "created_at": stamp(&t.Created), "starting_balance": t.Start.fixed(2), "ending_balance": t.End.fixed(2), "amount": t.Amount.fixed(2),
		"action": "manual_adjustment", "description": t.Description, "invoice": nil, "type": t.Type, "credit_note": nil,
	}
}

func listBalanceTxns(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	at, err := c.within("operation_time")
	if err != nil {
		return nil, err
	}
	return list(c, pageLimit, c.st.Txns.Rows, func(t *balanceTxn) bool { return t.Customer == x.ID && at(t.Created) }, renderTxn)
}
