package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"scrip/adapters/metronome/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

const (
	noon = "2099-03-01T12:00:00Z"
	usd  = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
)

// client speaks to one account of a sandbox over real HTTP.
type client struct {
	*sandboxtest.Client
	server *kit.Server
	goods  string // a FIXED product
	units  string // the credit type "credits"
}

func start(t *testing.T) *client {
	t.Helper()
	s := sandbox.New(kit.Options{Seed: 7})
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	c := speak(t, hs.URL)
	c.server = s
	return c
}

// speak is a client of a sandbox that runs, with its clock at noon, a product
// and a unit.
func speak(t *testing.T, url string) *client {
	t.Helper()
	c := &client{Client: &sandboxtest.Client{T: t, URL: url, Key: "metronome_test_one"}}
	c.Control("clock", `{"now":"`+noon+`"}`)
	c.goods = c.post("/v1/contract-pricing/products/create", `"name":"Credits","type":"fixed"`).Text("data.id")
	c.units = c.Control("units", `{"units":[{"name":"credits"}]}`).Text("units.0.id")
	return c
}

// post sends the fields of a JSON object.
func (c *client) post(path, fields string) sandboxtest.Answer {
	c.T.Helper()
	return c.Want(200, "POST", path, "{"+fields+"}")
}

// refused demands a status and a part of the message.
func (c *client) refused(status int, path, fields, why string) {
	c.T.Helper()
	if got := c.Want(status, "POST", path, "{"+fields+"}"); !strings.Contains(got.Text("message"), why) {
		c.T.Errorf("%s %s: %s, want %q", path, fields, got.Raw, why)
	}
}

func (c *client) customer(alias string) string {
	c.T.Helper()
	return c.post("/v1/customers", `"name":"Ada","ingest_aliases":["`+alias+`"]`).Text("data.id")
}

// item is one part of an access schedule, from hour to hour of March 2099.
func item(amount, from, to string) string {
	return fmt.Sprintf(`{"amount":%s,"starting_at":"2099-03-%s:00:00Z","ending_before":"2099-03-%s:00:00Z"}`, amount, from, to)
}

// body is a request for a grant of credits with a schedule.
func (c *client) body(customer, more string, items ...string) string {
	if !strings.Contains(more, "access_schedule") {
		more += `,"access_schedule":{"credit_type_id":"` + c.units + `","schedule_items":[` + strings.Join(items, ",") + `]}`
	}
	if !strings.Contains(more, `"priority"`) {
		more += `,"priority":1`
	}
	return strings.TrimPrefix(more+`,"customer_id":"`+customer+`","product_id":"`+c.goods+`"`, ",")
}

const (
	credits  = "/v1/contracts/customerCredits/"
	commits  = "/v1/contracts/customerCommits/"
	balances = "/v1/contracts/customerBalances/"
	entry    = "/v1/contracts/addManualBalanceLedgerEntry"
)

// credit makes a credit and returns its id and that of its first segment.
func (c *client) credit(customer, more string, items ...string) (id, segment string) {
	c.T.Helper()
	return c.made(customer, c.post(credits+"create", c.body(customer, more, items...)).Text("data.id"))
}

// commit makes a prepaid commit.
func (c *client) commit(customer, more string, items ...string) (id, segment string) {
	c.T.Helper()
	return c.made(customer, c.post(commits+"create", c.body(customer, `"type":"PREPAID"`+more, items...)).Text("data.id"))
}

func (c *client) made(customer, id string) (string, string) {
	c.T.Helper()
	return id, c.grant(customer, id).Text("data.0.access_schedule.schedule_items.0.id")
}

// grant reads one grant with its balance and ledger.
func (c *client) grant(customer, id string) sandboxtest.Answer {
	c.T.Helper()
	return c.post(balances+"list", `"customer_id":"`+customer+`","id":"`+id+`","include_balance":true,"include_ledgers":true,"include_archived":true,"include_contract_balances":true`)
}

// manual adjusts a segment.
func (c *client) manual(customer, id, segment, amount, more string) {
	c.T.Helper()
	c.post(entry, fmt.Sprintf(`"customer_id":"%s","id":"%s","segment_id":"%s","amount":%s,"reason":"r"%s`, customer, id, segment, amount, more))
}

// story is a grant's ledger, each entry as its type without the kind, and its
// amount.
func (c *client) story(customer, id string) string {
	c.T.Helper()
	got, out := c.grant(customer, id), []string{}
	for i := range got.Count("data.0.ledger") {
		at := fmt.Sprintf("data.0.ledger.%d.", i)
		typ := got.Text(at + "type")
		for _, kind := range []string{"CREDIT_", "PREPAID_COMMIT_", "POSTPAID_COMMIT_"} {
			if rest, ok := strings.CutPrefix(typ, kind); ok {
				typ = rest
				break
			}
		}
		out = append(out, typ+" "+got.Text(at+"amount"))
	}
	return strings.Join(out, ", ")
}

// tells demands a ledger and a balance.
func (c *client) tells(customer, id, story, balance string) {
	c.T.Helper()
	if got := c.story(customer, id); got != story {
		c.T.Errorf("the ledger is %s\nwant %s", got, story)
	}
	c.Equal(c.grant(customer, id), "data.0.balance", balance)
}

func (c *client) clock(now string) { c.T.Helper(); c.Control("clock", `{"now":"`+now+`"}`) }

func (c *client) state(i int) kit.Customer {
	c.T.Helper()
	var s kit.State
	if err := json.Unmarshal(c.Get("/_sandbox/state").Raw, &s); err != nil || i >= len(s.Customers) {
		c.T.Fatalf("state: %v, %d customers", err, len(s.Customers))
	}
	return s.Customers[i]
}

// receive makes a receiver known under the suite's secret.
func (c *client) receive() *sandboxtest.Receiver {
	c.T.Helper()
	in := sandboxtest.Receive(c.T, nil)
	c.Control("webhooks", `{"url":"`+in.URL+`","secret":"`+secret+`"}`)
	return in
}

// shop is a contract whose usage events of type "call" cost their property
// "n" in credits.
func (c *client) shop(customer, more string) (contract, product string) {
	c.T.Helper()
	metric := c.post("/v1/billable-metrics/create", `"name":"Calls","aggregation_type":"SUM","aggregation_key":"n","event_type_filter":{"in_values":["call"]}`).Text("data.id")
	product = c.post("/v1/contract-pricing/products/create", `"name":"Calls","type":"USAGE","billable_metric_id":"`+metric+`"`).Text("data.id")
	card := c.post("/v1/contract-pricing/rate-cards/create", `"name":"Card","fiat_credit_type_id":"`+usd+`","credit_type_conversions":[{"custom_credit_type_id":"`+c.units+`","fiat_per_custom_credit":8}]`).Text("data.id")
	c.post("/v1/contract-pricing/rate-cards/addRate", `"rate_card_id":"`+card+`","product_id":"`+product+`","starting_at":"2099-01-01T00:00:00Z","entitled":true,"rate_type":"FLAT","price":1,"credit_type_id":"`+c.units+`"`)
	return c.post("/v1/contracts/create", `"customer_id":"`+customer+`","rate_card_id":"`+card+`","starting_at":"2099-02-01T00:00:00Z"`+more).Text("data.id"), product
}

// use reports usage.
func (c *client) use(customer, transaction, n, at string) {
	c.T.Helper()
	c.Want(200, "POST", "/v1/ingest", `[{"transaction_id":"`+transaction+`","customer_id":"`+customer+`","event_type":"call","timestamp":"`+at+`","properties":{"n":"`+n+`"}}]`)
}
