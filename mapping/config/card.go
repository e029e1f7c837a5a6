package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/rate"
)

// The bounds of a rate card.
const (
	maxCards      = 100
	maxActions    = 10_000
	maxRates      = 200
	maxConditions = 20
	maxFactors    = 200
	maxCardTiers  = 100
	maxPer        = 1_000_000_000
	maxUpTo       = 1_000_000_000_000 // of the quantity
	maxOutcomes   = 20
)

var (
	actionName = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)
	plainName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// cardReader reads one version of the rate card.
type cardReader struct {
	*reader
	units []Unit
	path  string // of its figures
}

// rateCards reads one rate card, or a list of its versions.
func (r *reader) rateCards(top object, c *Config) {
	f, ok := top.get("rate_card")
	if !ok {
		return
	}
	items := []field{f}
	if f.value.kind == aList {
		items = r.names(f)
		if n := len(items); n == 0 || n > maxCards {
			r.fault(f.value.at, "rate_card has %d versions, from 1 to %d are read", n, maxCards)
			return
		}
	}
	versions := make([]field, len(items))
	froms := make([]field, len(items))
	for i, item := range items {
		versions[i], froms[i] = item, item
		card := r.rateCard(item, c.Units, len(items) > 1, &versions[i], &froms[i])
		for j, other := range c.Cards {
			if other.Version == card.Version && card.Version != "" {
				r.fault(versions[i].value.at, "version %q of the rate card stands there twice, first on line %d", card.Version, versions[j].value.at.line)
			}
			if other.Effective == card.Effective {
				r.fault(froms[i].value.at, "two versions of the rate card are in force from one instant, the other is on line %d: give them another effective_at", froms[j].value.at.line)
			}
		}
		c.Cards = append(c.Cards, card)
	}
	slices.SortStableFunc(c.Cards, func(a, b rate.Card) int { return int(min(max(a.Effective-b.Effective, -1), 1)) })
}

func (r *reader) rateCard(f field, units []Unit, several bool, version, from *field) rate.Card {
	c := rate.Card{Actions: map[string]rate.Action{}}
	o := r.object(f, "rate_card", cardFields, "")
	if v, ok := o.need("version"); ok {
		c.Version, _ = r.text(v, 64)
		*version = v
	}
	if e, ok := o.get("effective_at"); ok {
		*from = e
		if text, ok := r.text(e, maxEcho); ok {
			at, err := core.ParseTime(text)
			if err != nil {
				r.refuse(e, err)
			}
			c.Effective = at
		}
	}
	actions, ok := o.need("actions")
	if !ok {
		return c
	}
	cr := &cardReader{reader: r, units: units, path: cardPath(c.Version, several)}
	for _, a := range r.each(actions, "actions", maxActions) {
		if !actionName.MatchString(a.key) {
			r.fault(a.at, "action name %s must be 1 to 100 of A-Z a-z 0-9 . _ : -", shown(a.key))
			continue
		}
		c.Actions[a.key] = cr.action(a)
	}
	return c
}

func (r *cardReader) action(f field) rate.Action {
	zero := core.Rate{Num: 0, Den: 1}
	a := rate.Action{Name: f.key, Base: zero, Per: 1, Round: rate.StepNone, Minimum: zero}
	o := r.object(f, fmt.Sprintf("action %q", f.key), actionFields, "")
	if meter, ok := o.get("meter"); ok {
		a.Meter = r.plain(meter, "meter")
	}
	if unit, ok := o.get("unit"); ok {
		a.Unit = r.unitOf(unit)
	}
	if per, ok := o.get("per"); ok {
		a.Per = r.integer(per, 1, maxPer)
	}
	if round, ok := o.get("round"); ok {
		a.Round = rate.Step(r.choice(round, string(rate.StepUp), string(rate.StepHalfEven), string(rate.StepNone)))
	}
	base, hasBase := o.get("base")
	if hasBase {
		a.Base = r.exactCost(base, actionPath(r.path, a.Name, "base"), r.scale(a.Unit))
	}
	if minimum, ok := o.get("minimum"); ok {
		a.Minimum = r.exactCost(minimum, actionPath(r.path, a.Name, "minimum"), r.scale(a.Unit))
	}
	r.rules(o, &a)
	r.actionPrices(f, o, &a, hasBase)
	return a
}

// rules reads what an action says beside its price.
func (r *cardReader) rules(o object, a *rate.Action) {
	if multiply, ok := o.get("multiply"); ok {
		a.Multiply = r.factors(multiply, nil)
	}
	if list, ok := o.get("refund_on"); ok {
		a.RefundOn = distinct(r, list, maxOutcomes, func(f field) string { return r.plain(f, "outcome") })
	}
	if list, ok := o.get("not_from"); ok {
		a.NotFrom = distinct(r, list, len(categories), func(f field) core.Category { return core.Category(r.choice(f, categories...)) })
	}
	if rule, ok := o.get("at_zero"); ok {
		a.AtZero = core.Shortfall(r.choice(rule, shortfalls...))
	}
}

var (
	categories = []string{string(core.Paid), string(core.Promotional), string(core.Allotment), string(core.Rollover), string(core.Adjustment)}
	shortfalls = []string{string(core.Reject), string(core.Cap), string(core.Overage), string(core.Deficit)}
)

// distinct reads a list of different names.
func distinct[T ~string](r *cardReader, f field, most int, read func(field) T) []T {
	var out []T
	items := r.names(f)
	if n := len(items); f.value.kind == aList && (n == 0 || n > most) {
		r.fault(f.at, "%s has %d names, from 1 to %d are read", f.key, n, most)
		return nil
	}
	for _, item := range items {
		name := read(item)
		if name != "" && slices.Contains(out, name) {
			r.fault(item.value.at, "%s: %q stands in the list twice", f.key, string(name))
		}
		out = append(out, name)
	}
	return out
}

// plain reads a name of few characters.
func (r *reader) plain(f field, what string) string {
	text, ok := r.text(f, 100)
	if ok && !plainName.MatchString(text) {
		r.fault(f.value.at, "%s %s must be 1 to 64 of A-Z a-z 0-9 _ . -", what, shown(text))
	}
	return text
}

// choice reads one of the known names; "" when it is none of them.
func (r *reader) choice(f field, known ...string) string {
	text, ok := r.text(f, maxEcho)
	if ok && !slices.Contains(known, text) {
		r.fault(f.value.at, "%s: %q is unknown%s", f.key, text, near(text, known))
		return ""
	}
	return text
}

// unitOf reads the unit of an action's figures; the card's own, the first, is "".
func (r *cardReader) unitOf(f field) string {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return ""
	}
	return r.unitCode(text, f.value.at)
}

func (r *cardReader) unitCode(text string, at pos) string {
	var known []string
	for i, u := range r.units {
		if u.Code == text && i == 0 {
			return ""
		}
		if u.Code == text {
			return text
		}
		known = append(known, u.Code)
	}
	r.fault(at, "unit %s does not exist%s", shown(text), near(text, known))
	return ""
}

// scale is the number of decimals of a unit.
func (r *cardReader) scale(code string) int {
	for i, u := range r.units {
		if u.Code == code || i == 0 && code == "" {
			return u.Scale
		}
	}
	return core.MaxScale
}

// conditions reads the values that dimensions must equal.
func (r *reader) conditions(f field) map[string]string {
	when := map[string]string{}
	for _, c := range r.each(f, "conditions", maxConditions) {
		r.dimension(c)
		text, ok := r.text(c, 200)
		if ok && strings.TrimSpace(text) != text {
			r.fault(c.value.at, "dimension %q begins or ends with a blank", c.key)
		}
		when[c.key] = text
	}
	return when
}

func (r *reader) dimension(f field) {
	if !plainName.MatchString(f.key) {
		r.fault(f.at, "dimension %s must be 1 to 64 of A-Z a-z 0-9 _ . -", shown(f.key))
	}
}
