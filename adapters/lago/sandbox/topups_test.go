package sandbox_test

import "testing"

// TestScenarioTargetRule: a rule fills a wallet up to a target, for nothing or
// by a purchase.
func TestScenarioTargetRule(t *testing.T) {
	for _, grants := range []string{"true", "false"} {
		c := startAt(t, "2099-12-01T00:00:00Z")
		c.customer("a", "")
		c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("m")+"=1.00")
		w := c.wallet(`"granted_credits":"10","paid_top_up_min_amount_cents":5000,"recurring_transaction_rules":[{"trigger":"threshold","method":"target",
			"threshold_credits":"5.0","target_ongoing_balance":"10.0","grants_target_top_up":` + grants + `}]`)
		c.subscribe("p", "s")
		c.use("s", "m", "1", "6")
		c.pass("6m")
		if grants == "true" {
			c.same("transactions", c.txns(w, "transaction_status", "status", "source", "credit_amount"), "granted settled manual 10.0", "granted settled threshold 6.0")
			c.has(w, "credits_balance=16.0")
			if n := c.Get(api + "/invoices").Count("invoices"); n != 0 {
				t.Errorf("%d invoices", n)
			}
			continue
		}
		c.same("transactions", c.txns(w, "transaction_status", "status", "source", "credit_amount"), "granted settled manual 10.0", "purchased pending threshold 50.0")
		c.Equal(c.Get(api+"/invoices"), "invoices.0.total_amount_cents", "5000")
	}
}

// TestScenarioRuleWithLimits: an invoice takes from the wallet, the rule buys
// its fixed amount although that is below the wallet's minimum.
func TestScenarioRuleWithLimits(t *testing.T) {
	c := startAt(t, "2099-12-01T00:00:00Z")
	c.customer("a", "")
	c.plan("p", `"amount_cents":600,"pay_in_advance":true`)
	w := c.wallet(`"granted_credits":"10","paid_top_up_min_amount_cents":10000,"recurring_transaction_rules":[{"trigger":"threshold","paid_credits":"10",
		"threshold_credits":"5.0","ignore_paid_top_up_limits":true}]`)
	c.has(w, "credits_balance=10.0")
	c.subscribe("p", "s")
	c.has(w, "credits_balance=4.0")
	c.same("invoices", []string{c.Get(api + "/invoices").Text("invoices.0.prepaid_credit_amount_cents")}, "600")
	c.pass("2s")
	c.same("transactions", c.txns(w, "transaction_status", "status", "source", "credit_amount"),
		"granted settled manual 10.0", "invoiced settled manual 6.0", "purchased pending threshold 10.0")
	c.Control("pay", `{"object":"`+c.txns(w, "lago_id")[2]+`","outcome":"paid"}`)
	c.has(w, "credits_balance=14.0")
}
