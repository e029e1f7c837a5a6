package stripe

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

func TestSellRequests(t *testing.T) {
	answers := map[string]string{
		"POST /v1/invoices": `{"id":"in_1","status":"draft"}`, "POST /v1/invoiceitems": `{"id":"ii_1","amount":8000}`,
		"POST /v1/invoices/in_1/finalize": `{"id":"in_1","status":"open","hosted_invoice_url":"https://pay.example/in_1"}`,
	}
	o := adapters.SellOrder{Mark: adapters.Mark{ID: intent(7)}, Purchase: "pur_1", Pack: "starter",
		Price: core.Money{Minor: 8000, Currency: "usd"}, Text: "1000 credits", Links: linked}
	pairs := func(more map[string]string) map[string]string {
		more["metadata[scrip_purchase]"], more["metadata[scrip_intent]"], more["metadata[scrip_pack]"] = "pur_1", string(intent(7)), "starter"
		more["customer"] = "cus_1"
		return more
	}
	a, f := at(t, script(answers))
	got, err := a.Sell(t.Context(), o)
	if err != nil || got.PayURL != "https://pay.example/in_1" || got.Links[0] != (adapters.Link{Neutral: "pur_1", Role: adapters.RoleInvoice, Vendor: "in_1"}) {
		t.Fatalf("%v, %v", got, err)
	}
	r := f.requests()
	// The customer's other waiting items stay off this invoice.
	r[0].has(t, pairs(map[string]string{"currency": "usd", "collection_method": "send_invoice", "days_until_due": "30",
		"auto_advance": "false", "pending_invoice_items_behavior": "exclude"}))
	r[1].has(t, pairs(map[string]string{"invoice": "in_1", "amount": "8000", "currency": "usd", "description": "1000 credits"}))
	r[2].has(t, map[string]string{"auto_advance": "false"})
	for i, step := range []string{":invoice", ":item", ":finalize"} {
		if k := r[i].header.Get("Idempotency-Key"); k != string(intent(7))+step {
			t.Errorf("request %d has the key %q", i, k)
		}
	}
	o.Links = append(adapters.Links{{Neutral: "starter", Role: adapters.RoleProduct, Vendor: "prod_1"}}, linked...)
	a, f = at(t, script(answers))
	if _, err := a.Sell(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	f.requests()[1].has(t, pairs(map[string]string{"invoice": "in_1", "description": "1000 credits",
		"price_data[currency]": "usd", "price_data[product]": "prod_1", "price_data[unit_amount]": "8000"}))
	for name, c := range map[string]struct {
		change func(*adapters.SellOrder)
		want   adapters.Code
	}{
		"free":        {func(o *adapters.SellOrder) { o.Price.Minor = 0 }, adapters.CodeInvalid},
		"below zero":  {func(o *adapters.SellOrder) { o.Price.Minor = -1 }, adapters.CodeInvalid},
		"other scale": {func(o *adapters.SellOrder) { o.Price.Currency = "isk" }, adapters.CodeNotSupported},
		"no customer": {func(o *adapters.SellOrder) { o.Links = nil }, adapters.CodeInvalid},
	} {
		order := o
		c.change(&order)
		a, f := at(t, script(answers))
		if _, err := a.Sell(t.Context(), order); adapters.AsError(err).Code != c.want || len(f.requests()) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	answers["POST /v1/invoiceitems"] = `{"id":"ii_1","amount":7999}`
	a, _ = at(t, script(answers))
	if _, err := a.Sell(t.Context(), o); !adapters.AsError(err).Ambiguous() {
		t.Errorf("a line of another price: %v", err)
	}
	answers["POST /v1/invoiceitems"], answers["POST /v1/invoices/in_1/finalize"] = `{"id":"ii_1","amount":8000}`, `{"id":"in_1","status":"draft"}`
	a, _ = at(t, script(answers))
	if _, err := a.Sell(t.Context(), o); !adapters.AsError(err).Ambiguous() {
		t.Errorf("a final invoice that is a draft: %v", err)
	}
}

// What is collected is charged once, with a key of its own; a decline is told
// by its event and is no error of the sale.
func TestSellCollects(t *testing.T) {
	o := adapters.SellOrder{Mark: adapters.Mark{ID: intent(7)}, Purchase: "pur_1", Pack: "starter", Collect: true,
		Price: core.Money{Minor: 8000, Currency: "usd"}, Text: "1000 credits", Links: linked}
	answers := map[string]string{
		"POST /v1/invoices": `{"id":"in_1","status":"draft"}`, "POST /v1/invoiceitems": `{"id":"ii_1","amount":8000}`,
		"POST /v1/invoices/in_1/finalize": `{"id":"in_1","status":"open","hosted_invoice_url":"https://pay.example/in_1"}`,
		"POST /v1/invoices/in_1/pay":      `{"id":"in_1","status":"paid"}`,
	}
	a, f := at(t, script(answers))
	if got, err := a.Sell(t.Context(), o); err != nil || got.PayURL != "https://pay.example/in_1" {
		t.Fatalf("%v, %v", got, err)
	}
	r := f.requests()
	r[0].has(t, map[string]string{"collection_method": "charge_automatically", "auto_advance": "false", "customer": "cus_1", "currency": "usd",
		"pending_invoice_items_behavior": "exclude", "metadata[scrip_purchase]": "pur_1", "metadata[scrip_intent]": string(intent(7)), "metadata[scrip_pack]": "starter"})
	r[3].has(t, map[string]string{"off_session": "true"})
	if k := r[3].header.Get("Idempotency-Key"); k != string(intent(7))+":pay" {
		t.Errorf("the charge has the key %q", k)
	}
	for status, fine := range map[int]bool{402: true, 400: false, 500: false} {
		a, _ := at(t, func(w http.ResponseWriter, r sent) {
			if strings.HasSuffix(r.path, "/pay") {
				w.WriteHeader(status)
				io.WriteString(w, `{"error":{"type":"card_error","code":"card_declined"}}`)
				return
			}
			script(answers)(w, r)
		})
		if _, err := a.Sell(t.Context(), o); (err == nil) != fine {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestASaleThatWasNotChargedIsNotFound(t *testing.T) {
	for text, half := range map[string]bool{
		`{"status":"draft"}`: true, `{"status":"open"}`: false, `{"status":"open","collection_method":"send_invoice"}`: false,
		`{"status":"open","collection_method":"charge_automatically"}`: true, `{"status":"open","collection_method":"charge_automatically","attempted":true}`: false,
		`{"status":"paid","collection_method":"charge_automatically"}`: false,
	} {
		var x invoiceObject
		if err := json.Unmarshal([]byte(text), &x); err != nil || x.half() != half {
			t.Errorf("%s is half %v: %v", text, x.half(), err)
		}
	}
}
