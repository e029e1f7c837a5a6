// Package speccheck holds requests and answers against a vendor's OpenAPI
// document. Only tests use it.
package speccheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	verrors "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/paths"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// MaterialVariable names the environment variable that says where the vendors'
// documents lie; tests that need them skip when it is unset.
const MaterialVariable = "SCRIP_VENDOR_MATERIAL"

// Material returns the path of a file of vendor material, and false when the
// environment names no folder.
func Material(name string) (string, bool) {
	dir := os.Getenv(MaterialVariable)
	return filepath.Join(dir, name), dir != ""
}

// Spec is a loaded OpenAPI document.
type Spec struct {
	model   *v3.Document
	check   validator.Validator
	options *config.ValidationOptions
}

// Load reads an OpenAPI document from a JSON file.
func Load(path string) (*Spec, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document cannot be read: %w", err)
	}
	if raw, err = patched(raw); err != nil {
		return nil, fmt.Errorf("OpenAPI document %q is not JSON: %w", path, err)
	}
	doc, err := libopenapi.NewDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document %q cannot be used: %w", path, err)
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document %q cannot be used: %w", path, err)
	}
	set := []config.Option{config.WithURLEncodedBodyValidation(), config.WithoutSecurityValidation()}
	check, errs := validator.NewValidator(doc, set...)
	if len(errs) > 0 {
		return nil, fmt.Errorf("OpenAPI document %q cannot be used: %w", path, errors.Join(errs...))
	}
	return &Spec{model: &model.Model, check: check, options: config.NewValidationOptions(set...)}, nil
}

// patched mends three things in which the validator reads documents otherwise
// than their authors: form values may hold reserved characters, as e-mail
// addresses do; `nullable` beside `anyOf` without a type allows null; and
// `oneOf` a schema and null allows null even where the schema allows anything.
func patched(raw []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	allowNull(doc)
	items, _ := doc["paths"].(map[string]any)
	for _, item := range items {
		operations, _ := item.(map[string]any)
		for _, operation := range operations {
			allowReserved(operation)
		}
	}
	return json.Marshal(doc)
}

// allowNull walks a document, adds null to the choices of every nullable
// anyOf, and makes a oneOf of a schema and null an anyOf.
func allowNull(node any) {
	switch x := node.(type) {
	case []any:
		for _, v := range x {
			allowNull(v)
		}
	case map[string]any:
		for _, v := range x {
			allowNull(v)
		}
		choices, _ := x["anyOf"].([]any)
		if null, _ := x["nullable"].(bool); null && len(choices) > 0 {
			x["anyOf"] = append(choices, map[string]any{"type": "string", "nullable": true, "enum": []any{nil}})
		}
		if one, _ := x["oneOf"].([]any); len(one) == 2 && x["anyOf"] == nil && x["discriminator"] == nil && isNull(one[1]) {
			x["anyOf"] = one
			delete(x, "oneOf")
		}
	}
}

func isNull(schema any) bool {
	x, _ := schema.(map[string]any)
	return len(x) == 1 && x["type"] == "null"
}

func allowReserved(operation any) {
	op, _ := operation.(map[string]any)
	body, _ := op["requestBody"].(map[string]any)
	content, _ := body["content"].(map[string]any)
	media, _ := content["application/x-www-form-urlencoded"].(map[string]any)
	schema, _ := media["schema"].(map[string]any)
	properties, _ := schema["properties"].(map[string]any)
	if len(properties) == 0 {
		return
	}
	encoding, _ := media["encoding"].(map[string]any)
	if encoding == nil {
		encoding = map[string]any{}
		media["encoding"] = encoding
	}
	for name := range properties {
		one, _ := encoding[name].(map[string]any)
		if one == nil {
			one = map[string]any{}
			encoding[name] = one
		}
		one["allowReserved"] = true
	}
}

// Exchange is one request and its answer.
type Exchange struct {
	Method, URL string
	Header      http.Header
	Body        []byte
	Status      int
	ReplyHeader http.Header
	Reply       []byte
}

// String names the call.
func (x Exchange) String() string { return fmt.Sprintf("%s %s -> %d", x.Method, x.URL, x.Status) }

// Check returns what in an exchange does not fit the document, empty when all
// does. The request is judged only if it was accepted (2xx): a refused one may
// be wrong on purpose.
func (s *Spec) Check(x Exchange) []string {
	body := indexed(x.Header.Get("Content-Type"), x.Body)
	req, err := http.NewRequest(x.Method, x.URL, bytes.NewReader(body))
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", x, err)}
	}
	req.Header = x.Header.Clone()
	item, errs, _ := paths.FindPath(req, s.model, s.options)
	if item == nil || len(errs) > 0 {
		return []string{fmt.Sprintf("%s: the document has no such call", x)}
	}
	var out []string
	if x.Status/100 == 2 {
		out = append(out, s.unknownQuery(x, req, item)...)
		out = append(out, unknownForm(x, string(body), item)...)
		_, errs := s.check.ValidateHttpRequest(req)
		out = append(out, tell(x, "request", errs)...)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp := &http.Response{StatusCode: x.Status, Header: x.ReplyHeader, Body: io.NopCloser(bytes.NewReader(x.Reply)), Request: req}
	_, errs = s.check.ValidateHttpResponse(req, resp)
	return append(out, tell(x, "answer", errs)...)
}

// unknownQuery finds query names that the operation does not declare, which
// the validator lets pass.
func (s *Spec) unknownQuery(x Exchange, req *http.Request, item *v3.PathItem) []string {
	known := map[string]bool{}
	list := item.Parameters
	if op, ok := item.GetOperations().Get(strings.ToLower(x.Method)); ok {
		list = append(list, op.Parameters...)
	}
	for _, p := range list {
		if p.In == "query" {
			known[p.Name] = true
		}
	}
	var out []string
	for name := range req.URL.Query() {
		short, _, _ := strings.Cut(name, "[")
		if !known[short] && !known[name] {
			out = append(out, fmt.Sprintf("%s: request: query parameter %q is not declared", x, name))
		}
	}
	return out
}

// unknownForm finds form names that the operation does not declare, which the
// validator lets pass unless the document forbids others.
func unknownForm(x Exchange, body string, item *v3.PathItem) []string {
	op, ok := item.GetOperations().Get(strings.ToLower(x.Method))
	if !ok || op.RequestBody == nil || op.RequestBody.Content == nil {
		return nil
	}
	media, ok := op.RequestBody.Content.Get("application/x-www-form-urlencoded")
	if !ok || media.Schema == nil || !strings.HasPrefix(x.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil
	}
	schema, form := media.Schema.Schema(), map[string]bool{}
	if schema == nil || schema.Properties == nil {
		return nil
	}
	for pair := range strings.SplitSeq(body, "&") {
		if name, err := url.QueryUnescape(strings.SplitN(pair, "=", 2)[0]); err == nil && name != "" {
			form[name] = true
		}
	}
	var out []string
	for name := range form {
		short, _, _ := strings.Cut(name, "[")
		if _, ok := schema.Properties.Get(short); !ok {
			out = append(out, fmt.Sprintf("%s: request: form parameter %q is not declared", x, name))
		}
	}
	return out
}

func tell(x Exchange, side string, errs []*verrors.ValidationError) []string {
	var out []string
	for _, e := range errs {
		if len(e.SchemaValidationErrors) == 0 {
			out = append(out, fmt.Sprintf("%s: %s: %s: %s", x, side, e.Message, e.Reason))
		}
		for _, v := range e.SchemaValidationErrors {
			out = append(out, fmt.Sprintf("%s: %s: %s at %s", x, side, v.Reason, v.FieldPath))
		}
	}
	return out
}
