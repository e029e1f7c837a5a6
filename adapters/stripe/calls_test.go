package stripe

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

// has fails unless the form holds exactly these fields.
func (r sent) has(t *testing.T, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got := r.form.Get(k); got != v {
			t.Errorf("%s %s: %s is %q, want %q", r.method, r.path, k, got, v)
		}
	}
	for k := range r.form {
		if _, ok := want[k]; !ok {
			t.Errorf("%s %s: sends %s=%q, which nobody asked for", r.method, r.path, k, r.form.Get(k))
		}
	}
}

func TestCreateGrantRequest(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*adapters.GrantOrder)
		want   map[string]string
		gone   []string
	}{
		"as it is":    {func(*adapters.GrantOrder) {}, nil, nil},
		"no expiry":   {func(o *adapters.GrantOrder) { o.Expires = core.Never }, nil, []string{"expires_at"}},
		"starts soon": {func(o *adapters.GrantOrder) { o.Starts = today + 1 }, map[string]string{"effective_at": "1768478401"}, nil},
		"promotional": {func(o *adapters.GrantOrder) { o.Category = core.Promotional },
			map[string]string{"category": "promotional", "metadata[category]": "promotional"}, nil},
		"adjustment": {func(o *adapters.GrantOrder) { o.Category = core.Adjustment },
			map[string]string{"category": "promotional", "metadata[category]": "adjustment"}, nil},
		"rollover": {func(o *adapters.GrantOrder) { o.Category = core.Rollover }, map[string]string{"metadata[category]": "rollover"}, nil},
		"yen, no basis": {func(o *adapters.GrantOrder) {
			o.Value, o.Basis, o.Source = core.Money{Minor: 8, Currency: "jpy"}, core.Money{}, ""
		}, map[string]string{"amount[monetary][currency]": "jpy", "amount[monetary][value]": "8"}, []string{"metadata[cost_basis]", "metadata[source]"}},
		"scope": {func(o *adapters.GrantOrder) {
			o.Links = append(adapters.Links{{Neutral: adapters.SetupNeutral, Role: adapters.RolePrice, Vendor: "price_1"}}, o.Links...)
		}, map[string]string{"applicability_config[scope][prices][0][id]": "price_1"}, []string{"applicability_config[scope][price_type]"}},
		"partly consumed": {func(o *adapters.GrantOrder) { o.Consumed, o.Priority = 12_345, 0 },
			map[string]string{"metadata[consumed]": "123.45", "priority": "0"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a, f := at(t, reply(200, `{"id":"credgr_1","object":"billing.credit_grant"}`))
			o := grantOrder()
			c.change(&o)
			got, err := a.CreateGrant(t.Context(), o)
			if err != nil || got.Links[0] != (adapters.Link{Neutral: "grn_1", Role: adapters.RoleGrant, Vendor: "credgr_1"}) {
				t.Fatalf("%v, %v", got, err)
			}
			r := f.requests()[0]
			want := map[string]string{
				"customer": "cus_1", "amount[type]": "monetary", "amount[monetary][currency]": "usd", "amount[monetary][value]": "8000",
				"applicability_config[scope][price_type]": "metered", "category": "paid", "priority": "50", "name": "1000.00 credits",
				"expires_at": "1772409600", "metadata[scrip_grant]": "grn_1", "metadata[scrip_intent]": string(intent(1)),
				"metadata[unit]": "credits", "metadata[category]": "paid", "metadata[original]": "1000.00", "metadata[consumed]": "0.00",
				"metadata[cost_basis]": "80.00 usd", "metadata[source]": "pur_1",
			}
			for k, v := range c.want {
				want[k] = v
			}
			for _, k := range c.gone {
				delete(want, k)
			}
			r.has(t, want)
			if v, k := r.header.Get("Stripe-Version"), r.header.Get("Idempotency-Key"); v != creditVersion || k != string(intent(1)) {
				t.Errorf("version %q, key %q", v, k)
			}
		})
	}
}

func TestGrantsThatAreNotSent(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*adapters.GrantOrder)
		want   adapters.Code
	}{
		"nothing to hold":      {func(o *adapters.GrantOrder) { o.Value.Minor = 0 }, ""},
		"below zero":           {func(o *adapters.GrantOrder) { o.Value.Minor = -1 }, adapters.CodeInvalid},
		"no customer":          {func(o *adapters.GrantOrder) { o.Links = nil }, adapters.CodeInvalid},
		"hundredths of a unit": {func(o *adapters.GrantOrder) { o.Value.Currency = "isk" }, adapters.CodeNotSupported},
		"ugx":                  {func(o *adapters.GrantOrder) { o.Value.Currency = "ugx" }, adapters.CodeNotSupported},
		"mga":                  {func(o *adapters.GrantOrder) { o.Value.Currency = "mga" }, adapters.CodeNotSupported},
		"three decimals there": {func(o *adapters.GrantOrder) { o.Value.Currency = "iqd" }, adapters.CodeNotSupported},
	} {
		a, f := at(t, reply(500, ``))
		o := grantOrder()
		c.change(&o)
		got, err := a.CreateGrant(t.Context(), o)
		if c.want == "" && (err != nil || len(got.Links) != 0) || c.want != "" && adapters.AsError(err).Code != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if n := len(f.requests()); n != 0 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// A repeat after the grant's start has other parameters under the same key.
// What the first attempt made is found.
func TestRepeatAfterStart(t *testing.T) {
	mismatch := `{"error":{"type":"idempotency_error"}}`
	mine := fmt.Sprintf(`{"object":"list","data":[{"id":"credgr_other","metadata":{"scrip_grant":"grn_1","scrip_intent":%q}},{"id":"credgr_1","metadata":{"scrip_grant":"grn_1","scrip_intent":%q}}]}`, intent(2), intent(1))
	a, _ := at(t, func(w http.ResponseWriter, r sent) {
		if r.method == "POST" {
			w.WriteHeader(400)
			io.WriteString(w, mismatch)
			return
		}
		io.WriteString(w, mine)
	})
	got, err := a.CreateGrant(t.Context(), grantOrder())
	if err != nil || adapters.Links(got.Links).One(adapters.RoleGrant) != "credgr_1" {
		t.Errorf("%v, %v", got, err)
	}
	a, _ = at(t, func(w http.ResponseWriter, r sent) {
		if r.method == "POST" {
			w.WriteHeader(400)
			io.WriteString(w, mismatch)
			return
		}
		io.WriteString(w, `{"object":"list","data":[]}`)
	})
	if _, err := a.CreateGrant(t.Context(), grantOrder()); adapters.AsError(err).Code != adapters.CodeConflict {
		t.Errorf("nothing is there: %v", err)
	}
}

func TestEndGrant(t *testing.T) {
	const refused = `{"error":{"type":"invalid_request_error","message":"no"}}`
	const open, voided = `{"id":"credgr_1"}`, `{"id":"credgr_1","voided_at":1768478000}`
	const over, later = `{"id":"credgr_1","expires_at":1768478400}`, `{"id":"credgr_1","expires_at":1768478401}`
	const base = "/v1/billing/credit_grants/credgr_1"
	for _, c := range []struct {
		name, void, expire, get string
		consumed                core.Amount
		calls                   int
		want                    adapters.Code
	}{
		{"void", voided, "", "", 0, 1, ""},
		{"applied, so expired", refused, over, open, 0, 3, ""},
		{"void already", refused, refused, voided, 0, 2, ""},
		{"expired already", refused, refused, over, 0, 2, ""},
		{"refused for another reason", refused, refused, later, 0, 4, adapters.CodeInvalid},
		{"other object answers", `{"id":"credgr_2"}`, "", "", 0, 1, adapters.CodeUnknown},
		{"consumed by the core", voided, over, open, 1, 0, ""},
		{"trued up, never applied", voided, "", "", -1, 1, ""},
		{"trued up, applied", refused, over, open, -1, 3, ""},
		{"trued up, depleted or ended", refused, refused, over, -1, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, f := at(t, script(map[string]string{"POST " + base + "/void": c.void, "POST " + base + "/expire": c.expire, "GET " + base: c.get}))
			trueUp := c.consumed < 0 // the core has consumed from it, and the vendor has drawn for that
			o := adapters.EndOrder{Mark: adapters.Mark{ID: intent(3)}, Grant: "grn_1", Consumed: max(c.consumed, -c.consumed), TrueUp: trueUp, Links: append(adapters.Links{
				{Neutral: "grn_2", Role: adapters.RoleGrant, Vendor: "credgr_9"}, {Neutral: "grn_1", Role: adapters.RoleGrant, Vendor: "credgr_1"},
				{Neutral: "grn_1", Role: adapters.RoleGrant, Vendor: "credgr_1"}}, linked...)}
			got, err := a.EndGrant(t.Context(), o)
			if c.want == "" && err != nil || c.want != "" && adapters.AsError(err).Code != c.want || len(got.Links) != 0 {
				t.Errorf("%v, %v", got, err)
			}
			if n := len(f.requests()); n != c.calls {
				t.Errorf("%d calls, want %d: %v", n, c.calls, f.requests())
			}
		})
	}
	a, _ := at(t, reply(200, `{}`))
	if _, err := a.EndGrant(t.Context(), adapters.EndOrder{Grant: "grn_1"}); err != nil {
		t.Errorf("a grant that was never carried: %v", err)
	}
}

func TestConsumeRequest(t *testing.T) {
	o := adapters.ConsumeOrder{Mark: adapters.Mark{ID: intent(4)}, Window: "win_1", Quanta: 9_007_199_254_740_993, Sent: today + 999_999, Links: linked}
	a, f := at(t, reply(200, fmt.Sprintf(`{"identifier":%q}`, intent(4))))
	got, err := a.Consume(t.Context(), o)
	if err != nil || got.Links[0] != (adapters.Link{Neutral: "win_1", Role: adapters.RoleUsage, Vendor: string(intent(4))}) {
		t.Fatalf("%v, %v", got, err)
	}
	f.requests()[0].has(t, map[string]string{"event_name": meterEvent, "identifier": string(intent(4)), "timestamp": "1768478400",
		"payload[stripe_customer_id]": "cus_1", "payload[value]": "9007199254740993"})
	for name, c := range map[string]struct {
		body string
		want adapters.Code
	}{
		"told before":   {fmt.Sprintf(`{"error":{"type":"invalid_request_error","message":"An event already exists with identifier %s."}}`, intent(4)), ""},
		"the same code": {`{"error":{"type":"invalid_request_error","code":"duplicate_meter_event"}}`, ""},
		"another's":     {`{"error":{"type":"invalid_request_error","message":"An event already exists with identifier x."}}`, adapters.CodeInvalid},
		"too old":       {`{"error":{"type":"invalid_request_error","code":"timestamp_too_far_in_past"}}`, adapters.CodeInvalid},
	} {
		a, _ := at(t, reply(400, c.body))
		if _, err := a.Consume(t.Context(), o); c.want == "" && err != nil || c.want != "" && adapters.AsError(err).Code != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCancelConsumption(t *testing.T) {
	windows := []adapters.Link{{Neutral: "win_1", Role: adapters.RoleUsage, Vendor: "int_a"}, {Neutral: "win_2", Role: adapters.RoleUsage, Vendor: "int_b"}}
	o := adapters.CancelOrder{Mark: adapters.Mark{ID: intent(5)}, Windows: windows, Links: linked}
	a, f := at(t, reply(200, `{"event_name":"scrip_credits","status":"pending","type":"cancel"}`))
	if _, err := a.CancelConsumption(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for i, r := range f.requests() {
		r.has(t, map[string]string{"type": "cancel", "event_name": meterEvent, "cancel[identifier]": windows[i].Vendor})
		if k := r.header.Get("Idempotency-Key"); k != string(intent(5))+":"+windows[i].Vendor {
			t.Errorf("key %q", k)
		}
	}
	a, _ = at(t, reply(400, `{"error":{"type":"invalid_request_error","message":"older than 24 hours"}}`))
	if _, err := a.CancelConsumption(t.Context(), o); adapters.AsError(err).Code != adapters.CodeInvalid {
		t.Errorf("too late: %v", err)
	}
}

func TestUsageNumbers(t *testing.T) {
	for number, want := range map[string]int64{
		"0": 0, "12": 12, "12.0": 12, "12.000000000000": 12, "1.2e1": 12, "1E2": 100, "120e-1": 12, "9007199254740993": 9_007_199_254_740_993,
		"-3": -3, "9223372036854775807": 9_223_372_036_854_775_807,
		"0.5": -1, "12.01": -1, "1e19": -1, "1e999999999": -1, "9223372036854775808": -1, `"12"`: 12, `"abc"`: -1, "null": -1, "true": -1,
	} {
		a, _ := at(t, reply(200, `{"object":"list","data":[{"id":"s1","aggregated_value":`+number+`}]}`))
		got, err := a.Usage(t.Context(), adapters.UsageQuery{Customer: "cus_1", From: today, To: today + day, Links: linked})
		if number == "-3" && err == nil && got == -3 {
			continue
		}
		if want == -1 && adapters.AsError(err).Code != adapters.CodeBadAnswer || want != -1 && (err != nil || got != want) {
			t.Errorf("%s: %d, %v", number, got, err)
		}
	}
	a, f := at(t, reply(200, `{"object":"list","data":[]}`))
	if _, err := a.Usage(t.Context(), adapters.UsageQuery{Customer: "cus_1", From: today + 59_999_999, To: today + 60_000_001, Links: linked}); err != nil {
		t.Fatal(err)
	}
	f.requests()[0].has(t, map[string]string{"limit": "100", "customer": "cus_1", "start_time": "1768478400", "end_time": "1768478520"})
}

// Lists that never end, or cannot be walked, are failures and not loops.
// PA-10.
func TestStrangePages(t *testing.T) {
	for name, body := range map[string]string{
		"empty with more":    `{"object":"list","has_more":true,"data":[]}`,
		"the same for ever":  `{"object":"list","has_more":true,"data":[{"id":"x"}]}`,
		"items without ids":  `{"object":"list","has_more":true,"data":[{}]}`,
		"not a list":         `{"object":"customer","id":"x"}`,
		"data is no array":   `{"object":"list","data":{"id":"x"}}`,
		"nothing it can be":  `{}`,
		"an item is no item": `{"object":"list","data":["x"]}`,
	} {
		a, f := at(t, reply(200, body))
		_, err := each(t.Context(), a, "/v1/customers", nil, maxPages, customerID, func(customerObject) bool { return false })
		if adapters.AsError(err).Code != adapters.CodeBadAnswer || len(f.requests()) > 2 {
			t.Errorf("%s: %v after %d calls", name, err, len(f.requests()))
		}
	}
	n := 0
	a, f := at(t, func(w http.ResponseWriter, _ sent) {
		n++
		fmt.Fprintf(w, `{"object":"list","has_more":true,"data":[{"id":"x%d"}]}`, n)
	})
	if whole, err := each(t.Context(), a, "/v1/customers", nil, 7, customerID, func(customerObject) bool { return false }); err != nil || whole || len(f.requests()) != 7 {
		t.Errorf("an endless list: %v, %v after %d calls", whole, err, len(f.requests()))
	}
}

func TestCustomerRequest(t *testing.T) {
	many := map[string]string{"": "x", "a[b]": "x", strings.Repeat("k", 41): "x", "long": strings.Repeat("v", 501), "external_id": "forged", "scrip_intent": "forged", "plan": "pro"}
	o := adapters.CustomerOrder{Mark: adapters.Mark{ID: intent(6)}, ID: "cust_1", Name: "Ada", Metadata: many}
	a, f := at(t, reply(200, `{"id":"cus_1"}`))
	if _, err := a.PutCustomer(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	o.Name, o.Links = "", linked
	if _, err := a.PutCustomer(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	pairs := map[string]string{"metadata[external_id]": "cust_1", "metadata[scrip_intent]": string(intent(6)), "metadata[plan]": "pro"}
	r := f.requests()
	if r[0].path != "/v1/customers" || r[1].path != "/v1/customers/cus_1" {
		t.Errorf("paths %s, %s", r[0].path, r[1].path)
	}
	pairs["name"] = "Ada"
	r[0].has(t, pairs)
	pairs["name"], pairs["email"] = "", "" // an erased customer is erased there too
	r[1].has(t, pairs)
	if got := r[1].form; len(got["name"]) != 1 || len(got["email"]) != 1 {
		t.Errorf("an update leaves the erased fields out: %v", got)
	}
	for n := range 60 {
		many[fmt.Sprintf("key%02d", n)] = "x"
	}
	if n := len(customerPairs(o)); n != maxPairs {
		t.Errorf("%d pairs, want %d", n, maxPairs)
	}
}
