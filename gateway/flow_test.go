package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCustomers(t *testing.T) {
	w := newWorld(t)
	w.call("GET", "/v1/customers/ann", "").refused(404, "unknown_customer", "customer")
	w.call("PUT", "/v1/customers/ann", `{"name":"Ann","email":"ann@example.org","timezone":"Europe/Berlin","currency":"eur","metadata":{"plan":"pro"}}`).ok(200).
		want("id", "ann", "name", "Ann", "currency", "eur", "metadata.plan", "pro")
	w.call("PUT", "/v1/customers/ann", `{"name":"Ann B"}`).ok(200).want("name", "Ann B", "email", "")
	w.call("GET", "/v1/customers/ann", "").ok(200).want("name", "Ann B")
	for body, field := range map[string]string{
		`{"email":"Ann <ann@example.org>"}`: "email", `{"email":"nobody"}`: "email", `{"timezone":"Mars/Base"}`: "timezone", `{"timezone":"Local"}`: "timezone",
		`{"currency":"USD"}`: "currency", `{"currency":"xxx"}`: "currency", `{"name":"a\u0007b"}`: "name", `{"name":"` + strings.Repeat("x", 201) + `"}`: "name",
		`{"metadata":{"":"x"}}`: "metadata", `{"metadata":{"` + strings.Repeat("k", 41) + `":"x"}}`: "metadata", `{"metadata":{"k":"` + strings.Repeat("v", 501) + `"}}`: "metadata",
	} {
		w.call("PUT", "/v1/customers/ann", body).refused(422, "invalid", field)
	}
	var pairs []string
	for i := range 51 {
		pairs = append(pairs, fmt.Sprintf("%q:\"v\"", fmt.Sprint("k", i)))
	}
	w.call("PUT", "/v1/customers/ann", `{"metadata":{`+strings.Join(pairs, ",")+`}}`).refused(422, "invalid", "metadata")
	w.call("PUT", "/v1/customers/ann", `{"metadata":{`+strings.Join(pairs[:50], ",")+`}}`).ok(200)
	w.call("GET", "/v1/customers/ann", "").ok(200).want("metadata.k49", "v")
}

func TestGrantDebitBalance(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "")
	later := w.clock.Now().Add(48 * time.Hour).String()
	paid := w.post("/v1/customers/ann/grants", "g1", `{"amount":"100","category":"paid","paid":{"amount":"8.00","currency":"usd"},"metadata":{"a":"b"}}`).ok(200).
		want("amount", "100.00", "remaining", "100.00", "held", "0.00", "state", "open", "paid.amount", "8.00", "priority", "50", "unit", "credits", "customer", "ann", "metadata.a", "b").text("id")
	free := w.post("/v1/customers/ann/grants", "g2", `{"amount":"10.5","unit":"credits","category":"promotional","expires_at":"`+later+`","priority":10,"scope":{"actions":["image.generate"]}}`).ok(200).
		want("expires_at", later, "state", "open").text("id")
	soon := w.post("/v1/customers/ann/grants", "g3", `{"amount":"1","category":"adjustment","effective_at":"`+later+`"}`).ok(200).want("state", "scheduled").text("id")

	b := w.call("GET", "/v1/customers/ann/balance", "").ok(200).want("customer", "ann", "unit", "credits", "posted", "110.50", "held", "0.00",
		"available", "110.50", "overdrawn", "0.00", "value.amount", "8.84", "value.currency", "usd", "paid_value.amount", "8.00")
	if b.text("grants", 0, "id") != free || b.text("grants", 1, "id") != soon || b.text("grants", 2, "id") != paid {
		t.Errorf("burn order: %s", b.raw)
	}
	if b.text("expiring", 0, "at") != later || b.text("expiring", 0, "amount") != "10.50" || len(b.list("expiring")) != 1 {
		t.Errorf("expiring: %s", b.raw)
	}

	d := w.post("/v1/debits", "d1", `{"customer":"ann","action":"image.generate","quantity":3}`).ok(200).
		want("amount", "15.00", "quantity", "3", "rate_card", "2026-01", "balance", "95.50")
	if d.text("allocations", 0, "grant") != free || d.text("allocations", 0, "amount") != "10.50" || d.text("allocations", 1, "amount") != "4.50" {
		t.Errorf("allocations: %s", d.raw)
	}
	if d.at("replayed") != false {
		t.Error("a first answer says it is a replay")
	}
	w.post("/v1/debits", "d2", `{"customer":"ann","amount":"95.51"}`).refused(402, "insufficient_credits", "").want("available", "95.50", "required", "95.51")
	w.post("/v1/debits", "d3", `{"customer":"nobody","amount":"1"}`).refused(404, "unknown_customer", "customer")

	w.post("/v1/debits/"+d.text("id")+"/reverse", "r1", `{"amount":"5"}`).ok(200).want("amount", "5.00", "left", "10.00", "debit", d.text("id"), "balance", "100.50")
	w.post("/v1/debits/"+d.text("id")+"/reverse", "r2", "").ok(200).want("amount", "10.00", "left", "0.00")
	w.post("/v1/debits/"+d.text("id")+"/reverse", "r3", `{"amount":"1"}`).refused(422, "invalid", "amount")
	w.post("/v1/debits/"+d.text("id")+"/reverse", "r4", `{"amount":"0"}`).refused(422, "invalid", "amount")

	w.post("/v1/grants/"+free+"/void", "v1", "").ok(200).want("state", "void", "remaining", "0.00")
	w.post("/v1/grants/"+free+"/void", "v2", "{}").refused(409, "grant_not_open", "")
	if n := w.available("ann"); n != "100.00" {
		t.Errorf("available %s at the end", n)
	}
	if w.kicks.Load() == 0 {
		t.Error("no worker was woken by the writes")
	}
	live := w.call("GET", "/v1/customers/ann/grants", "").ok(200)
	if len(live.list("data")) != 2 || live.text("data", 0, "id") != soon {
		t.Errorf("live grants: %s", live.raw)
	}
	if all := w.call("GET", "/v1/customers/ann/grants?state=all", "").ok(200); len(all.list("data")) != 3 || all.text("data", 1, "state") != "void" {
		t.Errorf("all grants: %s", all.raw)
	}
}

func TestChargeRefusals(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "100")
	for body, want := range map[string][3]string{
		`{"customer":"ann"}`: {"422", "invalid", "amount"},
		`{"customer":"ann","amount":"1","action":"image.generate"}`:                           {"422", "invalid", "amount"},
		`{"customer":"ann","amount":"1","quantity":"2"}`:                                      {"422", "invalid", "action"},
		`{"customer":"ann","action":"nothing"}`:                                               {"404", "unknown_action", "action"},
		`{"customer":"ann","action":"image.generate","at":"yesterday"}`:                       {"422", "invalid", "at"},
		`{"customer":"ann","amount":"1","unit":"dollars"}`:                                    {"422", "invalid", "unit"},
		`{"customer":"a b","amount":"1"}`:                                                     {"422", "invalid", "customer"},
		`{"customer":"","amount":"1"}`:                                                        {"422", "invalid", "customer"},
		`{"customer":"ann","action":"image.generate","quantity":"-1"}`:                        {"422", "invalid", "quantity"},
		`{"customer":"ann","action":"image.generate","quantity":1e3}`:                         {"422", "invalid", "quantity"},
		`{"customer":"ann","action":"image.generate","quantity":true}`:                        {"422", "invalid", "quantity"},
		`{"customer":"ann","action":"image.generate","dimensions":{"a":1}}`:                   {"422", "invalid", "dimensions.a"},
		`{"customer":"ann","action":"image.generate","quantity":"9999999999999999999999999"}`: {"422", "invalid", "quantity"},
	} {
		a := w.post("/v1/debits", "k", body)
		if fmt.Sprint(a.status) != want[0] || a.text("code") != want[1] || a.text("field") != want[2] {
			t.Errorf("%s: %d %s %s, want %v", body, a.status, a.text("code"), a.text("field"), want)
		}
	}
	w.post("/v1/debits", "k", `{"customer":"ann","amount":"1"}`).ok(200) // the key stayed free
}

func TestQuote(t *testing.T) {
	w := newWorld(t)
	grant := w.customer("ann", "5")
	q := w.call("POST", "/v1/quotes", `{"action":"text.generate","quantity":"1001","dimensions":{"model":"large"}}`).ok(200).
		want("amount", "3.00", "unit", "credits", "value.amount", "0.24", "rate_card", "2026-01")
	if q.at("affordable") != nil {
		t.Errorf("affordable for nobody: %s", q.raw)
	}
	q = w.call("POST", "/v1/quotes", `{"customer":"ann","action":"text.generate","quantity":1001,"dimensions":{"model":"large"}}`).ok(200)
	if q.at("affordable") != true || q.text("allocations", 0, "grant") != grant || q.text("allocations", 0, "amount") != "3.00" {
		t.Errorf("quote: %s", q.raw)
	}
	q = w.call("POST", "/v1/quotes", `{"customer":"ann","action":"image.generate","quantity":"2"}`).ok(200).want("available", "5.00")
	if q.at("affordable") != false || len(q.list("allocations")) != 0 {
		t.Errorf("quote beyond the balance: %s", q.raw)
	}
	w.call("POST", "/v1/quotes", `{"customer":"nobody","action":"image.generate"}`).refused(404, "unknown_customer", "customer")
	w.call("POST", "/v1/quotes", `{"action":"nothing"}`).refused(404, "unknown_action", "action")
	w.call("POST", "/v1/quotes", `{}`).refused(422, "invalid", "action")
	if n := w.available("ann"); n != "5.00" {
		t.Errorf("quotes took something: %s left", n)
	}
}

func TestHolds(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "100")
	h := w.post("/v1/holds", "h1", `{"customer":"ann","action":"text.generate","quantity":"10000","dimensions":{"model":"large"},"expires_in":"1h"}`).ok(200).
		want("state", "open", "amount", "15.00", "captured", "0.00", "reserved", "15.00", "rate_card", "2026-01", "expires_at", w.clock.Now().Add(time.Hour).String())
	id := h.text("id")
	w.call("GET", "/v1/customers/ann/balance", "").ok(200).want("posted", "100.00", "held", "15.00", "available", "85.00")
	w.post("/v1/holds/"+id+"/capture", "c1", `{"quantity":"2500","final":false}`).ok(200).want("state", "open", "captured", "4.50", "reserved", "10.50", "debit.amount", "4.50", "debit.hold", id)
	w.post("/v1/holds/"+id+"/capture", "c2", `{"amount":"11"}`).refused(422, "hold_exceeded", "amount")
	w.post("/v1/holds/"+id+"/capture", "c3", `{"amount":"1","quantity":1}`).refused(422, "invalid", "amount")
	c := w.post("/v1/holds/"+id+"/capture", "c4", `{"amount":"12","allow_over":true}`).ok(200).want("state", "captured", "captured", "16.50", "debit.balance", "83.50")
	if c.at("late") != false {
		t.Errorf("late: %s", c.raw)
	}
	w.post("/v1/holds/"+id+"/release", "l1", "").refused(409, "hold_not_open", "")

	second := w.post("/v1/holds", "h2", `{"customer":"ann","amount":"20"}`).ok(200).want("expires_at", w.clock.Now().Add(15*time.Minute).String()).text("id")
	w.post("/v1/holds/"+second+"/capture", "c5", `{"quantity":"1"}`).refused(422, "invalid", "quantity")
	w.post("/v1/holds/"+second+"/release", "l2", "").ok(200).want("state", "released", "reserved", "0.00")

	third := w.post("/v1/holds", "h3", `{"customer":"ann","amount":"20"}`).ok(200).text("id")
	w.call("POST", "/v1/test-clock", `{"advance":"16m"}`).ok(200)
	w.call("GET", "/v1/holds/"+third, "").ok(200).want("state", "expired", "reserved", "0.00")
	if n := w.available("ann"); n != "83.50" {
		t.Errorf("an expired hold still reserves: %s available", n)
	}
	if late := w.post("/v1/holds/"+third+"/capture", "c6", "").ok(200); late.at("late") != true || late.text("debit", "balance") != "63.50" {
		t.Errorf("late capture: %s", late.raw)
	}
	if l := w.call("GET", "/v1/customers/ann/holds", "").ok(200); len(l.list("data")) != 3 {
		t.Errorf("holds: %s", l.raw)
	}
	for body, field := range map[string]string{
		`{"customer":"ann","amount":"1","expires_in":"25h"}`: "expires_in", `{"customer":"ann","amount":"1","expires_in":"-1s"}`: "expires_in",
		`{"customer":"ann","amount":"1","expires_in":"soon"}`: "expires_in", `{"customer":"ann","amount":"0"}`: "amount",
	} {
		w.post("/v1/holds", "bad"+body, body).refused(422, "invalid", field)
	}
}

func TestPurchases(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "")
	p := w.post("/v1/customers/ann/purchases", "p1", `{"pack":"starter"}`).ok(201).
		want("state", "pending", "pack", "starter", "credits", "1000.00", "price.amount", "80.00", "price.currency", "usd")
	again := w.post("/v1/customers/ann/purchases", "p1", `{"pack":"starter"}`).ok(201).want("id", p.text("id"))
	if again.header.Get("Idempotent-Replayed") != "true" {
		t.Error("the replay does not say so")
	}
	w.call("GET", "/v1/purchases/"+p.text("id"), "").ok(200).want("state", "pending")
	w.post("/v1/customers/ann/purchases", "p2", `{"pack":"mega"}`).refused(422, "invalid", "pack")
	w.post("/v1/customers/bob/purchases", "p3", `{"pack":"starter"}`).refused(404, "unknown_customer", "customer")
	w.post("/v1/purchases/"+p.text("id")+"/refund", "p4", "").refused(422, "not_supported", "")
	// What is no longer sold stays bought.
	delete(w.g.Config.Packs, "starter")
	w.post("/v1/customers/ann/purchases", "p1", `{"pack":"starter"}`).ok(201).want("id", p.text("id"))
}

func TestAnsweredKeyOutlivesThePriceList(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "100")
	body := `{"customer":"ann","action":"image.generate"}`
	first := w.post("/v1/debits", "d", body).ok(200)
	delete(w.g.Config.Cards[0].Actions, "image.generate")
	again := w.post("/v1/debits", "d", body).ok(200).want("id", first.text("id"), "amount", "5.00")
	if again.at("replayed") != true {
		t.Errorf("no replay: %s", again.raw)
	}
	w.post("/v1/debits", "d-new", body).refused(404, "unknown_action", "action")
}

func TestActionsArePublic(t *testing.T) {
	w := newWorld(t)
	a := w.call("GET", "/v1/actions", "", "Authorization", "").ok(200).want("rate_card", "2026-01", "unit", "credits")
	if a.text("unit_prices", 0, "amount") != "0.08" || a.text("data", 1, "action") != "text.generate" || a.text("data", 1, "minimum") != "0.1" {
		t.Errorf("price list: %s", a.raw)
	}
	if a.text("data", 1, "rates", 0, "cost") != "1.5" || a.text("data", 1, "rates", 0, "value", "amount") != "0.12" {
		t.Errorf("rates: %s", a.raw)
	}
}

func TestEntriesAndFeed(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.customer(fmt.Sprint("c", i), "10")
		w.post("/v1/debits", fmt.Sprint("d", i), fmt.Sprintf(`{"customer":"c%d","amount":"1"}`, i)).ok(200)
	}
	e := w.call("GET", "/v1/customers/c1/entries?limit=1", "").ok(200)
	if e.text("data", 0, "id") != "c1/credits/1" || e.text("data", 0, "kind") != "grant" || e.text("data", 0, "from") != "issued" || len(e.text("data", 0, "hash")) != 64 {
		t.Errorf("entry: %s", e.raw)
	}
	e = w.call("GET", "/v1/customers/c1/entries?cursor="+e.text("next_cursor"), "").ok(200)
	if len(e.list("data")) != 1 || e.text("data", 0, "kind") != "debit" || e.at("next_cursor") != nil {
		t.Errorf("second page: %s", e.raw)
	}
	var seen []string
	cursor := ""
	for {
		f := w.call("GET", "/v1/feed?limit=4&cursor="+cursor, "").ok(200)
		if cursor = f.text("next_cursor"); cursor == "" {
			t.Fatalf("the feed does not say where to go on: %s", f.raw)
		}
		for i := range f.list("data") {
			seen = append(seen, f.text("data", i, "id"))
		}
		if len(f.list("data")) == 0 {
			break
		}
	}
	// Each account in its order; accounts in any.
	slices.SortStableFunc(seen, func(a, b string) int { return strings.Compare(a[:2], b[:2]) })
	if got := strings.Join(seen, " "); got != "c0/credits/1 c0/credits/2 c1/credits/1 c1/credits/2 c2/credits/1 c2/credits/2" {
		t.Errorf("feed: %v", got)
	}
	w.post("/v1/debits", "more", `{"customer":"c0","amount":"1"}`).ok(200)
	if f := w.call("GET", "/v1/feed?cursor="+cursor, "").ok(200); len(f.list("data")) != 1 || f.text("data", 0, "id") != "c0/credits/3" {
		t.Errorf("the feed does not resume: %s", f.raw)
	}
}

func TestBalanceOfAnInstant(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "1")
	now := w.clock.Now().String()
	w.call("GET", "/v1/customers/ann/balance?at="+now+"&known_at="+now, "").ok(200)
	w.call("GET", "/v1/customers/ann/balance?at=2020-01-01T00:00:00Z", "").ok(200).want("posted", "0.00", "as_of", "2020-01-01T00:00:00Z")
	w.call("GET", "/v1/customers/ann/balance?known_at=2020-01-01T00:00:00Z", "").ok(200).want("posted", "0.00", "as_of", "2020-01-01T00:00:00Z")
	w.call("GET", "/v1/customers/ann/balance?at=yesterday", "").refused(422, "invalid", "at")
	w.call("GET", "/v1/customers/bob/balance", "").refused(404, "unknown_customer", "customer")
}
