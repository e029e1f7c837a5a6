package sandbox_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestBurnOrder(t *testing.T) {
	for variant, want := range map[string]string{"": "10 0 5", "burn_newest_first": "10 5 0", "burn_latest_expiry_first": "0 10 5"} {
		c := start(t)
		if variant != "" {
			c.Variant(variant)
		}
		sub := c.customer("acct_1")
		ids := []string{c.grant(sub, "10", 90), c.grant(sub, "10", 30), c.grant(sub, "10", 60)}
		got := c.ledger("capture", draw(sub, "15", `,"id":"op"`))
		left := c.left(sub)
		if got := left[ids[0]] + " " + left[ids[1]] + " " + left[ids[2]]; got != want {
			t.Errorf("%s: blocks hold %s, want %s", variant, got, want)
		}
		if got.Count("ledger_entries") != 2 || got.Count("grant_blocks") != 2 || got.Text("ledger_operation.provisioned_end_balance") != "15" {
			t.Errorf("%s: a capture over two blocks answers %s", variant, got.Raw)
		}
	}
}

// Where no order is known, one seed always gives the same.
func TestBurnInAnyOrder(t *testing.T) {
	seen := ""
	for range 2 {
		c := start(t, "burn_in_any_order")
		sub := c.customer("acct_1")
		ids := []string{c.grant(sub, "10", 90), c.grant(sub, "10", 30), c.grant(sub, "10", 60)}
		c.ledger("capture", draw(sub, "10"))
		left := c.left(sub)
		got := left[ids[0]] + " " + left[ids[1]] + " " + left[ids[2]]
		if seen != "" && got != seen {
			t.Errorf("%s after %s", got, seen)
		}
		seen = got
	}
}

func TestCapture(t *testing.T) {
	c := start(t)
	sub := c.customer("acct_1")
	c.grant(sub, "100.0000000001", 30)
	c.ledger("capture", draw(sub, "20.5", `,"id":"op-1","metadata":{"window":"w1"}`))
	got := c.Get(api + "/ledger_operations/op-1")
	c.Equal(got, "ledger_operation.metadata.window", "w1")
	c.Equal(got, "ledger_operation.provisioned_end_balance", "79.5000000001")
	for fields, code := range map[string]string{
		draw(sub, "79.5000000002"):                     "resource_limit_exhausted",
		draw(sub, "0"):                                 "param_wrong_value",
		draw(sub, "-1"):                                "param_wrong_value",
		draw(sub, "1e3"):                               "param_wrong_value",
		draw(sub, "1.00000000001"):                     "param_wrong_value",
		draw(sub, "1", `,"wrong":1`):                   "param_wrong_value",
		draw(sub, "1", `,"metadata":"x"`):              "param_wrong_value",
		draw(sub, "1", `,"expires_at":1`):              "param_wrong_value",
		draw(sub, "1", `,"id":"op-1"`):                 "duplicate_entry",
		strings.Replace(draw(sub, "1"), `"1"`, `1`, 1): "param_wrong_value",
		fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"1"`, sub):                                         "param_wrong_value",
		fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"1","ledger_operation_timestamp":%d`, sub, at-601): "param_wrong_value",
		fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"1","ledger_operation_timestamp":%d`, sub, at+61):  "param_wrong_value",
		draw(sub, "1", `,"id":"`+strings.Repeat("x", 51)+`"`):                                                             "param_wrong_value",
	} {
		c.refused(400, code, "/ledger_operations/capture", "{"+fields+"}")
	}
	c.refused(404, "resource_not_found", "/ledger_operations/capture", "{"+draw("nobody", "1")+"}")
	c.ledger("capture", fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"9.5","ledger_operation_timestamp":%d`, sub, at-600))
	c.ledger("capture", fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"1","ledger_operation_timestamp":%d`, sub, at+5))
	c.Variant("future_timestamp_refused")
	c.refused(400, "param_wrong_value", "/ledger_operations/capture", fmt.Sprintf(`{"subscription_id":%q,"unit_id":"credits","amount":"1","ledger_operation_timestamp":%d}`, sub, at+5))
	if s := c.state(0); s.Consumed != "31" || s.Grants[0].Remaining != "69.0000000001" || s.Grants[0].Unit != "credits" || s.Grants[0].Category != "promotional" {
		t.Errorf("state %+v", s)
	}
	// What takes a grant back is told apart from what was consumed.
	c.ledger("capture", draw(sub, "69.0000000001", `,"metadata":{"withdrawn":"g1"}`))
	if s := c.state(0); s.Consumed != "31" || s.Grants[0].Remaining != "0" || s.Grants[0].State != "exhausted" {
		t.Errorf("state %+v", s)
	}
	c.post("/subscriptions/" + sub + "/cancel_for_items")
	c.refused(409, "invalid_state_for_request", "/ledger_operations/capture", "{"+draw(sub, "1")+"}")
}

func TestAllocate(t *testing.T) {
	c := start(t)
	sub := c.customer("acct_1")
	body := func(more string) string {
		return fmt.Sprintf(`{"subscription_id":%q,"unit_id":"credits","amount":"5"%s}`, sub, more)
	}
	for _, more := range []string{"", fmt.Sprintf(`,"expires_at":%d`, at), fmt.Sprintf(`,"expires_at":%d,"id":"x"`, at+day), fmt.Sprintf(`,"expires_at":%d,"effective_from":1`, at+day)} {
		c.refused(400, "param_wrong_value", "/ledger_operations/allocate", body(more))
	}
	got := c.Want(200, "POST", api+"/ledger_operations/allocate", body(fmt.Sprintf(`,"expires_at":%d,"metadata":{"grant":"g1","deep":{"n":[1,2]}}`, at+day)))
	block := c.list("/grant_blocks", "subscription_id[is]", sub)
	if got.Count("grant_blocks") != 1 || got.Count("ledger_operations") != 1 || block.Text("list.0.grant_block.metadata.deep.n") != "[1,2]" ||
		block.Text("list.0.grant_block.effective_from") != fmt.Sprint(at) || block.Text("list.0.grant_block.status") != "available" {
		t.Errorf("allocation %s\nblock %s", got.Raw, block.Raw)
	}
	if s := c.state(0); s.Grants[0].Metadata["grant"] != "g1" || s.Grants[0].Metadata["deep"] != `{"n":[1,2]}` {
		t.Errorf("state %+v", s)
	}
}

// An operation id counts once in the whole ledger, whatever is done under it.
func TestDuplicateOperation(t *testing.T) {
	for variant, want := range map[string]int{"": 400, "duplicate_operation_409": 409, "duplicate_operation_replayed": 200} {
		c := start(t)
		if variant != "" {
			c.Variant(variant)
		}
		sub := c.customer("acct_1")
		id := c.grant(sub, "10", 30)
		first := c.ledger("capture", draw(sub, "4", `,"id":"op"`))
		for _, what := range []string{"capture", "authorize"} {
			again := c.Want(want, "POST", api+"/ledger_operations/"+what, "{"+draw(sub, "4", `,"id":"op"`)+"}")
			if want == 200 && again.Text("ledger_operation") != first.Text("ledger_operation") {
				t.Errorf("%s: %s", variant, again.Raw)
			}
		}
		if c.left(sub)[id] != "6" {
			t.Errorf("%s: a repeated capture counted again", variant)
		}
	}
}

func TestInsufficient(t *testing.T) {
	for variant, want := range map[string]int{"": 400, "insufficient_409": 409, "insufficient_422": 422} {
		c := start(t)
		if variant != "" {
			c.Variant(variant)
		}
		sub := c.customer("acct_1")
		id := c.grant(sub, "10", 30)
		for _, what := range []string{"capture", "authorize"} {
			c.Want(want, "POST", api+"/ledger_operations/"+what, "{"+draw(sub, "10.0000000001", `,"id":"op"`)+"}")
		}
		c.Want(404, "GET", api+"/ledger_operations/op", "")
		if c.left(sub)[id] != "10" {
			t.Error("a refused capture had an effect")
		}
	}
}

func TestHolds(t *testing.T) {
	c := start(t)
	sub := c.customer("acct_1")
	one := c.grant(sub, "10", 30)
	c.grant(sub, "10", 60)
	got := c.ledger("authorize", draw(sub, "15", `,"id":"hold"`))
	c.Equal(got, "ledger_operation.auto_release_timestamp", fmt.Sprint(at+600))
	c.Equal(got, "ledger_account_balance.provisioned_balance.usable_balance", "5")
	c.Equal(got, "ledger_account_balance.provisioned_balance.total_balance", "20")
	c.refused(400, "resource_limit_exhausted", "/ledger_operations/capture", "{"+draw(sub, "6")+"}")
	closing := func(id, amount string) string {
		body := fmt.Sprintf(`{"authorization_id":%q,"ledger_operation_timestamp":%d`, id, at)
		if amount != "" {
			body += `,"amount":"` + amount + `"`
		}
		return body + "}"
	}
	c.refused(400, "param_wrong_value", "/ledger_operations/capture_authorization", closing("hold", "16"))
	captured := c.Want(200, "POST", api+"/ledger_operations/capture_authorization", closing("hold", "7"))
	c.Equal(captured, "ledger_operation.type", "capture_authorization")
	c.Equal(captured, "ledger_operation.parent_ledger_operation_id", "hold")
	c.Equal(captured, "ledger_account_balance.provisioned_balance.usable_balance", "13")
	c.refused(409, "invalid_state_for_request", "/ledger_operations/capture_authorization", closing("hold", "1"))
	c.refused(409, "invalid_state_for_request", "/ledger_operations/release_authorization", closing("hold", ""))
	c.refused(404, "resource_not_found", "/ledger_operations/release_authorization", closing("none", ""))
	rest := c.list("/ledger_operations", "subscription_id[is]", sub, "type[is]", "release_authorization")
	if rest.Count("list") != 1 || rest.Text("list.0.ledger_operation.amount") != "8" || rest.Text("list.0.ledger_operation.parent_ledger_operation_id") != "hold" {
		t.Errorf("the rest was released as %s", rest.Raw)
	}
	c.ledger("authorize", draw(sub, "2", `,"id":"other"`))
	c.Want(200, "POST", api+"/ledger_operations/release_authorization", closing("other", ""))
	if c.left(sub)[one] != "3" || c.state(0).Consumed != "7" {
		t.Errorf("blocks %v, state %+v", c.left(sub), c.state(0))
	}
}

// Holds go back by themselves: after ten minutes, when they say so, and at the
// latest when their block ends.
func TestAutoRelease(t *testing.T) {
	c := start(t)
	sub := c.customer("acct_1")
	id := c.ledger("allocate", fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"10","expires_at":%d`, sub, at+900)).Text("grant_blocks.0.id")
	c.ledger("authorize", draw(sub, "1", `,"id":"h1"`))
	c.ledger("authorize", draw(sub, "2", fmt.Sprintf(`,"id":"h2","auto_release_timestamp":%d`, at+60)))
	got := c.ledger("authorize", draw(sub, "3", fmt.Sprintf(`,"id":"h3","auto_release_timestamp":%d`, at+99999)))
	c.Equal(got, "ledger_operation.auto_release_timestamp", fmt.Sprint(at+900))
	for after, want := range map[time.Duration]string{time.Minute: "6"} {
		advance(c, after)
		if c.left(sub)[id] != want {
			t.Errorf("after %s: %v", after, c.left(sub))
		}
	}
	advance(c, 9*time.Minute)
	if c.left(sub)[id] != "7" {
		t.Errorf("after ten minutes: %v", c.left(sub))
	}
	advance(c, 5*time.Minute)
	block := c.list("/grant_blocks", "subscription_id[is]", sub)
	for name, want := range map[string]string{"balance": "0", "hold_amount": "0", "expired_amount": "10", "status": "exhausted"} {
		c.Equal(block, "list.0.grant_block."+name, want)
	}
	if got := c.state(0).Grants[0].State; got != "expired" {
		t.Errorf("the grant is %s", got)
	}
}

func TestGrace(t *testing.T) {
	late := func(c *client, sub string) (int, string) {
		got, err := c.Do("POST", api+"/ledger_operations/capture", fmt.Sprintf(`{"subscription_id":%q,"unit_id":"credits","amount":"1","ledger_operation_timestamp":%d}`, sub, at+55))
		if err != nil {
			t.Fatal(err)
		}
		return got.Status, c.list("/grant_blocks", "subscription_id[is]", sub).Text("list.0.grant_block.status")
	}
	for variant, want := range map[string]string{"future_timestamp_refused": "400 exhausted", "grace_period": "200 in_grace_period"} {
		c := start(t, variant)
		sub := c.customer("acct_1")
		c.ledger("allocate", fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"10","expires_at":%d`, sub, at+60))
		advance(c, 2*time.Minute)
		status, block := late(c, sub)
		if got := fmt.Sprint(status, " ", block); got != want {
			t.Errorf("%s: %s, want %s", variant, got, want)
		}
		c.refused(400, "resource_limit_exhausted", "/ledger_operations/authorize", fmt.Sprintf(`{"subscription_id":%q,"unit_id":"credits","amount":"1","ledger_operation_timestamp":%d}`, sub, at+55))
		c.refused(400, "resource_limit_exhausted", "/ledger_operations/capture", fmt.Sprintf(`{"subscription_id":%q,"unit_id":"credits","amount":"1","ledger_operation_timestamp":%d}`, sub, at+60))
	}
}

func TestEligibleByTimestamp(t *testing.T) {
	c := start(t, "eligible_by_timestamp")
	sub := c.customer("acct_1")
	advance(c, time.Minute)
	c.grant(sub, "10", 30)
	c.refused(400, "resource_limit_exhausted", "/ledger_operations/capture", "{"+draw(sub, "1")+"}")
	c.ledger("capture", fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"1","ledger_operation_timestamp":%d`, sub, at+60))
}

func TestOverdraft(t *testing.T) {
	c := start(t)
	sub := c.customer("acct_1")
	c.post("/credit_units", "id", "tokens", "name", "Tokens", "is_unlimited", "false", "overdraft_amount", "25")
	c.post("/credit_units", "id", "endless", "name", "Endless", "is_unlimited", "true")
	in := func(unit, fields string) string { return strings.Replace("{"+fields+"}", "credits", unit, 1) }
	capture, allocate := api+"/ledger_operations/capture", api+"/ledger_operations/allocate"
	grant := fmt.Sprintf(`"subscription_id":%q,"unit_id":"credits","amount":"10","expires_at":%d`, sub, at+day)
	c.Want(200, "POST", allocate, in("tokens", grant))
	got := c.Want(200, "POST", capture, in("tokens", draw(sub, "30")))
	for name, want := range map[string]string{"limit": "25", "total_balance": "5", "usable_balance": "5", "used_amount": "20"} {
		c.Equal(got, "ledger_account_balance.overdraft_balance."+name, want)
	}
	c.refused(400, "resource_limit_exhausted", "/ledger_operations/capture", in("tokens", draw(sub, "6")))
	repaid := c.Want(200, "POST", allocate, in("tokens", strings.Replace(grant, `"10"`, `"24.5"`, 1)))
	c.Equal(repaid, "ledger_operations.1.type", "adjustment")
	c.Equal(repaid, "ledger_operations.1.amount", "20")
	c.Equal(repaid, "ledger_account_balance.provisioned_balance.usable_balance", "4.5")
	c.Equal(repaid, "ledger_account_balance.overdraft_balance.usable_balance", "25")
	endless := c.Want(200, "POST", capture, in("endless", draw(sub, "1000")))
	if endless.At("ledger_account_balance.overdraft_balance.limit") != nil || endless.Text("ledger_account_balance.overdraft_balance.used_amount") != "1000" {
		t.Errorf("an endless overdraft: %s", endless.Raw)
	}
	if s := c.state(0); s.Consumed != "1030" || s.Meters["tokens"] != "30" || s.Meters["endless"] != "1000" || len(s.Grants) != 2 {
		t.Errorf("state %+v", s)
	}
}

func TestUnits(t *testing.T) {
	c := start(t)
	for i := range 5 {
		c.post("/credit_units", "id", fmt.Sprintf("u%d", i), "name", "U", "is_unlimited", "false")
	}
	six := form("id", "u6", "name", "U", "is_unlimited", "false")
	c.refused(400, "resource_limit_exceeded", "/credit_units", six)
	c.refused(400, "duplicate_entry", "/credit_units", form("id", "u1", "name", "U", "is_unlimited", "false"))
	c.refused(400, "param_wrong_value", "/credit_units", form("id", "u7", "name", "U"))
	c.refused(400, "param_wrong_value", "/credit_units/u1", form("is_unlimited", "true"))
	c.post("/credit_units/u1/archive_command")
	c.refused(409, "invalid_state_for_request", "/credit_units/u1/archive_command", "")
	c.refused(400, "resource_limit_exceeded", "/credit_units", six)
	c.Variant("archived_units_not_counted")
	c.Want(200, "POST", api+"/credit_units", six)
}

// Whatever is done to a ledger, each block's amounts add up to what was granted,
// balances follow from blocks, and entries form a chain.
func TestLedgerHoldsTogether(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		variants := []string{"", "burn_in_any_order", "burn_newest_first", "grace_period"}
		c := start(t)
		if v := variants[seed%4]; v != "" {
			c.Variant(v)
		}
		sub := c.customer("acct_1")
		c.post("/credit_units", "id", "tokens", "name", "Tokens", "is_unlimited", "false", "overdraft_amount", "7.5")
		now := at
		for step := range 50 {
			amount := fmt.Sprintf(`"%d.%03d"`, r.IntN(12), r.IntN(999)+1)
			base := fmt.Sprintf(`"subscription_id":%q,"unit_id":"tokens","amount":%s`, sub, amount)
			call, body := "capture", fmt.Sprintf(`%s,"ledger_operation_timestamp":%d`, base, now)
			switch r.IntN(7) {
			case 0, 1:
				call, body = "allocate", fmt.Sprintf(`%s,"expires_at":%d`, base, now+int64(r.IntN(3000))+1)
			case 2:
				call, body = "authorize", fmt.Sprintf(`%s,"ledger_operation_timestamp":%d,"id":"h%d"`, base, now, step)
			case 3:
				call, body = "capture_authorization", fmt.Sprintf(`"authorization_id":"h%d","amount":%s,"ledger_operation_timestamp":%d`, r.IntN(step+1), amount, now)
			case 4:
				n := int64(r.IntN(900))
				now += n
				advance(c, time.Duration(n)*time.Second)
				continue
			}
			if got, err := c.Do("POST", api+"/ledger_operations/"+call, "{"+body+"}"); err != nil || got.Status == 500 {
				t.Fatalf("seed %d: %s %s: %s %v", seed, call, body, got.Raw, err)
			}
			coherent(c, sub)
			if t.Failed() {
				t.Fatalf("seed %d step %d: %s %s", seed, step, call, body)
			}
		}
	}
}

func coherent(c *client, sub string) {
	c.T.Helper()
	var page struct {
		List []struct {
			Block map[string]any `json:"grant_block"`
		}
	}
	if err := json.Unmarshal(c.list("/grant_blocks", "subscription_id[is]", sub, "limit", "100").Raw, &page); err != nil {
		c.T.Fatal(err)
	}
	number := func(b map[string]any, name string) *big.Rat {
		text, _ := b[name].(string)
		n, ok := new(big.Rat).SetString(text)
		if !ok || n.Sign() < 0 {
			c.T.Fatalf("%s of %v is not an amount", name, b)
		}
		return n
	}
	total := new(big.Rat)
	for _, item := range page.List {
		b, sum := item.Block, new(big.Rat)
		for _, part := range []string{"balance", "hold_amount", "used_amount", "expired_amount", "rolled_over_amount", "voided_amount"} {
			sum.Add(sum, number(b, part))
		}
		if sum.Cmp(number(b, "granted_amount")) != 0 {
			c.T.Errorf("a block's parts do not add up: %v", b)
		}
		if b["account_type"] == "provisioned" {
			total.Add(total, number(b, "balance")).Add(total, number(b, "hold_amount"))
		}
	}
	last := c.list("/ledger_operations", "subscription_id[is]", sub, "limit", "1")
	if end, ok := new(big.Rat).SetString(last.Text("list.0.ledger_operation.provisioned_end_balance")); last.Count("list") > 0 && (!ok || end.Cmp(total) != 0) {
		c.T.Errorf("blocks hold %s, the last operation ended at %s", total.FloatString(3), last.Text("list.0.ledger_operation.provisioned_end_balance"))
	}
}
