package orb

import (
	"slices"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

const (
	creditsList = "GET /customers/CU1/credits"
	customerGet = "GET /customers/CU1"
	customerPut = "PUT /customers/CU1"
	inUSD       = `{"id":"CU1","currency":"USD"}`
	inEUR       = `{"id":"CU1","currency":"EUR"}`
	inNothing   = `{"id":"CU1","currency":null}`
)

var notInvoiced = refusal("400", "400-constraint-violation", "not the invoicing currency")

// dollars is a grant order that holds US dollars in millionths.
func dollars(edit func(*adapters.GrantOrder)) adapters.GrantOrder {
	return grantOrder(func(o *adapters.GrantOrder) {
		o.Holding, o.Unit = adapters.Holding{Quanta: 72_000_004, Scale: 6, Unit: "usd"}, core.Unit{Code: "usd", Scale: 6}
		o.Original, o.Consumed = 100_000_000, 27_999_996
		if edit != nil {
			edit(o)
		}
	})
}

func TestWire(t *testing.T) {
	for in, want := range map[string]string{"usd": "USD", "USD": "USD", "Jpy": "JPY", "credits": "credits", "Tokens": "Tokens", "xyz": "xyz", "US": "US", "u d": "u d", "": ""} {
		if got := wire(in); got != want {
			t.Errorf("%q is %q at the vendor, want %q", in, got, want)
		}
	}
}

func TestGrantInRealCurrency(t *testing.T) {
	made := []string{`{"id":"L1","entry_type":"increment","currency":"USD","credit_block":{"id":"B1"}}`}
	euro := func(o *adapters.GrantOrder) { o.Basis.Currency = "eur" }
	for _, c := range []struct {
		name, customer, put string
		edit                func(*adapters.GrantOrder)
		set                 bool   // the currency is written
		basis               string // of the block
		code                adapters.Code
		says                string
	}{
		{name: "set already", customer: inUSD, basis: `"0.8"`},
		{name: "set already, in other letters", customer: `{"id":"CU1","currency":"usd"}`, basis: `"0.8"`},
		{name: "set now", customer: inNothing, put: inUSD, set: true, basis: `"0.8"`},
		{name: "free", customer: inNothing, put: inUSD, set: true, basis: `"0"`, edit: func(o *adapters.GrantOrder) { o.Basis = core.Money{} }},
		{name: "paid in another", customer: inNothing, put: inUSD, set: true, edit: euro},
		{name: "invoiced in another", customer: inEUR, code: adapters.CodeInvalid, says: `invoices customer "CU1" in "EUR"`},
		{name: "invoiced and paid in another", customer: inEUR, edit: euro, code: adapters.CodeInvalid, says: `invoices customer "CU1" in "EUR"`},
		{name: "refused", customer: inNothing, put: notInvoiced, set: true, code: adapters.CodeInvalid, says: "refuses to invoice customer"},
		{name: "answer lost", customer: inNothing, put: "500 ", set: true, code: adapters.CodeUnknown},
		{name: "nobody", customer: refusal("404", "404-resource-not-found", ""), code: adapters.CodeNotFound},
		{name: "somebody else", customer: `{"id":"CU2","currency":"USD"}`, code: adapters.CodeBadAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, f := reading(t, map[string][]string{customerGet: {c.customer}, customerPut: {c.put}, ledgerEntry: made}, "usd")
			_, err := a.CreateGrant(t.Context(), dollars(c.edit))
			if codeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
			w := f.writes()
			if set := len(w) > 0 && w[0].Method == "PUT"; set != c.set {
				t.Fatalf("the currency was written: %t", set)
			}
			if c.set {
				if w[0].text("currency") != `"USD"` || len(w[0].Body) != 1 || w[0].Key != string(intent(1))+":currency" || len(w[0].Key) > 64 {
					t.Errorf("the customer was changed by %v under %q", w[0].Body, w[0].Key)
				}
				w = w[1:]
			}
			if err != nil {
				if len(w) != 0 {
					t.Errorf("wrote %v after %v", w, err)
				}
				return
			}
			if len(w) != 1 || w[0].text("currency") != `"USD"` || w[0].text("amount") != "72.000004" || w[0].text("per_unit_cost_basis") != c.basis || w[0].Key != string(intent(1)) {
				t.Errorf("wrote %v", w)
			}
		})
	}
}

// What was paid for a pricing unit does not fix a currency that would bar the
// customer from the one that the connection holds.
func TestCostBasisLeavesCurrencyOpen(t *testing.T) {
	for _, c := range []struct {
		units []string
		paid  core.Currency
		set   bool
	}{{[]string{"credits"}, "eur", true}, {[]string{"credits", "usd"}, "usd", true}, {[]string{"credits", "usd"}, "eur", false}, {[]string{"credits", "EUR", "usd"}, "eur", true}} {
		a, f := reading(t, map[string][]string{customerGet: {inNothing}, customerPut: {inUSD}, ledgerEntry: {`{"id":"L1","entry_type":"increment","credit_block":{"id":"B1"}}`}}, c.units...)
		if _, err := a.CreateGrant(t.Context(), grantOrder(func(o *adapters.GrantOrder) { o.Basis.Currency = c.paid })); err != nil {
			t.Fatal(err)
		}
		w := f.writes()
		if set := w[0].Method == "PUT"; set != c.set || (w[len(w)-1].text("per_unit_cost_basis") != "") != c.set {
			t.Errorf("%v, paid in %s: wrote %v", c.units, c.paid, w)
		}
	}
}

func TestConsumeInRealCurrency(t *testing.T) {
	order := adapters.ConsumeOrder{Mark: adapters.Mark{ID: intent(1)}, Window: "win_1", Quanta: 5, Scale: 6, Unit: "Usd", Links: customerLinks}
	for customer, writes := range map[string][]string{inUSD: {`"USD"`}, inNothing: {`"USD"`, `"USD"`}, inEUR: nil} {
		a, f := reading(t, map[string][]string{customerGet: {customer}, customerPut: {inUSD}, ledgerEntry: {`{"id":"L1","entry_type":"decrement"}`}}, "Usd")
		_, err := a.Consume(t.Context(), order)
		if (err == nil) != (writes != nil) || err != nil && codeOf(err) != adapters.CodeInvalid {
			t.Errorf("%s: %v", customer, err)
		}
		var got []string
		for _, w := range f.writes() {
			got = append(got, w.text("currency"))
		}
		if !slices.Equal(got, writes) {
			t.Errorf("%s: wrote %v, want %v", customer, got, writes)
		}
	}
}

// Every list that names a currency names it as the vendor does, and a grant
// that is listed is in the unit as it was configured.
func TestRealCurrencyOnTheWire(t *testing.T) {
	item := `{"id":"B1","balance":20,"maximum_initial_balance":30,"status":"active","metadata":{"scrip_grant":"grn_1"}}`
	decrement := `{"id":"L3","ledger_sequence_number":3,"entry_type":"decrement","amount":10,"currency":"USD","credit_block":{"id":"B1"},"metadata":` + mark(3, `,"scrip_window":"win_1"`) + `}`
	a, f := reading(t, map[string][]string{
		customerGet: {inUSD}, creditsList: {pageOf(item)}, "GET /credit_blocks/B1": {item},
		ledgerList + " void": {none}, ledgerList + " void_initiated": {none}, ledgerList + " decrement": {pageOf(decrement)}, ledgerList + " amendment": {none}, ledgerList + " increment": {none},
		ledgerEntry: {`{"id":"L4","entry_type":"void"}`, `{"id":"L5","entry_type":"decrement"}`, `{"id":"L6","entry_type":"amendment"}`},
	}, "uSd")
	ctx, links := t.Context(), append(adapters.Links{{Neutral: "grn_1", Role: adapters.RoleGrant, Vendor: "B1"}}, customerLinks...)
	got, err := a.Grants(ctx, "CU1", adapters.Page{})
	if err != nil || len(got.Items) != 1 || got.Items[0].Held != (adapters.Holding{Quanta: 30_000_000, Scale: 6, Unit: "uSd"}) || got.Items[0].Left.Unit != "uSd" {
		t.Errorf("listed %v, %v", got, err)
	}
	if _, err := a.EndGrant(ctx, adapters.EndOrder{Mark: adapters.Mark{ID: intent(1), Kind: adapters.EndKind}, Grant: "grn_1", Holding: adapters.Holding{Quanta: 30_000_000, Scale: 6, Unit: "uSd"}, Links: links}); err != nil {
		t.Error(err)
	}
	if _, err := a.CancelConsumption(ctx, adapters.CancelOrder{Mark: adapters.Mark{ID: intent(2)}, Windows: []adapters.Link{{Neutral: "win_1", Vendor: "L3"}}, Links: links}); err != nil {
		t.Error(err)
	}
	if n, err := a.Usage(ctx, adapters.UsageQuery{Customer: "CU1", To: 1, Unit: "uSd", Scale: 6}); n != 10_000_000 || err != nil {
		t.Errorf("usage is %d, %v", n, err)
	}
	for _, kind := range []adapters.Kind{adapters.GrantKind, adapters.ConsumeKind} {
		if _, err := a.Find(ctx, adapters.Mark{ID: intent(9), Kind: kind, Neutral: "it", Customer: "CU1"}); err != nil {
			t.Error(err)
		}
	}
	if _, err := a.Sweep(ctx, 1, "CU1", adapters.Page{}); err != nil {
		t.Error(err)
	}
	kinds := map[string]int{}
	for _, c := range f.calls {
		if strings.HasPrefix(c.Path, "/customers/CU1/credits") {
			if !strings.Contains("&"+c.Query+"&", "&currency=USD&") && c.text("currency") != `"USD"` {
				t.Errorf("%s %s?%s names %s", c.Method, c.Path, c.Query, c.text("currency"))
			}
			kinds[c.Method+c.text("entry_type")]++
		}
	}
	if kinds["GET"] < 8 || kinds[`POST"void"`] != 1 || kinds[`POST"decrement"`] != 1 || kinds[`POST"amendment"`] != 1 {
		t.Errorf("called %v", kinds)
	}
}

// A customer that is not invoiced in the currency has nothing in it; any other
// refusal stays one.
func TestNothingInAnotherCurrency(t *testing.T) {
	reads := map[string]func(*Adapter) (int, error){
		"grants": func(a *Adapter) (int, error) {
			got, err := a.Grants(t.Context(), "CU1", adapters.Page{})
			return len(got.Items) + len(got.Next), err
		},
		"usage": func(a *Adapter) (int, error) {
			n, err := a.Usage(t.Context(), adapters.UsageQuery{Customer: "CU1", To: 1, Scale: 6})
			return int(n), err
		},
		"a grant": func(a *Adapter) (int, error) {
			got, err := a.Find(t.Context(), adapters.Mark{ID: intent(1), Kind: adapters.GrantKind, Neutral: "grn_1", Customer: "CU1"})
			return len(got.Links), err
		},
		"a window": func(a *Adapter) (int, error) {
			got, err := a.Find(t.Context(), adapters.Mark{ID: intent(1), Kind: adapters.ConsumeKind, Neutral: "win_1", Customer: "CU1"})
			return len(got.Links), err
		},
		"events": func(a *Adapter) (int, error) {
			got, err := a.Sweep(t.Context(), 1, "CU1", adapters.Page{})
			return len(got.Items) + len(got.Next), err
		},
	}
	for _, c := range []struct {
		name, unit, list, customer string
		code                       adapters.Code
	}{
		{"no currency yet", "usd", notInvoiced, inNothing, ""},
		{"another currency", "usd", notInvoiced, inEUR, ""},
		{"refused all the same", "usd", notInvoiced, inUSD, adapters.CodeInvalid},
		{"nobody", "usd", notInvoiced, refusal("404", "404-resource-not-found", ""), adapters.CodeNotFound},
		{"nobody to list", "usd", refusal("404", "404-resource-not-found", ""), inNothing, adapters.CodeNotFound},
		{"a pricing unit", "credits", notInvoiced, inNothing, adapters.CodeInvalid},
	} {
		for name, read := range reads {
			answers := map[string][]string{customerGet: {c.customer}, creditsList: {c.list}}
			for _, kind := range []string{"increment", "decrement", "amendment"} {
				answers[ledgerList+" "+kind] = []string{c.list}
			}
			a, _ := reading(t, answers, c.unit)
			if n, err := read(a); n != 0 || codeOf(err) != c.code {
				t.Errorf("%s of %s: %d, %v", name, c.name, n, err)
			}
		}
	}
}

func TestPrepareAsksForNoCurrency(t *testing.T) {
	a, f := reading(t, nil, "usd", "EUR")
	if _, err := a.Prepare(t.Context(), adapters.Setup{Units: []string{"usd", "EUR"}}); err != nil || len(f.calls) != 0 {
		t.Errorf("called %v: %v", f.calls, err)
	}
	a, f = reading(t, map[string][]string{"GET /customers": {pageOf(inNothing)}, creditsList: {notInvoiced}}, "usd", "tokens")
	_, err := a.Prepare(t.Context(), adapters.Setup{Units: []string{"usd", "tokens"}})
	if codeOf(err) != adapters.CodeInvalid || !strings.Contains(err.Error(), "tokens") || strings.Contains(err.Error(), "usd") || len(f.calls) != 2 {
		t.Errorf("called %v: %v", f.calls, err)
	}
	if _, err := New(Config{Key: "k", Units: []string{"usd", "credits", "USD"}}); codeOf(err) != adapters.CodeInvalid {
		t.Errorf("one currency in two spellings: %v", err)
	}
	if _, err := New(Config{Key: "k", Units: []string{"usd", "Tokens", "tokens", "usd"}}); err != nil {
		t.Errorf("pricing units in two spellings: %v", err)
	}
}

func TestCustomerCurrency(t *testing.T) {
	order := adapters.CustomerOrder{Mark: adapters.Mark{ID: intent(1)}, ID: "cust_1", Currency: "usd"}
	a, f := reading(t, map[string][]string{"POST /customers": {inUSD}})
	if _, err := a.PutCustomer(t.Context(), order); err != nil || len(f.calls) != 1 || f.calls[0].text("currency") != `"USD"` {
		t.Errorf("a new customer: %v, %v", f.calls, err)
	}
	// One that exists keeps what it has.
	const byID = "GET /customers/external_customer_id/cust_1"
	a, f = reading(t, map[string][]string{
		"POST /customers": {refusal("400", "400-duplicate-resource-creation", "")}, byID: {`{"id":"CU1","external_customer_id":"cust_1","currency":"EUR"}`}, customerPut: {inEUR},
	})
	if _, err := a.PutCustomer(t.Context(), order); err != nil || len(f.calls) != 3 || f.calls[2].Body["currency"] != nil {
		t.Errorf("one that exists: %v, %v", f.calls, err)
	}
	// A currency that the vendor does not invoice in is no reason to have no customer.
	a, f = reading(t, map[string][]string{"POST /customers": {refusal("400", "400-request-validation-errors", ""), inNothing}})
	_, err := a.PutCustomer(t.Context(), order)
	if err != nil || len(f.calls) != 2 || f.calls[1].Body["currency"] != nil || f.calls[0].Key == f.calls[1].Key {
		t.Errorf("refused: %v, %v", f.calls, err)
	}
	order.Currency = ""
	a, f = reading(t, map[string][]string{"POST /customers": {refusal("400", "400-request-validation-errors", "")}})
	if _, err := a.PutCustomer(t.Context(), order); codeOf(err) != adapters.CodeInvalid || len(f.calls) != 1 || f.calls[0].Body["currency"] != nil {
		t.Errorf("no currency: %v, %v", f.calls, err)
	}
}
