package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"scrip/adapters/sandbox/sandboxtest"
	"scrip/adapters/stripe/sandbox"
)

// TestAgainstDocuments runs a wide scenario and holds every request and answer
// against Stripe's OpenAPI documents.
func TestAgainstDocuments(t *testing.T) {
	sandboxtest.Documents{
		New:      sandbox.New,
		Scenario: func(url string) { scenario(speak(t, url).as("sk_test_doc")) },
		Files:    []string{"specs/stripe-2024-04-10.json", "specs/stripe.json"},
		Prefix:   "/v1/billing/credit_",
		Calls:    80,
		Exceptions: [][2]string{
			{"mark_uncollectible", "the call is part of the API (invoice.marked_uncollectible is one of its events); the cut document leaves it out"},
			{"/v1/charges", "charges have no schema in the cut document; payments are followed by invoice and event"},
			{"/v1/refunds", "refunds have no schema in the cut document; they are told by charge.refunded"},
			{"enabled_events", "events of billing.credit_* exist since 2024-09-30 and are not in the enum of the 2024-04-10 document"},
			{"does not match pattern '^/v1/billing/credit_grants' at $.url", "a list names its own path, as every other list does"},
			{"value_grouping_window=day", "event summaries by day exist in newer documents than 2024-04-10"},
		},
		Wrong: []sandboxtest.Wrong{
			{What: "a form field that does not exist", Call: "POST /v1/customers -> 200", Spoil: sandboxtest.Replace("name=", "wrong_field=1&name=")},
			{What: "an answer without its required fields", Call: "POST /v1/customers -> 200", Spoil: sandboxtest.Reply(`{"object":"customer"}`)},
			{What: "a query name that does not exist", Call: "POST /v1/customers -> 200", Spoil: sandboxtest.Query("wrong=1")},
		},
	}.Check(t)
}

// scenario uses every call at least once, and some that are refused.
func scenario(c *client) {
	c.Control("clock", `{"now":"2099-01-01T00:00:00Z"}`)
	cus := c.post("/v1/customers", "name", "Ada", "email", "ada+test@example.com", "metadata[external_id]", "acct_1", "description", "d", "phone", "+49").ID()
	c.post("/v1/customers/"+cus, "metadata[plan]", "pro", "metadata[external_id]", "", "expand[0]", "test_clock")
	for _, path := range []string{
		"/v1/customers/" + cus, "/v1/customers?limit=3&email=ada%2Btest%40example.com&created[gte]=1", "/v1/customers/search?query=" + esc("metadata['plan']:'pro' AND email~'ada'"),
	} {
		c.Get(path)
	}
	txn := c.post("/v1/customers/"+cus+"/balance_transactions", "amount", "-500", "currency", "usd", "description", "gift", "metadata[a]", "b").ID()
	c.Get("/v1/customers/" + cus + "/balance_transactions?limit=2")
	c.Get("/v1/customers/" + cus + "/balance_transactions/" + txn)
	c.post("/v1/customers/"+cus+"/balance_transactions/"+txn, "description", "other")
	hook := c.post("/v1/webhook_endpoints", "url", "http://127.0.0.1:9/hook", "enabled_events[]", "invoice.paid", "enabled_events[]", "billing.credit_grant.created", "api_version", "2023-10-16").ID()
	c.post("/v1/webhook_endpoints/"+hook, "description", "x", "disabled", "true")
	c.Get("/v1/webhook_endpoints?limit=5")
	c.Get("/v1/webhook_endpoints/" + hook)
	metered := scenarioMeters(c, cus)
	scenarioGrants(c, cus, metered)
	scenarioInvoices(c, cus)
	scenarioSubscription(c, cus, metered)
	ev := c.Get("/v1/events?limit=100&created[gte]=0&delivery_success=true").Text("data.0.id")
	c.Get("/v1/events/" + ev)
	c.Get("/v1/events?types[]=customer.created&types[]=invoice.paid")
	c.Want(200, "DELETE", "/v1/webhook_endpoints/"+hook, "")
	c.Want(200, "DELETE", "/v1/customers/"+cus, "")
	c.Get("/v1/customers/" + cus)
	c.Want(404, "GET", "/v1/customers/cus_none", "")
	c.Want(400, "POST", "/v1/customers", "nonsense=1")
	c.as("").Want(401, "GET", "/v1/customers", "")
}

func scenarioMeters(c *client, cus string) (price string) {
	m := c.post("/v1/billing/meters", "display_name", "Credits", "event_name", "credits", "default_aggregation[formula]", "sum",
		"customer_mapping[type]", "by_id", "customer_mapping[event_payload_key]", "stripe_customer_id", "value_settings[event_payload_key]", "value").ID()
	c.post("/v1/billing/meters/"+m, "display_name", "Credits used")
	c.post("/v1/billing/meters/" + m + "/deactivate")
	c.post("/v1/billing/meters/" + m + "/reactivate")
	c.Get("/v1/billing/meters?status=active&limit=1")
	c.Get("/v1/billing/meters/" + m)
	base := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	c.post("/v1/billing/meter_events", "event_name", "credits", "identifier", "e1", "payload[stripe_customer_id]", cus, "payload[value]", "25")
	c.post("/v1/billing/meter_events", "event_name", "credits", "identifier", "e2", "payload[stripe_customer_id]", cus, "payload[value]", "1.5", "timestamp", num(base-60))
	c.post("/v1/billing/meter_event_adjustments", "type", "cancel", "event_name", "credits", "cancel[identifier]", "e2")
	span := "/v1/billing/meters/" + m + "/event_summaries?customer=" + cus + "&start_time=" + num(base-86400) + "&end_time=" + num(base+86400)
	c.Get(span)
	c.Get(span + "&value_grouping_window=hour")
	c.Get(span + "&value_grouping_window=day")
	prod := c.post("/v1/products", "name", "Credits", "unit_label", "credit", "metadata[a]", "b").ID()
	c.post("/v1/products/"+prod, "description", "used credits")
	c.Get("/v1/products?active=true&limit=2")
	c.Get("/v1/products/" + prod)
	price = c.post("/v1/prices", "currency", "usd", "unit_amount", "1", "product", prod, "recurring[interval]", "month", "recurring[usage_type]", "metered",
		"recurring[meter]", m, "lookup_key", "scrip_credits").ID()
	c.post("/v1/prices", "currency", "usd", "unit_amount_decimal", "0.25", "product_data[name]", "Fine", "recurring[interval]", "month", "nickname", "n")
	c.post("/v1/prices/"+price, "nickname", "used", "metadata[k]", "v")
	c.Get("/v1/prices?limit=2&lookup_keys[]=scrip_credits&type=recurring&recurring[usage_type]=metered")
	c.Get("/v1/prices/" + price + "?expand[]=product")
	spare := c.post("/v1/products", "name", "Spare").ID()
	c.Want(200, "DELETE", "/v1/products/"+spare, "")
	return price
}

func scenarioGrants(c *client, cus, price string) {
	version := []string{"Stripe-Version", "2025-02-24.acacia"}
	g := c.Want(200, "POST", "/v1/billing/credit_grants", grantForm(cus, "10000", "category", "promotional", "name", "Pack", "priority", "10", "expires_at", "4102444800", "metadata[a]", "b"), version...).ID()
	void := c.Want(200, "POST", "/v1/billing/credit_grants", form("customer", cus, "amount[type]", "monetary", "amount[monetary][currency]", "usd",
		"amount[monetary][value]", "500", "applicability_config[scope][prices][][id]", price), version...).ID()
	c.post("/v1/billing/credit_grants/"+g, "expires_at", "4102444900", "metadata[a]", "")
	c.post("/v1/billing/credit_grants/" + void + "/void")
	gone := c.grant(cus, "700")
	c.post("/v1/billing/credit_grants/" + gone + "/expire")
	c.Get("/v1/billing/credit_grants?customer=" + cus + "&limit=2")
	c.Get("/v1/billing/credit_grants/" + g + "?expand[]=customer")
	c.Get("/v1/billing/credit_balance_summary?customer=" + cus + "&filter[type]=credit_grant&filter[credit_grant]=" + g)
	c.Get("/v1/billing/credit_balance_summary?customer=" + cus + "&filter[type]=applicability_scope&filter[applicability_scope][price_type]=metered")
	entry := c.Get("/v1/billing/credit_balance_transactions?customer=" + cus + "&credit_grant=" + gone).Text("data.0.id")
	c.Get("/v1/billing/credit_balance_transactions/" + entry)
	c.Want(400, "POST", "/v1/billing/credit_grants", "customer="+cus)
}

func scenarioInvoices(c *client, cus string) {
	item := c.post("/v1/invoiceitems", "customer", cus, "amount", "8000", "currency", "usd", "description", "Starter pack").ID()
	c.post("/v1/invoiceitems/"+item, "description", "Starter pack, 1000 credits", "metadata[a]", "b")
	c.Get("/v1/invoiceitems/" + item)
	c.Get("/v1/invoiceitems?customer=" + cus + "&pending=true")
	inv := c.post("/v1/invoices", "customer", cus, "pending_invoice_items_behavior", "include", "auto_advance", "false", "metadata[pack]", "starter").ID()
	c.post("/v1/invoices/"+inv, "description", "thanks")
	c.Get("/v1/invoices/" + inv + "/lines?limit=1")
	pi := c.post("/v1/invoices/" + inv + "/finalize").Text("payment_intent")
	c.Get("/v1/payment_intents/" + pi)
	c.Get("/v1/payment_intents?customer=" + cus)
	c.Want(402, "POST", "/v1/invoices/"+inv+"/pay", "payment_method=pm_card_chargeDeclined")
	charge := c.post("/v1/invoices/" + inv + "/pay").Text("charge")
	c.Get("/v1/charges/" + charge)
	c.Get("/v1/charges?customer=" + cus)
	back := c.post("/v1/refunds", "charge", charge, "amount", "1", "metadata[a]", "b").ID()
	c.Get("/v1/refunds/" + back)
	c.Get("/v1/refunds?charge=" + charge)
	c.Want(400, "POST", "/v1/refunds", "charge="+charge+"&amount=100000000")
	c.Get("/v1/invoices?customer=" + cus + "&status=paid&limit=1")
	c.Get("/v1/invoices/" + inv + "?expand[]=payment_intent&expand[]=customer")
	other := c.post("/v1/invoices", "customer", cus, "collection_method", "send_invoice", "days_until_due", "3").ID()
	extra := c.post("/v1/invoiceitems", "customer", cus, "invoice", other, "unit_amount", "100", "quantity", "3", "currency", "usd").ID()
	c.post("/v1/invoices/" + other + "/finalize")
	c.post("/v1/invoices/" + other + "/mark_uncollectible")
	c.post("/v1/invoices/" + other + "/void")
	c.Want(400, "DELETE", "/v1/invoiceitems/"+extra, "")
	spare := c.post("/v1/invoiceitems", "customer", cus, "amount", "1", "currency", "usd").ID()
	c.Want(200, "DELETE", "/v1/invoiceitems/"+spare, "")
	drop := c.post("/v1/invoices", "customer", cus).ID()
	c.Want(200, "DELETE", "/v1/invoices/"+drop, "")
}

func scenarioSubscription(c *client, cus, metered string) {
	flat := c.post("/v1/prices", "currency", "usd", "unit_amount", "4900", "product_data[name]", "Pro", "recurring[interval]", "month").ID()
	sub := c.post("/v1/subscriptions", "customer", cus, "items[0][price]", flat, "items[1][price]", metered, "metadata[plan]", "pro").ID()
	c.post("/v1/billing/meter_events", "event_name", "credits", "identifier", "s1", "payload[stripe_customer_id]", cus, "payload[value]", "400")
	c.post("/v1/subscriptions/"+sub, "metadata[x]", "y", "cancel_at_period_end", "false")
	c.Get("/v1/subscriptions/" + sub + "?expand[]=latest_invoice")
	c.Get("/v1/subscriptions?customer=" + cus + "&status=all&price=" + flat)
	it := c.Get("/v1/subscription_items?subscription=" + sub).Text("data.0.id")
	c.Get("/v1/subscription_items/" + it)
	c.Control("clock", `{"advance":"800h"}`)
	c.Get("/v1/invoices?subscription=" + sub)
	c.Get("/v1/billing/credit_balance_transactions?customer=" + cus + "&limit=100")
	c.Want(200, "DELETE", "/v1/subscriptions/"+sub, "")
}

func esc(s string) string {
	return strings.NewReplacer(" ", "%20", "'", "%27", "[", "%5B", "]", "%5D", "~", "%7E").Replace(s)
}
