package orb

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/httpx"
)

// sent is a request as the fake got it.
type sent struct {
	Method, Path, Query, Key string
	Body                     map[string]json.RawMessage
}

// text is a field of the body as it stood in the JSON.
func (s sent) text(name string) string { return string(s.Body[name]) }

// fake answers by method and path; a list of answers is used in turn, the last
// one again and again. "400 {…}" is an answer with that status.
type fake struct {
	t       *testing.T
	answers map[string][]string
	calls   []sent
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := sent{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Key: r.Header.Get("Idempotency-Key")}
	raw, _ := io.ReadAll(r.Body)
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &s.Body); err != nil {
			f.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
	}
	f.calls = append(f.calls, s)
	name := r.Method + " " + r.URL.Path
	if kind := r.URL.Query().Get("entry_type"); kind != "" {
		name += " " + kind
	}
	left := f.answers[name]
	if len(left) == 0 {
		f.t.Errorf("nobody expected %s", name)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if len(left) > 1 {
		f.answers[name] = left[1:]
	}
	status, body, found := strings.Cut(left[0], " ")
	if code := map[string]int{"400": 400, "404": 404, "409": 409, "500": 500}[status]; found && code != 0 {
		w.WriteHeader(code)
		io.WriteString(w, body)
		return
	}
	io.WriteString(w, left[0])
}

// writes are the calls that change something.
func (f *fake) writes() []sent {
	var out []sent
	for _, c := range f.calls {
		if c.Method != http.MethodGet {
			out = append(out, c)
		}
	}
	return out
}

func against(t *testing.T, answers map[string][]string) (*Adapter, *fake) {
	t.Helper()
	return reading(t, answers, "credits")
}

// reading is against with units.
func reading(t *testing.T, answers map[string][]string, units ...string) (*Adapter, *fake) {
	t.Helper()
	f := &fake{t: t, answers: answers}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	a, err := New(Config{
		Key: "key_1", BaseURL: s.URL, HTTP: httpx.NewClient(httpx.Options{Retries: -1}), Units: units,
		Now: func() core.Time { return at("2026-03-10T12:00:00Z") },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, f
}

func at(text string) core.Time {
	t, err := core.ParseTime(text)
	if err != nil {
		panic(err)
	}
	return t
}

func intent(n int) core.ID { return core.NewID(core.IntentID, "cust_1", "test", "key", n) }

const none = `{"data":[],"pagination_metadata":{"has_more":false,"next_cursor":null}}`

func pageOf(items ...string) string {
	return `{"data":[` + strings.Join(items, ",") + `],"pagination_metadata":{"has_more":false,"next_cursor":null}}`
}

func refusal(status, fragment, detail string) string {
	return status + ` {"type":"https://docs.withorb.com/reference/error-responses#` + fragment + `","status":` + status + `,"title":null,"detail":"` + detail + `"}`
}

func codeOf(err error) adapters.Code {
	if err == nil {
		return ""
	}
	return adapters.AsError(err).Code
}

var customerLinks = adapters.Links{{Neutral: "cust_1", Role: adapters.RoleCustomer, Vendor: "CU1"}}
