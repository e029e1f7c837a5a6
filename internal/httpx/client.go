// Package httpx is the transport under every vendor client: bounded answers,
// bounded waits, reads repeated in place, writes sent exactly once.
package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Options are the settings of a client; the zero value is the one to use
// against vendors.
type Options struct {
	Retries int            // of a read in place: 2 when zero, none when negative
	MinWait time.Duration  // before the first repeat, 200 ms when zero; doubled for each
	MaxWait time.Duration  // the longest wait, a Retry-After included; 30 s when zero
	Timeout time.Duration  // of one call with its repeats, 60 s when zero; a context's deadline may be earlier
	MaxBody int64          // bytes of an answer, 4 MiB when zero
	RootCAs *x509.CertPool // whom to trust instead of the system's, for a proxy with its own authority

	Transport http.RoundTripper // below all the above, for tests without a network; the network when nil
}

func (o Options) withDefaults() Options {
	if o.Retries == 0 {
		o.Retries = 2
	}
	o.Retries = max(0, o.Retries)
	if o.MinWait <= 0 {
		o.MinWait = 200 * time.Millisecond
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 30 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 4 << 20
	}
	return o
}

// NewClient returns a client for calls to a vendor. GET and HEAD are repeated
// in place after 409, 429, 5xx and connection failures; every other method is
// sent once, since whether a write may be repeated is for the durable queue to
// decide. The last answer comes back as it is, errors included. An answer that
// is too long fails with [ErrTooLong] while it is read. Redirects are followed
// for reads within one host only; there are no cookies; TLS is 1.2 or newer.
func NewClient(o Options) *http.Client {
	o = o.withDefaults()
	if o.Transport == nil {
		o.Transport = newTransport(o)
	}
	base := &capped{next: o.Transport, limit: o.MaxBody}
	rc := retryablehttp.NewClient()
	rc.HTTPClient = &http.Client{Transport: base, CheckRedirect: sameHost}
	rc.Logger = nil
	rc.ErrorHandler = retryablehttp.PassthroughErrorHandler
	rc.RetryMax, rc.RetryWaitMin, rc.RetryWaitMax = o.Retries, o.MinWait, o.MaxWait
	rc.CheckRetry = checkRetry(o.MaxWait)
	rc.Backoff = backoff
	return &http.Client{
		Transport:     &split{reads: &retryablehttp.RoundTripper{Client: rc}, writes: base},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       o.Timeout,
	}
}

func newTransport(o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        64,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
	}
}

// split sends reads through the repeating client and writes past it.
type split struct {
	reads, writes http.RoundTripper
}

// RoundTrip sends one request.
func (s *split) RoundTrip(r *http.Request) (*http.Response, error) {
	if isRead(r.Method) {
		return s.reads.RoundTrip(r)
	}
	// Without GetBody net/http cannot repeat the request on another connection
	// by itself, as it does for one that carries an Idempotency-Key.
	once := r.Clone(r.Context())
	once.GetBody = nil
	return s.writes.RoundTrip(once)
}

func isRead(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == ""
}

// sameHost follows the redirect of a read to the same scheme and host; any
// other redirect is handed back as the answer.
func sameHost(next *http.Request, via []*http.Request) error {
	const most = 3
	first := via[0].URL
	if len(via) > most || !isRead(next.Method) || next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// checkRetry decides whether a read is repeated. It is only asked about reads.
func checkRetry(most time.Duration) retryablehttp.CheckRetry {
	return func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil:
			return passing(err), nil
		case !worthRepeating(resp.StatusCode):
			return false, nil
		}
		// A wait beyond the caller's deadline would only turn the vendor's
		// answer into a timeout.
		wait, told := waitTold(resp)
		deadline, bound := ctx.Deadline()
		return !told || wait <= most && (!bound || wait < time.Until(deadline)), nil
	}
}

func worthRepeating(status int) bool {
	switch status {
	case http.StatusConflict, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return status >= http.StatusInternalServerError
}

// backoff doubles the wait, unless the vendor said how long.
func backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if wait, told := waitTold(resp); told {
		return min(max(wait, least), most)
	}
	return min(least<<min(attempt, 16), most)
}

func waitTold(resp *http.Response) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}
	return RetryAfter(resp.Header.Get("Retry-After"), time.Now())
}
