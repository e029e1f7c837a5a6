package stripe

import (
	"fmt"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

// What an invoice of a subscription proves, in the forms of older and newer
// versions of the API.
func TestNormaliseRenewals(t *testing.T) {
	a := offline(t, "whsec_1")
	const (
		old   = `"subscription":"sub_1","billing_reason":"subscription_cycle","subscription_details":{"metadata":{"scrip_customer":"acme"}}`
		newer = `"billing_reason":"subscription_create","parent":{"type":"subscription_details","subscription_details":{"subscription":"sub_1","metadata":{"scrip_customer":"acme"}}}`
		paid  = `"status":"paid","currency":"usd","amount_paid":2350,"total":2350`
		plan  = `{"type":"subscription","amount":2500,"discount_amounts":[{"amount":500}],"period":{"start":1767225600,"end":1769904000},"price":{"recurring":{"usage_type":"licensed"}}}`
		later = `{"amount":2000,"period":{"start":1767225600,"end":1769904000},"parent":{"type":"subscription_item_details","subscription_item_details":{"proration":false}}}`
		usage = `{"type":"subscription","amount":350,"period":{"start":1764547200,"end":1767225600},"price":{"recurring":{"usage_type":"metered"}}}`
		share = `{"type":"subscription","amount":-700,"proration":true,"period":{"start":1767225700,"end":1769904000}}`
		item  = `{"type":"invoiceitem","amount":100,"period":{"start":1767225800,"end":1769904000}}`
	)
	lines := func(list string) string { return `"lines":{"has_more":false,"data":[` + list + `]}` }
	for name, c := range map[string]struct {
		typ, fields string
		kind        adapters.EventKind
		settled     bool
	}{
		"older":                 {"invoice.paid", old + "," + paid + "," + lines(usage+","+plan+","+share+","+item), adapters.RenewalEvent, true},
		"newer":                 {"invoice.paid", newer + "," + paid + "," + lines(later+","+usage), adapters.RenewalEvent, true},
		"with a credit balance": {"invoice.paid", old + `,"status":"paid","currency":"usd","amount_paid":350,"total":2350,` + lines(plan), adapters.RenewalEvent, false},
		"by hand":               {"invoice.paid", old + "," + paid + `,"paid_out_of_band":true,` + lines(plan), adapters.RenewalEvent, false},
		"not all lines":         {"invoice.paid", old + "," + paid + `,"lines":{"has_more":true,"data":[` + plan + `]}`, adapters.RenewalEvent, false},
		"nothing to pay":        {"invoice.paid", old + `,"status":"paid","currency":"usd","amount_paid":0,"total":0,` + lines(plan), adapters.SystemEvent, false},
		"usage alone":           {"invoice.paid", old + "," + paid + "," + lines(usage), adapters.SystemEvent, false},
		"no subscription":       {"invoice.paid", `"billing_reason":"manual",` + paid + "," + lines(item), adapters.SystemEvent, false},
		"of a carrier": {"invoice.paid", `"subscription":"sub_1","billing_reason":"subscription_cycle","subscription_details":{"metadata":{"scrip_carrier":"acme"}},` + paid + "," + lines(plan),
			adapters.SystemEvent, false},
		"not paid":          {"invoice.payment_failed", old + "," + paid + "," + lines(plan), adapters.SystemEvent, false},
		"another currency":  {"invoice.paid", old + `,"status":"paid","currency":"xxx","amount_paid":2350,"total":2350,` + lines(plan), adapters.SystemEvent, false},
		"amount not told":   {"invoice.paid", old + `,"status":"paid","currency":"usd",` + lines(plan), "refused", false},
		"amount in a float": {"invoice.paid", old + "," + paid + `,"lines":{"data":[{"type":"subscription","amount":25.5,"period":{"start":1,"end":2}}]}`, "refused", false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := a.Normalise(event(c.typ, fmt.Sprintf(`{"id":"in_1","object":"invoice","customer":"cus_1",%s}`, c.fields)))
			if c.kind == "refused" {
				if err == nil {
					t.Errorf("it is %+v", e)
				}
				return
			}
			if err != nil || e.Kind != c.kind || (e.Renewal != nil) != (c.kind == adapters.RenewalEvent) {
				t.Fatalf("it is %+v, %v", e, err)
			}
			r := e.Renewal
			if r == nil {
				return
			}
			if r.Subscription != "sub_1" || r.Start != seconds(1767225600) || r.Paid != (core.Money{Minor: 2000, Currency: "usd"}) || r.Settled != c.settled {
				t.Errorf("it proves %+v", r)
			}
			if e.Neutral != "acme" || e.Object != "in_1" || e.Customer != "cus_1" || e.Mark != "" {
				t.Errorf("it is %+v", e)
			}
		})
	}
}

// The vendor's instants are kept whatever they are, within the years that there
// are. CK-05.
func TestInstantsOfEvents(t *testing.T) {
	a := offline(t, "whsec_1")
	for text, want := range map[string]string{
		"0": "1970-01-01T00:00:00Z", "1800000000": "2027-01-15T08:00:00Z", "1768478400000": "9999-12-31T23:59:59Z", "-5": "1970-01-01T00:00:00Z",
	} {
		e, err := a.Normalise([]byte(`{"id":"evt_1","object":"event","type":"customer.updated","created":` + text + `,"data":{"object":{"id":"cus_1","object":"customer"}}}`))
		if err != nil || core.TimeOf(e.At.Std()).Std().UTC().Format("2006-01-02T15:04:05Z") != want {
			t.Errorf("%s is %s, %v", text, e.At, err)
		}
	}
}
