package gateway

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"scrip/core"
)

// route is one operation of the API.
type route struct {
	method  string
	path    string
	id      string // operation id
	summary string
	tag     string
	status  int  // of success, 200 when zero
	keyed   bool // asks for an idempotency key
	empty   bool // the body may be left out
	slow    bool // may take longer than the server's usual limit
}

// slowest bounds an answer of a slow route.
const slowest = 15 * time.Minute

// none is the type of what a route does not have: parameters or a body.
type none struct{}

// answer is a successful answer with its headers.
type answer[T any] struct {
	Status   int
	Replayed string `header:"Idempotent-Replayed" doc:"true when the answer is that of an earlier request with the same key"`
	Body     T
}

// ok is an answer that is no replay.
func ok[T any](body T) (*answer[T], error) { return &answer[T]{Body: body}, nil }

// keyed is the answer to a command with a key, or its refusal.
func keyed[T any](body T, before bool, err error) (*answer[T], error) {
	if err != nil {
		return nil, replayed(err, before)
	}
	a := &answer[T]{Body: body}
	if before {
		a.Replayed = "true"
	}
	return a, nil
}

// register mounts an operation: P are its path and query parameters, B its
// body, O what it answers. Checks that need no handler happen here, in one
// order for all routes: scope, query, key, body.
func register[P, B, O any](g *gateway, need access, rt route, h func(context.Context, *P, *B) (*answer[O], error)) {
	status := rt.status
	if status == 0 {
		status = http.StatusOK
	}
	names := queryNames(reflect.TypeFor[P]())
	g.router.declare(rt.method+" "+rt.path, need)
	huma.Register(g.api, rt.operation(need, status), func(ctx context.Context, params *P) (*answer[O], error) {
		c := callOf(ctx)
		body := new(B)
		err := rt.admit(c, names, body)
		if err != nil {
			return nil, g.problem(c, err)
		}
		out, err := h(ctx, params, body)
		if err != nil {
			return nil, g.problem(c, err)
		}
		if rt.method != http.MethodGet && g.Kick != nil {
			g.Kick()
		}
		if out.Status == 0 {
			out.Status = status
		}
		return out, nil
	})
	document[B](g, rt, strconv.Itoa(status))
}

// admit checks a request before its handler and decodes its body.
func (rt route) admit(c *call, names []string, body any) error {
	if rt.slow {
		// The deadline for reading counts too: once it is over, the server takes
		// the caller for gone. A writer without deadlines has none to extend.
		to, conn := time.Now().Add(slowest), http.NewResponseController(c.w)
		_, _ = conn.SetReadDeadline(to), conn.SetWriteDeadline(to)
	}
	if err := checkQuery(c.r.URL.RawQuery, names); err != nil {
		return err
	}
	if err := rt.checkKey(c.r.Header); err != nil {
		return err
	}
	if _, without := body.(*none); without {
		return nil
	}
	raw, err := readBody(c.w, c.r)
	if err != nil {
		return err
	}
	if raw == nil {
		if rt.empty {
			return nil
		}
		return core.Errorf(core.CodeMalformed, "the body is missing, send a JSON object")
	}
	return decode(raw, body)
}

func (rt route) checkKey(h http.Header) error {
	switch n := len(h.Values("Idempotency-Key")); {
	case n > 1:
		return core.Errorf(core.CodeMalformed, "the Idempotency-Key header stands %d times, send one", n)
	case rt.keyed && strings.TrimSpace(h.Get("Idempotency-Key")) == "":
		return core.Errorf(core.CodeIdempotencyKeyRequired, "the Idempotency-Key header is required, send one that is new for each intended effect")
	}
	return nil
}

// idempotencyKey is the key of the request that ctx belongs to.
func idempotencyKey(ctx context.Context) string {
	return callOf(ctx).r.Header.Get("Idempotency-Key")
}

// queryNames are the query parameters of a parameter struct.
func queryNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("query"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// checkQuery refuses parameters that are not known here or stand twice, so
// that a misspelled filter never answers more than was asked for.
func checkQuery(raw string, names []string) error {
	if raw == "" {
		return nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return core.Errorf(core.CodeMalformed, "the query string cannot be read")
	}
	for name, values := range query {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		switch {
		case !known && len(names) == 0:
			return core.Errorf(core.CodeMalformed, "no query parameter is known here")
		case !known:
			return core.Errorf(core.CodeMalformed, "a query parameter is not known here, known are %s", strings.Join(names, ", "))
		case len(values) > 1:
			return core.InField(core.Errorf(core.CodeMalformed, "the query parameter stands twice"), name)
		case strings.ContainsRune(values[0], 0):
			return core.InField(core.Errorf(core.CodeMalformed, "the query parameter holds a NUL character"), name)
		}
	}
	return nil
}
