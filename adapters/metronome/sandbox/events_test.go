package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"scrip/adapters/sandbox/sandboxtest"
)

// TestAgainstSamples holds every webhook that the sandbox sends against the
// published sample of its type.
func TestAgainstSamples(t *testing.T) {
	c := start(t)
	in := c.receive()
	for _, entity := range []string{"customer", "contract", "commit", "contract_credit"} {
		c.post("/v1/customFields/addKey", `"entity":"`+entity+`","key":"k","enforce_uniqueness":false`)
	}
	cus := c.customer("a")
	contract, _ := c.shop(cus, `,"ending_before":"2099-05-01T00:00:00Z"`)
	who := `"customer_id":"` + cus + `","contract_id":"` + contract + `"`
	for _, kind := range []string{"contract_credit_and_commit", "contract_credit", "commit"} {
		c.post("/v1/alerts/create", `"alert_type":"low_remaining_`+kind+`_balance_reached","name":"Low","threshold":5,"credit_type_id":"`+c.units+`"`)
	}
	added := `{"product_id":"` + c.goods + `","priority":1,"access_schedule":{"credit_type_id":"` + c.units + `","schedule_items":[` + item("20", "01T12", "20T00") + `]}`
	c.post("/v2/contracts/edit", who+`,"add_credits":[`+added+`}],"add_commits":[`+added+`,"type":"PREPAID"},`+gated(c, "STRIPE")+`,`+gated(c, "EXTERNAL")+`]`)
	got := c.post("/v2/contracts/get", who)
	c.post("/v2/contracts/credits/edit", `"customer_id":"`+cus+`","credit_id":"`+got.Text("data.credits.0.id")+`","priority":3`)
	c.post("/v2/contracts/commits/edit", `"customer_id":"`+cus+`","commit_id":"`+got.Text("data.commits.0.id")+`","priority":3`)
	c.Control("pay", `{"object":"`+contract+`","outcome":"failed"}`)
	c.Control("pay", `{"object":"`+contract+`","outcome":"paid"}`)
	level, _ := c.credit(cus, "", item("1", "01T12", "20T00"))
	c.clock("2099-04-02T00:00:00Z")
	c.post("/v2/contracts/credits/archive", `"customer_id":"`+cus+`","credit_id":"`+level+`"`)
	c.post("/v2/contracts/commits/archive", `"customer_id":"`+cus+`","commit_id":"`+got.Text("data.commits.0.id")+`"`)
	c.use(cus, "t", "1", "2099-04-01T00:00:00Z")
	c.clock("2099-05-03T00:00:00Z")
	c.post("/v1/contracts/archive", who+`,"void_invoices":true`)
	c.Control("mutate", `{"object":"webhook","id":"","op":"set"}`)

	file := func(e sandboxtest.Answer) string {
		name := e.Text("type")
		if name == "payment_gate.payment_status" {
			name += "." + e.Text("properties.payment_status")
		}
		return name + ".json"
	}
	list := in.News(c.Client)
	for _, e := range list {
		if err := verify(e.Header, e.Raw, secret, time.Now()); err != nil {
			t.Error(err)
		}
	}
	var sampled []sandboxtest.Answer
	for _, e := range list { // the samples lack these companions
		if typ := e.Text("type"); !strings.HasSuffix(typ, "_resolved") || typ == "alerts.low_remaining_contract_credit_and_commit_balance_resolved" {
			sampled = append(sampled, e)
		}
	}
	seen := sandboxtest.Samples(t, "providers/metronome/events", file, sampled, []string{"credit_custom_fields", "commit_custom_fields", "contract_custom_fields", "customer_custom_fields"},
		[]string{".parent_recurring_commit_id", ".parent_recurring_credit_id", ".contract_id", ".contract_custom_fields", ".properties.contract_id", ".properties.billing_provider"})
	if len(seen) != 23 {
		t.Errorf("%d types of events were sent, want 23: %v", len(seen), seen)
	}
}

// Events carry identifiers alone, and begin and end with the clock.
func TestSegmentEvents(t *testing.T) {
	c := start(t)
	in := c.receive()
	cus := c.customer("a")
	id, first := c.credit(cus, "", item("1", "01T12", "02T12"), item("2", "03T12", "04T12"))
	got := in.News(c.Client)
	if types := sandboxtest.Types(got); types != "credit.create credit.segment.start" {
		t.Fatalf("events %s", types)
	}
	for path, want := range map[string]string{
		"credit_id": id, "segment_id": first, "segment_index": "0", "segment_count": "2", "customer_id": cus, "environment_type": "SANDBOX", "timestamp": noon, "amount": "", "contract_id": "",
	} {
		c.Equal(got[1], path, want)
	}
	c.clock("2099-03-05T00:00:00Z")
	got = in.News(c.Client)
	if types := sandboxtest.Types(got); types != "credit.segment.end credit.segment.start credit.segment.end" || got[0].Text("timestamp") != "2099-03-02T12:00:00Z" || got[1].Text("segment_index") != "1" {
		t.Errorf("events %s", types)
	}
	future, _ := c.commit(cus, "", item("1", "20T12", "21T12"))
	c.post("/v2/contracts/commits/archive", `"customer_id":"`+cus+`","commit_id":"`+future+`"`)
	c.clock("2099-03-22T00:00:00Z")
	if types := sandboxtest.Types(in.News(c.Client)); types != "commit.create commit.archive" {
		t.Errorf("events of a commit that never began: %s", types)
	}
}

func TestAlerts(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	in := c.receive()
	create := `"alert_type":"low_remaining_contract_credit_balance_reached","name":"Low","threshold":5,"credit_type_id":"` + c.units + `","uniqueness_key":"k"`
	c.refused(400, "/v1/alerts/create", strings.Replace(create, "low_remaining", "no_such", 1), "no_such")
	id := c.post("/v1/alerts/create", create).Text("data.id")
	c.refused(409, "/v1/alerts/create", create, "uniqueness key")
	credit, segment := c.credit(cus, "", item("10", "01T12", "20T00"))
	c.manual(cus, credit, segment, "-5", "")
	c.manual(cus, credit, segment, "-1", "")
	c.manual(cus, credit, segment, "3", "")
	var got []string
	for _, e := range in.News(c.Client) {
		if strings.HasPrefix(e.Text("type"), "alerts.") {
			got = append(got, strings.TrimPrefix(e.Text("type"), "alerts.low_remaining_contract_credit_balance_")+" "+e.Text("properties.remaining_balance"))
			c.Equal(e, "id", id)
		}
	}
	if story := strings.Join(got, ", "); story != "reached 5, resolved 7" {
		t.Errorf("alerts: %s", story)
	}
	c.Equal(c.post("/v1/customer-alerts/get", `"customer_id":"`+cus+`","alert_id":"`+id+`"`), "data.customer_status", "ok")
	c.post("/v1/alerts/archive", `"id":"`+id+`","release_uniqueness_key":true`)
	c.post("/v1/alerts/create", create)
	if got := c.post("/v1/customer-alerts/list", `"customer_id":"`+cus+`"`); got.Count("data") != 1 || got.Text("data.0.alert.id") == id {
		t.Errorf("alerts: %s", got.Raw)
	}
}

// A gated commit does not exist before its payment, and never after a failed
// one.
func TestPaymentGates(t *testing.T) {
	c := start(t)
	cus := c.customer("a")
	contract, _ := c.shop(cus, "")
	who := `"customer_id":"` + cus + `","contract_id":"` + contract + `"`
	count := func() int { return c.post("/v2/contracts/get", who).Count("data.commits") }
	c.post("/v2/contracts/edit", who+`,"uniqueness_key":"e1","add_commits":[`+gated(c, "STRIPE")+`]`)
	c.refused(409, "/v2/contracts/edit", who+`,"uniqueness_key":"e1","add_commits":[`+gated(c, "STRIPE")+`]`, "uniqueness key")
	c.Control("pay", `{"object":"`+contract+`","outcome":"failed"}`)
	c.Want(404, "POST", "/_sandbox/pay", `{"object":"`+contract+`","outcome":"paid"}`)
	if count() != 0 {
		t.Error("a commit exists without payment")
	}
	in := c.receive()
	c.post("/v2/contracts/edit", who+`,"add_commits":[`+gated(c, "EXTERNAL")+`]`)
	asked := in.News(c.Client)[0]
	c.Want(404, "POST", "/v1/contracts/commits/threshold-billing/release", `{"workflow_id":"`+cus+`","outcome":"paid"}`)
	c.post("/v1/contracts/commits/threshold-billing/release", `"workflow_id":"`+asked.Text("properties.workflow_id")+`","outcome":"PAID"`)
	c.refused(400, "/v1/contracts/commits/threshold-billing/release", `"workflow_id":"`+asked.Text("properties.workflow_id")+`","outcome":"failed"`, "paid")
	if types := sandboxtest.Types(in.News(c.Client)); count() != 1 || types != "invoice.finalized payment_gate.payment_status commit.create commit.segment.start" {
		t.Errorf("%d commits, events %s", count(), types)
	}
	c.Want(422, "POST", "/_sandbox/pay", `{"object":"`+contract+`","outcome":"refunded"}`)
	if got := c.post(balances+"list", `"customer_id":"`+cus+`"`); got.Count("data") != 0 {
		t.Errorf("balances of a contract come unasked: %s", got.Raw)
	}
}
