package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"scrip/core"
	"scrip/mapping/config"
)

// client speaks the HTTP API: to a running gateway, or, through local, to one
// inside this process.
type client struct {
	base  string
	key   string
	http  *http.Client
	close func() error
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 32 << 20

// client connects to SCRIP_URL with SCRIP_KEY when both are set, else to the
// storage itself. Close it.
func (s *shell) client(ctx context.Context) (*client, error) {
	base, key := os.Getenv("SCRIP_URL"), os.Getenv("SCRIP_KEY")
	switch {
	case base != "" && key != "":
		if u, err := url.Parse(base); err != nil || u.Host == "" {
			return nil, usagef("SCRIP_URL %q is not a URL such as http://127.0.0.1:8080", base)
		}
		return newClient(base, key), nil
	case base != "" || key != "":
		return nil, usagef("SCRIP_URL and SCRIP_KEY go together: set both, or neither to use the storage itself")
	}
	return s.local(ctx)
}

func newClient(base, key string) *client {
	return &client{base: strings.TrimSuffix(base, "/"), key: key, http: &http.Client{Timeout: 60 * time.Second}, close: func() error { return nil }}
}

// local opens the storage and answers from a gateway in this process. What it
// writes for vendors waits in the outbox for the next serve.
func (s *shell) local(ctx context.Context) (*client, error) {
	key := randomText()
	a, err := s.loadApp(ctx, appOptions{adminKey: config.NewSecret("this process", key)})
	if err != nil {
		return nil, err
	}
	return &client{base: "http://storage", key: key, http: &http.Client{Transport: inProcess{a.handler}}, close: a.close}, nil
}

// inProcess is a transport that answers from a handler.
type inProcess struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	t.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// randomText is 120 random bits as text.
func randomText() string {
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
}

// request is one call of the API.
type request struct {
	method string
	path   string
	query  url.Values
	key    string // idempotency key, where the call takes one
	body   any
}

// answer is what came back of a call that worked.
type answer struct {
	status   int
	raw      []byte
	replayed bool
}

// do makes a call. A problem document becomes an error with its code.
func (c *client) do(ctx context.Context, r request) (answer, error) {
	var body io.Reader
	if r.body != nil {
		raw, err := json.Marshal(r.body)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(raw)
	}
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, core.Errorf(core.CodeUnavailable, "scrip at %q did not answer: is it serving there?", c.base)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer{}, core.Errorf(core.CodeUnavailable, "the answer of scrip at %q broke off", c.base)
	}
	if resp.StatusCode >= 300 {
		return answer{status: resp.StatusCode, raw: raw}, problem(resp.StatusCode, raw)
	}
	return answer{resp.StatusCode, raw, resp.Header.Get("Idempotent-Replayed") == "true"}, nil
}

// problem turns a problem document into an error.
func problem(status int, raw []byte) error {
	var p struct {
		Code      core.Code `json:"code"`
		Detail    string    `json:"detail"`
		Field     string    `json:"field"`
		Available string    `json:"available"`
		Required  string    `json:"required"`
	}
	if err := json.Unmarshal(raw, &p); err != nil || p.Code == "" {
		return core.Errorf(core.CodeUnavailable, "scrip answered with status %d and no problem document", status)
	}
	return &core.Error{Code: p.Code, Message: p.Detail, Field: p.Field, Available: p.Available, Required: p.Required}
}

// object decodes one JSON object without touching its numbers.
func (a answer) object() (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(a.raw))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("the answer is not a JSON object: %w", err)
	}
	return m, nil
}
