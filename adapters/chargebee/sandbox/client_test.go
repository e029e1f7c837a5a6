package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"scrip/adapters/chargebee/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

const (
	noon = "2099-03-01T12:00:00Z"
	at   = int64(4076049600) // noon in unix seconds
	day  = int64(86400)
	api  = "/api/v2"
)

// client speaks to one account of a sandbox over real HTTP.
type client struct {
	*sandboxtest.Client
	server *kit.Server
}

// start is a fresh sandbox whose clock stands at noon, with variants on.
func start(t *testing.T, variants ...string) *client {
	t.Helper()
	c := serve(t, sandbox.New(kit.Options{Seed: 7}))
	c.Control("clock", `{"now":"`+noon+`"}`)
	for _, v := range variants {
		c.Variant(v)
	}
	return c
}

// speak is a client of a sandbox that runs: all but ledger and usage calls have
// form bodies.
func speak(t *testing.T, url string) *client {
	return &client{Client: &sandboxtest.Client{T: t, URL: url, Key: "test_key", Header: func(h http.Header, path string) {
		json := strings.Contains(path, "ledger_operations") || strings.Contains(path, "usage_events") || strings.Contains(path, "promotional_grants")
		if h.Get("Content-Type") != "" && strings.HasPrefix(path, api) && !json {
			h.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		}
	}}}
}

// post sends names and values in turn as a form, and demands success.
func (c *client) post(path string, pairs ...string) sandboxtest.Answer {
	c.T.Helper()
	return c.Want(200, "POST", api+path, form(pairs...))
}

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

// refused demands a code for a request with a body.
func (c *client) refused(status int, code, path, body string) sandboxtest.Answer {
	c.T.Helper()
	got := c.Want(status, "POST", api+path, body)
	c.Equal(got, "api_error_code", code)
	return got
}

// list reads a list; filters are names and values in turn.
func (c *client) list(path string, pairs ...string) sandboxtest.Answer {
	c.T.Helper()
	return c.Get(api + path + "?" + form(pairs...))
}

// customer makes a customer with a plan of its own, free of charge, and returns
// the id of its subscription; the unit "credits" is made on the way.
func (c *client) customer(id string) string {
	c.T.Helper()
	if c.list("/item_prices").Count("list") == 0 {
		c.post("/item_families", "id", "scrip", "name", "Scrip")
		c.post("/items", "id", "carrier", "name", "Carrier", "type", "plan", "item_family_id", "scrip")
		c.post("/item_prices", "id", "carrier-USD", "name", "Carrier USD", "item_id", "carrier", "pricing_model", "flat_fee", "price", "0", "currency_code", "USD",
			"period", "1", "period_unit", "month")
		c.post("/credit_units", "id", "credits", "name", "Credits", "is_unlimited", "false")
	}
	c.post("/customers", "id", id, "auto_collection", "off")
	return c.post("/customers/"+url.PathEscape(id)+"/subscription_for_items", "subscription_items[item_price_id][0]", "carrier-USD").Text("subscription.id")
}

// ledger sends a ledger operation out of the fields of a JSON object.
func (c *client) ledger(what, fields string) sandboxtest.Answer {
	c.T.Helper()
	return c.Want(200, "POST", api+"/ledger_operations/"+what, "{"+fields+"}")
}

// grant makes a block that expires after some days and returns its id.
func (c *client) grant(sub, amount string, days int64) string {
	c.T.Helper()
	return c.ledger("allocate", fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":%q,"expires_at":%d`, sub, amount, at+days*day)).Text("grant_blocks.0.id")
}

// draw is the fields of a capture or an authorization at noon.
func draw(sub, amount string, more ...string) string {
	return fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":%q,"ledger_operation_timestamp":%d`, sub, amount, at) + strings.Join(more, "")
}

// left is what each block still has to spend, by id.
func (c *client) left(sub string) map[string]string {
	c.T.Helper()
	out := map[string]string{}
	got := c.list("/grant_blocks", "subscription_id[is]", sub, "limit", "100")
	for i := range got.Count("list") {
		at := fmt.Sprintf("list.%d.grant_block.", i)
		out[got.Text(at+"id")] = got.Text(at + "balance")
	}
	return out
}

func (c *client) state(i int) kit.Customer {
	c.T.Helper()
	var s kit.State
	if err := json.Unmarshal(c.Get("/_sandbox/state").Raw, &s); err != nil || i >= len(s.Customers) {
		c.T.Fatalf("state: %v, %d customers", err, len(s.Customers))
	}
	return s.Customers[i]
}

// receive makes a receiver known.
func (c *client) receive() *sandboxtest.Receiver {
	c.T.Helper()
	in := sandboxtest.Receive(c.T, nil)
	c.Control("webhooks", `{"url":"`+in.URL+`","username":"hook","password":"`+hookPassword+`"}`)
	return in
}

func types(list []sandboxtest.Answer) string {
	var out []string
	for _, e := range list {
		out = append(out, e.Text("event_type"))
	}
	return strings.Join(out, " ")
}

func advance(c *client, d time.Duration) {
	c.T.Helper()
	c.Control("clock", `{"advance":"`+d.String()+`"}`)
}

// serve is a client of a server that was made with options of its own.
func serve(t *testing.T, s *kit.Server) *client {
	t.Helper()
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	c := speak(t, hs.URL)
	c.server = s
	return c
}

// deadURL is an address at which nobody listens.
func deadURL(t *testing.T) string {
	t.Helper()
	hs := httptest.NewServer(http.NotFoundHandler())
	hs.Close()
	return hs.URL
}
