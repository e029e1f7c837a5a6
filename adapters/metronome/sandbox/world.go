package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

// obj is an object as the API sends it.
type obj = map[string]any

const (
	defaultPage  = 20
	maxPage      = 100 // of lists that take limit and cursor in the query
	maxBalances  = 25  // of lists that take them in the body
	maxKeyLength = 128 // of uniqueness keys, aliases and transaction ids
)

// world is one account at one instant.
type world struct {
	a      *sandbox.Account
	st     *state
	now    time.Time
	drafts map[string]account // what drafts draw at present, made at need
}

func worldOf(a *sandbox.Account) *world {
	return &world{a: a, st: a.State().(*state), now: a.Now().UTC()}
}

// call is one request to the API.
type call struct {
	*world
	*sandbox.Call
}

// handler answers with an object, nil for an empty body, or with a *problem
// and no effect.
type handler func(*call) (any, error)

func route(method, pattern string, h handler) sandbox.Route {
	return sandbox.Route{Method: method, Pattern: pattern, Handle: func(sc *sandbox.Call) sandbox.Answer {
		got, err := h(&call{worldOf(sc.Account), sc})
		if err != nil {
			return failed(err)
		}
		if got == nil {
			return sandbox.Answer{Status: http.StatusOK}
		}
		body, err := json.Marshal(got)
		if err != nil {
			return failed(err)
		}
		return sandbox.Answer{Status: http.StatusOK, Body: body}
	}}
}

func failed(err error) sandbox.Answer {
	var p *problem
	if !errors.As(err, &p) {
		p = failure(http.StatusInternalServerError, "internal error")
	}
	return p.answer()
}

// uuid returns a fresh identifier that follows from the seed.
func uuid(a *sandbox.Account) string { return uuidOf(a.NewID("", 22)) }

// uuidOf makes a text into the form of an identifier.
func uuidOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// isUUID looks at the form alone.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		if hyphen := i == 8 || i == 13 || i == 18 || i == 23; hyphen != (r == '-') || !hyphen && !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return false
		}
	}
	return true
}

// decode reads the body strictly; none is an empty object.
func (c *call) decode(into any) error {
	if len(bytes.TrimSpace(c.Body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(c.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return invalid("Invalid request body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return invalid("Invalid request body: there is something after its JSON value")
	}
	return nil
}

// ident demands an identifier in a field.
func ident(name, value string) error {
	if value == "" {
		return invalid("%s is required", name)
	}
	if !isUUID(value) {
		return invalid("%s must be a UUID, not %q", name, value)
	}
	return nil
}

// key demands the form of a uniqueness key, when there is one.
func (w *world) freeKey(scope string, key *string) error {
	if key == nil {
		return nil
	}
	if *key == "" || len(*key) > maxKeyLength {
		return invalid("uniqueness_key must have 1 to %d characters", maxKeyLength)
	}
	if _, used := w.st.Keys[scope+*key]; used {
		return failure(http.StatusConflict, "This uniqueness key has already been used.")
	}
	return nil
}

func (w *world) takeKey(scope string, key *string, id string) {
	if key != nil {
		w.st.Keys[scope+*key] = id
	}
}

// page cuts a page out of rows.
func page[T row](rows []T, cursor string, limit int, render func(T) obj) (any, error) {
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, invalid("next_page %q is not a cursor", cursor)
	}
	cut, more, found := sandbox.Cut(rows, func(x T) string { return x.key() }, sandbox.Window{Limit: limit, After: string(after)})
	if !found {
		return nil, invalid("next_page %q is not a cursor", cursor)
	}
	data, next := []obj{}, any(nil)
	for _, x := range cut {
		data = append(data, render(x))
	}
	if more {
		next = base64.RawURLEncoding.EncodeToString([]byte(cut[len(cut)-1].key()))
	}
	return obj{"data": data, "next_page": next}, nil
}

// ordered are the rows to show, which are kept oldest first, in a list's order.
func ordered[T any](w *world, rows []T, keep func(T) bool) []T {
	rows = kept(rows, keep)
	if w.a.Variant(newestFirst) {
		slices.Reverse(rows)
	}
	return rows
}

// listed is a page whose limit and cursor stand in the query.
func listed[T row](c *call, rows []T, keep func(T) bool, render func(T) obj) (any, error) {
	return queried(c, ordered(c.world, rows, keep), render)
}

func queried[T row](c *call, rows []T, render func(T) obj) (any, error) {
	q, limit := c.Request.URL.Query(), defaultPage
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return nil, invalid("limit must be between 1 and %d, not %q", maxPage, text)
		}
		limit = n
	}
	return page(rows, q.Get("next_page"), limit, render)
}

func kept[T any](rows []T, keep func(T) bool) []T {
	var out []T
	for _, x := range rows {
		if keep(x) {
			out = append(out, x)
		}
	}
	return out
}

// moment is an instant that requests carry.
type moment struct{ time.Time }

// UnmarshalJSON takes RFC 3339 alone.
func (m *moment) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("%q is not a date-time in RFC 3339", s)
	}
	m.Time = t.UTC()
	return nil
}

// aligned demands whole hours.
func aligned(name string, m *moment) error {
	if m != nil && !m.Equal(m.Truncate(time.Hour)) {
		return invalid("%s must be on an hour boundary, not %s", name, stamp(m.Time))
	}
	return nil
}

// stamp writes an instant.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

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

// put adds a field to an object if it is there.
func put(o obj, name string, there bool, value any) {
	if there {
		o[name] = value
	}
}
