// Package rate prices actions: a rate card says what each action costs by
// quantity and dimensions. It is pure; config and transport live elsewhere.
package rate

import (
	"maps"
	"slices"
	"sort"

	"scrip/core"
)

// Step says how the number of priced steps is settled before it is multiplied
// by the cost: always per event, before anything is summed.
type Step string

// The ways to settle a broken number of steps.
const (
	StepNone     Step = "none"      // price the exact fraction
	StepUp       Step = "up"        // a begun step is a whole one
	StepHalfEven Step = "half_even" // to the nearest whole step
)

// Rate is one cost of an action, for the events whose dimensions equal When.
type Rate struct {
	When map[string]string `json:"when,omitempty"`
	Cost core.Rate         `json:"cost"` // units per step
}

// Action is how one action is priced.
type Action struct {
	Name    string    `json:"name"`
	Meter   string    `json:"meter,omitempty"` // what the quantity counts, for people
	Base    core.Rate `json:"base"`            // units per event, on top
	Per     int64     `json:"per"`             // quantity in one step, at least 1
	Round   Step      `json:"round"`
	Minimum core.Rate `json:"minimum"` // units per event, at least
	Rates   []Rate    `json:"rates"`
}

// Card is a version of all prices.
type Card struct {
	Version   string
	Effective core.Time
	Actions   map[string]Action
}

// Names lists the card's actions in order.
func (c Card) Names() []string {
	names := make([]string, 0, len(c.Actions))
	for name := range c.Actions {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Find returns the action of that name, or an unknown_action error.
func (c Card) Find(name string) (Action, error) {
	a, ok := c.Actions[name]
	if !ok {
		return Action{}, core.InField(core.Errorf(core.CodeUnknownAction, "action %q is not on rate card %q", name, c.Version), "action")
	}
	return a, nil
}

// QuantityScale is the number of decimals a quantity may have.
const QuantityScale = 6

// ParseQuantity reads a quantity as an exact decimal with up to
// [QuantityScale] decimals.
func ParseQuantity(text string) (core.Rate, error) {
	n, err := core.ParseAmount(text, QuantityScale)
	if err != nil {
		return core.Rate{}, core.InField(err, "quantity")
	}
	return core.Rate{Num: int64(n), Den: 1_000_000}, nil
}

// Cost prices one event: base plus cost x steps, at least the minimum, in the
// unit's smallest parts. The only rounding, to the nearest part with ties to
// even, is the last step.
func (a Action) Cost(quantity core.Rate, dimensions map[string]string, unit core.Unit) (core.Amount, error) {
	cost, err := a.match(dimensions)
	if err != nil {
		return 0, err
	}
	steps, err := a.steps(quantity)
	if err != nil {
		return 0, core.InField(err, "quantity")
	}
	total, err := inParts(a.Base, cost, steps, unit.Scale)
	if err != nil {
		return 0, core.InField(err, "quantity")
	}
	minimum, err := inParts(a.Minimum, core.Rate{}, core.Rate{}, unit.Scale)
	if err != nil {
		return 0, err
	}
	if total = max(total, minimum); total > core.MaxAmount {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "the cost of %q is too large", a.Name), "quantity")
	}
	return total, nil
}

// steps is quantity / per, settled by the action's rounding.
func (a Action) steps(quantity core.Rate) (core.Rate, error) {
	exact, err := quantity.Mul(core.Rate{Num: 1, Den: max(a.Per, 1)})
	if err != nil {
		return core.Rate{}, err
	}
	mode := core.RoundUp
	switch a.Round {
	case StepNone, "":
		return exact, nil
	case StepHalfEven:
		mode = core.RoundHalfEven
	}
	whole, _, err := core.MulDiv(1, exact, mode)
	return core.Rate{Num: int64(whole), Den: 1}, err
}

// inParts is base + cost x steps in the smallest parts of a unit, rounded once.
func inParts(base, cost, steps core.Rate, scale int) (core.Amount, error) {
	exact, err := cost.Scaled(scale)
	if err == nil {
		exact, err = exact.Mul(steps)
	}
	if err != nil {
		return 0, err
	}
	if base, err = base.Scaled(scale); err != nil {
		return 0, err
	}
	// The whole parts of the base are added after rounding, so that a large
	// base and a fine cost need not fit one fraction. An even number of them
	// moves no tie.
	whole := base.Num / base.Den &^ 1
	base.Num -= whole * base.Den
	if exact, err = exact.Add(base); err != nil {
		return 0, err
	}
	n, _, err := core.MulDiv(1, exact, core.RoundHalfEven)
	if err != nil {
		return 0, err
	}
	return n.Add(core.Amount(whole))
}

// match picks the cost whose conditions all hold; the most conditions win. A
// config refuses cards in which two could tie.
func (a Action) match(dimensions map[string]string) (core.Rate, error) {
	best := -1
	var cost core.Rate
	for _, r := range a.Rates {
		if len(r.When) > best && holds(r.When, dimensions) {
			best, cost = len(r.When), r.Cost
		}
	}
	if best < 0 {
		return core.Rate{}, core.InField(core.Errorf(core.CodeInvalid, "no rate of action %q fits these dimensions", a.Name), "dimensions")
	}
	return cost, nil
}

func holds(when, dimensions map[string]string) bool {
	for name, value := range when {
		if got, named := dimensions[name]; !named || got != value {
			return false
		}
	}
	return true
}

// Ambiguous reports two rates of the action that some event could match
// equally well, with none that fits it better, as their indexes, or ok.
func (a Action) Ambiguous() (i, j int, ok bool) {
	for i := range a.Rates {
		for j := range i {
			if len(a.Rates[i].When) == len(a.Rates[j].When) && compatible(a.Rates[i].When, a.Rates[j].When) && !a.settled(i, j) {
				return j, i, false
			}
		}
	}
	return 0, 0, true
}

// settled reports whether a third rate decides for every event that meets the
// conditions of both i and j: it asks for more of what they ask for together.
func (a Action) settled(i, j int) bool {
	both := maps.Clone(a.Rates[i].When)
	maps.Copy(both, a.Rates[j].When)
	return slices.ContainsFunc(a.Rates, func(r Rate) bool {
		return len(r.When) > len(a.Rates[i].When) && holds(r.When, both)
	})
}

// compatible reports whether one event can meet both conditions.
func compatible(a, b map[string]string) bool {
	for name, value := range a {
		if other, both := b[name]; both && other != value {
			return false
		}
	}
	return true
}
