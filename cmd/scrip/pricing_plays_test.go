package main

import (
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pricingPlays is how each example of each case is played. What an example is
// given and what it expects is read of it; the prices are the file's.
func pricingPlays() map[string]map[string]func(*playing) {
	return map[string]map[string]func(*playing){
		"openai-api-prepaid":      openAIPlays(),
		"github-actions-minutes":  gitHubPlays(),
		"circleci-performance":    circlePlays(),
		"zapier-pay-per-task":     zapierPlays(),
		"elevenlabs-rollover":     elevenPlays(),
		"midjourney-gpu-time":     midjourneyPlays(),
		"replit-pro-rollover":     replitPlays(),
		"salesforce-flex-credits": salesforcePlays(),
		"lovable-credits":         lovablePlays(),
		"apollo-multi-pool":       apolloPlays(),
		"dust-seat-bracket-grant": dustPlays(),
	}
}

func openAIPlays() map[string]func(*playing) {
	buy := func(p *playing, amount string) seen { return p.buy(body{"pack": "credit", "amount": amount}) }
	return map[string]func(*playing){
		"free grant first": func(p *playing) {
			ids := map[string]string{}
			for _, g := range p.given.at("grants").list() {
				ids[g.at("id").text()] = p.grant(g.at("category").text(), g.at("amount").text(), nil)
			}
			p.debit("api.request", p.given.at("usage").text(), nil)
			for name, id := range ids {
				p.expect.at("remaining", name).is(p.left(is("id", id)))
			}
			p.expect.at("balance").is(p.available())
		},
		"overdraw then buy": func(p *playing) {
			p.grant("paid", p.given.at("balance").text(), nil)
			cost := p.given.at("in_flight_cost").text()
			if !p.refuses(p.charge("api.request", cost, nil)) {
				p.Error("a new request is not refused")
			}
			p.debit("api.in_flight", cost, nil)
			p.expect.at("after_usage").is(p.net())
			buy(p, p.given.at("then_purchase").text())
			p.expect.at("after_purchase").is(p.net())
		},
		"one year expiry": func(p *playing) {
			p.pass(p.moved(p.given.at("purchase", "at")))
			buy(p, p.given.at("purchase", "amount").text())
			p.debit("api.request", p.given.at("usage_before").text(), nil)
			var at time.Time
			for i, f := range p.given.at("read_at").list() {
				at = p.moved(f)
				p.pass(at)
				p.expect.at("balances").item(i).is(p.available())
			}
			p.expect.at("expired_at_boundary").is(p.entries(at, "expire"))
		},
		"dispute of a half spent purchase": func(p *playing) {
			disputed := func() seen {
				bought := buy(p, p.given.at("purchase").text())
				p.have("price", bought.at("price", "amount").num(), p.given.at("disputed").num())
				p.debit("api.request", p.given.at("spent").text(), nil)
				p.pay(bought.at("id").text(), "disputed")
				return p.get("/v1/purchases/" + bought.at("id").text())
			}
			disputed()
			p.expect.at("collected_now").is(p.entries(time.Time{}, "clawback"))
			p.expect.at("still_owed").is(p.balance().at("overdrawn").num())
			p.expect.at("balance_debt_policy").is(p.net())
			p.elsewhere("shortfall: deficit", "shortfall: write_off")
			lost := disputed().at("returns", "uncollected").num()
			p.expect.at("balance_floor_policy").says(fmt.Sprintf("%s with receivable %s", p.net().RatString(), lost.RatString()))
		},
	}
}

// elsewhere goes on with a gateway whose file says something else, as a
// customer of the same name.
func (p *playing) elsewhere(old, other string) {
	p.Helper()
	if !strings.Contains(p.text, old) {
		p.Fatalf("the file does not say %q", old)
	}
	p.till = openTill(p.T, strings.Replace(p.text, old, other, 1), tillStart(2025))
	p.put("/v1/customers/"+p.customer, body{})
}

func gitHubPlays() map[string]func(*playing) {
	on := func(f datum) body { return body{"os": f.text()} }
	return map[string]func(*playing){
		"per job rounding": func(p *playing) {
			p.subscribe("team", nil)
			os, sum, seconds := on(p.given.at("os")), new(big.Rat), new(big.Rat)
			for _, s := range p.given.at("jobs_seconds").list() {
				seconds = plus(seconds, s.num())
				sum = plus(sum, p.debit("job", s.text(), os).at("amount").num())
			}
			p.expect.at("included_minutes").is(sum)
			p.expect.at("wrong_if_rounded_on_the_sum").is(p.quote("job", decimalText(seconds), os).at("amount").num())
		},
		"macos multiplier": func(p *playing) {
			p.subscribe("team", nil)
			p.expect.at("included_minutes").is(p.debit("job", p.given.at("job_seconds").text(), on(p.given.at("os"))).at("amount").num())
		},
		"documented overage": func(p *playing) {
			p.subscribe("team", nil)
			p.spend(p.available())
			usd := new(big.Rat)
			for os := range p.given.at("overage_minutes").v.(map[string]any) {
				minutes := p.given.at("overage_minutes", os).num()
				usd = plus(usd, p.money(p.debit("job", decimalText(times(minutes, sixty())), body{"os": os}).at("overage", "money")))
			}
			p.expect.at("usd").is(usd)
		},
		"straddling job": func(p *playing) {
			p.subscribe("team", nil)
			p.have("allotment", p.available(), p.given.at("allotment").num())
			p.spend(p.given.at("used").num())
			os, job := on(p.given.at("job", "os")), p.given.at("job", "minutes").num()
			minute := p.quote("job", decimalText(sixty()), os).at("amount").num()
			d := p.debit("job", decimalText(times(job, sixty())), os)
			p.expect.at("from_allotment").is(p.taken(d, "allotment"))
			p.expect.at("overage_real_minutes").is(over(d.at("overage", "amount").num(), minute))
			p.expect.at("usd").is(p.money(d.at("overage", "money")))
		},
		"larger runner ignores the allotment": func(p *playing) {
			p.subscribe("team", nil)
			p.have("allotment", p.available(), p.given.at("allotment_left").num())
			minutes := p.given.at("job", "minutes").num()
			d := p.debit("job."+p.given.at("job", "class").text(), decimalText(times(minutes, sixty())), nil)
			p.expect.at("from_allotment").is(p.taken(d, ""))
			p.expect.at("usd").is(p.money(d.at("overage", "money")))
		},
	}
}

func circlePlays() map[string]func(*playing) {
	blocks := func(p *playing, credits *big.Rat) {
		p.Helper()
		one := p.buy(body{"pack": "block"}).at("credits").num()
		if more := minus(over(credits, one), big.NewRat(1, 1)); more.Sign() > 0 {
			p.buy(body{"pack": "block", "quantity": more.Num().Int64()})
		}
	}
	costs := func(p *playing, action, quantity string, dimensions body) {
		p.Helper()
		q := p.quote(action, quantity, dimensions)
		p.grant("paid", q.at("amount").text(), nil)
		p.expect.at("credits").is(p.debit(action, quantity, dimensions).at("amount").num())
		p.expect.at("usd").is(q.at("value", "amount").num())
	}
	refill := func(p *playing) {
		before := p.given.at("monthly_purchase").num()
		blocks(p, before)
		p.have("purchase", p.available(), before)
		p.month()
		p.spend(p.available())
		bought := p.auto()
		p.expect.at("refill").is(p.get("/v1/purchases/" + bought).at("credits").num())
		p.settle() // the vendor charges the card by itself
		p.expect.at("refill").is(p.available())
	}
	return map[string]func(*playing){
		"seats": func(p *playing) { costs(p, "seats", p.given.at("active_users").text(), nil) },
		"job with caching": func(p *playing) {
			costs(p, "job", p.given.at("seconds").text(), body{"class": p.given.at("class").text(), "dlc": p.given.at("dlc").text()})
		},
		"auto refill":       refill,
		"auto refill floor": refill,
		"burn and roll": func(p *playing) {
			p.subscribe("performance", nil)
			p.have("free credits", p.available(), p.given.at("month1", "free").num())
			blocks(p, p.given.at("month1", "paid").num())
			p.spend(p.given.at("month1", "usage").num())
			p.pass(p.now().AddDate(0, 1, 0).Add(-time.Second))
			p.expect.at("month1_end", "free").is(p.left(is("category", "allotment")))
			p.expect.at("month1_end", "paid").is(p.left(is("category", "paid")))
			p.pass(p.now().Add(time.Second))
			blocks(p, p.given.at("month2_purchase").num())
			p.expect.at("month2_open").is(p.available())
		},
		"storage": func(p *playing) { costs(p, "storage_or_network", p.given.at("over_gb").text(), nil) },
	}
}

// auto is the purchase that the customer's account has asked for by itself.
func (p *playing) auto() string {
	p.Helper()
	p.settle()
	for _, customer := range readState(p.T, p.box.base).Customers {
		for _, i := range customer.Invoices {
			id := i.Metadata["scrip_purchase"]
			if id == "" {
				continue // it asks for nothing that was bought
			}
			b := p.get("/v1/purchases/" + id)
			if b.at("customer").text() == p.customer && b.at("auto").v == true {
				return b.at("id").text()
			}
		}
	}
	p.Fatal("nothing was bought by itself")
	return ""
}

func zapierPlays() map[string]func(*playing) {
	return map[string]func(*playing){
		"overage": func(p *playing) {
			p.subscribe("professional", nil)
			_, over, usd, _ := p.each(p.given.at("tasks").num().Num().Int64(), "action", "1")
			p.expect.at("over").is(over)
			p.expect.at("usd").is(usd)
		},
		"hard stop": func(p *playing) {
			p.subscribe("professional", nil)
			accepted, over, usd, refused := p.each(p.given.at("attempted").num().Num().Int64(), "action", "1")
			p.expect.at("accepted").is(accepted)
			p.expect.at("refused").is(big.NewRat(refused, 1))
			p.expect.at("over").is(over)
			p.expect.at("usd").is(usd)
		},
		"failed actions": func(p *playing) {
			p.subscribe("professional", nil)
			sum, _, _, _ := p.each(p.given.at("triggers").num().Num().Int64(), "trigger", "1")
			well, _, _, _ := p.each(p.given.at("actions", "succeeded").num().Num().Int64(), "action", "1")
			sum = plus(sum, well)
			for range p.given.at("actions", "failed").num().Num().Int64() {
				b := p.charge("action", "1", nil)
				b["outcome"] = "failed"
				sum = plus(sum, p.post("/v1/debits", b).at("amount").num())
			}
			p.expect.at("tasks").is(sum)
		},
	}
}

func elevenPlays() map[string]func(*playing) {
	// used subscribes and uses more than the plan has.
	used := func(p *playing) (now seen) {
		p.Helper()
		p.subscribe(p.given.at("plan").text(), nil)
		p.spend(plus(p.available(), p.given.at("over_credits").num()))
		return p.get(p.path("subscription")).at("overage", "charges")
	}
	return map[string]func(*playing){
		"three renewals": func(p *playing) {
			p.subscribe("creator", nil)
			p.have("month", p.available(), p.given.at("monthly").num())
			p.expect.at("openings").item(0).is(p.available())
			var at time.Time
			for i, usage := range p.given.at("usage").list() {
				p.spend(usage.num())
				at = p.month()
				p.expect.at("openings").item(i + 1).is(p.available())
			}
			p.expect.at("forfeited_at_last_renewal").is(p.entries(at, "expire"))
		},
		"half credit characters": func(p *playing) {
			p.subscribe("creator", nil)
			d := p.debit("tts", p.given.at("chars").text(), body{"model": p.given.at("model").text()})
			p.expect.at("credits").is(d.at("amount").num())
		},
		"overage": func(p *playing) {
			if now := used(p); len(now.list()) != 0 {
				p.Errorf("it was charged before the cycle's end: %v", now.v)
			}
			p.month()
			charged := p.get(p.path("subscription")).at("overage", "charges").list()
			if len(charged) != 1 {
				p.Fatalf("there are %d charges", len(charged))
			}
			p.expect.at("usd").is(p.money(charged[0].at("money")))
			p.expect.at("charged").says(map[string]string{"cycle": "end of cycle"}[charged[0].at("reason").text()])
		},
		"overage threshold crossed": func(p *playing) {
			charged := used(p).list()
			if len(charged) != 1 {
				p.Fatalf("there are %d charges", len(charged))
			}
			p.expect.at("usd").is(p.money(charged[0].at("money")))
			p.expect.at("charged").says(map[string]string{"threshold": "immediately"}[charged[0].at("reason").text()])
		},
		"cancel": func(p *playing) {
			p.subscribe("creator", nil)
			p.spend(minus(p.available(), p.given.at("remaining").num()))
			if event := p.given.at("event").text(); event != "cancel at period end" {
				p.Fatalf("%q is not what is played", event)
			}
			p.call("DELETE", p.path("subscription"), nil)
			p.have("until the end", p.available(), p.given.at("remaining").num())
			p.expect.at("forfeited").is(p.entries(p.month(), "expire"))
			p.expect.at("after").is(p.available())
		},
	}
}

func midjourneyPlays() map[string]func(*playing) {
	seconds := func(f datum) string { return decimalText(times(f.num(), sixty())) }
	fast := body{"mode": "fast"}
	return map[string]func(*playing){
		"plan then extra hour": func(p *playing) {
			p.subscribe(p.given.at("plan").text(), nil)
			p.debit("job", seconds(p.given.at("used_minutes")), fast)
			p.buy(body{"pack": "hour", "quantity": p.given.at("extra_hours").num().Num().Int64()})
			for range p.given.at("jobs", "count").num().Num().Int64() {
				p.debit("job", seconds(p.given.at("jobs", "minutes_each")), fast)
			}
			p.expect.at("plan_minutes_left").is(over(p.left(is("category", "allotment")), sixty()))
			p.expect.at("extra_minutes_left").is(over(p.left(is("category", "paid")), sixty()))
		},
		"basic plan in seconds": func(p *playing) {
			p.subscribe(p.given.at("plan").text(), nil)
			p.expect.at("gpu_seconds").is(p.available())
		},
		"error and relax": func(p *playing) {
			p.subscribe("basic", nil)
			sum := new(big.Rat)
			for _, job := range p.given.at("jobs").list() {
				b := p.charge("job", seconds(job.at("minutes")), body{"mode": job.at("mode").text()})
				if how := job.at("outcome").text(); how != "ok" {
					b["outcome"] = how
				}
				sum = plus(sum, p.post("/v1/debits", b).at("amount").num())
			}
			p.expect.at("credits").is(sum)
		},
	}
}

func replitPlays() map[string]func(*playing) {
	uses := func(p *playing, month string) seen {
		p.Helper()
		return p.debit("agent.checkpoint", p.given.at(month).text(), nil)
	}
	return map[string]func(*playing){
		"rolled first": func(p *playing) {
			p.subscribe(p.given.at("plan").text(), nil)
			uses(p, "month1_use")
			p.month()
			p.expect.at("month2_open").is(p.available())
			d := uses(p, "month2_use")
			p.expect.at("from_rolled").is(p.taken(d, "rollover"))
			p.expect.at("from_new").is(p.taken(d, "allotment"))
			p.expect.at("month2_left").is(p.available())
		},
		"rolled expires": func(p *playing) {
			p.subscribe(p.given.at("plan").text(), nil)
			uses(p, "month1_use")
			p.month()
			uses(p, "month2_use")
			p.expect.at("expired_end_month2").is(p.entries(p.month(), "expire"))
			p.expect.at("month3_open").is(p.available())
		},
	}
}

func salesforcePlays() map[string]func(*playing) {
	one := func(p *playing) {
		p.Helper()
		q := p.quote("agent.action", p.given.at("tokens").text(), nil)
		p.grant("paid", q.at("amount").text(), nil)
		p.expect.at("credits").is(p.debit("agent.action", p.given.at("tokens").text(), nil).at("amount").num())
		if m := p.expect.v.(map[string]any); m["usd"] != nil {
			p.expect.at("usd").is(q.at("value", "amount").num())
		}
	}
	return map[string]func(*playing){
		"one action":     one,
		"long action":    one,
		"exact boundary": one,
		"voice": func(p *playing) {
			n := p.given.at("voice_actions").num()
			q := p.quote("agent.voice_action", "1", nil)
			p.grant("paid", decimalText(times(n, q.at("amount").num())), nil)
			sum, _, _, _ := p.each(n.Num().Int64(), "agent.voice_action", "1")
			p.expect.at("credits").is(sum)
			p.expect.at("usd").is(times(n, q.at("value", "amount").num()))
		},
		"pack": func(p *playing) {
			bought := p.buy(body{"pack": "flex"})
			p.expect.at("usd").is(bought.at("price", "amount").num())
			sum, _, _, _ := p.each(p.given.at("standard_actions").num().Num().Int64(), "agent.action", "1")
			p.expect.at("credits").is(sum)
			p.have("what is left of the pack", p.available(), new(big.Rat))
		},
	}
}

func lovablePlays() map[string]func(*playing) {
	return map[string]func(*playing){
		"scoped before general": func(p *playing) {
			for _, g := range p.given.at("grants").list() {
				var scope body
				if action, period, limited := strings.Cut(g.at("scope").text(), "."); limited {
					if period != "daily" {
						p.Fatalf("%q is not what is played", period)
					}
					scope = body{"scope": body{"actions": []string{action}}}
				}
				p.grant("allotment", g.at("amount").text(), scope)
			}
			for _, u := range p.given.at("usage").list() {
				p.debit(u.at("type").text(), u.at("amount").text(), nil)
			}
			limited := func(g seen) bool { return g.at("scope").v != nil }
			p.expect.at("daily").is(p.left(limited))
			p.expect.at("general").is(p.left(func(g seen) bool { return !limited(g) }))
		},
		"daily cap": func(p *playing) {
			name := p.given.at("plan").text()
			p.subscribe(name+"_100", nil)
			p.pass(p.now().AddDate(0, 0, int(p.given.at("days").num().Num().Int64())).Add(-time.Second))
			sum := new(big.Rat)
			for _, g := range slices.Collect(maps.Values(p.grants())) {
				if g.at("scope").v != nil {
					sum = plus(sum, g.at("amount").num())
				}
			}
			p.expect.at("max_daily_granted").is(sum)
		},
		"dollars to credits, 100 tier": func(p *playing) {
			p.leaveDollars()
			p.expect.at("credits").is(p.available())
		},
		"dollars to credits, 10k tier": func(p *playing) {
			balance, rate := p.leaveDollars()
			p.expect.at("credits_exact").is(over(balance, rate))
			p.expect.at("credits_floor_2dp").is(p.available())
			p.expect.at("residual_usd").is(minus(balance, times(p.available(), rate)))
		},
	}
}

func apolloPlays() map[string]func(*playing) {
	pools := []string{"export", "email", "mobile"}
	have := func(p *playing) map[string]*big.Rat {
		p.Helper()
		all := map[string]*big.Rat{}
		for _, b := range p.balance().at("balances").list() {
			all[b.at("unit").text()] = b.at("available").num()
		}
		return all
	}
	enrich := func(p *playing) (refused bool) {
		p.Helper()
		for _, contact := range p.given.at("enrich").list() {
			found := body{}
			for _, kind := range []string{"email", "mobile"} {
				switch contact.at(kind).text() { // true, or how many
				case "false", "0":
				default:
					found[kind] = "true"
				}
			}
			refused = p.refuses(p.charge("enrich", "1", found)) || refused
		}
		return refused
	}
	takes := func(p *playing, do func()) {
		p.Helper()
		for _, unit := range pools {
			p.grant("paid", "10", body{"unit": unit})
		}
		before := have(p)
		do()
		for unit := range p.expect.v.(map[string]any) {
			p.expect.at(unit).is(minus(before[unit], have(p)[unit]))
		}
	}
	one := func(p *playing) { takes(p, func() { enrich(p) }) }
	return map[string]func(*playing){
		"contact without verified email": one,
		"contact with verified email":    one,
		"two numbers, one contact":       one,
		"empty search": func(p *playing) {
			takes(p, func() { p.debit("search", p.given.at("search_results").text(), nil) })
		},
		"mobile pool empty": func(p *playing) {
			for _, unit := range pools {
				if n := p.given.at("pools", unit); n.num().Sign() > 0 {
					p.grant("paid", n.text(), body{"unit": unit})
				}
			}
			refused := enrich(p)
			p.expect.at("decision").says(map[bool]string{true: "reject whole event"}[refused])
			for _, unit := range pools {
				p.expect.at(unit).is(have(p)[unit])
			}
		},
	}
}

func dustPlays() map[string]func(*playing) {
	seats := func(p *playing) {
		p.subscribe("programmatic", body{"seats": p.given.at("seats").num().Num().Int64()})
		p.expect.at("usd").is(p.available())
	}
	return map[string]func(*playing){"8 seats": seats, "60 seats": seats, "140 seats": seats}
}

// leaveDollars counts a balance in dollars, and then, by a plan that is
// applied, in the file's credits at the example's rate.
func (p *playing) leaveDollars() (balance, rate *big.Rat) {
	p.Helper()
	balance, rate = p.given.at("balance_usd").num(), p.given.at("usd_per_credit").num()
	dir, start := p.TempDir(), time.Now().UTC()
	storage := "storage: sqlite:" + filepath.Join(dir, "scrip.db") + "\n"
	before := openTill(p.T, "version: 1\n"+storage+"unit: {code: usd, scale: 6}\n", start)
	p.till = before
	p.put("/v1/customers/"+p.customer, body{})
	p.grant("paid", decimalText(balance), nil)
	before.shut()
	after := strings.Replace(p.text, "storage: sqlite:scrip.db\n", storage+fmt.Sprintf("convert: {from: usd, at: 1/%s}\n", decimalText(rate)), 1)
	path := filepath.Join(dir, "scrip.yaml")
	if err := os.WriteFile(path, []byte(after), 0o600); err != nil {
		p.Fatal(err)
	}
	var words strings.Builder
	if code := run(p.Context(), []string{"apply", "--yes", "-c", path}, strings.NewReader(""), io.Discard, &words); code != 0 {
		p.Fatalf("apply: exit %d: %s", code, words.String())
	}
	p.till = openTill(p.T, after, start)
	return balance, rate
}
