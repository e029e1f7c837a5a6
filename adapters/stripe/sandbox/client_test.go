package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	kit "scrip/adapters/sandbox"
	"scrip/adapters/stripe/sandbox"
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
	s.SetPublicURL(hs.URL)
	return &client{t: t, url: hs.URL, key: "sk_test_one", server: s}
}

// as is the same sandbox through another key.
func (c *client) as(key string) *client { twin := *c; twin.key = key; return &twin }

// do sends a request; options are header names and values in turn.
func (c *client) do(method, path, body string, options ...string) (result, error) {
	req, err := http.NewRequest(method, c.url+path, io.NopCloser(strings.NewReader(body))) // of unknown length: sent in chunks
	if err != nil {
		return result{}, err
	}
	if body == "" {
		req.Body = nil
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if strings.HasPrefix(path, "/v1/") && body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(options); i += 2 {
		req.Header.Set(options[i], options[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return result{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return result{}, err
	}
	out := result{status: resp.StatusCode, header: resp.Header, raw: raw}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	dec.Decode(&out.body) //nolint:errcheck // some answers are no JSON, on purpose
	return out, nil
}

// form turns names and values in turn into a body.
func form(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}

// want sends a request and demands a status.
func (c *client) want(status int, method, path, body string, options ...string) result {
	c.t.Helper()
	got, err := c.do(method, path, body, options...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	if got.status != status {
		c.t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, got.status, status, got.raw)
	}
	return got
}

func (c *client) post(path string, pairs ...string) result {
	c.t.Helper()
	return c.want(200, "POST", path, form(pairs...))
}

func (c *client) get(path string) result { c.t.Helper(); return c.want(200, "GET", path, "") }

// control sends JSON to the control API.
func (c *client) control(path, body string) result {
	c.t.Helper()
	return c.want(200, "POST", "/_sandbox/"+path, body)
}

func (r result) id() string { s, _ := r.body["id"].(string); return s }

// at walks into an answer: names and indices separated by dots.
func (r result) at(path string) any {
	var v any = r.body
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i := 0
			for _, d := range part {
				i = i*10 + int(d-'0')
			}
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// text is at as text: numbers as written, null as "null".
func (r result) text(path string) string {
	switch v := r.at(path).(type) {
	case nil:
		return "null"
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		b, _ := json.Marshal(v)
		return string(b)
	}
}

func (c *client) equal(r result, path, want string) {
	c.t.Helper()
	if got := r.text(path); got != want {
		c.t.Errorf("%s is %s, want %s in %s", path, got, want, r.raw)
	}
}

const start2026 = "2026-01-01T00:00:00Z"

// unix is seconds after 2026-01-01.
func unix(after time.Duration) string {
	return num(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(after).Unix())
}

func num(n int64) string { b, _ := json.Marshal(n); return string(b) }

// frozen starts a sandbox whose clock stands at 2026-01-01.
func frozen(t *testing.T) *client {
	t.Helper()
	s := sandbox.New(kit.Options{Seed: 7, Wall: func() time.Time { return time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC) }})
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	s.SetPublicURL(hs.URL)
	c := &client{t: t, url: hs.URL, key: "sk_test_one", server: s}
	c.control("clock", `{"now":"`+start2026+`"}`)
	return c
}

func (c *client) customer(external string) string {
	c.t.Helper()
	return c.post("/v1/customers", "name", "Ada", "email", external+"@example.com", "metadata[external_id]", external).id()
}

// grant makes a grant of value minor units; more are further parameters.
func (c *client) grant(customer, value string, more ...string) string {
	c.t.Helper()
	return c.want(200, "POST", "/v1/billing/credit_grants", grantForm(customer, value, more...)).id()
}

func grantForm(customer, value string, more ...string) string {
	return form(append([]string{
		"customer", customer, "amount[type]", "monetary", "amount[monetary][currency]", "usd", "amount[monetary][value]", value,
		"applicability_config[scope][price_type]", "metered",
	}, more...)...)
}

// received is what a webhook receiver got.
type received struct {
	header http.Header
	body   []byte
	kind   string
	id     string
}

// receiver takes webhooks; answer decides the status of each.
type receiver struct {
	url string
	mu  sync.Mutex
	got []received
}

func receive(t *testing.T, answer func(n int) int) *receiver {
	t.Helper()
	r := &receiver{}
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		var e struct{ ID, Type string }
		json.Unmarshal(body, &e) //nolint:errcheck // the test looks at what it needs
		r.mu.Lock()
		r.got = append(r.got, received{req.Header, body, e.Type, e.ID})
		n := len(r.got)
		r.mu.Unlock()
		w.WriteHeader(answer(n))
	}))
	t.Cleanup(hs.Close)
	r.url = hs.URL
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

func (r *receiver) types() string {
	var list []string
	for _, x := range r.all() {
		list = append(list, x.kind)
	}
	return strings.Join(list, " ")
}

func ok(int) int { return 200 }
