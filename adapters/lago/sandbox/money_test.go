package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestTransactionRefusals(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	w := c.wallet(`"granted_credits":"10","paid_top_up_min_amount_cents":500`)
	for fields, details := range map[string]string{
		`"granted_credits":5`:                                                 `{"granted_credits":["invalid_granted_credits","invalid_amount"]}`,
		`"paid_credits":5.5`:                                                  `{"paid_credits":["invalid_paid_credits","invalid_amount"]}`,
		`"voided_credits":5`:                                                  `{"voided_credits":["invalid_voided_credits","invalid_amount"]}`,
		`"voided_credits":"1e1"`:                                              `{"voided_credits":["invalid_voided_credits","invalid_amount"]}`,
		`"voided_credits":"10.00001"`:                                         `{"voided_credits":["insufficient_credits"]}`,
		`"granted_credits":"5","voided_credits":"11"`:                         `{"voided_credits":["insufficient_credits"]}`, // the grant does not count yet
		`"paid_credits":"4"`:                                                  `{"paid_credits":["amount_below_minimum"]}`,
		`"granted_credits":"1","priority":51`:                                 `{"priority":["value_is_out_of_range"]}`,
		`"granted_credits":"1","name":""`:                                     `{"name":["value_is_out_of_range"]}`,
		`"metadata":[` + pairs(16) + `]`:                                      `{"metadata":"too_many_keys"}`,
		`"metadata":{"a":"b"}`:                                                `{"metadata":"invalid_type"}`,
		`"metadata":[{"key":"a"}]`:                                            `{"metadata":"invalid_key_value_pair"}`,
		`"metadata":[{"key":"a","value":""}]`:                                 `{"metadata":"invalid_key_value_pair"}`,
		`"metadata":[{"key":"a","value":{"b":1}}]`:                            `{"metadata":"nested_structure_not_allowed"}`,
		`"metadata":[{"key":"` + strings.Repeat("k", 21) + `","value":"v"}]`:  `{"metadata":"key_too_long"}`,
		`"metadata":[{"key":"k","value":"` + strings.Repeat("v", 101) + `"}]`: `{"metadata":"value_too_long"}`,
	} {
		c.refused("POST", "/wallet_transactions", `{"wallet_transaction":{"wallet_id":"`+w+`",`+fields+`}}`, details)
	}
	c.refused("POST", "/wallet_transactions", `{"wallet_transaction":{"wallet_id":"none","granted_credits":"1"}}`, `{"wallet_id":["wallet_not_found"]}`)
	c.same("transactions", c.txns(w, "amount"), "10.0") // one part that is refused refuses all
	c.move(w, `"paid_credits":"4","ignore_paid_top_up_limits":true,"metadata":[`+pairs(15)+`]`)
	c.move(w, `"granted_credits":"1","metadata":[{"key":"`+strings.Repeat("k", 20)+`","value":"`+strings.Repeat("v", 100)+`"}]`)
	// Nothing makes the same request do its work once only.
	for range 2 {
		c.move(w, `"granted_credits":"2","metadata":[{"key":"idem","value":"x"}]`)
	}
	c.has(w, "balance_cents=1500")
}

// TestPurchase: a purchase is pending until it is paid, in any of four ways.
func TestPurchase(t *testing.T) {
	for name, pay := range map[string]func(c *client, txn, invoice string){
		"control, by transaction": func(c *client, txn, _ string) { c.Control("pay", `{"object":"`+txn+`","outcome":"paid"}`) },
		"by hand": func(c *client, _, invoice string) {
			c.Want(200, "PUT", api+"/invoices/"+invoice, `{"invoice":{"payment_status":"succeeded"}}`)
		},
		"a payment told": func(c *client, _, invoice string) {
			c.refused("POST", "/payments", `{"payment":{"invoice_id":"`+invoice+`","amount_cents":2001,"reference":"r"}}`, `{"amount_cents":["invalid_amount"]}`)
			c.post("/payments", "payment", `"invoice_id":"`+invoice+`","amount_cents":500,"reference":"first"`)
			c.post("/payments", "payment", `"invoice_id":"`+invoice+`","amount_cents":1500,"reference":"second","paid_at":"2099-11-30"`)
		},
		"behind the link": func(c *client, txn, _ string) {
			link := c.Want(200, "POST", api+"/wallet_transactions/"+txn+"/payment_url", "").Text("wallet_transaction_payment_details.payment_url")
			c.Want(200, "POST", strings.TrimPrefix(link, c.URL), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := startAt(t, outset)
			c.customer("a", "")
			w := c.wallet(`"name":"W"`)
			txn := c.move(w, `"paid_credits":"20","name":"Pack"`).Text("wallet_transactions.0.lago_id")
			c.is(txn, "status=pending transaction_status=purchased remaining_amount_cents= remaining_credit_amount= settled_at=")
			c.has(w, "balance_cents=0")
			bill := c.Get(api + "/wallet_transactions/" + txn).Text("wallet_transaction.lago_invoice_id")
			got := c.Get(api + "/invoices/" + bill)
			hold(c, got, "invoice.", "invoice_type=credit status=finalized payment_status=pending taxes_amount_cents=0 total_amount_cents=2000")
			hold(c, got, "invoice.fees.0.", "item.type=credit item.name=Pack item.lago_item_id="+txn+" item.item_type=WalletTransaction amount_cents=2000")
			pay(c, txn, bill)
			c.is(txn, "status=settled settled_at="+outset+" remaining_amount_cents=2000 remaining_credit_amount=20.0 lago_invoice_id="+bill)
			c.has(w, "balance_cents=2000 ongoing_balance_cents=2000")
			c.refused("POST", "/wallet_transactions/"+txn+"/payment_url", "", `{"base":["wallet_transaction_already_settled"]}`)
		})
	}
}

// TestPurchaseGoesWrong: failure, success after failure, failure after success,
// refunds.
func TestPurchaseGoesWrong(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	w := c.wallet(`"name":"W"`)
	txn := c.move(w, `"paid_credits":"20"`).Text("wallet_transactions.0.lago_id")
	outcome := func(status int, outcome string) {
		t.Helper()
		c.Want(status, "POST", "/_sandbox/pay", `{"object":"`+txn+`",`+outcome+`}`)
	}
	outcome(200, `"outcome":"failed"`)
	c.is(txn, "status=failed failed_at="+outset+" settled_at=")
	outcome(200, `"outcome":"paid"`)
	c.is(txn, "status=settled failed_at= settled_at="+outset)
	bill := c.Get(api + "/wallet_transactions/" + txn).Text("wallet_transaction.lago_invoice_id")
	c.Want(200, "PUT", api+"/invoices/"+bill, `{"invoice":{"payment_status":"failed"}}`)
	c.is(txn, "status=settled")
	c.has(w, "balance_cents=2000")
	c.Want(200, "PUT", api+"/invoices/"+bill, `{"invoice":{"payment_status":"succeeded"}}`)
	c.has(w, "balance_cents=2000") // and nothing settles twice

	other := c.give(w, "5")
	c.move(w, `"voided_transaction_id":"`+txn+`","voided_credits":"15"`)
	outcome(409, `"outcome":"refunded"`)
	c.refused("POST", "/credit_notes", `{"credit_note":{"invoice_id":"`+bill+`","refund_amount_cents":501}}`, `{"refund_amount_cents":["higher_than_wallet_balance"]}`)
	outcome(200, `"outcome":"refunded","amount":500`)
	c.is(txn, "remaining_amount_cents=0")
	c.is(other, "remaining_amount_cents=500")
	last := c.txns(w, "transaction_status", "amount", "lago_credit_note_id")
	if note := c.Get(api + "/credit_notes").Text("credit_notes.0.lago_id"); last[len(last)-1] != "voided 5.0 "+note {
		t.Errorf("the refund is written as %q", last[len(last)-1])
	}
	outcome(422, `"outcome":"won"`)
	c.Want(200, "DELETE", api+"/wallets/"+w, "")
	if got := c.Want(405, "POST", api+"/credit_notes", `{"credit_note":{"invoice_id":"`+bill+`","refund_amount_cents":1}}`); got.Text("code") != "invalid_type_or_status" {
		t.Errorf("a refund of an ended wallet: %s", got.Raw)
	}
}

// TestBurnOrder: priority, then given before bought, then age.
func TestBurnOrder(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	w := c.wallet(`"name":"W"`)
	buy := c.move(w, `"paid_credits":"1","name":"bought"`).Text("wallet_transactions.0.lago_id")
	c.Control("pay", `{"object":"`+buy+`","outcome":"paid"}`)
	c.move(w, `"granted_credits":"1","name":"old"`)
	c.move(w, `"granted_credits":"1","name":"young"`)
	c.move(w, `"granted_credits":"1","name":"first","priority":1`)
	var order []string
	for range 4 {
		c.move(w, `"voided_credits":"1"`)
		ids := c.txns(w, "lago_id")
		got := c.Get(api + "/wallet_transactions/" + ids[len(ids)-1] + "/fundings")
		order = append(order, got.Text("wallet_transaction_fundings.0.wallet_transaction.name"))
		c.Equal(got, "wallet_transaction_fundings.0.amount_cents", "100")
	}
	c.same("order", order, "first", "old", "young", "bought")
	used := c.Get(api + "/wallet_transactions/" + buy + "/consumptions")
	hold(c, used, "wallet_transaction_consumptions.0.", "amount_cents=100 credit_amount=1.0 wallet_transaction.transaction_status=voided")
	c.refused("GET", "/wallet_transactions/"+buy+"/fundings", "", `{"transaction_type":["invalid_transaction_type"]}`)
	c.has(w, "consumed_credits=4.0 balance_cents=0")
	if s := c.state(); s.Consumed != "4.00" || len(s.Grants) != 4 || s.Grants[0].Category != "paid" {
		t.Errorf("the state shows %+v", s)
	}
}

// TestLateJobs: what is done in the background may take its time.
func TestLateJobs(t *testing.T) {
	c := startAt(t, outset)
	c.Variant("jobs_late")
	c.customer("a", "")
	w := c.wallet(`"granted_credits":"10"`)
	c.has(w, "balance_cents=0")
	txn := c.move(w, `"paid_credits":"5"`).Text("wallet_transactions.0.lago_id")
	c.refused("POST", "/wallet_transactions/"+txn+"/payment_url", "", `{"base":["wallet_transaction_has_no_attached_invoice"]}`)
	c.pass("1m")
	c.has(w, "balance_cents=1000")
	c.Want(200, "POST", api+"/wallet_transactions/"+txn+"/payment_url", "")
	grant := c.give(w, "1")
	c.is(grant, "status=settled") // a grant of its own counts at once
	c.refused("POST", "/wallet_transactions/"+grant+"/payment_url", "", `{"base":["wallet_transaction_not_purchased"]}`)
}

// TestVersions: what earlier versions did otherwise.
func TestVersions(t *testing.T) {
	for _, tc := range []struct {
		version                  string
		granted, zero, targetedA string
	}{
		{"", "10.34909", "refused", "500"}, {"version_1_51", "10.34909", "refused", "400"}, {"version_1_50", "10.34909", "refused", "400"},
		{"version_1_49", "10.34909", "taken", "400"}, {"version_1_47", "10.34567", "taken", "400"},
	} {
		c := startAt(t, outset)
		if tc.version != "" {
			c.Variant(tc.version)
		}
		c.customer("a", "")
		w := c.wallet(`"rate_amount":"1.375","code":"odd"`)
		c.Equal(c.move(w, `"granted_credits":"10.34567"`), "wallet_transactions.0.credit_amount", tc.granted)
		status := 200
		if tc.zero == "refused" {
			status = 422
		}
		c.Want(status, "POST", api+"/wallet_transactions", `{"wallet_transaction":{"wallet_id":"`+w+`","granted_credits":"0.001"}}`)
		even := c.wallet(`"code":"even"`)
		a, b := c.give(even, "5"), c.give(even, "5")
		c.move(even, `"voided_transaction_id":"`+b+`","voided_credits":"1"`)
		c.is(a, "remaining_amount_cents="+tc.targetedA)
	}
	c := startAt(t, "2099-12-01T00:00:00Z")
	c.Variant("version_1_51")
	c.customer("a", "")
	c.plan("p", `"amount_cents":600,"pay_in_advance":true`)
	w := c.wallet(`"granted_credits":"10","recurring_transaction_rules":[{"trigger":"threshold","paid_credits":"1","threshold_credits":"9"}]`)
	c.subscribe("p", "s")
	c.pass("2s")
	list := c.txns(w, "transaction_status", "amount", "source")
	c.same("a fixed size, gap or not", list, "granted 10.0 manual", "invoiced 6.0 manual", "purchased 1.0 threshold")
	c.Control("pay", `{"object":"`+c.txns(w, "lago_id")[2]+`","outcome":"failed"}`)
	c.Want(200, "PUT", api+"/wallets/"+w, `{"wallet":{"name":"wakes the refresh"}}`)
	c.pass("2s")
	if n := len(c.txns(w, "lago_id")); n != 4 {
		t.Errorf("%d transactions: after a decline the next purchase comes at once", n)
	}
}

// TestVoidedInvoice: what wallets paid comes back as a new grant.
func TestVoidedInvoice(t *testing.T) {
	c := startAt(t, "2099-12-01T00:00:00Z")
	c.customer("a", "")
	c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("m")+"=1.00")
	w1, w2 := c.wallet(`"code":"w1","granted_credits":"4","priority":1`), c.wallet(`"code":"w2","granted_credits":"3","priority":2`)
	c.subscribe("p", "s")
	c.use("s", "m", "1", "6")
	c.clock("2100-01-01T00:10:00Z")
	id := c.Get(api + "/invoices").Text("invoices.0.lago_id")
	hold(c, c.Get(api+"/invoices/"+id), "invoice.", "prepaid_credit_amount_cents=600 total_amount_cents=0 payment_status=succeeded")
	c.Want(200, "DELETE", api+"/wallets/"+w2, "")
	c.Want(200, "POST", api+"/invoices/"+id+"/void", "")
	c.same("w1", c.txns(w1, "transaction_status", "amount", "priority", "lago_voided_invoice_id"), "granted 4.0 50 ", "invoiced 4.0 50 ", "granted 4.0 50 "+id)
	c.has(w1, "balance_cents=400 consumed_credits=0.0")
	c.has(w2, "balance_cents=100 consumed_credits=2.0")
	hold(c, c.Get(api+"/invoices/"+id), "invoice.", "status=voided voided_at=2100-01-01T00:10:00Z")
}

// TestUsageAndBilling: proration, a tax, progressive credit at the period's end.
func TestUsageAndBilling(t *testing.T) {
	c := startAt(t, "2099-12-16T00:00:00Z")
	c.post("/taxes", "tax", `"name":"VAT","code":"vat","rate":"20","applied_to_organization":true`)
	c.customer("a", `,"timezone":"America/New_York"`)
	c.plan("p", `"amount_cents":3100,"pay_in_advance":false,"usage_thresholds":[{"amount_cents":1000},{"amount_cents":500,"recurring":true}]`, c.metric("m")+"=1.00")
	c.clock("2099-12-17T05:00:00Z") // midnight there
	c.subscribe("p", "s")
	for i, units := range []string{"9", "1", "4", "12"} {
		c.use("s", "m", fmt.Sprint(i), units)
		c.pass("1m")
	}
	var list []string
	got := c.Get(api + "/invoices?invoice_type=progressive_billing")
	for i := got.Count("invoices") - 1; i >= 0; i-- {
		list = append(list, got.Text(fmt.Sprintf("invoices.%d.fees_amount_cents", i))+" "+got.Text(fmt.Sprintf("invoices.%d.total_amount_cents", i)))
	}
	c.same("progressive invoices", list, "1000 1200", "2600 1920")
	c.clock("2100-01-01T05:09:59Z")
	c.Equal(c.Get(api+"/invoices?invoice_type=subscription"), "meta.total_count", "0")
	c.clock("2100-01-01T05:10:00Z")
	got = c.Get(api + "/invoices?invoice_type=subscription")
	// 15 of 31 days of 31.00, and usage of 26.00 of which all is billed.
	hold(c, got, "invoices.0.", "fees_amount_cents=4100 progressive_billing_credit_amount_cents=2600 taxes_amount_cents=300 total_amount_cents=1800 issuing_date=2100-01-01")
	c.Want(200, "DELETE", api+"/subscriptions/s", "")
	c.Want(404, "GET", api+"/subscriptions/s", "")
	c.Equal(c.Get(api+"/subscriptions?status[]=terminated"), "meta.total_count", "1")
}
