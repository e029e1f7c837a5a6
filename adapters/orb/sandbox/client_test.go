package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"scrip/adapters/orb/sandbox"
	kit "scrip/adapters/sandbox"
)

// client speaks to one account of a sandbox over real HTTP.
type client struct {
	t      *testing.T
	url    string
	key    string
	server *kit.Server
}

type result struct {
	status int
	header http.Header
	body   map[string]any
	raw    []byte
}

func start(t *testing.T) *client {
	t.Helper()
	s := sandbox.New(kit.Options{Seed: 7})
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	return &client{t: t, url: hs.URL, key: "orb_test_one", server: s}
}

// at is a fresh sandbox whose clock stands at an instant.
func startAt(t *testing.T, now string) *client {
	t.Helper()
	c := start(t)
	c.control("clock", `{"now":"`+now+`"}`)
	return c
}

// want sends a request and demands a status.
func (c *client) want(status int, method, path, body string, options ...string) result {
	c.t.Helper()
	got := c.send(method, path, body, options...)
	if got.status != status {
		c.t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, got.status, status, got.raw)
	}
	return got
}

// send sends a request; options are header names and values in turn.
func (c *client) send(method, path, body string, options ...string) result {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(options); i += 2 {
		req.Header.Set(options[i], options[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	out := result{status: resp.StatusCode, header: resp.Header, raw: raw}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	dec.Decode(&out.body) //nolint:errcheck // some answers are empty
	return out
}

func (c *client) get(path string) result { c.t.Helper(); return c.want(200, "GET", path, "") }

// entry makes a ledger entry out of the fields of a JSON object.
func (c *client) entry(customer, fields string) result {
	c.t.Helper()
	return c.want(201, "POST", "/v1/customers/"+customer+"/credits/ledger_entry", "{"+fields+"}")
}

// grant makes a block and returns its id.
func (c *client) grant(customer, fields string) string {
	c.t.Helper()
	return c.entry(customer, `"entry_type":"increment",`+fields).text("credit_block.id")
}

// refusedEntry demands a problem with a fragment in its type.
func (c *client) refusedEntry(customer, fields, fragment string) {
	c.t.Helper()
	got := c.want(400, "POST", "/v1/customers/"+customer+"/credits/ledger_entry", "{"+fields+"}")
	if !strings.HasSuffix(got.text("type"), "#"+fragment) {
		c.t.Errorf("%s: %s, want %s", fields, got.raw, fragment)
	}
}

func (c *client) customer(external string) string {
	c.t.Helper()
	return c.want(201, "POST", "/v1/customers", `{"name":"Ada","email":"ada@example.com","currency":"USD","external_customer_id":"`+external+`"}`).text("id")
}

func (c *client) control(path, body string) result {
	c.t.Helper()
	return c.want(200, "POST", "/_sandbox/"+path, body)
}

func (c *client) variant(name string) {
	c.t.Helper()
	c.control("variant", `{"name":"`+name+`","on":true}`)
}

func (c *client) state(i int) kit.Customer {
	c.t.Helper()
	var s kit.State
	if err := json.Unmarshal(c.get("/_sandbox/state").raw, &s); err != nil || i >= len(s.Customers) {
		c.t.Fatalf("state: %v, %d customers", err, len(s.Customers))
	}
	return s.Customers[i]
}

// left is what each block still holds.
func (c *client) left(customer string) map[string]string {
	c.t.Helper()
	out := map[string]string{}
	got := c.get("/v1/customers/" + customer + "/credits?include_all_blocks=true&limit=100")
	for i := range got.count("data") {
		out[got.text(fmt.Sprintf("data.%d.id", i))] = got.text(fmt.Sprintf("data.%d.balance", i))
	}
	return out
}

// story is the ledger, oldest first, each entry as type, amount and balance.
func (c *client) story(customer string) []string {
	c.t.Helper()
	var out []string
	got := c.get("/v1/customers/" + customer + "/credits/ledger?limit=1000")
	for i := range got.count("data") {
		at := fmt.Sprintf("data.%d.", i)
		out = append(out, got.text(at+"entry_type")+" "+got.text(at+"amount")+" "+got.text(at+"ending_balance"))
	}
	slices.Reverse(out)
	return out
}

// at walks into an answer: names and indices separated by dots.
func (r result) at(path string) any {
	var v any = r.body
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// text is a value as it was written; "" for null and for nothing.
func (r result) text(path string) string {
	switch v := r.at(path).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

func (r result) count(path string) int { list, _ := r.at(path).([]any); return len(list) }

// inbox receives webhooks.
type inbox struct {
	mu   sync.Mutex
	list []result
}

func (c *client) receive(settings string) *inbox {
	c.t.Helper()
	in := &inbox{}
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		got := result{header: r.Header, raw: body}
		json.Unmarshal(body, &got.body) //nolint:errcheck // an empty event fails the test
		in.mu.Lock()
		defer in.mu.Unlock()
		in.list = append(in.list, got)
	}))
	c.t.Cleanup(web.Close)
	c.control("webhooks", `{"url":"`+web.URL+`","secret":"`+secret+`"`+settings+`}`)
	return in
}

// events waits for what is under way and returns what arrived since the last
// call.
func (in *inbox) events(c *client) []result {
	c.t.Helper()
	c.control("deliver", "")
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if c.get("/_sandbox/webhooks").text("waiting") == "0" {
			break
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	out := in.list
	in.list = nil
	return out
}

func types(list []result) string {
	var out []string
	for _, e := range list {
		out = append(out, strings.TrimPrefix(e.text("type"), "customer."))
	}
	return strings.Join(out, " ")
}
