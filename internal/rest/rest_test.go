package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/internal/httpx"
)

type answer struct {
	status int
	body   string
	header http.Header
}

// vendor answers every call in the same way and keeps the last request.
func vendor(t *testing.T, a answer) (*Client, *http.Request, *string) {
	t.Helper()
	seen, body := new(http.Request), new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*seen, *body = *r, string(raw)
		for k, v := range a.header {
			w.Header()[k] = v
		}
		w.WriteHeader(a.status)
		io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	c, err := New(Options{
		BaseURL: s.URL + "/v1/", HTTP: httpx.NewClient(httpx.Options{Retries: -1}), Header: http.Header{"Authorization": {"Bearer secret-key"}},
		KeyHeader: "Idempotency-Key", Judge: func(status int, body []byte) (adapters.Code, string, string) {
			var p struct{ Kind string }
			if json.Unmarshal(body, &p) == nil && p.Kind == "twice" {
				return adapters.CodeConflict, "told twice", p.Kind
			}
			return "", "", p.Kind
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, seen, body
}

// PA-04, PA-05.
func TestFailures(t *testing.T) {
	long := `{"x":"` + strings.Repeat("y", maxAnswer) + `"}`
	for _, c := range []struct {
		name        string
		answer      answer
		read, write adapters.Code
	}{
		{"fine", answer{200, `{"id":"a"}`, nil}, "", ""},
		{"no JSON", answer{200, "<html>", nil}, adapters.CodeBadAnswer, adapters.CodeUnknown},
		{"cut short", answer{200, `{"id":"a`, nil}, adapters.CodeBadAnswer, adapters.CodeUnknown},
		{"two documents", answer{200, `{"id":"a"}{"id":"b"}`, nil}, adapters.CodeBadAnswer, adapters.CodeUnknown},
		{"too long", answer{200, long, nil}, adapters.CodeBadAnswer, adapters.CodeUnknown},
		{"redirect", answer{302, "", http.Header{"Location": {"http://127.0.0.1:1/"}}}, adapters.CodeUnavailable, adapters.CodeUnknown},
		{"400", answer{400, `{}`, nil}, adapters.CodeInvalid, adapters.CodeInvalid},
		{"400 of a proxy", answer{400, `<html>`, nil}, adapters.CodeUnavailable, adapters.CodeUnknown},
		{"404 of nobody", answer{404, ``, nil}, adapters.CodeUnavailable, adapters.CodeUnknown},
		{"401 of a proxy", answer{401, `<html>`, nil}, adapters.CodeUnauthorized, adapters.CodeUnauthorized},
		{"403", answer{403, `{}`, nil}, adapters.CodeForbidden, adapters.CodeForbidden},
		{"404", answer{404, `{}`, nil}, adapters.CodeNotFound, adapters.CodeNotFound},
		{"408", answer{408, `{}`, nil}, adapters.CodeUnavailable, adapters.CodeUnknown},
		{"409", answer{409, `{}`, nil}, adapters.CodeInProgress, adapters.CodeInProgress},
		{"409 judged", answer{409, `{"kind":"twice"}`, nil}, adapters.CodeConflict, adapters.CodeConflict},
		{"429", answer{429, ``, http.Header{"Retry-After": {"7"}}}, adapters.CodeRateLimited, adapters.CodeRateLimited},
		{"500", answer{500, `{"kind":"twice"}`, nil}, adapters.CodeUnavailable, adapters.CodeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, _, _ := vendor(t, c.answer)
			var into struct{ ID string }
			for want, err := range map[adapters.Code]error{
				"read " + c.read:   client.Get(t.Context(), "/x", nil, &into),
				"write " + c.write: client.Send(t.Context(), "POST", "/x", "k", nil, &into),
			} {
				_, code, _ := strings.Cut(string(want), " ")
				got := adapters.Code("")
				if err != nil {
					got = adapters.AsError(err).Code
				}
				if string(got) != code {
					t.Errorf("%q: got %v", want, err)
				}
				if got == adapters.CodeRateLimited && adapters.AsError(err).RetryAfter != 7*time.Second {
					t.Errorf("wait %s, want 7s", adapters.AsError(err).RetryAfter)
				}
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	client, _, _ := vendor(t, answer{200, `{}`, nil})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Get(gone, "/x", nil, nil); adapters.AsError(err).Code != adapters.CodeUnavailable {
		t.Errorf("read: %v", err)
	}
	if err := client.Send(gone, "POST", "/x", "k", nil, nil); adapters.AsError(err).Code != adapters.CodeUnknown {
		t.Errorf("write: %v", err)
	}
	if err := client.Send(t.Context(), "POST", "/x", strings.Repeat("k", 256), nil, nil); adapters.AsError(err).Code != adapters.CodeInvalid {
		t.Errorf("long key: %v", err)
	}
}

func TestRequest(t *testing.T) {
	client, seen, body := vendor(t, answer{200, `{}`, nil})
	what := struct {
		Amount Decimal `json:"amount"`
	}{"9007199254740993.000001"}
	if err := client.Send(t.Context(), "POST", Path("customers", "a/../b?c", ".."), "key-1", what, nil); err != nil {
		t.Fatal(err)
	}
	if got := seen.URL.EscapedPath(); got != "/v1/customers/a%2F..%2Fb%3Fc/%2E%2E" {
		t.Errorf("path %q", got)
	}
	if seen.Header.Get("Idempotency-Key") != "key-1" || seen.Header.Get("Authorization") != "Bearer secret-key" || *body != `{"amount":9007199254740993.000001}` {
		t.Errorf("headers %v, body %s", seen.Header, *body)
	}
	if text := fmt.Sprintf("%v %+v %#v", client, client, client); strings.Contains(text, "secret-key") {
		t.Errorf("the printed client shows the key: %s", text)
	}
}

func TestVendorWordsAreWords(t *testing.T) {
	for word, want := range map[string]string{"card_declined": "card_declined", "a secret": "", "<b>": "", strings.Repeat("x", 65): ""} {
		client, _, _ := vendor(t, answer{400, fmt.Sprintf(`{"kind":%q}`, word), nil})
		if got := adapters.AsError(client.Get(t.Context(), "/x", nil, nil)).Vendor; got != want {
			t.Errorf("%q is passed on as %q", word, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, url := range []string{"", "x", "ftp://a", "https://u:p@a", "https://a?b", "https://a#b", "://"} {
		if _, err := New(Options{BaseURL: url}); adapters.AsError(err).Code != adapters.CodeInvalid {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// PA-12.
func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		text  string
		parts int64
		exact bool
		floor int64
	}{
		{`12`, 1200, true, 1200}, {`"12.34"`, 1234, true, 1234}, {`1.2e1`, 1200, true, 1200}, {`-0.05`, -5, true, -5},
		{`0.001`, 0, false, 0}, {`-0.001`, 0, false, -1}, {`null`, 0, true, 0}, {`90071992547409.93`, 9007199254740993, true, 9007199254740993},
	} {
		var d Decimal
		if err := json.Unmarshal([]byte(c.text), &d); err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		if n, ok := d.Parts(2); ok != c.exact || n != c.parts {
			t.Errorf("%s: %d parts, %v", c.text, n, ok)
		}
		if n, ok := d.Floor(2); !ok || n != c.floor {
			t.Errorf("%s: floor %d, %v", c.text, n, ok)
		}
	}
	for _, text := range []string{`true`, `{}`, `"x"`, `""`, `"1/3"`, `"0x10"`, `"+1"`, `" 1"`, `"."`, `"1."`, `".5"`, `"1_000"`, `1e999999999`, `"` + strings.Repeat("1", 61) + `"`, `"--1"`} {
		if err := json.Unmarshal([]byte(text), new(Decimal)); err == nil {
			t.Errorf("%s was read as a number", text)
		}
	}
	if n, ok := Decimal("92233720368547758.08").Parts(2); ok {
		t.Errorf("what is no 64-bit number was read as %d", n)
	}
}

func FuzzDecimal(f *testing.F) {
	f.Add(`"1.5"`)
	f.Add(`-1e-3`)
	f.Fuzz(func(t *testing.T, text string) {
		var d Decimal
		if json.Unmarshal([]byte(text), &d) != nil {
			return
		}
		n, exact := d.Parts(6)
		if floor, ok := d.Floor(6); exact && (!ok || floor != n) {
			t.Errorf("%q: %d parts, floor %d", text, n, floor)
		}
		if raw, err := json.Marshal(d); err != nil {
			t.Errorf("%q was read and cannot be written: %v %s", text, err, raw)
		}
	})
}

// A form is sent as one, under the same key and with the same care.
func TestSendForm(t *testing.T) {
	c, seen, body := vendor(t, answer{status: 200, body: `{"id":"x"}`})
	var got struct{ ID string }
	err := c.SendForm(t.Context(), "/things", "key-1", url.Values{"items[id][0]": {"a b"}}, &got)
	if err != nil || got.ID != "x" || *body != "items%5Bid%5D%5B0%5D=a+b" || seen.Method != http.MethodPost || seen.URL.Path != "/v1/things" ||
		seen.Header.Get("Idempotency-Key") != "key-1" || !strings.HasPrefix(seen.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		t.Errorf("%v %+v: sent %q to %s with %v", err, got, *body, seen.URL, seen.Header)
	}
	c, _, _ = vendor(t, answer{status: 503, body: `{}`})
	if err := c.SendForm(t.Context(), "/things", "", nil, &got); adapters.AsError(err).Code != adapters.CodeUnknown {
		t.Errorf("a lost answer: %v", err)
	}
}
