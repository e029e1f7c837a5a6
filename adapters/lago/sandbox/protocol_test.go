package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestRootsAndErrors(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	w := c.wallet(`"granted_credits":"10","code":"w"`)
	for path, root := range map[string]string{
		"POST /customers": "customer", "POST /wallets": "wallet", "PUT /wallets/" + w: "wallet", "POST /wallet_transactions": "wallet_transaction",
		"POST /events": "event", "POST /subscriptions": "subscription", "POST /invoices": "invoice", "POST /payments": "payment",
		"POST /webhook_endpoints": "webhook_endpoint", "POST /plans": "plan", "POST /billable_metrics": "billable_metric", "POST /events/batch": "events",
		"POST /wallets/" + w + "/metadata": "metadata", "POST /credit_notes": "credit_note", "POST /add_ons": "add_on", "POST /taxes": "tax",
	} {
		method, path, _ := strings.Cut(path, " ")
		want := `{"status":400,"error":"BadRequest: param is missing or the value is empty or invalid: ` + root + `"}`
		for _, body := range []string{"", "{", "[]", `{}`, `{"wrong":{"a":1}}`} {
			if got := c.Want(400, method, api+path, body); string(got.Raw) != want {
				t.Errorf("%s %s %s: %s", method, path, body, got.Raw)
			}
		}
	}
	for path, code := range map[string]string{
		"/customers/x": "customer_not_found", "/wallets/x": "wallet_not_found", "/wallet_transactions/x": "wallet_transaction_not_found",
		"/invoices/x": "invoice_not_found", "/subscriptions/x": "subscription_not_found", "/plans/x": "plan_not_found", "/events/x": "event_not_found",
		"/billable_metrics/x": "billable_metric_not_found", "/webhook_endpoints/x": "webhook_endpoint_not_found", "/wallets?external_customer_id=x": "customer_not_found",
		"/customers/a/wallets/x": "wallet_not_found", "/customers/x/wallets": "customer_not_found", "/nothing": "resource_not_found",
	} {
		if got := c.Want(404, "GET", api+path, ""); string(got.Raw) != `{"status":404,"error":"Not Found","code":"`+code+`"}` {
			t.Errorf("%s: %s", path, got.Raw)
		}
	}
	// What a name is not known for is dropped: here nothing is left to do.
	if got := c.move(w, `"void_credits":"5","wrong":1`); string(got.Raw) != `{"wallet_transactions":[]}` {
		t.Errorf("a misspelled amount: %s", got.Raw)
	}
	c.Variant("bad_request_text")
	c.Equal(c.Want(400, "POST", api+"/wallets", `{}`), "error", "Bad Request")
	c.Variant("key_read_only")
	got := c.Want(403, "POST", api+"/wallet_transactions", `{}`)
	if string(got.Raw) != `{"status":403,"error":"Forbidden","code":"write_action_not_allowed_for_wallet_transaction"}` {
		t.Errorf("a key that may only read: %s", got.Raw)
	}
	c.Get(api + "/wallets/" + w)
	c.Key = ""
	if got := c.Want(401, "GET", api+"/customers", ""); string(got.Raw) != `{"status":401,"error":"Unauthorized"}` {
		t.Errorf("no key: %s", got.Raw)
	}
}

func TestRateLimits(t *testing.T) {
	c := startAt(t, outset)
	limits := func(h http.Header) string {
		return h.Get("X-RateLimit-Limit") + " " + h.Get("X-RateLimit-Reset")
	}
	if got := limits(c.Get(api + "/customers").Header); got != "50 1" {
		t.Errorf("limit and reset are %q", got)
	}
	if got := limits(c.Want(400, "POST", api+"/events", "{}").Header); got != "500 1" {
		t.Errorf("limit and reset of events are %q", got)
	}
	c.Control("faults", `{"faults":[{"kind":"status","status":429,"retry_after":"7"}]}`)
	if got := limits(c.Want(429, "GET", api+"/customers", "").Header); got != "50 7" {
		t.Errorf("limit and reset of a refusal are %q", got)
	}
	c.Variant("rate_limit_enforced")
	refused := false
	for range 150 {
		got, err := c.Do("GET", api+"/customers", "")
		if err != nil {
			t.Fatal(err)
		}
		refused = refused || got.Status == 429 && got.Header.Get("X-RateLimit-Remaining") == "0"
	}
	if !refused {
		t.Error("150 calls at once were all taken")
	}
	c.Variant("self_hosted")
	if h := c.Get(api + "/customers").Header; h.Get("X-RateLimit-Limit") != "" {
		t.Errorf("an installation of one's own names limits: %v", h)
	}
}

func TestCustomers(t *testing.T) {
	c := startAt(t, outset)
	id := c.customer("a/1 x", `,"timezone":"Europe/Berlin","metadata":[{"key":"k","value":"v","display_in_invoice":true}]`)
	got := c.post("/customers", "customer", `"external_id":"a/1 x","email":"x@example.com","nonsense":1`)
	hold(c, got, "customer.", "lago_id="+id+" name=Ada email=x@example.com applicable_timezone=Europe/Berlin slug="+got.Text("customer.slug"))
	c.Equal(got, "customer.metadata.0.value", "v")
	if !strings.HasSuffix(got.Text("customer.slug"), "-001") {
		t.Errorf("the slug is %s", got.Text("customer.slug"))
	}
	c.Equal(c.Get(api+"/customers/a%2F1%20x"), "customer.lago_id", id)
	c.Equal(c.Get(api+"/customers?external_id=a%2F1%20x"), "meta.total_count", "1")
	c.Equal(c.Get(api+"/customers?metadata[k]=v"), "meta.total_count", "1")
	c.Equal(c.Get(api+"/customers?metadata[k]=w"), "meta.total_count", "0")
	c.refused("POST", "/customers", `{"customer":{"name":"x"}}`, `{"external_id":["value_is_mandatory"]}`)
	c.refused("POST", "/customers", `{"customer":{"external_id":"x","currency":"euros","timezone":"Mars"}}`, `{"currency":["value_is_invalid"],"timezone":["value_is_invalid"]}`)

	w := c.post("/wallets", "wallet", `"external_customer_id":"a/1 x","rate_amount":"1","currency":"EUR","granted_credits":"5"`).Text("wallet.lago_id")
	c.Want(200, "DELETE", api+"/customers/a%2F1%20x", "")
	c.Want(404, "GET", api+"/customers/a%2F1%20x", "")
	c.has(w, "status=terminated balance_cents=500")
	if again := c.customer("a/1 x", ""); again == id {
		t.Error("a deleted customer came back")
	}
	c.refused("POST", "/wallet_transactions", `{"wallet_transaction":{"wallet_id":"`+w+`","granted_credits":"1"}}`, `{"wallet_id":["wallet_not_found"]}`)
	c.Variant("customer_metadata_limited")
	c.refused("POST", "/customers", `{"customer":{"external_id":"m","metadata":[{},{},{},{},{},{}]}}`, `{"metadata":["invalid_count"]}`)
}

func TestPages(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	w := c.wallet(`"code":"w"`)
	path := api + "/wallets/" + w + "/wallet_transactions"
	if got := c.Get(path); string(got.Raw) != `{"meta":{"current_page":0,"next_page":null,"prev_page":null,"total_count":0,"total_pages":0},"wallet_transactions":[]}` {
		t.Errorf("an empty list: %s", got.Raw)
	}
	for i := range 5 {
		c.move(w, fmt.Sprintf(`"granted_credits":"%d","metadata":[{"key":"n","value":"%d"}]`, i+1, i%2))
	}
	page := func(query string) string {
		t.Helper()
		got := c.Get(path + "?" + query)
		var list []string
		for i := range got.Count("wallet_transactions") {
			list = append(list, got.Text(fmt.Sprintf("wallet_transactions.%d.amount", i)))
		}
		return strings.Join(list, ",") + " " + got.Text("meta.current_page") + "/" + got.Text("meta.total_pages") + " " + got.Text("meta.prev_page") + "<>" + got.Text("meta.next_page")
	}
	for query, want := range map[string]string{
		"":                   "5.0,4.0,3.0,2.0,1.0 1/1 <>",
		"per_page=2":         "5.0,4.0 1/3 <>2",
		"per_page=2&page=2":  "3.0,2.0 2/3 1<>3",
		"per_page=2&page=3":  "1.0 3/3 2<>",
		"per_page=2&page=4":  " 4/3 <>",
		"per_page=x&page=-1": "5.0,4.0,3.0,2.0,1.0 1/1 <>",
		"metadata[n]=1":      "4.0,2.0 1/1 <>",
		"metadata[n]=7":      " 0/0 <>",
		"metadata[m]=1":      " 0/0 <>",
		"status=settled":     "5.0,4.0,3.0,2.0,1.0 1/1 <>",
		"status=pending":     " 0/0 <>",
		"status=nonsense":    "5.0,4.0,3.0,2.0,1.0 1/1 <>",
		"transaction_type=outbound&transaction_status=voided": " 0/0 <>",
	} {
		if got := page(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	// A row that comes while pages are read shifts those that follow.
	if first := page("per_page=2"); first != "5.0,4.0 1/3 <>2" {
		t.Error(first)
	}
	c.give(w, "9")
	if second := page("per_page=2&page=2"); second != "4.0,3.0 2/3 1<>3" {
		t.Errorf("the second page after a new row: %s", second)
	}
	c.Variant("version_1_50")
	if got := page("metadata[n]=7&per_page=1"); got != "9.0 1/6 <>2" {
		t.Errorf("before v1.51 the filter is not known, but gave %s", got)
	}
	c.Variant("empty_page_is_one")
	if got := page("status=failed"); got != " 1/1 <>" {
		t.Errorf("an empty page: %s", got)
	}
	c.Variant("per_page_capped")
	for range 101 {
		c.give(w, "1")
	}
	if n := c.Get(path + "?per_page=500").Count("wallet_transactions"); n != 100 {
		t.Errorf("a capped page has %d rows", n)
	}
}

func TestOneOffInvoices(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	w := c.wallet(`"granted_credits":"1000"`)
	c.post("/add_ons", "add_on", `"name":"Pack","code":"pack","amount_cents":100,"amount_currency":"EUR"`)
	got := c.post("/invoices", "invoice", `"external_customer_id":"a","currency":"EUR","fees":[{"add_on_code":"pack","unit_amount_cents":8000,"units":"2","description":"d"}]`)
	hold(c, got, "invoice.", "invoice_type=one_off status=finalized payment_status=pending total_amount_cents=16000 prepaid_credit_amount_cents=0 total_due_amount_cents=16000")
	hold(c, got, "invoice.fees.0.", "description=d units=2.0 amount_cents=16000 item.type=add_on item.code=pack precise_unit_amount=80.0")
	c.has(w, "balance_cents=100000")
	id := got.Text("invoice.lago_id")
	link := c.Want(200, "POST", api+"/invoices/"+id+"/payment_url", "").Text("invoice_payment_details.payment_url")
	if want := c.URL + "/_sandbox/invoice/" + id; link != want {
		t.Errorf("the link is %q, want %q", link, want)
	}
	if s := c.state().Invoices[0]; s.PayURL != link || s.Total != "160.00" || s.Status != "finalized" {
		t.Errorf("the state shows %+v", s)
	}
	c.Control("pay", `{"object":"`+id+`","outcome":"failed"}`)
	hold(c, c.Get(api+"/invoices/"+id), "invoice.", "payment_status=failed total_paid_amount_cents=0")
	c.Control("pay", `{"object":"`+id+`","outcome":"paid"}`)
	hold(c, c.Get(api+"/invoices/"+id), "invoice.", "payment_status=succeeded total_due_amount_cents=0 total_paid_amount_cents=16000")
	c.refused("POST", "/invoices/"+id+"/payment_url", "", `{"base":["invalid_invoice_status_or_payment_status"]}`)
	c.Want(409, "POST", "/_sandbox/pay", `{"object":"`+id+`","outcome":"paid"}`)
	if got := c.Want(405, "POST", api+"/invoices/"+id+"/void", ""); string(got.Raw) != `{"status":405,"error":"Method Not Allowed","code":"not_voidable"}` {
		t.Errorf("a paid invoice: %s", got.Raw)
	}
	c.Control("pay", `{"object":"`+id+`","outcome":"refunded","amount":6000}`)
	c.Control("pay", `{"object":"`+id+`","outcome":"disputed"}`)
	if got := c.Get(api + "/invoices/" + id).Text("invoice.payment_dispute_lost_at"); got != outset {
		t.Errorf("the dispute was lost at %q", got)
	}
	c.Equal(c.Get(api+"/credit_notes"), "credit_notes.0.refund_amount_cents", "6000")
	c.Want(400, "POST", "/_sandbox/pay", `{"object":"`+id+`","outcome":"refunded","amount":10001}`)
	c.Want(404, "POST", api+"/invoices", `{"invoice":{"external_customer_id":"a","fees":[{"add_on_code":"none"}]}}`)
	c.Variant("payment_provider_required")
	other := c.post("/invoices", "invoice", `"external_customer_id":"a","fees":[{"add_on_code":"pack"}]`).Text("invoice.lago_id")
	c.refused("POST", "/invoices/"+other+"/payment_url", "", `{"base":["no_linked_payment_provider"]}`)
	c.post("/customers", "customer", `"external_id":"a","billing_configuration":{"payment_provider":"stripe"}`)
	c.Want(200, "POST", api+"/invoices/"+other+"/payment_url", "")
	c.Want(200, "PUT", api+"/invoices/"+other, `{"invoice":{"payment_status":"succeeded","metadata":[{"key":"k","value":"v"}]}}`)
	c.Equal(c.Get(api+"/invoices?metadata[k]=v"), "invoices.0.payment_status", "succeeded")
}

func TestLicence(t *testing.T) {
	c := startAt(t, outset)
	c.Variant("no_licence")
	c.customer("a", "")
	w := c.wallet(`"code":"w","recurring_transaction_rules":[{"trigger":"threshold","threshold_credits":"5","paid_credits":"1"}]`)
	if n := c.Get(api + "/wallets/" + w).Count("wallet.recurring_transaction_rules"); n != 0 {
		t.Errorf("%d rules without a licence", n)
	}
	got := c.move(w, `"paid_credits":"5","invoice_requires_successful_payment":true`)
	c.Equal(got, "wallet_transactions.0.invoice_requires_successful_payment", "false")
	c.Equal(c.Get(api+"/invoices"), "meta.total_count", "1")
	if got := c.Want(403, "POST", api+"/payments", `{"payment":{"invoice_id":"x"}}`); string(got.Raw) != `{"status":403,"error":"Forbidden","code":"feature_unavailable"}` {
		t.Errorf("a payment by hand: %s", got.Raw)
	}
}
