package gateway

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"scrip/core"
)

// Problem is an RFC 9457 problem document. Programs act on Code.
type Problem struct {
	Type      string    `json:"type" doc:"urn:scrip:error: and the code" example:"urn:scrip:error:invalid"`
	Title     string    `json:"title" doc:"a few words, the same for every problem of the code"`
	Status    int       `json:"status" doc:"the HTTP status"`
	Detail    string    `json:"detail" doc:"what happened and what to do, for people"`
	Code      core.Code `json:"code" doc:"the stable name of the kind of problem"`
	Field     string    `json:"field,omitempty" doc:"the input field at fault, dotted"`
	Available string    `json:"available,omitempty" doc:"insufficient_credits: what could have been spent"`
	Required  string    `json:"required,omitempty" doc:"insufficient_credits: what was asked for"`
	RequestID string    `json:"request_id,omitempty" doc:"names the request in the logs"`
	Retryable bool      `json:"retryable" doc:"whether the same request may succeed later"`
	header    http.Header
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that go with the problem.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType says that the document is a problem.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// refusal is an error whose status or headers differ from its code's.
type refusal struct {
	err    *core.Error
	status int
	header http.Header
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// replayed marks a refusal that was decided by an earlier request.
func replayed(err error, before bool) error {
	var known *core.Error
	if err == nil || !before || !errors.As(err, &known) {
		return err
	}
	return &refusal{err: known, header: http.Header{"Idempotent-Replayed": {"true"}}}
}

func errNoRoute() error {
	return core.Errorf(core.CodeNotFound, "nothing answers at this path, see /openapi.json")
}

func errMethod(method string) error {
	return &refusal{
		err:    core.Errorf(core.CodeMalformed, "method %q is not allowed here, see the Allow header", short(method)),
		status: http.StatusMethodNotAllowed,
	}
}

// short bounds what is quoted of an input. A cut text ends in dots, so that it
// is never taken for a valid one.
func short(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

func internalProblem(id string) *Problem {
	return problemOf(core.Errorf(core.CodeInternal, "something failed inside, the request id %s leads to the log", id), id)
}

func problemOf(e *core.Error, id string) *Problem {
	class := e.Code.Class()
	return &Problem{
		Type: "urn:scrip:error:" + string(e.Code), Title: class.Title, Status: class.HTTP, Detail: e.Message,
		Code: e.Code, Field: e.Field, Available: e.Available, Required: e.Required,
		RequestID: id, Retryable: class.Retry, header: http.Header{},
	}
}

// problem turns any error into what a caller may see of it; what may not be
// seen is logged.
func (g *gateway) problem(c *call, err error) *Problem {
	var known *core.Error
	if !errors.As(err, &known) || known.Code == core.CodeInternal {
		g.Log.Error("a request failed", "request_id", c.id, "route", c.route, "error", err.Error())
		return internalProblem(c.id)
	}
	p := problemOf(known, c.id)
	var r *refusal
	if errors.As(err, &r) {
		if r.status != 0 {
			p.Status, p.Title = r.status, strings.ToLower(http.StatusText(r.status))
		}
		if r.header != nil {
			p.header = r.header
		}
	}
	if known.Code == core.CodeUnavailable {
		g.Log.Warn("a request could not be taken", "request_id", c.id, "route", c.route, "error", causes(err))
		p.header = p.header.Clone()
		p.header.Set("Retry-After", "1")
	}
	return p
}

// causes spells an error out for the log.
func causes(err error) string {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		return errors.Join(many.Unwrap()...).Error()
	}
	return err.Error()
}

// refuse answers with the problem of err.
func (g *gateway) refuse(w http.ResponseWriter, r *http.Request, err error) {
	g.writeProblem(w, g.problem(callOf(r.Context()), err))
}

func (g *gateway) writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if err := encode(w, p); err != nil {
		g.Log.Debug("an answer was not taken", "request_id", p.RequestID, "error", err.Error())
	}
}

// requestID takes a caller's id when it is harmless, else makes one.
func requestID(given string) string {
	const most = 64
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	if given != "" && len(given) <= most && strings.IndexFunc(given, func(c rune) bool { return !plain(c) }) < 0 {
		return given
	}
	return rand.Text()
}
