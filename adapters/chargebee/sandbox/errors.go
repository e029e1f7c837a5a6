package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"scrip/adapters/sandbox"
)

// problem is an error as the API sends it.
type problem struct {
	Message string `json:"message"`
	Type    string `json:"type,omitempty"`
	Code    string `json:"api_error_code"`
	Param   string `json:"param,omitempty"`
	Legacy  string `json:"error_code"`
	Status  int    `json:"http_status_code"`

	retryAfter string
}

// Error returns the message.
func (p *problem) Error() string { return p.Message }

func failure(status int, code, format string, args ...any) *problem {
	kind := "invalid_request"
	if strings.HasPrefix(code, "payment_") {
		kind = "payment"
	} else if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		kind = "operation_failed"
	}
	return &problem{Message: fmt.Sprintf(format, args...), Type: kind, Code: code, Legacy: code, Status: status}
}

// wrong is a parameter that cannot be taken.
func wrong(param, format string, args ...any) *problem {
	p := failure(http.StatusBadRequest, "param_wrong_value", param+" : "+format, args...)
	p.Param = param
	return p
}

func missing(kind, id string) *problem {
	return failure(http.StatusNotFound, "resource_not_found", "Sorry, we couldn't find the %s with id %.60s", kind, id)
}

func duplicate(param, id string) *problem {
	p := failure(http.StatusBadRequest, "duplicate_entry", "%s : the value %.60s is already present", param, id)
	p.Param = param
	return p
}

func invalidState(format string, args ...any) *problem {
	return failure(http.StatusConflict, "invalid_state_for_request", format, args...)
}

func locked() *problem {
	p := failure(http.StatusTooManyRequests, "lock_timeout", "Another request is being processed for the same resource")
	p.retryAfter = "1"
	return p
}

func overRate() *problem {
	p := failure(http.StatusTooManyRequests, "api_request_limit_exceeded", "Sorry, you have exceeded the API request limit")
	p.retryAfter = "30"
	return p
}

// answer writes the problem; no refusal uses up an idempotency key unless a
// variant says so.
func (p *problem) answer(a *sandbox.Account) sandbox.Answer {
	out := *p
	if a != nil && a.Variant(errorTypeAbsent) {
		out.Type = ""
	}
	body, err := json.Marshal(out)
	if err != nil {
		body = []byte(`{"message":"internal error","api_error_code":"internal_error","http_status_code":500}`)
	}
	h := http.Header{}
	if p.retryAfter != "" {
		h.Set("Retry-After", p.retryAfter)
	}
	return sandbox.Answer{Status: p.Status, Header: h, Body: body, Free: a == nil || !a.Variant(errorsKept)}
}

// refuse puts what the kit refuses into Chargebee's shape.
func refuse(a *sandbox.Account, p sandbox.Problem) sandbox.Answer {
	return refused(a, p).answer(a)
}

func refused(a *sandbox.Account, p sandbox.Problem) *problem {
	switch p.Kind {
	case sandbox.Unauthorized:
		return failure(http.StatusUnauthorized, "api_authentication_failed", "Sorry, authentication failed. Send an API key as the user of Basic authentication")
	case sandbox.NoSuchPath:
		if method, path, _ := strings.Cut(p.Message, " "); knownPath(path) {
			return failure(http.StatusMethodNotAllowed, "http_method_not_supported", "The method %s is not supported here", method)
		}
		return failure(http.StatusNotFound, "resource_not_found", "The requested path was not found: %s", p.Message)
	case sandbox.TooLarge, sandbox.BadBody:
		return failure(http.StatusBadRequest, "invalid_request", "The request body could not be read or is too large")
	case sandbox.KeyInUse:
		if a != nil && a.Variant(keyInUseLocks) {
			return locked()
		}
		return invalidState("A request with this idempotency key is still being processed")
	case sandbox.Locked:
		return locked()
	case sandbox.KeyOfOtherRequest:
		return failure(http.StatusUnprocessableEntity, "unable_to_process_request", "The idempotency key was used before with another payload")
	case sandbox.KeyTooLong:
		return wrong(keyHeader, "it has at most %d characters", maxKeyLength)
	case sandbox.Injected:
		return injected(p)
	default:
		return failure(http.StatusInternalServerError, "internal_error", "%s", p.Message)
	}
}

// injected makes the problem that the API would send with a status.
func injected(p sandbox.Problem) *problem {
	code := "invalid_request"
	switch p.Status {
	case http.StatusUnauthorized:
		code = "api_authentication_failed"
	case http.StatusForbidden:
		code = "api_authorization_failed"
	case http.StatusNotFound:
		code = "resource_not_found"
	case http.StatusMethodNotAllowed:
		code = "http_method_not_supported"
	case http.StatusConflict:
		code = "invalid_state_for_request"
	case http.StatusUnprocessableEntity:
		code = "unable_to_process_request"
	case http.StatusTooManyRequests:
		code = "api_request_limit_exceeded"
	case http.StatusServiceUnavailable:
		code = "internal_temporary_error"
	default:
		if p.Status >= http.StatusInternalServerError {
			code = "internal_error"
		}
	}
	out := failure(p.Status, code, "%s", p.Message)
	out.retryAfter = p.RetryAfter
	return out
}

// refusal is an error of the control API.
func refusal(status int, format string, args ...any) error {
	return &sandbox.Refusal{Status: status, Message: fmt.Sprintf(format, args...)}
}
