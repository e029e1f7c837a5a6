package sandbox_test

import (
	"testing"

	"scrip/adapters/orb/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// TestAgainstDocument runs a wide scenario and holds every request and answer
// against Orb's OpenAPI document.
func TestAgainstDocument(t *testing.T) {
	sandboxtest.Documents{
		New:      sandbox.New,
		Scenario: func(url string) { scenario(speak(t, url)) },
		Files:    []string{"specs/orb.json"},
		Calls:    60,
		Exceptions: [][2]string{
			{"PUT Path '/v1/alerts/", "the document writes GET and PUT of one address with different parameter names; the validator knows the first alone"},
			{"DELETE Path '/v1/alerts/", "as for PUT"},
		},
		Wrong: []sandboxtest.Wrong{
			{What: "a key that does not exist", Call: "POST /v1/customers -> 201", Spoil: sandboxtest.Replace("{", `{"wrong_key":1,`)},
			{What: "an answer without its required fields", Call: "POST /v1/customers -> 201", Spoil: sandboxtest.Reply(`{"id":"x"}`)},
			{What: "a query name that does not exist", Call: "POST /v1/customers -> 201", Spoil: sandboxtest.Query("wrong=1")},
			{What: "a string for a number", Call: "GET /v1/credit_blocks/", Spoil: sandboxtest.Replace(`"balance":`, `"balance":"1","was":`)},
		},
	}.Check(t)
}

// scenario uses every call at least once, and some that are refused.
func scenario(c *client) {
	c.Control("clock", `{"now":"`+noon+`"}`)
	c.Get("/v1/ping")
	cus := c.Want(201, "POST", "/v1/customers", `{"name":"Ada","email":"ada@example.com","external_customer_id":"acct 1/2","currency":"USD","timezone":"Europe/Berlin",
		"metadata":{"a":"b"},"auto_collection":false,"email_delivery":false,"additional_emails":["b@example.com"],"payment_provider":"stripe_invoice","payment_provider_id":"cus_1",
		"billing_address":{"line1":"Street 1","country":"DE"},"tax_id":{"country":"DE","type":"eu_vat","value":"DE123456789"},"hierarchy":{"child_customer_ids":[]}}`).Text("id")
	at, ext := "/v1/customers/"+cus, "/v1/customers/external_customer_id/acct%201%2F2"
	c.Want(200, "PUT", at, `{"metadata":{"a":null,"c":"d"}}`)
	c.Want(200, "PUT", ext, `{"name":"Ada L."}`)
	for _, path := range []string{at, ext, "/v1/customers?limit=2&created_at[gte]=2099-01-01T00:00:00Z", "/v1/plans", "/v1/prices", "/v1/metrics", "/v1/subscriptions"} {
		c.Get(path)
	}
	c.Want(200, "POST", at+"/balance_transactions", `{"amount":"11.00","type":"increment","description":"gift"}`)
	c.Want(200, "POST", at+"/balance_transactions", `{"amount":"1.00","type":"decrement"}`)
	c.Get(at + "/balance_transactions?limit=5&operation_time[gte]=2099-01-01T00:00:00Z")
	item := c.Want(201, "POST", "/v1/items", `{"name":"Credits","metadata":{"a":"b"}}`).Text("id")
	c.Get("/v1/items")
	c.Get("/v1/items/" + item)
	scenarioCredits(c, at, ext, item)
	scenarioTopUps(c, at, ext)
	scenarioRest(c, cus)
	other := c.customer("other")
	c.Want(204, "DELETE", "/v1/customers/"+other, "")
	c.Want(404, "GET", "/v1/customers/"+other, "")
	c.Want(404, "GET", "/v1/invoices/nothing", "")
	c.Want(400, "POST", "/v1/customers", `{"nonsense":1}`)
	c.Want(400, "POST", "/v1/customers", `{"name":"Ada","email":"ada@example.com","external_customer_id":"acct 1/2"}`)
	c.Control("faults", `{"faults":[{"kind":"status","status":429},{"kind":"status","status":500},{"kind":"status","status":409}]}`)
	for _, status := range []int{429, 500, 409} {
		c.Want(status, "GET", at, "")
	}
	c.Key = ""
	c.Want(401, "GET", "/v1/customers", "")
}

func scenarioCredits(c *client, at, ext, item string) {
	entries := at + "/credits/ledger_entry"
	block := c.Want(201, "POST", entries, `{"entry_type":"increment","amount":1000.5,"currency":"credits","description":"pack","metadata":{"g":"1"},"effective_date":"2099-02-28T00:00:00Z",
		"expiry_date":"2099-06-01T00:00:00Z","per_unit_cost_basis":"0.10","filters":[],"invoice_settings":{"auto_collection":false,"net_terms":0,"mark_as_paid":true,"memo":"thanks"}}`).Text("credit_block.id")
	c.Want(201, "POST", ext+"/credits/ledger_entry", `{"entry_type":"increment","amount":5,"filters":[{"field":"item_id","operator":"includes","values":["`+item+`"]}]}`)
	unpaid := c.Want(201, "POST", entries, `{"entry_type":"increment","amount":10,"per_unit_cost_basis":"1","expiry_date":null,
		"invoice_settings":{"auto_collection":true,"net_terms":30,"require_successful_payment":true}}`)
	c.Want(201, "POST", entries, `{"entry_type":"decrement","amount":20,"metadata":{"w":"1"}}`)
	c.Want(201, "POST", entries, `{"entry_type":"amendment","amount":2,"block_id":"`+block+`"}`)
	c.Want(201, "POST", entries, `{"entry_type":"expiration_change","amount":100,"block_id":"`+block+`","expiry_date":"2099-06-01T00:00:00Z","target_expiry_date":"2099-03-03"}`)
	c.Want(201, "POST", entries, `{"entry_type":"void","amount":1.25,"block_id":"`+block+`","void_reason":"refund"}`)
	c.Want(400, "POST", entries, `{"entry_type":"void","amount":1.25,"block_id":"none"}`)
	c.Get("/v1/credit_blocks/" + block)
	c.Get("/v1/credit_blocks/" + block + "/invoices")
	bill := unpaid.Text("created_invoices.0.id")
	c.Control("pay", `{"object":"`+bill+`","outcome":"failed"}`)
	c.Control("pay", `{"object":"`+bill+`","outcome":"paid"}`)
	c.Control("pay", `{"object":"`+bill+`","outcome":"refunded","amount":100}`)
	c.Get("/v1/invoices/" + bill)
	c.Get("/v1/credit_notes/" + c.Get("/v1/credit_notes?limit=5").Text("data.0.id"))
	c.Control("clock", `{"now":"2099-03-04T00:00:00Z"}`)
	for _, path := range []string{at, ext} {
		c.Get(path + "/credits?currency=credits&include_all_blocks=true&limit=100&effective_date[gte]=2099-01-01T00:00:00Z")
		c.Get(path + "/credits/ledger?limit=1000&currency=credits&entry_status=committed&created_at[gte]=2099-01-01T00:00:00Z")
	}
	c.Get(at + "/credits/ledger?entry_type=credit_block_expiry&limit=1")
	c.Want(204, "DELETE", "/v1/credit_blocks/"+block, "")
	c.Want(404, "GET", "/v1/credit_blocks/"+block, "")
}

func scenarioTopUps(c *client, at, ext string) {
	const body = `{"currency":"credits","threshold":"5","amount":"20","per_unit_cost_basis":"0.5","expires_after":1,"expires_after_unit":"month","active_from":"2099-03-01T00:00:00Z",
		"invoice_settings":{"auto_collection":true,"net_terms":0,"memo":"m","require_successful_payment":true}}`
	c.Want(201, "POST", at+"/credits/top_ups", body)
	id := c.Want(201, "POST", ext+"/credits/top_ups", body).Text("id")
	c.Get(at + "/credits/top_ups?limit=5")
	c.Get(ext + "/credits/top_ups")
	c.Want(204, "DELETE", ext+"/credits/top_ups/"+id, "")
	c.Want(404, "DELETE", at+"/credits/top_ups/"+id, "")
}

func scenarioRest(c *client, cus string) {
	alerts := "/v1/alerts/customer_id/" + cus
	c.Want(201, "POST", alerts, `{"type":"credit_balance_depleted","currency":"credits"}`)
	id := c.Want(201, "POST", alerts, `{"type":"credit_balance_dropped","currency":"credits","thresholds":[{"value":5}]}`).Text("id")
	c.Get("/v1/alerts/" + id)
	c.Get("/v1/alerts?customer_id=" + cus)
	c.Want(200, "PUT", "/v1/alerts/"+id, `{"thresholds":[{"value":6.5}]}`)
	c.Want(200, "POST", "/v1/alerts/"+id+"/disable", "")
	c.Want(200, "POST", "/v1/alerts/"+id+"/enable", "")
	c.Want(204, "DELETE", "/v1/alerts/"+id, "")
	c.Want(200, "POST", "/v1/ingest", `{"events":[{"event_name":"credits","timestamp":"2099-03-04T00:00:00Z","properties":{"n":1,"s":"x","b":true},"idempotency_key":"1","customer_id":"`+cus+`"}]}`)
	c.Want(400, "POST", "/v1/ingest", `{"events":[{"event_name":"credits","timestamp":"2099-03-04T01:00:00Z","properties":{},"idempotency_key":"2","external_customer_id":"x"}]}`)
	c.Want(200, "POST", "/v1/events/search", `{"event_ids":["1"],"timeframe_start":"2099-03-01T00:00:00Z","timeframe_end":"2099-04-01T00:00:00Z"}`)
	c.Want(200, "PUT", "/v1/events/1/deprecate", "")
	entries := "/v1/customers/" + cus + "/credits/ledger_entry"
	bill := func(more string) string {
		return c.Want(201, "POST", entries, `{"entry_type":"increment","amount":1,"per_unit_cost_basis":"1"`+more+`,"invoice_settings":{"auto_collection":true,"net_terms":7}}`).Text("created_invoices.0.id")
	}
	c.Want(200, "POST", "/v1/invoices/"+bill("")+"/mark_paid", `{"payment_received_date":"2099-03-04","external_id":"wire","notes":null}`)
	c.Want(200, "POST", "/v1/invoices/"+bill("")+"/void", "")
	c.Want(200, "POST", "/v1/invoices/"+bill(`,"effective_date":"2099-03-10T00:00:00Z"`)+"/issue", `{"synchronous":true}`)
	c.Get("/v1/invoices?customer_id=" + cus + "&limit=10&status[]=issued&status[]=paid&status[]=void&invoice_date[gte]=2099-01-01T00:00:00Z")
	c.Want(400, "DELETE", "/v1/customers/"+cus, "")
}
