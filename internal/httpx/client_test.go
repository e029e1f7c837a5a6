package httpx

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// quick keeps repeats and drops the waits.
var quick = Options{MinWait: time.Millisecond, MaxWait: 20 * time.Millisecond}

// counted answers with f and counts.
func counted(t *testing.T, f func(n int64, w http.ResponseWriter, r *http.Request)) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(n.Add(1), w, r) }))
	t.Cleanup(s.Close)
	return s, &n
}

func TestRepeats(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		calls  int64
	}{
		{"GET", 200, 1}, {"GET", 400, 1}, {"GET", 404, 1}, {"GET", 501, 1},
		{"GET", 409, 3}, {"GET", 429, 3}, {"GET", 500, 3}, {"GET", 503, 3}, {"HEAD", 503, 3},
		{"POST", 409, 1}, {"POST", 429, 1}, {"POST", 500, 1}, {"PUT", 503, 1}, {"DELETE", 502, 1}, {"PATCH", 500, 1},
	} {
		s, n := counted(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) })
		req, _ := http.NewRequest(c.method, s.URL, strings.NewReader(""))
		resp, err := NewClient(quick).Do(req)
		if err != nil {
			t.Fatalf("%s %d: %v", c.method, c.status, err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status || n.Load() != c.calls {
			t.Errorf("%s %d: %d calls and status %d, want %d calls", c.method, c.status, n.Load(), resp.StatusCode, c.calls)
		}
	}
}

func TestRepeatSucceeds(t *testing.T) {
	s, n := counted(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		default:
			io.WriteString(w, "fine")
		}
	})
	resp, err := NewClient(quick).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); string(got) != "fine" || n.Load() != 3 {
		t.Errorf("got %q after %d calls", got, n.Load())
	}
}

// A write over a connection that dies must not be sent again, not even by
// net/http itself, which does so for requests with an Idempotency-Key.
func TestWriteIsSentOnce(t *testing.T) {
	s, n := counted(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		if n > 1 {
			panic(http.ErrAbortHandler)
		}
	})
	client := NewClient(quick)
	send := func() error {
		req, _ := http.NewRequest("POST", s.URL, strings.NewReader("a=b"))
		req.Header.Set("Idempotency-Key", "k")
		resp, err := client.Do(req)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if err := send(); err == nil || n.Load() != 2 {
		t.Errorf("error %v after %d calls, want one failure and two calls", err, n.Load())
	}
}

// PA-01.
func TestRetryAfterIsHonoured(t *testing.T) {
	for _, c := range []struct {
		after string
		calls int64
	}{{"0", 3}, {"abc", 3}, {"-1", 3}, {"999999", 1}, {"1", 1}} { // beyond MaxWait nobody waits: the answer goes up
		s, n := counted(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.after)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		resp, err := NewClient(quick).Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if n.Load() != c.calls || resp.Header.Get("Retry-After") != c.after {
			t.Errorf("Retry-After %q: %d calls, want %d", c.after, n.Load(), c.calls)
		}
	}
	told := &http.Response{Header: http.Header{"Retry-After": {"7"}}}
	if got := backoff(time.Second, 30*time.Second, 0, told); got != 7*time.Second {
		t.Errorf("wait %s, want the 7 s told", got)
	}
	if got := backoff(time.Second, 5*time.Second, 0, told); got != 5*time.Second {
		t.Errorf("wait %s, want the cap of 5 s", got)
	}
	if a, b, c := backoff(time.Second, time.Minute, 0, nil), backoff(time.Second, time.Minute, 1, nil), backoff(time.Second, time.Minute, 60, nil); a != time.Second || b != 2*time.Second || c != time.Minute {
		t.Errorf("own schedule %s, %s, %s", a, b, c)
	}
}

func TestWaitBeyondDeadlineIsNotBegun(t *testing.T) {
	s, n := counted(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	resp, err := NewClient(Options{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 429 || n.Load() != 1 {
		t.Errorf("status %d after %d calls", resp.StatusCode, n.Load())
	}
}

func TestBodyLimit(t *testing.T) {
	for _, size := range []int{0, 99, 100, 101, 5000} {
		for _, zip := range []bool{false, true} {
			s, _ := counted(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {
				text := bytes.Repeat([]byte("x"), size)
				if !zip {
					w.Write(text)
					return
				}
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				z.Write(text)
				z.Close()
			})
			resp, err := NewClient(Options{MaxBody: 100}).Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if tooLong := size > 100; errors.Is(err, ErrTooLong) != tooLong || len(got) != min(size, 100) {
				t.Errorf("%d bytes (gzip %v): read %d, %v", size, zip, len(got), err)
			}
		}
	}
}

func TestRedirects(t *testing.T) {
	other, strangers := counted(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {})
	s, _ := counted(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/near":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	})
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/away", 307}, {"POST", "/away", 307}, {"GET", "/near", 200}, {"POST", "/near", 302}, {"GET", "/loop", 302}} {
		req, _ := http.NewRequest(c.method, s.URL+c.path, nil)
		resp, err := NewClient(quick).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, resp.StatusCode, c.status)
		}
	}
	if strangers.Load() != 0 {
		t.Errorf("the other host was called %d times", strangers.Load())
	}
}

func TestNoCookies(t *testing.T) {
	var kept atomic.Bool
	s, _ := counted(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		if len(r.Cookies()) > 0 {
			kept.Store(true)
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	client := NewClient(quick)
	for range 2 {
		resp, err := client.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if kept.Load() {
		t.Error("a cookie came back")
	}
}

// PA-14.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	s.StartTLS()
	defer s.Close()
	good := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer good.Close()
	pool := x509.NewCertPool()
	pool.AddCert(good.Certificate())
	trusting := Options{RootCAs: pool, MinWait: time.Millisecond}
	if resp, err := NewClient(trusting).Get(good.URL); err != nil {
		t.Errorf("a trusted authority was refused: %v", err)
	} else {
		resp.Body.Close()
	}
	if _, err := NewClient(trusting).Get(s.URL); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	_, err := NewClient(quick).Get(good.URL)
	if err == nil || !strings.Contains(Reason(err), "TLS") {
		t.Errorf("an unknown authority: %v, reason %q", err, Reason(err))
	}
	// The certificate is for example.com and 127.0.0.1, not for localhost.
	_, err = NewClient(trusting).Get(strings.Replace(good.URL, "127.0.0.1", "localhost", 1))
	if err == nil || !strings.Contains(Reason(err), "TLS") {
		t.Errorf("another host's certificate: %v", err)
	}
}

func TestReasonIsSafe(t *testing.T) {
	s, _ := counted(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	})
	refused := httptest.NewServer(nil)
	refused.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	gone, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		ctx  context.Context
		url  string
		want string
	}{
		{t.Context(), s.URL, "cut"}, {t.Context(), refused.URL, "refused"}, {ctx, s.URL + "/slow", "in time"}, {gone, s.URL, "cancelled"},
	} {
		req, _ := http.NewRequestWithContext(c.ctx, "GET", c.url+"?email=canary@example.com", nil)
		req.Header.Set("Authorization", "Bearer canary")
		_, err := NewClient(quick).Do(req)
		if got := Reason(err); !strings.Contains(got, c.want) || strings.Contains(got, "canary") {
			t.Errorf("%v: reason %q, want %q in it", err, got, c.want)
		}
	}
	if got := Reason(nil); got != "" {
		t.Errorf("no error has the reason %q", got)
	}
}
