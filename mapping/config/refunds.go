package config

import "scrip/core/sale"

// refunds reads what becomes of credits that are spent when the money that had
// bought them goes back.
func (r *reader) refunds(top object, c *Config) {
	f, ok := top.get("refunds")
	if !ok {
		return
	}
	o := r.object(f, "refunds", refundsFields, "")
	if by, ok := o.get("shortfall"); ok {
		text, ok := r.text(by, maxEcho)
		if c.Refunds = sale.Shortfall(text); ok && !c.Refunds.Valid() {
			r.fault(by.value.at, "shortfall: %q is unknown, write deficit, write_off or other_paid", text)
		}
	}
}

func refundsPart() schema {
	return section("When money goes back: what becomes of credits that it had bought and that are spent.", refundsFields, "", map[string]schema{
		"shortfall": oneOf("Owed, written off, or taken from other paid credits and then owed.", sale.Owe, sale.WriteOff, sale.OtherPaid),
	})
}
