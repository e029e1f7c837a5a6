package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"scrip/adapters/sandbox/sandboxtest"
)

// observations tell, for each variant, something that it changes.
func observations() map[string]func(*client) string {
	one := func() string { return item("10", "01T12", "20T00") }
	status := func(c *client, path, fields string) string {
		got, err := c.Do("POST", path, "{"+fields+"}")
		return fmt.Sprint(got.Status, err)
	}
	return map[string]func(*client) string{
		"lists_newest_first": func(c *client) string {
			cus := c.customer("a")
			c.credit(cus, `"name":"first"`, one())
			c.credit(cus, `"name":"second"`, one())
			return c.post(balances+"list", `"customer_id":"`+cus+`"`).Text("data.0.name") + c.Get("/v1/credit-types/list").Text("data.0.name")
		},
		"future_segments_in_ledger": func(c *client) string {
			cus := c.customer("a")
			id, _ := c.credit(cus, "", item("10", "05T00", "20T00"))
			return c.story(cus, id) + c.grant(cus, id).Text("data.0.balance")
		},
		"manual_entries_name_segment": func(c *client) string {
			cus := c.customer("a")
			id, segment := c.credit(cus, "", one())
			c.manual(cus, id, segment, "-1", "")
			return fmt.Sprint(c.grant(cus, id).Text("data.0.ledger.1.segment_id") == segment)
		},
		"manual_on_ended_refused": func(c *client) string {
			cus := c.customer("a")
			id, segment := c.credit(cus, "", item("1", "01T12", "01T13"))
			c.clock("2099-03-01T13:00:00Z")
			return status(c, entry, `"customer_id":"`+cus+`","id":"`+id+`","segment_id":"`+segment+`","amount":1,"reason":"r"`)
		},
		"archive_writes_nothing": func(c *client) string { return c.archived(1) },
		"archive_repeat_refused": func(c *client) string { return c.archived(2) },
		"past_end_refused": func(c *client) string {
			cus := c.customer("a")
			id, _ := c.credit(cus, "", one())
			c.clock("2099-03-02T12:00:00Z")
			return status(c, credits+"updateEndDate", `"customer_id":"`+cus+`","credit_id":"`+id+`","access_ending_before":"2099-03-02T00:00:00Z"`)
		},
		"far_dates_refused": func(c *client) string {
			return status(c, credits+"create", c.body(c.customer("a"), "", strings.Replace(one(), "2099-03-20", "2199-03-01", 1)))
		},
		"amounts_rounded_to_six_decimals": func(c *client) string {
			cus := c.customer("a")
			id, segment := c.credit(cus, "", item("1.23456789", "01T12", "20T00"))
			c.manual(cus, id, segment, "-0.00000011", "")
			return c.story(cus, id)
		},
		"do_not_invoice_needs_contract": func(c *client) string {
			return status(c, commits+"create", c.body(c.customer("a"), `"type":"PREPAID","invoice_schedule":{"do_not_invoice":true,"schedule_items":[{"timestamp":"2099-03-01T12:00:00Z","amount":5}]}`, one()))
		},
		"ties_reverse": func(c *client) string { return c.burned("", "", "", "", "", "") },
		"contract_level_first": func(c *client) string {
			return c.burned(`"applicable_product_ids":["USAGE"]`, "contract")
		},
		"unrestricted_first": func(c *client) string { return c.burned(`"applicable_product_ids":["USAGE"]`, "") },
		"alert_event_ids": func(c *client) string {
			in := c.receive()
			c.low("5")
			got := in.News(c.Client)
			return fmt.Sprint(got[len(got)-1].ID() == got[len(got)-1].Text("properties.alert_id"))
		},
		"alerts_late": func(c *client) string {
			in := c.receive()
			c.low("5")
			early := strings.Count(sandboxtest.Types(in.News(c.Client)), "_reached")
			c.Control("clock", `{"advance":"3m"}`)
			return fmt.Sprint(early, strings.Count(sandboxtest.Types(in.News(c.Client)), "_reached"))
		},
		"notifications_off": func(c *client) string {
			in := c.receive()
			c.credit(c.customer("a"), "", one())
			return sandboxtest.Types(in.News(c.Client))
		},
		"environment_production": func(c *client) string {
			in := c.receive()
			c.credit(c.customer("a"), "", one())
			return in.News(c.Client)[0].Text("environment_type")
		},
		"usage_before_customer_lost": func(c *client) string {
			c.use("a", "t", "1", noon)
			cus := c.customer("a")
			c.shop(cus, "")
			return fmt.Sprint(c.Get("/v1/customers/" + cus + "/invoices").Count("data"))
		},
		"deductions_without_segment": func(c *client) string {
			cus := c.customer("a")
			c.shop(cus, "")
			id, _ := c.credit(cus, "", one())
			c.use("a", "t", "1", noon)
			c.clock("2099-04-02T00:00:00Z")
			return fmt.Sprint(c.grant(cus, id).At("data.0.ledger.2.segment_id") == nil)
		},
		"timestamps_whole_seconds": func(c *client) string {
			return c.Get("/v1/customers/" + c.customer("a")).Text("data.created_at")
		},
		"contract_editing_off": func(c *client) string {
			cus := c.customer("a")
			id, _ := c.credit(cus, "", one())
			return status(c, "/v2/contracts/credits/archive", `"customer_id":"`+cus+`","credit_id":"`+id+`"`)
		},
		"failures_kept_without_effect": func(c *client) string {
			c.Control("faults", `{"faults":[{"kind":"status","status":500}]}`)
			c.Want(500, "POST", "/v1/customers", `{"name":"x"}`, idempotency, "k")
			got, err := c.Do("POST", "/v1/customers", `{"name":"x"}`, idempotency, "k")
			return fmt.Sprint(got.Status, err)
		},
	}
}

// archived archives a grant and tells its ledger and the last answer.
func (c *client) archived(times int) string {
	cus, out := c.customer("a"), ""
	id, _ := c.credit(cus, "", item("10", "01T12", "20T00"))
	for range times {
		got, err := c.Do("POST", "/v2/contracts/credits/archive", `{"customer_id":"`+cus+`","credit_id":"`+id+`"}`)
		out = fmt.Sprint(got.Status, err)
	}
	if times > 1 {
		return out
	}
	return c.story(cus, id)
}

// burned makes credits that differ in one thing and tells which of them a
// credit's worth of usage draws on; one may belong to the contract.
func (c *client) burned(list ...string) string {
	cus := c.customer("a")
	contract, product := c.shop(cus, "")
	for _, more := range list {
		if more == "contract" {
			c.post("/v2/contracts/edit", `"customer_id":"`+cus+`","contract_id":"`+contract+`","add_credits":[{"product_id":"`+c.goods+`","priority":1,"access_schedule":{"credit_type_id":"`+c.units+`","schedule_items":[`+item("10", "01T12", "20T00")+`]}}]`)
			continue
		}
		c.credit(cus, strings.ReplaceAll(more, "USAGE", product), item("10", "01T12", "20T00"))
	}
	c.use("a", "t", "1", noon)
	got, out := c.post(balances+"list", `"customer_id":"`+cus+`","include_balance":true,"include_contract_balances":true`), ""
	for i := range got.Count("data") {
		out += " " + got.Text(fmt.Sprintf("data.%d.balance", i))
	}
	return out
}

// low lets a credit of 5 come to an alert's threshold.
func (c *client) low(threshold string) {
	cus := c.customer("a")
	c.post("/v1/alerts/create", `"alert_type":"low_remaining_contract_credit_balance_reached","name":"Low","threshold":`+threshold+`,"credit_type_id":"`+c.units+`"`)
	c.credit(cus, "", item("5", "01T12", "20T00"))
}

// TestVariants shows that every variant changes what is observed.
func TestVariants(t *testing.T) {
	list, look := start(t).Get("/_sandbox/variant"), observations()
	for i := range list.Count("variants") {
		name := list.Text(fmt.Sprintf("variants.%d.name", i))
		t.Run(name, func(t *testing.T) {
			if look[name] == nil {
				t.Fatal("nothing is observed of this variant")
			}
			plain, varied := start(t), start(t)
			varied.Variant(name)
			if a, b := look[name](plain), look[name](varied); a == b {
				t.Errorf("both ways: %s", a)
			}
		})
	}
	if n := list.Count("variants"); n != len(look) {
		t.Errorf("%d variants, %d observations", n, len(look))
	}
}
