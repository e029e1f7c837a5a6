package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"

	"scrip/adapters/sandbox"
)

// problem is an error as the API sends it: a message, and in one case a code.
type problem struct {
	Message string `json:"message"`
	Code    string `json:"code,omitempty"`

	status int
	header http.Header
}

// Error returns the message.
func (p *problem) Error() string { return p.Message }

func failure(status int, format string, args ...any) *problem {
	return &problem{Message: fmt.Sprintf(format, args...), status: status}
}

// invalid is a request that a rule forbids.
func invalid(format string, args ...any) *problem {
	return failure(http.StatusBadRequest, format, args...)
}

func missing(kind, id string) *problem {
	return failure(http.StatusNotFound, "%s %q not found", kind, id)
}

// answer writes the problem; a request that was never executed leaves its
// idempotency key unused.
func (p *problem) answer() sandbox.Answer {
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"message":"internal error"}`)
	}
	h := http.Header{}
	for k, v := range p.header {
		h[k] = v
	}
	return sandbox.Answer{Status: p.status, Header: h, Body: body, Free: true}
}

// refuse puts what the kit refuses into Metronome's shape.
func refuse(_ *sandbox.Account, p sandbox.Problem) sandbox.Answer { return refused(p).answer() }

func refused(p sandbox.Problem) *problem {
	switch p.Kind {
	case sandbox.Unauthorized:
		return failure(http.StatusUnauthorized, "Unauthorized")
	case sandbox.NoSuchPath:
		return failure(http.StatusNotFound, "Not found: %s", p.Message)
	case sandbox.TooLarge:
		return failure(http.StatusRequestEntityTooLarge, "Request body is too large")
	case sandbox.BadBody:
		return invalid("The request body could not be read")
	case sandbox.KeyInUse:
		return failure(http.StatusConflict, "A request with this idempotency key is in progress.")
	case sandbox.KeyOfOtherRequest:
		return failure(http.StatusConflict, "This idempotency key has already been used with different parameters.")
	case sandbox.KeyTooLong:
		return invalid("The idempotency key is too long")
	case sandbox.Injected:
		out := failure(p.Status, "%s", p.Message)
		if p.RetryAfter != "" {
			out.header = http.Header{"Retry-After": {p.RetryAfter}}
		}
		return out
	default:
		return failure(http.StatusInternalServerError, "%s", p.Message)
	}
}

// refusal is an error of the control API.
func refusal(status int, format string, args ...any) error {
	return &sandbox.Refusal{Status: status, Message: fmt.Sprintf(format, args...)}
}
