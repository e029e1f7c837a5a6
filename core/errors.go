package core

import (
	"errors"
	"fmt"
)

// Code is the stable name of a kind of error. Programs act on the code, never
// on the message.
type Code string

// The codes. Their HTTP status, exit code and whether a retry can help stand
// in one table, read by [Code.Class].
const (
	CodeMalformed              Code = "malformed"
	CodeIdempotencyKeyRequired Code = "idempotency_key_required"
	CodeUnauthorized           Code = "unauthorized"
	CodeForbidden              Code = "forbidden"
	CodeNotFound               Code = "not_found"
	CodeUnknownCustomer        Code = "unknown_customer"
	CodeUnknownAction          Code = "unknown_action"
	CodeInsufficientCredits    Code = "insufficient_credits"
	CodeIdempotencyInProgress  Code = "idempotency_in_progress"
	CodeHoldNotOpen            Code = "hold_not_open"
	CodeGrantNotOpen           Code = "grant_not_open"
	CodeCustomerNotEmpty       Code = "customer_not_empty"
	CodeConversionInProgress   Code = "conversion_in_progress"
	CodePlanStale              Code = "plan_stale"
	CodeTooLarge               Code = "too_large"
	CodeInvalid                Code = "invalid"
	CodeIdempotencyConflict    Code = "idempotency_conflict"
	CodeUnitRequired           Code = "unit_required"
	CodeUnitMismatch           Code = "unit_mismatch"
	CodeHoldExceeded           Code = "hold_exceeded"
	CodeLateRefused            Code = "late_refused"
	CodePeriodClosed           Code = "period_closed"
	CodeLimitReached           Code = "limit_reached"
	CodeNotSupported           Code = "not_supported"
	CodeRateLimited            Code = "rate_limited"
	CodeUnavailable            Code = "unavailable"
	CodeInternal               Code = "internal"
)

// Class is what a code means to a caller.
type Class struct {
	HTTP  int    // status of the answer
	Exit  int    // exit code of the command line
	Retry bool   // whether the same request may succeed later
	Title string // a few words for people
}

// Class returns what the code means; an unknown code is an internal failure.
func (c Code) Class() Class {
	if class, ok := classes[c]; ok {
		return class
	}
	return classes[CodeInternal]
}

var classes = map[Code]Class{
	CodeMalformed:              {400, 2, false, "malformed request"},
	CodeIdempotencyKeyRequired: {400, 2, false, "idempotency key required"},
	CodeUnauthorized:           {401, 1, false, "unauthorized"},
	CodeForbidden:              {403, 1, false, "forbidden"},
	CodeNotFound:               {404, 1, false, "not found"},
	CodeUnknownCustomer:        {404, 1, false, "unknown customer"},
	CodeUnknownAction:          {404, 1, false, "unknown action"},
	CodeInsufficientCredits:    {402, 1, false, "insufficient credits"},
	CodeIdempotencyInProgress:  {409, 1, true, "idempotency key in progress"},
	CodeHoldNotOpen:            {409, 1, false, "hold is not open"},
	CodeGrantNotOpen:           {409, 1, false, "grant is not open"},
	CodeCustomerNotEmpty:       {409, 1, false, "customer still owns something"},
	CodeConversionInProgress:   {409, 1, true, "conversion in progress"},
	CodePlanStale:              {409, 1, false, "plan is stale"},
	CodeTooLarge:               {413, 2, false, "too large"},
	CodeInvalid:                {422, 2, false, "invalid"},
	CodeIdempotencyConflict:    {422, 1, false, "idempotency key was used with another body"},
	CodeUnitRequired:           {422, 2, false, "unit required"},
	CodeUnitMismatch:           {422, 1, false, "unit mismatch"},
	CodeHoldExceeded:           {422, 1, false, "hold exceeded"},
	CodeLateRefused:            {422, 1, false, "too late"},
	CodePeriodClosed:           {422, 1, false, "period closed"},
	CodeLimitReached:           {422, 1, false, "limit reached"},
	CodeNotSupported:           {422, 2, false, "not supported"},
	CodeRateLimited:            {429, 1, true, "rate limited"},
	CodeUnavailable:            {503, 1, true, "unavailable"},
	CodeInternal:               {500, 1, true, "internal error"},
}

// Error is a refusal or failure with a stable code. Its text is lower case,
// quotes the input that mattered and says what to do.
type Error struct {
	Code      Code   `json:"code"`
	Message   string `json:"message"`
	Field     string `json:"field,omitempty"`     // the input field at fault, dotted
	Available string `json:"available,omitempty"` // insufficient_credits: decimal in the account's unit
	Required  string `json:"required,omitempty"`  // insufficient_credits: decimal in the account's unit
}

// Error returns the message, led by the field where there is one.
func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Message
	}
	return e.Message
}

// Errorf makes an [Error].
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// clip shortens input for a message, so that a refusal is never much longer
// than what it is about.
func clip(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}

// InField names the input field at fault in err, when err is an [Error]. A
// field that is named already becomes a part of it: rates.cost.
func InField(err error, field string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	named := *e
	if named.Field != "" {
		field += "." + named.Field
	}
	named.Field = field
	return &named
}

// CodeOf is the code of err: [CodeInternal] when it has none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
