package sandbox_test

import (
	"fmt"
	"testing"

	"scrip/adapters/chargebee/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// TestAgainstDocument runs a wide scenario and holds every request and answer
// against an OpenAPI document that was derived from the types of Chargebee's
// own library, since the published one was not at hand.
func TestAgainstDocument(t *testing.T) {
	sandboxtest.Documents{
		New:      sandbox.New,
		Scenario: func(url string) { scenario(speak(t, url)) },
		Files:    []string{"specs/chargebee.json"},
		Calls:    60,
		Exceptions: [][2]string{
			{"got string, want object at $.meta_data", "one form parameter holds JSON text (custom JSON fields); the derived document has the library's type, an object"},
			{"'rollover', 'adjustment' at $.in", "an in filter is a list like [\"a\",\"b\"]; the derived document has the type of one of its words"},
		},
		Wrong: []sandboxtest.Wrong{
			{What: "a form field that does not exist", Call: "POST /api/v2/customers -> 200", Spoil: sandboxtest.Replace("id=", "wrong_key=1&id=")},
			{What: "an answer without its required fields", Call: "POST /api/v2/customers -> 200", Spoil: sandboxtest.Reply(`{"customer":{"id":"x"}}`)},
			{What: "a query name that does not exist", Call: "GET /api/v2/customers?", Spoil: sandboxtest.Query("wrong=1")},
			{What: "a number for an amount", Call: "POST /api/v2/ledger_operations/capture -> 200", Spoil: sandboxtest.Replace(`"amount":"`, `"amount":1,"was":"`)},
			{What: "a ledger operation without its time", Call: "POST /api/v2/ledger_operations/capture -> 200", Spoil: sandboxtest.Replace(`"ledger_operation_timestamp"`, `"at"`)},
			{What: "a list of objects with the index first", Call: "POST /api/v2/customers/acct_1/subscription_for_items -> 200",
				Spoil: sandboxtest.Replace("subscription_items%5Bitem_price_id%5D%5B0%5D", "subscription_items%5B0%5D%5Bitem_price_id%5D")},
		},
	}.Check(t)
}

// scenario uses every call at least once, and some that are refused.
func scenario(c *client) {
	c.Control("clock", `{"now":"`+noon+`"}`)
	c.list("/configurations")
	sub := c.customer("acct_1")
	c.post("/customers", "id", "acct_2", "first_name", "Ada", "last_name", "L", "email", "ada@example.com", "company", "Acme", "preferred_currency_code", "EUR", "phone", "1",
		"auto_collection", "on", "net_term_days", "14", "allow_direct_debit", "true", "taxability", "taxable", "locale", "en", "meta_data", `{"tenant":"t1","n":1}`,
		"billing_address[first_name]", "Ada", "billing_address[country]", "DE")
	c.post("/customers/acct_2", "company", "Acme GmbH", "first_name", "")
	c.post("/customers", "company", "No id")
	for _, path := range []string{"/customers/acct_2", "/customers?limit=2&id%5Bis_not%5D=acct_2&created_at%5Bafter%5D=1700000000&sort_by%5Basc%5D=created_at&include_deleted=true"} {
		c.Get(api + path)
	}
	next := c.list("/customers", "limit", "1").Text("next_offset")
	c.list("/customers", "limit", "1", "offset", next)
	c.post("/customers/acct_2/delete")
	scenarioLedger(c, sub)
	scenarioMoney(c)
	scenarioEvents(c, sub)
	c.Want(404, "GET", api+"/customers/nobody", "")
	c.refused(400, "duplicate_entry", "/customers", form("id", "acct_1"))
	c.Control("faults", `{"faults":[{"kind":"status","status":429},{"kind":"status","status":500},{"kind":"status","status":409},{"kind":"status","status":503}]}`)
	for _, status := range []int{429, 500, 409, 503} {
		c.Want(status, "GET", api+"/customers/acct_1", "")
	}
	c.Key = ""
	c.Want(401, "GET", api+"/customers", "")
}

func scenarioLedger(c *client, sub string) {
	c.post("/credit_units", "id", "tokens", "name", "Tokens", "is_unlimited", "false", "overdraft_amount", "25", "external_name", "T")
	c.post("/credit_units", "id", "free", "name", "Free", "is_unlimited", "true")
	c.post("/credit_units/tokens", "name", "Tokens 2")
	c.post("/credit_units/free/archive_command")
	c.post("/credit_units/free/reactivate_command")
	c.list("/credit_units", "status[is]", "active", "limit", "5")
	c.grant(sub, "100.5", 30)
	allocate := fmt.Sprintf(`{"subscription_id":%q,"unit_id":"tokens","amount":"10","expires_at":%d,"metadata":{"scrip_grant":"g1","n":1}}`, sub, at+day)
	c.Want(200, "POST", api+"/promotional_grants", allocate)
	tokens := func(amount, more string) string {
		return fmt.Sprintf(`"subscription_id":%q,"unit_id":"tokens","amount":%q,"ledger_operation_timestamp":%d`, sub, amount, at) + more
	}
	c.ledger("capture", tokens("30", `,"id":"op-1","metadata":{"a":"b"}`)) // into the overdraft
	c.Want(200, "POST", api+"/ledger_operations/allocate", allocate)       // repays
	c.refused(400, "resource_limit_exhausted", "/ledger_operations/capture", "{"+tokens("999", "")+"}")
	c.ledger("capture", fmt.Sprintf(`"subscription_id":%q,"unit_id":"free","amount":"7","ledger_operation_timestamp":%d`, sub, at))
	for _, id := range []string{"hold-1", "hold-2"} {
		c.ledger("authorize", draw(sub, "20", fmt.Sprintf(`,"id":%q,"auto_release_timestamp":%d,"metadata":{}`, id, at+300)))
	}
	c.ledger("capture_authorization", fmt.Sprintf(`"authorization_id":"hold-1","id":"cap-1","amount":"5.25","ledger_operation_timestamp":%d,"metadata":{"a":1}`, at))
	c.ledger("release_authorization", fmt.Sprintf(`"authorization_id":"hold-2","id":"rel-1","ledger_operation_timestamp":%d,"metadata":{"a":1}`, at))
	c.Get(api + "/ledger_operations/cap-1")
	c.Want(404, "GET", api+"/ledger_operations/nothing", "")
	c.list("/ledger_operations", "subscription_id[is]", sub, "unit_id[is]", "credits", "type[in]", `["capture","authorize"]`, "sort_by[desc]", "created_at", "limit", "50")
	c.list("/grant_blocks", "subscription_id[is]", sub, "account_type[is]", "provisioned", "expires_at[after]", "1700000000", "sort_by[asc]", "expires_at")
	c.list("/grant_blocks", "subscription_id[is]", sub, "limit", "100")
	c.list("/ledger_account_balances", "subscription_id[is]", sub)
	c.list("/ledger_account_balances", "subscription_id[is]", sub, "unit_id[is]", "credits")
}

func scenarioMoney(c *client) {
	c.list("/item_families", "limit", "5")
	c.list("/items", "type[is]", "plan")
	c.list("/item_prices", "currency_code[is]", "USD")
	c.Get(api + "/items/carrier")
	c.Get(api + "/item_prices/carrier-USD")
	c.post("/items", "id", "pack", "name", "Pack", "type", "charge", "item_family_id", "scrip", "external_name", "Credits", "description", "d")
	c.post("/item_prices", "id", "pack-USD", "name", "Pack USD", "item_id", "pack", "pricing_model", "per_unit", "price", "1000", "currency_code", "USD")
	for _, kind := range []string{"add", "deduct", "set"} {
		c.post("/promotional_credits/"+kind, "customer_id", "acct_1", "amount", "300", "description", "goodwill 10%", "reference", "g1", "credit_type", "general")
	}
	credit := c.list("/promotional_credits", "customer_id[is]", "acct_1", "type[is]", "increment").Text("list.0.promotional_credit.id")
	c.Get(api + "/promotional_credits/" + credit)
	sell := func(more ...string) string {
		return c.post("/invoices/create_for_charge_items_and_charges", append([]string{"customer_id", "acct_1", "auto_collection", "off", "invoice_note", "purchase p1",
			"item_prices[item_price_id][0]", "pack-USD", "item_prices[quantity][0]", "2", "charges[amount][0]", "500", "charges[description][0]", "One-off"}, more...)...).Text("invoice.id")
	}
	one, two, three := sell(), sell("net_term_days", "14"), sell("create_pending_invoice", "true")
	c.post("/invoices/"+one+"/record_payment", "comment", "wire", "transaction[amount]", "2000", "transaction[payment_method]", "bank_transfer", "transaction[reference_number]", "r1")
	c.Control("pay", `{"object":"`+one+`","outcome":"failed"}`)
	c.Control("pay", `{"object":"`+one+`","outcome":"paid"}`)
	c.post("/invoices/"+one+"/refund", "refund_amount", "100", "comment", "sorry", "credit_note[reason_code]", "waiver")
	c.post("/invoices/"+two+"/void", "comment", "wrong")
	c.post("/invoices/"+three+"/close", "invoice_note", "done")
	c.refused(400, "payment_method_not_present", "/invoices/"+three+"/collect_payment", form("amount", "1"))
	c.Get(api + "/invoices/" + one)
	c.list("/invoices", "customer_id[is]", "acct_1", "status[is]", "paid", "date[after]", "1700000000", "limit", "100")
	c.Get(api + "/transactions/" + c.list("/transactions", "customer_id[is]", "acct_1", "type[is]", "payment").Text("list.0.transaction.id"))
	c.Get(api + "/credit_notes/" + c.list("/credit_notes", "reference_invoice_id[is]", one).Text("list.0.credit_note.id"))
	sub := c.post("/customers/acct_1/subscription_for_items", "id", "sub_2", "subscription_items[item_price_id][0]", "carrier-USD", "subscription_items[quantity][0]", "1",
		"subscription_items[unit_price][0]", "900", "auto_collection", "off", "meta_data", `{"a":"b"}`)
	c.Get(api + "/subscriptions/" + sub.Text("subscription.id"))
	c.list("/subscriptions", "customer_id[is]", "acct_1", "status[is]", "active", "sort_by[asc]", "created_at")
	c.post("/subscriptions/sub_2/cancel_for_items", "cancel_option", "immediately")
}

func scenarioEvents(c *client, sub string) {
	hook := c.post("/webhook_endpoints", "name", "scrip", "url", "http://127.0.0.1:1/x", "api_version", "v2", "basic_auth_username", "u", "basic_auth_password", "p",
		"disabled", "true", "enabled_events[0]", "payment_succeeded", "enabled_events[1]", "customer_created").Text("webhook_endpoint.id")
	c.post("/webhook_endpoints/"+hook, "basic_auth_password", "p2")
	c.Get(api + "/webhook_endpoints/" + hook)
	c.list("/webhook_endpoints", "limit", "5")
	c.post("/webhook_endpoints/" + hook + "/delete")
	id := c.list("/events", "limit", "100", "event_type[is]", "payment_succeeded", "occurred_at[after]", "1700000000", "sort_by[asc]", "occurred_at").Text("list.0.event.id")
	c.Get(api + "/events/" + id)
	c.list("/events", "limit", "3", "webhook_status[is]", "not_configured", "source[is]", "api")
	one := fmt.Sprintf(`{"deduplication_id":"d1","subscription_id":%q,"usage_timestamp":%d,"properties":{"n":1,"s":"x"}}`, sub, at*1000)
	c.Want(200, "POST", api+"/usage_events", one)
	c.Want(200, "POST", api+"/batch/usage_events", `{"events":[`+one+`]}`)
}
