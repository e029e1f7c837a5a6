package sandbox_test

import (
	"strings"
	"testing"

	"scrip/adapters/sandbox/sandboxtest"
)

// TestPurchase walks the way of a credit purchase: customer, invoice, payment
// by its link, grant, balance, state.
func TestPurchase(t *testing.T) {
	c := frozen(t)
	hook := sandboxtest.Receive(t, nil)
	c.Control("webhooks", `{"url":"`+hook.URL+`","secret":"whsec_test"}`)
	cus := c.customer("acct_42")
	prod := c.post("/v1/products", "name", "Starter pack").ID()
	price := c.post("/v1/prices", "currency", "usd", "unit_amount", "8000", "product", prod).ID()
	inv := c.post("/v1/invoices", "customer", cus, "collection_method", "send_invoice", "days_until_due", "7", "metadata[pack]", "starter").ID()
	c.post("/v1/invoiceitems", "customer", cus, "invoice", inv, "price", price)
	c.Equal(c.Get("/v1/invoices/"+inv), "status", "draft")
	fin := c.post("/v1/invoices/" + inv + "/finalize")
	c.Equal(fin, "status", "open")
	c.Equal(fin, "amount_due", "8000")
	if want := c.URL + "/_sandbox/invoice/" + inv; fin.Text("hosted_invoice_url") != want {
		t.Errorf("hosted_invoice_url is %s, want %s", fin.Text("hosted_invoice_url"), want)
	}
	page := c.as("").Want(200, "GET", "/_sandbox/invoice/"+inv, "")
	if !strings.Contains(string(page.Raw), "80.00 usd") || !strings.Contains(string(page.Raw), "Pay") {
		t.Errorf("the page does not show the amount and a button: %s", page.Raw)
	}
	c.as("").Want(200, "POST", "/_sandbox/invoice/"+inv, "x=1")
	c.Equal(c.Get("/v1/invoices/"+inv), "status", "paid")
	g := c.grant(cus, "8000", "metadata[scrip_grant]", "g1", "expires_at", unix(1000*3600*1e9))
	c.Control("deliver", "")
	for _, want := range []string{"customer.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "billing.credit_grant.created", "billing.credit_balance_transaction.created"} {
		if !strings.Contains(" "+sandboxtest.Types(hook.All())+" ", " "+want+" ") {
			t.Errorf("no webhook %s among %s", want, sandboxtest.Types(hook.All()))
		}
	}
	state := c.Get("/_sandbox/state")
	for path, want := range map[string]string{
		"now": start2026, "customers.0.id": cus, "customers.0.external_id": "acct_42", "customers.0.grants.0.id": g,
		"customers.0.grants.0.amount": "80.00", "customers.0.grants.0.remaining": "80.00", "customers.0.grants.0.unit": "usd",
		"customers.0.grants.0.effective_at": start2026, "customers.0.grants.0.expires_at": "2026-02-11T16:00:00Z",
		"customers.0.grants.0.priority": "50", "customers.0.grants.0.category": "paid", "customers.0.grants.0.metadata.scrip_grant": "g1",
		"customers.0.grants.0.state": "granted", "customers.0.consumed": "0", "customers.0.invoices.0.status": "paid",
		"calls.POST /v1/customers": "1", "calls.GET /v1/invoices/{id}": "2",
	} {
		c.Equal(state, path, want)
	}
}
