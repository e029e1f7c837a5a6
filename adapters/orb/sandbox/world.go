package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

// obj is an object as the API sends it.
type obj = map[string]any

const (
	pageSize  = 20
	pageLimit = 100
	day       = 24 * time.Hour
)

// world is one account at one instant.
type world struct {
	a   *sandbox.Account
	st  *state
	now time.Time
}

func worldOf(a *sandbox.Account) *world {
	st := a.State().(*state)
	if st.Blocks == nil {
		st.Blocks = map[string]string{}
	}
	return &world{a: a, st: st, now: a.Now().UTC()}
}

// call is one request to the API.
type call struct {
	*world
	*sandbox.Call
}

// answered is an answer whose status is not that of its route.
type answered struct {
	status int
	body   any
}

// handler answers with an object, or with a *problem and no effect.
type handler func(*call) (any, error)

// route wraps a handler that answers with a status on success.
func route(method, pattern string, status int, h handler) sandbox.Route {
	return sandbox.Route{Method: method, Pattern: "/v1" + pattern, Handle: func(sc *sandbox.Call) sandbox.Answer {
		c := &call{worldOf(sc.Account), sc}
		answer := c.perform(status, h)
		if c.Key != "" {
			answer.Header.Set(keyHeader, c.Key)
		}
		return answer
	}}
}

func (c *call) perform(status int, h handler) sandbox.Answer {
	if len(c.Key) > maxKeyLength {
		return refused(sandbox.Problem{Kind: sandbox.KeyTooLong}).answer(false)
	}
	got, err := h(c)
	if err != nil {
		return c.failed(err)
	}
	if got == nil {
		return sandbox.Answer{Status: status, Header: http.Header{}}
	}
	if other, ok := got.(answered); ok {
		status, got = other.status, other.body
	}
	body, err := json.Marshal(got)
	if err != nil {
		return c.failed(err)
	}
	return sandbox.Answer{Status: status, Header: http.Header{}, Body: body}
}

func (c *call) failed(err error) sandbox.Answer {
	var p *problem
	if !errors.As(err, &p) {
		p = failure(http.StatusInternalServerError, serverError, "Internal server error", "the sandbox could not write its answer")
	}
	answer := p.answer(c.a.Variant(errorsKept))
	if p.Failed != nil && c.a.Variant(ingestFailedBare) {
		if text, err := json.Marshal(obj{"validation_failed": p.Failed}); err == nil {
			answer.Body = text
		}
	}
	return answer
}

// decode reads the body strictly: an unknown key is a validation error.
func (c *call) decode(into any) error { return decode(c.Body, into) }

func decode(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the body is empty")
		}
		return invalid(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return invalid("the body has something after its JSON object")
	}
	return nil
}

// shape collects what is wrong with a request.
type shape struct{ errors []string }

func (s *shape) check(ok bool, format string, args ...any) {
	if !ok {
		s.errors = append(s.errors, fmt.Sprintf(format, args...))
	}
}

func (s *shape) problem() error {
	if len(s.errors) == 0 {
		return nil
	}
	return invalid(s.errors...)
}

// list cuts a page out of rows that are ordered oldest first.
func list[T row](c *call, most int, rows []T, keep func(T) bool, render func(T) obj) (any, error) {
	q := c.Request.URL.Query()
	limit := pageSize
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > most {
			return nil, invalid(fmt.Sprintf("limit: %q is not between 1 and %d", text, most))
		}
		limit = n
	}
	after, err := base64.RawURLEncoding.DecodeString(q.Get("cursor"))
	if err != nil {
		return nil, invalid("cursor: it is not one that a page gave")
	}
	var kept []T
	for _, x := range slices.Backward(rows) {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	page, more, found := sandbox.Cut(kept, func(x T) string { return x.key() }, sandbox.Window{Limit: limit, After: string(after)})
	if !found {
		return nil, invalid("cursor: it is not one that a page gave")
	}
	data, next := []obj{}, any(nil)
	for _, x := range page {
		data = append(data, render(x))
	}
	if more {
		next = base64.RawURLEncoding.EncodeToString([]byte(page[len(page)-1].key()))
	}
	return obj{"data": data, "pagination_metadata": obj{"has_more": more, "next_cursor": next}}, nil
}

// within reads a range filter such as created_at[gte].
func (c *call) within(name string) (func(time.Time) bool, error) {
	var tests []func(time.Time) bool
	for op, holds := range map[string]func(t, limit time.Time) bool{
		"gte": func(t, limit time.Time) bool { return !t.Before(limit) },
		"gt":  func(t, limit time.Time) bool { return t.After(limit) },
		"lte": func(t, limit time.Time) bool { return !t.After(limit) },
		"lt":  func(t, limit time.Time) bool { return t.Before(limit) },
	} {
		field := name + "[" + op + "]"
		text := c.Request.URL.Query().Get(field)
		if text == "" {
			continue
		}
		limit, err := instant(text)
		if err != nil {
			return nil, invalid(fmt.Sprintf("%s: %v", field, err))
		}
		tests = append(tests, func(t time.Time) bool { return holds(t, limit) })
	}
	return func(t time.Time) bool {
		return !slices.ContainsFunc(tests, func(test func(time.Time) bool) bool { return !test(t) })
	}, nil
}

// instant reads a date-time.
func instant(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a date-time; write it like 2026-01-31T00:00:00Z", text)
	}
	return t.UTC(), nil
}

// stamp writes an instant as Orb does, nil for none.
func stamp(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999-07:00")
}

// dated keeps a computed date within the years that can be written down.
func dated(t time.Time) time.Time {
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	if t.After(last) || t.Year() < 1 {
		return last
	}
	return t
}

// second is the present as created_at shows it.
func (w *world) second() time.Time { return w.now.Truncate(time.Second) }

// merged applies a metadata update: null removes a key, or all of them.
func merged(old map[string]string, update json.RawMessage) (map[string]string, error) {
	out := map[string]string{}
	if string(update) == "null" {
		return out, nil
	}
	for k, v := range old {
		out[k] = v
	}
	if len(update) == 0 {
		return out, nil
	}
	var fields map[string]*string
	if err := json.Unmarshal(update, &fields); err != nil {
		return nil, invalid("metadata: it is not a map of strings")
	}
	for k, v := range fields {
		if v == nil {
			delete(out, k)
			continue
		}
		out[k] = *v
	}
	return out, nil
}

// diff returns what previous_attributes says: the old values of what changed.
func diff(before, after obj) obj {
	out := obj{}
	for k, old := range before {
		if !reflect.DeepEqual(old, after[k]) {
			out[k] = old
		}
	}
	return out
}

func or[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}

func filled[T any](x []T) []T {
	if x == nil {
		return []T{}
	}
	return x
}
