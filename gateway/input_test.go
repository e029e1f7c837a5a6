package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/mapping/config"
)

func scaled(scale int) func(*Options) {
	return func(o *Options) {
		o.Config.Units = []config.Unit{{Unit: core.Unit{Code: "credits", Scale: scale}}}
	}
}

func TestAP01Amounts(t *testing.T) {
	bad := []string{
		`"-1"`, `"+1"`, `"1e3"`, `"1E3"`, `"01"`, `"00"`, `"1."`, `".5"`, `" 1"`, `"1 "`, `"1,000"`, `"1_000"`, `"0x10"`, `"NaN"`, `"Infinity"`, `"-0"`, `""`, `"1.2.3"`,
		`"99999999999999999999"`, `"9223372036854775807"`, `"٣"`, `"１"`, `"1\u00a0"`, `1`, `1.0`, `0`, `1e3`, `null`, `[]`, `["1"]`, `{}`, `true`, `"1.1234567"`, `"1.0000000"`,
		`"1e400"`, `"1e999999999"`, `"` + strings.Repeat("9", 5000) + `"`, `"0.` + strings.Repeat("1", 400) + `"`,
	}
	for _, scale := range []int{0, 2, 6} {
		t.Run(fmt.Sprint("scale ", scale), func(t *testing.T) {
			w := newWorld(t, scaled(scale))
			w.customer("ann", "")
			for i, text := range bad {
				began := time.Now()
				for _, path := range []string{"/v1/customers/ann/grants", "/v1/debits", "/v1/holds"} {
					body := `{"customer":"ann","amount":` + text + `}`
					if strings.HasSuffix(path, "grants") {
						body = `{"category":"paid","amount":` + text + `}`
					}
					a := w.post(path, fmt.Sprint(path, i), body)
					if a.status < 400 || a.status >= 500 || a.text("field") != "amount" {
						t.Errorf("%s %.40s: %d %.200s", path, text, a.status, a.raw)
					}
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("%.40s took %s", text, took)
				}
			}
			if e := w.call("GET", "/v1/customers/ann/entries", "").ok(200); len(e.list("data")) != 0 {
				t.Errorf("a refused amount left entries: %s", e.raw)
			}
			good := map[string]string{"1": "1", "10": "10", "1000000000": "1000000000"}
			if scale > 0 {
				good["0.5"], good["0.50"], good["7.1"] = "0.5", "0.5", "7.1"
			}
			for text, value := range good {
				want := exactText(t, value, scale)
				w.post("/v1/customers/ann/grants", "ok"+text, `{"category":"paid","amount":"`+text+`"}`).ok(200).want("amount", want)
			}
			finer := "0." + strings.Repeat("0", scale) + "1"
			w.post("/v1/debits", "finer", `{"customer":"ann","amount":"`+finer+`"}`).refused(422, core.CodeInvalid, "amount")
		})
	}
}

func exactText(t *testing.T, text string, scale int) string {
	a, err := core.ParseAmount(text, scale)
	if err != nil {
		t.Fatal(err)
	}
	return a.Format(scale)
}

func TestAP03Ids(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "1")
	for _, id := range []string{"a%00b", "a%0Ab", "%27%20OR%201=1", "%F0%9F%98%80", "a%20b", "a%2Fb", strings.Repeat("x", 129), strings.Repeat("x", 100_000)} {
		w.call("GET", "/v1/customers/"+id, "").refused(422, core.CodeInvalid, "id")
		w.call("PUT", "/v1/customers/"+id, `{}`).refused(422, core.CodeInvalid, "id")
		w.post("/v1/customers/"+id+"/grants", "k", `{"amount":"1","category":"paid"}`).refused(422, core.CodeInvalid, "id")
		for _, path := range []string{"/v1/holds/", "/v1/purchases/", "/v1/inbox/", "/v1/outbox/"} {
			w.call("GET", path+id, "").refused(404, core.CodeNotFound, "")
		}
	}
	w.call("GET", "/v1/customers/..%2F..%2Fetc", "").refused(404, core.CodeNotFound, "")
	for _, id := range []string{"x", "grn_0", "hld_" + strings.Repeat("0", 24), "grn_" + strings.Repeat("!", 24), "GRN_" + strings.Repeat("0", 24), "grn_" + strings.Repeat("0", 24)} {
		w.post("/v1/grants/"+id+"/void", "k"+id, "").refused(404, core.CodeNotFound, "")
	}
	w.call("PUT", "/v1/customers/A.b_c:d@e-9", `{}`).ok(200).want("id", "A.b_c:d@e-9")
	w.call("PUT", "/v1/customers/"+strings.Repeat("x", 128), `{}`).ok(200)
	w.call("PUT", "/v1/customers/...", `{}`).ok(200).want("id", "...")
}

func TestAP04Queries(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "1")
	for _, q := range []string{"sort=id", "limit=1&LIMIT=2", "filter[$ne]=1", "limit=%zz", "limit=1;drop", "q=%27--", "api_key=x"} {
		w.call("GET", "/v1/customers?"+q, "").refused(400, core.CodeMalformed, "")
	}
	w.call("GET", "/v1/customers?limit=1&limit=2", "").refused(400, core.CodeMalformed, "limit")
	w.call("GET", "/healthz?x=1", "").refused(400, core.CodeMalformed, "")
	w.call("GET", "/v1/inbox?state=%27%20OR%201=1", "").refused(422, core.CodeInvalid, "state")
	if l := w.call("GET", "/v1/inbox?connection=%27%20OR%20%27%27=%27", "").ok(200); len(l.list("data")) != 0 {
		t.Errorf("a fragment of SQL matched: %s", l.raw)
	}
	w.call("GET", "/v1/customers?cursor=%00", "").refused(400, core.CodeMalformed, "cursor")
	w.call("GET", "/v1/customers/ann/grants?state=%24..*", "").refused(422, core.CodeInvalid, "state")
}

func TestAP05Pages(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.customer(fmt.Sprint("c", i), "1")
	}
	w.post("/v1/holds", "h", `{"customer":"c0","amount":"0.1"}`).ok(200)
	w.post("/v1/holds", "h2", `{"customer":"c0","amount":"0.1"}`).ok(200)
	lists := []string{"/v1/customers", "/v1/feed", "/v1/inbox", "/v1/outbox", "/v1/keys", "/v1/customers/c0/grants", "/v1/customers/c0/grants?state=all", "/v1/customers/c0/entries", "/v1/customers/c0/holds"}
	for _, path := range lists {
		with := func(q string) string {
			if strings.Contains(path, "?") {
				return path + "&" + q
			}
			return path + "?" + q
		}
		for _, bad := range []string{"0", "-1", "abc", "1000000000", "1001", "1.0", "%2B1", "0x1", "99999999999999999999"} {
			w.call("GET", with("limit="+bad), "").refused(422, core.CodeInvalid, "limit")
		}
		for _, bad := range []string{"x", "!!", "MQ", "AAAA", *cursorOf("other", "1"), *cursorOf("customers"), strings.Repeat("A", 2000)} {
			w.call("GET", with("cursor="+bad), "").refused(400, core.CodeMalformed, "cursor")
		}
		w.call("GET", with("limit=1000"), "").ok(200)
	}
	for path, total := range map[string]int{"/v1/customers": 5, "/v1/customers/c0/entries": 3, "/v1/customers/c0/holds": 2, "/v1/keys": 0} {
		seen, cursor := 0, ""
		for {
			l := w.call("GET", path+"?limit=2&cursor="+cursor, "").ok(200)
			seen += len(l.list("data"))
			if cursor = l.text("next_cursor"); cursor == "" || seen > total {
				break
			}
		}
		if seen != total {
			t.Errorf("%s: %d items in all pages, want %d", path, seen, total)
		}
	}
}

func TestGrantPagesInBothOrders(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "")
	for i := range 7 {
		w.post("/v1/customers/ann/grants", fmt.Sprint(i), fmt.Sprintf(`{"amount":"1","category":"paid","priority":%d}`, 50-i)).ok(200)
	}
	for _, state := range []string{"live", "all"} {
		var priorities []string
		cursor := ""
		for {
			l := w.call("GET", "/v1/customers/ann/grants?state="+state+"&limit=3&cursor="+cursor, "").ok(200)
			for i := range l.list("data") {
				priorities = append(priorities, l.text("data", i, "priority"))
			}
			if cursor = l.text("next_cursor"); cursor == "" || len(priorities) > 7 {
				break
			}
		}
		want := map[string]string{"live": "44 45 46 47 48 49 50", "all": "50 49 48 47 46 45 44"}[state]
		if got := strings.Join(priorities, " "); got != want {
			t.Errorf("%s: %s, want %s", state, got, want)
		}
	}
}

func TestAP10MassAssignment(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "1")
	for path, fields := range map[string][]string{
		"/v1/customers/ann/grants": {"id", "created_at", "remaining", "customer", "state", "cost_basis", "source"},
		"/v1/debits":               {"id", "balance", "allocations", "tenant", "rate_card", "key"},
		"/v1/holds":                {"id", "state", "captured", "expires_at"},
	} {
		for _, f := range fields {
			w.post(path, "k", `{"amount":"1","`+f+`":"x"}`).refused(400, core.CodeMalformed, f)
		}
	}
	w.call("PUT", "/v1/customers/ann", `{"id":"bob"}`).refused(400, core.CodeMalformed, "id")
	w.call("POST", "/v1/keys", `{"scope":"read","key":"mine"}`).refused(400, core.CodeMalformed, "key")
}

func TestAP11JSON(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "10")
	good := `{"customer":"ann","amount":"1"}`
	for name, body := range map[string]string{
		"duplicate":         `{"customer":"ann","amount":"1","amount":"2"}`,
		"escaped duplicate": `{"customer":"ann","amount":"1","\u0061mount":"2"}`,
		"nested duplicate":  `{"customer":"ann","action":"image.generate","dimensions":{"a":"1","a":"2"}}`,
		"other case":        `{"customer":"ann","Amount":"1"}`,
		"trailing object":   good + `{}`,
		"trailing text":     good + `x`,
		"byte order mark":   "\ufeff" + good,
		"broken utf-8":      "{\"customer\":\"ann\",\"amount\":\"1\",\"action\":\"\xff\"}",
		"lone surrogate":    `{"customer":"ann","amount":"1","action":"\ud800"}`,
		"NaN":               `{"customer":"ann","amount":NaN}`,
		"single quotes":     `{'customer':'ann'}`,
		"comment":           `{"customer":"ann",/**/"amount":"1"}`,
		"trailing comma":    `{"customer":"ann","amount":"1",}`,
		"cut":               `{"customer":"ann","amount":"1"`,
		"list":              `[` + good + `]`,
		"null":              `null`,
		"string":            `"x"`,
		"spaces":            `   `,
		"NUL":               `{"customer":"ann","amount":"1","unit":"a\u0000"}`,
		"NUL in a name":     `{"customer":"ann","action":"image.generate","dimensions":{"a\u0000":"1"}}`,
		"raw control":       "{\"customer\":\"ann\x01\",\"amount\":\"1\"}",
		"deep":              `{"customer":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
		"deep and cut":      `{"dimensions":` + strings.Repeat(`{"a":`, 100_000),
		"missing":           ``,
	} {
		if a := w.post("/v1/debits", "k", body); a.status != 400 || a.text("code") != "malformed" {
			t.Errorf("%s: %d %.300s", name, a.status, a.raw)
		}
	}
	for name, body := range map[string]string{
		"wrong type": `{"customer":1,"amount":"1"}`, "list for a string": `{"customer":["ann"],"amount":"1"}`, "string for a map": `{"customer":"ann","action":"a","dimensions":"x"}`,
	} {
		if a := w.post("/v1/debits", "k", body); a.status != 422 || a.text("field") == "" {
			t.Errorf("%s: %d %.300s", name, a.status, a.raw)
		}
	}
	w.post("/v1/debits", "escaped", `{"customer":"ann","action":"image.generate","dimensions":{"a":"\\u0000"}}`).ok(200)
	w.post("/v1/debits", "k", good).ok(200)
}

func TestBodiesAndMedia(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "1")
	big := `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	w.call("PUT", "/v1/customers/ann", big).refused(413, core.CodeTooLarge, "")
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/xml", "json", "application/json-patch+json", ";"} {
		w.call("PUT", "/v1/customers/ann", `{}`, "Content-Type", kind).refused(415, core.CodeMalformed, "")
	}
	w.call("PUT", "/v1/customers/ann", `{}`, "Content-Encoding", "gzip").refused(415, core.CodeMalformed, "")
	for _, kind := range []string{"application/json", "application/json; charset=UTF-8", "Application/JSON", ""} {
		w.call("PUT", "/v1/customers/ann", `{}`, "Content-Type", kind).ok(200)
	}
	w.call("GET", "/v1/customers/ann", "", "Accept", "application/xml").ok(200)
}

func TestAP15ErrorsTellNothing(t *testing.T) {
	w := newWorld(t)
	secret := "sk_live_hunter2"
	for _, body := range []string{`{"` + secret + ` ":"1"}`, `{"name":1,"email":"` + secret + `"`, `{"email":"` + secret + `"}`, `{"name":"x","name":"` + secret + `"}`, secret} {
		if a := w.call("PUT", "/v1/customers/ann", body); a.status >= 500 || a.status < 400 || strings.Contains(a.raw, secret) {
			t.Errorf("%s: %d %s", body, a.status, a.raw)
		}
	}
	if a := w.call("GET", "/v1/customers?"+secret+"=1", ""); strings.Contains(a.raw, secret) {
		t.Errorf("the query is repeated: %s", a.raw)
	}
	if a := w.call("GET", "/v1/customers", "", "Authorization", "Bearer "+secret); strings.Contains(a.raw, secret) {
		t.Errorf("the key is repeated: %s", a.raw)
	}
}

// SC-07.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "x", *cursorOf("periods", "7"), *cursorOf("periods", "-1"), *cursorOf("periods", "1", "2"), *cursorOf("periods", "99999999999999999999")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		n, err := numberAt(cursor, "periods")
		if err != nil {
			if core.CodeOf(err) != core.CodeMalformed || n != 0 {
				t.Fatalf("%q: %d, %v", cursor, n, err)
			}
			return
		}
		if n < 0 {
			t.Fatalf("%q leads to %d", cursor, n)
		}
		if back, err := numberAt(*cursorOf("periods", fmt.Sprint(n)), "periods"); err != nil || back != n {
			t.Fatalf("%d came back as %d, %v", n, back, err)
		}
	})
}

// SC-07.
func FuzzAmountField(f *testing.F) {
	for _, seed := range []string{`"1.50"`, `1`, `null`, `"1e3"`, `[]`, `"\u0031"`, `"1","amount":"2"`, `"9223372036854775807"`, `"1"}{`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b debitBody
		if err := decode([]byte(`{"customer":"ann","amount":`+text+`}`), &b); err != nil {
			if class := core.CodeOf(err).Class(); class.HTTP != 400 && class.HTTP != 422 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if b.Amount == nil {
			return
		}
		for _, scale := range []int{0, 2, 9} {
			a, err := core.ParseAmount(string(*b.Amount), scale)
			if err != nil {
				continue
			}
			again, err := core.ParseAmount(a.Format(scale), scale)
			if err != nil || again != a || a < 0 {
				t.Fatalf("%q is %d at scale %d and comes back as %d, %v", text, a, scale, again, err)
			}
		}
	})
}

func TestAP15QuotesOfInputAreBounded(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "1")
	long := strings.Repeat("z", 100_000)
	for path, body := range map[string]string{
		"/v1/customers/ann/grants":    `{"amount":"1","category":"paid","expires_at":"` + long + `"}`,
		"/v1/customers/ann/purchases": `{"pack":"` + long + `"}`,
		"/v1/debits":                  `{"customer":"ann","action":"` + long + `"}`,
		"/v1/holds":                   `{"customer":"ann","amount":"1","unit":"` + long + `"}`,
		"/v1/keys":                    `{"scope":"` + long + `"}`,
		"/v1/debits/batch":            `{"` + long + `":1}`,
	} {
		if a := w.post(path, "k", body); a.status < 400 || a.status >= 500 || len(a.raw) > 1000 {
			t.Errorf("%s: %d with %d bytes", path, a.status, len(a.raw))
		}
	}
	for _, body := range []string{`{"currency":"` + long + `"}`, `{"timezone":"` + long + `"}`, `{"email":"` + long + `"}`} {
		if a := w.call("PUT", "/v1/customers/ann", body); a.status != 422 || len(a.raw) > 1000 {
			t.Errorf("%.20s: %d with %d bytes", body, a.status, len(a.raw))
		}
	}
}
