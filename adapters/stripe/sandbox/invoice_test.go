package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
)

// invoiced makes an open invoice over an amount.
func (c *client) invoiced(cus, amount string) string {
	c.T.Helper()
	inv := c.post("/v1/invoices", "customer", cus, "metadata[pack]", "starter").ID()
	c.post("/v1/invoiceitems", "customer", cus, "invoice", inv, "amount", amount, "currency", "usd")
	return c.post("/v1/invoices/" + inv + "/finalize").ID()
}

func TestInvoiceLife(t *testing.T) {
	for name, tc := range map[string]struct {
		steps []string // call and the status that it answers with, then that of the invoice
		final string
	}{
		"paid":                  {[]string{"finalize 200", "pay 200"}, "paid"},
		"pay finalizes":         {[]string{"pay 200"}, "paid"},
		"paid twice":            {[]string{"pay 200", "pay 400"}, "paid"},
		"finalized twice":       {[]string{"finalize 200", "finalize 400"}, "open"},
		"void":                  {[]string{"finalize 200", "void 200", "pay 400"}, "void"},
		"draft is not voided":   {[]string{"void 400"}, "draft"},
		"paid is not voided":    {[]string{"pay 200", "void 400"}, "paid"},
		"uncollectible":         {[]string{"finalize 200", "mark_uncollectible 200"}, "uncollectible"},
		"draft not written off": {[]string{"mark_uncollectible 400"}, "draft"},
		"paid after all":        {[]string{"finalize 200", "mark_uncollectible 200", "pay 200"}, "paid"},
		"written off, voided":   {[]string{"finalize 200", "mark_uncollectible 200", "void 200"}, "void"},
	} {
		t.Run(name, func(t *testing.T) {
			c := frozen(t)
			cus := c.customer("a")
			inv := c.post("/v1/invoices", "customer", cus).ID()
			c.post("/v1/invoiceitems", "customer", cus, "invoice", inv, "amount", "500", "currency", "usd")
			for _, step := range tc.steps {
				var call string
				var status int
				fmt.Sscan(step, &call, &status)
				c.Want(status, "POST", "/v1/invoices/"+inv+"/"+call, "")
			}
			c.Equal(c.Get("/v1/invoices/"+inv), "status", tc.final)
		})
	}
}

func TestInvoiceItems(t *testing.T) {
	c := frozen(t)
	cus, other := c.customer("a"), c.customer("b")
	price := c.post("/v1/prices", "currency", "usd", "unit_amount", "250", "product_data[name]", "Pack").ID()
	monthly := c.post("/v1/prices", "currency", "usd", "unit_amount", "250", "product_data[name]", "Plan", "recurring[interval]", "month").ID()
	item := c.post("/v1/invoiceitems", "customer", cus, "price", price, "quantity", "3")
	c.Equal(item, "amount", "750")
	c.post("/v1/invoiceitems", "customer", other, "amount", "1", "currency", "usd")
	c.post("/v1/invoiceitems", "customer", cus, "amount", "9", "currency", "eur")
	c.Equal(c.post("/v1/invoices", "customer", cus), "amount_due", "0") // pending items stay out by default
	inv := c.post("/v1/invoices", "customer", cus, "pending_invoice_items_behavior", "include", "currency", "usd")
	c.Equal(inv, "amount_due", "750")
	c.Equal(inv, "lines.data.0.price.id", price)
	c.Equal(inv, "lines.data.0.invoice_item", item.ID())
	c.Equal(c.Get("/v1/invoiceitems?pending=true&customer="+cus), "data.0.currency", "eur")
	for body, code := range map[string]string{
		form("customer", cus): "parameter_missing", form("customer", cus, "amount", "1", "price", price): "",
		form("customer", cus, "price", monthly): "", form("customer", cus, "price", "price_x"): "resource_missing",
		form("customer", other, "amount", "1", "invoice", inv.ID()): "resource_missing", form("amount", "1"): "parameter_missing",
	} {
		c.Equal(c.Want(400, "POST", "/v1/invoiceitems", body), "error.code", code)
	}
	c.post("/v1/invoices/" + inv.ID() + "/finalize")
	c.Want(400, "POST", "/v1/invoiceitems", form("customer", cus, "amount", "1", "invoice", inv.ID()))
	c.Want(400, "DELETE", "/v1/invoiceitems/"+item.ID(), "")
	c.Want(400, "DELETE", "/v1/invoices/"+inv.ID(), "")
	c.Want(400, "POST", "/v1/invoices/"+inv.ID(), "days_until_due=3")
	c.Equal(c.post("/v1/invoices/"+inv.ID(), "metadata[k]", "v"), "metadata.k", "v")
}

func TestInvoiceRules(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	c.refuse(400, "parameter_missing", "days_until_due", "POST", "/v1/invoices", form("customer", cus, "collection_method", "send_invoice"))
	c.refuse(400, "", "days_until_due", "POST", "/v1/invoices", form("customer", cus, "days_until_due", "3"))
	c.Equal(c.post("/v1/invoices", "customer", cus, "collection_method", "send_invoice", "days_until_due", "3"), "due_date", unix(72*hour))
	zero := c.post("/v1/invoices", "customer", cus).ID()
	c.Equal(c.post("/v1/invoices/"+zero+"/finalize"), "status", "paid") // nothing to pay is paid at once
	auto := c.post("/v1/invoices", "customer", cus, "auto_advance", "true").ID()
	c.post("/v1/invoiceitems", "customer", cus, "invoice", auto, "amount", "500", "currency", "usd")
	c.Control("clock", `{"advance":"59m"}`)
	c.Equal(c.Get("/v1/invoices/"+auto), "status", "draft")
	c.Control("clock", `{"advance":"1m"}`)
	c.Equal(c.Get("/v1/invoices/"+auto), "status", "open")
	c.Equal(c.Get("/v1/invoices/"+auto), "status_transitions.finalized_at", unix(hour))
}

// happened lists the types of events about an invoice since the n-th, oldest
// first, and returns how many there are now.
func (c *client) happened(since int) (string, int) {
	c.T.Helper()
	data := c.Get("/v1/events?limit=100").At("data").([]any)
	var list []string
	for i := len(data) - 1 - since; i >= 0; i-- {
		list = append(list, data[i].(map[string]any)["type"].(string))
	}
	return strings.Join(list, " "), len(data)
}

func TestPay(t *testing.T) {
	c := frozen(t)
	inv := c.invoiced(c.customer("a"), "8000")
	_, n := c.happened(0)
	step := func(outcome, more, want string) {
		t.Helper()
		c.Control("pay", `{"object":"`+inv+`","outcome":"`+outcome+`"`+more+`}`)
		got, now := c.happened(n)
		if n = now; got != want {
			t.Errorf("%s is told as %s, want %s", outcome, got, want)
		}
	}
	refused := func(status int, body string) {
		t.Helper()
		c.Want(status, "POST", "/_sandbox/pay", body)
	}
	refused(409, `{"object":"`+inv+`","outcome":"refunded"}`)
	step("failed", "", "charge.failed payment_intent.payment_failed invoice.payment_failed")
	c.Equal(c.Get("/v1/invoices/"+inv), "status", "open")
	step("paid", "", "charge.succeeded payment_intent.succeeded invoice.updated invoice.paid invoice.payment_succeeded")
	paid := c.Get("/v1/invoices/" + inv + "?expand[]=charge&expand[]=payment_intent")
	for path, want := range map[string]string{"status": "paid", "amount_paid": "8000", "amount_remaining": "0", "attempt_count": "2", "charge.amount": "8000", "payment_intent.status": "succeeded"} {
		c.Equal(paid, path, want)
	}
	refused(409, `{"object":"`+inv+`","outcome":"paid"}`)
	refused(409, `{"object":"`+inv+`","outcome":"won"}`)
	step("refunded", `,"amount":3000`, "charge.refunded")
	last := c.Get("/v1/events?type=charge.refunded")
	for path, want := range map[string]string{"data.object.amount_refunded": "3000", "data.object.refunded": "false", "data.object.invoice": inv, "data.previous_attributes": `{"amount_refunded":0}`} {
		c.Equal(last, "data.0."+path, want)
	}
	refused(400, `{"object":"`+inv+`","outcome":"refunded","amount":5001}`)
	refused(400, `{"object":"`+inv+`","outcome":"refunded","amount":1.5}`)
	step("refunded", "", "charge.refunded")
	c.Equal(c.Get("/v1/events?type=charge.refunded"), "data.0.data.object.refunded", "true")
	refused(409, `{"object":"`+inv+`","outcome":"refunded"}`)
	step("disputed", "", "charge.dispute.created charge.dispute.funds_withdrawn")
	refused(409, `{"object":"`+inv+`","outcome":"disputed"}`)
	step("won", "", "charge.dispute.funds_reinstated charge.dispute.closed")
	c.Equal(c.Get("/v1/events?type=charge.dispute.closed"), "data.0.data.object.status", "won")
}

func TestMutate(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	g := c.grant(cus, "1000")
	_, n := c.happened(0)
	c.Control("mutate", `{"object":"grant","id":"`+g+`","op":"set","fields":{"remaining":400,"expires_at":`+unix(hour)+`}}`)
	if got, _ := c.happened(n); got != "" {
		t.Errorf("a silent change told of %s", got)
	}
	if got := c.balance(cus, g); got != "400 400" {
		t.Errorf("balance after the change is %s", got)
	}
	c.Control("mutate", `{"object":"grant","id":"`+g+`","op":"set","fields":{"category":"promotional"},"webhook":true}`)
	if got, _ := c.happened(n); got != "billing.credit_grant.updated" {
		t.Errorf("a loud change told of %q", got)
	}
	c.Control("mutate", `{"object":"grant","id":"`+g+`","op":"duplicate"}`)
	c.Equal(c.Get("/_sandbox/state"), "customers.0.grants.1.remaining", "4.00")
	c.Control("mutate", `{"object":"grant","id":"`+g+`","op":"delete"}`)
	c.Want(404, "GET", "/v1/billing/credit_grants/"+g, "")
	c.Want(400, "POST", "/_sandbox/mutate", `{"object":"customer","id":"`+cus+`","op":"set","fields":{"nonsense":1}}`)
	c.Want(400, "POST", "/_sandbox/mutate", `{"object":"customer","id":"`+cus+`","op":"set","fields":{"id":"x"}}`)
	c.Want(400, "POST", "/_sandbox/mutate", `{"object":"unicorn","id":"x","op":"set","fields":{}}`)
	c.meter("credits")
	c.use("credits", cus, "5", "e1")
	c.Control("mutate", `{"object":"meter_event","id":"e1","op":"set","fields":{"value":"6"}}`)
	c.Control("mutate", `{"object":"meter_event","id":"e1","op":"duplicate"}`)
	c.Equal(c.Get("/_sandbox/state"), "customers.0.consumed", "12")
	c.Control("mutate", `{"object":"customer","id":"`+cus+`","op":"delete","webhook":true}`)
	c.Equal(c.Get("/v1/customers/"+cus), "deleted", "true")
}

func TestMajorUnits(t *testing.T) {
	c := frozen(t)
	cus := c.customer("a")
	for _, currency := range []string{"jpy", "kwd", "eur"} {
		c.Want(200, "POST", "/v1/billing/credit_grants", strings.Replace(grantForm(cus, "1234"), "usd", currency, 1))
	}
	state := c.Get("/_sandbox/state")
	for i, want := range []string{"1234", "1.234", "12.34"} {
		c.Equal(state, fmt.Sprintf("customers.0.grants.%d.amount", i), want)
	}
}
