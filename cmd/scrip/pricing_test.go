package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPricingCases plays every example of every published pricing case through
// the case's file in examples/pricing and the HTTP API alone. Whatever an
// example is given must be used and whatever it expects must be compared, to
// the last decimal, so that none is passed over.
func TestPricingCases(t *testing.T) {
	file, plays := pricingCases(t), pricingPlays()
	examples := 0
	for _, c := range file.Cases {
		examples += len(c.Examples)
		played := plays[c.ID]
		delete(plays, c.ID)
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel() // most of a case's time is waiting
			text, err := os.ReadFile(filepath.Join("..", "..", "examples", "pricing", c.ID+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			shop := &pricingShop{text: string(text), till: openTill(t, string(text), tillStart(2025))}
			for i, e := range c.Examples {
				play := played[e.Name]
				delete(played, e.Name)
				t.Run(e.Name, func(t *testing.T) {
					if play == nil {
						t.Fatal("nobody plays this example")
					}
					shop.play(t, fmt.Sprintf("c%d", i), e.Given, e.Expect, play)
				})
			}
			for name := range played {
				t.Errorf("%q is played and is no example", name)
			}
		})
	}
	for id := range plays {
		t.Errorf("%q is played and is no case", id)
	}
	if examples == 0 {
		t.Error("the file has no example")
	}
}

// pricingShop is one case: its file, and a gateway that runs on it.
type pricingShop struct {
	text string
	till *till
}

// play plays one example with a customer of its own.
func (s *pricingShop) play(t *testing.T, customer string, given, expect any, play func(*playing)) {
	shared := s.till.T
	s.till.T = t
	defer func() { s.till.T = shared }()
	p := &playing{till: s.till, text: s.text, customer: customer, missed: map[string]bool{}}
	p.given, p.expect = datum{p, "given", given}, datum{p, "expect", expect}
	p.given.leaves(func(path string) { p.missed[path] = true })
	p.expect.leaves(func(path string) { p.missed[path] = true })
	p.put("/v1/customers/"+customer, body{})
	play(p)
	for path := range p.missed {
		t.Errorf("%s is not used", path)
	}
}

// playing is one example while it is played.
type playing struct {
	*till
	text          string // of the case's file
	customer      string
	given, expect datum
	missed        map[string]bool // what of the example was not looked at
}

// datum is a part of what an example is given, or expects.
type datum struct {
	p    *playing
	path string
	v    any
}

// leaves calls f with the path of everything that is text, number or truth.
func (f datum) leaves(do func(path string)) {
	switch v := f.v.(type) {
	case map[string]any:
		for name := range v {
			f.at(name).leaves(do)
		}
	case []any:
		for i := range v {
			f.item(i).leaves(do)
		}
	default:
		do(f.path)
	}
}

func (f datum) at(names ...string) datum {
	f.p.Helper()
	for _, name := range names {
		m, ok := f.v.(map[string]any)
		if v, has := m[name]; ok && has {
			f = datum{f.p, f.path + "." + name, v}
			continue
		}
		f.p.Fatalf("%s has no %q", f.path, name)
	}
	return f
}

func (f datum) item(i int) datum {
	return datum{f.p, fmt.Sprintf("%s[%d]", f.path, i), f.v.([]any)[i]}
}

func (f datum) list() []datum {
	f.p.Helper()
	items, ok := f.v.([]any)
	if !ok {
		f.p.Fatalf("%s is no list", f.path)
	}
	out := make([]datum, len(items))
	for i := range items {
		out[i] = f.item(i)
	}
	return out
}

// text is the datum as it is written; it has been looked at then.
func (f datum) text() string {
	f.p.Helper()
	delete(f.p.missed, f.path)
	switch v := f.v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	f.p.Fatalf("%s is neither text nor number", f.path)
	return ""
}

func (f datum) num() *big.Rat { f.p.Helper(); return f.p.num(f.text()) }

// is compares what came about with what is expected.
func (f datum) is(got *big.Rat) {
	f.p.Helper()
	if want := f.num(); got.Cmp(want) != 0 {
		f.p.Errorf("%s: %s, want %s", f.path, got.RatString(), want.RatString())
	}
}

// says compares words.
func (f datum) says(got string) {
	f.p.Helper()
	if want := f.text(); got != want {
		f.p.Errorf("%s: %q, want %q", f.path, got, want)
	}
}

// path is a call about the customer.
func (p *playing) path(call string) string { return "/v1/customers/" + p.customer + "/" + call }

func (p *playing) balance() seen { p.Helper(); return p.get(p.path("balance")) }

func (p *playing) available() *big.Rat { p.Helper(); return p.balance().at("available").num() }

// net is what there is less what is owed.
func (p *playing) net() *big.Rat {
	p.Helper()
	b := p.balance()
	return minus(b.at("available").num(), b.at("overdrawn").num())
}

func (p *playing) grant(category, amount string, more body) string {
	p.Helper()
	b := body{"category": category, "amount": amount}
	for name, v := range more {
		b[name] = v
	}
	return p.post(p.path("grants"), b).at("id").text()
}

// charge is the body of a debit or a quote for an action.
func (p *playing) charge(action, quantity string, dimensions body) body {
	b := body{"customer": p.customer, "action": action, "quantity": quantity}
	if len(dimensions) > 0 {
		b["dimensions"] = dimensions
	}
	return b
}

func (p *playing) debit(action, quantity string, dimensions body) seen {
	p.Helper()
	return p.post("/v1/debits", p.charge(action, quantity, dimensions))
}

// spend takes an amount for no action in particular.
func (p *playing) spend(amount *big.Rat) seen {
	p.Helper()
	return p.post("/v1/debits", body{"customer": p.customer, "amount": decimalText(amount)})
}

func (p *playing) quote(action, quantity string, dimensions body) seen {
	p.Helper()
	return p.post("/v1/quotes", p.charge(action, quantity, dimensions))
}

// each takes an action a number of times, and adds up what a debit says of it.
func (p *playing) each(times int64, action, quantity string) (amount, over, money *big.Rat, refused int64) {
	p.Helper()
	amount, over, money = new(big.Rat), new(big.Rat), new(big.Rat)
	for done := int64(0); done < times; {
		var debits []body
		for ; done < times && len(debits) < 1000; done++ {
			b := p.charge(action, quantity, nil)
			b["key"] = fmt.Sprintf("%s-%s-%d", p.customer, action, done)
			debits = append(debits, b)
		}
		for _, one := range p.post("/v1/debits/batch", body{"debits": debits}).at("data").list() {
			if one.at("status").text() == "refused" {
				refused++
				continue
			}
			amount.Add(amount, one.at("debit", "amount").num())
			if o := one.at("debit", "overage"); o.v != nil {
				over.Add(over, o.at("amount").num())
				money.Add(money, p.money(o.at("money")))
			}
		}
	}
	return amount, over, money, refused
}

// subscribe begins a plan now.
func (p *playing) subscribe(plan string, more body) seen {
	p.Helper()
	b := body{"plan": plan}
	for name, v := range more {
		b[name] = v
	}
	return p.put(p.path("subscription"), b)
}

// buy buys and pays.
func (p *playing) buy(b body) seen {
	p.Helper()
	bought := p.post(p.path("purchases"), b).at("id").text()
	p.pay(bought, "paid")
	return p.get("/v1/purchases/" + bought)
}

// money is the number of an amount with a currency, however it is written.
func (p *playing) money(s seen) *big.Rat {
	p.Helper()
	if _, is := s.v.(map[string]any); is {
		s = s.at("amount")
	}
	number, _, _ := strings.Cut(s.text(), " ")
	return p.num(number)
}

// left is what grants of a kind still hold.
func (p *playing) left(of func(seen) bool) *big.Rat {
	p.Helper()
	return p.balance().at("grants").sum("remaining", of)
}

// grants are all the customer ever had, by id.
func (p *playing) grants() map[string]seen {
	p.Helper()
	all := map[string]seen{}
	for _, g := range p.get(p.path("grants?state=all&limit=1000")).at("data").list() {
		all[g.at("id").text()] = g
	}
	return all
}

// entries adds up those of some kinds, effective at or after an instant.
func (p *playing) entries(from time.Time, kinds ...string) *big.Rat {
	p.Helper()
	return p.get(p.path("entries?limit=1000")).at("data").sum("amount", func(e seen) bool {
		at, err := time.Parse(time.RFC3339, e.at("effective_at").text())
		if err != nil {
			p.Fatal(err)
		}
		return slices.Contains(kinds, e.at("kind").text()) && !at.Before(from)
	})
}

// taken is what a debit took of grants of a category; "" is of any.
func (p *playing) taken(debit seen, category string) *big.Rat {
	p.Helper()
	all := p.grants()
	return debit.at("allocations").sum("amount", func(a seen) bool {
		return category == "" || all[a.at("grant").text()].at("category").text() == category
	})
}

// month lets one go by.
func (p *playing) month() time.Time {
	p.Helper()
	to := p.now().AddDate(0, 1, 0)
	p.pass(to)
	return to
}

// moved is an instant of the examples' calendar in the gateway's: some leap
// cycles later.
func (p *playing) moved(f datum) time.Time {
	p.Helper()
	at, err := time.Parse(time.RFC3339, f.text())
	if err != nil {
		p.Fatal(err)
	}
	return at.AddDate(tillStart(2025).Year()-2025, 0, 0)
}

// have stops a play whose file does not say what the example is given.
func (p *playing) have(what string, got, want *big.Rat) {
	p.Helper()
	if got.Cmp(want) != 0 {
		p.Fatalf("%s: the file gives %s, the example %s", what, got.RatString(), want.RatString())
	}
}

func minus(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func plus(a, b *big.Rat) *big.Rat  { return new(big.Rat).Add(a, b) }
func times(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
func over(a, b *big.Rat) *big.Rat  { return new(big.Rat).Quo(a, b) }

// sixty turns minutes into seconds.
var sixty = func() *big.Rat { return big.NewRat(60, 1) }

// decimalText is a number as the API takes it.
func decimalText(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

// refuses makes a call that is refused with a status of 402.
func (p *playing) refuses(b body) bool {
	p.Helper()
	p.calls++
	a, err := p.api.do(p.Context(), request{method: http.MethodPost, path: "/v1/debits", key: fmt.Sprintf("till-%d", p.calls), body: b})
	return err != nil && a.status == http.StatusPaymentRequired
}
