package stripe

import (
	"fmt"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

func carrierOrder() adapters.CarrierOrder {
	return adapters.CarrierOrder{
		Mark: adapters.Mark{ID: intent(8), Neutral: "cust_1", Customer: "cus_1"},
		Links: append(adapters.Links{
			{Neutral: adapters.SetupNeutral, Role: adapters.RolePrice, Vendor: "price_1"}, {Neutral: adapters.SetupNeutral, Role: roleOveragePrice, Vendor: "price_2"},
		}, linked...),
	}
}

func TestPutCarrier(t *testing.T) {
	const list, post = "GET /v1/subscriptions", "POST /v1/subscriptions"
	sub := func(id, status, mark, price string) string {
		return fmt.Sprintf(`{"id":%q,"status":%q,"metadata":{"scrip_carrier":%q},"items":{"data":[{"price":{"id":%q}},{"price":"price_2"}]}}`, id, status, mark, price)
	}
	const made = `{"id":"sub_new"}`
	for name, c := range map[string]struct {
		answers map[string]string
		want    string // the subscription, or a code
		posts   int
	}{
		"none":               {map[string]string{list: page1(), post: made}, "sub_new", 1},
		"one":                {map[string]string{list: page1(sub("sub_1", "active", "cust_1", "price_1"))}, "sub_1", 0},
		"past due":           {map[string]string{list: page1(sub("sub_1", "past_due", "cust_1", "price_1"))}, "sub_1", 0},
		"a copy":             {map[string]string{list: page1(sub("sub_2", "active", "cust_1", "price_1"), sub("sub_1", "active", "cust_1", "price_1"))}, "sub_1", 0},
		"the plan's":         {map[string]string{list: page1(sub("sub_1", "active", "", "price_9")), post: made}, "sub_new", 1},
		"ended":              {map[string]string{list: page1(sub("sub_1", "canceled", "cust_1", "price_1"), sub("sub_2", "incomplete_expired", "cust_1", "price_1")), post: made}, "sub_new", 1},
		"of other prices":    {map[string]string{list: page1(sub("sub_1", "active", "cust_1", "price_9"))}, "invalid", 0},
		"refused":            {map[string]string{list: page1(), post: `{"error":{"type":"invalid_request_error"}}`}, "invalid", 1},
		"an unusable answer": {map[string]string{list: page1(), post: `{}`}, "unknown", 1},
		"an unusable list":   {map[string]string{list: `{"object":"list","data":{}}`}, "bad_answer", 0},
	} {
		t.Run(name, func(t *testing.T) {
			a, f := at(t, script(c.answers))
			got, err := a.PutCarrier(t.Context(), carrierOrder())
			told := fmt.Sprint(got)
			if err != nil {
				told = string(adapters.AsError(err).Code)
			} else if c.want = "{[{cust_1 carrier " + c.want + "}]  0}"; err != nil {
				t.Fatal(err)
			}
			if told != c.want {
				t.Errorf("%s, %v, want %s", told, err, c.want)
			}
			posts := 0
			for _, r := range f.requests() {
				if r.method == "GET" {
					r.has(t, map[string]string{"customer": "cus_1", "limit": "100"})
					continue
				}
				posts++
				r.has(t, map[string]string{
					"customer": "cus_1", "items[0][price]": "price_1", "items[1][price]": "price_2", "collection_method": "charge_automatically",
					"billing_cycle_anchor_config[day_of_month]": "1", "billing_cycle_anchor_config[hour]": "0", "billing_cycle_anchor_config[minute]": "0",
					"billing_cycle_anchor_config[second]": "0", "proration_behavior": "none",
					"metadata[scrip_carrier]": "cust_1", "metadata[scrip_intent]": string(intent(8)),
				})
				if k := r.header.Get("Idempotency-Key"); k != string(intent(8)) {
					t.Errorf("key %q", k)
				}
			}
			if posts != c.posts {
				t.Errorf("%d subscriptions asked for, want %d", posts, c.posts)
			}
		})
	}
	for i := range 3 { // neither price, or no customer
		o := carrierOrder()
		o.Links = append(append(adapters.Links{}, o.Links[:i]...), o.Links[i+1:]...)
		a, f := at(t, script(map[string]string{list: page1(), post: made}))
		if _, err := a.PutCarrier(t.Context(), o); adapters.AsError(err).Code != adapters.CodeInvalid || len(f.requests()) != 0 {
			t.Errorf("without link %d: %v", i, err)
		}
	}
}

func TestNormaliseFinal(t *testing.T) {
	for name, c := range map[string]struct {
		typ, fields string
		kind        adapters.EventKind
	}{
		"cycle":                 {"invoice.finalized", `"subscription":"sub_1","billing_reason":"subscription_cycle","period_end":1769904000`, adapters.FinalEvent},
		"expanded":              {"invoice.finalized", `"subscription":{"id":"sub_1"},"billing_reason":"subscription_update","period_end":1769904000`, adapters.FinalEvent},
		"newer shape":           {"invoice.finalized", `"parent":{"subscription_details":{}},"billing_reason":"subscription_cycle","period_end":1769904000`, adapters.FinalEvent},
		"made by hand for it":   {"invoice.finalized", `"subscription":"sub_1","billing_reason":"manual","period_end":1769904000`, adapters.FinalEvent},
		"threshold":             {"invoice.finalized", `"subscription":"sub_1","billing_reason":"subscription_threshold","period_end":1769904000`, adapters.FinalEvent},
		"reason not told":       {"invoice.finalized", `"subscription":"sub_1","billing_reason":null,"period_end":1769904000`, adapters.FinalEvent},
		"of a beginning":        {"invoice.finalized", `"subscription":"sub_1","billing_reason":"subscription_create","period_end":1769904000`, adapters.SystemEvent},
		"of a pack":             {"invoice.finalized", `"subscription":null,"billing_reason":"manual","period_end":1769904000`, adapters.SystemEvent},
		"unreadable":            {"invoice.finalized", `"subscription":"sub_1","billing_reason":1`, adapters.SystemEvent},
		"drafted":               {"invoice.created", `"subscription":"sub_1","billing_reason":"subscription_cycle"`, adapters.SystemEvent},
		"changed":               {"invoice.updated", `"subscription":"sub_1","billing_reason":"subscription_cycle"`, adapters.SystemEvent},
		"paid":                  {"invoice.paid", `"subscription":"sub_1","billing_reason":"subscription_cycle"`, adapters.SystemEvent},
		"could not be finished": {"invoice.finalization_failed", `"subscription":"sub_1","billing_reason":"subscription_cycle"`, adapters.SystemEvent},
	} {
		body := event(c.typ, `{"id":"in_1","customer":{"id":"cus_1"},`+c.fields+`}`)
		e, err := offline(t).Normalise([]byte(strings.Replace(string(body), `"idempotency_key":null`, fmt.Sprintf(`"idempotency_key":%q`, intent(2)), 1)))
		if err != nil || e.Kind != c.kind || e.Object != "in_1" || e.Customer != "cus_1" {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
		// It is news even where a request of ours made the invoice final.
		final := c.kind == adapters.FinalEvent
		if want := core.Time(1_769_904_000_000_000); final != (e.Until == want) || final != (e.Mark == "") {
			t.Errorf("%s: until %s, mark %q", name, e.Until, e.Mark)
		}
	}
}

func TestHoldings(t *testing.T) {
	for c, scale := range map[core.Currency]int{"usd": 2, "jpy": 0, "kwd": 3} {
		grant := fmt.Sprintf(`{"id":"credgr_1","created":1,"amount":{"monetary":{"currency":%q,"value":8000}}}`, c)
		balance := fmt.Sprintf(`{"object":"billing.credit_balance_summary","balances":[{"ledger_balance":{"monetary":{"currency":%q,"value":7650}}}]}`, c)
		a, _ := at(t, script(map[string]string{"GET /v1/billing/credit_grants": page1(grant), "GET /v1/billing/credit_balance_summary": balance}))
		got, err := a.Grants(t.Context(), "cus_1", adapters.Page{})
		if err != nil {
			t.Fatal(err)
		}
		held, left := adapters.Holding{Quanta: 8000, Scale: scale, Unit: string(c)}, adapters.Holding{Quanta: 7650, Scale: scale, Unit: string(c)}
		if g := got.Items[0]; g.Held != held || g.Left != left {
			t.Errorf("%s: held %v, left %v", c, g.Held, g.Left)
		}
	}
}
