// Package rate prices actions: a rate card says what each action costs by
// quantity, dimensions, outcome and earlier use. It is pure; config and
// transport live elsewhere.
//
// The order of one event is fixed: its quantity is settled into steps; the
// steps are priced by the rate that fits, or by its tiers; the factors of its
// dimensions are multiplied in; the base is added; the minimum is held; and
// the one rounding, to the unit's nearest part with ties to even, comes last.
package rate

import (
	"maps"
	"slices"

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

// Rate is one price of an action, for the events whose dimensions equal When.
// One of Cost, Parts and Tiers says what a step costs.
type Rate struct {
	When     map[string]string `json:"when,omitempty"`
	Cost     core.Rate         `json:"cost"`               // units per step
	Parts    []Cost            `json:"parts,omitempty"`    // units per step of several units at once; without base and minimum
	Tiers    *Tiers            `json:"tiers,omitempty"`    // by what was used before
	Base     *core.Rate        `json:"base,omitempty"`     // units per event; nil, it is the action's
	Minimum  *core.Rate        `json:"minimum,omitempty"`  // units per event, at least; nil, it is the action's
	Multiply []Factor          `json:"multiply,omitempty"` // beside the action's
}

// Cost is a price per step in one of several units.
type Cost struct {
	Unit string    `json:"unit"`
	Cost core.Rate `json:"cost"`
}

// Factor multiplies what the steps cost by a number that a dimension picks.
type Factor struct {
	Dimension string               `json:"dimension"`
	Values    map[string]core.Rate `json:"values"`
	Otherwise *core.Rate           `json:"otherwise,omitempty"` // for values not listed; nil, they are refused
}

// Action is how one action is priced.
type Action struct {
	Name     string          `json:"name"`
	Unit     string          `json:"unit,omitempty"`  // of every figure but Parts; "" is the card's
	Meter    string          `json:"meter,omitempty"` // what the quantity counts, for people
	Base     core.Rate       `json:"base"`            // units per event, on top
	Per      int64           `json:"per"`             // quantity in one step, at least 1
	Round    Step            `json:"round"`
	Minimum  core.Rate       `json:"minimum"` // units per event, at least
	Rates    []Rate          `json:"rates"`
	Multiply []Factor        `json:"multiply,omitempty"`
	RefundOn []string        `json:"refund_on,omitempty"` // outcomes that cost nothing
	NotFrom  []core.Category `json:"not_from,omitempty"`  // grants that never pay for it
	AtZero   core.Shortfall  `json:"at_zero,omitempty"`   // what happens when credits do not suffice; "" leaves it to the plan
}

// Event is what is priced.
type Event struct {
	Quantity   Quantity
	Dimensions map[string]string
	Outcome    string   // how it ended; "" when it ended well
	Used       Quantity // what [Action.Counter] counted before it in its period
}

// Part is what an event costs in one unit.
type Part struct {
	Unit   string
	Amount core.Amount
}

// Quantity is how much of an action, in millionths.
type Quantity int64

// QuantityScale is the number of decimals a quantity may have.
const QuantityScale = 6

// One is a quantity of one.
const One Quantity = 1_000_000

// ParseQuantity reads a quantity as an exact decimal with up to
// [QuantityScale] decimals.
func ParseQuantity(text string) (Quantity, error) {
	n, err := core.ParseAmount(text, QuantityScale)
	if err != nil {
		return 0, core.InField(err, "quantity")
	}
	return Quantity(n), nil
}

// match picks the rate whose conditions all hold; the most conditions win. A
// config refuses cards in which two could tie.
func (a *Action) match(dimensions map[string]string) (*Rate, error) {
	var best *Rate
	for i := range a.Rates {
		r := &a.Rates[i]
		if (best == nil || len(r.When) > len(best.When)) && holds(r.When, dimensions) {
			best = r
		}
	}
	if best == nil {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "no rate of action %q fits these dimensions", a.Name), "dimensions")
	}
	return best, nil
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
func (a *Action) Ambiguous() (i, j int, ok bool) {
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
func (a *Action) settled(i, j int) bool {
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
