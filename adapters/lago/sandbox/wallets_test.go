package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestWalletCreation(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	const rest = `"external_customer_id":"a","currency":"EUR","rate_amount":"1.0"`
	for fields, details := range map[string]string{
		`"external_customer_id":"nobody","rate_amount":"1.0","currency":"EUR"`: `{"customer":["customer_not_found"]}`,
		`"external_customer_id":"a","currency":"EUR"`:                          `{"rate_amount":["value_is_out_of_range"]}`,
		`"external_customer_id":"a","currency":"EUR","rate_amount":"0.000001"`: `{"rate_amount":["value_is_out_of_range"]}`,
		rest + `,"granted_credits":5`:                                          `{"granted_credits":["invalid_granted_credits","invalid_amount"]}`,
		rest + `,"paid_credits":"five"`:                                        `{"paid_credits":["invalid_paid_credits","invalid_amount"]}`,
		rest + `,"paid_credits":"-5"`:                                          `{"paid_credits":["invalid_paid_credits","invalid_amount"]}`,
		rest + `,"granted_credits":"10000000000000000000000000"`:               `{"granted_credits":["invalid_granted_credits","invalid_amount"]}`,
		rest + `,"expiration_at":"2099-11-30T00:00:00Z"`:                       `{"expiration_at":["invalid_date"]}`,
		rest + `,"expiration_at":"soon"`:                                       `{"expiration_at":["invalid_date"]}`,
		rest + `,"priority":51`:                                                `{"priority":["value_is_out_of_range"]}`,
		rest + `,"priority":0`:                                                 `{"priority":["value_is_out_of_range"]}`,
		rest + `,"applies_to":{"fee_types":["nonsense"]}`:                      `{"allowed_fee_types":["invalid_fee_types"]}`,
		rest + `,"applies_to":{"billable_metric_codes":["nonsense"]}`:          `{"billable_metrics":["invalid_identifier"]}`,
		rest + `,"paid_credits":"1","paid_top_up_min_amount_cents":200`:        `{"paid_credits":["amount_below_minimum"]}`,
		rest + `,"paid_credits":"3","paid_top_up_max_amount_cents":200`:        `{"paid_credits":["amount_above_maximum"]}`,
		rest + `,"recurring_transaction_rules":[{},{}]`:                        `{"recurring_transaction_rules":["invalid_number_of_recurring_rules","invalid_recurring_rule","invalid_recurring_rule"]}`,
		rest + `,"recurring_transaction_rules":[{"trigger":"interval"}]`:       `{"recurring_transaction_rules":["invalid_recurring_rule"]}`,
		rest + `,"recurring_transaction_rules":[{"trigger":"threshold"}]`:      `{"recurring_transaction_rules":["invalid_recurring_rule"]}`,
		rest + `,"recurring_transaction_rules":[{"trigger":"threshold","threshold_credits":"5","method":"target","target_ongoing_balance":"4"}]`: `{"recurring_transaction_rules":["invalid_recurring_rule"]}`,
		rest + `,"transaction_metadata":[` + pairs(6) + `]`: `{"transaction_metadata":"too_many_keys"}`,
	} {
		c.refused("POST", "/wallets", `{"wallet":{`+fields+`}}`, details)
	}
	if n := c.Get(api + "/wallets").Text("meta.total_count"); n != "0" {
		t.Errorf("refused requests made %s wallets", n)
	}
	c.wallet(`"paid_credits":"1","paid_top_up_min_amount_cents":200,"ignore_paid_top_up_limits_on_creation":true`)
}

func pairs(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"key":"k%d","value":"v"}`, i))
	}
	return strings.Join(list, ",")
}

func TestWalletCodesAndLimit(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	code := func(fields string) string {
		t.Helper()
		return c.Get(api + "/wallets/" + c.wallet(fields)).Text("wallet.code")
	}
	c.same("codes", []string{code(`"name":"My Wallet, Ä"`), code(`"name":"My Wallet"`), code(`"name":null`), code(`"priority":1`), code(`"code":"x"`)},
		"my_wallet", "my_wallet_4099680000", "default", "default_4099680000", "x")
	const again = `{"wallet":{"external_customer_id":"a","rate_amount":"1.0","currency":"EUR","code":"x"}}`
	c.refused("POST", "/wallets", again, `{"code":["value_already_exist"]}`)
	c.Variant("wallet_code_race")
	c.Want(500, "POST", api+"/wallets", again)
	c.Control("variant", `{"name":"wallet_code_race","on":false}`)
	last := c.wallet(`"code":"six"`)
	c.refused("POST", "/wallets", `{"wallet":{"external_customer_id":"a","rate_amount":"1.0","currency":"EUR"}}`, `{"customer":["wallet_limit_reached"]}`)
	c.Want(200, "DELETE", api+"/wallets/"+last, "")
	c.Variant("wallet_limit_five")
	c.refused("POST", "/wallets", `{"wallet":{"external_customer_id":"a","rate_amount":"1.0","currency":"EUR"}}`, `{"customer":["wallet_limit_reached"]}`)
	c.Control("variant", `{"name":"wallet_limit_five","on":false}`)
	next := c.wallet(`"code":"six"`) // a terminated wallet has no claim to its code
	if next == last {
		t.Error("a terminated wallet came back")
	}
	// By its code, any wallet may come: here the one that is gone.
	c.Equal(c.Get(api+"/customers/a/wallets/six"), "wallet.lago_id", last)
	c.Equal(c.Get(api+"/wallets?external_customer_id=a"), "meta.total_count", "7")
}

func TestWalletUpdate(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	c.metric("m")
	w := c.wallet(`"code":"w","priority":7,"metadata":{"a":"b"},"applies_to":{"fee_types":["charge"],"billable_metric_codes":["m"]}`)
	put := func(fields string) { t.Helper(); c.Want(200, "PUT", api+"/wallets/"+w, `{"wallet":{`+fields+`}}`) }
	put(`"name":"N","rate_amount":"5.0","currency":"USD","applies_to":{"billable_metric_codes":["m"]}`)
	c.has(w, `name=N rate_amount=1.0 currency=EUR priority=7 applies_to={"billable_metric_codes":["m"],"fee_types":["charge"]}`)
	put(`"priority":1`)
	c.has(w, `priority=1 applies_to={"billable_metric_codes":[],"fee_types":["charge"]}`) // the trap
	put(`"applies_to":{"billable_metric_codes":["m"]}`)
	c.Want(200, "PATCH", api+"/wallets/"+w+"/metadata", `{"metadata":{"c":null}}`)
	c.has(w, `metadata={"a":"b","c":null} applies_to={"billable_metric_codes":[],"fee_types":["charge"]}`)
	c.Want(200, "POST", api+"/customers/a/wallets/w/metadata", `{"metadata":{"d":"e"}}`)
	c.has(w, `metadata={"d":"e"}`)
	c.Want(200, "DELETE", api+"/wallets/"+w+"/metadata/d", "")
	c.Want(404, "DELETE", api+"/wallets/"+w+"/metadata/d", "")
	c.Want(200, "DELETE", api+"/wallets/"+w+"/metadata", "")
	if got := c.Get(api + "/wallets/" + w); got.At("wallet.metadata") != nil || strings.Contains(string(got.Raw), `"metadata":null`) {
		t.Errorf("a wallet without metadata: %s", got.Raw)
	}
	put(`"expiration_at":"2100-01-01T00:00:00Z"`)
	put(`"expiration_at":null`)
	c.clock("2100-01-01T01:00:00Z")
	c.has(w, "status=active expiration_at=")
	c.Want(200, "DELETE", api+"/wallets/"+w, "")
	c.refused("PUT", "/wallets/"+w, `{"wallet":{"name":"X"}}`, `{"wallet_id":["wallet_is_terminated"]}`)
	c.Variant("version_1_51")
	put(`"name":"X"`)
	c.has(w, "name=X status=terminated")
}

// TestWalletExpiry: a wallet ends at the next run of the clock, and what is in
// it stays there without a movement.
func TestWalletExpiry(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	w := c.wallet(`"code":"w","granted_credits":"10","expiration_at":"2099-12-01T10:50:00Z"`)
	late := c.move(w, `"paid_credits":"3"`).Text("wallet_transactions.0.lago_id")
	c.clock("2099-12-01T11:44:59Z")
	c.move(w, `"voided_credits":"1"`)
	c.has(w, "status=active balance_cents=900")
	c.clock("2099-12-01T11:45:00Z")
	c.has(w, "status=terminated balance_cents=900 credits_balance=9.0 terminated_at=2099-12-01T11:45:00.000Z")
	c.same("transactions", c.txns(w, "transaction_status", "amount", "remaining_amount_cents"), "granted 10.0 900", "purchased 3.0 ", "voided 1.0 ")
	if g := c.state().Grants[0]; g.Remaining != "0.00" || g.State != "expired" || g.Amount != "10.00" || g.Unit != "EUR" || g.Category != "promotional" {
		t.Errorf("the state shows %+v", g)
	}
	for _, fields := range []string{`"granted_credits":"1"`, `"voided_credits":"1"`} {
		c.refused("POST", "/wallet_transactions", `{"wallet_transaction":{"wallet_id":"`+w+`",`+fields+`}}`, `{"wallet_id":["wallet_is_terminated"]}`)
	}
	c.Control("pay", `{"object":"`+late+`","outcome":"paid"}`) // a payment that comes too late counts all the same
	c.has(w, "status=terminated balance_cents=1200")
	c.is(late, "status=settled remaining_amount_cents=300")
	at := c.wallet(`"code":"x","expiration_at":"2099-12-01T12:45:00Z"`)
	c.clock("2099-12-01T12:45:00Z")
	c.has(at, "status=terminated")
}

// TestIntervalRules: a rule of the calendar tops up on its days, at 55 past.
func TestIntervalRules(t *testing.T) {
	for _, tc := range []struct {
		every, created, anchor string
		want                   []string
	}{
		{"monthly", "2096-01-31T08:00:00Z", "", []string{"2096-02-29T00:55:00Z", "2096-03-31T00:55:00Z", "2096-04-30T00:55:00Z"}},
		{"weekly", "2099-11-30T00:00:00Z", "2099-12-03T12:00:00Z", []string{"2099-12-03T00:55:00Z", "2099-12-10T00:55:00Z"}},
		{"quarterly", "2099-01-15T00:00:00Z", "", []string{"2099-04-15T00:55:00Z", "2099-07-15T00:55:00Z"}},
		{"semiannual", "2099-01-15T00:00:00Z", "", []string{"2099-07-15T00:55:00Z", "2100-01-15T00:55:00Z"}},
		{"yearly", "2096-02-29T00:00:00Z", "", []string{"2097-02-28T00:55:00Z", "2098-02-28T00:55:00Z"}},
	} {
		c := startAt(t, tc.created)
		c.customer("a", "")
		anchor := ""
		if tc.anchor != "" {
			anchor = `,"started_at":"` + tc.anchor + `"`
		}
		w := c.wallet(`"recurring_transaction_rules":[{"trigger":"interval","interval":"` + tc.every + `","granted_credits":"5","transaction_metadata":[{"key":"k","value":"v"}]` + anchor + `}]`)
		c.clock(tc.want[len(tc.want)-1])
		var want []string
		for _, at := range tc.want {
			want = append(want, "granted interval 5.0 "+at+` [{"key":"k","value":"v"}]`)
		}
		c.same(tc.every, c.txns(w, "transaction_status", "source", "amount", "created_at", "metadata"), want...)
	}
}

func TestRulesOverTime(t *testing.T) {
	c := startAt(t, outset)
	c.customer("a", "")
	w := c.wallet(`"granted_credits":"2","paid_credits":"3","recurring_transaction_rules":[{"trigger":"interval","interval":"weekly"}]`)
	rule := c.Get(api + "/wallets/" + w).Text("wallet.recurring_transaction_rules.0.lago_id")
	hold(c, c.Get(api+"/wallets/"+w), "wallet.recurring_transaction_rules.0.", "paid_credits=3.0 granted_credits=2.0 method=fixed status=active")
	put := func(rules string) int {
		t.Helper()
		c.Want(200, "PUT", api+"/wallets/"+w, `{"wallet":{"recurring_transaction_rules":`+rules+`}}`)
		return c.Get(api + "/wallets/" + w).Count("wallet.recurring_transaction_rules")
	}
	put(`[{"lago_id":"` + rule + `","granted_credits":"7","expiration_at":"2099-12-10T00:00:00Z"}]`)
	hold(c, c.Get(api+"/wallets/"+w), "wallet.recurring_transaction_rules.0.", "lago_id="+rule+" granted_credits=7.0 paid_credits=3.0")
	c.clock("2099-12-20T00:00:00Z")
	if n := len(c.txns(w, "lago_id")); n != 4 {
		t.Errorf("%d transactions, want those of the start and of one week", n)
	}
	if n := put(`null`); n != 0 {
		t.Errorf("%d rules after the end of the only one", n)
	}
	if n := put(`[{"trigger":"threshold","threshold_credits":"1","granted_credits":"1"}]`); n != 1 {
		t.Errorf("%d rules", n)
	}
	if n := put(`[]`); n != 0 {
		t.Errorf("%d rules after an empty list", n)
	}
}
