package sandbox

type refund struct {
	ID       string            `json:"id"`
	Created  int64             `json:"created"`
	Amount   int64             `json:"amount"`
	Charge   string            `json:"charge"`
	Intent   string            `json:"payment_intent"`
	Currency string            `json:"currency"`
	Reason   string            `json:"reason"`
	Metadata map[string]string `json:"metadata"`
}

func (x *refund) key() string { return x.ID }

func renderRefund(x *refund) obj {
	return obj{
		"id": x.ID, "object": "refund", "created": x.Created, "amount": x.Amount, "charge": x.Charge, "payment_intent": orNull(x.Intent), "currency": x.Currency,
		"status": "succeeded", "reason": orNull(x.Reason), "metadata": x.Metadata, "balance_transaction": nil, "receipt_number": nil,
		"source_transfer_reversal": nil, "transfer_reversal": nil,
	}
}

// createRefund gives money of a charge back.
func createRefund(c *call) (any, error) {
	id, pi, amount, reason := c.p.text("charge"), c.p.text("payment_intent"), c.p.num("amount"), c.p.text("reason")
	marks := c.p.metadata(map[string]string{})
	if c.p.err != nil {
		return nil, c.p.err
	}
	if pi != nil {
		x, ok := c.st.Intents.get(*pi)
		if !ok {
			return nil, gone("payment_intent", *pi)
		}
		id = &x.Charge
	}
	if id == nil || *id == "" {
		return nil, invalid("charge", "One of charge or payment_intent with a successful charge must be given.")
	}
	ch, ok := c.st.Charges.get(*id)
	if !ok {
		return nil, gone("charge", *id)
	}
	n := ch.Amount - ch.Refunded
	if amount != nil {
		n = *amount
	}
	if ch.Failure != "" || n <= 0 || n > ch.Amount-ch.Refunded {
		return nil, invalid("amount", "The refund is more than what is left of the charge.").code("charge_already_refunded")
	}
	if ch.Disputed && c.st.disputed(ch.ID) {
		return nil, invalid("charge", "The charge has been charged back.").code("charge_disputed")
	}
	x := c.st.Refunds.add(&refund{ID: c.a.NewID("re_", 24), Created: c.now, Amount: n, Charge: ch.ID, Intent: ch.Intent, Currency: ch.Currency, Metadata: marks})
	if reason != nil {
		x.Reason = *reason
	}
	c.emit("refund.created", renderRefund(x), nil)
	return renderRefund(x), c.takeBack(ch, "refunded", n)
}

// disputed reports whether a charge has a dispute that was not won.
func (s *state) disputed(charge string) bool {
	for _, d := range s.Disputes.Rows {
		if d.Charge == charge && d.Status != "won" {
			return true
		}
	}
	return false
}

func getRefund(c *call) (any, error) {
	x, ok := c.st.Refunds.get(c.Path("id"))
	if !ok {
		return nil, gone("refund", c.Path("id"))
	}
	return renderRefund(x), nil
}

func listRefunds(c *call) (any, error) {
	ch, pi, created := c.p.text("charge"), c.p.text("payment_intent"), c.p.within("created")
	return list(c, "/v1/refunds", c.st.Refunds.Rows, func(x *refund) bool {
		return (ch == nil || x.Charge == *ch) && (pi == nil || x.Intent == *pi) && created(x.Created)
	}, renderRefund)
}
