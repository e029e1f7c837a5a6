package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"scrip/adapters/chargebee/sandbox"
	kit "scrip/adapters/sandbox"
)

func TestPromotionalCredits(t *testing.T) {
	c := start(t)
	c.customer("acct_1")
	change := func(how string, more ...string) string {
		return c.post("/promotional_credits/"+how, append([]string{"customer_id", "acct_1", "description", "d"}, more...)...).Text("promotional_credit.closing_balance")
	}
	for _, got := range []string{
		change("add", "amount", "1000") + "=1000", change("deduct", "amount", "100") + "=900", change("set", "amount", "250") + "=250",
		change("set", "amount", "300") + "=300", change("deduct") + "=0", change("add", "amount", "400") + "=400",
	} {
		if is, want, _ := strings.Cut(got, "="); is != want {
			t.Errorf("balance %s, want %s", is, want)
		}
	}
	// They are applied to the next invoice by themselves.
	bill := c.post("/invoices/create_for_charge_items_and_charges", "customer_id", "acct_1", "charges[amount][0]", "500", "charges[description][0]", "x")
	for name, want := range map[string]string{"status": "payment_due", "credits_applied": "400", "amount_due": "100", "total": "500"} {
		c.Equal(bill, "invoice."+name, want)
	}
	c.Equal(c.Get(api+"/customers/acct_1"), "customer.promotional_credits", "0")
	if n := c.list("/promotional_credits", "customer_id[is]", "acct_1", "type[is]", "decrement").Count("list"); n != 4 {
		t.Errorf("%d decrements, want 4", n)
	}
}

func TestInvoicesAndPayments(t *testing.T) {
	c := start(t)
	in := c.receive()
	c.customer("acct_1")
	c.post("/items", "id", "pack", "name", "Pack", "type", "charge", "item_family_id", "scrip")
	c.post("/item_prices", "id", "pack-USD", "name", "Pack", "item_id", "pack", "pricing_model", "per_unit", "price", "2000", "currency_code", "USD")
	c.refused(400, "param_wrong_value", "/invoices/create_for_charge_items_and_charges", form("customer_id", "acct_1", "currency_code", "EUR", "item_prices[item_price_id][0]", "pack-USD"))
	bill := c.post("/invoices/create_for_charge_items_and_charges", "customer_id", "acct_1", "item_prices[item_price_id][0]", "pack-USD", "item_prices[quantity][0]", "3",
		"invoice_note", "purchase p1")
	id := bill.Text("invoice.id")
	c.Equal(bill, "invoice.total", "6000")
	c.Equal(bill, "invoice.notes.0.note", "purchase p1")
	in.News(c.Client)
	c.Control("pay", `{"object":"`+id+`","outcome":"failed"}`)
	c.Equal(c.Get(api+"/invoices/"+id), "invoice.status", "not_paid")
	page := string(c.Get("/_sandbox/invoice/" + id).Raw)
	if !strings.Contains(page, "60.00 USD") || !strings.Contains(page, "<button") {
		t.Errorf("page %s", page)
	}
	c.Control("pay", `{"object":"`+id+`","outcome":"paid"}`)
	c.Want(409, "POST", "/_sandbox/pay", `{"object":"`+id+`","outcome":"paid"}`)
	c.Control("pay", `{"object":"`+id+`","outcome":"refunded","amount":1000}`)
	c.Control("pay", `{"object":"`+id+`","outcome":"refunded"}`)
	c.Want(409, "POST", "/_sandbox/pay", `{"object":"`+id+`","outcome":"refunded"}`)
	c.Want(422, "POST", "/_sandbox/pay", `{"object":"`+id+`","outcome":"disputed"}`)
	want := "payment_failed invoice_updated payment_succeeded invoice_updated credit_note_created payment_refunded invoice_updated credit_note_created payment_refunded invoice_updated"
	events := in.News(c.Client)
	if got := types(events); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	if s := c.state(0).Invoices[0]; s.Status != "paid" || s.Total != "60.00" || s.Paid != "60.00" || s.PayURL == "" {
		t.Errorf("state %+v", s)
	}
	version := ""
	for _, e := range events { // versions only rise
		if v := e.Text("content.invoice.resource_version"); v != "" {
			if v < version {
				t.Errorf("version %s after %s", v, version)
			}
			version = v
		}
	}
	c.Variant("invoice_told_before_payment")
	other := c.post("/invoices/create_for_charge_items_and_charges", "customer_id", "acct_1", "charges[amount][0]", "5").Text("invoice.id")
	in.News(c.Client)
	c.post("/invoices/"+other+"/record_payment", "transaction[payment_method]", "cash")
	if got := types(in.News(c.Client)); got != "invoice_updated payment_succeeded" {
		t.Errorf("events %s", got)
	}
	c.Variant("invoice_without_card_due")
	c.Equal(c.post("/invoices/create_for_charge_items_and_charges", "customer_id", "acct_1", "charges[amount][0]", "5", "auto_collection", "on"), "invoice.status", "payment_due")
}

// A page of a customer's shows all that is due, and pays it at once.
func TestCollectNow(t *testing.T) {
	c := start(t)
	c.customer("acct_1")
	c.refused(409, "invalid_state_for_request", "/hosted_pages/collect_now", form("customer[id]", "acct_1"))
	for range 2 {
		c.post("/invoices/create_for_charge_items_and_charges", "customer_id", "acct_1", "charges[amount][0]", "5")
	}
	link := c.post("/hosted_pages/collect_now", "customer[id]", "acct_1", "currency_code", "USD").Text("hosted_page.url")
	path, ok := strings.CutPrefix(link, c.URL)
	if page := string(c.Get(path).Raw); !ok || strings.Count(page, "0.05 USD") != 2 || !strings.Contains(page, "<button") {
		t.Errorf("page %s of %q", page, link)
	}
	c.Want(200, "POST", path, "")
	if page := string(c.Get(path).Raw); strings.Contains(page, "<button") || c.state(0).Invoices[1].Status != "paid" {
		t.Errorf("page after it was paid: %s", page)
	}
}

// A subscription renews at the end of its term and bills what it costs; one that
// was cancelled for the end of its term ends there.
func TestRenewal(t *testing.T) {
	c := start(t)
	free := c.customer("acct_1")
	dear := c.post("/customers/acct_1/subscription_for_items", "subscription_items[item_price_id][0]", "carrier-USD", "subscription_items[unit_price][0]", "900").Text("subscription.id")
	c.post("/subscriptions/"+free+"/cancel_for_items", "cancel_option", "end_of_term")
	in := c.receive()
	c.Control("clock", `{"now":"2099-04-01T12:00:00Z"}`)
	if got := types(in.News(c.Client)); got != "subscription_cancelled subscription_renewed invoice_generated" {
		t.Errorf("events %s", got)
	}
	c.Equal(c.Get(api+"/subscriptions/"+dear), "subscription.due_invoices_count", "2")
	if got := c.list("/subscriptions", "status[is]", "cancelled"); got.Count("list") != 1 || got.Text("list.0.customer.id") != "acct_1" {
		t.Errorf("cancelled: %s", got.Raw)
	}
}

func TestEvents(t *testing.T) {
	c := start(t)
	c.customer("acct_1")
	c.post("/customers/acct_1", "company", "Acme")
	in := c.receive()
	c.post("/customers/acct_1", "company", "Acme GmbH")
	sent := in.News(c.Client)
	got := c.list("/events", "event_type[in]", `["customer_created","customer_changed"]`, "sort_by[asc]", "occurred_at", "occurred_at[after]", fmt.Sprint(at-1))
	var list []string
	for i := range got.Count("list") {
		list = append(list, got.Text(fmt.Sprintf("list.%d.event.event_type", i))+" "+got.Text(fmt.Sprintf("list.%d.event.webhook_status", i)))
	}
	if text := strings.Join(list, ","); text != "customer_created not_configured,customer_changed not_configured,customer_changed succeeded" {
		t.Errorf("events %s", text)
	}
	one := c.Get(api + "/events/" + sent[0].ID())
	if one.Text("event.content") != sent[0].Text("content") || len(sent) != 1 {
		t.Errorf("the listed event differs from what was sent:\n%s\n%s", one.Raw, sent[0].Raw)
	}
}

// The documents name the content of ledger events in the plural, the types of
// the vendor's own library in the singular.
func TestEventContent(t *testing.T) {
	for variant, want := range map[string]string{"": "grant_blocks ledger_operations", "event_content_singular": "grant_block ledger_operation"} {
		c := start(t)
		if variant != "" {
			c.Variant(variant)
		}
		sub := c.customer("acct_1")
		in := c.receive()
		c.grant(sub, "5", 30)
		events := in.News(c.Client)
		if got := types(events); got != "ledger_updated ledger_account_balance_updated grant_blocks_created" {
			t.Fatalf("events %s", got)
		}
		names := strings.Fields(want)
		if events[2].Count("content."+names[0]) != 1 || events[0].Count("content."+names[1]) != 1 {
			t.Errorf("%s: %s", variant, events[0].Raw)
		}
	}
}

func TestUsage(t *testing.T) {
	c := start(t)
	event := func(id string, ms int64, properties string) string {
		return fmt.Sprintf(`{"deduplication_id":%q,"subscription_id":"not yet","usage_timestamp":%d,"properties":%s}`, id, ms, properties)
	}
	for _, e := range []string{event("", at*1000, "{}"), event("a", at, "{}"), event("a", at*1000, `{"deep":{}}`), event("a", (at-12*3600-1)*1000, "{}"), event("a", at*1000, `[]`),
		event("a", at*1000, `{"s":"`+strings.Repeat("x", 1100)+`"}`)} {
		c.refused(400, "param_wrong_value", "/usage_events", e)
	}
	good := event("a", at*1000, `{"n":1}`)
	for range 2 {
		c.Want(200, "POST", api+"/usage_events", good)
	}
	got := c.Want(200, "POST", api+"/batch/usage_events", `{"events":[`+good+`,`+event("b", at, "{}")+`]}`)
	if got.Count("failed_events") != 1 || got.Text("failed_events.0.deduplication_id") != "b" {
		t.Errorf("batch %s", got.Raw)
	}
	c.Variant("usage_failed_events_texts")
	if got := c.Want(200, "POST", api+"/batch/usage_events", `{"events":[`+event("b", at, "{}")+`]}`); !strings.Contains(got.Text("failed_events.0"), "12 hours") {
		t.Errorf("batch %s", got.Raw)
	}
}

func TestMutate(t *testing.T) {
	c := start(t)
	sub := c.customer("acct_1")
	id := c.grant(sub, "10", 30)
	in := c.receive()
	for _, tc := range [][2]string{
		{`{"object":"grant","id":"` + id + `","op":"set","fields":{"balance":"4","voided_amount":"6"},"webhook":true}`, "grant_blocks_updated"},
		{`{"object":"grant","id":"` + id + `","op":"duplicate","webhook":true}`, "grant_blocks_created"},
		{`{"object":"customer","id":"acct_1","op":"set","fields":{"texts":{"company":"Changed"}},"webhook":true}`, "customer_changed"},
		{`{"object":"subscription","id":"` + sub + `","op":"set","fields":{"status":"cancelled"},"webhook":true}`, "subscription_changed"},
		{`{"object":"grant","id":"` + id + `","op":"delete"}`, ""},
	} {
		c.Control("mutate", tc[0])
		if got := types(in.News(c.Client)); got != tc[1] {
			t.Errorf("%s: events %q, want %q", tc[0], got, tc[1])
		}
	}
	if s := c.state(0); len(s.Grants) != 1 || s.Grants[0].Remaining != "4" {
		t.Errorf("state %+v", s)
	}
	for body, status := range map[string]int{
		`{"object":"moon","id":"x","op":"set"}`:                                     400,
		`{"object":"customer","id":"acct_1","op":"set","fields":{"wrong":1}}`:       400,
		`{"object":"customer","id":"acct_1","op":"set","fields":{"id":"x"}}`:        400,
		`{"object":"grant","id":"none","op":"delete"}`:                              404,
		`{"object":"ledger_operation","id":"none","op":"delete"}`:                   404,
		`{"object":"site","id":"","op":"set","fields":{"calls_per_minute":"many"}}`: 400,
		`{"object":"invoice","id":"none","op":"set","fields":{"status":"paid"}}`:    404,
		`{"object":"event","id":"none","op":"delete"}`:                              404,
	} {
		c.Want(status, "POST", "/_sandbox/mutate", body)
	}
}

// A restored sandbox goes on where the other stood.
func TestSnapshot(t *testing.T) {
	c := start(t)
	sub := c.customer("acct_1")
	c.grant(sub, "10", 30)
	c.ledger("authorize", draw(sub, "4", `,"id":"hold"`))
	data, err := c.server.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	twin := sandbox.New(kit.Options{Seed: 7})
	hs := httptest.NewServer(twin)
	t.Cleanup(func() { hs.Close(); twin.Close() })
	if err := twin.Restore(data); err != nil {
		t.Fatal(err)
	}
	d := speak(t, hs.URL)
	for _, both := range []*client{c, d} {
		both.Control("clock", `{"advance":"15m"}`)
		both.Want(200, "POST", api+"/ledger_operations/capture", fmt.Sprintf(`{"subscription_id":%q,"unit_id":"credits","amount":"10","id":"op","ledger_operation_timestamp":%d}`, sub, at+900))
	}
	for _, path := range []string{"/grant_blocks", "/ledger_operations", "/ledger_account_balances"} {
		a, b := c.list(path, "subscription_id[is]", sub), d.list(path, "subscription_id[is]", sub)
		if x, y := json.RawMessage(a.Raw), json.RawMessage(b.Raw); string(x) != string(y) {
			t.Errorf("%s differs:\n%s\n%s", path, x, y)
		}
	}
}
