package metronome

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
	call, query, key string
	body             map[string]json.RawMessage
}

// fake answers by method and path; a list of answers is used in turn, the last
// one again and again. "400 {…}" is an answer with that status.
type fake struct {
	t       *testing.T
	answers map[string][]string
	calls   []sent
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := sent{call: r.Method + " " + r.URL.Path, query: r.URL.RawQuery, key: r.Header.Get("Idempotency-Key")}
	if raw, _ := io.ReadAll(r.Body); len(raw) > 0 {
		if err := json.Unmarshal(raw, &s.body); err != nil {
			f.t.Errorf("%s: %v", s.call, err)
		}
	}
	f.calls = append(f.calls, s)
	left := f.answers[s.call]
	if len(left) == 0 {
		f.t.Errorf("nobody expected %s", s.call)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if len(left) > 1 {
		f.answers[s.call] = left[1:]
	}
	status, body, found := strings.Cut(left[0], " ")
	if code := map[string]int{"400": 400, "404": 404, "409": 409, "500": 500}[status]; found && code != 0 {
		w.WriteHeader(code)
		io.WriteString(w, body)
		return
	}
	io.WriteString(w, left[0])
}

// to are the requests of one call.
func (f *fake) to(call string) []sent {
	var out []sent
	for _, s := range f.calls {
		if s.call == call {
			out = append(out, s)
		}
	}
	return out
}

func against(t *testing.T, answers map[string][]string) (*Adapter, *fake) {
	t.Helper()
	f := &fake{t: t, answers: answers}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	a, err := New(Config{
		Key: "key_1", BaseURL: s.URL, HTTP: httpx.NewClient(httpx.Options{Retries: -1}),
		Now: func() core.Time { return when("2026-03-10T12:30:00Z") },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, f
}

func when(text string) core.Time {
	t, err := core.ParseTime(text)
	if err != nil {
		panic(err)
	}
	return t
}

func intent(n int) core.ID { return core.NewID(core.IntentID, "cust_1", "test", "key", n) }

func pageOf(items ...string) string {
	return `{"data":[` + strings.Join(items, ",") + `],"next_page":null}`
}

func codeOf(err error) adapters.Code {
	if err == nil {
		return ""
	}
	return adapters.AsError(err).Code
}

// The calls that most tests answer.
const (
	lists    = "POST /v1/contracts/customerBalances/list"
	commits  = "POST /v1/contracts/customerCommits/create"
	credits  = "POST /v1/contracts/customerCredits/create"
	entries  = "POST /v1/contracts/addManualBalanceLedgerEntry"
	keyTaken = `409 {"message":"This uniqueness key has already been used."}`
	someone  = "22222222-2222-4222-8222-222222222222"
)

var known = adapters.Links{
	{Neutral: "cust_1", Role: adapters.RoleCustomer, Vendor: someone},
	{Neutral: "starter", Role: adapters.RoleProduct, Vendor: "of another"},
	{Neutral: adapters.SetupNeutral, Role: adapters.RoleProduct, Vendor: "product_1"},
	{Neutral: adapters.SetupNeutral, Role: roleFields, Vendor: metaIntent},
	{Neutral: "grant_1", Role: adapters.RoleGrant, Vendor: "lot_1"},
}

// lotOf writes a listed lot of 100 units with one segment in March 2026.
func lotOf(id, kind, more string) string {
	return `{"id":"` + id + `","type":"` + kind + `","product":{"id":"p"},"access_schedule":{"credit_type":{"id":"` + units + `","name":"credits"},"schedule_items":[
		{"id":"segment_` + id + `","amount":100,"starting_at":"2026-03-01T00:00:00Z","ending_before":"2026-04-01T00:00:00Z"}]}` + more + `}`
}
