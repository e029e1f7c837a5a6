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
	bill := made.Text("created_invoices.0.id")
	if made.Text("entry_status") != "pending" || made.Text("ending_balance") != "0" || made.Text("created_invoices.0.total") != "1.06" {
		t.Errorf("an unpaid increment: %s", made.Raw)
	}
	block := made.Text("credit_block.id")
	if got := c.Get("/v1/credit_blocks/" + block); got.Text("status") != "pending_payment" || got.Text("balance") != "10.1" {
		t.Errorf("block %s", got.Raw)
	}
	c.Control("pay", `{"object":"`+bill+`","outcome":"failed"}`)
	c.entry(cus, dec+`"amount":1`)
	c.Control("pay", `{"object":"`+block+`","outcome":"paid"}`)
	got := c.Get("/v1/customers/" + cus + "/credits/ledger")
	if got.Text("data.0.entry_type") != "increment" || got.Text("data.0.ending_balance") != "9.1" || got.Text("data.0.entry_status") != "committed" {
		t.Errorf("ledger after payment: %s", got.Raw)
	}
	want := "created invoice.issued invoice.issued_summary invoice.payment_failed invoice.payment_succeeded credit_ledger_incremented"
	events := in.News(c.Client)
	if got := types(events); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	if balance := events[5].At("properties.block.balance"); balance != "10.1" || events[5].Text("properties.pricing_unit.name") != "credits" {
		t.Errorf("increment event: %s", events[5].Raw)
	}
	s := c.state(0)
	if s.Grants[0].Category != "paid" || s.Invoices[0].Paid != "1.06" || s.Invoices[0].Status != "paid" || s.Grants[0].Priority != nil {
		t.Errorf("state %+v", s)
	}
	c.Control("pay", `{"object":"`+bill+`","outcome":"refunded","amount":50}`)
	c.Control("pay", `{"object":"`+bill+`","outcome":"refunded"}`)
	c.Want(409, "POST", "/_sandbox/pay", `{"object":"`+bill+`","outcome":"refunded"}`)
	c.Want(422, "POST", "/_sandbox/pay", `{"object":"`+bill+`","outcome":"disputed"}`)
	notes := c.Get("/v1/credit_notes")
	if notes.Count("data") != 2 || notes.Text("data.1.total") != "0.50" || notes.Text("data.0.total") != "0.56" {
		t.Errorf("credit notes: %s", notes.Raw)
	}
}

func TestInvoices(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	settled := c.entry(cus, inc+`"amount":100,"effective_date":"2099-02-28T00:00:00Z",`+pays+`,"mark_as_paid":true}`)
	if settled.Text("created_invoices.0.status") != "paid" || settled.Text("created_invoices.0.due_date") != "2099-03-14T00:00:00+00:00" || settled.Text("entry_status") != "committed" {
		t.Errorf("credits settled elsewhere: %s", settled.Raw)
	}
	later := c.entry(cus, inc+`"amount":100,"effective_date":"2099-03-05T00:00:00Z",`+pays+`}`).Text("created_invoices.0")
	if !strings.Contains(later, `"status":"draft"`) {
		t.Errorf("an invoice of a future date is %s, want a draft", later)
	}
	dated := c.entry(cus, inc+`"amount":100,"effective_date":"2099-03-09T00:00:00Z","per_unit_cost_basis":"1","invoice_settings":{"auto_collection":false,"custom_due_date":"2099-04-01","invoice_date":"2099-03-08"}`)
	if dated.Text("created_invoices.0.due_date") != "2099-04-01T00:00:00+00:00" || dated.Text("created_invoices.0.scheduled_issue_at") != "2099-03-08T00:00:00+00:00" {
		t.Errorf("an invoice with dates: %s", dated.Raw)
	}
	open := c.entry(cus, inc+`"amount":100,`+pays+`}`).Text("created_invoices.0.id")
	path := "/v1/invoices?customer_id=" + cus
	if n := c.Get(path).Count("data"); n != 2 {
		t.Errorf("%d invoices are listed, want 2 without the draft", n)
	}
	if n := c.Get(path + "&status[]=draft").Count("data"); n != 2 {
		t.Errorf("%d drafts are listed", n)
	}
	c.Control("clock", `{"now":"2099-03-05T00:00:00Z"}`)
	if n := c.Get("/v1/invoices?external_customer_id=a&status[]=issued").Count("data"); n != 2 {
		t.Errorf("%d invoices are issued at their date, want 2", n)
	}
	c.Want(400, "POST", "/v1/invoices/"+open+"/mark_paid", `{}`)
	c.Want(200, "POST", "/v1/invoices/"+open+"/mark_paid", `{"payment_received_date":"2099-03-05","external_id":"wire"}`)
	c.Want(400, "POST", "/v1/invoices/"+open+"/void", "")
	other := c.Get(path + "&status[]=issued").Text("data.0.id")
	c.Want(200, "POST", "/v1/invoices/"+other+"/void", "")
	if got := c.state(0); got.Grants[1].State != "void" || got.Grants[1].Remaining != "0" {
		t.Errorf("the block of a voided invoice: %+v", got.Grants[1])
	}
	c.Want(400, "DELETE", "/v1/customers/"+cus, "")
	if got := c.Want(200, "GET", "/_sandbox/invoice/"+open, ""); !strings.Contains(string(got.Raw), "Status: paid") {
		t.Errorf("payment page: %s", got.Raw)
	}
}

func TestTopUp(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	path := "/v1/customers/" + cus + "/credits/top_ups"
	top := func(pay string) string {
		return c.Want(201, "POST", path, `{"currency":"credits","threshold":"5","amount":"20","per_unit_cost_basis":"0.5","expires_after":1,"expires_after_unit":"month",`+
			`"invoice_settings":{"auto_collection":true,"net_terms":0,"require_successful_payment":`+pay+`}}`).Text("id")
	}
	c.grant(cus, `"amount":10`)
	top("false")
	id := top("true") // replaces the first
	if got := c.Get(path); got.Count("data") != 1 || got.Text("data.0.id") != id || got.Text("data.0.threshold") != "5" {
		t.Errorf("top-ups: %s", got.Raw)
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
	bill := c.Get("/v1/invoices").Text("data.0.id")
	c.Control("pay", `{"object":"`+bill+`","outcome":"paid"}`)
	s := c.state(0)
	if g := s.Grants[1]; g.State != "active" || *g.ExpiresAt != "2099-04-01T12:00:00Z" || s.Invoices[0].Total != "10.00" {
		t.Errorf("state %+v", s)
	}
	c.entry(cus, dec+`"amount":20`)
	c.Want(204, "DELETE", path+"/"+id, "")
	c.Want(404, "DELETE", path+"/"+id, "")
	if g := c.state(0).Grants[2]; g.State != "void" {
		t.Errorf("the unpaid block of a deleted top-up is %s", g.State)
	}
	c.Want(400, "POST", path, `{"currency":"credits","threshold":5,"amount":"20","per_unit_cost_basis":"0.5","invoice_settings":{"auto_collection":true,"net_terms":0}}`)
}

func TestAlerts(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	path := "/v1/alerts/customer_id/" + cus
	c.grant(cus, `"amount":10`)
	drop := c.Want(201, "POST", path, `{"type":"credit_balance_dropped","currency":"credits","thresholds":[{"value":5},{"value":2}]}`).Text("id")
	c.Want(201, "POST", path, `{"type":"credit_balance_depleted","currency":"credits"}`)
	c.Want(201, "POST", path, `{"type":"credit_balance_recovered","currency":"credits"}`)
	c.Want(400, "POST", path, `{"type":"credit_balance_depleted","currency":"credits"}`)
	c.Want(400, "POST", path, `{"type":"credit_balance_dropped","currency":"credits"}`)
	in := c.receive("")
	c.entry(cus, dec+`"amount":6`)
	c.entry(cus, dec+`"amount":1`)
	if got := c.Get("/v1/alerts/" + drop); got.Text("balance_alert_status.0.in_alert") != "true" || got.Text("balance_alert_status.1.in_alert") != "false" {
		t.Errorf("alert: %s", got.Raw)
	}
	c.entry(cus, dec+`"amount":3`)
	c.entry(cus, inc+`"amount":1`)
	events := in.News(c.Client)
	want := "credit_balance_dropped credit_balance_dropped credit_balance_depleted credit_ledger_incremented credit_balance_recovered"
	if got := types(events); got != want {
		t.Fatalf("events %s, want %s", got, want)
	}
	if got := events[0]; got.At("properties.balance_threshold") != "5" || got.At("properties.alert_configuration.thresholds.0.value") != "5" {
		t.Errorf("dropped: %s", got.Raw)
	}
	c.Want(200, "POST", "/v1/alerts/"+drop+"/disable", "")
	c.Want(200, "PUT", "/v1/alerts/"+drop, `{"thresholds":[{"value":1}]}`)
	c.Want(200, "POST", "/v1/alerts/"+drop+"/enable", "")
	if n := c.Get("/v1/alerts?external_customer_id=a").Count("data"); n != 3 {
		t.Errorf("%d alerts", n)
	}
	c.Want(204, "DELETE", "/v1/alerts/"+drop, "")
	c.Want(404, "GET", "/v1/alerts/"+drop, "")
}
