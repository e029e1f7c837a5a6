package orb

import (
	"fmt"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

const (
	ledgerEntry = "POST /customers/CU1/credits/ledger_entry"
	ledgerList  = "GET /customers/CU1/credits/ledger"
)

func grantOrder(edit func(*adapters.GrantOrder)) adapters.GrantOrder {
	o := adapters.GrantOrder{
		Mark: adapters.Mark{ID: intent(1), Kind: adapters.GrantKind, Neutral: "grn_1", Customer: "CU1"}, Grant: "grn_1",
		Holding: adapters.Holding{Quanta: 90_000_050, Scale: 2, Unit: "credits"}, Unit: core.Unit{Code: "credits", Scale: 2},
		Original: 100_000, Consumed: 10_000, Category: core.Paid, Priority: 40, Starts: at("2026-03-10T12:00:00Z"),
		Expires: at("2026-06-30T10:00:00Z"), Basis: core.Money{Minor: 8000, Currency: "usd"}, Source: "pur_1", Links: customerLinks,
	}
	if edit != nil {
		edit(&o)
	}
	return o
}

func TestCreateGrantBody(t *testing.T) {
	usd, eur, open := `{"id":"CU1","currency":"USD"}`, `{"id":"CU1","currency":"EUR"}`, `{"id":"CU1","currency":null}`
	for _, c := range []struct {
		name     string
		customer string
		edit     func(*adapters.GrantOrder)
		want     map[string]string // parts of the body
	}{
		{"paid", usd, nil, map[string]string{
			"entry_type": `"increment"`, "amount": `900000.50`, "currency": `"credits"`, "effective_date": `"2026-03-09T00:00:00+00:00"`,
			"expiry_date": `"2026-07-02T00:00:00+00:00"`, "per_unit_cost_basis": `"0.08"`,
			"invoice_settings": `{"auto_collection":false,"net_terms":0,"mark_as_paid":true}`}},
		{"free", usd, func(o *adapters.GrantOrder) { o.Basis = core.Money{} }, map[string]string{"per_unit_cost_basis": `"0"`, "invoice_settings": ""}},
		{"no short decimal", usd, func(o *adapters.GrantOrder) { o.Original = 300_000 }, map[string]string{"per_unit_cost_basis": "", "invoice_settings": ""}},
		{"another currency", eur, nil, map[string]string{"per_unit_cost_basis": "", "invoice_settings": ""}},
		{"no currency yet", open, nil, map[string]string{"per_unit_cost_basis": `"0.08"`}},
		{"currency refused", open + " ", nil, map[string]string{"per_unit_cost_basis": "", "invoice_settings": ""}},
		{"never expires", usd, func(o *adapters.GrantOrder) { o.Expires = core.Never }, map[string]string{"expiry_date": ""}},
		{"finest", usd, func(o *adapters.GrantOrder) {
			o.Holding = adapters.Holding{Quanta: 9_007_199_254_740_993, Scale: 6, Unit: "credits"}
		}, map[string]string{"amount": "9007199254.740993"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, f := against(t, map[string][]string{
				"GET /customers/CU1": {c.customer}, "PUT /customers/CU1": {`{"id":"CU1"}`},
				ledgerEntry: {`{"id":"L1","entry_type":"increment","credit_block":{"id":"B1"}}`},
			})
			if c.name == "currency refused" {
				f.answers["PUT /customers/CU1"] = []string{refusal("400", "400-constraint-violation", "")}
			}
			got, err := a.CreateGrant(t.Context(), grantOrder(c.edit))
			if err != nil || got.Links[0] != (adapters.Link{Neutral: "grn_1", Role: adapters.RoleGrant, Vendor: "B1"}) {
				t.Fatalf("got %v, %v", got, err)
			}
			w := f.writes()
			last := w[len(w)-1]
			if last.Key != string(intent(1)) || len(last.Key) > 64 {
				t.Errorf("the key is %q", last.Key)
			}
			for name, want := range c.want {
				if last.text(name) != want {
					t.Errorf("%s is %s, want %s", name, last.text(name), want)
				}
			}
			if c.customer == open && (len(w) != 2 || w[0].text("currency") != `"USD"`) {
				t.Errorf("the customer's currency was not set: %v", w)
			}
			for _, part := range []string{"scrip_grant", "scrip_intent", `"consumed":"100.00"`, `"priority":"40"`, `"category":"paid"`} {
				if !strings.Contains(last.text("metadata"), part) {
					t.Errorf("metadata %s lack %s", last.text("metadata"), part)
				}
			}
		})
	}
}

func TestCreateGrantRefuses(t *testing.T) {
	a, f := against(t, nil)
	for name, edit := range map[string]func(*adapters.GrantOrder){
		"below zero":  func(o *adapters.GrantOrder) { o.Holding.Quanta = -1 },
		"no customer": func(o *adapters.GrantOrder) { o.Links = nil },
		"no unit":     func(o *adapters.GrantOrder) { o.Holding.Unit = "" },
		"too fine":    func(o *adapters.GrantOrder) { o.Holding.Scale = 7 },
	} {
		if _, err := a.CreateGrant(t.Context(), grantOrder(edit)); codeOf(err) != adapters.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := a.CreateGrant(t.Context(), grantOrder(func(o *adapters.GrantOrder) { o.Holding.Quanta = 0 })); err != nil || len(got.Links) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}
	if len(f.calls) != 0 {
		t.Errorf("the vendor was called: %v", f.calls)
	}
}

// mark is the metadata of an entry that intent n made.
func mark(n int, more string) string {
	return fmt.Sprintf(`{"scrip_intent":%q%s}`, string(intent(n)), more)
}

func TestEndGrant(t *testing.T) {
	block := func(balance, expiry string) string {
		return fmt.Sprintf(`{"id":"B1","balance":%s,"expiry_date":%s,"status":"active","metadata":{}}`, balance, expiry)
	}
	const later, past = `"2026-07-01T00:00:00+00:00"`, `"2026-03-10T00:00:00+00:00"`
	voided := func(amount string) string {
		return pageOf(`{"id":"L8","ledger_sequence_number":8,"entry_type":"void","amount":` + amount + `,"metadata":` + mark(1, "") + `}`)
	}
	announced := pageOf(`{"id":"L8","ledger_sequence_number":8,"entry_type":"void_initiated","amount":0,"void_amount":20,"metadata":` + mark(1, "") + `}`)
	rest := pageOf(`{"id":"L9","ledger_sequence_number":9,"entry_type":"decrement","amount":10,"metadata":` + mark(1, "") + `}`)
	busy := pageOf(`{"id":"L10","ledger_sequence_number":10,"entry_type":"decrement","amount":10,"metadata":`+mark(2, "")+`}`,
		`{"id":"L9","ledger_sequence_number":9,"entry_type":"decrement","amount":10,"metadata":`+mark(1, "")+`}`)
	writtenOff := pageOf(`{"id":"L6","ledger_sequence_number":6,"entry_type":"credit_block_expiry","amount":-7,"credit_block":{"id":"B1"},"metadata":{}}`)
	other := pageOf(`{"id":"L7","ledger_sequence_number":7,"entry_type":"decrement","amount":10,"metadata":` + mark(2, "") + `}`)
	for _, c := range []struct {
		name                       string
		block                      string
		void, initiated, decrement string
		want                       []string // type and amount of each write
		code                       adapters.Code
	}{
		{"whole", block("30", later), none, none, none, []string{`"void" 30.00`}, ""},
		{"holds more", block("80.5", later), none, none, none, []string{`"void" 30.00`}, ""},
		{"holds more, is over", block("80.5", later), none, none, none, []string{`"void" 80.50`}, ""},
		{"holds less", block("20", later), none, none, other, []string{`"void" 20.00`, `"decrement" 10.00`}, ""},
		{"holds finer parts", block("20.009", later), none, none, none, []string{`"void" 20.00`, `"decrement" 10.00`}, ""},
		{"holds nothing", block("0", later), none, none, none, []string{`"decrement" 30.00`}, ""},
		{"below zero", block("-5", later), none, none, none, []string{`"decrement" 30.00`}, ""},
		{"gone", refusal("404", "404-resource-not-found", ""), none, none, none, nil, ""},
		{"expired", block("30", past), none, none, none, nil, ""},
		{"expired, burned before others", block("20", past), none, none, other, []string{`"decrement" 10.00`}, ""},
		{"expired, some of it written off", block("5", past), none, none, other, []string{`"decrement" 18.00`}, ""},
		{"voided before", block("50", later), voided("30"), none, none, nil, ""},
		{"voided before, negative amounts", block("50", later), voided("-30"), none, none, nil, ""},
		{"half done", block("0", later), voided("20"), none, other, []string{`"decrement" 10.00`}, ""},
		{"half announced", block("0", later), none, announced, other, []string{`"decrement" 10.00`}, ""},
		{"all done", block("0", later), voided("20"), none, rest, nil, ""},
		{"all done, others since", block("0", later), voided("20"), none, busy, nil, ""},
		{"no block", `{"id":"B2","balance":1}`, none, none, none, nil, adapters.CodeBadAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			lapsed := none
			if strings.Contains(c.name, "written off") {
				lapsed = writtenOff
			}
			a, f := against(t, map[string][]string{
				"GET /credit_blocks/B1": {c.block}, ledgerList + " void": {c.void}, ledgerList + " void_initiated": {c.initiated}, ledgerList + " decrement": {c.decrement},
				ledgerList + " credit_block_expiry": {lapsed},
				ledgerEntry:                         {`{"id":"L1","entry_type":"void"}`, `{"id":"L2","entry_type":"decrement"}`},
			})
			if len(c.want) > 0 && strings.Contains(c.want[0], "decrement") {
				f.answers[ledgerEntry] = f.answers[ledgerEntry][1:]
			}
			answer, err := a.EndGrant(t.Context(), adapters.EndOrder{
				Mark: adapters.Mark{ID: intent(1), Kind: adapters.EndKind}, Grant: "grn_1", Holding: adapters.Holding{Quanta: 3000, Scale: 2, Unit: "credits"}, Over: strings.Contains(c.name, "over"),
				Links: append(adapters.Links{{Neutral: "grn_1", Role: adapters.RoleGrant, Vendor: "B1"}}, customerLinks...),
			})
			if codeOf(err) != c.code {
				t.Fatalf("got %v", err)
			}
			if over := strings.Contains(c.name, "over"); over != (answer.Spared == -5050) {
				t.Errorf("%d were spared", answer.Spared)
			}
			var got []string
			for _, w := range f.writes() {
				got = append(got, w.text("entry_type")+" "+w.text("amount"))
				if strings.Contains(w.text("metadata"), metaWindow) {
					t.Error("an end is marked as consumption")
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("wrote %v, want %v", got, c.want)
			}
		})
	}
}

func TestPutCustomer(t *testing.T) {
	order := adapters.CustomerOrder{Mark: adapters.Mark{ID: intent(1)}, ID: "acme/7 ü", Metadata: map[string]string{"plan": "pro"}}
	duplicate := refusal("400", "400-duplicate-resource-creation", "taken")
	a, f := against(t, map[string][]string{"POST /customers": {`{"id":"CU1"}`}})
	if _, err := a.PutCustomer(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	if got := f.calls[0]; got.text("email") != `"acme-7@scrip.invalid"` || got.text("name") != `"acme/7 ü"` || got.text("external_customer_id") != `"acme/7 ü"` {
		t.Errorf("sent %v", got.Body)
	}
	a, f = against(t, map[string][]string{
		"POST /customers": {duplicate}, "GET /customers/external_customer_id/acme/7 ü": {`{"id":"CU9","external_customer_id":"acme/7 ü"}`}, "PUT /customers/CU9": {`{"id":"CU9"}`},
	})
	got, err := a.PutCustomer(t.Context(), order)
	if err != nil || got.Links[0].Vendor != "CU9" {
		t.Errorf("one that exists: %v, %v", got, err)
	}
	if put := f.calls[2]; put.Body["email"] != nil || put.Body["name"] != nil || put.Body["external_customer_id"] != nil {
		t.Errorf("what is empty here was written: %v", put.Body)
	}
	a, _ = against(t, map[string][]string{"POST /customers": {duplicate}, "GET /customers/external_customer_id/acme/7 ü": {refusal("404", "404-resource-not-found", "")}})
	if _, err := a.PutCustomer(t.Context(), order); codeOf(err) != adapters.CodeInvalid {
		t.Errorf("a duplicate that is not there: %v", err)
	}
	order.Links = customerLinks
	a, _ = against(t, map[string][]string{"PUT /customers/CU1": {`{"id":"CU2"}`}})
	if _, err := a.PutCustomer(t.Context(), order); codeOf(err) != adapters.CodeUnknown {
		t.Errorf("another customer was answered: %v", err)
	}
}

func TestTakingBack(t *testing.T) {
	entries := pageOf(
		`{"id":"L3","ledger_sequence_number":3,"entry_type":"decrement","amount":-2.5,"credit_block":{"id":"B2"},"metadata":`+mark(1, `,"scrip_window":"win_1"`)+`}`,
		`{"id":"L2","ledger_sequence_number":2,"entry_type":"decrement","amount":-1,"credit_block":{"id":"B1"},"metadata":`+mark(1, `,"scrip_window":"win_1"`)+`}`,
		`{"id":"L1","ledger_sequence_number":1,"entry_type":"decrement","amount":-9,"credit_block":{"id":"B1"},"metadata":{}}`)
	amended := pageOf(`{"id":"L4","entry_type":"amendment","amount":2.5,"metadata":` + mark(5, `,"scrip_window":"win_1","scrip_entry":"L3"`) + `}`)
	order := adapters.CancelOrder{Mark: adapters.Mark{ID: intent(5)}, Windows: []adapters.Link{{Neutral: "win_1", Vendor: "L3"}}, Links: customerLinks}
	const later, past = `"2026-07-01T00:00:00+00:00"`, `"2026-03-10T00:00:00+00:00"`
	voided := pageOf(`{"id":"L5","entry_type":"void","credit_block":{"id":"B1"},"metadata":` + mark(3, `,"scrip_grant":"grn_1"`) + `}`)
	taken := strings.Replace(entries, `"metadata":{}`, `"metadata":`+mark(3, `,"scrip_grant":"grn_1"`), 1)
	for name, c := range map[string]struct{ amended, entries, void, expiry, want string }{
		"first":                 {none, entries, none, later, `["B2" 2.5 "B1" 1]`},
		"half done":             {amended, entries, voided, past, `["B1" 1]`},
		"a block has expired":   {none, entries, none, past, `[]`},
		"a grant was withdrawn": {none, entries, voided, later, `[]`},
		"from other blocks":     {none, taken, none, later, `[]`},
	} {
		a, f := against(t, map[string][]string{
			ledgerList + " decrement": {c.entries}, ledgerList + " amendment": {c.amended}, ledgerList + " void": {c.void}, ledgerList + " void_initiated": {none},
			"GET /credit_blocks/B1": {`{"id":"B1","balance":0,"expiry_date":` + c.expiry + `,"metadata":{"scrip_grant":"grn_1"}}`},
			"GET /credit_blocks/B2": {`{"id":"B2","balance":0,"expiry_date":null,"metadata":{"scrip_grant":"grn_2"}}`},
			ledgerEntry:             {`{"id":"L9","entry_type":"amendment"}`},
		})
		want := adapters.Code("")
		if c.want == "[]" {
			want = adapters.CodeInvalid
		}
		if _, err := a.CancelConsumption(t.Context(), order); codeOf(err) != want {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, w := range f.writes() {
			got = append(got, w.text("block_id"), w.text("amount"))
			if len(w.Key) > 64 {
				t.Errorf("the key has %d characters", len(w.Key))
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: gave back %v, want %s", name, got, c.want)
		}
	}
	a, _ := against(t, map[string][]string{ledgerList + " decrement": {none}})
	if _, err := a.CancelConsumption(t.Context(), order); codeOf(err) != adapters.CodeNotFound {
		t.Errorf("a window that is not there: %v", err)
	}
}
