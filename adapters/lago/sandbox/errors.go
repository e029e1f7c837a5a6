package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"

	"scrip/adapters/sandbox"
)

// problem is an error as the API sends it.
type problem struct {
	Status  int            `json:"status"`
	Text    string         `json:"error"`
	Code    string         `json:"code,omitempty"`
	Details map[string]any `json:"error_details,omitempty"`

	header http.Header
}

// Error returns the code, or the text where there is none.
func (p *problem) Error() string {
	if p.Code != "" {
		return p.Code
	}
	return p.Text
}

func missing(kind string) *problem {
	return &problem{Status: http.StatusNotFound, Text: "Not Found", Code: kind + "_not_found"}
}

func notAllowed(code string) *problem {
	return &problem{Status: http.StatusMethodNotAllowed, Text: "Method Not Allowed", Code: code}
}

func forbidden(code string) *problem {
	return &problem{Status: http.StatusForbidden, Text: "Forbidden", Code: code}
}

// invalid is a request with one field that is refused.
func invalid(field string, codes ...string) *problem {
	return refusedFields(map[string]any{field: codes})
}

func refusedFields(details map[string]any) *problem {
	return &problem{Status: http.StatusUnprocessableEntity, Text: "Unprocessable Entity", Code: "validation_errors", Details: details}
}

// noRoot is a request without the object it is about.
func (w *world) noRoot(name string) *problem {
	text := "BadRequest: param is missing or the value is empty or invalid: " + name
	if w.a.Variant(bareBadRequest) {
		text = "Bad Request"
	}
	return &problem{Status: http.StatusBadRequest, Text: text}
}

// faults collects the fields of a request that are refused.
type faults map[string]any

func (f faults) add(field string, codes ...string) {
	list, _ := f[field].([]string)
	f[field] = append(list, codes...)
}

func (f faults) problem() error {
	if len(f) == 0 {
		return nil
	}
	return refusedFields(f)
}

func (p *problem) answer() sandbox.Answer {
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"status":500,"error":"Internal Server Error"}`)
	}
	h := http.Header{}
	for k, v := range p.header {
		h[k] = v
	}
	return sandbox.Answer{Status: p.Status, Header: h, Body: body}
}

// refuse puts what the kit refuses into Lago's shape.
func refuse(_ *sandbox.Account, p sandbox.Problem) sandbox.Answer {
	switch p.Kind {
	case sandbox.Unauthorized:
		return (&problem{Status: http.StatusUnauthorized, Text: "Unauthorized"}).answer()
	case sandbox.NoSuchPath:
		return (&problem{Status: http.StatusNotFound, Text: "Not Found", Code: "resource_not_found"}).answer()
	case sandbox.TooLarge:
		return (&problem{Status: http.StatusRequestEntityTooLarge, Text: "Request Entity Too Large"}).answer()
	case sandbox.BadBody:
		return (&problem{Status: http.StatusBadRequest, Text: "BadRequest: the body could not be read"}).answer()
	case sandbox.Injected:
		return injected(p).answer()
	default:
		return (&problem{Status: http.StatusInternalServerError, Text: "Internal Server Error"}).answer()
	}
}

// injected is what the API sends with a status; a limit of calls names the
// seconds to wait in a header of its own.
func injected(p sandbox.Problem) *problem {
	out := &problem{Status: p.Status, Text: http.StatusText(p.Status), header: http.Header{}}
	switch p.Status {
	case http.StatusForbidden:
		out.Code = "feature_unavailable"
	case http.StatusNotFound:
		out.Code = "resource_not_found"
	case http.StatusMethodNotAllowed:
		out.Code = "not_allowed"
	case http.StatusUnprocessableEntity:
		out.Code, out.Text, out.Details = "validation_errors", "Unprocessable Entity", map[string]any{"base": []string{"injected"}}
	case http.StatusTooManyRequests:
		wait := p.RetryAfter
		if wait == "" {
			wait = "1"
		}
		out.header = limitHeader(callsPerSecond, 0, wait)
	}
	return out
}

// refusal is an error of the control API.
func refusal(status int, format string, args ...any) error {
	return &sandbox.Refusal{Status: status, Message: fmt.Sprintf(format, args...)}
}
