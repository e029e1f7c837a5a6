package sandbox_test

import (
	"testing"

	"scrip/adapters/sandbox/sandboxtest"
)

// TestAgainstSamples holds every webhook that the sandbox sends against the
// published sample of its type: the same keys, and values of the same kind.
func TestAgainstSamples(t *testing.T) {
	c := startAt(t, "2099-12-01T00:00:00Z")
	in := c.receive("")
	c.customer("a", `,"metadata":[{"key":"k","value":"v"}]`)
	c.customer("a", "")
	w := c.wallet(`"name":"W","code":"w","expiration_at":"2100-04-01T00:00:00Z","recurring_transaction_rules":[{"trigger":"threshold","threshold_credits":"0.0","paid_credits":"1"}]`)
	m := c.metric("m")
	c.plan("p", `"amount_cents":0,"pay_in_advance":false,"usage_thresholds":[{"amount_cents":900,"recurring":false}]`, m+"=1.00")
	c.plan("q", `"amount_cents":0,"pay_in_advance":false`, m+`=2.00;"pay_in_advance":true,"properties":{AMOUNT}`)
	c.subscribe("p", "s")
	c.subscribe("q", "s2")
	c.use("s", "m", "1", "2")
	c.use("s", "nope", "2", "1")
	c.pass("5m") // the ongoing balance falls to nothing
	c.move(w, `"granted_credits":"20","metadata":[{"key":"k","value":"v"}]`)
	c.use("s", "m", "3", "8")
	c.use("s2", "m", "4", "1")
	c.pass("1m")
	c.move(w, `"voided_credits":"1"`)
	buy := c.move(w, `"paid_credits":"5"`).Text("wallet_transactions.0.lago_id")
	c.Control("pay", `{"object":"`+buy+`","outcome":"failed"}`)
	c.Control("pay", `{"object":"`+buy+`","outcome":"paid"}`)
	c.Control("pay", `{"object":"`+buy+`","outcome":"refunded","amount":100}`)
	c.post("/customers", "customer", `"external_id":"a","billing_configuration":{"invoice_grace_period":3}`)
	c.use("s", "m", "5", "7")
	c.clock("2100-01-01T01:00:00Z")
	list := c.Get(api + "/invoices?invoice_type=progressive_billing")
	c.Want(200, "POST", api+"/invoices/"+list.Text("invoices.0.lago_id")+"/void", "")
	c.subscribe("p", "s")
	c.Want(200, "DELETE", api+"/subscriptions/s", "")
	c.clock("2100-04-01T01:00:00Z")

	file := func(e sandboxtest.Answer) string {
		typ := e.Text("webhook_type")
		switch at := "wallet_transaction."; {
		case typ == "wallet_transaction.updated":
			typ += "." + e.Text(at+"status")
		case typ == "wallet_transaction.created" && e.Text(at+"transaction_status") == "purchased":
			typ += ".purchased_pending"
		case typ == "wallet_transaction.created":
			typ += "." + e.Text(at+"transaction_status")
		case typ == "invoice.one_off_created":
			typ = "invoice.created"
		}
		return typ + ".json"
	}
	news, seen := in.News(c.Client), map[string]bool{}
	for _, e := range news {
		seen[e.Text("webhook_type")] = true
	}
	sandboxtest.Samples(t, "providers/lago/events", file, news, []string{"amount_details", "grouped_by"}, nil)
	if len(seen) != 22 {
		t.Errorf("%d types of events were sent, want 22: %v", len(seen), seen)
	}
}
