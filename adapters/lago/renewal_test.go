package lago_test

import (
	"fmt"
	"testing"

	"scrip/adapters"
	"scrip/adapters/lago"
	"scrip/core"
)

// What an invoice of a subscription proves: the plan's own fee, for the latest
// period that it bills.
func TestNormaliseRenewals(t *testing.T) {
	a, err := lago.New(lago.Config{Key: "k", BaseURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	const (
		fee   = `{"item":{"type":"subscription"},"external_subscription_id":"sub_1","from_date":"2026-02-01T00:00:00+00:00","sub_total_excluding_taxes_amount_cents":2000,"precise_unit_amount":"20.0"}`
		day   = `{"item":{"type":"subscription"},"external_subscription_id":"sub_1","from_date":"2026-02-01","sub_total_excluding_taxes_amount_cents":2000}`
		past  = `{"item":{"type":"subscription"},"external_subscription_id":"sub_1","from_date":"2026-01-01T00:00:00Z","sub_total_excluding_taxes_amount_cents":700}`
		usage = `{"item":{"type":"charge"},"external_subscription_id":"sub_1","from_date":"2026-03-01T00:00:00Z","sub_total_excluding_taxes_amount_cents":500}`
	)
	for name, c := range map[string]struct {
		typ, status string
		total, paid int
		fees        string
		kind        adapters.EventKind
		settled     bool
	}{
		"paid":            {"invoice.payment_status_updated", "succeeded", 2975, 2975, past + "," + fee + "," + usage, adapters.RenewalEvent, true},
		"a day":           {"invoice.payment_status_updated", "succeeded", 2000, 2000, day, adapters.RenewalEvent, true},
		"not all of it":   {"invoice.payment_status_updated", "succeeded", 2975, 2000, fee, adapters.RenewalEvent, false},
		"failed":          {"invoice.payment_status_updated", "failed", 2975, 0, fee, adapters.SystemEvent, false},
		"voided":          {"invoice.voided", "succeeded", 2975, 2975, fee, adapters.SystemEvent, false},
		"nothing to pay":  {"invoice.payment_status_updated", "succeeded", 0, 0, fee, adapters.SystemEvent, false},
		"of usage alone":  {"invoice.payment_status_updated", "succeeded", 500, 500, usage, adapters.SystemEvent, false},
		"without any fee": {"invoice.payment_status_updated", "succeeded", 500, 500, "", adapters.SystemEvent, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := a.Normalise([]byte(fmt.Sprintf(`{"webhook_type":%q,"object_type":"invoice","invoice":{"lago_id":"inv_1","invoice_type":"subscription","payment_status":%q,"currency":"EUR",
				"total_amount_cents":%d,"total_paid_amount_cents":%d,"customer":{"external_id":"acme"},"fees":[%s]}}`, c.typ, c.status, c.total, c.paid, c.fees)))
			if err != nil || e.Kind != c.kind || (e.Renewal != nil) != (c.kind == adapters.RenewalEvent) {
				t.Fatalf("it is %+v, %v", e, err)
			}
			if r := e.Renewal; r != nil && (r.Subscription != "sub_1" || r.Start.String() != "2026-02-01T00:00:00Z" || r.Paid != (core.Money{Minor: 2000, Currency: "eur"}) || r.Settled != c.settled) {
				t.Errorf("it proves %+v", r)
			}
		})
	}
}
