package orb

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"scrip/adapters"
	"scrip/core"
)

func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		"2026-06-30T10:00:00Z": "2026-07-02T00:00:00Z", "2026-06-30T00:00:00Z": "2026-07-01T00:00:00Z", "2026-12-31T23:59:59.999999Z": "2027-01-02T00:00:00Z",
	} {
		if got := ExpiryAtVendor(at(in)); got != at(want) {
			t.Errorf("%s expires at %s, want %s", in, got, want)
		}
	}
	if ExpiryAtVendor(core.Never) != core.Never {
		t.Error("never expires")
	}
	// In whatever zone the vendor rounds down to the day, what it makes of our
	// dates is no earlier than the core's expiry and a day before its start.
	rapid.Check(t, func(t *rapid.T) {
		x := core.Time(rapid.Int64Range(1_000_000_000_000_000, 4_000_000_000_000_000).Draw(t, "time"))
		zone := core.Time(rapid.Int64Range(-12*60, 14*60).Draw(t, "zone")) * 60_000_000
		startOfDay := func(t core.Time) core.Time { return t - (t+zone)%day }
		if got := ExpiryAtVendor(x); startOfDay(got) < x || got > x+2*day || got%day != 0 {
			t.Fatalf("%s in zone %d: %s", x, zone, got)
		}
		if got := StartAtVendor(x); got > startOfDay(x) || got <= x-2*day || got%day != 0 {
			t.Fatalf("%s in zone %d: %s", x, zone, got)
		}
	})
}

func TestPerCredit(t *testing.T) {
	for _, c := range []struct {
		paid     string
		original core.Amount
		scale    int
		want     string
	}{
		{"80.00 usd", 100_000, 2, "0.08"}, {"80.00 usd", 1000, 0, "0.08"}, {"100 jpy", 100, 0, "1"}, {"10.00 usd", 300, 2, ""}, {"0.001 kwd", 1_000_000, 0, "0.000000001"},
		{"0.01 usd", 100_000_000_000, 0, ""}, {"5.00 usd", 0, 0, ""},
	} {
		paid, err := core.ParseMoney(c.paid)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := perCredit(paid, c.original, c.scale); got != c.want || ok != (c.want != "") {
			t.Errorf("%s for %d at %d decimals is %q, want %q", c.paid, c.original, c.scale, got, c.want)
		}
	}
}

func TestGrantStates(t *testing.T) {
	item := func(id, balance, initial, from, to, status string) string {
		return fmt.Sprintf(`{"id":%q,"balance":%s,"maximum_initial_balance":%s,"effective_date":%s,"expiry_date":%s,"status":%q,"per_unit_cost_basis":"0.20","metadata":{"scrip_grant":"grn_1"}}`,
			id, balance, initial, from, to, status)
	}
	const old, past, later = `"2026-03-01T00:00:00+00:00"`, `"2026-03-10T12:00:00+00:00"`, `"2026-04-01T02:00:00+02:00"`
	a, _ := against(t, map[string][]string{"GET /customers/CU1/credits": {pageOf(
		item("open", "1.5", `"2.000000"`, old, later, "active"), item("never", "1", "1", "null", "null", "active"), item("spent", "0", "2", old, later, "active"),
		item("expired", "1", "2", old, past, "active"), item("pending", "1", "1", old, later, "pending_payment"), item("future", "1", "1", later, "null", "active"),
		item("huge", "9007199254740993", "null", old, "null", "active"), item("negative", "-1", "2", old, later, "active"),
		item("taken back", "0", "1", later, "null", "active"))}})
	got, err := a.Grants(t.Context(), "CU1", adapters.Page{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]core.GrantState{"open": core.Open, "never": core.Open, "spent": core.Spent, "expired": core.Expired, "pending": core.Scheduled, "future": core.Scheduled, "taken back": core.Spent, "huge": core.Open, "negative": core.Spent}
	for _, g := range got.Items {
		if g.State != want[g.ID] || g.Category != core.Paid || g.Neutral != "grn_1" {
			t.Errorf("%s is %s, %s, %q", g.ID, g.State, g.Category, g.Neutral)
		}
	}
	if g := got.Items[0]; g.Held != (adapters.Holding{Quanta: 2_000_000, Scale: 6, Unit: "credits"}) || g.Left.Quanta != 1_500_000 || g.Expires != at("2026-04-01T00:00:00Z") {
		t.Errorf("got %+v", g)
	}
	if g := got.Items[6]; g.Left.Quanta != 9_007_199_254_740_993_000 || g.Left.Scale != 3 {
		t.Errorf("a huge balance is %+v", g.Left)
	}
	a, _ = against(t, map[string][]string{"GET /customers/CU1/credits": {pageOf(item("odd", "0.1234567", "1", old, later, "active"))}})
	if _, err := a.Grants(t.Context(), "CU1", adapters.Page{}); codeOf(err) != adapters.CodeBadAnswer {
		t.Errorf("more decimals than are counted: %v", err)
	}
	if _, err := a.Grants(t.Context(), "CU1", adapters.Page{Cursor: "7:x"}); codeOf(err) != adapters.CodeInvalid {
		t.Errorf("a strange cursor: %v", err)
	}
}

func TestFind(t *testing.T) {
	consumed := func(id string, seq, n int) string {
		return fmt.Sprintf(`{"id":%q,"ledger_sequence_number":%d,"entry_type":"decrement","amount":1,"metadata":%s}`, id, seq, mark(n, `,"scrip_window":"win_1"`))
	}
	block := func(id string, meta string) string {
		return fmt.Sprintf(`{"id":%q,"balance":1,"metadata":%s}`, id, meta)
	}
	for _, c := range []struct {
		name    string
		kind    adapters.Kind
		answers map[string][]string
		want    string
		code    adapters.Code
	}{
		{"customer", adapters.CustomerKind, map[string][]string{"GET /customers/external_customer_id/it": {`{"id":"CU1","external_customer_id":"it"}`}}, "CU1", ""},
		{"no customer", adapters.CustomerKind, map[string][]string{"GET /customers/external_customer_id/it": {refusal("404", "404-resource-not-found", "")}}, "", ""},
		{"another customer", adapters.CustomerKind, map[string][]string{"GET /customers/external_customer_id/it": {`{"id":"CU1","external_customer_id":"IT"}`}}, "", adapters.CodeBadAnswer},
		{"grant", adapters.GrantKind, map[string][]string{"GET /customers/CU1/credits": {pageOf(block("B2", mark(2, `,"scrip_grant":"it"`)), block("B1", mark(1, "")))}}, "B1", ""},
		{"another intent's grant", adapters.GrantKind, map[string][]string{"GET /customers/CU1/credits": {pageOf(block("B2", mark(2, `,"scrip_grant":"it"`)))}, ledgerList + " increment": {none}}, "", ""},
		{"grant not in force yet", adapters.GrantKind, map[string][]string{"GET /customers/CU1/credits": {none}, ledgerList + " increment": {pageOf(
			`{"id":"L1","entry_type":"increment","amount":1,"credit_block":{"id":"B3"},"metadata":` + mark(1, "") + `}`)}}, "B3", ""},
		{"imported grant", adapters.GrantKind, map[string][]string{"GET /customers/CU1/credits": {pageOf(block("B2", `{"scrip_grant":"it"}`))}}, "B2", ""},
		{"consumption", adapters.ConsumeKind, map[string][]string{ledgerList + " decrement": {pageOf(consumed("L9", 9, 3), consumed("L7", 7, 1), consumed("L8", 8, 1), consumed("L6", 6, 2))}}, "L8", ""},
		{"no consumption", adapters.ConsumeKind, map[string][]string{ledgerList + " decrement": {pageOf(consumed("L9", 9, 3))}}, "", ""},
		{"a list without end", adapters.ConsumeKind, map[string][]string{ledgerList + " decrement": {`{"data":[],"pagination_metadata":{"has_more":true,"next_cursor":"x"}}`}}, "", adapters.CodeBadAnswer},
		{"no list", adapters.ConsumeKind, map[string][]string{ledgerList + " decrement": {`{}`}}, "", adapters.CodeBadAnswer},
		{"end", adapters.EndKind, nil, "", ""},
		{"sale", adapters.SellKind, nil, "", adapters.CodeNotSupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := against(t, c.answers)
			got, err := a.Find(t.Context(), adapters.Mark{ID: intent(1), Kind: c.kind, Neutral: "it", Customer: "CU1"})
			vendor := ""
			if len(got.Links) > 0 {
				vendor = got.Links[0].Vendor
			}
			if vendor != c.want || codeOf(err) != c.code {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestPrepare(t *testing.T) {
	one := pageOf(`{"id":"CU1"}`)
	unknown := refusal("400", "400-request-validation-errors", "no such currency")
	for _, c := range []struct {
		name    string
		units   []string
		answers map[string][]string
		code    adapters.Code
	}{
		{"nobody to ask about", []string{"credits"}, map[string][]string{"GET /customers": {none}}, ""},
		{"known", []string{"credits"}, map[string][]string{"GET /customers": {one}, "GET /customers/CU1/credits": {none}}, ""},
		{"unknown", []string{"credits"}, map[string][]string{"GET /customers": {one}, "GET /customers/CU1/credits": {unknown}}, adapters.CodeInvalid},
		{"not read", []string{"tokens"}, nil, adapters.CodeInvalid},
		{"none", nil, nil, ""},
	} {
		a, _ := against(t, c.answers)
		_, err := a.Prepare(t.Context(), adapters.Setup{Units: c.units})
		if codeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.units[0]) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		answer string
		want   adapters.Code
	}{
		{refusal("409", "409-resource-conflict", "The request with this key has a different payload."), adapters.CodeConflict},
		{refusal("409", "409-resource-conflict", "The first request is still being processed."), adapters.CodeInProgress},
		{refusal("409", "409-resource-conflict", ""), adapters.CodeInProgress},
		{refusal("400", "404-feature-not-available", ""), adapters.CodeForbidden},
		{refusal("400", "400-constraint-violation", ""), adapters.CodeInvalid},
		{refusal("404", "404-resource-not-found", ""), adapters.CodeNotFound},
		{refusal("400", "something-new", ""), adapters.CodeInvalid},
		{refusal("500", "500-internal-server-error", ""), adapters.CodeUnknown},
		{`400 {"type":7}`, adapters.CodeInvalid},
	} {
		a, _ := against(t, map[string][]string{ledgerEntry: {c.answer}})
		_, err := a.Consume(t.Context(), adapters.ConsumeOrder{Mark: adapters.Mark{ID: intent(1)}, Window: "win_1", Quanta: 1, Unit: "credits", Links: customerLinks})
		if codeOf(err) != c.want {
			t.Errorf("%s: got %v, want %s", c.answer, err, c.want)
		}
	}
}

func TestLedgerIsReadToItsEnd(t *testing.T) {
	one := func(id, next string) string {
		return fmt.Sprintf(`{"data":[{"id":%q,"entry_type":"decrement","amount":1.5,"metadata":%s}],"pagination_metadata":{"has_more":%t,"next_cursor":%q}}`,
			id, mark(1, `,"scrip_window":"w"`), next != "", next)
	}
	a, f := against(t, map[string][]string{
		ledgerList + " decrement": {one("L3", "c1"), one("L2", "c2"), one("L1", "")},
		ledgerList + " amendment": {pageOf(`{"id":"L9","entry_type":"amendment","amount":0.25,"metadata":` + mark(2, `,"scrip_window":"w"`) + `}`)},
	})
	got, err := a.Usage(t.Context(), adapters.UsageQuery{Customer: "CU1", From: at("2026-03-01T00:00:00Z"), To: at("2026-03-02T00:00:00Z"), Unit: "credits", Scale: 2})
	if err != nil || got != 425 {
		t.Errorf("usage is %d, %v, want 425", got, err)
	}
	for i, want := range []string{"", "cursor=c1&", "cursor=c2&"} {
		if q := f.calls[i].Query; !strings.Contains(q, want) || (want == "") == strings.Contains(q, "cursor=") || !strings.Contains(q, "currency=credits") {
			t.Errorf("call %d asks for %s", i+1, q)
		}
	}
	a, _ = against(t, map[string][]string{ledgerList + " decrement": {one("L1", "")}, ledgerList + " amendment": {none}})
	if _, err := a.Usage(t.Context(), adapters.UsageQuery{Customer: "CU1", To: 1, Unit: "credits", Scale: 0}); codeOf(err) != adapters.CodeBadAnswer {
		t.Errorf("1.5 in whole parts: %v", err)
	}
}
