package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"

	"scrip/adapters/sandbox"
)

// apiError is an error as the API sends it.
type apiError struct {
	Status  int            `json:"-"`
	Kept    bool           `json:"-"` // stored under the idempotency key
	Type    string         `json:"type"`
	Code    string         `json:"code,omitempty"`
	Param   string         `json:"param,omitempty"`
	Decline string         `json:"decline_code,omitempty"`
	Message string         `json:"message"`
	DocURL  string         `json:"doc_url,omitempty"`
	Intent  map[string]any `json:"payment_intent,omitempty"`
	header  http.Header
}

func (e *apiError) Error() string { return e.Message }

const invalidRequest = "invalid_request_error"

func invalid(param, format string, args ...any) *apiError {
	return &apiError{Status: http.StatusBadRequest, Type: invalidRequest, Param: param, Message: fmt.Sprintf(format, args...)}
}

func (e *apiError) code(c string) *apiError {
	e.Code = c
	if c != "" {
		e.DocURL = "https://stripe.com/docs/error-codes/" + c
	}
	return e
}

// refused is a valid request that the present state does not allow; unlike a
// failed validation it is kept under its idempotency key.
func refused(format string, args ...any) *apiError {
	e := invalid("", format, args...)
	e.Kept = true
	return e
}

func missing(param string) *apiError {
	return invalid(param, "Missing required param: %s.", param).code("parameter_missing")
}

// gone is a path that names nothing; noSuch a parameter that does.
func gone(kind, id string) *apiError {
	e := noSuch("id", kind, id)
	e.Status = http.StatusNotFound
	return e
}

func noSuch(param, kind, id string) *apiError {
	return invalid(param, "No such %s: '%s'", kind, id).code("resource_missing")
}

// answer puts an error into its envelope.
func (e *apiError) answer(request string) sandbox.Answer {
	body, err := json.Marshal(map[string]any{"error": e})
	if err != nil {
		body = []byte(`{"error":{"type":"api_error","message":"the error could not be written"}}`)
	}
	h := http.Header{}
	for k, v := range e.header {
		h[k] = v
	}
	if request != "" {
		h.Set("Request-Id", request)
	}
	return sandbox.Answer{Status: e.Status, Header: h, Body: body, Free: !e.Kept}
}

// refuse puts what the kit refuses into Stripe's shape.
func refuse(a *sandbox.Account, p sandbox.Problem) sandbox.Answer {
	request := ""
	if a != nil {
		request = a.NewID("req_", 14)
	}
	return problem(a, p).answer(request)
}

func problem(a *sandbox.Account, p sandbox.Problem) *apiError {
	switch p.Kind {
	case sandbox.Unauthorized:
		e := invalid("", "You did not provide an API key. Provide it in the Authorization header, as Bearer or as the user name of Basic auth.")
		e.Status = http.StatusUnauthorized
		return e
	case sandbox.NoSuchPath:
		e := invalid("", "Unrecognized request URL (%s).", p.Message).code("url_invalid")
		e.Status = http.StatusNotFound
		return e
	case sandbox.TooLarge:
		e := invalid("", "Request entity too large.")
		e.Status = http.StatusRequestEntityTooLarge
		return e
	case sandbox.BadBody:
		return invalid("", "The request's body could not be read.")
	case sandbox.KeyInUse:
		e := &apiError{Status: http.StatusConflict, Type: "idempotency_error", Message: "There is another request in progress that uses this Idempotent Key."}
		return e.code("idempotency_key_in_use")
	case sandbox.KeyOfOtherRequest:
		e := &apiError{Status: http.StatusBadRequest, Type: "idempotency_error",
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with."}
		if a.Variant(idempotencyMismatch409) {
			e.Status = http.StatusConflict
		}
		return e
	case sandbox.KeyTooLong:
		return invalid("", "Idempotency keys have at most 255 characters.")
	case sandbox.Injected:
		return injected(p)
	default:
		return &apiError{Status: http.StatusInternalServerError, Type: "api_error", Message: p.Message}
	}
}

// injected makes the error that the API would send with a status.
func injected(p sandbox.Problem) *apiError {
	e := &apiError{Status: p.Status, Type: "api_error", Message: "An unexpected error occurred (" + p.Message + ").", header: http.Header{}}
	switch {
	case p.Status == http.StatusTooManyRequests:
		e.Type = invalidRequest
		e.code("rate_limit")
		e.header.Set("Stripe-Rate-Limited-Reason", "endpoint-rate")
	case p.Status == http.StatusConflict:
		e.Type = invalidRequest
		e.code("lock_timeout")
	case p.Status == http.StatusPaymentRequired:
		e.Type = "card_error"
		e.code("card_declined")
	case p.Status < http.StatusInternalServerError:
		e.Type = invalidRequest
	}
	if p.RetryAfter != "" {
		e.header.Set("Retry-After", p.RetryAfter)
	}
	return e
}
