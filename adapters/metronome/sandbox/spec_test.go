package sandbox_test

import (
	"testing"

	"scrip/adapters/metronome/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// TestAgainstDocument runs a wide scenario and holds every request and answer
// against Metronome's OpenAPI document.
func TestAgainstDocument(t *testing.T) {
	sandboxtest.Documents{
		New:        sandbox.New,
		Scenario:   func(url string) { scenario(speak(t, url)) },
		Files:      []string{"specs/metronome.json"},
		Calls:      60,
		Exceptions: [][2]string{},
		Wrong: []sandboxtest.Wrong{
			{What: "an answer without its required fields", Call: "POST /v1/customers -> 200", Spoil: sandboxtest.Reply(`{"data":{"id":"x"}}`)},
			{What: "a request without a required field", Call: "POST " + credits + "create -> 200", Spoil: sandboxtest.Replace(`"priority":1`, `"other":1`)},
			{What: "a query name that does not exist", Call: "POST /v1/customers -> 200", Spoil: sandboxtest.Query("wrong=1")},
			{What: "a string for a number", Call: "POST " + entry + " -> 200", Spoil: sandboxtest.Replace(`"amount":-1.5`, `"amount":"-1.5"`)},
			{What: "a value that is not of the list", Call: "POST " + credits + "list -> 200", Spoil: sandboxtest.Replace(`"type":"CREDIT"`, `"type":"GIFT"`)},
		},
	}.Check(t)
}

// scenario uses every call at least once, and some that are refused.
func scenario(c *client) {
	for _, field := range []string{"customer", "contract_credit", "commit"} {
		c.post("/v1/customFields/addKey", `"entity":"`+field+`","key":"scrip","enforce_uniqueness":false`)
	}
	c.post("/v1/customFields/listKeys", `"entities":["customer"]`)
	c.Get("/v1/credit-types/list?limit=5")
	cus := c.post("/v1/customers", `"name":"Ada","ingest_aliases":["a","b"],"custom_fields":{"scrip":"1"}`).Text("data.id")
	c.refused(409, "/v1/customers", `"name":"Ada","ingest_aliases":["a"]`, "already in use")
	c.post("/v1/customers/"+cus+"/setIngestAliases", `"ingest_aliases":["a","c"]`)
	c.post("/v1/customers/"+cus+"/setName", `"name":"Ada L."`)
	c.post("/v1/customFields/setValues", `"entity":"customer","entity_id":"`+cus+`","custom_fields":{"scrip":"2"}`)
	for _, path := range []string{"/v1/customers/" + cus, "/v1/customers?ingest_alias=a&limit=1", "/v1/customers?customer_ids=" + cus} {
		c.Get(path)
	}
	c.post("/v1/contract-pricing/products/list", `"archive_filter":"NOT_ARCHIVED"`)
	c.post("/v1/contract-pricing/products/get", `"id":"`+c.goods+`"`)
	contract, product := c.shop(cus, `,"name":"Plan","uniqueness_key":"k1"`)
	scenarioGrants(c, cus, contract, product)
	scenarioUsage(c, cus, contract)
	spare := c.post("/v1/contract-pricing/products/create", `"name":"Spare","type":"FIXED"`).Text("data.id")
	c.post("/v1/contract-pricing/products/archive", `"product_id":"`+spare+`"`)
	c.post("/v1/contracts/archive", `"customer_id":"`+cus+`","contract_id":"`+contract+`","void_invoices":true`)
	c.post("/v1/customers/archive", `"id":"`+cus+`"`)
	c.Get("/v1/customers?only_archived=true")
}

func scenarioGrants(c *client, cus, contract, product string) {
	who := `"customer_id":"` + cus + `"`
	id, segment := c.credit(cus, `"name":"Gift","description":"d","uniqueness_key":"g1","custom_fields":{"scrip":"g1"},"rate_type":"LIST_RATE"`, item("100.5", "01T12", "20T00"), item("7", "20T00", "25T00"))
	c.refused(404, credits+"create", c.body("2714e483-4ff1-48e4-9e25-ac732e8f24f2", "", item("1", "01T12", "02T12")), "Customer")
	c.refused(400, credits+"create", c.body(cus, "", item("1", "01T12", "01T12")), "ending_before")
	c.manual(cus, id, segment, "-1.5", "")
	c.refused(404, entry, who+`,"id":"`+id+`","segment_id":"`+id+`","amount":1,"reason":"r"`, "Segment")
	paid, paidSegment := c.commit(cus, `,"name":"Pack","uniqueness_key":"g2","applicable_product_ids":["`+product+`"],"applicable_contract_ids":["`+contract+
		`"],"invoice_schedule":{"credit_type_id":"`+usd+`","do_not_invoice":true,"schedule_items":[{"timestamp":"2099-03-01T12:00:00Z","unit_price":8000,"quantity":1}]}`, item("1000", "01T12", "30T00"))
	c.commit(cus, `,"invoice_contract_id":"`+contract+`","invoice_schedule":{"schedule_items":[{"timestamp":"2099-03-01T12:00:00Z","amount":100}]}`, item("10", "01T12", "30T00"))
	c.post(commits+"create", c.body(cus, `"type":"POSTPAID","invoice_contract_id":"`+contract+`","invoice_schedule":{"schedule_items":[{"timestamp":"2099-03-30T12:00:00Z","amount":100}]}`, item("10", "01T12", "02T12")))
	c.manual(cus, paid, paidSegment, "25", `,"timestamp":"2099-03-01T13:00:00Z"`)
	c.post("/v2/contracts/credits/edit", who+`,"credit_id":"`+id+`","priority":2.5,"access_schedule":{"update_schedule_items":[{"id":"`+segment+`","amount":120}],"add_schedule_items":[`+item("3", "25T00", "26T00")+`]}`)
	c.post("/v2/contracts/commits/edit", who+`,"commit_id":"`+paid+`","name":"Pack 2","description":"x"`)
	c.refused(400, "/v2/contracts/credits/edit", `"customer_id":"`+id+`","credit_id":"`+id+`"`, "Customer")
	c.post(credits+"updateEndDate", who+`,"credit_id":"`+id+`","access_ending_before":"2099-03-19T00:00:00Z"`)
	c.post(commits+"updateEndDate", who+`,"commit_id":"`+paid+`","access_ending_before":"2099-03-29T00:00:00Z"`)
	all := who + `,"include_archived":true,"include_ledgers":true,"include_balance":true`
	c.post(balances+"list", all+`,"include_contract_balances":true,"limit":2`)
	c.post(credits+"list", all+`,"include_contract_credits":true`)
	c.post(commits+"list", all+`,"covering_date":"2099-03-02T00:00:00Z","limit":25`)
	c.post(balances+"getNetBalance", who+`,"credit_type_id":"`+c.units+`","filters":[{"balance_types":["CREDIT","PREPAID_COMMIT"]}]`)
	gone, _ := c.credit(cus, "", item("1", "01T12", "20T00"))
	c.post("/v2/contracts/credits/archive", who+`,"credit_id":"`+gone+`"`)
	gone, _ = c.commit(cus, "", item("1", "01T12", "20T00"))
	c.post("/v2/contracts/commits/archive", who+`,"commit_id":"`+gone+`"`)
	c.post("/v2/contracts/edit", who+`,"contract_id":"`+contract+`","add_credits":[{"product_id":"`+c.goods+`","priority":1,"access_schedule":{"schedule_items":[`+item("500", "01T12", "30T00")+`]}}],"add_commits":[`+gated(c, "EXTERNAL")+`]`)
	c.Control("pay", `{"object":"`+contract+`","outcome":"paid"}`)
	c.post("/v2/contracts/get", who+`,"contract_id":"`+contract+`","include_ledgers":true,"include_balance":true`)
	c.post("/v2/contracts/list", who)
}

// gated is a commit that waits for its payment.
func gated(c *client, kind string) string {
	return `{"type":"PREPAID","name":"Pack","product_id":"` + c.goods + `","priority":1,"access_schedule":{"credit_type_id":"` + c.units + `","schedule_items":[` + item("1000", "01T12", "30T00") +
		`]},"invoice_schedule":{"schedule_items":[{"timestamp":"2099-03-01T12:00:00Z","amount":8000}]},"payment_gate_config":{"payment_gate_type":"` + kind + `"}}`
}

func scenarioUsage(c *client, cus, contract string) {
	who := `"customer_id":"` + cus + `"`
	alert := c.post("/v1/alerts/create", `"alert_type":"low_remaining_contract_credit_and_commit_balance_reached","name":"Low","threshold":1200,"credit_type_id":"`+c.units+`"`).Text("data.id")
	c.use("a", "t1", "42", noon)
	c.use("a", "t1", "42", noon)
	c.Want(200, "POST", "/v1/events/search", `{"transactionIds":["t1"]}`)
	c.post("/v1/usage", `"window_size":"DAY","starting_on":"2099-03-01T00:00:00Z","ending_before":"2099-03-03T00:00:00Z","customer_ids":["`+cus+`"]`)
	c.post("/v1/customer-alerts/get", who+`,"alert_id":"`+alert+`"`)
	c.post("/v1/customer-alerts/list", who)
	c.post("/v1/alerts/archive", `"id":"`+alert+`","release_uniqueness_key":true`)
	list := "/v1/customers/" + cus + "/invoices"
	c.Get(list + "?status=DRAFT&sort=date_desc&limit=5")
	c.clock("2099-04-02T00:00:00Z")
	inv := c.Get(list + "?status=FINALIZED&type=USAGE&contract_id=" + contract).Text("data.0.id")
	c.Get(list + "/" + inv)
	c.post(balances+"list", who+`,"include_ledgers":true,"include_archived":true`)
	c.post("/v1/invoices/void", `"id":"`+inv+`"`)
	c.post(balances+"list", who+`,"include_ledgers":true,"include_archived":true`)
}
