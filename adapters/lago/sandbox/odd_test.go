package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"scrip/adapters/lago/sandbox"
	kit "scrip/adapters/sandbox"
)

// TestOddBodies: whatever a field holds, a request is done or refused, and the
// sandbox lives on.
func TestOddBodies(t *testing.T) {
	s := sandbox.New(kit.Options{})
	defer s.Close()
	send := func(method, path, body string) (status int, answer string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer key")
		w := httptest.NewRecorder()
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("%s %s %s: %v", method, path, body, p)
			}
		}()
		s.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	send("POST", api+"/customers", `{"customer":{"external_id":"a","currency":"EUR"}}`)
	send("POST", api+"/billable_metrics", `{"billable_metric":{"name":"M","code":"m","aggregation_type":"sum_agg","field_name":"n"}}`)
	send("POST", api+"/plans", `{"plan":{"name":"P","code":"p","interval":"monthly","amount_cents":0,"amount_currency":"EUR"}}`)
	send("POST", api+"/subscriptions", `{"subscription":{"external_id":"s","external_customer_id":"a","plan_code":"p"}}`)
	wallet := func() string {
		_, got := send("POST", api+"/wallets", `{"wallet":{"external_customer_id":"a","rate_amount":"1.0","granted_credits":"100"}}`)
		_, id, _ := strings.Cut(got, `"lago_id":"`)
		return id[:36]
	}
	id := wallet()
	values := []string{`null`, `1`, `-1`, `1.5`, `99999999999999999999`, `""`, `"x"`, `"1.0"`, `true`, `[]`, `{}`, `[1]`, `[null]`, `["x"]`, `[{}]`, `{"a":{"b":[]}}`}
	for call, parts := range map[string][3]string{ // root, what is valid besides, fields
		"POST /customers": {"customer", `"external_id":"b"`, "name currency timezone email metadata billing_configuration shipping_address tax_codes external_id"},
		"POST /wallets": {"wallet", `"external_customer_id":"a","rate_amount":"1"`, "name code priority rate_amount currency paid_credits granted_credits expiration_at applies_to " +
			"metadata recurring_transaction_rules payment_method transaction_metadata transaction_priority paid_top_up_min_amount_cents paid_top_up_max_amount_cents external_customer_id"},
		"PUT /wallets/" + id: {"wallet", `"name":"n"`, "name code priority expiration_at applies_to metadata recurring_transaction_rules payment_method paid_top_up_min_amount_cents"},
		"POST /wallet_transactions": {"wallet_transaction", `"wallet_id":"` + id + `"`, "wallet_id paid_credits granted_credits voided_credits voided_transaction_id priority name " +
			"metadata payment_method invoice_requires_successful_payment"},
		"POST /billable_metrics":              {"billable_metric", `"name":"x","code":"x"`, "name code aggregation_type field_name"},
		"POST /plans":                         {"plan", `"name":"x","code":"x","interval":"monthly","amount_cents":1,"amount_currency":"EUR"`, "code interval amount_cents amount_currency charges usage_thresholds pay_in_advance"},
		"POST /subscriptions":                 {"subscription", `"external_id":"t","external_customer_id":"a","plan_code":"p"`, "external_id external_customer_id plan_code subscription_at ending_at billing_time"},
		"POST /events":                        {"event", `"transaction_id":"1","code":"m","external_subscription_id":"s"`, "transaction_id code external_subscription_id timestamp properties precise_total_amount_cents"},
		"POST /invoices":                      {"invoice", `"external_customer_id":"a"`, "external_customer_id currency fees"},
		"POST /payments":                      {"payment", `"invoice_id":"x"`, "invoice_id amount_cents reference"},
		"POST /credit_notes":                  {"credit_note", `"invoice_id":"x"`, "invoice_id refund_amount_cents items"},
		"POST /add_ons":                       {"add_on", `"name":"x","code":"x"`, "code amount_cents amount_currency"},
		"POST /taxes":                         {"tax", `"name":"x","code":"x"`, "code rate applied_to_organization"},
		"POST /webhook_endpoints":             {"webhook_endpoint", `"webhook_url":"http://127.0.0.1:1/"`, "webhook_url signature_algo event_types name"},
		"PUT /subscriptions/s/lifetime_usage": {"lifetime_usage", `"a":1`, "external_historical_usage_amount_cents"},
		"POST /wallets/" + id + "/metadata":   {"metadata", `"a":"b"`, "a"},
		"POST /events/batch":                  {"events", ``, ""},
	} {
		method, path, _ := strings.Cut(call, " ")
		for _, v := range values {
			bodies := []string{`{"` + parts[0] + `":` + v + `}`}
			for field := range strings.FieldsSeq(parts[2]) {
				bodies = append(bodies, `{"`+parts[0]+`":{`+parts[1]+`,"`+field+`":`+v+`}}`)
			}
			for _, body := range bodies {
				status, got := send(method, api+path, body)
				if status != http.StatusOK && status/100 != 4 {
					t.Errorf("%s %s: %d %s", call, body, status, got)
				}
			}
		}
	}
	for _, path := range []string{"/customers", "/wallets", "/invoices", "/events", "/plans", "/subscriptions?status[]=pending&status[]=active", "/customers/a/current_usage?external_subscription_id=s"} {
		if status, got := send("GET", api+path+"", ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, got)
		}
	}
	if status, got := send("POST", "/_sandbox/clock", `{"advance":"2000h"}`); status != http.StatusOK {
		t.Errorf("the clock: %d %s", status, got)
	}
	if status, got := send("GET", "/_sandbox/state", ""); status != http.StatusOK {
		t.Errorf("the state: %d %s", status, got)
	}
}
