package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/plan"
)

// Bounds of what plans list.
const (
	maxPlans      = 1000
	maxAllotments = 10
	maxBrackets   = 20
)

// maxGranted bounds what a period grants to all seats, so that its sums fit.
const maxGranted = core.MaxAmount / 4

var (
	planName  = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,60}$`)
	timesText = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)x$`)
	cycleSpan = regexp.MustCompile(`^([0-9]{1,4}) cycles?$`)
	capSpan   = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) per (day|week|month|year)$`)
)

// planReader reads one plan. Its amounts are in the first unit.
type planReader struct {
	*reader
	path     string
	scale    int
	collects bool // a connection collects money
}

func (r *reader) plans(top object, c *Config) {
	f, ok := top.get("plans")
	if !ok {
		return
	}
	c.Plans = map[string]plan.Terms{}
	scale := core.MaxScale
	if len(c.Units) > 0 {
		scale = c.Units[0].Scale
	}
	for _, p := range r.each(f, "plans", maxPlans) {
		if !planName.MatchString(p.key) {
			r.fault(p.at, "plan name %s must be 1 to 60 of a-z A-Z 0-9 _ . -", shown(p.key))
			continue
		}
		one := &planReader{reader: r, path: planPath(p.key), scale: scale, collects: c.Route.Payments != ""}
		c.Plans[p.key] = one.plan(p)
	}
}

func (r *planReader) plan(f field) plan.Terms {
	t := plan.Terms{Plan: f.key, Every: plan.Span{N: 1, Of: plan.Month}}
	o := r.object(f, fmt.Sprintf("plan %q", f.key), planFields, "")
	if price, ok := o.get("price"); ok {
		t.Prices = r.prices(price)
	}
	if collect, ok := o.get("collect"); ok {
		t.Collect = plan.Collect(r.choice(collect, string(plan.ByVendor), string(plan.ByScrip)))
		switch {
		case len(t.Prices) == 0:
			r.fault(collect.value.at, "collect: a plan without a price has nothing to collect")
		case t.Collect == plan.ByScrip && !r.collects:
			r.fault(collect.value.at, "collect: no connection collects money, name one in route.payments")
		}
	}
	if every, ok := o.need("every"); ok {
		t.Every = r.calendar(every)
	}
	if allotment, ok := o.get("allotment"); ok {
		t.Allotments = r.allotments(allotment, &t)
	}
	if rule, ok := o.get("at_zero"); ok {
		t.AtZero = core.Shortfall(r.choice(rule, shortfalls...))
	}
	if over, ok := o.get("overage"); ok {
		t.Overage = r.overage(over, &t)
	} else if t.AtZero == core.Overage && !o.has("overage") {
		r.fault(o.at, "plan %q bills overage at zero and has no price for it, add overage", f.key)
	}
	if trial, ok := o.get("trial"); ok {
		t.Trial = r.trial(trial)
	}
	if upgrade, ok := o.get("upgrade"); ok {
		t.Replace = r.choice(upgrade, "carry", "replace") == "replace"
	}
	return t
}

// prices reads one price, or a list of one for each currency.
func (r *planReader) prices(f field) []core.Money {
	var list []core.Money
	for _, item := range r.oneOrEach(f) {
		text, ok := r.text(item, 60)
		if !ok {
			continue
		}
		money, err := core.ParseMoney(text)
		if err == nil && slices.ContainsFunc(list, func(m core.Money) bool { return m.Currency == money.Currency }) {
			err = fmt.Errorf("%q stands twice", string(money.Currency))
		}
		if err != nil {
			r.refuse(item, err)
			continue
		}
		list = append(list, money)
	}
	return list
}

// oneOrEach is a value, or each of a list.
func (r *planReader) oneOrEach(f field) []field {
	if f.value.kind == aList {
		if len(f.value.items) == 0 {
			r.fault(f.value.at, "%s is empty, remove it", f.key)
		}
		return r.names(f)
	}
	return []field{f}
}

// calendar reads "1 month" as a length of calendar time.
func (r *planReader) calendar(f field) plan.Span {
	month := plan.Span{N: 1, Of: plan.Month}
	text, ok := r.text(f, maxEcho)
	if !ok {
		return month
	}
	m := lifeSpan.FindStringSubmatch(text)
	if m == nil {
		r.fault(f.value.at, "%s: %q is not a time such as 1 month, 2 weeks or 30 days", f.key, text)
		return month
	}
	s := plan.Span{N: int(number(m[1])), Of: plan.Step(m[2])}
	if s.N == 0 || days(s) > maxDays {
		r.fault(f.value.at, "%s: %q is not between 1 day and 100 years", f.key, text)
		return month
	}
	return s
}

// days is about how long a span is, to compare spans by.
func days(s plan.Span) int {
	return s.N * map[plan.Step]int{plan.Day: 1, plan.Week: 7, plan.Month: 30, plan.Year: 365}[s.Of]
}

// amount reads a number of credits, of which the unit may not be known yet.
func (r *planReader) amount(f field, path string) core.Amount {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return 0
	}
	return r.amountText(f, text, path)
}

func (r *planReader) amountText(f field, text, path string) core.Amount {
	exact, err := core.ParseRate(text)
	var n core.Amount
	if err == nil && r.draft == nil {
		n, err = core.ParseAmount(text, r.scale)
	}
	if err != nil {
		r.refuse(f, err)
		return 0
	}
	r.note(path, f, exact)
	return n
}

// bound reads an amount, or a multiple such as 2x.
func (r *planReader) bound(f field, path string) (core.Amount, core.Rate) {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return 0, core.Rate{}
	}
	m := timesText.FindStringSubmatch(text)
	if m == nil {
		n := r.amountText(f, text, path)
		if exact, err := core.ParseRate(text); err == nil && exact.IsZero() {
			r.fault(f.value.at, "%s: a bound of none leaves no room, remove what it bounds", f.key)
		}
		return n, core.Rate{}
	}
	times, err := core.ParseRate(m[1])
	if err == nil && (times.IsZero() || times.Num/times.Den > 1000) {
		err = fmt.Errorf("%q is not above 0x and up to 1000x", text)
	}
	if err != nil {
		r.refuse(f, err)
	}
	return 0, times
}

func (r *planReader) trial(f field) *plan.Trial {
	t := &plan.Trial{For: plan.Span{N: 1, Of: plan.Month}}
	o := r.object(f, "trial", trialFields, "")
	if credits, ok := o.get("credits"); ok {
		t.Credits = r.amount(credits, r.path+"trial.credits")
	}
	if life, ok := o.need("for"); ok {
		t.For = r.calendar(life)
	}
	return t
}

func (r *planReader) overage(f field, t *plan.Terms) *plan.Overage {
	over := &plan.Overage{Per: 1}
	o := r.object(f, "overage", overageFields, "")
	if per, ok := o.get("per"); ok {
		over.Per = r.integer(per, 1, maxPer)
	}
	if price, ok := o.need("price"); ok {
		over.Prices = r.unitPrices(price, overagePath(r.path, ""))
		r.sameCurrencies(price, over.Prices, t)
	}
	if actions, ok := o.get("actions"); ok {
		over.Actions = map[string][]core.Price{}
		for _, a := range r.each(actions, "actions of overage", maxActions) {
			if !actionName.MatchString(a.key) {
				r.fault(a.at, "action name %s is not one that an action can have", shown(a.key))
				continue
			}
			over.Actions[a.key] = r.unitPrices(a, overagePath(r.path, a.key))
			r.sameCurrencies(a, over.Actions[a.key], t)
		}
	}
	if limit, ok := o.get("limit"); ok {
		if over.Limit, over.Times = r.bound(limit, r.path+"overage.limit"); !over.Times.IsZero() && len(t.Allotments) == 0 {
			r.fault(limit.value.at, "limit: there is no allotment that it could be a multiple of")
		}
	}
	if at, ok := o.get("charge_at"); ok {
		over.ChargeAt = r.prices(at)
	}
	return over
}

// unitPrices reads prices that may be finer than their currency.
func (r *planReader) unitPrices(f field, path string) []core.Price {
	var list []core.Price
	for _, item := range r.oneOrEach(f) {
		text, ok := r.text(item, 60)
		if !ok {
			continue
		}
		p, err := core.ParsePrice(strings.Join(strings.Fields(text), " "))
		if err == nil && slices.ContainsFunc(list, func(q core.Price) bool { return q.Currency == p.Currency }) {
			err = fmt.Errorf("%q stands twice", string(p.Currency))
		}
		if err != nil {
			r.refuse(item, err)
			continue
		}
		r.note(pricePath(path, p.Currency), item, p.Rate)
		list = append(list, p)
	}
	return list
}

// sameCurrencies asks overage to have a price wherever the plan has one.
func (r *planReader) sameCurrencies(f field, list []core.Price, t *plan.Terms) {
	for _, m := range t.Prices {
		if len(list) > 0 && !slices.ContainsFunc(list, func(p core.Price) bool { return p.Currency == m.Currency }) {
			r.fault(f.value.at, "%s: there is none in %q, in which the plan has a price", f.key, string(m.Currency))
		}
	}
}
