package sandboxtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"scrip/adapters/sandbox"
)

// patience bounds how long a test waits for what happens beside it.
const patience = 10 * time.Second

type client struct {
	t   *testing.T
	h   Harness
	url string
	key string
}

// as is the same sandbox through another key.
func (c *client) as(key string) *client { twin := *c; twin.key = key; return &twin }

// call sends a vendor request and returns status and body.
func (c *client) call(r Request, header ...string) (int, string, error) {
	req, err := http.NewRequest(r.Method, c.url+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return 0, "", err
	}
	for k, vs := range r.Header {
		req.Header[k] = vs
	}
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := hc.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// customer makes a customer and demands success.
func (c *client) customer(external string) {
	c.t.Helper()
	if status, body, err := c.call(c.h.Customer(external)); err != nil || status/100 != 2 {
		c.t.Fatalf("making customer %s: %d %s %v", external, status, body, err)
	}
}

// count says how many customers with an external id exist.
func (c *client) count(external string) int {
	c.t.Helper()
	n := 0
	for _, x := range c.state().Customers {
		if x.ExternalID == external {
			n++
		}
	}
	return n
}

func (c *client) state() sandbox.State {
	c.t.Helper()
	var s sandbox.State
	c.control("GET", "state", "", &s)
	return s
}

// control sends a control call, demands success, and decodes its answer.
func (c *client) control(method, name, body string, into any) {
	c.t.Helper()
	status, got := c.tryControl(method, name, body)
	if status != http.StatusOK {
		c.t.Fatalf("%s %s %s: %d %s", method, name, body, status, got)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(got), into); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, name, err, got)
		}
	}
}

func (c *client) tryControl(method, name, body string) (int, string) {
	c.t.Helper()
	status, got, err := c.call(Request{Method: method, Path: "/_sandbox/" + name, Body: body})
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, name, err)
	}
	return status, got
}

// refused demands that a control call fails with a status and says why.
func (c *client) refused(status int, method, name, body, why string) {
	c.t.Helper()
	got, text := c.tryControl(method, name, body)
	var problem struct{ Error string }
	if err := json.Unmarshal([]byte(text), &problem); err != nil || got != status || !strings.Contains(problem.Error, why) {
		c.t.Errorf("%s %s %s: %d %s; want %d and an error that says %q", method, name, body, got, text, status, why)
	}
}

func (c *client) faults(format string, args ...any) {
	c.t.Helper()
	c.control("POST", "faults", fmt.Sprintf(format, args...), nil)
}

// trigger causes the harness's event.
func (c *client) trigger(mark string) {
	c.t.Helper()
	if status, body, err := c.call(c.h.Trigger(mark)); err != nil || status/100 != 2 {
		c.t.Fatalf("trigger %s: %d %s %v", mark, status, body, err)
	}
}

type tally struct{ Delivered, Failed int }

func (c *client) deliver() tally {
	c.t.Helper()
	var out tally
	c.control("POST", "deliver", "", &out)
	return out
}

// sent is the answer of GET webhooks.
type sent struct {
	Endpoints  []struct{ ID, URL string }
	Deliveries []struct {
		Event, Type, URL, State string
		Attempts                []struct {
			At     time.Time
			Status int
			Error  string
		}
	}
	Waiting int
}

func (c *client) sent() sent {
	c.t.Helper()
	var out sent
	c.control("GET", "webhooks", "", &out)
	return out
}

// settled waits until nothing is under way.
func (c *client) settled() sent {
	c.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if s := c.sent(); s.Waiting == 0 {
			return s
		}
	}
	c.t.Fatalf("webhooks are still waiting after %s", patience)
	return sent{}
}

// inbox receives webhooks.
type inbox struct {
	url    string
	mu     sync.Mutex
	events []string // ids of the harness's event, in order of arrival
	bad    []error
	status func(n int) int
}

// receiver starts an inbox that the sandbox delivers to; status decides the
// answer to the n-th delivery of any type.
func (c *client) receiver(status func(n int) int) *inbox {
	c.t.Helper()
	in := &inbox{status: status}
	n := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in.mu.Lock()
		defer in.mu.Unlock()
		if c.h.Authentic != nil {
			if err := c.h.Authentic(r.Header, body, time.Now()); err != nil {
				in.bad = append(in.bad, err)
			}
		}
		if strings.Contains(string(body), c.h.Event) {
			in.events = append(in.events, c.h.EventID(r.Header, body))
		}
		n++
		w.WriteHeader(in.status(n))
	}))
	c.t.Cleanup(web.Close)
	in.url = web.URL
	c.control("POST", "webhooks", c.h.Webhook(web.URL), nil)
	return in
}

func (in *inbox) got() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]string{}, in.events...)
}

func fine(int) int { return http.StatusOK }
