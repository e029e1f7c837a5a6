package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// apiVersion is the version of the API's description; it grows when a call is
// added or a shape changes, not with every build.
const apiVersion = "1.0.0"

// newAPI is the framework over the router. Nothing of it is reached that
// would answer with its own errors: parameters are plain strings which the
// handlers check, and bodies are decoded by this package. So its process-wide
// error constructor stays as it is.
func newAPI(rt *router) huma.API {
	format := huma.Format{
		Marshal:   func(w io.Writer, v any) error { return encode(w, v) },
		Unmarshal: decode,
	}
	return humago.New(rt, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Scrip",
				Version:     apiVersion,
				Description: "Prepaid credits: grants, debits, holds and their ledger. Amounts are decimal strings, times are RFC 3339 in UTC.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/"}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key": {Type: "http", Scheme: "bearer", Description: "an API key; its scope is read, write or admin, each including the one before"},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
	})
}

// operation describes a route to the framework.
func (rt route) operation(need access, status int) huma.Operation {
	op := huma.Operation{
		Method: rt.method, Path: rt.path, OperationID: rt.id, Summary: rt.summary, Tags: []string{rt.tag},
		DefaultStatus: status, SkipValidateParams: true, SkipValidateBody: true,
		Responses: map[string]*huma.Response{"default": {
			Description: "A problem: see its code.",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}},
		}},
		Extensions: map[string]any{"x-scope": need.String()},
	}
	if need != public {
		op.Security = []map[string][]string{{"key": {}}}
	}
	if rt.keyed {
		shortest, longest := 1, 255
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header", Required: true,
			Description: "New for each intended effect; the same key always gives the first answer.",
			Schema:      &huma.Schema{Type: huma.TypeString, MinLength: &shortest, MaxLength: &longest, Pattern: "^[ -~]+$"},
		})
	}
	return op
}

// document completes the description of a mounted route by what the framework
// does not see: its body, and that only keyed commands are replayed.
func document[B any](g *gateway, rt route, status string) {
	op := operationAt(g.api.OpenAPI(), rt)
	if !rt.keyed {
		delete(op.Responses[status].Headers, "Idempotent-Replayed")
	}
	body := reflect.TypeFor[B]()
	if body == reflect.TypeFor[none]() {
		return
	}
	op.RequestBody = &huma.RequestBody{
		Required: !rt.empty,
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: g.api.OpenAPI().Components.Schemas.Schema(body, true, ""),
		}},
	}
}

func operationAt(doc *huma.OpenAPI, rt route) *huma.Operation {
	item := doc.Paths[rt.path]
	switch rt.method {
	case http.MethodGet:
		return item.Get
	case http.MethodPut:
		return item.Put
	case http.MethodDelete:
		return item.Delete
	}
	return item.Post
}

// OpenAPI returns the API's description, an OpenAPI 3.1 document.
func OpenAPI() ([]byte, error) {
	return describe(build(Options{}).api)
}

// describe writes the document, tidied: lists are never null, and answers may
// gain fields while bodies may not.
func describe(api huma.API) ([]byte, error) {
	doc := api.OpenAPI()
	schemas := doc.Components.Schemas
	schemas.Schema(reflect.TypeFor[Problem](), true, "")
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} {
		delete(schemas.Map(), unused) // the framework's own errors
	}
	for name, s := range schemas.Map() {
		tidy(s, strings.HasSuffix(name, "Body"))
		allowNull(s, schemas.TypeFromRef("#/components/schemas/"+name))
	}
	compact, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func tidy(s *huma.Schema, closed bool) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	if open, is := s.AdditionalProperties.(bool); is && !open && !closed {
		s.AdditionalProperties = nil
	}
	tidy(s.Items, closed)
	for _, property := range s.Properties {
		tidy(property, closed)
	}
}

// allowNull says of each object that an answer always names and may not have
// that it can be null: of a pointer to a struct the framework says only what
// it points to.
func allowNull(s *huma.Schema, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			allowNull(s, embedded)
			continue
		}
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := s.Properties[name]
		if property == nil || property.Ref == "" || f.Type.Kind() != reflect.Pointer || rest == "omitempty" {
			continue
		}
		s.Properties[name] = &huma.Schema{
			Description: property.Description,
			AnyOf:       []*huma.Schema{{Ref: property.Ref}, {Type: "null"}},
		}
	}
}

// mountOpenAPI serves the description. It is written on mounting, after every
// other route.
func (g *gateway) mountOpenAPI() {
	doc, err := describe(g.api)
	if err != nil {
		panic("the API cannot be described: " + err.Error()) // a type of this package
	}
	g.router.raw(public, "GET /openapi.json", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(doc); err != nil {
			g.Log.Debug("an answer was not taken", "error", err.Error())
		}
	}))
}
