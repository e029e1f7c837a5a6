package config

import (
	"fmt"
	"regexp"
	"strings"

	"scrip/core"
	"scrip/core/rate"
)

// The bounds of a rate card.
const (
	maxActions    = 10_000
	maxRates      = 200
	maxConditions = 20
	maxPer        = 1_000_000_000
)

var (
	actionName = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)
	plainName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

func (r *reader) rateCard(top object, c *Config) {
	c.Card.Actions = map[string]rate.Action{}
	f, ok := top.get("rate_card")
	if !ok {
		return
	}
	o := r.object(f, "rate_card", cardFields, "")
	if version, ok := o.need("version"); ok {
		c.Card.Version, _ = r.text(version, 64)
	}
	if from, ok := o.get("effective_at"); ok {
		if text, ok := r.text(from, maxEcho); ok {
			at, err := core.ParseTime(text)
			if err != nil {
				r.refuse(from, err)
			}
			c.Card.Effective = at
		}
	}
	actions, ok := o.need("actions")
	if !ok {
		return
	}
	scale := core.MaxScale
	if len(c.Units) > 0 {
		scale = c.Units[0].Scale
	}
	for _, a := range r.each(actions, "actions", maxActions) {
		if !actionName.MatchString(a.key) {
			r.fault(a.at, "action name %s must be 1 to 100 of A-Z a-z 0-9 . _ : -", shown(a.key))
			continue
		}
		c.Card.Actions[a.key] = r.action(a, scale)
	}
}

func (r *reader) action(f field, scale int) rate.Action {
	zero := core.Rate{Num: 0, Den: 1}
	a := rate.Action{Name: f.key, Base: zero, Per: 1, Round: rate.StepNone, Minimum: zero}
	o := r.object(f, fmt.Sprintf("action %q", f.key), actionFields, "multiply tiers refund_on not_from at_zero")
	if meter, ok := o.get("meter"); ok {
		text, ok := r.text(meter, 100)
		if ok && !plainName.MatchString(text) {
			r.fault(meter.value.at, "meter %s must be 1 to 64 of A-Z a-z 0-9 _ . -", shown(text))
		}
		a.Meter = text
	}
	if per, ok := o.get("per"); ok {
		a.Per = r.integer(per, 1, maxPer)
	}
	if round, ok := o.get("round"); ok {
		a.Round = r.rounding(round)
	}
	base, hasBase := o.get("base")
	if hasBase {
		a.Base = r.exactCost(base, actionPath(a.Name, "base"), scale)
	}
	if minimum, ok := o.get("minimum"); ok {
		a.Minimum = r.exactCost(minimum, actionPath(a.Name, "minimum"), scale)
	}
	cost, hasCost := o.get("cost")
	rates, hasRates := o.get("rates")
	switch {
	case hasCost && hasRates:
		r.fault(rates.at, "cost and rates of action %q exclude each other, a rate without when is for all other events", a.Name)
	case hasCost:
		a.Rates = []rate.Rate{{Cost: r.cost(cost, a, nil, scale)}}
	case hasRates:
		a.Rates = r.rates(rates, a, scale)
	case hasBase:
		a.Rates = []rate.Rate{{Cost: zero}}
	case o.ok && !o.has("cost") && !o.has("base") && !o.has("rates"):
		r.fault(f.at, "action %q needs the field \"cost\", \"base\" or \"rates\"", a.Name)
	}
	return a
}

func (r *reader) rounding(f field) rate.Step {
	known := []string{string(rate.StepUp), string(rate.StepHalfEven), string(rate.StepNone)}
	text, ok := r.text(f, maxEcho)
	for _, k := range known {
		if text == k {
			return rate.Step(k)
		}
	}
	if ok {
		r.fault(f.value.at, "round: %q is unknown%s", text, near(text, known))
	}
	return rate.StepNone
}

// exactCost reads a cost per event, which the unit must be able to hold.
func (r *reader) exactCost(f field, path string, scale int) core.Rate {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return core.Rate{Num: 0, Den: 1}
	}
	exact, err := core.ParseRate(text)
	if r.draft == nil { // else the unit is not known yet
		_, err = core.ParseAmount(text, scale)
	}
	if err != nil {
		r.refuse(f, err)
		return core.Rate{Num: 0, Den: 1}
	}
	r.note(path, f, exact)
	return exact
}

// cost reads a cost per step. It may be finer than the unit, since an event is
// rounded once, after quantity and cost are multiplied; that product must be
// exact for the finest quantity.
func (r *reader) cost(f field, a rate.Action, when map[string]string, scale int) core.Rate {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return core.Rate{}
	}
	cost, err := core.ParseRate(text)
	if err != nil {
		r.refuse(f, err)
		return core.Rate{}
	}
	if r.draft == nil && !priceable(cost, a, scale) {
		r.fault(f.value.at, "%s: %q per %d is too fine to be priced exactly, use fewer decimals or a smaller per", f.key, text, a.Per)
	}
	r.note(costPath(a.Name, when), f, cost)
	return cost
}

// priceable reports whether cost times the finest quantity is exact in parts
// of a unit of that scale.
func priceable(cost core.Rate, a rate.Action, scale int) bool {
	finest := core.Rate{Num: 1, Den: 1}
	if a.Round == rate.StepNone {
		finest.Den = a.Per * quantityParts()
	}
	product, err := cost.Mul(finest)
	if err == nil {
		_, err = product.Scaled(scale)
	}
	return err == nil
}

// quantityParts is how many of the finest quantities make one.
func quantityParts() int64 {
	n := int64(1)
	for range rate.QuantityScale {
		n *= 10
	}
	return n
}

func (r *reader) rates(f field, a rate.Action, scale int) []rate.Rate {
	items := r.names(f)
	if n := len(items); f.value.kind == aList && (n == 0 || n > maxRates) {
		r.fault(f.at, "rates of action %q are %d, from 1 to %d are read", a.Name, n, maxRates)
		return nil
	}
	before := len(r.faults)
	for _, item := range items {
		o := r.object(item, "a rate", rateFields, "multiply tiers")
		var one rate.Rate
		if when, ok := o.get("when"); ok {
			one.When = r.conditions(when)
		}
		if cost, ok := o.need("cost"); ok {
			one.Cost = r.cost(cost, a, one.When, scale)
		}
		a.Rates = append(a.Rates, one)
	}
	if len(r.faults) > before {
		return a.Rates
	}
	if i, j, ok := a.Ambiguous(); !ok {
		r.fault(items[j].value.at, "the same events fit this rate and the one on line %d, add a condition to one of them", items[i].value.at.line)
	}
	return a.Rates
}

// conditions reads the values that dimensions must equal.
func (r *reader) conditions(f field) map[string]string {
	when := map[string]string{}
	for _, c := range r.each(f, "conditions", maxConditions) {
		if !plainName.MatchString(c.key) {
			r.fault(c.at, "dimension %s must be 1 to 64 of A-Z a-z 0-9 _ . -", shown(c.key))
		}
		text, ok := r.text(c, 200)
		if ok && strings.TrimSpace(text) != text {
			r.fault(c.value.at, "dimension %q begins or ends with a blank", c.key)
		}
		when[c.key] = text
	}
	return when
}
