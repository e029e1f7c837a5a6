package gateway

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// access is what a route asks of its caller. The zero value is no answer to
// that question, and a route with it cannot be mounted.
type access int

const (
	public access = iota + 1 // no key is asked for
	read
	write // includes read
	admin // includes write
)

func (a access) String() string {
	return map[access]string{public: "public", read: "read", write: "write", admin: "admin"}[a]
}

// parseScope reads the scope of a key; a key is never public.
func parseScope(text string) (access, bool) {
	for _, a := range []access{read, write, admin} {
		if a.String() == text {
			return a, true
		}
	}
	return 0, false
}

// router is the mux with a guard before every route and problem documents
// where the mux would answer in plain text.
type router struct {
	g    *gateway
	mux  *http.ServeMux
	need map[string]access
}

func newRouter(g *gateway) *router {
	return &router{g: g, mux: http.NewServeMux(), need: map[string]access{}}
}

// declare says what a pattern, such as "GET /v1/feed", asks of its caller.
func (rt *router) declare(pattern string, need access) {
	if need < public || need > admin {
		panic(fmt.Sprintf("route %q is registered without a scope", pattern))
	}
	rt.need[pattern] = need
}

// HandleFunc mounts a declared pattern behind its guard.
func (rt *router) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	need, ok := rt.need[pattern]
	if !ok {
		panic(fmt.Sprintf("route %q is registered without a scope", pattern))
	}
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if need != public {
			if err := rt.g.keys.check(r, need); err != nil {
				rt.g.refuse(w, r, err)
				return
			}
		}
		h(w, r)
	})
}

// raw mounts a handler that speaks HTTP itself.
func (rt *router) raw(need access, pattern string, h http.Handler) {
	rt.declare(pattern, need)
	rt.HandleFunc(pattern, h.ServeHTTP)
}

// patterns lists every mounted route in order.
func (rt *router) patterns() []string {
	list := make([]string, 0, len(rt.need))
	for p := range rt.need {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

// ServeHTTP routes one request; what no route takes gets a problem document.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path.Clean(r.URL.Path) != r.URL.Path {
		rt.g.refuse(w, r, errNoRoute())
		return
	}
	h, pattern := rt.mux.Handler(r)
	if pattern == "" {
		plain := &discarded{header: http.Header{}}
		h.ServeHTTP(plain, r)
		if plain.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", plain.header.Get("Allow"))
			rt.g.refuse(w, r, errMethod(r.Method))
			return
		}
		rt.g.refuse(w, r, errNoRoute())
		return
	}
	callOf(r.Context()).route = pattern
	rt.mux.ServeHTTP(w, r)
}

// discarded keeps the head of an answer and drops its text.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }

// call is one request on its way through.
type call struct {
	r     *http.Request
	w     *recorder
	id    string
	route string
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return &call{}
	}
	return c
}

// recorder remembers whether and how an answer began.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets deadlines reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ServeHTTP gives a request its id and headers, and an answer whatever happens.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	c := &call{w: &recorder{ResponseWriter: w}, id: requestID(r.Header.Get("X-Request-Id"))}
	c.r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	head := w.Header()
	head.Set("X-Request-Id", c.id)
	head.Set("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		head.Set("Cache-Control", "no-store")
	}
	defer func() {
		if cause := recover(); cause != nil {
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			g.Log.Error("a request panicked", "request_id", c.id, "route", c.route, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			if c.w.status == 0 {
				g.writeProblem(c.w, internalProblem(c.id))
			}
		}
		g.meter.observe(c, time.Since(began))
	}()
	leave := g.limit.enter(r)
	if leave == nil {
		c.route = "limited"
		g.refuse(c.w, c.r, errBusy())
		return
	}
	defer leave()
	g.router.ServeHTTP(c.w, c.r)
}
