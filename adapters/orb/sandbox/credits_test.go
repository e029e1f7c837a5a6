package sandbox_test

import (
	"slices"
	"strings"
	"testing"
)

const (
	noon = "2099-03-01T12:00:00Z"
	inc  = `"entry_type":"increment",`
	dec  = `"entry_type":"decrement",`
)

func TestBurnOrder(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	settings := `,"invoice_settings":{"auto_collection":false,"net_terms":0,"mark_as_paid":true}`
	never := c.grant(cus, `"amount":10`)
	dear := c.grant(cus, `"amount":10,"expiry_date":"2099-06-01T00:00:00Z","per_unit_cost_basis":"0.20"`+settings)
	cheap := c.grant(cus, `"amount":10,"expiry_date":"2099-06-01T00:00:00Z","per_unit_cost_basis":"0.10"`+settings)
	soon := c.grant(cus, `"amount":10.5,"expiry_date":"2099-04-01T00:00:00Z"`)
	future := c.grant(cus, `"amount":10,"effective_date":"2099-03-02T00:00:00Z","expiry_date":"2099-03-20T00:00:00Z"`)
	filtered := c.grant(cus, `"amount":10,"expiry_date":"2099-03-20T00:00:00Z","filters":[{"field":"item_id","operator":"includes","values":["x"]}]`)
	unpaid := c.grant(cus, `"amount":10,"expiry_date":"2099-03-20T00:00:00Z","per_unit_cost_basis":"0.10","invoice_settings":{"auto_collection":true,"net_terms":0,"require_successful_payment":true}`)

	last := c.entry(cus, dec+`"amount":22.25,"metadata":{"k":"v"}`)
	if last.Text("credit_block.id") != dear || last.Text("amount") != "1.75" || last.Text("metadata.k") != "v" {
		t.Errorf("a decrement over several blocks answers %s, want the last entry, of the dearer block", last.Raw)
	}
	want := map[string]string{soon: "0", cheap: "0", dear: "8.25", never: "10", future: "10", filtered: "10", unpaid: "10"}
	for id, balance := range c.left(cus) {
		if want[id] != balance {
			t.Errorf("block %s holds %s, want %s", id, balance, want[id])
		}
	}
	if n := c.Get("/v1/customers/" + cus + "/credits").Count("data"); n != 5 {
		t.Errorf("%d blocks are listed without those used up, want 5", n)
	}
	if got := c.state(0).Consumed; got != "22.25" {
		t.Errorf("consumed %s", got)
	}
}

func TestTies(t *testing.T) {
	for variant, want := range map[string]string{"ties_by_recorded": "0 10 10", "ties_reverse": "10 10 0"} {
		c := startAt(t, noon)
		c.Variant(variant)
		cus := c.customer("a")
		ids := []string{c.grant(cus, `"amount":10`), c.grant(cus, `"amount":10`), c.grant(cus, `"amount":10`)}
		c.entry(cus, dec+`"amount":10`)
		left := c.left(cus)
		if got := left[ids[0]] + " " + left[ids[1]] + " " + left[ids[2]]; got != want {
			t.Errorf("%s: %s, want %s", variant, got, want)
		}
	}
}

func TestNegative(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	id := c.grant(cus, `"amount":5`)
	c.entry(cus, dec+`"amount":7`)
	c.entry(cus, dec+`"amount":1`)
	if got := c.left(cus); len(got) != 2 || got[id] != "0" {
		t.Errorf("blocks after overspending: %v, want one empty and one debt", got)
	}
	c.entry(cus, inc+`"amount":10`)
	want := []string{"increment 5 5", "decrement 5 0", "decrement 2 -2", "decrement 1 -3", "increment 10 7"}
	if got := c.story(cus); !slices.Equal(got, want) {
		t.Errorf("ledger %v, want %v", got, want)
	}
	c.Variant("negative_refused")
	c.refusedEntry(cus, dec+`"amount":7.000000001`, "400-constraint-violation")
	c.entry(cus, dec+`"amount":7`)
}

func TestDebtOnLastBlock(t *testing.T) {
	c := startAt(t, noon)
	c.Variant("debt_on_last_block")
	cus := c.customer("a")
	id := c.grant(cus, `"amount":5`)
	c.entry(cus, dec+`"amount":7`)
	if got := c.left(cus); len(got) != 1 || got[id] != "-2" {
		t.Errorf("blocks %v, want one with -2", got)
	}
}

// A mid-day expiry is honoured at a day boundary of the customer's zone.
func TestExpiry(t *testing.T) {
	for variant, want := range map[string]string{"": "2099-03-11T04:00:00Z", "expiry_exact": "2099-03-10T12:00:00Z", "expiry_early": "2099-03-10T04:00:00Z"} {
		c := startAt(t, noon)
		if variant != "" {
			c.Variant(variant)
		}
		cus := c.Want(201, "POST", "/v1/customers", `{"name":"Ada","email":"ada@example.com","timezone":"America/New_York"}`).Text("id")
		c.grant(cus, `"amount":5,"expiry_date":"2099-03-10T12:00:00Z"`)
		c.Control("clock", `{"now":"`+want[:len("2099-03-11T")]+`00:00:01Z"}`)
		if got := c.story(cus); len(got) != 1 {
			t.Errorf("%s: expired too early: %v", variant, got)
		}
		c.Control("clock", `{"now":"`+want+`"}`)
		if got := c.story(cus); !slices.Equal(got, []string{"increment 5 5", "credit_block_expiry 5 0"}) {
			t.Errorf("%s: at %s the ledger is %v", variant, want, got)
		}
		if n := c.Get("/v1/customers/" + cus + "/credits").Count("data"); n != 0 {
			t.Errorf("%s: an expired block is listed", variant)
		}
	}
}

func TestVoidAmendExpirationChange(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	id := c.grant(cus, `"amount":10,"expiry_date":"2099-06-01T00:00:00Z","metadata":{"g":"1"}`)
	c.entry(cus, dec+`"amount":4`)
	c.refusedEntry(cus, `"entry_type":"amendment","amount":4.5,"block_id":"`+id+`"`, "400-constraint-violation")
	c.entry(cus, `"entry_type":"amendment","amount":1,"block_id":"`+id+`"`)
	moved := c.entry(cus, `"entry_type":"expiration_change","amount":2,"target_expiry_date":"2099-09-01","block_id":"`+id+`"`)
	if moved.Text("starting_balance") != "7" || moved.Text("ending_balance") != "7" || moved.Text("new_block_expiry_date") != "2099-09-01T00:00:00+00:00" {
		t.Errorf("expiration change: %s", moved.Raw)
	}
	void := c.entry(cus, `"entry_type":"void","amount":3,"block_id":"`+id+`","void_reason":"refund"`)
	if void.Text("entry_type") != "void" || void.Text("void_amount") != "3" {
		t.Errorf("void: %s", void.Raw)
	}
	want := []string{"increment 10 10", "decrement 4 6", "amendment 1 7", "expiration_change 2 7", "void_initiated 3 7", "void 3 4"}
	if got := c.story(cus); !slices.Equal(got, want) {
		t.Errorf("ledger %v, want %v", got, want)
	}
	if got := c.left(cus); len(got) != 2 || got[id] != "2" {
		t.Errorf("blocks %v", got)
	}
	s := c.state(0)
	if s.Consumed != "3" || s.Grants[1].Metadata["g"] != "1" || s.Grants[0].Remaining != "2" {
		t.Errorf("state %+v", s)
	}
	c.refusedEntry(cus, `"entry_type":"void","amount":10.1,"block_id":"`+id+`"`, "400-constraint-violation")
	c.refusedEntry(cus, `"entry_type":"void","amount":1,"block_id":"nothing"`, "400-constraint-violation")
	c.refusedEntry(cus, `"entry_type":"void","amount":1,"block_id":"`+id+`","void_reason":"fun"`, "400-request-validation-errors")
	c.Variant("void_limited_to_balance")
	c.refusedEntry(cus, `"entry_type":"void","amount":3,"block_id":"`+id+`"`, "400-constraint-violation")
}

// Without block_id the expiry date has to name one block.
func TestExpirationChangeByDate(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	const june = `"expiry_date":"2099-06-01T00:00:00Z"`
	c.grant(cus, `"amount":10,`+june)
	c.entry(cus, `"entry_type":"expiration_change","target_expiry_date":"2099-09-01",`+june)
	c.refusedEntry(cus, `"entry_type":"expiration_change","target_expiry_date":"2099-09-01",`+june, "400-constraint-violation")
	c.grant(cus, `"amount":10,`+june)
	c.grant(cus, `"amount":10,`+june)
	c.refusedEntry(cus, `"entry_type":"expiration_change","target_expiry_date":"2099-09-01",`+june, "400-constraint-violation")
	c.refusedEntry(cus, `"entry_type":"expiration_change","target_expiry_date":"soon",`+june, "400-request-validation-errors")
}

// A deleted block has never been: the ledger is replayed without it.
func TestDeleteBlock(t *testing.T) {
	for variant, want := range map[string][]string{
		"":                             {"increment 10 10", "decrement 4 6", "increment 1 7"},
		"deleted_block_usage_reversed": {"increment 10 10", "increment 1 11"},
	} {
		c := startAt(t, noon)
		if variant != "" {
			c.Variant(variant)
		}
		cus := c.customer("a")
		soon := c.grant(cus, `"amount":10,"expiry_date":"2099-04-01T00:00:00Z"`)
		c.grant(cus, `"amount":10`)
		c.entry(cus, dec+`"amount":4`)
		c.grant(cus, `"amount":1,"expiry_date":"2100-01-01T00:00:00Z"`)
		c.Want(204, "DELETE", "/v1/credit_blocks/"+soon, "")
		c.Want(404, "GET", "/v1/credit_blocks/"+soon, "")
		if got := c.story(cus); !slices.Equal(got, want) {
			t.Errorf("%s: ledger %v, want %v", variant, got, want)
		}
	}
}

func TestEntryValidation(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	for fields, fragment := range map[string]string{
		``:                                             "400-request-validation-errors",
		`"entry_type":"gift","amount":1`:               "400-request-validation-errors",
		inc + `"amount":"1"`:                           "400-request-validation-errors",
		inc + `"amount":0`:                             "400-request-validation-errors",
		inc + `"amount":-1`:                            "400-request-validation-errors",
		inc + `"amount":1e-10`:                         "400-request-validation-errors",
		inc + `"amount":1e99`:                          "400-request-validation-errors",
		inc + `"amount":1,"block_id":"x"`:              "400-request-validation-errors",
		dec + `"amount":1,"effective_date":null`:       "400-request-validation-errors",
		inc + `"amount":1,"per_unit_cost_basis":"0.1"`: "400-constraint-violation",
		inc + `"amount":1,"per_unit_cost_basis":0.1`:   "400-request-validation-errors",
		inc + `"amount":1,"per_unit_cost_basis":"1","invoice_settings":{"auto_collection":true}`:                             "400-request-validation-errors",
		inc + `"amount":1,"per_unit_cost_basis":"1","invoice_settings":{"net_terms":1}`:                                      "400-request-validation-errors",
		inc + `"amount":1,"expiry_date":"2099-03-01T11:00:00Z"`:                                                              "400-constraint-violation",
		inc + `"amount":1,"currency":"tokens"`:                                                                               "400-constraint-violation",
		inc + `"amount":1,"currency":"EUR"`:                                                                                  "400-constraint-violation",
		inc + `"amount":1,"filters":[{"field":"price_id","operator":"includes","values":[]}]`:                                "400-request-validation-errors",
		inc + `"amount":1,"invoice_settings":{"auto_collection":true,"net_terms":0,"custom_due_date":"2099-04-01","memo":1}`: "400-request-validation-errors",
	} {
		c.refusedEntry(cus, fields, fragment)
	}
	if n := len(c.left(cus)); n != 0 {
		t.Errorf("refused entries made %d blocks", n)
	}
	c.Want(404, "GET", "/v1/customers/nobody/credits", "")
	c.Control("units", `{"units":[{"id":"PUtokens","name":"tokens"}]}`)
	c.entry(cus, inc+`"amount":123456789012345678.123456789,"currency":"PUtokens"`)
	c.entry(cus, inc+`"amount":2.5e1,"currency":"USD"`)
	got := c.Get("/v1/customers/external_customer_id/a/credits?currency=tokens")
	if got.Text("data.0.balance") != "123456789012345678.123456789" || strings.Contains(string(got.Raw), `"balance":"`) {
		t.Errorf("an amount lost digits or became a string: %s", got.Raw)
	}
	c.entry(cus, dec+`"amount":1,"currency":"tokens"`)
	c.entry(cus, dec+`"amount":0.5,"currency":"USD"`)
	if s := c.state(0); s.Consumed != "1.5" || s.Meters["tokens"] != "1" || s.Meters["USD"] != "0.5" {
		t.Errorf("consumed %s, by unit %v", s.Consumed, s.Meters)
	}
}

func TestLedgerPages(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	c.grant(cus, `"amount":100`)
	for range 25 {
		c.entry(cus, dec+`"amount":1`)
	}
	path, seen, pages := "/v1/customers/"+cus+"/credits/ledger?entry_type=decrement", 0, 0
	for cursor := ""; ; pages++ {
		got := c.Get(path + "&cursor=" + cursor)
		seen += got.Count("data")
		if cursor = got.Text("pagination_metadata.next_cursor"); cursor == "" {
			break
		}
	}
	if seen != 25 || pages != 1 {
		t.Errorf("%d entries after %d further pages, want 25 after one", seen, pages)
	}
	c.Want(200, "GET", path+"&limit=1000&entry_status=committed&minimum_amount=1&created_at[gte]="+noon, "")
	for _, bad := range []string{"&limit=1001", "&limit=0", "&cursor=x!", "&cursor=bm90aGluZw", "&entry_status=x", "&created_at[gte]=now", "&minimum_amount=x"} {
		c.Want(400, "GET", path+bad, "")
	}
	c.Want(400, "GET", "/v1/customers?limit=101", "")
}
