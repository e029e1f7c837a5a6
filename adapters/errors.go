package adapters

import (
	"errors"
	"fmt"
	"time"
)

// Code classifies a vendor's failure.
type Code string

// The codes. Everything on a write that is not a definite answer of the
// vendor is [CodeUnknown]: it may have happened.
const (
	CodeInvalid      Code = "invalid"       // the vendor refused the content: repeating is useless
	CodeUnauthorized Code = "unauthorized"  // key or signature is not accepted
	CodeForbidden    Code = "forbidden"     // the key may not do this
	CodeNotFound     Code = "not_found"     // the object is not there
	CodeConflict     Code = "conflict"      // the same key with other content: our bug
	CodeInProgress   Code = "in_progress"   // the same key is being worked on
	CodeRateLimited  Code = "rate_limited"  // ask again later
	CodeUnavailable  Code = "unavailable"   // a read failed for a passing reason
	CodeUnknown      Code = "unknown"       // a write whose outcome is not known
	CodeBadAnswer    Code = "bad_answer"    // a read brought what cannot be understood
	CodeNotSupported Code = "not_supported" // the vendor, or this adapter, cannot do it
	CodeFull         Code = "full"          // the vendor has no room for another grant of this customer now
)

// Error is a vendor's failure, classified. Message is ours: it never carries
// a vendor's body, which could hold anything.
type Error struct {
	Code       Code
	Op         string        // what was asked, filled by [Port]
	Message    string        // lower case
	Vendor     string        // the vendor's own code, checked to be a plain word
	Status     int           // HTTP status, 0 when there was none
	RequestID  string        // the vendor's id of the request
	RetryAfter time.Duration // as the vendor asked, 0 when it did not
}

// Error says what failed, with the vendor's code and request id.
func (e *Error) Error() string {
	text := e.Message
	if e.Op != "" {
		text = e.Op + ": " + text
	}
	if e.Status != 0 {
		text += fmt.Sprintf(" (status %d", e.Status)
		if e.Vendor != "" {
			text += ", code " + e.Vendor
		}
		if e.RequestID != "" {
			text += ", request " + e.RequestID
		}
		text += ")"
	}
	return text
}

// Ambiguous reports whether a write that failed so may have happened.
func (e *Error) Ambiguous() bool { return e.Code == CodeUnknown }

// Retry reports whether the same call, with the same key, may succeed later.
func (e *Error) Retry() bool {
	switch e.Code {
	case CodeRateLimited, CodeUnavailable, CodeUnknown, CodeInProgress, CodeBadAnswer, CodeUnauthorized, CodeForbidden:
		return true
	}
	return false
}

// Errorf makes an [Error].
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError finds the classified error in err; one without a class is taken as
// [CodeUnknown], the careful reading.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeUnknown, Message: "the call failed without an answer"}
}
