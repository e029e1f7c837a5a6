package gateway

import (
	"fmt"
	"testing"

	"scrip/core"
	"scrip/core/plan"
)

// planned sells two plans, the second with a rolled allotment and overage.
func planned(t *testing.T) func(*Options) {
	money, price := must[core.Money](t), must[core.Price](t)
	month := plan.Span{N: 1, Of: plan.Month}
	return func(o *Options) {
		o.Config.Plans = map[string]plan.Terms{
			"small": {Plan: "small", Prices: []core.Money{money(core.ParseMoney("10 usd"))}, Every: month, Allotments: []plan.Allotment{{Credits: 100_00, Every: month, OnPayment: true}}},
			"big": {
				Plan: "big", Prices: []core.Money{money(core.ParseMoney("30 usd"))}, Every: month, AtZero: core.Overage,
				Allotments: []plan.Allotment{{Credits: 500_00, Every: month, Rollover: &plan.Rollover{Max: 250_00}}},
				Overage:    &plan.Overage{Prices: []core.Price{price(core.ParsePrice("0.005 usd"))}, Per: 1, Limit: 100_00},
			},
		}
	}
}

func TestSubscription(t *testing.T) {
	w := newWorld(t, planned(t))
	const path = "/v1/customers/ann/subscription"
	w.call("PUT", path, `{"plan":"small"}`).refused(404, "unknown_customer", "customer")
	w.customer("ann", "")
	w.call("GET", path, "").refused(404, "not_found", "")
	w.call("DELETE", path, "").refused(404, "not_found", "")
	w.call("PUT", path, `{"plan":"smal"}`).refused(422, "invalid", "plan")
	w.call("PUT", path, `{"plan":"small","seats":100001}`).refused(422, "invalid", "seats")
	w.call("PUT", path, `{"plan":"small","anchor_at":"2090-01-01T00:00:00Z"}`).refused(422, "invalid", "anchor_at")
	w.call("PUT", path, `{"plan":"small","anchor_at":"2026-01-31T10:00:00Z"}`).ok(200).
		want("plan", "small", "state", "active", "unit", "credits", "price.amount", "10.00", "seats", "1", "anchor_at", "2026-01-31T10:00:00Z",
			"period.start", "2026-01-31T10:00:00Z", "period.end", "2026-02-28T10:00:00Z", "overage.amount", "0.00")
	w.call("GET", path, "").ok(200).truth("paid", false).truth("allotment_due", true)
	if n := w.available("ann"); n != "0.00" {
		t.Errorf("available %s before it was paid", n)
	}
	const pay = `{"reference":"in_1","period_start":"2026-01-31T10:00:00Z","paid":{"amount":"10.00","currency":"usd"}}`
	w.call("POST", path+"/payments", `{"reference":"in_0","period_start":"2026-01-31T10:00:00Z","paid":{"amount":"9.00","currency":"usd"}}`).refused(422, "invalid", "paid")
	w.call("POST", path+"/payments", `{"reference":"","period_start":"2026-01-31T10:00:00Z"}`).refused(422, "invalid", "reference")
	for range 2 {
		w.call("POST", path+"/payments", pay).ok(200).truth("paid", true)
	}
	if n := w.available("ann"); n != "100.00" {
		t.Errorf("available %s when it was paid", n)
	}
	if got := fmt.Sprint(w.call("GET", path+"?upcoming=3", "").ok(200).list("upcoming")); got != "[2026-02-28T10:00:00Z 2026-03-31T10:00:00Z 2026-04-30T10:00:00Z]" {
		t.Errorf("it renews at %s", got)
	}
	w.call("GET", path+"?upcoming=101", "").refused(422, "invalid", "upcoming")

	// To the dearer one at once, with a period of its own; what was left is kept for it.
	w.call("PUT", path, `{"plan":"big"}`).ok(200).want("plan", "big", "anchor_at", w.clock.Now().String())
	if n := w.available("ann"); n != "600.00" {
		t.Errorf("available %s after the upgrade", n)
	}
	w.post("/v1/debits", "d1", `{"customer":"ann","amount":"650"}`).ok(200)
	w.call("GET", path, "").ok(200).want("overage.amount", "50.00", "overage.money.amount", "0.25", "overage.left", "50.00")
	w.post("/v1/debits", "d2", `{"customer":"ann","amount":"50.01"}`).refused(422, "limit_reached", "")
	w.call("PUT", path, `{"plan":"small"}`).ok(200).want("plan", "big", "pending.plan", "small")
	w.call("DELETE", path, "").ok(200).want("state", "ending")
	if a := w.call("GET", path+"?upcoming=3", "").ok(200); len(a.list("upcoming")) != 0 {
		t.Errorf("it renews: %s", a.raw)
	}
	w.call("DELETE", path+"?when=later", "").refused(422, "invalid", "when")
	ended := w.call("DELETE", path+"?when=now", "").ok(200).want("state", "ended", "overage.amount", "0.00")
	if ended.text("overage", "charges", 0, "money", "amount") != "0.25" || ended.text("overage", "charges", 0, "reason") != "end" {
		t.Errorf("charged %s", ended.raw)
	}
	if ended.at("period") != nil {
		t.Errorf("what is over has a period: %s", ended.raw)
	}
	w.post("/v1/debits", "d3", `{"customer":"ann","amount":"1"}`).refused(402, "insufficient_credits", "")
}

// truth fails the test unless a field is true or false as wanted.
func (a *reply) truth(field string, want bool) *reply {
	a.t.Helper()
	if got, _ := a.at(field).(bool); got != want {
		a.t.Errorf("%s is %v: %s", field, got, a.raw)
	}
	return a
}

// Who collects a plan's price: a vendor's subscription that is linked, or a
// purchase for each period.
func TestPlanIsCollected(t *testing.T) {
	w := newWorld(t, planned(t), func(o *Options) {
		for name, collect := range map[string]plan.Collect{"small": plan.ByVendor, "big": plan.ByScrip} {
			terms := o.Config.Plans[name]
			terms.Collect = collect
			o.Config.Plans[name] = terms
		}
	})
	const path = "/v1/customers/ann/subscription"
	w.customer("ann", "")
	w.customer("ben", "")
	w.call("PUT", path, `{"plan":"small","vendor":{"subscription":""}}`).refused(422, "invalid", "subscription")
	w.call("PUT", path, `{"plan":"small","vendor":{"connection":"west","subscription":"sub_1"}}`).refused(422, "invalid", "connection")
	w.call("GET", path, "").refused(404, "not_found", "")
	for range 2 {
		w.call("PUT", path, `{"plan":"small","vendor":{"subscription":"sub_1"}}`).ok(200).want("collect", "vendor", "vendor.connection", "main", "vendor.subscription", "sub_1")
	}
	w.call("PUT", "/v1/customers/ben/subscription", `{"plan":"small","vendor":{"subscription":"sub_1"}}`).refused(422, "invalid", "subscription")
	w.call("PUT", path, `{"plan":"small","vendor":{"subscription":"sub_2"}}`).ok(200)
	if a := w.call("GET", path, "").ok(200).want("vendor.subscription", "sub_2"); a.at("purchase") != nil {
		t.Errorf("a vendor collects, and there is a purchase: %s", a.raw)
	}
	a := w.call("PUT", path, `{"plan":"big"}`).ok(200).want("collect", "scrip")
	w.call("GET", "/v1/purchases/"+a.text("purchase"), "").ok(200).
		want("state", "pending", "plan", "big", "price.amount", "30.00", "period.start", a.text("period", "start"), "period.end", a.text("period", "end"), "credits", "0.00")
}
