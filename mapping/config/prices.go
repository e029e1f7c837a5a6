package config

import (
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/rate"
)

// actionPrices reads what a step of an action costs.
func (r *cardReader) actionPrices(f field, o object, a *rate.Action, hasBase bool) {
	cost, hasCost := o.get("cost")
	rates, hasRates := o.get("rates")
	tiers, hasTiers := o.get("tiers")
	switch {
	case hasCost && hasRates:
		r.fault(rates.at, "cost and rates of action %q exclude each other, a rate without when is for all other events", a.Name)
	case hasTiers && (hasCost || hasRates):
		r.fault(tiers.at, "tiers of action %q stand beside a cost, they say what a step costs: keep one", a.Name)
	case hasCost, hasTiers:
		var one rate.Rate
		r.stepCost(cost, hasCost, tiers, hasTiers, a, &one)
		a.Rates = []rate.Rate{one}
		r.oneUnit(f.at, a, &one)
	case hasRates:
		a.Rates = r.rates(rates, a)
	case hasBase:
		a.Rates = []rate.Rate{{Cost: core.Rate{Num: 0, Den: 1}}}
	case o.ok && !o.has("cost") && !o.has("base") && !o.has("rates") && !o.has("tiers"):
		r.fault(f.at, "action %q needs the field \"cost\", \"base\", \"rates\" or \"tiers\"", a.Name)
	}
}

// stepCost reads a cost, one in several units, or tiers.
func (r *cardReader) stepCost(cost field, hasCost bool, tiers field, hasTiers bool, a *rate.Action, one *rate.Rate) {
	switch {
	case hasTiers:
		one.Tiers = r.tiers(tiers, a, one.When)
	case hasCost && cost.value.kind == aMapping:
		r.parts(cost, a, one)
	case hasCost:
		one.Cost = r.cost(cost, figurePath(r.path, a.Name, "cost", one.When), a, r.scale(a.Unit))
	}
}

// parts reads costs in several units. One that is in the action's unit alone
// is an ordinary cost.
func (r *cardReader) parts(f field, a *rate.Action, one *rate.Rate) {
	fields := r.each(f, "costs", maxUnits)
	if f.value.kind == aMapping && len(fields) == 0 {
		r.fault(f.value.at, "cost: no unit is named")
	}
	for _, p := range fields {
		code := r.unitCode(p.key, p.at)
		cost := r.cost(p, figurePath(r.path, a.Name, "cost "+p.key, one.When), a, r.scale(code))
		if len(fields) == 1 && code == a.Unit {
			one.Cost = cost
			return
		}
		if code == "" && len(r.units) > 0 {
			code = r.units[0].Code
		}
		one.Parts = append(one.Parts, rate.Cost{Unit: code, Cost: cost})
	}
}

// oneUnit refuses figures of one unit beside a price that has several.
func (r *cardReader) oneUnit(at pos, a *rate.Action, one *rate.Rate) {
	if len(one.Parts) > 0 && (!a.Base.IsZero() || !a.Minimum.IsZero() || one.Base != nil || one.Minimum != nil) {
		r.fault(at, "a cost by units has no base and no minimum, since it would not say of which unit")
	}
}

func (r *cardReader) rates(f field, a *rate.Action) []rate.Rate {
	items := r.names(f)
	if n := len(items); f.value.kind == aList && (n == 0 || n > maxRates) {
		r.fault(f.at, "rates of action %q are %d, from 1 to %d are read", a.Name, n, maxRates)
		return nil
	}
	before := len(r.faults)
	for _, item := range items {
		a.Rates = append(a.Rates, r.rate(item, a))
	}
	if len(r.faults) > before {
		return a.Rates
	}
	if i, j, ok := a.Ambiguous(); !ok {
		r.fault(items[j].value.at, "the same events fit this rate and the one on line %d, add a condition to one of them", items[i].value.at.line)
	}
	return a.Rates
}

func (r *cardReader) rate(item field, a *rate.Action) rate.Rate {
	var one rate.Rate
	o := r.object(item, "a rate", rateFields, "")
	if when, ok := o.get("when"); ok {
		one.When = r.conditions(when)
	}
	tiers, hasTiers := o.get("tiers")
	cost, hasCost := o.get("cost")
	switch {
	case hasTiers && hasCost:
		r.fault(tiers.at, "tiers of a rate stand beside a cost, they say what a step costs: keep one")
	case !o.has("tiers"):
		o.need("cost")
	}
	r.stepCost(cost, hasCost, tiers, hasTiers, a, &one)
	for _, own := range []struct {
		name string
		into **core.Rate
	}{{"base", &one.Base}, {"minimum", &one.Minimum}} {
		if f, ok := o.get(own.name); ok {
			figure := r.exactCost(f, figurePath(r.path, a.Name, own.name, one.When)+ofRate, r.scale(a.Unit))
			*own.into = &figure
		}
	}
	if multiply, ok := o.get("multiply"); ok {
		one.Multiply = r.factors(multiply, a.Multiply)
	}
	r.oneUnit(item.value.at, a, &one)
	return one
}

// factors reads what dimensions multiply by; those of outer do so already.
func (r *cardReader) factors(f field, outer []rate.Factor) []rate.Factor {
	var out []rate.Factor
	for _, d := range r.each(f, "multiply", maxConditions) {
		r.dimension(d)
		if slices.ContainsFunc(outer, func(o rate.Factor) bool { return o.Dimension == d.key }) {
			r.fault(d.at, "dimension %q multiplies every rate of this action already", d.key)
		}
		one := rate.Factor{Dimension: d.key, Values: map[string]core.Rate{}}
		values := r.each(d, "factors", maxFactors)
		if d.value.kind == aMapping && len(values) == 0 {
			r.fault(d.at, "dimension %q has no factor", d.key)
		}
		for _, v := range values {
			by, ok := r.factor(v)
			switch {
			case len(v.key) > 200 || strings.TrimSpace(v.key) != v.key || v.key == "":
				r.fault(v.at, "value %s of dimension %q must be up to 200 characters without a blank at either end", shown(v.key), d.key)
			case ok && v.key == "*":
				one.Otherwise = &by
			case ok:
				one.Values[v.key] = by
			}
		}
		out = append(out, one)
	}
	return out
}

func (r *cardReader) factor(f field) (core.Rate, bool) {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return core.Rate{}, false
	}
	by, err := core.ParseRate(text)
	if err != nil {
		r.refuse(f, err)
	}
	return by, err == nil
}

// tiers reads costs by use. The name of what is counted tells tiers of one
// action apart.
func (r *cardReader) tiers(f field, a *rate.Action, when map[string]string) *rate.Tiers {
	t := &rate.Tiers{Per: rate.PerCycle, Counter: counterName(a.Name, when)}
	o := r.object(f, "tiers", tiersFields, "")
	if mode, ok := o.need("mode"); ok {
		t.Mode = rate.Mode(r.choice(mode, string(rate.Graduated), string(rate.Volume)))
	}
	if per, ok := o.get("per"); ok {
		t.Per = rate.Period(r.choice(per, string(rate.PerCycle), string(rate.PerDay), string(rate.PerMonth), string(rate.PerEvent)))
	}
	steps, ok := o.need("steps")
	if !ok {
		return t
	}
	items := r.names(steps)
	if n := len(items); steps.value.kind == aList && (n == 0 || n > maxCardTiers) {
		r.fault(steps.at, "steps of tiers are %d, from 1 to %d are read", n, maxCardTiers)
	}
	last := int64(0)
	for i, item := range items {
		tier := r.tier(item, a, when, i == len(items)-1)
		if tier.UpTo > 0 && tier.UpTo <= last {
			r.fault(item.value.at, "up_to %d is not above that of the step before, %d", tier.UpTo, last)
		}
		last = max(last, tier.UpTo)
		t.Steps = append(t.Steps, tier)
	}
	return t
}

func (r *cardReader) tier(f field, a *rate.Action, when map[string]string, last bool) rate.Tier {
	var t rate.Tier
	o := r.object(f, "a step of tiers", tierFields, "")
	upTo, bounded := o.get("up_to")
	switch {
	case bounded && last:
		r.fault(upTo.at, "up_to: the last step is for all that is beyond, remove it or add one more step")
	case bounded:
		t.UpTo = r.integer(upTo, 1, maxUpTo/a.Per)
	case o.ok && !o.has("up_to") && !last:
		o.need("up_to")
	}
	if cost, ok := o.need("cost"); ok {
		t.Cost = r.cost(cost, figurePath(r.path, a.Name, tierFigure(t.UpTo), when), a, r.scale(a.Unit))
	}
	return t
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
func (r *cardReader) cost(f field, path string, a *rate.Action, scale int) core.Rate {
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
	r.note(path, f, cost)
	return cost
}

// priceable reports whether cost times the finest quantity is exact in parts
// of a unit of that scale.
func priceable(cost core.Rate, a *rate.Action, scale int) bool {
	finest := core.Rate{Num: 1, Den: 1}
	if a.Round == rate.StepNone {
		finest.Den = a.Per * int64(rate.One)
	}
	product, err := cost.Mul(finest)
	if err == nil {
		_, err = product.Scaled(scale)
	}
	return err == nil
}
