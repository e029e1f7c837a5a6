package sandbox_test

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"scrip/adapters/lago/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
)

func TestState(t *testing.T) {
	c := startAt(t, outset)
	id := c.customer("a", "")
	w := c.wallet(`"expiration_at":"2100-05-01T00:00:00Z"`)
	grant := c.move(w, `"granted_credits":"10.5","priority":3,"metadata":[{"key":"k","value":"v"}]`).Text("wallet_transactions.0.lago_id")
	buy := c.move(w, `"paid_credits":"2"`).Text("wallet_transactions.0.lago_id")
	c.move(w, `"voided_credits":"0.25"`)
	s := c.state()
	if s.ID != id || s.ExternalID != "a" || s.Consumed != "0.25" || len(s.Grants) != 2 {
		t.Fatalf("the state shows %+v", s)
	}
	g := s.Grants[0]
	if g.ID != grant || g.Amount != "10.50" || g.Remaining != "10.25" || g.Unit != "EUR" || *g.Priority != 3 || g.Category != "promotional" ||
		g.Metadata["k"] != "v" || g.State != "settled" || *g.EffectiveAt != outset || *g.ExpiresAt != "2100-05-01T00:00:00Z" {
		t.Errorf("a grant is shown as %+v", g)
	}
	if g := s.Grants[1]; g.ID != buy || g.State != "pending" || g.Remaining != "0.00" || g.EffectiveAt != nil || g.Category != "paid" {
		t.Errorf("a purchase is shown as %+v", g)
	}
	if x := s.Invoices[0]; x.Total != "2.00" || x.Paid != "0.00" || x.Status != "finalized" || x.Currency != "EUR" || x.PayURL != "" {
		t.Errorf("an invoice is shown as %+v", x)
	}
}

// TestMutations: what happens behind the API's back.
func TestMutations(t *testing.T) {
	c := startAt(t, outset)
	in := c.receive("")
	id := c.customer("a", "")
	w := c.wallet(`"code":"w"`)
	grant := c.give(w, "5")
	mutate := func(status int, object, id, op, fields string) sandboxtest.Answer {
		t.Helper()
		return c.Want(status, "POST", "/_sandbox/mutate", `{"object":"`+object+`","id":"`+id+`","op":"`+op+`","fields":{`+fields+`}}`)
	}
	if got := types(in.News(c.Client)); got != "customer.created wallet.created wallet_transaction.created wallet.updated" {
		t.Errorf("before any silent change %s was sent", got)
	}
	mutate(200, "grant", grant, "set", `"remaining_amount_cents":123,"metadata":[{"key":"x","value":"y"}]`)
	c.is(grant, `remaining_amount_cents=123 metadata=[{"key":"x","value":"y"}]`)
	mutate(200, "wallet_transaction", grant, "duplicate", "")
	if n := len(c.txns(w, "lago_id")); n != 2 {
		t.Errorf("%d transactions after a copy was made", n)
	}
	mutate(200, "wallet_transaction", grant, "delete", "")
	c.Want(404, "GET", api+"/wallet_transactions/"+grant, "")
	if n := len(c.txns(w, "lago_id")); n != 1 {
		t.Errorf("%d transactions after one was deleted", n)
	}
	mutate(400, "wallet", w, "set", `"nonsense":1`)
	mutate(400, "wallet", w, "set", `"lago_id":"x"`)
	mutate(400, "nonsense", w, "set", "")
	mutate(404, "wallet", "x", "set", "")
	buy := c.move(w, `"paid_credits":"3"`).Text("wallet_transactions.0.lago_id")
	c.Control("pay", `{"object":"`+buy+`","outcome":"paid"}`)
	c.Control("pay", `{"object":"`+buy+`","outcome":"refunded","amount":100}`)
	mutate(200, "invoice", c.Get(api+"/wallet_transactions/"+buy).Text("wallet_transaction.lago_invoice_id"), "delete", "")
	c.is(buy, "lago_invoice_id= status=settled remaining_amount_cents=200")
	other := c.wallet(`"code":"o"`)
	lost := c.give(other, "1")
	c.move(other, `"voided_credits":"0.5"`)
	mutate(200, "wallet", other, "delete", "")
	c.Want(404, "GET", api+"/wallet_transactions/"+lost, "")
	for _, path := range []string{"/payments", "/credit_notes", "/invoices", "/wallets", "/wallets/" + w + "/wallet_transactions"} {
		c.Get(api + path)
	}
	in.News(c.Client)
	mutate(200, "wallet", w, "set", `"status":"terminated"`)
	c.has(w, "status=terminated")
	mutate(200, "customer", id, "duplicate", "")
	c.Get(api + "/customers/a-copy")
	mutate(200, "customer", id, "delete", "")
	c.Want(404, "GET", api+"/customers/a", "")
	if got := types(in.News(c.Client)); got != "" {
		t.Errorf("silent changes sent events: %s", got)
	}
}

// TestSnapshot: what waits in the background is part of an account, and the
// same goes on after it was restored.
func TestSnapshot(t *testing.T) {
	var s [2]*kit.Server
	var c [2]*client
	for i := range s {
		s[i] = sandbox.New(kit.Options{Seed: 7})
		hs := httptest.NewServer(s[i])
		t.Cleanup(func() { hs.Close(); s[i].Close() })
		c[i] = speak(t, hs.URL)
	}
	c[0].clock("2099-12-01T00:00:00Z")
	c[0].customer("a", `,"billing_configuration":{"invoice_grace_period":2}`)
	c[0].plan("p", `"amount_cents":100,"pay_in_advance":false`, c[0].metric("m")+"=1.00")
	w := c[0].wallet(`"granted_credits":"10","expiration_at":"2100-02-01T00:00:00Z","metadata":{"a":null},"recurring_transaction_rules":[{"trigger":"threshold",
		"threshold_credits":"4","method":"target","target_ongoing_balance":"8"}]`)
	c[0].subscribe("p", "s")
	c[0].use("s", "m", "1", "7")
	data, err := s[0].Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := s[1].Restore(data); err != nil {
		t.Fatal(err)
	}
	for _, now := range []string{"2099-12-01T00:06:00Z", "2100-01-01T02:00:00Z", "2100-01-04T00:00:00Z", "2100-02-01T01:00:00Z"} {
		for _, one := range c {
			one.clock(now)
		}
		for _, path := range []string{"/wallets/" + w, "/wallets/" + w + "/wallet_transactions", "/invoices", "/subscriptions?status[]=active", "/customers"} {
			if was, is := c[0].Get(api+path), c[1].Get(api+path); string(was.Raw) != string(is.Raw) {
				t.Errorf("%s at %s:\n%s\n%s", path, now, was.Raw, is.Raw)
			}
		}
	}
	if n := len(c[1].txns(w, "lago_id")); n < 3 {
		t.Errorf("%d transactions: the snapshot did not go on", n)
	}
}

func TestEvents(t *testing.T) {
	c := startAt(t, "2099-12-01T00:00:00Z")
	c.customer("a", "")
	c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("m")+"=1.00")
	c.subscribe("p", "s")
	event := func(id, more string) string {
		return `{"transaction_id":"` + id + `","external_subscription_id":"s","code":"m","properties":{"units":"1"}` + more + `}`
	}
	got := c.Want(200, "POST", api+"/events", `{"event":`+event("1", `,"timestamp":4099766400.5`)+`}`)
	hold(c, got, "event.", "timestamp=2099-12-01T00:00:00.500Z transaction_id=1 lago_customer_id=")
	c.Want(200, "POST", api+"/events", `{"event":{"transaction_id":"unknown","external_subscription_id":"nobody","code":"nothing"}}`)
	for fields, details := range map[string]string{
		event("1", ""):                      `{"transaction_id":["value_already_exist"]}`,
		event("", ""):                       `{"transaction_id":["value_is_mandatory"]}`,
		event("2", `,"timestamp":"monday"`): `{"timestamp":["invalid_format"]}`,
	} {
		c.refused("POST", "/events", `{"event":`+fields+`}`, details)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = event(fmt.Sprint("b", i), "")
	}
	for list, details := range map[string]string{
		"":                                    `{"events":["no_events"]}`,
		strings.Join(many, ","):               `{"events":["too_many_events"]}`,
		event("3", "") + "," + event("1", ""): `{"1":{"transaction_id":["value_already_exist"]}}`,
		event("3", "") + "," + event("3", ""): `{"1":{"transaction_id":["value_already_exist"]}}`,
		event("3", `,"timestamp":"x"`):        `{"0":{"timestamp":["invalid_format"]}}`,
	} {
		c.refused("POST", "/events/batch", `{"events":[`+list+`]}`, details)
	}
	c.Want(200, "POST", api+"/events/batch", `{"events":[`+strings.Join(many[:100], ",")+`]}`)
	usage := func() string {
		return c.Get(api + "/customers/a/current_usage?external_subscription_id=s").Text("customer_usage.amount_cents")
	}
	if got := usage(); got != "10100" {
		t.Errorf("101 events are %s cents", got)
	}
	c.Equal(c.Get(api+"/events?code=m&timestamp_to=2099-12-01T00:00:00Z"), "meta.total_count", "100")
	in := c.receive("")
	c.clock("2099-12-01T00:05:00Z")
	if got := in.News(c.Client); types(got) != "events.errors" || got[0].Text("events_errors.invalid_code") != `["unknown"]` {
		t.Errorf("unknown codes are told as %s", types(got))
	}

	c.Variant("clickhouse_events")
	again := c.Want(200, "POST", api+"/events", `{"event":`+event("1", `,"timestamp":4099766400.5`)+`}`)
	hold(c, again, "event.", "lago_id= created_at=")
	if got := usage(); got != "10100" {
		t.Errorf("the same event at the same time came to %s cents", got)
	}
	c.Want(200, "POST", api+"/events", `{"event":`+event("1", `,"timestamp":4099766401`)+`}`)
	if got := usage(); got != "10200" {
		t.Errorf("the same event at another time came to %s cents", got)
	}
}

// TestDeletedCustomer: usage is billed no more, and drafts become final soon.
func TestDeletedCustomer(t *testing.T) {
	c := startAt(t, "2099-12-01T00:00:00Z")
	c.customer("a", `,"billing_configuration":{"invoice_grace_period":10}`)
	c.plan("p", `"amount_cents":100,"pay_in_advance":false`)
	c.subscribe("p", "s")
	c.clock("2100-01-01T00:10:00Z")
	c.Want(200, "DELETE", api+"/customers/a", "")
	c.Equal(c.Get(api+"/invoices"), "invoices.0.status", "draft")
	c.pass("5m")
	c.Equal(c.Get(api+"/invoices"), "invoices.0.status", "finalized")
	c.Equal(c.Get(api+"/subscriptions?status[]=terminated"), "meta.total_count", "1")
	c.clock("2100-03-01T00:00:00Z")
	c.Equal(c.Get(api+"/invoices"), "meta.total_count", "1")
}

func TestOngoingVariants(t *testing.T) {
	for name, want := range map[string]string{"": "400", "ongoing_not_refreshed": "1000", "no_licence": "1000"} {
		c := startAt(t, "2099-12-01T00:00:00Z")
		if name != "" {
			c.Variant(name)
		}
		c.customer("a", "")
		c.plan("p", `"amount_cents":0,"pay_in_advance":false`, c.metric("m")+"=1.00")
		w := c.wallet(`"granted_credits":"10"`)
		c.subscribe("p", "s")
		c.use("s", "m", "1", "6")
		c.pass("5m")
		c.has(w, "balance_cents=1000 ongoing_balance_cents="+want)
	}
	for name, want := range map[string]string{"": "2", "past_subscription_not_billed": "0"} {
		c := startAt(t, "2099-12-15T00:00:00Z")
		if name != "" {
			c.Variant(name)
		}
		c.customer("a", "")
		c.plan("p", `"amount_cents":100,"pay_in_advance":false`)
		c.post("/subscriptions", "subscription", `"external_customer_id":"a","plan_code":"p","external_id":"s","subscription_at":"2099-10-01T00:00:00Z"`)
		c.Equal(c.Get(api+"/invoices"), "meta.total_count", want)
	}
}

// Whatever is done to a wallet, its balance is what its grants still hold, what
// came in is what is left and what was consumed, and no grant gives more than
// it has. Money is exact whatever the credits are rounded to.
func TestWalletHoldsTogether(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 7))
		c := startAt(t, outset)
		c.customer("a", "")
		w := c.wallet(`"rate_amount":"` + []string{"1.0", "0.01", "1.375", "10"}[seed%4] + `"`)
		for range 40 {
			c.step(r, w)
		}
		c.coherent(w)
	}
}

// step does something at random; what is refused is part of the game.
func (c *client) step(r *rand.Rand, w string) {
	c.T.Helper()
	amount := strconv.FormatInt(r.Int64N(300), 10) + "." + strconv.FormatInt(r.Int64N(99999), 10)
	fields := `"granted_credits":"` + amount + `","priority":` + strconv.Itoa(1+r.IntN(3))
	ids := c.txns(w, "lago_id")
	switch r.IntN(5) {
	case 0:
		fields = `"paid_credits":"` + amount + `"`
	case 1:
		fields = `"voided_credits":"` + amount + `"`
	case 2:
		if len(ids) > 0 {
			fields = `"voided_transaction_id":"` + ids[r.IntN(len(ids))] + `"`
		}
	case 3:
		if len(ids) > 0 {
			c.Do("POST", "/_sandbox/pay", `{"object":"`+ids[r.IntN(len(ids))]+`","outcome":"paid"}`) //nolint:errcheck // not all can be paid
		}
		return
	}
	got, err := c.Do("POST", api+"/wallet_transactions", `{"wallet_transaction":{"wallet_id":"`+w+`",`+fields+`}}`)
	if err != nil || got.Status != 200 && got.Status != 422 {
		c.T.Fatalf("%s: %d %s %v", fields, got.Status, got.Raw, err)
	}
}

func (c *client) coherent(w string) {
	c.T.Helper()
	var left, in, out, moved int64
	cents := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			c.T.Fatal(err)
		}
		return n
	}
	for _, row := range c.txns(w, "lago_id", "transaction_type", "status", "amount", "remaining_amount_cents") {
		f := strings.Fields(row + " .")
		if f[2] != "settled" {
			continue
		}
		whole, part, _ := strings.Cut(f[3], ".")
		sum := cents(whole)*100 + cents((part + "0")[:2])
		if f[1] == "outbound" {
			out += sum
			continue
		}
		in, left = in+sum, left+cents(f[4])
		used := sum - cents(f[4])
		got := c.Get(api + "/wallet_transactions/" + f[0] + "/consumptions")
		for i := range got.Count("wallet_transaction_consumptions") {
			used -= cents(got.Text(fmt.Sprintf("wallet_transaction_consumptions.%d.amount_cents", i)))
		}
		if moved += sum - cents(f[4]); used != 0 {
			c.T.Errorf("grant %s: %d cents are missing among its consumptions", f[0], used)
		}
	}
	balance := cents(c.Get(api + "/wallets/" + w).Text("wallet.balance_cents"))
	if balance != left || in-out != left || moved != out || balance < 0 || out == 0 {
		c.T.Errorf("balance %d, grants hold %d, in %d, out %d, consumed %d", balance, left, in, out, moved)
	}
}
