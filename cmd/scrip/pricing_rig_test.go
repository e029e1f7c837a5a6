package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	kit "scrip/adapters/sandbox"
	"scrip/core"
	"scrip/internal/clock"
	"scrip/mapping/config"
)

// till is a gateway in this process over an example of examples/pricing, with
// the sandbox of its vendor where it has one. Its clock stands still until it
// is moved.
type till struct {
	*testing.T
	app   *app
	api   *client
	box   *client // nil: it sells nothing
	calls int
	shut  func() // ends it before the test does
}

const (
	tillKey    = townKey
	tillSecret = "whsec_till_0123456789abcdef"
)

// tillStart is the first instant of a year of the calendar of from that has
// not begun: the sandboxes' clocks do not go back.
func tillStart(from int) time.Time {
	for year := from; ; year += 4 {
		if start := time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC); start.After(time.Now().AddDate(0, 1, 0)) {
			return start
		}
	}
}

// openTill serves a config, with its storage, vendor and secrets replaced.
func openTill(t *testing.T, text string, start time.Time) *till {
	t.Helper()
	c, dir := &till{T: t}, t.TempDir()
	for name, secret := range map[string]string{"VENDOR_KEY": tillKey, "VENDOR_WEBHOOK_SECRET": tillSecret} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "env:"+name, "file:"+path)
	}
	if strings.Contains(text, "base_url:") {
		v, _ := vendorNamed("stripe")
		server := v.sandbox(kit.Options{Seed: 1})
		front := httptest.NewServer(server)
		server.SetPublicURL(front.URL)
		t.Cleanup(func() { front.Close(); server.Close() })
		c.box = newClient(front.URL, tillKey)
		text = strings.Replace(text, "http://127.0.0.1:9090", front.URL, 1) + "mapping: {main: {limit: 10000, share: 1}}\n"
	}
	text = strings.Replace(text, "sqlite:scrip.db", "sqlite:"+filepath.Join(dir, "scrip.db"), 1)
	var front *httptest.Server
	c.app, front, c.shut = serveText(t, text, start)
	c.api = newClient(front.URL, tillKey)
	if c.box != nil {
		c.control("clock", body{"now": core.TimeOf(start).String()})
		c.control("webhooks", body{"url": front.URL + "/v1/webhooks/main", "secret": tillSecret})
	}
	return c
}

// control calls the sandbox's control API.
func (c *till) control(call string, b body) {
	c.Helper()
	if _, err := c.box.do(c.Context(), request{method: http.MethodPost, path: "/_sandbox/" + call, body: b}); err != nil {
		c.Fatalf("sandbox %s: %v", call, err)
	}
}

// try makes a call, each with a key of its own, and returns what it answers.
func (c *till) try(method, path string, b any) (seen, error) {
	c.Helper()
	c.calls++
	r := request{method: method, path: path, body: b}
	if method == http.MethodPost {
		r.key = fmt.Sprintf("till-%d", c.calls)
	}
	r.path, r.query = splitQuery(path)
	a, err := c.api.do(c.Context(), r)
	if err != nil {
		return seen{c, nil}, err
	}
	m, err := a.object()
	if err != nil {
		c.Fatalf("%s %s: %v", method, path, err)
	}
	return seen{c, m}, nil
}

func splitQuery(path string) (string, map[string][]string) {
	path, query, has := strings.Cut(path, "?")
	if !has {
		return path, nil
	}
	values := map[string][]string{}
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = append(values[name], value)
	}
	return path, values
}

// call is try of a call that works.
func (c *till) call(method, path string, b any) seen {
	c.Helper()
	got, err := c.try(method, path, b)
	if err != nil {
		c.Fatalf("%s %s %v: %v", method, path, b, err)
	}
	return got
}

func (c *till) get(path string) seen {
	c.Helper()
	return c.call(http.MethodGet, path, nil)
}

func (c *till) post(path string, b any) seen {
	c.Helper()
	return c.call(http.MethodPost, path, b)
}

func (c *till) put(path string, b any) seen {
	c.Helper()
	return c.call(http.MethodPut, path, b)
}

// now is the business time.
func (c *till) now() time.Time { return c.app.clock.Now().Std() }

// pass lets time go by up to an instant, and everything that is due happen.
func (c *till) pass(to time.Time) {
	c.Helper()
	c.post("/v1/test-clock", body{"now": core.TimeOf(to).String()})
}

// settle lets everything happen that is due now.
func (c *till) settle() {
	c.Helper()
	c.pass(c.now())
}

// pay has the vendor settle the bill of a purchase: paid, failed, disputed and so on.
func (c *till) pay(purchase, outcome string) {
	c.Helper()
	c.settle()
	for _, customer := range readState(c.T, c.box.base).Customers {
		for _, i := range customer.Invoices {
			if i.Metadata["scrip_purchase"] == purchase {
				c.control("pay", body{"object": i.ID, "outcome": outcome})
				c.settle()
				return
			}
		}
	}
	c.Fatalf("the vendor has no bill of purchase %s", purchase)
}

// seen is an answer, or a part of one.
type seen struct {
	c *till
	v any
}

// at goes into an answer, by names and positions.
func (s seen) at(path ...string) seen {
	s.c.Helper()
	for i, name := range path {
		switch v := s.v.(type) {
		case map[string]any:
			s.v = v[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(v) {
				s.c.Fatalf("%v: there is no %q in a list of %d", path, name, len(v))
			}
			s.v = v[n]
		default:
			s.c.Fatalf("%v: %v stands where it should go on", path[:i+1], v)
		}
	}
	return s
}

// text is a text or number as it stands; nothing is "".
func (s seen) text() string {
	s.c.Helper()
	switch v := s.v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	s.c.Fatalf("%v is no text", s.v)
	return ""
}

// num is a decimal; nothing is zero.
func (s seen) num() *big.Rat {
	s.c.Helper()
	text := s.text()
	if text == "" {
		return new(big.Rat)
	}
	return s.c.num(text)
}

func (c *till) num(text string) *big.Rat {
	c.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		c.Fatalf("%q is no number", text)
	}
	return r
}

// list are the parts of a list.
func (s seen) list() []seen {
	s.c.Helper()
	items, ok := s.v.([]any)
	if !ok && s.v != nil {
		s.c.Fatalf("%v is no list", s.v)
	}
	out := make([]seen, len(items))
	for i := range items {
		out[i] = seen{s.c, items[i]}
	}
	return out
}

// sum adds a field up over those of a list that pass.
func (s seen) sum(field string, pass func(seen) bool) *big.Rat {
	s.c.Helper()
	total := new(big.Rat)
	for _, item := range s.list() {
		if pass(item) {
			total.Add(total, item.at(field).num())
		}
	}
	return total
}

// is is a test of a field's text.
func is(field string, values ...string) func(seen) bool {
	return func(s seen) bool { return slices.Contains(values, s.at(field).text()) }
}

// pricingFile is what is read of the neutral pricing cases.
type pricingFile struct {
	Cases []struct {
		ID       string
		Examples []struct {
			Name          string
			Given, Expect any
		}
	}
}

func pricingCases(t *testing.T) pricingFile {
	dir := os.Getenv("SCRIP_VENDOR_MATERIAL")
	if dir == "" {
		t.Skip("SCRIP_VENDOR_MATERIAL is not set: the published pricing cases are not there")
	}
	f, err := os.Open(filepath.Join(dir, "design", "pricing-cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.UseNumber()
	var file pricingFile
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file
}

// serveText serves a config in this process until the answered function, or
// the end of the test, ends it. Its clock stands at start.
func serveText(t *testing.T, text string, start time.Time) (*app, *httptest.Server, func()) {
	t.Helper()
	cfg, err := parseConfig("scrip.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), &configFile{cfg, text}, appOptions{
		serve: true, stays: true, testClock: true, clock: clock.Test(core.TimeOf(start)), adminKey: config.NewSecret("till", tillKey),
	})
	if err != nil {
		t.Fatal(err)
	}
	shut := sync.OnceFunc(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(shut)
	front := httptest.NewServer(a.handler)
	t.Cleanup(front.Close)
	return a, front, shut
}
