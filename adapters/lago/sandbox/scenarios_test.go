package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
)

// The tests here play the scenarios of the vendor's own specifications and
// demand the numbers that these assert.

// TestScenarioDraft: top-up, usage, a draft and its end.
func TestScenarioDraft(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", `,"billing_configuration":{"invoice_grace_period":10}`)
	c.plan("p", `"amount_cents":100,"pay_in_advance":false`, c.metric("m")+"=1.00")
	w := c.wallet(`"granted_credits":"10"`)
	c.has(w, "balance_cents=1000 ongoing_usage_balance_cents=0 ongoing_balance_cents=1000 credits_balance=10.0")
	c.same("transactions", c.txns(w, "transaction_type", "transaction_status", "status", "source", "amount"), "inbound granted settled manual 10.0")
	c.clock("2099-12-01T00:00:00Z")
	c.subscribe("p", "s")
	c.clock("2099-12-05T12:01:00Z")
	c.use("s", "m", "1", "5")
	c.pass("5m")
	c.has(w, "balance_cents=1000 ongoing_usage_balance_cents=500 ongoing_balance_cents=500")
	c.clock("2100-01-01T00:20:00Z")
	c.has(w, "balance_cents=1000 ongoing_usage_balance_cents=600 ongoing_balance_cents=400")
	c.Equal(c.Get(api+"/invoices"), "invoices.0.status", "draft")
	c.Equal(c.Get(api+"/invoices"), "invoices.0.total_amount_cents", "600")
	c.clock("2100-01-02T00:01:00Z")
	c.use("s", "m", "2", "3")
	c.pass("5m")
	c.has(w, "balance_cents=1000 ongoing_usage_balance_cents=900 ongoing_balance_cents=100")
	c.same("transactions before", c.txns(w, "amount"), "10.0")
	c.clock("2100-01-11T00:20:00Z")
	c.has(w, "balance_cents=400 ongoing_usage_balance_cents=300 ongoing_balance_cents=100")
	c.same("transactions", c.txns(w, "transaction_type", "transaction_status", "amount", "credit_amount", "source"),
		"inbound granted 10.0 10.0 manual", "outbound invoiced 6.0 6.0 manual")
}

// TestScenarioThresholds: rate 10, three subscriptions, a tax, a recurring
// progressive threshold.
func TestScenarioThresholds(t *testing.T) {
	c := startAt(t, "2099-12-01T00:00:00Z")
	c.post("/taxes", "tax", `"name":"VAT","code":"vat","rate":"10.0","applied_to_organization":true`)
	c.customer("a", "")
	m := c.metric("m")
	c.plan("p1", `"amount_cents":0,"pay_in_advance":false`, m+"=1.00")
	c.plan("p2", `"amount_cents":0,"pay_in_advance":false`, m+`=2.00;"pay_in_advance":true,"properties":{AMOUNT}`)
	c.plan("p3", `"amount_cents":0,"pay_in_advance":false,"usage_thresholds":[{"amount_cents":20000,"recurring":true}]`, m+"=10.00")
	w := c.wallet(`"granted_credits":"100","rate_amount":"10","transaction_metadata":[{"key":"k","value":"v"}]`)
	c.has(w, "balance_cents=100000")
	c.same("first", c.txns(w, "amount", "credit_amount", "metadata"), `1000.0 100.0 [{"key":"k","value":"v"}]`)
	for i := 1; i <= 3; i++ {
		c.subscribe(fmt.Sprintf("p%d", i), fmt.Sprintf("s%d", i))
	}
	c.clock("2099-12-02T00:00:01Z")
	all := func(round string) {
		for i := 1; i <= 3; i++ {
			c.use(fmt.Sprintf("s%d", i), "m", fmt.Sprintf("%s-%d", round, i), "10")
		}
		c.pass("5m")
	}
	all("one")
	c.has(w, "credits_balance=97.8 balance_cents=97800 ongoing_usage_balance_cents=12100 ongoing_balance_cents=85700 credits_ongoing_balance=85.7")
	c.same("after one", c.txns(w, "amount", "credit_amount"), "1000.0 100.0", "22.0 2.2")
	all("two")
	c.has(w, "credits_balance=73.6 balance_cents=73600 ongoing_usage_balance_cents=2200 ongoing_balance_cents=71400 credits_ongoing_balance=71.4")
	c.same("after two", c.txns(w, "amount", "credit_amount"), "1000.0 100.0", "22.0 2.2", "22.0 2.2", "220.0 22.0")
	c.use("s3", "m", "three", "20")
	c.pass("5m")
	c.has(w, "credits_balance=51.6 balance_cents=51600 ongoing_usage_balance_cents=2200 ongoing_balance_cents=49400 credits_ongoing_balance=49.4")
	c.same("after three", c.txns(w, "amount", "credit_amount"), "1000.0 100.0", "22.0 2.2", "22.0 2.2", "220.0 22.0", "220.0 22.0")
}

// TestScenarioRounding: what becomes of credits with many decimals.
func TestScenarioRounding(t *testing.T) {
	const long = "17.9699999999999988631316"
	for _, tc := range []struct{ kind, input, rate, currency, credits, amount, cents string }{
		{"paid", long, "1", "EUR", "17.97", "17.97", "1797"},
		{"granted", long, "1", "EUR", "17.97", "17.97", "1797"},
		{"paid", "4.399999", "1", "EUR", "4.4", "4.4", "440"},
		{"paid", "4.399999", "0.01", "EUR", "4.0", "0.04", "4"},
		{"paid", "4.3789", "100", "EUR", "4.3789", "437.89", "43789"},
		{"paid", "4.39999", "1", "JPY", "4.0", "4.0", "4"},
		{"granted", "10.34567", "1.375", "EUR", "10.34909", "14.23", "1423"},
		{"granted", "1034", "0.001", "EUR", "1030.0", "1.03", "103"},
		{"granted", "1.999999", "100000", "EUR", "1.99999", "199999.0", "19999900"}, // cut to five decimals, not rounded
		{"paid", "1034", "0.001", "EUR", "1030.0", "1.03", "103"},
	} {
		t.Run(tc.kind+tc.input+"at"+tc.rate, func(t *testing.T) {
			c := startAt(t, outset)
			c.customer("a", "")
			w := c.wallet(`"rate_amount":"` + tc.rate + `","currency":"` + tc.currency + `"`)
			got := c.move(w, `"`+tc.kind+`_credits":"`+tc.input+`"`)
			hold(c, got, "wallet_transactions.0.", "credit_amount="+tc.credits+" amount="+tc.amount)
			if tc.kind == "paid" {
				c.Equal(c.Get(api+"/invoices"), "invoices.0.total_amount_cents", tc.cents)
				c.Control("pay", `{"object":"`+got.Text("wallet_transactions.0.lago_id")+`","outcome":"paid"}`)
			}
			c.has(w, "balance_cents="+tc.cents+" credits_balance="+tc.credits)
		})
	}
}

func TestScenarioRoundingOfVoids(t *testing.T) {
	for _, tc := range []struct{ start, rate, fields, credits, amount, balance, cents string }{
		{"100", "1", `"voided_credits":"14.28444999"`, "14.28444", "14.28", "85.71556", "8572"},
		{"10", "1", `"granted_credits":"10","voided_credits":"4.28444999"`, "4.28444", "4.28", "15.71556", "1572"},
		{"2000", "0.001", `"voided_credits":"1034"`, "1034.0", "1.03", "966.0", "97"},
	} {
		c := startAt(t, outset)
		c.customer("a", "")
		w := c.wallet(`"granted_credits":"` + tc.start + `","rate_amount":"` + tc.rate + `"`)
		got := c.move(w, tc.fields)
		last := got.Count("wallet_transactions") - 1
		hold(c, got, fmt.Sprintf("wallet_transactions.%d.", last), "transaction_status=voided credit_amount="+tc.credits+" amount="+tc.amount)
		c.has(w, "credits_balance="+tc.balance+" balance_cents="+tc.cents)
	}
}

func TestScenarioRoundingToNothing(t *testing.T) {
	for _, tc := range []struct {
		input, rate, currency string
		refused               bool
	}{
		{"0.4", "0.01", "EUR", true}, {"1.0", "0.01", "EUR", false}, {"0.0", "0.01", "EUR", false}, {"1.0", "0.001", "KWD", false},
	} {
		for _, kind := range []string{"paid_credits", "granted_credits"} {
			c := startAt(t, outset)
			c.customer("a", "")
			w := c.wallet(`"rate_amount":"` + tc.rate + `","currency":"` + tc.currency + `"`)
			body := `{"wallet_transaction":{"wallet_id":"` + w + `","` + kind + `":"` + tc.input + `"}}`
			if tc.refused {
				c.refused("POST", "/wallet_transactions", body, `{"`+kind+`":["amount_rounds_to_zero"]}`)
				continue
			}
			got, made := c.Want(200, "POST", api+"/wallet_transactions", body), 1
			if tc.input == "0.0" {
				made = 0
			}
			if n := got.Count("wallet_transactions"); n != made {
				t.Errorf("%s %s at %s %s: %d transactions, want %d", kind, tc.input, tc.rate, tc.currency, n, made)
			}
		}
	}
}

// TestScenarioOpenInvoice: credits that have to be paid first, by an invoice
// that is not there before.
func TestScenarioOpenInvoice(t *testing.T) {
	for _, tc := range []struct{ outcome, invoice, payment, number, status, credits, settled string }{
		{"paid", "finalized", "succeeded", "-001-001", "settled", "25.0", "2099-11-30T00:00:00Z"},
		{"failed", "open", "failed", "-DRAFT", "failed", "10.0", ""},
	} {
		c := startAt(t, outset)
		c.customer("a", "")
		w := c.wallet(`"granted_credits":"10"`)
		c.has(w, "invoice_requires_successful_payment=false")
		got := c.move(w, `"paid_credits":"15","invoice_requires_successful_payment":true`)
		hold(c, got, "wallet_transactions.0.", "status=pending transaction_status=purchased lago_invoice_id= invoice_requires_successful_payment=true")
		txn := got.Text("wallet_transactions.0.lago_id")
		bill := c.Get(api + "/wallet_transactions/" + txn).Text("wallet_transaction.lago_invoice_id")
		shown := func(status, payment, number string) {
			t.Helper()
			page := string(c.Want(200, "GET", "/_sandbox/invoice/"+bill, "").Raw)
			for _, want := range []string{number + "</h1>", "Status: " + status + ", payment " + payment} {
				if !strings.Contains(page, want) {
					t.Errorf("the invoice's page lacks %q: %s", want, page)
				}
			}
		}
		shown("open", "pending", "-DRAFT")
		if total := c.state().Invoices[0].Total; total != "15.00" {
			t.Errorf("the invoice is of %s", total)
		}
		c.Want(404, "GET", api+"/invoices/"+bill, "")
		c.Want(404, "PUT", api+"/invoices/"+bill, `{"invoice":{"payment_status":"succeeded"}}`)
		c.Control("pay", `{"object":"`+bill+`","outcome":"`+tc.outcome+`"}`)
		shown(tc.invoice, tc.payment, tc.number)
		c.is(txn, "status="+tc.status+" settled_at="+tc.settled)
		c.has(w, "credits_balance="+tc.credits)
	}
}

// TestScenarioTraces: which wallet and which grant pays an invoice.
func TestScenarioTraces(t *testing.T) {
	t.Run("limited to metrics", func(t *testing.T) { traceLimited(t, true) })
	t.Run("one not traceable", func(t *testing.T) { traceLimited(t, false) })
	t.Run("by priority", func(t *testing.T) {
		c := startAt(t, "2099-12-01T00:00:00Z")
		c.customer("a", "")
		c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("A")+"=1.00")
		w1, w2 := c.wallet(`"granted_credits":"30","priority":1,"code":"w1"`), c.wallet(`"granted_credits":"50","priority":2,"code":"w2"`)
		c.subscribe("p", "s")
		c.use("s", "A", "1", "60")
		c.clock("2100-01-01T00:10:00Z")
		c.same("w1", c.txns(w1, "amount", "remaining_amount_cents"), "30.0 0", "30.0 ")
		c.same("w2", c.txns(w2, "amount", "remaining_amount_cents"), "50.0 2000", "30.0 ")
		c.Equal(c.Get(api+"/invoices"), "invoices.0.prepaid_granted_credit_amount_cents", "6000")
	})
}

func traceLimited(t *testing.T, traceable bool) {
	c := startAt(t, "2099-12-01T00:00:00Z")
	c.customer("a", "")
	c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("A")+"=1.00", c.metric("B")+"=1.00")
	w1 := c.wallet(`"granted_credits":"30","code":"w1","applies_to":{"billable_metric_codes":["A"]}`)
	w2 := c.wallet(`"granted_credits":"50","code":"w2","applies_to":{"billable_metric_codes":["B"]}`)
	if !traceable {
		c.Control("mutate", `{"object":"wallet","id":"`+w2+`","op":"set","fields":{"traceable":false}}`)
	}
	c.subscribe("p", "s")
	c.use("s", "A", "1", "25")
	c.use("s", "B", "2", "25")
	c.clock("2100-01-01T00:10:00Z")
	invoice := c.Get(api + "/invoices")
	c.Equal(invoice, "invoices.0.prepaid_credit_amount_cents", "5000")
	c.same("w1", c.txns(w1, "amount", "remaining_amount_cents"), "30.0 500", "25.0 ")
	c.fundings(w1, "2500")
	if traceable {
		c.Equal(invoice, "invoices.0.prepaid_granted_credit_amount_cents", "5000")
		c.same("w2", c.txns(w2, "amount", "remaining_amount_cents"), "50.0 2500", "25.0 ")
		c.fundings(w2, "2500")
		return
	}
	c.Equal(invoice, "invoices.0.prepaid_granted_credit_amount_cents", "")
	c.Equal(invoice, "invoices.0.prepaid_purchased_credit_amount_cents", "")
	c.has(w2, "balance_cents=2500")
	c.fundings(w2)
}

// fundings demands which amounts funded the last movement of a wallet; none
// where the wallet tells nothing.
func (c *client) fundings(wallet string, want ...string) {
	c.T.Helper()
	ids := c.txns(wallet, "lago_id")
	path := "/wallet_transactions/" + ids[len(ids)-1] + "/fundings"
	if len(want) == 0 {
		c.refused("GET", path, "", `{"wallet":["not_traceable"]}`)
		return
	}
	got := c.Get(api + path)
	var list []string
	for i := range got.Count("wallet_transaction_fundings") {
		list = append(list, got.Text(fmt.Sprintf("wallet_transaction_fundings.%d.amount_cents", i)))
	}
	c.same("fundings", list, want...)
}

func TestScenarioUntraceable(t *testing.T) {
	for _, name := range []string{"use", "void", "months"} {
		c := startAt(t, "2099-12-01T00:00:00Z")
		c.Variant("wallets_not_traceable")
		c.customer("a", "")
		c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("A")+"=1.00")
		w := c.wallet(`"granted_credits":"100"`)
		c.subscribe("p", "s")
		switch name {
		case "use":
			c.use("s", "A", "1", "40")
			c.clock("2100-01-01T00:10:00Z")
			c.has(w, "balance_cents=6000")
			c.fundings(w)
		case "void":
			c.move(w, `"voided_credits":"40"`)
			c.has(w, "balance_cents=6000")
		case "months":
			c.use("s", "A", "1", "25")
			c.clock("2100-01-02T00:00:00Z")
			c.use("s", "A", "2", "35")
			c.clock("2100-02-01T00:10:00Z")
			c.has(w, "balance_cents=4000")
		}
	}
}

// TestScenarioTargetedVoid: a void of one named grant.
func TestScenarioTargetedVoid(t *testing.T) {
	for name, tc := range map[string]struct {
		fields  string // of the request; B and A stand for the grants
		details string
		a, b    string
		credits string
	}{
		"the whole rest":      {`"voided_transaction_id":"B"`, "", "500", "0", "5.0"},
		"a part":              {`"voided_transaction_id":"B","voided_credits":"2"`, "", "500", "1300", "18.0"},
		"more than there is":  {`"voided_transaction_id":"A","voided_credits":"10"`, `{"amount_cents":["exceeds_remaining_transaction_amount"]}`, "500", "1500", "20.0"},
		"an empty name":       {`"voided_transaction_id":"","voided_credits":"5"`, "", "0", "1500", "15.0"},
		"another's":           {`"voided_transaction_id":"FOREIGN"`, `{"voided_transaction_id":["wallet_transaction_not_found"]}`, "500", "1500", "20.0"},
		"one with no rest":    {`"voided_transaction_id":"SPENT"`, `{"voided_transaction_id":["no_remaining_amount"]}`, "500", "1500", "20.0"},
		"one without a trace": {`"voided_transaction_id":"B"`, `{"voided_transaction_id":["wallet_not_traceable"]}`, "", "", "20.0"},
	} {
		t.Run(name, func(t *testing.T) {
			c := startAt(t, outset)
			c.customer("a", "")
			w, other := c.wallet(`"code":"w"`), c.wallet(`"code":"o"`)
			foreign := c.give(other, "7")
			spent := c.give(w, "3")
			c.move(w, `"voided_credits":"3"`)
			a := c.give(w, "5")
			b := c.give(w, "15")
			if name == "one without a trace" {
				c.Control("mutate", `{"object":"wallet","id":"`+w+`","op":"set","fields":{"traceable":false}}`)
			}
			fields := strings.NewReplacer(`"A"`, `"`+a+`"`, `"B"`, `"`+b+`"`, "FOREIGN", foreign, "SPENT", spent).Replace(tc.fields)
			if tc.details != "" {
				c.refused("POST", "/wallet_transactions", `{"wallet_transaction":{"wallet_id":"`+w+`",`+fields+`}}`, tc.details)
			} else if got := c.move(w, fields); name == "the whole rest" {
				hold(c, got, "wallet_transactions.0.", "transaction_status=voided credit_amount=15.0")
				if got.Count("wallet_transactions") != 1 {
					t.Errorf("one void made %s", got.Raw)
				}
			}
			c.is(a, "remaining_amount_cents="+tc.a)
			c.is(b, "remaining_amount_cents="+tc.b)
			c.has(w, "credits_balance="+tc.credits)
		})
	}
}

// TestScenarioTargetWallet: events that name the wallet that is to pay.
func TestScenarioTargetWallet(t *testing.T) {
	for _, tc := range []struct {
		amount, groups string
		uses           [][2]string // properties
		usage1, usage2 string
		fees           []string
		left1, left2   string
	}{
		{"10.00", "", [][2]string{{"10", "wallet_1"}, {"5", "wallet_1"}, {"20", "wallet_2"}}, "15000", "20000", []string{"15.0 15000", "20.0 20000"}, "5000", "5000"},
		{
			"5.00", `,"pricing_group_keys":["region"]`, [][2]string{{`10,"region":"eu"`, "wallet_1"}, {`15,"region":"us"`, "wallet_1"}, {`20,"region":"eu"`, "wallet_2"}},
			"12500", "10000", []string{"10.0 5000", "15.0 7500", "20.0 10000"}, "7500", "15000",
		},
	} {
		c := startAt(t, "2099-12-01T00:00:00Z")
		c.customer("a", "")
		c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("m")+`=`+tc.amount+`;"accepts_target_wallet":true,"properties":{AMOUNT`+tc.groups+`}`)
		w1, w2 := c.wallet(`"granted_credits":"200","code":"wallet_1"`), c.wallet(`"granted_credits":"250","code":"wallet_2"`)
		c.has(w1, "balance_cents=20000")
		c.has(w2, "balance_cents=25000")
		c.subscribe("p", "s")
		for i, u := range tc.uses {
			c.useWith("s", "m", fmt.Sprint(i), `"units":`+u[0]+`,"target_wallet_code":"`+u[1]+`"`)
		}
		c.pass("5m")
		c.has(w1, "ongoing_usage_balance_cents="+tc.usage1)
		c.has(w2, "ongoing_usage_balance_cents="+tc.usage2)
		c.clock("2100-01-01T00:10:00Z")
		id := c.Get(api + "/invoices").Text("invoices.0.lago_id")
		got := c.Get(api + "/invoices/" + id)
		var fees []string
		for i := range got.Count("invoice.fees") {
			fees = append(fees, got.Text(fmt.Sprintf("invoice.fees.%d.units", i))+" "+got.Text(fmt.Sprintf("invoice.fees.%d.amount_cents", i)))
		}
		c.same("fees", fees, tc.fees...)
		c.has(w1, "balance_cents="+tc.left1)
		c.has(w2, "balance_cents="+tc.left2)
		for _, w := range []string{w1, w2} {
			if n := len(c.txns(w, "lago_id")); n != 2 {
				t.Errorf("%d transactions, want the grant and one movement", n)
			}
		}
	}
}
