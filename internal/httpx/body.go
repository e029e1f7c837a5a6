package httpx

import (
	"errors"
	"io"
	"net/http"

	"scrip/internal/crash"
)

// ErrTooLong is the error of reading an answer beyond the client's limit. An
// answer is never cut silently: half of a list looks like a whole one.
var ErrTooLong = errors.New("the answer is longer than the client reads")

// capped bounds the bodies of answers, after decompression.
type capped struct {
	next  http.RoundTripper
	limit int64
}

// RoundTrip sends one request.
func (c *capped) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := crash.Call(); err != nil {
		return nil, err
	}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	if err := crash.Call(); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	tellDate(r.Context(), resp)
	resp.Body = &cappedBody{ReadCloser: resp.Body, left: c.limit}
	return resp, nil
}

type cappedBody struct {
	io.ReadCloser
	left int64
}

// Read reads up to the limit, and one byte more to see that there is none.
func (b *cappedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLong
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, ErrTooLong
	}
	return n, err
}
