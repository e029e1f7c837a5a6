package gateway

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestOverTheWire covers what only a real connection shows.
func TestOverTheWire(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(w.g, "")
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	send := func(method, path string, body io.Reader) *http.Response {
		r, err := http.NewRequest(method, "http://"+l.Addr().String()+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+rootKey)
		r.Header.Set("Idempotency-Key", method+path)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Body.Close() })
		return a
	}
	for _, c := range []struct {
		method, path string
		body         io.Reader
		status       int
	}{
		{"PUT", "/v1/customers/ann", strings.NewReader(`{}`), 200},
		{"PUT", "/v1/customers/ann", io.MultiReader(strings.NewReader(`{"name":"`), strings.NewReader(strings.Repeat("x", 2<<20))), 413}, // chunked: no length told
		{"HEAD", "/v1/customers/ann", nil, 200},
		{"POST", "/v1/test-clock", strings.NewReader(`{"advance":"1h"}`), 200},
		{"GET", "/v1/customers//ann", nil, 404},
	} {
		if a := send(c.method, c.path, c.body); a.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, a.StatusCode, c.status)
		}
	}
}
