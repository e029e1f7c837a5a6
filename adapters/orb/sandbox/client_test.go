package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"scrip/adapters/orb/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

// client speaks to one account of a sandbox over real HTTP.
type client struct {
	*sandboxtest.Client
	server *kit.Server
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

// speak is a client of a sandbox that runs.
func speak(t *testing.T, url string) *client {
	return &client{Client: &sandboxtest.Client{T: t, URL: url, Key: "orb_test_one"}}
}

// startAt is a fresh sandbox whose clock stands at an instant.
func startAt(t *testing.T, now string) *client {
	t.Helper()
	c := start(t)
	c.Control("clock", `{"now":"`+now+`"}`)
	return c
}

// entry makes a ledger entry out of the fields of a JSON object.
func (c *client) entry(customer, fields string) sandboxtest.Answer {
	c.T.Helper()
	return c.Want(201, "POST", "/v1/customers/"+customer+"/credits/ledger_entry", "{"+fields+"}")
}

// grant makes a block and returns its id.
func (c *client) grant(customer, fields string) string {
	c.T.Helper()
	return c.entry(customer, `"entry_type":"increment",`+fields).Text("credit_block.id")
}

// refusedEntry demands a problem with a fragment in its type.
func (c *client) refusedEntry(customer, fields, fragment string) {
	c.T.Helper()
	got := c.Want(400, "POST", "/v1/customers/"+customer+"/credits/ledger_entry", "{"+fields+"}")
	if !strings.HasSuffix(got.Text("type"), "#"+fragment) {
		c.T.Errorf("%s: %s, want %s", fields, got.Raw, fragment)
	}
}

func (c *client) customer(external string) string {
	c.T.Helper()
	return c.Want(201, "POST", "/v1/customers", `{"name":"Ada","email":"ada@example.com","currency":"USD","external_customer_id":"`+external+`"}`).Text("id")
}

func (c *client) state(i int) kit.Customer {
	c.T.Helper()
	var s kit.State
	if err := json.Unmarshal(c.Get("/_sandbox/state").Raw, &s); err != nil || i >= len(s.Customers) {
		c.T.Fatalf("state: %v, %d customers", err, len(s.Customers))
	}
	return s.Customers[i]
}

// left is what each block still holds.
func (c *client) left(customer string) map[string]string {
	c.T.Helper()
	out := map[string]string{}
	got := c.Get("/v1/customers/" + customer + "/credits?include_all_blocks=true&limit=100")
	for i := range got.Count("data") {
		out[got.Text(fmt.Sprintf("data.%d.id", i))] = got.Text(fmt.Sprintf("data.%d.balance", i))
	}
	return out
}

// story is the ledger, oldest first, each entry as type, amount and balance.
func (c *client) story(customer string) []string {
	c.T.Helper()
	var out []string
	got := c.Get("/v1/customers/" + customer + "/credits/ledger?limit=1000")
	for i := range got.Count("data") {
		at := fmt.Sprintf("data.%d.", i)
		out = append(out, got.Text(at+"entry_type")+" "+got.Text(at+"amount")+" "+got.Text(at+"ending_balance"))
	}
	slices.Reverse(out)
	return out
}

// receive makes a receiver known under the suite's secret, with more settings.
func (c *client) receive(settings string) *sandboxtest.Receiver {
	c.T.Helper()
	in := sandboxtest.Receive(c.T, nil)
	c.Control("webhooks", `{"url":"`+in.URL+`","secret":"`+secret+`"`+settings+`}`)
	return in
}

// types leaves out what begins nearly all of them.
func types(list []sandboxtest.Answer) string {
	return strings.ReplaceAll(" "+sandboxtest.Types(list), " customer.", " ")[1:]
}
