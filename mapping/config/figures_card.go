package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/rate"
)

// cards settles every figure of every version of the rate card.
func (v *resolver) cards() {
	cards := slices.Clone(v.out.Cards)
	for i := range cards {
		path, was := v.out.cardPath(i), v.stoodAt(i)
		actions := map[string]rate.Action{}
		for _, name := range cards[i].Names() {
			a := cards[i].Actions[name]
			ownRates(&a)
			eachFigure(path, &a, func(at string, kind convert.Kind, figure *core.Rate) {
				*figure = v.figureFrom(at, was+strings.TrimPrefix(at, path), kind, *figure)
				f, ok := v.draft.figures[at]
				if ok && kind == convert.PerStep && !priceable(*figure, &a, v.change.To.Scale) {
					v.invalid(f.at, "%s: %q per %d is too fine to be priced exactly in %q, use fewer decimals or a smaller per", f.key, f.text, a.Per, v.change.To.Code)
				}
			})
			actions[name] = a
		}
		cards[i].Actions = actions
	}
	v.out.Cards = cards
}

// stoodAt is the path of a card in the file before: that of the version with
// its name. A card that was the only one and is, or takes the place of several,
// is known without.
func (v *resolver) stoodAt(i int) string {
	is, was := v.out.Cards, v.base.Cards
	for j := range was {
		if was[j].Version == is[i].Version {
			return v.base.cardPath(j)
		}
	}
	if len(is) == 1 && len(was) > 0 {
		return v.base.cardPath(len(was) - 1)
	}
	return "nowhere."
}

// ownRates gives an action rates of its own, so that settling them changes no other.
func ownRates(a *rate.Action) {
	a.Rates = slices.Clone(a.Rates)
	for i := range a.Rates {
		r := &a.Rates[i]
		r.Base, r.Minimum = own(r.Base), own(r.Minimum)
		if r.Tiers != nil {
			t := *r.Tiers
			t.Steps = slices.Clone(t.Steps)
			r.Tiers = &t
		}
	}
}

func own(r *core.Rate) *core.Rate {
	if r == nil {
		return nil
	}
	one := *r
	return &one
}

// eachFigure calls f with every number of units that an action of a config with
// one unit has, and its path.
func eachFigure(path string, a *rate.Action, f func(at string, kind convert.Kind, figure *core.Rate)) {
	f(actionPath(path, a.Name, "base"), convert.Fixed, &a.Base)
	f(actionPath(path, a.Name, "minimum"), convert.Fixed, &a.Minimum)
	for i := range a.Rates {
		r := &a.Rates[i]
		switch {
		case r.Tiers != nil:
			for j := range r.Tiers.Steps {
				f(figurePath(path, a.Name, tierFigure(r.Tiers.Steps[j].UpTo), r.When), convert.PerStep, &r.Tiers.Steps[j].Cost)
			}
		case len(r.Parts) == 0:
			f(figurePath(path, a.Name, "cost", r.When), convert.PerStep, &r.Cost)
		}
		if r.Base != nil {
			f(figurePath(path, a.Name, "base", r.When)+ofRate, convert.Fixed, r.Base)
		}
		if r.Minimum != nil {
			f(figurePath(path, a.Name, "minimum", r.When)+ofRate, convert.Fixed, r.Minimum)
		}
	}
}

// cardPath begins the paths of a version's figures. Where there is one version
// it is not named, so that it may be given another name.
func (c *Config) cardPath(i int) string { return cardPath(c.Cards[i].Version, len(c.Cards) > 1) }

func cardPath(version string, several bool) string {
	if several {
		return "rate_card." + version + ".actions."
	}
	return "rate_card.actions."
}

func actionPath(card, action, figure string) string { return card + action + "." + figure }

// figurePath names a figure of a rate by its conditions, which the order in the
// file does not change.
func figurePath(card, action, figure string, when map[string]string) string {
	path := actionPath(card, action, figure)
	if len(when) == 0 {
		return path
	}
	return path + " (" + conditionText(when) + ")"
}

// ofRate tells the base and the minimum of a rate without conditions from the action's.
const ofRate = " of the rate"

// tierFigure names the cost of a tier.
func tierFigure(upTo int64) string {
	if upTo == 0 {
		return "cost beyond"
	}
	return fmt.Sprintf("cost up to %d", upTo)
}

// counterName names what is counted for tiers.
func counterName(action string, when map[string]string) string {
	if len(when) == 0 {
		return action
	}
	return action + " (" + conditionText(when) + ")"
}

func conditionText(when map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(when)) {
		parts = append(parts, fmt.Sprintf("%s=%q", name, when[name]))
	}
	return strings.Join(parts, ", ")
}
