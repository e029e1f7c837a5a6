package sandbox_test

import "testing"

// TestAllocation: the largest share of an invoice comes first, so that what
// only one wallet may pay is left for it; and no cent is lost between shares.
func TestAllocation(t *testing.T) {
	for name, tc := range map[string]struct {
		tax            string
		a, b           string // units of the metrics at 1.00
		w1, w2         string // initial credits; the second wallet pays for A alone
		prepaid, total string
		left1, left2   string
	}{
		"largest first": {"0", "1", "5", "5", "10", "600", "0", "0", "900"},
		"a lost cent":   {"10", "0.05", "0.05", "5", "10", "11", "0", "489", "1000"},
		"not enough":    {"0", "4", "5", "2", "3", "500", "400", "0", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			c := startAt(t, "2099-12-01T00:00:00Z")
			c.post("/taxes", "tax", `"name":"VAT","code":"vat","rate":"`+tc.tax+`","applied_to_organization":true`)
			c.customer("a", "")
			c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("A")+"=1.00", c.metric("B")+"=1.00")
			w1 := c.wallet(`"granted_credits":"` + tc.w1 + `","priority":1,"code":"w1"`)
			w2 := c.wallet(`"granted_credits":"` + tc.w2 + `","priority":2,"code":"w2","applies_to":{"billable_metric_codes":["A"]}`)
			other := c.wallet(`"granted_credits":"100","currency":"USD","code":"w3","priority":1`)
			c.subscribe("p", "s")
			c.use("s", "A", "1", tc.a)
			c.use("s", "B", "2", tc.b)
			c.clock("2100-01-01T00:10:00Z")
			hold(c, c.Get(api+"/invoices"), "invoices.0.", "prepaid_credit_amount_cents="+tc.prepaid+" total_amount_cents="+tc.total)
			c.has(w1, "balance_cents="+tc.left1)
			c.has(w2, "balance_cents="+tc.left2)
			c.has(other, "balance_cents=10000")
		})
	}
}
