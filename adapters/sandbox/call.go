package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxBody bounds a request's body in bytes.
const maxBody = 4 << 20

// Call is one request to the vendor's API, read and attributed.
type Call struct {
	Account *Account
	Request *http.Request
	Body    []byte
	// Key is the idempotency key, empty for none.
	Key string

	repeated bool // the key had its answer before
}

// Path returns a wildcard of the route's pattern.
func (c *Call) Path(name string) string { return c.Request.PathValue(name) }

func (c *Call) fingerprint() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s?%s\n", c.Request.Method, c.Request.URL.Path, c.Request.URL.RawQuery)
	sum.Write(canonical(c.Request.Header.Get("Content-Type"), c.Body))
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// canonical makes two bodies with the same parameters equal: the order of form
// fields carries no meaning, since clients write them out of maps.
func canonical(contentType string, body []byte) []byte {
	if !strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		return body
	}
	pairs := strings.Split(string(body), "&")
	slices.Sort(pairs)
	return []byte(strings.Join(pairs, "&"))
}

// serveCall takes a request through key, body, faults, stored answers and the
// handler, in this order.
func (s *Server) serveCall(w http.ResponseWriter, r *http.Request, route Route) {
	key := apiKey(r)
	if key == "" {
		send(w, s.vendor.Refuse(nil, Problem{Kind: Unauthorized}))
		return
	}
	a := s.account(key)
	if a == nil {
		send(w, s.vendor.Refuse(nil, Problem{Kind: UnexpectedCondition, Message: "too many accounts in this sandbox; use fewer keys"}))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		kind := BadBody
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			kind = TooLarge
		}
		send(w, a.refuse(Problem{Kind: kind, Message: "the request's body could not be read"}))
		return
	}
	c := &Call{Account: a, Request: r, Body: body}
	if idem := s.vendor.Idempotency; idem.Header != "" && !route.NoKey && slices.Contains(idem.Methods, r.Method) {
		c.Key = r.Header.Get(idem.Header)
	}
	f := a.arrive(c, route)
	s.answer(w, c, route, f)
}

// arrive counts the call and takes the fault that it meets, if any.
func (a *Account) arrive(c *Call, route Route) *Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.host = c.Request.Host
	name := c.Request.Method + " (no such path)"
	if route.Handle != nil {
		name = route.Method + " " + route.Pattern
	}
	a.book.Calls[name]++
	return a.takeFault(c.Request.Method, c.Request.URL.Path)
}

// answer runs the call under the fault that it met.
func (s *Server) answer(w http.ResponseWriter, c *Call, route Route, f *Fault) {
	a := c.Account
	if f == nil {
		send(w, a.perform(c, route, 0))
		return
	}
	wait := f.delay()
	switch f.Kind {
	case faultStatus:
		pause(c.Request, wait)
		send(w, a.fail(c, f.problem(), false))
	case faultReset:
		pause(c.Request, wait)
		abort(w, true)
	case faultStatusAfter:
		a.perform(c, route, 0)
		pause(c.Request, wait)
		send(w, a.fail(c, f.problem(), true))
	case faultTimeoutAfter:
		a.perform(c, route, 0)
		if wait == 0 {
			wait = defaultTimeout
		}
		pause(c.Request, wait)
		abort(w, false)
	case faultMalformed:
		got := a.perform(c, route, wait)
		send(w, spoil(got, f.HTML))
	default:
		send(w, a.perform(c, route, wait))
	}
}

// perform executes a call once, or repeats the answer stored for its key. The
// wait happens inside, while the key counts as in use.
func (a *Account) perform(c *Call, route Route, wait time.Duration) Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enter()
	if c.Key != "" {
		if got, done := a.storedFor(c); done {
			c.repeated = true
			return got
		}
		a.busy[c.Key] = true
		defer delete(a.busy, c.Key)
	}
	if route.Locks != nil {
		if name := route.Locks(c); name != "" {
			if a.locked[name] {
				return a.srv.vendor.Refuse(a, Problem{Kind: Locked})
			}
			a.locked[name] = true
			defer delete(a.locked, name)
		}
	}
	if wait > 0 {
		a.mu.Unlock()
		pause(c.Request, wait)
		a.mu.Lock()
		a.enter()
	}
	if route.Handle == nil {
		return a.srv.vendor.Refuse(a, Problem{Kind: NoSuchPath, Message: c.Request.Method + " " + c.Request.URL.Path})
	}
	got := route.Handle(c)
	if c.Key != "" && !got.Free {
		a.store(c, got)
	}
	return got
}

// fail answers with an injected problem, which some vendors keep under the
// request's key. A key that was answered before keeps its answer.
func (a *Account) fail(c *Call, p Problem, effect bool) Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.srv.vendor
	got := v.Refuse(a, p)
	if c.Key == "" || v.Idempotency.KeepsFault == nil || !v.Idempotency.KeepsFault(a, p.Status, effect) {
		return got
	}
	if old := a.book.Answers[c.Key]; !c.repeated && effect == (old != nil) {
		a.store(c, got)
	}
	return got
}

func (a *Account) refuse(p Problem) Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.srv.vendor.Refuse(a, p)
}

// send writes an answer.
func send(w http.ResponseWriter, a Answer) {
	for k, vs := range a.Header {
		w.Header()[k] = vs
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.Status)
	io.Copy(w, bytes.NewReader(a.Body)) //nolint:errcheck // the client may be gone
}

// pause waits by the wall clock, or until the client gives up.
func pause(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.Context().Done():
	case <-t.C:
	}
}
