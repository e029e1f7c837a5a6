package gateway

import (
	"strconv"
	"testing"

	"scrip/core/plan"
	"scrip/mapping/config"
)

// watchedWorld alerts of balances below 100 credits.
func watchedWorld(t *testing.T) *world {
	return newWorld(t, func(o *Options) {
		o.Config.TopUp = &config.TopUpForm{Pack: "starter", Below: "20", AtMost: []string{"3 per month"}}
		o.Config.Alerts = &config.AlertsForm{Low: []string{"100"}, Expiring: []string{"7 days"}}
		topUp, unit, err := o.Config.TopUp.Rule(o.Config.Packs, o.Config.Units)
		if err != nil {
			t.Fatal(err)
		}
		alerts, _, err := o.Config.Alerts.Rule(o.Config.Units)
		if err != nil {
			t.Fatal(err)
		}
		o.Config.Rules = map[string]*plan.Rules{unit: {TopUp: topUp, Alerts: alerts}}
	})
}

func TestNoticesArePaged(t *testing.T) {
	w := watchedWorld(t)
	for _, id := range []string{"ann", "bob"} {
		w.customer(id, "150")
		for i := range 3 {
			w.post("/v1/debits", id+"-d"+strconv.Itoa(i), `{"customer":"`+id+`","amount":"60"}`).ok(200)
			w.post("/v1/customers/"+id+"/grants", id+"-g"+strconv.Itoa(i), `{"amount":"60","category":"paid"}`).ok(200)
		}
	}
	types := func(path string) (list []string) {
		t.Helper()
		for page := w.call("GET", path, "").ok(200); ; page = w.call("GET", path+"&cursor="+page.text("next_cursor"), "").ok(200) {
			rows := page.list("data")
			if len(rows) == 0 {
				return list
			}
			for i := range rows {
				list = append(list, page.text("data", i, "customer")+" "+page.text("data", i, "seq")+" "+page.text("data", i, "type"))
			}
		}
	}
	ann := types("/v1/notices?customer=ann&limit=2")
	if len(ann) != 6 || ann[0] != "ann 1 balance.low" || ann[5] != "ann 6 balance.restored" {
		t.Errorf("ann is told %q", ann)
	}
	if all := types("/v1/notices?limit=5"); len(all) != 12 || all[0] != ann[0] || all[6] != "bob 1 balance.low" {
		t.Errorf("all are told %q", all)
	}
	w.call("GET", "/v1/notices?customer=ann", "").ok(200).want("next_cursor", w.call("GET", "/v1/notices?customer=ann", "").text("next_cursor"))
	n := w.call("GET", "/v1/notices?customer=ann&limit=1", "").ok(200)
	if n.text("data", 0, "data", "available") != "90.00" || n.text("data", 0, "data", "threshold") != "100.00" || n.text("data", 0, "at") == "" {
		t.Errorf("the first is %s", n.raw)
	}
	w.call("GET", "/v1/notices?customer=nobody", "").refused(404, "unknown_customer", "customer")
	w.call("GET", "/v1/notices?unit=credits", "").refused(422, "invalid", "unit")
	w.call("GET", "/v1/notices?customer=ann&cursor=x", "").refused(400, "malformed", "cursor")
}

func TestSettingsAreStrict(t *testing.T) {
	w := watchedWorld(t)
	w.customer("ann", "150")
	put := func(body string) *reply { t.Helper(); return w.call("PUT", "/v1/customers/ann/settings", body) }
	w.call("GET", "/v1/customers/ann/settings", "").ok(200)
	for body, want := range map[string][2]string{
		`{"top_up":{"pack":"none"}}`:                      {"invalid", "top_up.pack"},
		`{"top_up":{"to":"1","packs":2}}`:                 {"invalid", "top_up.to"},
		`{"top_up":{"below":"1.234"}}`:                    {"invalid", "top_up.below"},
		`{"top_up":{"at_most":["0 per day"]}}`:            {"invalid", "top_up.at_most"},
		`{"top_up":{"retry":["1s"]}}`:                     {"invalid", "top_up.retry"},
		`{"alerts":{"unit":"miles"}}`:                     {"invalid", "alerts.unit"},
		`{"alerts":{"expiring":["soon"]}}`:                {"invalid", "alerts.expiring"},
		`{"notify":["all"]}`:                              {"invalid", "notify"},
		`{"rate_card":"1999"}`:                            {"invalid", "rate_card"},
		`{"alerts":{"low":["1","1"]}}`:                    {"invalid", "alerts.low"},
		`{"top_up":{"percent":25}}`:                       {"invalid", "top_up.minimum"},
		`{"top_up":{"minimum":"5","pack":"starter"}}`:     {"invalid", "top_up.minimum"},
		`{"top_up":{"percent":5000,"minimum":"1"}}`:       {"invalid", "top_up.percent"},
		`{"top_up":{"amount":"0"}}`:                       {"invalid", "top_up.amount"},
		`{"top_up":{"packs":-1}}`:                         {"invalid", "top_up.packs"},
		`{"alerts":{"low":["-1"]}}`:                       {"invalid", "alerts.low"},
		`{"top_up":{"to":"10"}}`:                          {"invalid", "top_up.to"},
		`{"top_up":{"enabled":true,"at_most":["1 usd"]}}`: {"invalid", "top_up.at_most"},
	} {
		if got := put(body).ok(422); got.text("code") != want[0] || got.text("field") != want[1] {
			t.Errorf("%s is refused with %q %q: %s", body, got.text("code"), got.text("field"), got.raw)
		}
	}
	put(`{"topup":{}}`).ok(400)
	const mine = `{"top_up":{"enabled":false,"retry":[]},"alerts":{"low":["120"]},"notify":["balance.low"],"rate_card":"2026-01"}`
	put(mine).ok(200)
	got := w.call("GET", "/v1/customers/ann/settings", "").ok(200)
	if got.raw != put(mine).ok(200).raw || got.text("alerts", "low", 0) != "120" || got.at("top_up", "retry") == nil {
		t.Errorf("settings are %s", got.raw)
	}
	w.post("/v1/debits", "d", `{"customer":"ann","amount":"150"}`).ok(200)
	if list := w.call("GET", "/v1/notices?customer=ann", "").ok(200).list("data"); len(list) != 1 {
		t.Errorf("%d notices", len(list))
	}
	put(`{}`).ok(200)
	w.call("PUT", "/v1/customers/nobody/settings", `{}`).refused(404, "unknown_customer", "id")
	w.call("PUT", "/v1/customers/ann/settings", `{}`, "Authorization", "Bearer "+w.key("read")).ok(403)
}

func TestPurchasesByQuantityAndAmount(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "")
	buy := func(key, body string) *reply { t.Helper(); return w.post("/v1/customers/ann/purchases", key, body) }
	buy("a", `{"pack":"starter","quantity":3}`).ok(201).want("credits", "3000.00", "price.amount", "240.00", "quantity", "3")
	buy("a", `{"pack":"starter","quantity":3}`).ok(201).want("credits", "3000.00")
	buy("a", `{"pack":"starter","quantity":2}`).refused(422, "idempotency_conflict", "quantity")
	buy("b", `{"pack":"starter","quantity":1}`).ok(201).want("price.amount", "80.00", "quantity", "")
	buy("b", `{"pack":"starter"}`).ok(201)
	buy("c", `{"pack":"starter","quantity":-1}`).refused(422, "invalid", "quantity")
	buy("c", `{"pack":"starter","quantity":100001}`).refused(422, "invalid", "quantity")
	buy("c", `{"pack":"starter","amount":"5"}`).refused(422, "invalid", "amount")
	buy("c", `{"pack":"starter","amount":"x"}`).refused(422, "invalid", "amount")
	buy("c", `{"pack":"starter","quantity":"1"}`).ok(422)
}
