package chargebee_test

import (
	"fmt"
	"testing"

	"scrip/adapters"
	"scrip/adapters/chargebee"
	"scrip/core"
)

// What an invoice of a subscription proves: the plan's own line, for the latest
// term that it bills. As all of the vendor's, it is a hint until it is read back.
func TestNormaliseRenewals(t *testing.T) {
	a, err := chargebee.New(chargebee.Config{Key: "k", BaseURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	const (
		term  = `{"entity_type":"plan_item_price","subscription_id":"sub_1","date_from":1769904000,"amount":2500,"discount_amount":500}`
		past  = `{"entity_type":"plan_item_price","subscription_id":"sub_1","date_from":1767225600,"amount":700}`
		addon = `{"entity_type":"addon_item_price","subscription_id":"sub_1","date_from":1772323200,"amount":300}`
		adhoc = `{"entity_type":"adhoc","date_from":1772323200,"amount":300}`
	)
	for name, c := range map[string]struct {
		typ, status  string
		paid, credit int
		lines        string
		kind         adapters.EventKind
		settled      bool
	}{
		"paid":                {"payment_succeeded", "paid", 3000, 0, past + "," + term + "," + addon, adapters.RenewalEvent, true},
		"with credits":        {"payment_succeeded", "paid", 2000, 1000, term, adapters.RenewalEvent, true},
		"paid when made":      {"invoice_generated", "paid", 3000, 0, term, adapters.RenewalEvent, true},
		"partly written off":  {"payment_succeeded", "paid", 1000, 0, term, adapters.RenewalEvent, false},
		"not paid":            {"invoice_generated", "payment_due", 0, 0, term, adapters.SystemEvent, false},
		"failed":              {"payment_failed", "payment_due", 0, 0, term, adapters.SystemEvent, false},
		"of an addon alone":   {"payment_succeeded", "paid", 3000, 0, addon, adapters.SystemEvent, false},
		"of no subscription":  {"payment_succeeded", "paid", 3000, 0, adhoc, adapters.SystemEvent, false},
		"updated":             {"invoice_updated", "paid", 3000, 0, term, adapters.SystemEvent, false},
		"an instant far away": {"payment_succeeded", "paid", 3000, 0, `{"entity_type":"plan","subscription_id":"sub_1","date_from":1769904000000,"amount":2000}`, adapters.SystemEvent, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := a.Normalise([]byte(fmt.Sprintf(`{"id":"ev_1","occurred_at":1769904001,"event_type":%q,"content":{"customer":{"id":"acme"},
				"invoice":{"id":"INV-1","customer_id":"acme","status":%q,"currency_code":"USD","total":3000,"amount_due":0,"amount_paid":%d,"credits_applied":%d,"line_items":[%s]}}}`,
				c.typ, c.status, c.paid, c.credit, c.lines)))
			if err != nil || e.Kind != c.kind || (e.Renewal != nil) != (c.kind == adapters.RenewalEvent) || !e.Hint {
				t.Fatalf("it is %+v, %v", e, err)
			}
			if r := e.Renewal; r != nil && (r.Subscription != "sub_1" || r.Start.String() != "2026-02-01T00:00:00Z" || r.Paid != (core.Money{Minor: 2000, Currency: "usd"}) || r.Settled != c.settled || e.Neutral != "") {
				t.Errorf("it proves %+v", r)
			}
		})
	}
}
