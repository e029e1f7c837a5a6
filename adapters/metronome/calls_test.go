package metronome

import (
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

func grantOrder() adapters.GrantOrder {
	return adapters.GrantOrder{
		Mark:  adapters.Mark{ID: intent(1), Kind: adapters.GrantKind, Neutral: "grant_1", Customer: someone},
		Grant: "grant_1", Holding: adapters.Holding{Quanta: 350, Scale: 2, Unit: units}, Unit: core.Unit{Code: "credits", Scale: 2}, Original: 350,
		Category: core.Paid, Priority: 40, Starts: when("2026-03-10T11:59:59Z"), Expires: when("2026-04-01T00:00:01Z"),
		Basis: core.Money{Minor: 8000, Currency: "usd"}, Source: "pur_1", Now: when("2026-03-10T12:30:00Z"), Links: known,
	}
}

func TestGrantAsSent(t *testing.T) {
	a, f := against(t, map[string][]string{commits: {`{"data":{"id":"lot_1"}}`}, credits: {`{"data":{"id":"lot_2"}}`}})
	paid, free := grantOrder(), grantOrder()
	free.Category, free.Basis = core.Promotional, core.Money{}
	for want, o := range map[string]adapters.GrantOrder{"lot_1": paid, "lot_2": free} {
		if got, err := a.CreateGrant(t.Context(), o); err != nil || got.Links[0].Vendor != want {
			t.Errorf("%s: %v, %v", want, got, err)
		}
	}
	for _, c := range []struct{ call, field, want string }{
		{commits, "type", `"PREPAID"`}, {credits, "type", ""}, {commits, "priority", "40"}, {commits, "product_id", `"product_1"`},
		{commits, "uniqueness_key", `"` + string(intent(1)) + `"`},
		{commits, "access_schedule", `{"credit_type_id":"` + units + `","schedule_items":[{"amount":3.50,"ending_before":"2026-04-01T01:00:00Z","starting_at":"2026-03-10T11:00:00Z"}]}`},
		{commits, "invoice_schedule", `{"credit_type_id":"` + usdCents + `","do_not_invoice":true,"schedule_items":[{"amount":8000,"timestamp":"2026-03-10T11:00:00Z"}]}`},
		{credits, "invoice_schedule", ""}, {credits, "custom_fields", `{"consumed":"0.00","original":"3.50","scrip_grant":"grant_1","scrip_intent":"` + string(intent(1)) + `","source":"pur_1"}`},
	} {
		if got := string(f.to(c.call)[0].body[c.field]); got != c.want {
			t.Errorf("%s of %s is %s, want %s", c.field, c.call, got, c.want)
		}
	}
	if f.to(commits)[0].key != "" {
		t.Error("a grant has an idempotency key, under which a failure would be repeated")
	}
}

// A refusal of what is not needed is no refusal of the grant; the key that was
// used before leads to what it made.
func TestGrantAsTaken(t *testing.T) {
	made := lotOf("lot_1", "PREPAID", `,"uniqueness_key":"`+string(intent(1))+`","archived_at":"2026-03-10T12:00:00Z"`)
	bad, fine := `400 {"message":"no"}`, `{"data":{"id":"lot_1"}}`
	for name, c := range map[string]struct {
		creates, lists []string
		code           adapters.Code
		calls          int
	}{
		"taken":            {[]string{fine}, nil, "", 1},
		"not all taken":    {[]string{bad, fine}, nil, "", 2},
		"the bare taken":   {[]string{bad, bad, fine}, nil, "", 3},
		"refused":          {[]string{bad}, nil, adapters.CodeInvalid, 3},
		"made before":      {[]string{keyTaken}, []string{pageOf(lotOf("lot_2", "CREDIT", ""), made)}, "", 1},
		"not listed yet":   {[]string{keyTaken}, []string{pageOf()}, adapters.CodeInProgress, 1},
		"no answer":        {[]string{`500 {}`}, nil, adapters.CodeUnknown, 1},
		"no proper one":    {[]string{`{"data":{}}`}, nil, adapters.CodeUnknown, 1},
		"no answer to two": {[]string{bad, `500 {}`}, nil, adapters.CodeUnknown, 2},
		"made with less":   {[]string{bad, keyTaken}, []string{pageOf(made)}, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			a, f := against(t, map[string][]string{commits: c.creates, lists: c.lists})
			o := grantOrder()
			o.Expires = core.Never
			got, err := a.CreateGrant(t.Context(), o)
			if codeOf(err) != c.code || c.code == "" && got.Links[0].Vendor != "lot_1" {
				t.Errorf("got %v, %v, want %q", got, err, c.code)
			}
			sent := f.to(commits)
			if len(sent) != c.calls {
				t.Fatalf("%d calls", len(sent))
			}
			for n, s := range sent {
				invoiced, says, near := s.body["invoice_schedule"] != nil, s.body["custom_fields"] != nil, strings.Contains(string(s.body["access_schedule"]), `"ending_before":"2066`)
				if invoiced != (n == 0) || says != (n < 2) || near != (n > 0) {
					t.Errorf("call %d says %s", n+1, s.body)
				}
			}
		})
	}
}

// A product that was archived and made again leaves two links.
func TestGrantOfTwoProducts(t *testing.T) {
	a, f := against(t, map[string][]string{credits: {`404 {"message":"no such product"}`, `{"data":{"id":"lot_1"}}`}})
	o := grantOrder()
	o.Category, o.Links = core.Promotional, append(adapters.Links{{Neutral: adapters.SetupNeutral, Role: adapters.RoleProduct, Vendor: "product_0"}}, known...)
	if got, err := a.CreateGrant(t.Context(), o); err != nil || got.Links[0].Vendor != "lot_1" {
		t.Fatalf("%v, %v", got, err)
	}
	if got := string(f.to(credits)[1].body["product_id"]); got != `"product_1"` {
		t.Errorf("the second call names %s", got)
	}
}

func draw(quanta int64) adapters.ConsumeOrder {
	return adapters.ConsumeOrder{
		Mark:   adapters.Mark{ID: intent(2), Kind: adapters.ConsumeKind, Neutral: "win_1", Customer: someone},
		Window: "win_1", Grant: "grant_1", Quanta: quanta, Scale: 2, Unit: units, Sent: when("2026-03-10T12:29:59.5Z"), Links: known,
	}
}

func TestDraw(t *testing.T) {
	a, f := against(t, map[string][]string{lists: {pageOf(lotOf("lot_1", "CREDIT", ""))}, entries: {""}})
	for _, quanta := range []int64{350, -50} {
		got, err := a.Consume(t.Context(), draw(quanta))
		if err != nil || len(got.Links) != 1 || got.Links[0].Vendor != string(intent(2)) {
			t.Errorf("%v, %v", got, err)
		}
	}
	for i, want := range []string{"-3.50", "0.50"} {
		s := f.to(entries)[i]
		if got := string(s.body["amount"]); got != want {
			t.Errorf("amount %s, want %s", got, want)
		}
		if s.key != string(intent(2)) || string(s.body["segment_id"]) != `"segment_lot_1"` || string(s.body["timestamp"]) != `"2026-03-10T12:00:00Z"` {
			t.Errorf("sent as %+v", s)
		}
	}
	if got, err := a.Consume(t.Context(), draw(0)); err != nil || len(got.Links) != 0 {
		t.Errorf("a draw of nothing: %v, %v", got, err)
	}
	for name, spoil := range map[string]func(*adapters.ConsumeOrder){
		"no grant": func(o *adapters.ConsumeOrder) { o.Grant = "" }, "other grant": func(o *adapters.ConsumeOrder) { o.Grant = "grant_2" },
		"other unit": func(o *adapters.ConsumeOrder) { o.Unit = usdCents }, "no customer": func(o *adapters.ConsumeOrder) { o.Links = o.Links[1:] },
		"no window to be found by": func(o *adapters.ConsumeOrder) { o.Window = "a b" }, "no time": func(o *adapters.ConsumeOrder) { o.Sent = 0 },
		"too fine": func(o *adapters.ConsumeOrder) { o.Scale = 7 },
	} {
		o := draw(1)
		spoil(&o)
		if _, err := a.Consume(t.Context(), o); codeOf(err) != adapters.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A grant that came back is drawn on where it is in force; an entry is dated
// within its segment.
func TestDrawOnWhatIsInForce(t *testing.T) {
	links := append(adapters.Links{{Neutral: "grant_1", Role: adapters.RoleGrant, Vendor: "lot_0"}}, known...)
	gone := lotOf("lot_1", "CREDIT", `,"archived_at":"2026-03-10T12:00:00Z"`)
	a, f := against(t, map[string][]string{lists: {pageOf(lotOf("lot_0", "CREDIT", "")), pageOf(gone)}, entries: {""}})
	o := draw(1)
	o.Links = links
	if _, err := a.Consume(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := string(f.to(entries)[0].body["id"]); got != `"lot_0"` {
		t.Errorf("drawn on %s", got)
	}
	a, f = against(t, map[string][]string{lists: {pageOf(lotOf("lot_1", "CREDIT", ""))}, entries: {""}})
	o = draw(1)
	o.Sent = when("2026-05-01T00:00:00Z")
	if _, err := a.Consume(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := string(f.to(entries)[0].body["timestamp"]); got != `"2026-03-31T23:00:00Z"` {
		t.Errorf("dated %s", got)
	}
}

func TestEnd(t *testing.T) {
	const archive, update = "POST /v2/contracts/commits/archive", "POST /v1/contracts/customerCommits/updateEndDate"
	open := pageOf(lotOf("lot_1", "PREPAID", ""))
	ended := strings.Replace(open, "2026-04-01T00", "2026-03-10T12", 1)
	for name, c := range map[string]struct {
		lists, archives []string
		updates         int
		code            adapters.Code
	}{
		"archived":          {[]string{open}, []string{`{"data":{"id":"another"}}`}, 0, ""},
		"archived before":   {[]string{pageOf(lotOf("lot_1", "PREPAID", `,"archived_at":"2026-03-10T12:00:00Z"`))}, nil, 0, ""},
		"over":              {[]string{ended}, nil, 0, ""},
		"used by invoices":  {[]string{open}, []string{`400 {"message":"used by a finalized invoice"}`}, 1, ""},
		"no such call":      {[]string{open}, []string{`404 {"message":"not found"}`}, 1, ""},
		"archived silently": {[]string{open, pageOf()}, []string{`400 {"message":"archived already"}`}, 0, ""},
		"no answer":         {[]string{open}, []string{`500 {}`}, 0, adapters.CodeUnknown},
		"not listed yet":    {[]string{pageOf()}, nil, 0, adapters.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			a, f := against(t, map[string][]string{lists: c.lists, archive: c.archives, update: {`{"data":{"id":"lot_1"}}`}})
			_, err := a.EndGrant(t.Context(), adapters.EndOrder{Mark: adapters.Mark{ID: intent(3), Kind: adapters.EndKind}, Grant: "grant_1", Links: known})
			if codeOf(err) != c.code {
				t.Errorf("got %v, want %q", err, c.code)
			}
			updates := f.to(update)
			if len(updates) != c.updates || c.updates > 0 && string(updates[0].body["access_ending_before"]) != `"2026-03-10T13:00:00Z"` {
				t.Errorf("updates %v", updates)
			}
		})
	}
}

func TestPutCustomer(t *testing.T) {
	const create, read, rename = "POST /v1/customers", "GET /v1/customers", "POST /v1/customers/" + someone + "/setName"
	taken := `409 {"message":"ingest alias is in use"}`
	it := `{"id":"` + someone + `","name":"x","ingest_aliases":["a","cust_1"]}`
	for name, c := range map[string]struct {
		creates, reads []string
		code           adapters.Code
	}{
		"new":         {[]string{`{"data":` + it + `}`}, nil, ""},
		"there":       {[]string{taken}, []string{pageOf(it)}, ""},
		"archived":    {[]string{taken}, []string{pageOf(), pageOf(it)}, adapters.CodeInvalid},
		"not listed":  {[]string{taken}, []string{pageOf()}, adapters.CodeInProgress},
		"other alias": {[]string{taken}, []string{pageOf(strings.Replace(it, "cust_1", "b", 1))}, adapters.CodeInProgress},
		"no answer":   {[]string{`{"data":{}}`}, nil, adapters.CodeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := against(t, map[string][]string{create: c.creates, read: c.reads, rename: {`{"data":` + it + `}`}})
			got, err := a.PutCustomer(t.Context(), adapters.CustomerOrder{Mark: adapters.Mark{ID: intent(4)}, ID: "cust_1", Name: "Ada"})
			if codeOf(err) != c.code || c.code == "" && got.Links[0].Vendor != someone {
				t.Errorf("got %v, %v, want %q", got, err, c.code)
			}
		})
	}
	a, _ := against(t, nil)
	if _, err := a.PutCustomer(t.Context(), adapters.CustomerOrder{ID: strings.Repeat("x", 129)}); codeOf(err) != adapters.CodeInvalid {
		t.Errorf("a long id: %v", err)
	}
}

// PA-05.
func TestConflicts(t *testing.T) {
	for text, want := range map[string]adapters.Code{
		"This uniqueness key has already been used.":                            adapters.CodeInvalid,
		"This idempotency key has already been used with different parameters.": adapters.CodeConflict,
		"A request with this idempotency key is in progress.":                   "",
		"": "",
		"Idempotency-Key was used before: the payload does not match the first one": adapters.CodeConflict,
	} {
		if got, _, _ := judge(409, []byte(`{"message":"`+text+`"}`)); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if got, _, _ := judge(400, []byte(`{"code":"CustomerNotFound","message":"x"}`)); got != adapters.CodeNotFound {
		t.Errorf("an unknown customer is %q", got)
	}
}
