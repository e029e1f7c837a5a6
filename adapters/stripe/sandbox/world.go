package sandbox

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"scrip/adapters/sandbox"
)

// obj is an object as the API sends it.
type obj = map[string]any

// world is one account at one instant, with the request that causes what
// happens, if there is one.
type world struct {
	a       *sandbox.Account
	st      *state
	now     int64
	request string // id of the causing request, empty for none
	key     string // its idempotency key
}

func worldOf(a *sandbox.Account) *world {
	return &world{a: a, st: a.State().(*state), now: a.Now().Unix()}
}

// call is one request to the API.
type call struct {
	*world
	*sandbox.Call
	p *params
}

// handler answers with an object, or with an *apiError and no effect.
type handler func(*call) (any, error)

// route wraps a handler: parameters are read and checked against the list of
// those allowed before it runs.
func route(method, pattern, allowed string, h handler) sandbox.Route {
	return sandbox.Route{Method: method, Pattern: pattern, Handle: func(sc *sandbox.Call) sandbox.Answer {
		w := worldOf(sc.Account)
		w.request, w.key = sc.Account.NewID("req_", 14), sc.Key
		got, err := handle(&call{world: w, Call: sc}, allowed, h)
		if err != nil {
			return errorAnswer(w, err)
		}
		body, err := json.Marshal(got)
		if err != nil {
			return errorAnswer(w, err)
		}
		return sandbox.Answer{Status: http.StatusOK, Header: http.Header{"Request-Id": {w.request}, "Stripe-Version": {apiVersion}}, Body: body}
	}}
}

func handle(c *call, allowed string, h handler) (any, error) {
	raw := c.Request.URL.RawQuery
	if len(c.Body) > 0 {
		if ct := c.Request.Header.Get("Content-Type"); strings.HasPrefix(ct, "application/json") {
			return nil, invalid("", "Invalid request: send the body as application/x-www-form-urlencoded, not as JSON")
		}
		raw += "&" + string(c.Body)
	}
	form, err := sandbox.ParseForm(raw)
	if err != nil {
		return nil, invalid("", "Invalid request: %v", err)
	}
	c.p = &params{form: form}
	c.p.allow(allowed + " expand[*]")
	if c.p.err != nil {
		return nil, c.p.err
	}
	if err := c.versionProblem(); err != nil {
		return nil, err
	}
	got, err := h(c)
	if err != nil {
		return nil, err
	}
	return c.expanded(got)
}

func errorAnswer(w *world, err error) sandbox.Answer {
	e, ok := err.(*apiError)
	if !ok {
		e = &apiError{Status: http.StatusInternalServerError, Kept: true, Type: "api_error", Message: "the sandbox could not write its answer"}
	}
	if e.Status == http.StatusNotFound && w.a.Variant(notFoundKept) {
		e.Kept = true
	}
	return e.answer(w.request)
}

// versionProblem refuses the version of before credit grants, where a variant
// asks for it.
func (c *call) versionProblem() error {
	if strings.HasPrefix(c.Request.URL.Path, "/v1/billing/credit_") && c.a.Variant(creditCallsNeedAcacia) &&
		c.Request.Header.Get("Stripe-Version") < "2024-09-30" {
		e := invalid("", "Unrecognized request URL (%s %s) for this API version.", c.Request.Method, c.Request.URL.Path).code("url_invalid")
		e.Status = http.StatusNotFound
		return e
	}
	return nil
}

// list cuts a page out of rows that are ordered oldest first.
func list[T row](c *call, url string, rows []T, keep func(T) bool, render func(T) obj) (any, error) {
	w := c.p.window()
	if c.p.err != nil {
		return nil, c.p.err
	}
	var kept []T
	for _, x := range slices.Backward(rows) {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	page, more, found := sandbox.Cut(kept, func(x T) string { return x.key() }, w)
	if !found {
		return nil, noSuch("starting_after", "object", w.After+w.Before)
	}
	data := []obj{}
	for _, x := range page {
		data = append(data, render(x))
	}
	return obj{"object": "list", "url": url, "has_more": more, "data": data}, nil
}

// diff returns what previous_attributes says: the old values of what changed.
func diff(before, after obj) obj {
	out := obj{}
	for k, old := range before {
		if reflect.DeepEqual(old, after[k]) {
			continue
		}
		was, isMap := old.(map[string]string)
		is, _ := after[k].(map[string]string)
		if !isMap {
			out[k] = old
			continue
		}
		part := obj{}
		for name, v := range was {
			if is[name] != v {
				part[name] = v
			}
		}
		for name := range is {
			if _, had := was[name]; !had {
				part[name] = nil
			}
		}
		out[k] = part
	}
	return out
}

// change applies an update and, if anything differs, tells of it.
func (w *world) change(event string, render func() obj, apply func()) {
	before := render()
	apply()
	after := render()
	if prev := diff(before, after); len(prev) > 0 {
		w.emit(event, after, prev)
	}
}

// orNull turns "" into null.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// at turns an absent instant into null.
func at(t *int64) any {
	if t == nil {
		return nil
	}
	return *t
}

func set(field *string, v *string) {
	if v != nil {
		*field = *v
	}
}
