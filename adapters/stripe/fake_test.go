package stripe

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/httpx"
)

// sent is a request as the fake received it.
type sent struct {
	method, path string
	header       http.Header
	form         url.Values
}

// fake answers with what a test wants and keeps the requests.
type fake struct {
	mu   sync.Mutex
	list []sent
}

func (f *fake) requests() []sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]sent{}, f.list...)
}

// at returns an adapter against a fake that answers with f.
func at(t *testing.T, answer func(w http.ResponseWriter, r sent)) (*Adapter, *fake) {
	t.Helper()
	f := &fake{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		for k, v := range r.URL.Query() {
			form[k] = v
		}
		got := sent{r.Method, r.URL.Path, r.Header.Clone(), form}
		f.mu.Lock()
		f.list = append(f.list, got)
		f.mu.Unlock()
		answer(w, got)
	}))
	t.Cleanup(s.Close)
	a, err := New(Config{Key: canaryKey, WebhookSecrets: []string{canarySecret}, BaseURL: s.URL, Now: func() core.Time { return today },
		HTTP: httpx.NewClient(httpx.Options{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond})})
	if err != nil {
		t.Fatal(err)
	}
	return a, f
}

const (
	canaryKey    = "sk_test_canarykey"
	canarySecret = "whsec_canarysecret"
	day          = core.Time(24 * 3600 * 1_000_000)
)

var today = core.TimeOf(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC))

// reply writes a JSON answer.
func reply(status int, body string) func(http.ResponseWriter, sent) {
	return func(w http.ResponseWriter, _ sent) {
		w.Header().Set("Request-Id", "req_123")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// script answers by method and path.
func script(answers map[string]string) func(http.ResponseWriter, sent) {
	return func(w http.ResponseWriter, r sent) {
		body, ok := answers[r.method+" "+r.path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			body = `{"error":{"type":"invalid_request_error","code":"url_invalid"}}`
		} else if strings.HasPrefix(body, `{"error"`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		io.WriteString(w, body)
	}
}

func intent(n int) core.ID { return core.NewID(core.IntentID, "cust_1", "test", "key", n) }

var linked = adapters.Links{
	{Neutral: "cust_1", Role: adapters.RoleCustomer, Vendor: "cus_1"},
	{Neutral: adapters.SetupNeutral, Role: adapters.RoleMeter, Vendor: "mtr_1"},
}

func grantOrder() adapters.GrantOrder {
	return adapters.GrantOrder{
		Mark: adapters.Mark{ID: intent(1), Kind: adapters.GrantKind, Neutral: "grn_1", Customer: "cus_1"}, Grant: "grn_1",
		Value: core.Money{Minor: 8000, Currency: "usd"}, Unit: core.Unit{Code: "credits", Scale: 2}, Original: 100_000, Consumed: 0,
		Category: core.Paid, Priority: 50, Starts: today, Expires: today + 30*day, Basis: core.Money{Minor: 8000, Currency: "usd"},
		Source: "pur_1", Now: today, Links: linked,
	}
}
