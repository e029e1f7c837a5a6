package gateway

import (
	"fmt"
	"strings"
	"testing"

	"scrip/mapping/config"
)

// rich is a file with one action for each rule of rate cards.
const rich = `version: 1
units: [{code: credits, scale: 2, price: 0.08 usd}, {code: email, scale: 0}, {code: mobile, scale: 0}]
rate_card:
- version: old
  effective_at: 2025-01-01T00:00:00Z
  actions:
    image: {cost: 4}
- version: new
  effective_at: 2026-01-01T00:00:00Z
  actions:
    image: {cost: 5, at_zero: cap}
    ci: {cost: 1, per: 60, round: up, meter: seconds, multiply: {os: {linux: 1, windows: 2, macos: 10}}}
    speech: {rates: [{when: {model: flash}, cost: 0.5}, {cost: 1}]}
    task: {cost: 1, refund_on: [failed, empty], not_from: [promotional]}
    relax: {cost: 0}
    archive: {tiers: {mode: graduated, per: cycle, steps: [{up_to: 100, cost: 1}, {cost: 0.5}]}}
    enrich:
      rates:
        - {cost: {credits: 1}}
        - {when: {email: yes}, cost: {credits: 1, email: 1}}
        - {when: {email: yes, mobile: yes}, cost: {credits: 1, email: 1, mobile: 1}}
    job: {rates: [{when: {class: large}, cost: 20}, {when: {class: large, cache: on}, cost: 20, base: 200}], per: 60}
`

func newRich(t *testing.T) *world {
	t.Helper()
	return newWorld(t, func(o *Options) {
		c, err := config.Parse("scrip.yaml", []byte(rich), config.Env{})
		if err != nil {
			t.Fatal(err)
		}
		o.Config = c
	})
}

func (w *world) granted(key, rest string) {
	w.t.Helper()
	w.post("/v1/customers/ann/grants", key, "{"+rest+"}").ok(200)
}

func TestPricesOverHTTP(t *testing.T) {
	w := newRich(t)
	w.call("PUT", "/v1/customers/ann", "{}").ok(200)
	w.granted("paid", `"amount":"1000","unit":"credits","category":"paid","paid":{"amount":"60","currency":"usd"}`)
	for i, c := range []struct{ body, amount string }{
		{`"action":"ci","quantity":90,"dimensions":{"os":"linux"}`, "2.00"},
		{`"action":"ci","quantity":61,"dimensions":{"os":"linux"}`, "2.00"},
		{`"action":"ci","quantity":30,"dimensions":{"os":"linux"}`, "1.00"},
		{`"action":"ci","quantity":430,"dimensions":{"os":"macos"}`, "80.00"},
		{`"action":"speech","quantity":123,"dimensions":{"model":"flash"}`, "61.50"},
		{`"action":"job","quantity":210,"dimensions":{"class":"large","cache":"on"}`, "270.00"},
		{`"action":"task","outcome":"failed"`, "0.00"},
		{`"action":"task","outcome":"done"`, "1.00"},
		{`"action":"relax","quantity":5`, "0.00"},
		{`"action":"archive","quantity":90`, "90.00"},
		{`"action":"archive","quantity":20`, "15.00"},
		{`"action":"image"`, "5.00"},
	} {
		w.post("/v1/debits", fmt.Sprint("d", i), `{"customer":"ann",`+c.body+"}").ok(200).want("amount", c.amount, "rate_card", "new", "unit", "credits")
	}
	w.post("/v1/debits", "d1", `{"customer":"ann","action":"ci","quantity":61,"dimensions":{"os":"linux"},"outcome":"failed"}`).
		refused(422, "idempotency_conflict", "outcome")
	w.post("/v1/debits", "os", `{"customer":"ann","action":"ci","dimensions":{"os":"solaris"}}`).refused(422, "invalid", "dimensions")
	w.post("/v1/debits", "os", `{"customer":"ann","action":"ci","dimensions":{"os":"windows"}}`).ok(200).want("amount", "2.00") // the key had stayed free
	w.post("/v1/debits", "outcome", `{"customer":"ann","amount":"1","unit":"credits","outcome":"failed"}`).refused(422, "invalid", "action")
	left := w.call("GET", "/v1/customers/ann/balance", "").ok(200)
	if got := left.text("balances", 0, "available"); got != "470.50" {
		t.Errorf("%s are left", got)
	}
	q := w.call("POST", "/v1/quotes", `{"customer":"ann","action":"image"}`).ok(200).
		want("amount", "5.00", "available", "470.50", "times", "94", "value.amount", "0.40", "paid_value.amount", "0.30", "rate_card", "new")
	if q.at("affordable") != true {
		t.Errorf("the quote is %s", q.raw)
	}
	w.call("POST", "/v1/quotes", `{"customer":"ann","action":"archive","quantity":10}`).ok(200).want("amount", "5.00", "times", "94")
	w.call("POST", "/v1/quotes", `{"action":"archive","quantity":110}`).ok(200).want("amount", "105.00", "times", "")
	w.call("POST", "/v1/quotes", `{"customer":"ann","action":"relax"}`).ok(200).want("amount", "0.00", "times", "")
	w.call("PUT", "/v1/customers/ann/settings", `{"rate_card":"older"}`).refused(422, "invalid", "rate_card")
	w.call("PUT", "/v1/customers/ann/settings", `{"rate_card":"old"}`).ok(200)
	w.call("POST", "/v1/quotes", `{"customer":"ann","action":"image"}`).ok(200).want("amount", "4.00", "rate_card", "old")
	w.post("/v1/debits", "kept", `{"customer":"ann","action":"image","quantity":2}`).ok(200).want("amount", "8.00", "rate_card", "old")
	w.post("/v1/holds", "kept", `{"customer":"ann","action":"image","quantity":2}`).ok(200).want("amount", "8.00", "rate_card", "old")
	w.call("PUT", "/v1/customers/ann/settings", `{}`).ok(200)
}

// A grant may keep a version too; it is told as its own field.
func TestAGrantKeepsAVersionOverHTTP(t *testing.T) {
	w := newRich(t)
	w.call("PUT", "/v1/customers/ann", "{}").ok(200)
	const body = `{"amount":"6","unit":"credits","category":"promotional","priority":1,"rate_card":"old","metadata":{"a":"b"}}`
	w.post("/v1/customers/ann/grants", "x", `{"amount":"6","unit":"credits","category":"promotional","rate_card":"older"}`).refused(422, "invalid", "rate_card")
	w.post("/v1/customers/ann/grants", "x", `{"amount":"6","unit":"credits","category":"promotional","metadata":{"scrip.rate_card":"old"}}`).refused(422, "invalid", "metadata")
	w.granted("plain", `"amount":"100","unit":"credits","category":"paid"`)
	for range 2 {
		a := w.post("/v1/customers/ann/grants", "kept", body).ok(200).want("rate_card", "old")
		if got := fmt.Sprint(a.at("metadata")); got != "map[a:b]" {
			t.Errorf("metadata are %s", got)
		}
	}
	w.post("/v1/customers/ann/grants", "kept", strings.Replace(body, `"old"`, `"new"`, 1)).refused(422, "idempotency_conflict", "metadata")
	for _, want := range []string{"old", "old", "new"} {
		w.call("POST", "/v1/quotes", `{"customer":"ann","action":"image"}`).ok(200).want("rate_card", want)
		w.post("/v1/debits", "d"+fmt.Sprint(w.kicks.Load(), want, w.available("ann")), `{"customer":"ann","action":"image"}`).ok(200).want("rate_card", want)
	}
}

func TestNotFromAndAtZero(t *testing.T) {
	w := newRich(t)
	w.call("PUT", "/v1/customers/ann", "{}").ok(200)
	w.granted("free", `"amount":"3","unit":"credits","category":"promotional"`)
	w.post("/v1/debits", "task", `{"customer":"ann","action":"task"}`).refused(402, "insufficient_credits", "").want("available", "0.00")
	w.call("POST", "/v1/quotes", `{"customer":"ann","action":"task"}`).ok(200).want("available", "0.00", "times", "0")
	q := w.call("POST", "/v1/quotes", `{"customer":"ann","action":"image"}`).ok(200).want("amount", "5.00", "available", "3.00", "times", "0", "forgone", "2.00")
	if q.at("affordable") != true {
		t.Errorf("what is capped is %s", q.raw)
	}
	w.post("/v1/debits", "capped", `{"customer":"ann","action":"image"}`).ok(200).want("amount", "3.00", "forgone", "2.00")
}

func TestSeveralUnitsOverHTTP(t *testing.T) {
	w := newRich(t)
	w.call("PUT", "/v1/customers/ann", "{}").ok(200)
	for _, unit := range []string{"credits", "email"} {
		w.granted(unit, `"amount":"5","unit":"`+unit+`","category":"paid"`)
	}
	all := `{"customer":"ann","action":"enrich","dimensions":{"email":"yes","mobile":"yes"}}`
	w.post("/v1/debits", "all", all).refused(402, "insufficient_credits", "").want("available", "0", "required", "1")
	q := w.call("POST", "/v1/quotes", strings.Replace(all, `,"mobile":"yes"`, "", 1)).ok(200).want("amount", "1.00", "times", "5")
	if len(q.list("parts")) != 2 || q.text("parts", 1, "unit") != "email" || q.text("parts", 1, "available") != "5" || q.at("affordable") != true {
		t.Errorf("the quote is %s", q.raw)
	}
	d := w.post("/v1/debits", "two", `{"customer":"ann","action":"enrich","quantity":2,"dimensions":{"email":"yes"}}`).ok(200).want("amount", "2.00", "unit", "credits")
	if len(d.list("parts")) != 2 || d.text("parts", 0, "amount") != "2.00" || d.text("parts", 1, "amount") != "2" || d.text("parts", 1, "balance") != "3" {
		t.Errorf("the debit is %s", d.raw)
	}
	one := w.post("/v1/debits", "one", `{"customer":"ann","action":"enrich"}`).ok(200).want("amount", "1.00")
	if one.at("parts") != nil {
		t.Errorf("one unit is %s", one.raw)
	}
	w.post("/v1/debits/"+d.text("id")+"/reverse", "part", `{"amount":"1"}`).refused(422, "not_supported", "amount")
	r := w.post("/v1/debits/"+d.text("id")+"/reverse", "back", "").ok(200).want("amount", "2.00", "left", "0.00")
	if len(r.list("parts")) != 2 || r.text("parts", 1, "balance") != "5" {
		t.Errorf("the reversal is %s", r.raw)
	}
	w.post("/v1/holds", "hold", `{"customer":"ann","action":"enrich","dimensions":{"email":"yes"}}`).refused(422, "not_supported", "action")
	b := w.call("GET", "/v1/customers/ann/balance", "").ok(200)
	for i, want := range []string{"4.00", "5", "0"} {
		if got := b.text("balances", i, "available"); got != want {
			t.Errorf("of unit %d there are %s, want %s", i, got, want)
		}
	}
}

func TestPriceListHasEveryRule(t *testing.T) {
	w := newRich(t)
	list := w.call("GET", "/v1/actions", "", "Authorization", "").ok(200).want("rate_card", "new", "unit", "credits")
	if len(list.list("versions")) != 2 || list.text("versions", 0, "rate_card") != "old" {
		t.Errorf("the versions are %v", list.at("versions"))
	}
	for want, path := range map[string][]any{
		"100":     {"data", 0, "rates", 0, "tiers", "steps", 0, "up_to"},
		"0.04":    {"data", 0, "rates", 0, "tiers", "steps", 1, "value", "amount"},
		"10":      {"data", 1, "multiply", 0, "values", "macos"},
		"email":   {"data", 2, "rates", 1, "costs", 1, "unit"},
		"cap":     {"data", 3, "at_zero"},
		"200":     {"data", 4, "rates", 1, "base"},
		"0.4":     {"data", 3, "rates", 0, "value", "amount"},
		"failed":  {"data", 7, "refund_on", 0},
		"credits": {"data", 7, "unit"},
	} {
		if got := list.text(path...); got != want {
			t.Errorf("%v is %q, want %q", path, got, want)
		}
	}
}
