package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestGrantRefused(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	usage := `"product_id":"`
	_, calls := c.shop(cus, "")
	ok := item("1", "01T12", "02T12")
	schedule := func(items string) string {
		return `"access_schedule":{"credit_type_id":"` + c.units + `","schedule_items":[` + items + `]}`
	}
	for fields, why := range map[string]string{
		`"wrong":1`:                      "wrong",
		`"uniqueness_key":""`:            "uniqueness_key",
		`"name":""`:                      "name",
		`"type":"PREPAID"`:               "type",
		`"rate_type":"HALF"`:             "rate_type",
		`"custom_fields":{"nobody":"x"}`: "nobody",
		`"priority":"1"`:                 "not a string",
		`"specifiers":[{}],` + `"applicable_product_ids":[]`: "specifiers",
		`"applicable_product_ids":["` + c.units + `"]`:       "Product",
		schedule(""):                                                                                            "at least one",
		schedule(item("-1", "01T12", "02T12")):                                                                  "negative",
		schedule(item(`"1"`, "01T12", "02T12")):                                                                 "not a string",
		schedule(item("1", "02T12", "02T12")):                                                                   "after starting_at",
		schedule(strings.Replace(ok, "02T12:00", "02T12:30", 1)):                                                "hour boundary",
		schedule(strings.Replace(ok, "01T12:00:00", "01T12:00:01", 1)):                                          "hour boundary",
		schedule(strings.Replace(ok, "2099-03-02", "soon-", 1)):                                                 "RFC 3339",
		strings.Replace(schedule(ok), c.units, "2714e483-4ff1-48e4-9e25-ac732e8f24ff", 1):                       "does not exist",
		strings.Replace(schedule(ok), c.units, "credits", 1):                                                    "UUID",
		`"access_schedule":{"schedule_items":[{"amount":1,"starting_at":"2099-03-01T12:00:00Z"}]},"priority":1`: "ending_before",
	} {
		status := 400
		if why == "Product" {
			status = 404
		}
		c.refused(status, credits+"create", c.body(cus, fields, ok), why)
	}
	c.refused(400, credits+"create", strings.Replace(c.body(cus, "", ok), c.goods, calls, 1), "FIXED")
	c.refused(404, credits+"create", strings.Replace(c.body(cus, "", ok), usage+c.goods, usage+c.units, 1), "Product")
	c.refused(400, credits+"create", strings.Replace(c.body(cus, "", ok), `"priority":1,`, "", 1), "priority")
	c.refused(400, commits+"create", c.body(cus, `"type":"GIFT"`, ok), "GIFT")
	c.refused(400, commits+"create", c.body(cus, `"type":"postpaid"`, ok), "invoice_schedule")
	c.refused(400, commits+"create", c.body(cus, `"type":"prepaid","invoice_schedule":{"schedule_items":[{"timestamp":"2099-03-01T12:00:00Z","amount":5}]}`, ok), "invoice_contract_id")
	c.refused(400, commits+"create", c.body(cus, `"type":"prepaid","invoice_schedule":{"do_not_invoice":true,"schedule_items":[{"timestamp":"2099-03-01T12:00:00Z","amount":5,"quantity":1}]}`, ok), "either amount")
	if got := c.post(balances+"list", `"customer_id":"`+cus+`","include_archived":true`); got.Count("data") != 0 {
		t.Errorf("a refused grant was kept: %s", got.Raw)
	}
}

// Keys are taken for good, and a refusal does not tell by whom.
func TestUniquenessKey(t *testing.T) {
	c := start(t)
	cus, other := c.customer("a"), c.customer("b")
	one := item("1", "01T12", "20T12")
	id, _ := c.credit(cus, `"uniqueness_key":"k"`, one)
	got := c.Want(409, "POST", credits+"create", "{"+c.body(other, `"uniqueness_key":"k"`, one)+"}")
	if got.Text("message") != "This uniqueness key has already been used." || strings.Contains(string(got.Raw), id) {
		t.Errorf("a key that was used: %s", got.Raw)
	}
	c.commit(cus, `,"uniqueness_key":"k"`, one) // commits have keys of their own
	c.post("/v2/contracts/credits/archive", `"customer_id":"`+cus+`","credit_id":"`+id+`"`)
	c.refused(409, credits+"create", c.body(cus, `"uniqueness_key":"k"`, one), "uniqueness key")
	list := c.post(credits+"list", `"customer_id":"`+cus+`"`)
	all := c.post(credits+"list", `"customer_id":"`+cus+`","include_archived":true`)
	if list.Count("data") != 0 || all.Text("data.0.uniqueness_key") != "k" || all.Text("data.0.archived_at") == "" {
		t.Errorf("the holder of a key is found as %s", all.Raw)
	}
}

func TestLedger(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	id, segment := c.credit(cus, "", item("100.5", "01T12", "10T00"), item("50", "10T00", "20T00"))
	c.tells(cus, id, "SEGMENT_START 100.5", "100.5")
	c.manual(cus, id, segment, "-0.25", "")
	c.manual(cus, id, segment, "-200", `,"timestamp":"2099-03-05T00:00:00Z"`) // counts already
	c.tells(cus, id, "SEGMENT_START 100.5, MANUAL -0.25, MANUAL -200", "0")
	c.manual(cus, id, segment, "120.000000001", "")
	c.tells(cus, id, "SEGMENT_START 100.5, MANUAL -0.25, MANUAL 120.000000001, MANUAL -200", "20.250000001")
	if got := c.grant(cus, id); got.Text("data.0.ledger.1.reason") != "r" || got.Text("data.0.ledger.1.timestamp") != "2099-03-01T12:00:00.000Z" || got.At("data.0.ledger.1.segment_id") != nil {
		t.Errorf("a manual entry: %s", got.Raw)
	}
	c.clock("2099-03-10T00:00:00Z")
	c.tells(cus, id, "SEGMENT_START 100.5, MANUAL -0.25, MANUAL 120.000000001, MANUAL -200, EXPIRATION -20.250000001, SEGMENT_START 50", "50")
	c.manual(cus, id, segment, "-1", `,"timestamp":"2099-03-10T00:00:00Z"`) // too late to change what expired
	c.Equal(c.grant(cus, id), "data.0.balance", "50")
	if got := c.story(cus, id); !strings.Contains(got, "EXPIRATION -20.250000001") || !strings.Contains(got, "MANUAL -1,") && !strings.HasSuffix(got, "MANUAL -1") {
		t.Errorf("a late entry: %s", got)
	}
	paid, _ := c.commit(cus, "", item("10", "12T00", "13T00"))
	c.tells(cus, paid, "", "0")
	if got := c.state(0).Grants[1]; got.Remaining != "10" || got.State != "future" || got.Category != "promotional" {
		t.Errorf("a commit of the future: %+v", got)
	}
	c.clock("2099-03-13T00:00:00Z")
	c.tells(cus, paid, "SEGMENT_START 10, EXPIRATION -10", "0")
	c.Equal(c.grant(cus, paid), "data.0.ledger.0.type", "PREPAID_COMMIT_SEGMENT_START")
}

func TestManualRefused(t *testing.T) {
	c := start(t)
	cus, other := c.customer("a"), c.customer("b")
	id, segment := c.credit(cus, "", item("5", "01T12", "10T00"))
	good := fmt.Sprintf(`"customer_id":"%s","id":"%s","segment_id":"%s","amount":-1,"reason":"r"`, cus, id, segment)
	for _, tc := range []struct {
		old, by, why string
		status       int
	}{
		{`,"reason":"r"`, "", "reason", 400}, {`"amount":-1,`, "", "amount", 400}, {"-1", `"-1"`, "not a string", 400}, {cus, other, "Credit", 404},
		{segment, c.units, "Segment", 404}, {`"reason"`, `"contract_id":"` + c.units + `","reason"`, "contract_id", 400}, {cus, c.units, "Customer", 404},
	} {
		c.refused(tc.status, entry, strings.Replace(good, tc.old, tc.by, 1), tc.why)
	}
	if got := c.Want(200, "POST", entry, "{"+good+"}"); len(got.Raw) != 0 {
		t.Errorf("a manual entry answers %s, want nothing", got.Raw)
	}
	c.post("/v2/contracts/credits/archive", `"customer_id":"`+cus+`","credit_id":"`+id+`"`)
	c.refused(400, entry, good, "archived")
}

func TestEnds(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	who := `"customer_id":"` + cus + `",`
	id, _ := c.credit(cus, "", item("5", "01T12", "10T00"), item("6", "10T00", "20T00"))
	end := func(at string) string { return who + `"credit_id":"` + id + `","access_ending_before":"` + at + `"` }
	c.refused(400, credits+"updateEndDate", end("2099-03-20T01:00:00Z"), "earlier")
	c.refused(400, credits+"updateEndDate", end("2099-03-01T12:00:00Z"), "not after the start")
	c.refused(400, credits+"updateEndDate", end("2099-03-05T12:00:01Z"), "hour boundary")
	c.post(credits+"updateEndDate", end("2099-03-10T00:00:00Z"))
	if got := c.grant(cus, id); got.Count("data.0.access_schedule.schedule_items") != 1 {
		t.Errorf("segments after the end: %s", got.Raw)
	}
	c.post(credits+"updateEndDate", end("2099-03-01T13:00:00Z"))
	c.clock("2099-03-01T13:00:00Z")
	c.tells(cus, id, "SEGMENT_START 5, EXPIRATION -5", "0")

	id, segment := c.credit(cus, "", item("5", "01T12", "10T00"))
	edit := func(access string) {
		c.post("/v2/contracts/credits/edit", who+`"credit_id":"`+id+`","access_schedule":{`+access+`}`)
	}
	edit(`"update_schedule_items":[{"id":"` + segment + `","amount":7.5,"ending_before":"2099-03-30T00:00:00Z"}],"add_schedule_items":[` + item("2", "01T12", "02T12") + `]`)
	c.tells(cus, id, "SEGMENT_START 7.5, SEGMENT_START 2", "9.5")
	edit(`"remove_schedule_items":[{"id":"` + segment + `"}]`)
	c.tells(cus, id, "SEGMENT_START 2", "2")
	c.refused(404, "/v2/contracts/credits/edit", who+`"credit_id":"`+id+`","access_schedule":{"remove_schedule_items":[{"id":"`+segment+`"}]}`, "Segment")
	archive := who + `"credit_id":"` + id + `"`
	c.post("/v2/contracts/credits/archive", archive)
	c.tells(cus, id, "SEGMENT_START 2, EXPIRATION -2", "0")
	c.post("/v2/contracts/credits/archive", archive)
	c.refused(400, credits+"updateEndDate", end("2099-03-01T14:00:00Z"), "archived")
	c.refused(404, "/v2/contracts/commits/archive", who+`"commit_id":"`+id+`"`, "Credit")
}

// Lists of balances have at most 25 on a page, and their cursor stands in the
// body.
func TestBalancePages(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	for range 27 {
		c.credit(cus, "", item("1", "01T12", "20T12"))
	}
	who := `"customer_id":"` + cus + `"`
	first := c.post(balances+"list", who)
	second := c.post(balances+"list", who+`,"next_page":"`+first.Text("next_page")+`"`)
	if first.Count("data") != 25 || second.Count("data") != 2 || second.At("next_page") != nil || first.Text("data.24.id") == second.Text("data.0.id") {
		t.Errorf("%d and %d on two pages", first.Count("data"), second.Count("data"))
	}
	if got := c.post(balances+"list?next_page="+first.Text("next_page"), who); got.Text("data.0.id") != first.Text("data.0.id") {
		t.Error("a cursor in the query was used")
	}
	c.refused(400, balances+"list", who+`,"limit":26`, "25")
	c.refused(400, balances+"list", who+`,"next_page":"*"`, "next_page")
	if got := c.post(balances+"list", who+`,"limit":2`); got.At("data.0.balance") != nil || got.At("data.0.ledger") != nil {
		t.Errorf("balance and ledger come unasked: %s", got.Raw)
	}
	c.credit(cus, "", item("1", "25T00", "26T00"))
	for filter, want := range map[string]int{
		`"covering_date":"2099-03-25T00:00:00Z"`: 1, `"covering_date":"2099-03-26T00:00:00Z"`: 0, `"starting_at":"2099-03-20T12:00:00Z"`: 1,
		`"effective_before":"2099-03-01T12:00:00Z"`: 0, `"exclude_zero_balances":true,"starting_at":"2099-03-20T12:00:00Z"`: 0,
	} {
		if got := c.post(balances+"list", who+","+filter); got.Count("data") != want {
			t.Errorf("%s finds %d, want %d", filter, got.Count("data"), want)
		}
	}
}

// Dollars are in cents, every other currency in whole units.
func TestUnits(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	var euro string
	next := ""
	for pages := 0; euro == "" && pages < 10; pages++ {
		page := c.Get("/v1/credit-types/list?limit=4&next_page=" + next)
		for i := range page.Count("data") {
			if at := fmt.Sprintf("data.%d.", i); page.Text(at+"name") == "EUR" {
				euro = page.Text(at + "id")
			}
		}
		next = page.Text("next_page")
	}
	if euro == "" {
		t.Fatal("there is no EUR on the pages")
	}
	in := func(unit string) string {
		return `"access_schedule":{` + unit + `"schedule_items":[` + item("1250", "01T12", "20T12") + `]}`
	}
	c.post(credits+"create", c.body(cus, in("")))
	c.post(credits+"create", c.body(cus, in(`"credit_type_id":"`+euro+`",`)))
	id, segment := c.credit(cus, "", item("1250", "01T12", "20T12"))
	c.manual(cus, id, segment, "-50.5", "")
	c.manual(cus, id, segment, "0.5", "")
	got := c.state(0)
	for i, want := range []string{"12.5 USD", "1250 EUR", "1200 credits"} {
		if g := got.Grants[i]; g.Remaining+" "+g.Unit != want {
			t.Errorf("grant %d holds %s %s, want %s", i, g.Remaining, g.Unit, want)
		}
	}
	if got.Consumed != "50" || got.Meters["credits"] != "50" || got.Meters["USD"] != "0" {
		t.Errorf("consumed %s %v", got.Consumed, got.Meters)
	}
	again := c.Control("units", `{"units":[{"name":"credits"},{"id":"2714e483-4ff1-48e4-9e25-ac732e8f24aa","name":"tokens"}]}`)
	if again.Text("units.0.id") != c.units || again.Text("units.1.id") != "2714e483-4ff1-48e4-9e25-ac732e8f24aa" {
		t.Errorf("units: %s", again.Raw)
	}
}

func TestCustomers(t *testing.T) {
	c := start(t)
	id := c.customer("a")
	c.refused(409, "/v1/customers", `"name":"Eve","ingest_aliases":["b","a"]`, "already in use")
	c.Equal(c.post("/v1/customers", `"name":"`+strings.Repeat("x", 200)+`","ingest_aliases":["b"]`), "data.name", strings.Repeat("x", 160))
	c.Want(200, "POST", "/v1/customers/"+id+"/setIngestAliases", `{"ingest_aliases":["c","d"]}`)
	c.customer("a") // free again
	for query, want := range map[string]int{"ingest_alias=d": 1, "ingest_alias=e": 0, "only_archived=true": 0, "customer_ids=" + id + "," + c.units: 1, "": 3} {
		if got := c.Get("/v1/customers?" + query); got.Count("data") != want {
			t.Errorf("%s finds %d, want %d", query, got.Count("data"), want)
		}
	}
	c.post("/v1/customers/archive", `"id":"`+id+`"`)
	c.refused(409, "/v1/customers", `"name":"Eve","ingest_aliases":["d"]`, "already in use") // archived ones keep theirs
	if got := c.Get("/v1/customers?only_archived=true"); got.Text("data.0.id") != id || got.Text("data.0.archived_at") == "" {
		t.Errorf("archived: %s", got.Raw)
	}
	c.refused(400, credits+"create", c.body(id, "", item("1", "01T12", "02T12")), "archived")
	for _, body := range []string{`"name":""`, `"name":"x","ingest_aliases":[""]`, `"name":"x","custom_fields":{"k":"v"}`, `"name":"x","wrong":1`} {
		c.refused(400, "/v1/customers", body, "")
	}
	c.post("/v1/customFields/addKey", `"entity":"customer","key":"k","enforce_uniqueness":false`)
	c.Equal(c.post("/v1/customers", `"name":"x","custom_fields":{"k":"v"}`), "data.custom_fields.k", "v")
	c.refused(400, "/v1/customers", `"name":"x","custom_fields":{"k":"`+strings.Repeat("v", 201)+`"}`, "200")
	c.Want(404, "GET", "/v1/customers/"+c.units, "")
	c.Want(400, "GET", "/v1/customers/a", "")
}
