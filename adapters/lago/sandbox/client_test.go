package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"scrip/adapters/lago/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

const (
	api    = "/api/v1"
	secret = "0e7a3c52-7d5e-4f53-9a07-2c9a6f0f3a10"
	outset = "2099-11-30T00:00:00Z"
)

// client speaks to one account of a sandbox over real HTTP.
type client struct{ *sandboxtest.Client }

// startAt is a fresh sandbox whose clock stands at an instant.
func startAt(t *testing.T, now string) *client {
	t.Helper()
	s := sandbox.New(kit.Options{Seed: 7})
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	c := speak(t, hs.URL)
	c.Control("clock", `{"now":"`+now+`"}`)
	return c
}

// speak is a client of a sandbox that runs.
func speak(t *testing.T, url string) *client {
	return &client{&sandboxtest.Client{T: t, URL: url, Key: "lago-key"}}
}

// post sends an object under its root and demands success.
func (c *client) post(path, root, fields string) sandboxtest.Answer {
	c.T.Helper()
	return c.Want(200, "POST", api+path, `{"`+root+`":{`+fields+`}}`)
}

// refused demands a 422 whose details are exactly these.
func (c *client) refused(method, path, body, details string) {
	c.T.Helper()
	got := c.Want(422, method, api+path, body)
	if text := got.Text("error_details"); text != details || got.Text("code") != "validation_errors" {
		c.T.Errorf("%s %s: %s, want %s", path, body, got.Raw, details)
	}
}

func (c *client) customer(external, more string) string {
	c.T.Helper()
	return c.post("/customers", "customer", `"external_id":"`+external+`","name":"Ada","currency":"EUR"`+more).Text("customer.lago_id")
}

// wallet makes a wallet of customer "a" and waits for its initial credits.
func (c *client) wallet(fields string) string {
	c.T.Helper()
	if !strings.Contains(fields, `"rate_amount"`) {
		fields += `,"rate_amount":"1.0"`
	}
	if !strings.Contains(fields, `"currency"`) {
		fields += `,"currency":"EUR"`
	}
	return c.post("/wallets", "wallet", `"external_customer_id":"a",`+fields).Text("wallet.lago_id")
}

func (c *client) move(wallet, fields string) sandboxtest.Answer {
	c.T.Helper()
	return c.post("/wallet_transactions", "wallet_transaction", `"wallet_id":"`+wallet+`",`+fields)
}

// give puts granted credits into a wallet and returns the transaction.
func (c *client) give(wallet, credits string) string {
	c.T.Helper()
	return c.move(wallet, `"granted_credits":"`+credits+`"`).Text("wallet_transactions.0.lago_id")
}

// has demands fields of a wallet, written as name=value with spaces between.
func (c *client) has(wallet, want string) {
	c.T.Helper()
	hold(c, c.Get(api+"/wallets/"+wallet), "wallet.", want)
}

// is demands fields of a transaction.
func (c *client) is(txn, want string) {
	c.T.Helper()
	hold(c, c.Get(api+"/wallet_transactions/"+txn), "wallet_transaction.", want)
}

func hold(c *client, got sandboxtest.Answer, at, want string) {
	c.T.Helper()
	for pair := range strings.SplitSeq(want, " ") {
		name, value, _ := strings.Cut(pair, "=")
		c.Equal(got, at+name, value)
	}
}

// txns lists a wallet's transactions, oldest first, each with some fields.
func (c *client) txns(wallet string, fields ...string) []string {
	c.T.Helper()
	got := c.Get(api + "/wallets/" + wallet + "/wallet_transactions")
	var out []string
	for i := got.Count("wallet_transactions") - 1; i >= 0; i-- {
		var row []string
		for _, f := range fields {
			row = append(row, got.Text(fmt.Sprintf("wallet_transactions.%d.%s", i, f)))
		}
		out = append(out, strings.Join(row, " "))
	}
	return out
}

func (c *client) same(what string, got []string, want ...string) {
	c.T.Helper()
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		c.T.Errorf("%s: %q, want %q", what, got, want)
	}
}

func (c *client) clock(now string) { c.T.Helper(); c.Control("clock", `{"now":"`+now+`"}`) }

// pass lets some time pass.
func (c *client) pass(d string) { c.T.Helper(); c.Control("clock", `{"advance":"`+d+`"}`) }

// metric makes a metric that sums the property "units" and returns its id.
func (c *client) metric(code string) string {
	c.T.Helper()
	return c.post("/billable_metrics", "billable_metric", `"name":"M","code":"`+code+`","aggregation_type":"sum_agg","field_name":"units","recurring":false`).
		Text("billable_metric.lago_id")
}

// plan makes a monthly plan with charges written as metric id=amount and more
// fields of the charge, and some fields of the plan.
func (c *client) plan(code, fields string, charges ...string) {
	c.T.Helper()
	var list []string
	for _, one := range charges {
		metric, rest, _ := strings.Cut(one, "=")
		amount, more, _ := strings.Cut(rest, ";")
		if more == "" {
			more = `"properties":{"amount":"` + amount + `"}`
		} else {
			more = strings.ReplaceAll(more, "AMOUNT", `"amount":"`+amount+`"`)
		}
		list = append(list, `{"billable_metric_id":"`+metric+`","charge_model":"standard",`+more+`}`)
	}
	c.post("/plans", "plan", `"name":"P","code":"`+code+`","interval":"monthly","amount_currency":"EUR","charges":[`+strings.Join(list, ",")+`],`+fields)
}

func (c *client) subscribe(plan, id string) {
	c.T.Helper()
	c.post("/subscriptions", "subscription", `"external_customer_id":"a","plan_code":"`+plan+`","external_id":"`+id+`"`)
}

// use reports units of a metric.
func (c *client) use(sub, code, transaction, units string) {
	c.T.Helper()
	c.useWith(sub, code, transaction, `"units":`+units)
}

func (c *client) useWith(sub, code, transaction, properties string) {
	c.T.Helper()
	c.post("/events", "event", `"transaction_id":"`+transaction+`","external_subscription_id":"`+sub+`","code":"`+code+`","properties":{`+properties+`}`)
}

func (c *client) state() kit.Customer {
	c.T.Helper()
	var s kit.State
	if err := json.Unmarshal(c.Get("/_sandbox/state").Raw, &s); err != nil || len(s.Customers) == 0 {
		c.T.Fatalf("state: %v, %d customers", err, len(s.Customers))
	}
	return s.Customers[0]
}

func (c *client) receive(settings string) *sandboxtest.Receiver {
	c.T.Helper()
	in := sandboxtest.Receive(c.T, nil)
	c.Control("webhooks", `{"url":"`+in.URL+`","secret":"`+secret+`"`+settings+`}`)
	return in
}

func types(list []sandboxtest.Answer) string {
	var out []string
	for _, x := range list {
		out = append(out, x.Text("webhook_type"))
	}
	return strings.Join(out, " ")
}
