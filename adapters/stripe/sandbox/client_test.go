package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
	"scrip/adapters/stripe/sandbox"
)

// client speaks to one account of a sandbox over real HTTP.
type client struct{ *sandboxtest.Client }

func start(t *testing.T) *client { t.Helper(); return startWith(t, kit.Options{Seed: 7}) }

func startWith(t *testing.T, o kit.Options) *client {
	t.Helper()
	s := sandbox.New(o)
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	s.SetPublicURL(hs.URL)
	return speak(t, hs.URL)
}

// speak is a client of a sandbox that runs.
func speak(t *testing.T, address string) *client {
	return &client{&sandboxtest.Client{T: t, URL: address, Key: "sk_test_one", Header: func(h http.Header, path string) {
		if strings.HasPrefix(path, "/v1/") && h.Get("Content-Type") != "" {
			h.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}}}
}

// as is the same sandbox through another key.
func (c *client) as(key string) *client {
	twin := *c.Client
	twin.Key = key
	return &client{&twin}
}

// form turns names and values in turn into a body.
func form(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}

func (c *client) post(path string, pairs ...string) sandboxtest.Answer {
	c.T.Helper()
	return c.Want(200, "POST", path, form(pairs...))
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
	c := startWith(t, kit.Options{Seed: 7, Wall: func() time.Time { return time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC) }})
	c.Control("clock", `{"now":"`+start2026+`"}`)
	return c
}

func (c *client) customer(external string) string {
	c.T.Helper()
	return c.post("/v1/customers", "name", "Ada", "email", external+"@example.com", "metadata[external_id]", external).ID()
}

// grant makes a grant of value minor units; more are further parameters.
func (c *client) grant(customer, value string, more ...string) string {
	c.T.Helper()
	return c.Want(200, "POST", "/v1/billing/credit_grants", grantForm(customer, value, more...)).ID()
}

func grantForm(customer, value string, more ...string) string {
	return form(append([]string{
		"customer", customer, "amount[type]", "monetary", "amount[monetary][currency]", "usd", "amount[monetary][value]", value,
		"applicability_config[scope][price_type]", "metered",
	}, more...)...)
}
