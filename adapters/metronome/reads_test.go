package metronome

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/httpx"
)

// What is left of a lot is what its ledger comes to: not what is drawn on a
// draft, and with the segments that lie ahead.
func TestLeft(t *testing.T) {
	const start = `{"type":"CREDIT_SEGMENT_START","timestamp":"2026-03-01T00:00:00Z","amount":100,"segment_id":"segment_lot_1"}`
	const manual = `{"type":"CREDIT_MANUAL","timestamp":"2026-03-10T12:00:00Z","amount":-0.5,"reason":"somebody"}`
	deduction := func(at string) string {
		return `{"type":"CREDIT_AUTOMATED_INVOICE_DEDUCTION","timestamp":"` + at + `","amount":-20.3333333333,"invoice_id":"i"}`
	}
	for name, c := range map[string]struct {
		ledger string
		left   int64
		state  core.GrantState
	}{
		"untouched": {start, 100_000_000, core.Open}, "drawn": {start + "," + manual, 99_500_000, core.Open},
		"draft": {start + "," + deduction("2026-04-01T00:00:00Z"), 100_000_000, core.Open},
		"final": {start + "," + deduction("2026-03-10T00:00:00Z"), 79_666_666, core.Open},
		"ahead": {"", 100_000_000, core.Open}, "below zero": {start + `,{"type":"CREDIT_MANUAL","amount":-101,"reason":""}`, -1_000_000, core.Spent},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := against(t, map[string][]string{lists: {pageOf(lotOf("lot_1", "CREDIT", `,"balance":0,"ledger":[`+c.ledger+`]`))}})
			got, err := a.Grants(t.Context(), someone, adapters.Page{})
			if err != nil || len(got.Items) != 1 {
				t.Fatalf("%v, %v", got, err)
			}
			g := got.Items[0]
			if g.Left.Quanta != c.left || g.Left.Scale != 6 || g.Held.Quanta != 100_000_000 || g.State != c.state {
				t.Errorf("%+v, want %d left and %s", g, c.left, c.state)
			}
		})
	}
}

// What a lot says of itself comes from its description, or its custom fields;
// what it is, from its kind.
func TestGrantsAsListed(t *testing.T) {
	described := `,"priority":7,"description":"scrip: category=allotment&scrip_grant=grant_1&expires=never"`
	a, f := against(t, map[string][]string{lists: {`{"data":[` +
		lotOf("a", "CREDIT", described) + `,` + lotOf("b", "PREPAID", `,"priority":1.5,"custom_fields":{"scrip_grant":"grant_2","x":1}`) + `,` +
		lotOf("c", "PREPAID", `,"invoice_schedule":{}`) + `,` + lotOf("d", "POSTPAID", "") + `,` + lotOf("e", "CREDIT", `,"archived_at":"2026-03-01T00:00:00Z"`) +
		`],"next_page":"more"}`}})
	got, err := a.Grants(t.Context(), someone, adapters.Page{Limit: 100, Cursor: "first"})
	if err != nil || len(got.Items) != 3 || got.Next != "more" || string(f.calls[0].body["next_page"]) != `"first"` || string(f.calls[0].body["limit"]) != "25" {
		t.Fatalf("%+v, %v, asked %s", got, err, f.calls[0].body)
	}
	for i, want := range []adapters.VendorGrant{
		{Neutral: "grant_1", Priority: 7, Category: core.Allotment}, {Neutral: "grant_2", Priority: core.DefaultPriority, Category: core.Promotional},
		{Priority: core.DefaultPriority, Category: core.Paid},
	} {
		if g := got.Items[i]; g.Neutral != want.Neutral || g.Priority != want.Priority || g.Category != want.Category || g.Expires != when("2026-04-01T00:00:00Z") {
			t.Errorf("item %d is %+v", i, g)
		}
	}
}

// An entry of ours is known by its reason, and nothing else of anybody's is.
func TestReasons(t *testing.T) {
	r := reason{intent(2), "win_1", when("2026-03-10T12:29:59.5Z")}
	if got, ours := reasonOf(&entry{Type: "CREDIT_MANUAL", Reason: r.String()}); !ours || got != r {
		t.Errorf("%q is read as %+v", r, got)
	}
	for _, e := range []entry{
		{Type: "CREDIT_EXPIRATION", Reason: r.String()}, {Type: "CREDIT_MANUAL", Reason: "x " + r.String()}, {Type: "CREDIT_MANUAL", Reason: r.String() + " x"},
		{Type: "CREDIT_MANUAL", Reason: "scrip consumption a b c"}, {Type: "CREDIT_MANUAL"},
	} {
		if got, ours := reasonOf(&e); ours {
			t.Errorf("%+v is taken for %+v", e, got)
		}
	}
	entry := `{"type":"CREDIT_MANUAL","timestamp":"2026-03-10T12:00:00Z","amount":-3.5,"reason":"` + r.String() + `"}`
	a, _ := against(t, map[string][]string{lists: {pageOf(lotOf("lot_1", "CREDIT", `,"ledger":[`+entry+`]`))}})
	for at, want := range map[string]int64{"2026-03-10T12:29:59Z": 350, "2026-03-10T12:30:00Z": 0} {
		got, err := a.Usage(t.Context(), adapters.UsageQuery{Customer: someone, From: when(at), To: when(at) + hour, Unit: units, Scale: 2})
		if err != nil || got != want {
			t.Errorf("since %s: %d, %v, want %d", at, got, err, want)
		}
	}
	for n, want := range map[int]int{2: 1, 3: 0} {
		got, err := a.Find(t.Context(), adapters.Mark{ID: intent(n), Kind: adapters.ConsumeKind, Neutral: "win_1", Customer: someone})
		if err != nil || len(got.Links) != want {
			t.Errorf("find of order %d: %v, %v", n, got, err)
		}
	}
}

// How an unknown customer is refused is not documented.
func TestUnknownCustomer(t *testing.T) {
	refused := `400 {"message":"no"}`
	for name, c := range map[string]struct {
		customer, list, read string
		want                 adapters.Code
	}{
		"no id":            {"nobody", refused, "", adapters.CodeNotFound},
		"not found":        {someone, `404 {"message":"no"}`, "", adapters.CodeNotFound},
		"by its code":      {someone, `400 {"message":"no","code":"CustomerNotFound"}`, "", adapters.CodeNotFound},
		"refused":          {someone, refused, `404 {"message":"no"}`, adapters.CodeNotFound},
		"refused, but is":  {someone, refused, `{"data":{}}`, adapters.CodeInvalid},
		"refused, no idea": {someone, refused, `500 {}`, adapters.CodeInvalid},
		"no list":          {someone, `{"data":null}`, "", adapters.CodeBadAnswer},
	} {
		a, _ := against(t, map[string][]string{lists: {c.list}, "GET /v1/customers/" + someone: {c.read}})
		if _, err := a.Grants(t.Context(), c.customer, adapters.Page{}); codeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// Ledgers that are too long together are read apart.
func TestLongLedgers(t *testing.T) {
	long := strings.Repeat(" ", 3000)
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var q struct {
			Limit int    `json:"limit"`
			Next  string `json:"next_page"`
		}
		if err := json.Unmarshal(raw, &q); err != nil {
			t.Error(err)
		}
		asked = append(asked, fmt.Sprint(q.Limit, q.Next))
		text, next := pageOf(lotOf("a", "CREDIT", `,"description":"`+long+`"`)), `"2"`
		if q.Limit > 1 {
			text = pageOf(lotOf("a", "CREDIT", `,"description":"`+long+long+`"`))
		}
		if q.Next == "2" {
			next = `null`
		}
		io.WriteString(w, strings.Replace(text, "null", next, 1))
	}))
	t.Cleanup(s.Close)
	a, err := New(Config{Key: "key_1", BaseURL: s.URL, HTTP: httpx.NewClient(httpx.Options{MaxBody: 5000, Retries: -1})})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	if err := a.lots(t.Context(), lotQuery{Customer: someone, Ledgers: true}, func(*lot) bool { seen++; return false }); err != nil || seen != 2 {
		t.Errorf("%d lots, %v, asked %q", seen, err, asked)
	}
	if got, err := a.Grants(t.Context(), someone, adapters.Page{Limit: 1}); err != nil || len(got.Items) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// An alert has one id however often it fires; a notice ahead of an event is
// not the event; only a creation tells by whose order.
func TestEvents(t *testing.T) {
	a, _ := against(t, nil)
	read := func(body string) adapters.Event {
		t.Helper()
		e, err := a.Normalise([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		return e
	}
	first := read(`{"id":"a","type":"alerts.x","properties":{"timestamp":"2026-03-10T12:00:00Z"}}`)
	if again := read(`{"id":"a","type":"alerts.x","properties":{"timestamp":"2026-03-10T12:00:01Z"}}`); first.ID == again.ID {
		t.Errorf("two alerts have the id %q", first.ID)
	}
	fields := `"customer_id":"c","credit_id":"l","credit_custom_fields":{"scrip_grant":"grant_1","scrip_intent":"` + string(intent(1)) + `"}`
	for body, want := range map[string]core.ID{
		`{"id":"a","type":"credit.create",` + fields + `}`: intent(1), `{"id":"a","type":"credit.create","offset_id":"o",` + fields + `}`: "",
		`{"id":"a","type":"credit.archive",` + fields + `}`: "", `{"id":"a","type":"credit.create","customer_id":"c","credit_id":"l","credit_custom_fields":{"scrip_intent":"x"}}`: "",
	} {
		if e := read(body); e.Mark != want {
			t.Errorf("%s has the mark %q", body, e.Mark)
		}
	}
	for _, body := range []string{`{"id":"a","type":"credit.create"}`, `{"id":"a","type":"invoice.finalized","properties":{}}`, `{"id":"a"}`} {
		if _, err := a.Normalise([]byte(body)); codeOf(err) != adapters.CodeInvalid {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// A credit that does not tell when it was made is told each time, under one id.
func TestSweepWithoutDates(t *testing.T) {
	a, _ := against(t, map[string][]string{lists: {pageOf(lotOf("a", "CREDIT", ""), lotOf("b", "PREPAID", `,"created_at":"2026-03-02T00:00:00Z"`))}})
	for since, want := range map[string]int{"2026-03-02T00:00:00Z": 2, "2026-03-03T00:00:00Z": 1} {
		got, err := a.Sweep(t.Context(), when(since), someone, adapters.Page{})
		if err != nil || len(got.Items) != want {
			t.Fatalf("%s: %d, %v", since, len(got.Items), err)
		}
		e, err := a.Normalise(got.Items[0])
		if err != nil || e.ID != "sweep/credit.create/a" || e.Kind != adapters.GrantEvent || e.Object != "a" || e.At != when("2026-03-01T00:00:00Z") {
			t.Errorf("%+v, %v", e, err)
		}
	}
}
