package stripe

import (
	"fmt"
	"testing"

	"scrip/adapters"
)

func TestFind(t *testing.T) {
	mine, other := intent(1), intent(2)
	list := func(items string) string { return `{"object":"list","data":[` + items + `]}` }
	search := func(items string) string { return `{"object":"search_result","data":[` + items + `]}` }
	cus := func(id, external string, extra string) string {
		return fmt.Sprintf(`{"id":%q,"metadata":{"external_id":%q,"scrip_intent":%q}%s}`, id, external, other, extra)
	}
	for _, c := range []struct {
		name    string
		kind    adapters.Kind
		neutral string
		known   string
		answers map[string]string
		want    string
	}{
		{"known customer", adapters.CustomerKind, "cust_1", "cus_1", map[string]string{"GET /v1/customers/cus_1": cus("cus_1", "cust_1", "")}, "cus_1"},
		{"known but another's", adapters.CustomerKind, "cust_1", "cus_1", map[string]string{
			"GET /v1/customers/cus_1": cus("cus_1", "cust_2", ""), "GET /v1/customers/search": search(""), "GET /v1/customers": list("")}, ""},
		{"known but deleted", adapters.CustomerKind, "cust_1", "cus_1", map[string]string{
			"GET /v1/customers/cus_1": `{"id":"cus_1","deleted":true}`, "GET /v1/customers/search": search(cus("cus_2", "cust_1", ""))}, "cus_2"},
		{"searched", adapters.CustomerKind, "cust_1", "", map[string]string{"GET /v1/customers/search": search(cus("cus_1", "cust_1", ""))}, "cus_1"},
		{"search lags", adapters.CustomerKind, "cust_1", "", map[string]string{
			"GET /v1/customers/search": search(""), "GET /v1/customers": list(cus("cus_9", "cust_9", "") + "," + cus("cus_1", "cust_1", ""))}, "cus_1"},
		{"no search in this country", adapters.CustomerKind, "cust_1", "", map[string]string{
			"GET /v1/customers/search": `{"error":{"type":"invalid_request_error"}}`, "GET /v1/customers": list(cus("cus_1", "cust_1", ""))}, "cus_1"},
		{"not there", adapters.CustomerKind, "cust_1", "", map[string]string{"GET /v1/customers/search": search(""), "GET /v1/customers": list("")}, ""},
		{"grant", adapters.GrantKind, "grn_1", "cus_1", map[string]string{"GET /v1/billing/credit_grants": list(fmt.Sprintf(
			`{"id":"credgr_2","metadata":{"scrip_grant":"grn_1","scrip_intent":%q}},{"id":"credgr_1","metadata":{"scrip_grant":"grn_1","scrip_intent":%q}}`, other, mine))}, "credgr_1"},
		{"another intent's grant", adapters.GrantKind, "grn_1", "", map[string]string{"GET /v1/billing/credit_grants": list(fmt.Sprintf(
			`{"id":"credgr_2","metadata":{"scrip_grant":"grn_1","scrip_intent":%q}}`, other))}, ""},
		{"imported grant", adapters.GrantKind, "grn_1", "cus_1", map[string]string{"GET /v1/billing/credit_grants": list(
			`{"id":"credgr_3","metadata":{"scrip_grant":"grn_1"}}`)}, "credgr_3"},
		{"invoice", adapters.SellKind, "pur_1", "cus_1", map[string]string{"GET /v1/invoices": list(fmt.Sprintf(
			`{"id":"in_1","status":"open","metadata":{"scrip_purchase":"pur_1","scrip_intent":%q}}`, mine))}, "in_1"},
		{"draft", adapters.SellKind, "pur_1", "", map[string]string{"GET /v1/invoices": list(fmt.Sprintf(
			`{"id":"in_1","status":"draft","metadata":{"scrip_purchase":"pur_1","scrip_intent":%q}}`, mine))}, ""},
		{"carrier", adapters.CarrierKind, "cust_1", "cus_1", map[string]string{"GET /v1/subscriptions": list(
			`{"id":"sub_2","status":"active","metadata":{}},{"id":"sub_1","status":"active","metadata":{"scrip_carrier":"cust_1"}}`)}, "sub_1"},
		{"no carrier", adapters.CarrierKind, "cust_1", "cus_1", map[string]string{"GET /v1/subscriptions": list(`{"id":"sub_2","status":"active","metadata":{}}`)}, ""},
		{"no customer, no carrier", adapters.CarrierKind, "cust_1", "", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := at(t, script(c.answers))
			got, err := a.Find(t.Context(), adapters.Mark{ID: mine, Kind: c.kind, Neutral: c.neutral, Customer: c.known})
			vendor := ""
			for _, l := range got.Links {
				vendor = l.Vendor
				if l.Neutral != c.neutral {
					t.Errorf("link %v", l)
				}
			}
			if err != nil || vendor != c.want {
				t.Errorf("found %q, %v, want %q", vendor, err, c.want)
			}
		})
	}
	a, f := at(t, reply(500, ""))
	for _, kind := range []adapters.Kind{adapters.EndKind, adapters.ConsumeKind, "new"} {
		if _, err := a.Find(t.Context(), adapters.Mark{ID: mine, Kind: kind}); adapters.AsError(err).Code != adapters.CodeNotSupported || len(f.requests()) != 0 {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := a.Find(t.Context(), adapters.Mark{ID: mine, Kind: adapters.GrantKind, Customer: "cus_1"}); adapters.AsError(err).Code == adapters.CodeUnknown || err == nil {
		t.Errorf("a look-up that fails: %v", err)
	}
}

func TestSearchIsQuoted(t *testing.T) {
	a, f := at(t, reply(200, `{"object":"search_result","data":[]}`))
	if _, err := a.Find(t.Context(), adapters.Mark{ID: intent(1), Kind: adapters.CustomerKind, Neutral: `o'brien\`}); err != nil {
		t.Fatal(err)
	}
	if got := f.requests()[0].form.Get("query"); got != `metadata['external_id']:'o\'brien\\'` {
		t.Errorf("query %s", got)
	}
}
