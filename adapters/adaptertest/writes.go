package adaptertest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
)

// testIdempotency sends every order again and again: there is one effect, and
// every answer is the same.
func testIdempotency(t *testing.T, h Harness) {
	l := newLab(t, h)
	for _, w := range writes(l.account(t)) {
		t.Run(w.name, func(t *testing.T) {
			b := l.account(t)
			w.before(b)
			first := b.must(w.order)
			want := b.summary()
			for range 3 {
				again, err := w.send(t.Context(), b)
				if err != nil {
					t.Fatalf("repeated: %v", err)
				}
				if fmt.Sprint(again) != fmt.Sprint(first) {
					t.Errorf("repeated: answer %v, first %v", again, first)
				}
			}
			if got := b.summary(); got != want {
				t.Errorf("after repeats:\n%s\nafter the first:\n%s", got, want)
			}
		})
	}
}

// losses are the ways in which the answer of a write gets lost.
var losses = []struct{ name, kind, spec string }{
	{"500 after the effect", "status_after", `,"status":500`},
	{"503 without effect", "status", `,"status":503`},
	{"timeout after the effect", "timeout_after", `,"delay":"20s"`},
	{"connection reset", "reset", ``},
	{"200 cut short", "malformed", ``},
	{"200 with a web page", "malformed", `,"html":true`},
}

// testAmbiguity loses the answer of each request of each order. The error
// must say that the outcome is unknown, and settling the order must leave
// exactly what an undisturbed order leaves.
func testAmbiguity(t *testing.T, h Harness) {
	l := newLab(t, h)
	for _, w := range writes(l.account(t)) {
		calm := l.account(t)
		w.before(calm)
		before := len(calm.calls())
		calm.must(w.order)
		want := calm.summary()
		for step, call := range calm.changing(before) {
			for _, loss := range losses {
				if call.silent && loss.kind == "malformed" && loss.spec == "" {
					continue // an empty answer cannot be cut short
				}
				t.Run(fmt.Sprintf("%s, request %d, %s", w.name, step+1, loss.name), func(t *testing.T) {
					b := l.account(t)
					w.before(b)
					b.fault(call.method, call.path, loss.kind, loss.spec)
					ctx, cancel := context.WithTimeout(t.Context(), lossWait(loss.kind))
					_, err := w.send(ctx, b)
					cancel()
					if e := adapters.AsError(err); err == nil || !e.Ambiguous() || !e.Retry() {
						t.Fatalf("the lost answer gave %v", err)
					}
					b.control("DELETE", "faults", "", nil)
					b.must(w.order)
					if got := b.summary(); got != want {
						t.Errorf("after settling:\n%s\nundisturbed:\n%s", got, want)
					}
				})
			}
		}
	}
}

// lossWait is how long an order whose answer is lost may take: what never
// answers is given up soon.
func lossWait(kind string) time.Duration {
	if kind == "timeout_after" {
		return 300 * time.Millisecond
	}
	return time.Minute
}

// request is a call of the vendor, with a pattern for its path.
type request struct {
	method, path string
	silent       bool // its answer is empty
}

var (
	idPart    = regexp.MustCompile(`[0-9]`)
	camelCase = regexp.MustCompile(`^[a-z]+([A-Z][a-z]+)+$`)
)

// changing lists the requests from the n-th on that change something. Ids in
// paths, which differ between accounts, become wildcards.
func (b *bench) changing(n int) []request {
	var out []request
	for _, x := range b.calls()[n:] {
		u, err := url.Parse(x.URL)
		if err != nil || x.Method == http.MethodGet || x.Method == http.MethodHead {
			continue
		}
		if reads := b.lab.h.Reads; reads != nil && reads(x.Method, u.Path) {
			continue
		}
		parts := strings.Split(u.Path, "/")
		for i, p := range parts {
			if len(p) > 3 && idPart.MatchString(p) || len(p) > 11 && strings.ToLower(p) != p && !camelCase.MatchString(p) {
				parts[i] = "*"
			}
		}
		out = append(out, request{x.Method, strings.Join(parts, "/") + "$", len(x.Reply) == 0})
	}
	return out
}

// testRefusals lets the vendor refuse: the error is definite, has its class,
// and leaves nothing behind.
func testRefusals(t *testing.T, h Harness) {
	l := newLab(t, h)
	classes := map[int]adapters.Code{
		401: adapters.CodeUnauthorized, 403: adapters.CodeForbidden, 400: adapters.CodeInvalid, 404: "", 409: "", 422: "",
	}
	for _, w := range writes(l.account(t)) {
		for status, want := range classes {
			t.Run(fmt.Sprintf("%s, %d", w.name, status), func(t *testing.T) {
				b := l.account(t)
				w.before(b)
				before := b.summary()
				b.fault("", "", "status", fmt.Sprintf(`,"status":%d,"count":4`, status))
				_, err := w.send(t.Context(), b)
				if e := adapters.AsError(err); err == nil || e.Ambiguous() || want != "" && e.Code != want || e.Status != status {
					t.Errorf("got %v, want a definite error %s", err, want)
				}
				b.control("DELETE", "faults", "", nil)
				if got := b.summary(); got != before {
					t.Errorf("the refusal left:\n%s\nbefore:\n%s", got, before)
				}
				b.must(w.order)
			})
		}
	}
}

// testRateLimits asks for the wait that the vendor told, and for sense where
// it told none.
func testRateLimits(t *testing.T, h Harness) {
	l := newLab(t, h)
	for value, want := range map[string]time.Duration{"7": 7 * time.Second, "-1": 0, "abc": 0, "": 0, "999999": -1} {
		t.Run("Retry-After "+value, func(t *testing.T) {
			b := l.account(t)
			if !b.has("customers") {
				t.Log("not claimed: customers") // and so nothing to prove
				return
			}
			b.fault("", "", "status", fmt.Sprintf(`,"status":429,"retry_after":%q,"count":4`, value))
			before := len(b.changing(0))
			_, err := putCustomer(0).send(t.Context(), b)
			e := adapters.AsError(err)
			if e.Code != adapters.CodeRateLimited || !e.Retry() || e.Ambiguous() {
				t.Fatalf("got %v", err)
			}
			if value == "" {
				want = min(e.RetryAfter, time.Second) // some vendors always tell a wait
			}
			if want >= 0 && e.RetryAfter != want || want < 0 && (e.RetryAfter <= 0 || e.RetryAfter > 10*time.Minute) {
				t.Errorf("wait %s, want %s", e.RetryAfter, want)
			}
			if n := len(b.changing(0)) - before; n > 1 {
				t.Errorf("the write was sent %d times", n)
			}
		})
	}
}

// testCancellation cancels calls before and while they wait.
func testCancellation(t *testing.T, h Harness) {
	l := newLab(t, h)
	b := l.account(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.port.Probe(gone); err == nil {
		t.Error("a cancelled probe succeeded")
	}
	for _, w := range writes(b) {
		t.Run(w.name, func(t *testing.T) {
			b := l.account(t)
			w.before(b)
			b.fault("", "", "slow", `,"delay":"60s","count":4`)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			done := make(chan error, 1)
			go func() { _, err := w.send(ctx, b); done <- err }()
			select {
			case err := <-done:
				if err == nil {
					t.Error("the order succeeded although its time was over")
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the order did not return when its time was over")
			}
		})
	}
}
