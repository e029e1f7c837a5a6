package rest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"scrip/adapters"
	"scrip/internal/httpx"
)

const (
	maxAnswer = 8 << 20 // bytes of an answer that is read, unless the options say another figure
	maxKey    = 255     // bytes of an idempotency key
)

// Options are what all calls to one vendor have in common.
type Options struct {
	// BaseURL is what paths are appended to, such as "https://api.example.com/v1".
	BaseURL string
	// HTTP carries the calls; [httpx.NewClient] when nil.
	HTTP *http.Client
	// Header goes with every call: authorization, version.
	Header http.Header
	// KeyHeader carries the idempotency key of a write; "" where the vendor has none.
	KeyHeader string
	// WaitHeader says, beside Retry-After, in how many seconds to ask again; "" where there is none.
	WaitHeader string
	// MaxAnswer bounds an answer in bytes, 8 MiB when zero.
	MaxAnswer int64
	// Judge classifies refusals; by status alone when nil.
	Judge Judge
}

// Client makes calls to one vendor. It is safe for concurrent use.
type Client struct {
	base   string
	http   *http.Client
	header http.Header
	key    string
	wait   string
	limit  int64
	judge  Judge
	body   string // content type of bodies, JSON when empty
}

// New returns a client, or a [adapters.CodeInvalid] error for an address that
// could never work. The address is not quoted: it might hold a password.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, adapters.Errorf(adapters.CodeInvalid, "the base URL is not a plain address such as \"https://api.example.com/v1\"")
	}
	if o.MaxAnswer <= 0 {
		o.MaxAnswer = maxAnswer
	}
	if o.HTTP == nil {
		o.HTTP = httpx.NewClient(httpx.Options{MaxBody: o.MaxAnswer})
	}
	return &Client{base: strings.TrimRight(o.BaseURL, "/"), http: o.HTTP, header: o.Header.Clone(), key: o.KeyHeader, wait: o.WaitHeader, limit: o.MaxAnswer, judge: o.Judge}, nil
}

// String hides the credentials.
func (c *Client) String() string { return "rest client" }

// GoString hides the credentials.
func (c *Client) GoString() string { return c.String() }

// Path joins a path of parts, each escaped, so that an id can never lead to
// another path: Path("customers", "a/b") is "/customers/a%2Fb". A part of dots
// alone is escaped too.
func Path(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteByte('/')
		if p != "" && strings.Trim(p, ".") == "" {
			b.WriteString(strings.ReplaceAll(p, ".", "%2E"))
			continue
		}
		b.WriteString(url.PathEscape(p))
	}
	return b.String()
}

// Get reads one object into into. Failures are definite: a read changes nothing.
func (c *Client) Get(ctx context.Context, path string, query url.Values, into any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, http.MethodGet, path, "", nil, into)
}

// Query reads by POST, for lists that take their filters in a body. Failures
// are definite, as those of [Client.Get]; the transport does not repeat it.
func (c *Client) Query(ctx context.Context, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return adapters.Errorf(adapters.CodeInvalid, "the request cannot be written as JSON")
	}
	return c.do(ctx, http.MethodPost, path, "", raw, into)
}

// Send writes: body as JSON, nil for none, under an idempotency key, "" for
// none. Only a readable refusal of the vendor says that nothing happened;
// every other failure is [adapters.CodeUnknown].
func (c *Client) Send(ctx context.Context, method, path, key string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return adapters.Errorf(adapters.CodeInvalid, "the request cannot be written as JSON")
	}
	return c.write(ctx, method, path, key, raw, into)
}

// SendForm is [Client.Send] by POST, with the body as a form.
func (c *Client) SendForm(ctx context.Context, path, key string, form url.Values, into any) error {
	twin := *c
	twin.body = "application/x-www-form-urlencoded; charset=utf-8"
	return twin.write(ctx, http.MethodPost, path, key, []byte(form.Encode()), into)
}

func (c *Client) write(ctx context.Context, method, path, key string, body []byte, into any) error {
	if len(key) > maxKey {
		return adapters.Errorf(adapters.CodeInvalid, "the idempotency key has %d bytes, at most %d are sent", len(key), maxKey)
	}
	err := c.do(ctx, method, path, key, body, into)
	var e *adapters.Error
	if errors.As(err, &e) && (e.Code == adapters.CodeUnavailable || e.Code == adapters.CodeBadAnswer) {
		e.Code = adapters.CodeUnknown
	}
	return err
}

func (c *Client) do(ctx context.Context, method, path, key string, body []byte, into any) error {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return adapters.Errorf(adapters.CodeInvalid, "the request has no usable path")
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", cmp.Or(c.body, "application/json"))
	}
	if key != "" && c.key != "" {
		req.Header.Set(c.key, key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return adapters.Errorf(adapters.CodeUnavailable, "%s", httpx.Reason(err))
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, c.limit+1))
	switch {
	case err != nil && !errors.Is(err, httpx.ErrTooLong):
		return adapters.Errorf(adapters.CodeUnavailable, "%s", httpx.Reason(err))
	case err != nil || int64(len(raw)) > c.limit:
		return adapters.Errorf(adapters.CodeBadAnswer, "%s", httpx.ErrTooLong.Error())
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return c.refused(resp, raw)
	case into == nil && (len(raw) == 0 || json.Valid(raw)):
		return nil
	case into == nil || json.Unmarshal(raw, into) != nil:
		return adapters.Errorf(adapters.CodeBadAnswer, "the answer cannot be understood")
	}
	return nil
}
