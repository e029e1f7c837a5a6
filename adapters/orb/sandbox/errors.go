package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"

	"scrip/adapters/sandbox"
)

// problem is an error as the API sends it.
type problem struct {
	Type   string   `json:"type"`
	Status int      `json:"status"`
	Title  string   `json:"title"`
	Detail string   `json:"detail"`
	Errors []string `json:"validation_errors,omitempty"`
	Failed any      `json:"validation_failed,omitempty"`

	http   int // the answer's status, where the body says another
	header http.Header
}

// Error returns the detail.
func (p *problem) Error() string { return p.Detail }

// Fragments of the type URL that tell the problems apart.
const (
	constraintViolation = "400-constraint-violation"
	duplicateResource   = "400-duplicate-resource-creation"
	requestValidation   = "400-request-validation-errors"
	authenticationError = "401-authentication-error"
	resourceNotFound    = "404-resource-not-found"
	urlNotFound         = "404-url-not-found"
	resourceConflict    = "409-resource-conflict"
	requestTooLarge     = "413-request-too-large"
	tooManyRequests     = "429-too-many-requests"
	serverError         = "500-internal-server-error"
)

func failure(status int, fragment, title, format string, args ...any) *problem {
	return &problem{Type: "https://docs.withorb.com/reference/error-responses#" + fragment, Status: status, Title: title, Detail: fmt.Sprintf(format, args...)}
}

// violates is a valid request that a rule or the present state forbids.
func violates(format string, args ...any) *problem {
	return failure(http.StatusBadRequest, constraintViolation, "Constraint violation", format, args...)
}

// invalid is a request that does not have the documented shape.
func invalid(errors ...string) *problem {
	p := failure(http.StatusBadRequest, requestValidation, "Request validation errors", "The request is not valid: %s", errors[0])
	p.Errors = errors
	return p
}

func missing(kind, id string) *problem {
	return failure(http.StatusNotFound, resourceNotFound, "Resource not found", "No %s exists with the identifier %q", kind, id)
}

func noSuchPath(method, path string) *problem {
	return failure(http.StatusNotFound, urlNotFound, "URL not found", "The requested URL was not found: %s %s", method, path)
}

// answer writes the problem; no refusal uses up an idempotency key unless a
// variant says so.
func (p *problem) answer(kept bool) sandbox.Answer {
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"type":"https://docs.withorb.com/reference/error-responses#500-internal-server-error","status":500}`)
	}
	h := http.Header{}
	for k, v := range p.header {
		h[k] = v
	}
	status := p.Status
	if p.http != 0 {
		status = p.http
	}
	return sandbox.Answer{Status: status, Header: h, Body: body, Free: !kept}
}

// refuse puts what the kit refuses into Orb's shape.
func refuse(_ *sandbox.Account, p sandbox.Problem) sandbox.Answer { return refused(p).answer(false) }

func refused(p sandbox.Problem) *problem {
	switch p.Kind {
	case sandbox.Unauthorized:
		return failure(http.StatusUnauthorized, authenticationError, "Authentication error", "Send an API key as Bearer token in the Authorization header")
	case sandbox.NoSuchPath:
		return failure(http.StatusNotFound, urlNotFound, "URL not found", "The requested URL was not found: %s", p.Message)
	case sandbox.TooLarge:
		return failure(http.StatusRequestEntityTooLarge, requestTooLarge, "Request too large", "The request body is too large")
	case sandbox.BadBody:
		return invalid("the request body could not be read")
	case sandbox.KeyInUse:
		return failure(http.StatusConflict, resourceConflict, "Resource conflict", "A request with this idempotency key is still in progress")
	case sandbox.KeyOfOtherRequest:
		return failure(http.StatusConflict, resourceConflict, "Resource conflict", "The idempotency key was used before with a different request payload")
	case sandbox.KeyTooLong:
		return invalid("Idempotency-Key has at most 64 characters")
	case sandbox.Injected:
		return injected(p)
	default:
		return failure(http.StatusInternalServerError, serverError, "Internal server error", "%s", p.Message)
	}
}

// injected makes the problem that the API would send with a status.
func injected(p sandbox.Problem) *problem {
	fragment := serverError
	switch p.Status {
	case http.StatusUnauthorized:
		fragment = authenticationError
	case http.StatusNotFound:
		fragment = resourceNotFound
	case http.StatusConflict:
		fragment = resourceConflict
	case http.StatusRequestEntityTooLarge:
		fragment = requestTooLarge
	case http.StatusTooManyRequests:
		fragment = tooManyRequests
	default:
		if p.Status < http.StatusInternalServerError {
			fragment = constraintViolation
		}
	}
	out := failure(p.Status, fragment, http.StatusText(p.Status), "%s", p.Message)
	out.header = http.Header{}
	if p.Status >= http.StatusInternalServerError {
		out.header.Set("Transient-Error", "true")
	}
	if p.RetryAfter != "" {
		out.header.Set("Retry-After", p.RetryAfter)
	}
	return out
}

// refusal is an error of the control API.
func refusal(status int, format string, args ...any) error {
	return &sandbox.Refusal{Status: status, Message: fmt.Sprintf(format, args...)}
}
