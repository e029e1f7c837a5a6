package stripe

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"time"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
	"scrip/internal/httpx"
)

// plainWord is all of a vendor's text that is ever passed on: codes and ids.
var (
	plainWord = regexp.MustCompile(`^[a-z0-9_.-]{1,64}$`)
	plainID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// readFailed classifies the failure of a read, which changed nothing.
func readFailed(err error) error {
	if e := refusal(err); e != nil {
		return e
	}
	var transport *url.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &transport):
		return adapters.Errorf(adapters.CodeUnavailable, "%s", httpx.Reason(err))
	}
	return adapters.Errorf(adapters.CodeBadAnswer, "the answer cannot be understood")
}

// writeFailed classifies the failure of a write. Only a readable refusal says
// that nothing happened; after everything else it may have.
func writeFailed(err error) error {
	e := refusal(err)
	if e == nil {
		return adapters.Errorf(adapters.CodeUnknown, "%s", httpx.Reason(err))
	}
	if e.Code == adapters.CodeUnavailable {
		e.Code = adapters.CodeUnknown
	}
	return e
}

// noEffectSeen is the error of a write whose 2xx answer is not the object asked for.
func noEffectSeen() error {
	return adapters.Errorf(adapters.CodeUnknown, "the answer cannot be understood")
}

// refusal classifies an error that the vendor wrote; nil for any other. A
// server error is [adapters.CodeUnavailable].
func refusal(err error) *adapters.Error {
	var told *stripego.Error
	if !errors.As(err, &told) {
		return nil
	}
	e := &adapters.Error{Status: told.HTTPStatusCode}
	e.Code, e.Message = class(told)
	for _, word := range []string{string(told.Code), string(told.Type)} {
		if e.Vendor == "" && plainWord.MatchString(word) {
			e.Vendor = word
		}
	}
	if plainID.MatchString(told.RequestID) {
		e.RequestID = told.RequestID
	}
	if told.LastResponse != nil && e.Code == adapters.CodeRateLimited {
		e.RetryAfter, _ = httpx.RetryAfter(told.LastResponse.Header.Get("Retry-After"), time.Now())
	}
	return e
}

// class reads status, type and code. A mismatch of parameters under one key
// has no code and, by one reading, status 409; a key in use has its own code.
func class(told *stripego.Error) (adapters.Code, string) {
	status := told.HTTPStatusCode
	switch {
	case told.Code == stripego.ErrorCodeIdempotencyKeyInUse:
		return adapters.CodeInProgress, "another request with this key is running"
	case status < http.StatusInternalServerError && told.Type == stripego.ErrorTypeIdempotency:
		return adapters.CodeConflict, "the key was used with other parameters"
	case status == http.StatusUnauthorized:
		return adapters.CodeUnauthorized, "the API key is not accepted"
	case status == http.StatusForbidden:
		return adapters.CodeForbidden, "the API key may not do this"
	case status == http.StatusTooManyRequests || told.Code == stripego.ErrorCodeLockTimeout:
		return adapters.CodeRateLimited, "the vendor asks to wait"
	case status == http.StatusConflict:
		return adapters.CodeInProgress, "the object is being worked on"
	case status == http.StatusNotFound || told.Code == stripego.ErrorCodeResourceMissing && status < http.StatusInternalServerError:
		return adapters.CodeNotFound, "the vendor does not know an object of the request"
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		return adapters.CodeInvalid, "the vendor refused the request"
	}
	return adapters.CodeUnavailable, "the vendor failed"
}

// hasCode reports whether err is classified as code.
func hasCode(err error, code adapters.Code) bool {
	var e *adapters.Error
	return errors.As(err, &e) && e.Code == code
}
