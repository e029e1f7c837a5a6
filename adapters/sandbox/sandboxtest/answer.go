package sandboxtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Client speaks to one account of a sandbox over real HTTP, for the tests a
// vendor's sandbox has of its own.
type Client struct {
	T        *testing.T
	URL, Key string
	// Header says what a request carries besides the key, when it differs from
	// a JSON body's type.
	Header func(h http.Header, path string)
}

// Answer is what came back, or what a receiver of webhooks got.
type Answer struct {
	Status int
	Header http.Header
	Body   map[string]any // numbers as json.Number
	Raw    []byte
}

// Do sends a request; options are header names and values in turn. A request
// without a body has none at all, another is sent in chunks.
func (c *Client) Do(method, path, body string, options ...string) (Answer, error) {
	req, err := http.NewRequest(method, c.URL+path, io.NopCloser(strings.NewReader(body)))
	if err != nil {
		return Answer{}, err
	}
	if body == "" {
		req.Body = nil
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	if c.Header != nil {
		c.Header(req.Header, path)
	}
	for i := 0; i+1 < len(options); i += 2 {
		req.Header.Set(options[i], options[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, err
	}
	return answer(resp.StatusCode, resp.Header, raw), nil
}

// answer reads a body; some are no JSON object, on purpose.
func answer(status int, h http.Header, raw []byte) Answer {
	out := Answer{Status: status, Header: h, Raw: raw}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	dec.Decode(&out.Body) //nolint:errcheck // what is missing is seen by who looks for it
	return out
}

// Want sends a request and demands a status.
func (c *Client) Want(status int, method, path, body string, options ...string) Answer {
	c.T.Helper()
	got, err := c.Do(method, path, body, options...)
	if err != nil {
		c.T.Fatalf("%s %s: %v", method, path, err)
	}
	if got.Status != status {
		c.T.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, got.Status, status, got.Raw)
	}
	return got
}

// Get reads, and demands success.
func (c *Client) Get(path string) Answer { c.T.Helper(); return c.Want(http.StatusOK, "GET", path, "") }

// Control sends JSON to the control API, and demands success.
func (c *Client) Control(name, body string) Answer {
	c.T.Helper()
	return c.Want(http.StatusOK, "POST", "/_sandbox/"+name, body)
}

// Variant turns a variant on.
func (c *Client) Variant(name string) {
	c.T.Helper()
	c.Control("variant", `{"name":"`+name+`","on":true}`)
}

// Equal demands a value in an answer, as [Answer.Text] tells it.
func (c *Client) Equal(r Answer, path, want string) {
	c.T.Helper()
	if got := r.Text(path); got != want {
		c.T.Errorf("%s is %q, want %q in %s", path, got, want, r.Raw)
	}
}

// Settle sends what waits for delivery and waits until nothing is under way.
func (c *Client) Settle() {
	c.T.Helper()
	c.Control("deliver", "")
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if c.Get("/_sandbox/webhooks").Text("waiting") == "0" {
			return
		}
	}
	c.T.Fatalf("webhooks are still waiting after %s", patience)
}

// ID is the field "id".
func (r Answer) ID() string { return r.Text("id") }

// At walks into an answer: names and indices separated by dots; nil for what
// is not there.
func (r Answer) At(path string) any {
	var v any = r.Body
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// Text is a value as it was written; "" for null and for nothing.
func (r Answer) Text(path string) string {
	switch v := r.At(path).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		text, _ := json.Marshal(v)
		return string(text)
	}
}

// Count is the length of a list.
func (r Answer) Count(path string) int { list, _ := r.At(path).([]any); return len(list) }
