package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What a draft draws changes until the invoice is finalized, a day after its
// month.
func TestDraftDeductions(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	c.shop(cus, "")
	id, segment := c.credit(cus, "", item("100", "01T12", "20T00"))
	c.use("a", "t1", "30", "2099-03-02T00:00:00Z")
	c.tells(cus, id, "SEGMENT_START 100, AUTOMATED_INVOICE_DEDUCTION -30", "70")
	c.use(cus, "t2", "15.5", "2099-03-01T12:00:00Z")
	c.use("a", "t1", "30", "2099-03-02T00:00:00Z") // told before
	c.tells(cus, id, "SEGMENT_START 100, AUTOMATED_INVOICE_DEDUCTION -45.5", "54.5")
	c.Equal(c.grant(cus, id), "data.0.ledger.1.timestamp", "2099-04-01T00:00:00.000Z")
	c.Equal(c.post(balances+"getNetBalance", `"customer_id":"`+cus+`","credit_type_id":"`+c.units+`","invoice_inclusion_mode":"FINALIZED"`), "data.balance", "100")
	c.manual(cus, id, segment, "-50", "")
	c.tells(cus, id, "SEGMENT_START 100, MANUAL -50, AUTOMATED_INVOICE_DEDUCTION -45.5", "4.5")
	c.manual(cus, id, segment, "-20", "") // the draft has to make do with 30
	c.tells(cus, id, "SEGMENT_START 100, MANUAL -50, MANUAL -20, AUTOMATED_INVOICE_DEDUCTION -30", "0")
	c.Equal(c.Get("/v1/customers/"+cus+"/invoices"), "data.0.total", "124") // 15.5 credits at 8 cents
	if got := c.state(0); got.Consumed != "100" || got.Invoices[0].Status != "draft" || got.Invoices[0].Total != "1.24" {
		t.Errorf("consumed %s, invoice %+v", got.Consumed, got.Invoices[0])
	}
	c.clock("2099-04-01T23:00:00Z")
	c.Equal(c.Get("/v1/customers/"+cus+"/invoices"), "data.0.status", "DRAFT")
	c.clock("2099-04-02T00:00:00Z")
	bill := c.Get("/v1/customers/" + cus + "/invoices")
	c.Equal(bill, "data.0.status", "FINALIZED")
	c.Equal(bill, "data.0.line_items.1.commit_segment_id", segment)
	c.refused(400, "/v2/contracts/credits/archive", `"customer_id":"`+cus+`","credit_id":"`+id+`"`, "finalized invoice")
	c.refused(400, "/v2/contracts/credits/edit", `"customer_id":"`+cus+`","credit_id":"`+id+`","access_schedule":{"remove_schedule_items":[{"id":"`+segment+`"}]}`, "finalized invoice")
	c.post("/v1/invoices/void", `"id":"`+bill.Text("data.0.id")+`"`)
	c.refused(400, "/v1/invoices/void", `"id":"`+bill.Text("data.0.id")+`"`, "VOID")
	c.tells(cus, id, "SEGMENT_START 100, MANUAL -50, MANUAL -20, EXPIRATION -30, AUTOMATED_INVOICE_DEDUCTION -30, CANCELED 30", "0")
	c.post("/v2/contracts/credits/archive", `"customer_id":"`+cus+`","credit_id":"`+id+`"`)
}

func TestIngestRefused(t *testing.T) {
	c := start(t)
	event := func(tx, at string) string {
		return `{"transaction_id":"` + tx + `","customer_id":"a","event_type":"call","timestamp":"` + at + `"}`
	}
	many := strings.Repeat(event("t", noon)+",", 100) + event("t", noon)
	for body, why := range map[string]string{
		`[]`: "1 to 100", `[` + many + `]`: "1 to 100", `{}`: "array", `[` + event("", noon) + `]`: "transaction_id", `[` + event("t", "2099-01-25T00:00:00Z") + `]`: "34 days",
		`[` + event("t", "2099-03-02T13:00:00Z") + `]`: "24 hours", `[{"transaction_id":"t"}]`: "required", `[` + event("good", noon) + `,` + event("", noon) + `]`: "transaction_id",
	} {
		if got := c.Want(400, "POST", "/v1/ingest", body); !strings.Contains(got.Text("message"), why) {
			t.Errorf("%.60s: %s, want %q", body, got.Raw, why)
		}
	}
	found := func() string {
		return string(c.Want(200, "POST", "/v1/events/search", `{"transactionIds":["good"]}`).Raw)
	}
	if got := found(); got != "[]" {
		t.Errorf("a refused batch was kept: %s", got)
	}
	c.Want(200, "POST", "/v1/ingest", "["+event("good", noon)+"]") // before the customer exists
	cus := c.customer("a")
	if got := found(); !strings.Contains(got, cus) {
		t.Errorf("earlier usage is not matched: %s", got)
	}
	c.clock("2099-04-10T12:00:00Z")
	c.Want(200, "POST", "/v1/ingest", "["+event("good", "2099-04-10T12:00:00Z")+"]") // forgotten after 34 days
	if got := strings.Count(found(), "transaction_id"); got != 1 {
		t.Errorf("%d events are found, want the one of the last 34 days", got)
	}
}

// TestBurnOrder spends one credit at a time and notes which grant paid.
func TestBurnOrder(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	contract, calls := c.shop(cus, "")
	paid := `"invoice_schedule":{"do_not_invoice":true,"schedule_items":[{"timestamp":"2099-03-01T12:00:00Z","amount":100}]}`
	one := func(end string) string { return item("1", "01T12", end) }
	var want []string
	add := func(id, _ string) { want = append(want, id) }
	for _, g := range []struct {
		commit    bool
		more, end string
	}{
		{true, `,"priority":0.5,` + paid, "29T00"}, // priority beats all else
		{false, `"applicable_product_ids":["` + calls + `"]`, "29T00"},
		{false, `"priority":1,"specifiers":[]`, "19T00"},
		{true, "", "20T00"}, // free: it has no invoice schedule
		{true, `,"priority":1.0,` + paid + `,"applicable_product_ids":["` + calls + `"]`, "18T00"},
		{true, `,` + paid + `,"applicable_contract_ids":["` + contract + `"]`, "21T00"},
		{true, `,` + paid, "21T00"},
		{false, `"priority":2`, "18T00"},
	} {
		if g.commit {
			add(c.commit(cus, g.more, one(g.end)))
		} else {
			add(c.credit(cus, g.more, one(g.end)))
		}
	}
	add(c.made(cus, c.post(commits+"create", c.body(cus, `"type":"POSTPAID","priority":0,"invoice_contract_id":"`+contract+`","invoice_schedule":{"schedule_items":[{"timestamp":"2099-05-01T00:00:00Z","amount":1}]}`, one("18T00"))).Text("data.id")))
	var got []string
	for i := range want {
		c.use(cus, fmt.Sprint("t", i), "1", "2099-03-02T00:00:00Z")
		for _, id := range want {
			if !slices.Contains(got, id) && c.grant(cus, id).Text("data.0.balance") == "0" {
				got = append(got, id)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("burned %v\nwant   %v", got, want)
	}
	c.use(cus, "over", "3", "2099-03-02T00:00:00Z")
	c.Equal(c.Get("/v1/customers/"+cus+"/invoices?type=USAGE"), "data.0.total", "24")
}

// Usage is covered only by what was usable then, and by grants of its unit.
func TestUsageCoverage(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	c.shop(cus, "")
	dollars := c.post(credits+"create", c.body(cus, `"access_schedule":{"schedule_items":[`+item("1000", "01T12", "20T00")+`]}`)).Text("data.id")
	later, _ := c.credit(cus, "", item("10", "05T00", "20T00"))
	gone, _ := c.credit(cus, `"priority":0`, item("10", "01T12", "20T00"))
	c.use(cus, "t1", "4", "2099-03-02T00:00:00Z")
	c.Equal(c.grant(cus, gone), "data.0.balance", "6")
	c.post("/v2/contracts/credits/archive", `"customer_id":"`+cus+`","credit_id":"`+gone+`"`) // the draft draws anew
	c.Equal(c.Get("/v1/customers/"+cus+"/invoices"), "data.0.total", "32")
	c.clock("2099-03-05T00:00:00Z")
	c.use(cus, "t2", "3", "2099-03-05T00:00:00Z")
	c.tells(cus, later, "SEGMENT_START 10, AUTOMATED_INVOICE_DEDUCTION -3", "7")
	c.tells(cus, dollars, "SEGMENT_START 1000", "1000")
	sums := c.post("/v1/usage", `"window_size":"DAY","starting_on":"2099-03-01T00:00:00Z","ending_before":"2099-03-06T00:00:00Z"`)
	if got := c.Get("/v1/customers/" + cus + "/invoices?type=USAGE"); got.Count("data") != 1 {
		t.Errorf("usage of a month makes %s", got.Raw)
	}
	c.use(cus, "t3", "1", "2099-02-15T00:00:00Z") // its month was closed on the second of March
	if got := c.Get("/v1/customers/" + cus + "/invoices?type=USAGE"); got.Count("data") != 1 {
		t.Errorf("usage of a closed month makes %s", got.Raw)
	}
	if sums.Count("data") != 5 || sums.Text("data.1.value") != "4" || sums.Text("data.4.value") != "3" {
		t.Errorf("usage by day: %s", sums.Raw)
	}
}
