package sandbox_test

import (
	"strings"
	"testing"
)

const pays = `"per_unit_cost_basis":"0.105","invoice_settings":{"auto_collection":true,"net_terms":14`

// Credits that have to be paid first wait for their payment.
func TestPendingPayment(t *testing.T) {
	c := startAt(t, noon)
	in := c.receive("")
	cus := c.customer("a")
	made := c.entry(cus, inc+`"amount":10.1,`+pays+`,"require_successful_payment":true}`)
	bill := made.text("created_invoices.0.id")
	if made.text("entry_status") != "pending" || made.text("ending_balance") != "0" || made.text("created_invoices.0.total") != "1.06" {
		t.Errorf("an unpaid increment: %s", made.raw)
	}
	block := made.text("credit_block.id")
	if got := c.get("/v1/credit_blocks/" + block); got.text("status") != "pending_payment" || got.text("balance") != "10.1" {
		t.Errorf("block %s", got.raw)
	}
	c.control("pay", `{"object":"`+bill+`","outcome":"failed"}`)
	c.entry(cus, dec+`"amount":1`)
	c.control("pay", `{"object":"`+block+`","outcome":"paid"}`)
	got := c.get("/v1/customers/" + cus + "/credits/ledger")
	if got.text("data.0.entry_type") != "increment" || got.text("data.0.ending_balance") != "9.1" || got.text("data.0.entry_status") != "committed" {
		t.Errorf("ledger after payment: %s", got.raw)
	}
	want := "created invoice.issued invoice.issued_summary invoice.payment_failed invoice.payment_succeeded credit_ledger_incremented"
	events := in.events(c)
	if got := types(events); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	if balance := events[5].at("properties.block.balance"); balance != "10.1" || events[5].text("properties.pricing_unit.name") != "credits" {
		t.Errorf("increment event: %s", events[5].raw)
	}
	s := c.state(0)
	if s.Grants[0].Category != "paid" || s.Invoices[0].Paid != "1.06" || s.Invoices[0].Status != "paid" || s.Grants[0].Priority != nil {
		t.Errorf("state %+v", s)
	}
	c.control("pay", `{"object":"`+bill+`","outcome":"refunded","amount":50}`)
	c.control("pay", `{"object":"`+bill+`","outcome":"refunded"}`)
	c.want(409, "POST", "/_sandbox/pay", `{"object":"`+bill+`","outcome":"refunded"}`)
	c.want(422, "POST", "/_sandbox/pay", `{"object":"`+bill+`","outcome":"disputed"}`)
	notes := c.get("/v1/credit_notes")
	if notes.count("data") != 2 || notes.text("data.1.total") != "0.50" || notes.text("data.0.total") != "0.56" {
		t.Errorf("credit notes: %s", notes.raw)
	}
}

func TestInvoices(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	settled := c.entry(cus, inc+`"amount":100,"effective_date":"2099-02-28T00:00:00Z",`+pays+`,"mark_as_paid":true}`)
	if settled.text("created_invoices.0.status") != "paid" || settled.text("created_invoices.0.due_date") != "2099-03-14T00:00:00+00:00" || settled.text("entry_status") != "committed" {
		t.Errorf("credits settled elsewhere: %s", settled.raw)
	}
	later := c.entry(cus, inc+`"amount":100,"effective_date":"2099-03-05T00:00:00Z",`+pays+`}`).text("created_invoices.0")
	if !strings.Contains(later, "status:draft") {
		t.Errorf("an invoice of a future date is %s, want a draft", later)
	}
	dated := c.entry(cus, inc+`"amount":100,"effective_date":"2099-03-09T00:00:00Z","per_unit_cost_basis":"1","invoice_settings":{"auto_collection":false,"custom_due_date":"2099-04-01","invoice_date":"2099-03-08"}`)
	if dated.text("created_invoices.0.due_date") != "2099-04-01T00:00:00+00:00" || dated.text("created_invoices.0.scheduled_issue_at") != "2099-03-08T00:00:00+00:00" {
		t.Errorf("an invoice with dates: %s", dated.raw)
	}
	open := c.entry(cus, inc+`"amount":100,`+pays+`}`).text("created_invoices.0.id")
	path := "/v1/invoices?customer_id=" + cus
	if n := c.get(path).count("data"); n != 2 {
		t.Errorf("%d invoices are listed, want 2 without the draft", n)
	}
	if n := c.get(path + "&status[]=draft").count("data"); n != 2 {
		t.Errorf("%d drafts are listed", n)
	}
	c.control("clock", `{"now":"2099-03-05T00:00:00Z"}`)
	if n := c.get("/v1/invoices?external_customer_id=a&status[]=issued").count("data"); n != 2 {
		t.Errorf("%d invoices are issued at their date, want 2", n)
	}
	c.want(400, "POST", "/v1/invoices/"+open+"/mark_paid", `{}`)
	c.want(200, "POST", "/v1/invoices/"+open+"/mark_paid", `{"payment_received_date":"2099-03-05","external_id":"wire"}`)
	c.want(400, "POST", "/v1/invoices/"+open+"/void", "")
	other := c.get(path + "&status[]=issued").text("data.0.id")
	c.want(200, "POST", "/v1/invoices/"+other+"/void", "")
	if got := c.state(0); got.Grants[1].State != "void" || got.Grants[1].Remaining != "0" {
		t.Errorf("the block of a voided invoice: %+v", got.Grants[1])
	}
	c.want(400, "DELETE", "/v1/customers/"+cus, "")
	if got := c.want(200, "GET", "/_sandbox/invoice/"+open, ""); !strings.Contains(string(got.raw), "Status: paid") {
		t.Errorf("payment page: %s", got.raw)
	}
}

func TestTopUp(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	path := "/v1/customers/" + cus + "/credits/top_ups"
	top := func(pay string) string {
		return c.want(201, "POST", path, `{"currency":"credits","threshold":"5","amount":"20","per_unit_cost_basis":"0.5","expires_after":1,"expires_after_unit":"month",`+
			`"invoice_settings":{"auto_collection":true,"net_terms":0,"require_successful_payment":`+pay+`}}`).text("id")
	}
	c.grant(cus, `"amount":10`)
	top("false")
	id := top("true") // replaces the first
	if got := c.get(path); got.count("data") != 1 || got.text("data.0.id") != id || got.text("data.0.threshold") != "5" {
		t.Errorf("top-ups: %s", got.raw)
	}
	c.entry(cus, dec+`"amount":4.5`)
	if n := len(c.left(cus)); n != 1 {
		t.Errorf("the top-up fired above its threshold: %d blocks", n)
	}
	c.entry(cus, dec+`"amount":0.5`)
	c.entry(cus, dec+`"amount":1`) // paused: its block is not paid
	if n := len(c.left(cus)); n != 2 {
		t.Errorf("%d blocks, want 2", n)
	}
	bill := c.get("/v1/invoices").text("data.0.id")
	c.control("pay", `{"object":"`+bill+`","outcome":"paid"}`)
	s := c.state(0)
	if g := s.Grants[1]; g.State != "active" || *g.ExpiresAt != "2099-04-01T12:00:00Z" || s.Invoices[0].Total != "10.00" {
		t.Errorf("state %+v", s)
	}
	c.entry(cus, dec+`"amount":20`)
	c.want(204, "DELETE", path+"/"+id, "")
	c.want(404, "DELETE", path+"/"+id, "")
	if g := c.state(0).Grants[2]; g.State != "void" {
		t.Errorf("the unpaid block of a deleted top-up is %s", g.State)
	}
	c.want(400, "POST", path, `{"currency":"credits","threshold":5,"amount":"20","per_unit_cost_basis":"0.5","invoice_settings":{"auto_collection":true,"net_terms":0}}`)
}

func TestAlerts(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	path := "/v1/alerts/customer_id/" + cus
	c.grant(cus, `"amount":10`)
	drop := c.want(201, "POST", path, `{"type":"credit_balance_dropped","currency":"credits","thresholds":[{"value":5},{"value":2}]}`).text("id")
	c.want(201, "POST", path, `{"type":"credit_balance_depleted","currency":"credits"}`)
	c.want(201, "POST", path, `{"type":"credit_balance_recovered","currency":"credits"}`)
	c.want(400, "POST", path, `{"type":"credit_balance_depleted","currency":"credits"}`)
	c.want(400, "POST", path, `{"type":"credit_balance_dropped","currency":"credits"}`)
	in := c.receive("")
	c.entry(cus, dec+`"amount":6`)
	c.entry(cus, dec+`"amount":1`)
	if got := c.get("/v1/alerts/" + drop); got.text("balance_alert_status.0.in_alert") != "true" || got.text("balance_alert_status.1.in_alert") != "false" {
		t.Errorf("alert: %s", got.raw)
	}
	c.entry(cus, dec+`"amount":3`)
	c.entry(cus, inc+`"amount":1`)
	events := in.events(c)
	want := "credit_balance_dropped credit_balance_dropped credit_balance_depleted credit_ledger_incremented credit_balance_recovered"
	if got := types(events); got != want {
		t.Fatalf("events %s, want %s", got, want)
	}
	if got := events[0]; got.at("properties.balance_threshold") != "5" || got.at("properties.alert_configuration.thresholds.0.value") != "5" {
		t.Errorf("dropped: %s", got.raw)
	}
	c.want(200, "POST", "/v1/alerts/"+drop+"/disable", "")
	c.want(200, "PUT", "/v1/alerts/"+drop, `{"thresholds":[{"value":1}]}`)
	c.want(200, "POST", "/v1/alerts/"+drop+"/enable", "")
	if n := c.get("/v1/alerts?external_customer_id=a").count("data"); n != 3 {
		t.Errorf("%d alerts", n)
	}
	c.want(204, "DELETE", "/v1/alerts/"+drop, "")
	c.want(404, "GET", "/v1/alerts/"+drop, "")
}
