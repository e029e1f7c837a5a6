package rest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"scrip/adapters"
	"scrip/internal/httpx"
)

// Judge reads a refusal: its class, what to say of it, and the vendor's own
// code, which is passed on only if it is a plain word. An empty class leaves
// the decision to the status. body is a JSON object.
type Judge func(status int, body []byte) (code adapters.Code, message, vendor string)

// plainWord and plainID are all of a vendor's text that is ever passed on.
var (
	plainWord = regexp.MustCompile(`^[a-z0-9_.-]{1,64}$`)
	plainID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// refused classifies an answer that is no success. One that is not JSON was
// perhaps not written by the vendor at all, so it settles nothing.
func (c *Client) refused(resp *http.Response, body []byte) error {
	e := &adapters.Error{Status: resp.StatusCode}
	if id := resp.Header.Get("X-Request-Id"); plainID.MatchString(id) {
		e.RequestID = id
	}
	switch e.Code, e.Message = byStatus(resp.StatusCode); e.Code {
	case adapters.CodeRateLimited:
		e.RetryAfter, _ = httpx.RetryAfter(cmp.Or(resp.Header.Get("Retry-After"), resp.Header.Get(c.wait)), time.Now())
		return e
	case adapters.CodeUnauthorized, adapters.CodeForbidden:
		return e // whoever wrote it let the request pass no further
	}
	var fields map[string]json.RawMessage
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) || json.Unmarshal(body, &fields) != nil {
		e.Code, e.Message = adapters.CodeUnavailable, "the refusal cannot be understood"
		return e
	}
	if c.judge == nil || resp.StatusCode >= http.StatusInternalServerError {
		return e
	}
	code, message, vendor := c.judge(resp.StatusCode, body)
	if code != "" {
		e.Code, e.Message = code, message
	}
	if plainWord.MatchString(vendor) {
		e.Vendor = vendor
	}
	return e
}

// byStatus is what a status means where nothing else is known. A conflict is
// taken for work in progress: repeating is safe under a key, giving up is not.
func byStatus(status int) (adapters.Code, string) {
	switch status {
	case http.StatusUnauthorized:
		return adapters.CodeUnauthorized, "the API key is not accepted"
	case http.StatusForbidden:
		return adapters.CodeForbidden, "the API key may not do this"
	case http.StatusNotFound:
		return adapters.CodeNotFound, "the vendor does not know an object of the request"
	case http.StatusConflict:
		return adapters.CodeInProgress, "another request with this key is running"
	case http.StatusTooManyRequests:
		return adapters.CodeRateLimited, "the vendor asks to wait"
	case http.StatusRequestTimeout:
		return adapters.CodeUnavailable, "the vendor failed"
	}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		return adapters.CodeInvalid, "the vendor refused the request"
	}
	return adapters.CodeUnavailable, "the vendor failed"
}
