package orb

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

const (
	customersPath = "GET /customers"
	ledgerPath    = "GET /customers/CU1/credits/ledger increment"
)

func entryOf(id, owner, created, rest string) string {
	return `{"id":"E` + id + `","entry_type":"increment","entry_status":"committed","amount":5.50,"currency":"credits","created_at":"` + created +
		`","customer":{"id":"` + owner + `","external_customer_id":"cust_1"},"credit_block":{"id":"` + id + `"},"metadata":{"scrip_grant":"g_1"}` + rest + `}`
}

// TestSweepLeavesOut: what was not asked for, although the vendor lists it,
// and what it has not told yet.
func TestSweepLeavesOut(t *testing.T) {
	since := at("2026-03-10T10:00:00.75Z")
	a, f := against(t, map[string][]string{
		customersPath: {pageOf(
			`{"id":"CU1","external_customer_id":"cust_1","created_at":"2026-03-10T10:00:00+00:00","metadata":{"scrip_intent":"`+string(intent(1))+`"}}`,
			`{"id":"CU2","external_customer_id":null,"created_at":"2026-03-10T09:59:59+00:00","metadata":{}}`,
		)},
		ledgerPath: {pageOf(
			entryOf("B1", "CU1", "2026-03-10T11:00:00+00:00", ""),
			entryOf("B2", "CU1", "2026-03-10T11:00:00+00:00", `,"entry_status":"pending"`),
			entryOf("B3", "CU1", "2026-03-10T11:00:00+00:00", `,"entry_type":"decrement"`),
			entryOf("B4", "CU1", "2026-03-10T09:00:00+00:00", ""),
		)},
	})
	for customer, want := range map[string]adapters.Event{
		"": {ID: "sweep/customer.created/CU1", Type: "customer.created", Kind: adapters.CustomerEvent, Object: "CU1", Customer: "CU1", At: at("2026-03-10T10:00:00Z"), Mark: intent(1), Neutral: "cust_1"},
		"CU1": {ID: "sweep/customer.credit_ledger_incremented/B1", Type: "customer.credit_ledger_incremented", Kind: adapters.GrantEvent, Object: "B1", Customer: "CU1",
			At: at("2026-03-10T11:00:00Z"), Neutral: "g_1", Reason: "a block of 5.50 credits that we did not make"},
	} {
		got, err := a.Sweep(t.Context(), since, customer, adapters.Page{})
		if err != nil || len(got.Items) != 1 || got.Next != "" {
			t.Fatalf("%q: %d events, next %q, %v", customer, len(got.Items), got.Next, err)
		}
		e, err := a.Normalise(got.Items[0])
		have, _ := json.Marshal(e)
		wanted, _ := json.Marshal(want)
		if err != nil || string(have) != string(wanted) {
			t.Errorf("%q: %s, %v\nwant %s", customer, have, err, wanted)
		}
	}
	for _, c := range f.calls {
		q, err := url.ParseQuery(c.Query)
		if err != nil || q.Get("created_at[gte]") != "2026-03-10T10:00:00+00:00" || q.Get("limit") != "100" {
			t.Errorf("%s asks for %q", c.Path, c.Query)
		}
	}
}

// TestSweepRefuses: what is no page of such objects is an error, never "not
// there".
func TestSweepRefuses(t *testing.T) {
	const day = "2026-03-10T11:00:00+00:00"
	for name, c := range map[string]struct{ customer, cursor, answer string }{
		"customer without id":    {"", "", pageOf(`{"created_at":"` + day + `"}`)},
		"customer without date":  {"", "", pageOf(`{"id":"CU1"}`)},
		"no customer":            {"", "", pageOf(`"x"`)},
		"date of nothing":        {"", "", pageOf(`{"id":"CU1","created_at":"0001-01-01T00:00:00Z"}`)},
		"no list":                {"", "", `{"data":null}`},
		"more without a cursor":  {"", "", strings.Replace(none, "false", "true", 1)},
		"entry without block":    {"CU1", "", pageOf(entryOf("", "CU1", day, ""))},
		"entry without date":     {"CU1", "", pageOf(entryOf("B1", "CU1", day, `,"created_at":null`))},
		"entry of somebody else": {"CU1", "", pageOf(entryOf("B1", "CU2", day, ""))},
		"entry of nobody":        {"CU1", "", pageOf(entryOf("B1", "CU1", day, `,"customer":null`))},
		"cursor comes again":     {"CU1", "0:x", `{"data":[],"pagination_metadata":{"has_more":true,"next_cursor":"x"}}`},
	} {
		a, _ := against(t, map[string][]string{customersPath: {c.answer}, ledgerPath: {c.answer}})
		got, err := a.Sweep(t.Context(), at("2026-03-10T10:00:00Z"), c.customer, adapters.Page{Cursor: c.cursor})
		if codeOf(err) != adapters.CodeBadAnswer || len(got.Items) != 0 {
			t.Errorf("%s: %d events, %v", name, len(got.Items), err)
		}
	}
	a, f := against(t, nil)
	for _, cursor := range []string{"x", "-1:", "1:", ":", "0x0:y", "99999999999999999999:"} {
		if _, err := a.Sweep(t.Context(), 0, "CU1", adapters.Page{Cursor: cursor}); codeOf(err) != adapters.CodeInvalid {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	if len(f.calls) != 0 {
		t.Errorf("cursors of nobody made %d calls", len(f.calls))
	}
}

// TestSweepReadsEachUnit: unit by unit, page by page.
func TestSweepReadsEachUnit(t *testing.T) {
	more := `{"data":[],"pagination_metadata":{"has_more":true,"next_cursor":"c:1"}}`
	a, f := against(t, map[string][]string{ledgerPath: {more, none, pageOf(entryOf("B1", "CU1", "2026-03-10T11:00:00+00:00", ""))}})
	a.units = []string{"a", "b"}
	var cursors, found []string
	page := adapters.Page{Limit: 7}
	for {
		got, err := a.Sweep(t.Context(), core.Time(0), "CU1", page)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range got.Items {
			found = append(found, string(body))
		}
		if got.Next == "" {
			break
		}
		page.Cursor = got.Next
		cursors = append(cursors, got.Next)
	}
	var asked []string
	for _, c := range f.calls {
		q, _ := url.ParseQuery(c.Query)
		asked = append(asked, q.Get("currency")+" "+q.Get("cursor")+" "+q.Get("limit"))
	}
	if got := strings.Join(cursors, ", "); got != "0:c:1, 1:" {
		t.Errorf("cursors %s", got)
	}
	if got := strings.Join(asked, ", "); got != "a  7, a c:1 7, b  7" || len(found) != 1 {
		t.Errorf("asked %s, found %v", got, found)
	}
}
