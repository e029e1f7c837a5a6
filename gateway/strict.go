package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"scrip/core"
)

const (
	maxBody  = 1 << 20 // bytes of a request body
	maxDepth = 32      // of JSON
)

// encode writes v as one line of JSON. Text that came from outside may hold
// broken UTF-8, which must not break an answer.
func encode(w io.Writer, v any) error {
	if err := json.MarshalWrite(w, v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return err
	}
	_, err := w.Write([]byte("\n"))
	return err
}

// readBody reads a request's JSON body within its limit. An empty body is nil.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, core.Errorf(core.CodeTooLarge, "the body is larger than %d bytes, send less at once", maxBody)
	case err != nil:
		return nil, core.Errorf(core.CodeMalformed, "the body ended before it was complete")
	case len(body) == 0:
		return nil, nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, unsupportedMedia("the body must not be compressed")
	}
	if text := r.Header.Get("Content-Type"); text != "" {
		kind, params, err := mime.ParseMediaType(text)
		charset, named := params["charset"]
		if err != nil || kind != "application/json" || named && !strings.EqualFold(charset, "utf-8") {
			return nil, unsupportedMedia("the body must be application/json in utf-8")
		}
	}
	return body, nil
}

func unsupportedMedia(detail string) error {
	return &refusal{err: core.Errorf(core.CodeMalformed, "%s", detail), status: http.StatusUnsupportedMediaType}
}

// decode reads one JSON object into v: no duplicate, unknown or differently
// cased name, no broken UTF-8, nothing after the object, no NUL in a string.
func decode(body []byte, v any) error {
	if start := bytes.TrimLeft(body, " \t\r\n"); len(start) == 0 || start[0] != '{' {
		return core.Errorf(core.CodeMalformed, "the body is not a JSON object")
	}
	if depth(body) > maxDepth {
		return core.Errorf(core.CodeMalformed, "the body nests deeper than %d", maxDepth)
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return jsonFault(err)
	}
	if bytes.Contains(body, []byte(`\u0000`)) {
		return refuseNUL(body)
	}
	return nil
}

// depth is how deep brackets nest outside strings, in valid JSON or not.
func depth(body []byte) int {
	now, most, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}

// jsonFault says what is wrong without repeating the input.
func jsonFault(err error) error {
	var known *core.Error
	var meaning *json.SemanticError
	var syntax *jsontext.SyntacticError
	at := ""
	if errors.As(err, &meaning) {
		at = fieldAt(meaning.JSONPointer)
	}
	switch {
	case errors.As(err, &known):
		return core.InField(known, at)
	case errors.Is(err, json.ErrUnknownName):
		return core.InField(core.Errorf(core.CodeMalformed, "the field is not known here, check its spelling"), at)
	case errors.Is(err, jsontext.ErrDuplicateName):
		if errors.As(err, &syntax) {
			at = fieldAt(syntax.JSONPointer)
		}
		return core.InField(core.Errorf(core.CodeMalformed, "the field stands twice in one object"), at)
	case meaning != nil && meaning.GoType != nil:
		return core.InField(core.Errorf(core.CodeInvalid, "the field must be %s", kindName(meaning.GoType)), at)
	case errors.As(err, &syntax):
		return core.Errorf(core.CodeMalformed, "the body is not valid JSON near byte %d", syntax.ByteOffset)
	}
	return core.Errorf(core.CodeMalformed, "the body is not valid JSON")
}

// fieldAt is a JSON pointer in dotted form; a name that no field of ours
// could have is not repeated.
func fieldAt(p jsontext.Pointer) string {
	var parts []string
	for name := range p.Tokens() {
		if len(name) > 40 || strings.IndexFunc(name, func(c rune) bool {
			return c > 'z' || c < '0' && c != '-' && c != '.' || c > '9' && c < 'A' || c > 'Z' && c < 'a' && c != '_'
		}) >= 0 {
			name = "?"
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ".")
}

func kindName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// refuseNUL looks for a NUL in names and strings, where the escape for it was
// seen; an escaped backslash before u0000 is none.
func refuseNUL(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return nil // the end: the body was valid before
		}
		if token.Kind() == '"' && strings.ContainsRune(token.String(), 0) {
			return core.InField(core.Errorf(core.CodeMalformed, "a string holds a NUL character"), fieldAt(d.StackPointer()))
		}
	}
}
