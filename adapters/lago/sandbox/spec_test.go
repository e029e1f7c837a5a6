package sandbox_test

import (
	"testing"

	"scrip/adapters/lago/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// TestAgainstDocument runs a wide scenario and holds every request and answer
// against Lago's OpenAPI document.
func TestAgainstDocument(t *testing.T) {
	sandboxtest.Documents{
		New:      sandbox.New,
		Scenario: func(url string) { scenario(speak(t, url)) },
		Files:    []string{"specs/lago.json"},
		Calls:    90,
		Exceptions: [][2]string{
			{"payment_method.payment_method_id", "null where no method is chosen"},
			{"billing_configuration.", "null where nothing is set"},
			{".file_url", "null until a document is made"},
			{".payment_dispute_lost_at", "null without a dispute"},
			{".pricing_unit_details", "null without units of one's own"},
			{".total_aggregated_units", "null for fees that are no usage"},
			{".cancellation_reason", "null while not cancelled, which the list of values leaves out"},
			{".on_termination_credit_note", "null while not chosen, which the list of values leaves out"},
			{"missing property 'balance'", "the document demands it, the server does not send it"},
			{"properties.units", "the document takes a whole number for a number too, and then for two things at once"},
			{"missing properties 'lago_id', 'lago_wallet_id'", "the document leaves the root of one transaction out"},
			{"missing properties 'lago_wallet_transaction_id'", "the document demands the fields one level too high"},
			{`query parameter "metadata[k]"`, "the filter came with v1.51, the document lacks it"},
			{"want string at $.payment", "null for payments that no provider took"},
			{".payment_provider_type", "the server sends the provider's class, or null"},
		},
		Wrong: []sandboxtest.Wrong{
			{What: "a field of another kind", Call: "POST /api/v1/wallets -> 200", Spoil: sandboxtest.Replace(`"rate_amount":"`, `"rate_amount":1,"was":"`)},
			{What: "an answer without its required fields", Call: "POST /api/v1/customers -> 200", Spoil: sandboxtest.Reply(`{"customer":{"lago_id":"x"}}`)},
			{What: "a query name that does not exist", Call: "POST /api/v1/customers -> 200", Spoil: sandboxtest.Query("wrong=1")},
			{What: "a string for a number", Call: "GET /api/v1/wallets/", Spoil: sandboxtest.Replace(`"balance_cents":`, `"balance_cents":"1","was":`)},
		},
	}.Check(t)
}

// scenario uses every call at least once, and some that are refused.
func scenario(c *client) {
	c.clock("2099-12-01T00:00:00Z")
	c.post("/customers", "customer", `"external_id":"a","name":"Ada","email":"ada@example.com","currency":"EUR","timezone":"Europe/Berlin","country":"DE",
		"billing_configuration":{"payment_provider":"stripe","payment_provider_code":"stripe_main","provider_customer_id":"cus_1","invoice_grace_period":0},
		"shipping_address":{"city":"Berlin"},"metadata":[{"key":"k","value":"v","display_in_invoice":false}]`)
	c.post("/customers", "customer", `"external_id":"b"`)
	c.Get(api + "/customers?per_page=1&page=2")
	c.Get(api + "/customers/a")
	c.Want(404, "GET", api+"/customers/nobody", "")
	c.Want(422, "POST", api+"/customers", `{"customer":{"name":"x"}}`)
	c.Want(400, "POST", api+"/customers", `{}`)
	scenarioWallets(c)
	scenarioBilling(c)
	scenarioEndpoints(c)
	c.Want(200, "DELETE", api+"/customers/b", "")
	c.Control("faults", `{"faults":[{"kind":"status","status":403},{"kind":"status","status":401}]}`)
	c.Want(403, "GET", api+"/wallets?external_customer_id=a", "")
	c.Want(401, "GET", api+"/customers", "")
}

func scenarioWallets(c *client) {
	w := c.wallet(`"name":"Prepaid","code":"w","priority":5,"paid_credits":"5.0","granted_credits":"10.0","transaction_name":"First","expiration_at":"2100-06-01T00:00:00Z",
		"transaction_metadata":[{"key":"k","value":"v"}],"metadata":{"a":"b","c":null},"applies_to":{"fee_types":["charge"]},"paid_top_up_min_amount_cents":100,
		"recurring_transaction_rules":[{"trigger":"threshold","threshold_credits":"1.0","paid_credits":"10.0","granted_credits":"0.0","interval":"monthly","method":"target","target_ongoing_balance":"5.0"}]`)
	c.Get(api + "/wallets?external_customer_id=a&currency=EUR&page=1&per_page=5")
	c.Get(api + "/wallets/" + w)
	c.Want(200, "PUT", api+"/wallets/"+w, `{"wallet":{"name":"Other","priority":6,"expiration_at":null,"applies_to":{"fee_types":["charge"]}}}`)
	c.Want(404, "GET", api+"/wallets/none", "")
	c.Want(422, "POST", api+"/wallets", `{"wallet":{"external_customer_id":"nobody","rate_amount":"1.0","currency":"EUR"}}`)
	for _, at := range []string{"/wallets/" + w, "/customers/a/wallets/w"} {
		c.Want(200, "POST", api+at+"/metadata", `{"metadata":{"x":"y"}}`)
		c.Want(200, "PATCH", api+at+"/metadata", `{"metadata":{"z":null}}`)
		c.Want(200, "DELETE", api+at+"/metadata/x", "")
		c.Want(200, "DELETE", api+at+"/metadata", "")
	}
	c.Want(200, "POST", api+"/customers/a/wallets", `{"wallet":{"external_customer_id":"a","rate_amount":"2.0","currency":"EUR","code":"v"}}`)
	c.Get(api + "/customers/a/wallets")
	c.Get(api + "/customers/a/wallets/v")
	c.Want(200, "PUT", api+"/customers/a/wallets/v", `{"wallet":{"name":"V"}}`)
	c.Want(200, "DELETE", api+"/customers/a/wallets/v", "")
	got := c.move(w, `"paid_credits":"10.0","granted_credits":"5.0","voided_credits":"2.5","name":"Mixed","metadata":[{"key":"k","value":"v"}]`)
	buy, void := got.Text("wallet_transactions.0.lago_id"), got.Text("wallet_transactions.2.lago_id")
	c.Want(422, "POST", api+"/wallet_transactions", `{"wallet_transaction":{"wallet_id":"`+w+`","voided_credits":"1000.0"}}`)
	c.Want(200, "POST", api+"/wallet_transactions/"+buy+"/payment_url", "")
	c.Want(422, "POST", api+"/wallet_transactions/"+void+"/payment_url", "")
	c.Get(api + "/wallet_transactions/" + buy)
	c.Get(api + "/wallets/" + w + "/wallet_transactions?status=settled&transaction_status=granted&transaction_type=inbound")
	c.Get(api + "/wallets/" + w + "/wallet_transactions?metadata[k]=v&per_page=1")
	c.Get(api + "/wallet_transactions/" + void + "/fundings")
	grant := c.txns(w, "lago_id")[1]
	c.Get(api + "/wallet_transactions/" + grant + "/consumptions?page=1")
	c.Want(422, "GET", api+"/wallet_transactions/"+grant+"/fundings", "")
	bill := c.Get(api + "/wallet_transactions/" + buy).Text("wallet_transaction.lago_invoice_id")
	c.Want(200, "POST", api+"/invoices/"+bill+"/payment_url", "")
	c.Control("pay", `{"object":"`+bill+`","outcome":"failed"}`)
	c.Control("pay", `{"object":"`+bill+`","outcome":"paid"}`)
	fee := c.Get(api + "/invoices/" + bill).Text("invoice.fees.0.lago_id")
	c.Want(200, "POST", api+"/credit_notes", `{"credit_note":{"invoice_id":"`+bill+`","reason":"other","refund_amount_cents":100,"items":[{"fee_id":"`+fee+`","amount_cents":100}]}}`)
	c.Get(api + "/credit_notes?external_customer_id=a")
	c.Get(api + "/payments?external_customer_id=a&invoice_id=" + bill)
	c.Want(200, "POST", api+"/invoices/"+bill+"/lose_dispute", "")
	other := c.wallet(`"code":"gone"`)
	c.Want(200, "DELETE", api+"/wallets/"+other, "")
	c.Want(200, "DELETE", api+"/wallets/"+other, "")
}

func scenarioBilling(c *client) {
	m := c.metric("m")
	c.Get(api + "/billable_metrics?per_page=3")
	c.Get(api + "/billable_metrics/m")
	c.plan("p", `"amount_cents":100,"pay_in_advance":false,"usage_thresholds":[{"amount_cents":20000,"recurring":false}]`, m+"=1.00",
		m+`=2.00;"pay_in_advance":true,"properties":{AMOUNT,"pricing_group_keys":["region"]}`)
	c.Get(api + "/plans")
	c.Get(api + "/plans/p")
	c.Want(404, "GET", api+"/plans/none", "")
	c.post("/subscriptions", "subscription", `"external_customer_id":"a","plan_code":"p","external_id":"s","billing_time":"calendar","name":"S"`)
	c.Get(api + "/subscriptions?external_customer_id=a&status[]=active")
	c.Get(api + "/subscriptions/s")
	c.Get(api + "/customers/a/subscriptions")
	c.Get(api + "/subscriptions/s/lifetime_usage")
	c.Want(200, "PUT", api+"/subscriptions/s/lifetime_usage", `{"lifetime_usage":{"external_historical_usage_amount_cents":100}}`)
	c.post("/events", "event", `"transaction_id":"1","external_subscription_id":"s","code":"m","timestamp":4099766400,"properties":{"units":3}`)
	c.Want(422, "POST", api+"/events", `{"event":{"transaction_id":"1","external_subscription_id":"s","code":"m"}}`)
	c.Want(200, "POST", api+"/events/batch", `{"events":[{"transaction_id":"2","external_subscription_id":"s","code":"m","timestamp":"4099766400","properties":{"units":"4"}}]}`)
	c.Want(422, "POST", api+"/events/batch", `{"events":[]}`)
	c.Get(api + "/events?external_subscription_id=s&code=m")
	c.Get(api + "/events/1")
	c.Get(api + "/customers/a/current_usage?external_subscription_id=s")
	c.clock("2100-01-01T12:00:00Z")
	list := c.Get(api + "/invoices?external_customer_id=a&invoice_type=subscription")
	last := list.Text("invoices.0.lago_id")
	c.Get(api + "/customers/a/invoices")
	c.Get(api + "/invoices/" + last)
	c.Want(200, "PUT", api+"/invoices/"+last, `{"invoice":{"metadata":[{"key":"k","value":"v"}]}}`)
	c.Want(200, "POST", api+"/invoices/"+last+"/void", "")
	c.Want(404, "GET", api+"/invoices/none", "")
	c.post("/customers", "customer", `"external_id":"a","billing_configuration":{"invoice_grace_period":5}`)
	c.clock("2100-02-01T12:00:00Z")
	draft := c.Get(api + "/invoices?external_customer_id=a&statuses[]=draft").Text("invoices.0.lago_id")
	c.Want(200, "PUT", api+"/invoices/"+draft+"/finalize", "")
	due := c.Get(api + "/invoices/" + draft).Text("invoice.total_due_amount_cents")
	if due != "0" {
		c.post("/payments", "payment", `"invoice_id":"`+draft+`","amount_cents":`+due+`,"reference":"wire","paid_at":"2100-02-01"`)
	}
	c.Want(200, "DELETE", api+"/subscriptions/s", "")
}

func scenarioEndpoints(c *client) {
	id := c.post("/webhook_endpoints", "webhook_endpoint", `"webhook_url":"http://127.0.0.1:1/hook","signature_algo":"hmac","name":"H","event_types":["wallet.created"]`).
		Text("webhook_endpoint.lago_id")
	c.Get(api + "/webhook_endpoints")
	c.Get(api + "/webhook_endpoints/" + id)
	c.Want(200, "PUT", api+"/webhook_endpoints/"+id, `{"webhook_endpoint":{"webhook_url":"http://127.0.0.1:1/other","event_types":null}}`)
	c.Want(422, "POST", api+"/webhook_endpoints", `{"webhook_endpoint":{"webhook_url":"ftp://x"}}`)
	c.Get(api + "/webhooks/json_public_key")
	c.Get(api + "/webhooks/public_key")
	c.Want(200, "DELETE", api+"/webhook_endpoints/"+id, "")
	c.Want(404, "GET", api+"/webhook_endpoints/"+id, "")
}
