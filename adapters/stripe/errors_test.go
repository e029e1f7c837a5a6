package stripe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
)

func TestErrorClasses(t *testing.T) {
	told := func(typ, code string) string {
		return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"canary message about %s"}}`, typ, code, canaryKey)
	}
	invalid := func(code string) string { return told("invalid_request_error", code) }
	for _, c := range []struct {
		name        string
		status      int
		body        string
		write, read adapters.Code
		vendor      string
	}{
		{"bad parameter", 400, invalid("parameter_missing"), adapters.CodeInvalid, adapters.CodeInvalid, "parameter_missing"},
		{"no code", 400, invalid(""), adapters.CodeInvalid, adapters.CodeInvalid, "invalid_request_error"},
		{"strange code", 400, invalid("Canary Code!"), adapters.CodeInvalid, adapters.CodeInvalid, "invalid_request_error"},
		{"missing object of a parameter", 400, invalid("resource_missing"), adapters.CodeNotFound, adapters.CodeNotFound, "resource_missing"},
		{"key", 401, invalid(""), adapters.CodeUnauthorized, adapters.CodeUnauthorized, "invalid_request_error"},
		{"card", 402, told("card_error", "card_declined"), adapters.CodeInvalid, adapters.CodeInvalid, "card_declined"},
		{"permission", 403, invalid(""), adapters.CodeForbidden, adapters.CodeForbidden, "invalid_request_error"},
		{"missing", 404, invalid("resource_missing"), adapters.CodeNotFound, adapters.CodeNotFound, "resource_missing"},
		{"key in use", 409, told("idempotency_error", "idempotency_key_in_use"), adapters.CodeInProgress, adapters.CodeInProgress, "idempotency_key_in_use"},
		{"key in use, plainer", 409, invalid("idempotency_key_in_use"), adapters.CodeInProgress, adapters.CodeInProgress, "idempotency_key_in_use"},
		{"key of another request", 400, told("idempotency_error", ""), adapters.CodeConflict, adapters.CodeConflict, "idempotency_error"},
		{"the same with 409", 409, told("idempotency_error", ""), adapters.CodeConflict, adapters.CodeConflict, "idempotency_error"},
		{"lock", 429, invalid("lock_timeout"), adapters.CodeRateLimited, adapters.CodeRateLimited, "lock_timeout"},
		{"lock with 409", 409, invalid("lock_timeout"), adapters.CodeRateLimited, adapters.CodeRateLimited, "lock_timeout"},
		{"rate", 429, invalid("rate_limit"), adapters.CodeRateLimited, adapters.CodeRateLimited, "rate_limit"},
		{"busy", 409, invalid(""), adapters.CodeInProgress, adapters.CodeInProgress, "invalid_request_error"},
		{"failure", 500, told("api_error", ""), adapters.CodeUnknown, adapters.CodeUnavailable, "api_error"},
		{"failure of the key store", 500, told("idempotency_error", ""), adapters.CodeUnknown, adapters.CodeUnavailable, "idempotency_error"},
		{"unavailable", 503, told("api_error", ""), adapters.CodeUnknown, adapters.CodeUnavailable, "api_error"},
		{"page", 502, "<html>canary", adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"page with 400", 400, "<html>canary", adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"no error in it", 400, `{"canary":1}`, adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"success with a page", 200, "<html>canary", adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"empty", 200, "", adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"cut", 200, `{"id":"credgr_1","obj`, adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"null", 200, `null`, adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"other shape", 200, `{"object":"canary","data":{}}`, adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"an array", 200, `["canary"]`, adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"redirect", 302, ``, adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
		{"too long", 200, `{"id":"` + strings.Repeat("x", 5<<20) + `"}`, adapters.CodeUnknown, adapters.CodeBadAnswer, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := at(t, reply(c.status, c.body))
			_, wrote := a.CreateGrant(t.Context(), grantOrder())
			read := a.Probe(t.Context())
			for _, x := range []struct {
				err  error
				want adapters.Code
			}{{wrote, c.write}, {read, c.read}} {
				e := adapters.AsError(x.err)
				if e.Code != x.want || e.Ambiguous() != (x.want == adapters.CodeUnknown) {
					t.Errorf("code %q, want %q: %v", e.Code, x.want, x.err)
				}
				if e.Vendor != c.vendor || c.vendor != "" && e.RequestID != "req_123" {
					t.Errorf("vendor code %q and request %q, want %q", e.Vendor, e.RequestID, c.vendor)
				}
				if strings.Contains(strings.ToLower(fmt.Sprintf("%v %+v", x.err, e)), "canary") {
					t.Errorf("the error passes on what it should not: %v", x.err)
				}
			}
		})
	}
}

func TestRetryAfterReachesTheCaller(t *testing.T) {
	for value, want := range map[string]time.Duration{"7": 7 * time.Second, "-1": 0, "abc": 0, "999999": 10 * time.Minute, "": 0} {
		a, f := at(t, func(w http.ResponseWriter, _ sent) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"error":{"type":"invalid_request_error","code":"rate_limit"}}`)
		})
		_, err := a.PutCustomer(t.Context(), adapters.CustomerOrder{Mark: adapters.Mark{ID: intent(1)}, ID: "cust_1"})
		if e := adapters.AsError(err); e.Code != adapters.CodeRateLimited || e.RetryAfter != want {
			t.Errorf("Retry-After %q: %v after %s, want %s", value, e, e.RetryAfter, want)
		}
		if n := len(f.requests()); n != 1 {
			t.Errorf("the write was sent %d times", n)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	a, _ := at(t, func(http.ResponseWriter, sent) { panic(http.ErrAbortHandler) })
	_, err := a.CreateGrant(t.Context(), grantOrder())
	if e := adapters.AsError(err); !e.Ambiguous() {
		t.Errorf("a cut write: %v", err)
	}
	if e := adapters.AsError(a.Probe(t.Context())); e.Code != adapters.CodeUnavailable {
		t.Errorf("a cut read: %v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e := adapters.AsError(a.Probe(ctx)); e.Code != adapters.CodeUnavailable || !strings.Contains(e.Message, "cancelled") {
		t.Errorf("a cancelled read: %v", e)
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Key: "sk_test_1", WebhookSecrets: []string{"whsec_1", "whsec_2"}, BaseURL: "http://127.0.0.1:1"}
	for name, c := range map[string]struct {
		change func(*Config)
		ok     bool
	}{
		"as it is":         {func(*Config) {}, true},
		"no secrets":       {func(c *Config) { c.WebhookSecrets = nil }, true},
		"no base URL":      {func(c *Config) { c.BaseURL = "" }, true},
		"live over https":  {func(c *Config) { c.Key, c.BaseURL = "sk_live_1", "https://x.example" }, true},
		"live over http":   {func(c *Config) { c.Key = "rk_live_1" }, false},
		"no key":           {func(c *Config) { c.Key = "" }, false},
		"blank key":        {func(c *Config) { c.Key = " \t" }, false},
		"key with newline": {func(c *Config) { c.Key = "sk_test_1\n" }, false},
		"empty secret":     {func(c *Config) { c.WebhookSecrets = []string{"whsec_1", ""} }, false},
		"blank secret":     {func(c *Config) { c.WebhookSecrets = []string{"  "} }, false},
		"long secret":      {func(c *Config) { c.WebhookSecrets = []string{strings.Repeat("x", 513)} }, false},
		"ftp":              {func(c *Config) { c.BaseURL = "ftp://x.example" }, false},
		"no host":          {func(c *Config) { c.BaseURL = "https://" }, false},
		"password in it":   {func(c *Config) { c.BaseURL = "https://a:b@x.example" }, false},
		"query":            {func(c *Config) { c.BaseURL = "https://x.example?a=b" }, false},
	} {
		config := good
		c.change(&config)
		_, err := New(config)
		if (err == nil) != c.ok || err != nil && adapters.AsError(err).Code != adapters.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// WH-11.
func TestNoSecretsVerifiesNothing(t *testing.T) {
	a, err := New(Config{Key: "sk_test_1"})
	if err != nil {
		t.Fatal(err)
	}
	if e := adapters.AsError(a.Verify(adapters.Delivery{Header: http.Header{}, Body: nil}, time.Now())); e.Code != adapters.CodeUnauthorized {
		t.Errorf("got %v", e)
	}
}

func TestExpiryAtVendor(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"2026-01-15T12:00:00Z", "2026-02-02T00:00:00Z"}, {"2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"},
		{"2026-01-31T23:59:59.999999Z", "2026-02-02T00:00:00Z"}, {"2026-02-01T00:00:00Z", "2026-03-02T00:00:00Z"},
		{"2026-12-31T23:00:00-05:00", "2027-02-02T00:00:00Z"}, {"2028-02-29T12:00:00Z", "2028-03-02T00:00:00Z"},
	} {
		in, err := core.ParseTime(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := ExpiryAtVendor(in); got.String() != c.want {
			t.Errorf("ExpiryAtVendor(%s) = %s, want %s", c.in, got, c.want)
		}
	}
	if got := ExpiryAtVendor(core.Never); got != core.Never {
		t.Errorf("never became %s", got)
	}
	// Later than the core's by more than a day, never by more than a month and
	// a day, and in the same order.
	for at, last := today, core.Time(0); at < today+800*day; at += 7*day + 3_600_000_001 {
		got := ExpiryAtVendor(at)
		if got < at+day || got > at+32*day || got < last {
			t.Errorf("ExpiryAtVendor(%s) = %s after %s", at, got, last)
		}
		last = got
	}
}
