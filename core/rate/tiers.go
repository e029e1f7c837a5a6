package rate

import (
	"math"

	"scrip/core"
)

// Mode says which tiers price an event.
type Mode string

// The modes of tiers.
const (
	Graduated Mode = "graduated" // each step by the tier it falls in
	Volume    Mode = "volume"    // all steps of an event by the tier that the use up to its end falls in; earlier events keep their price
)

// Period is how long the use is counted that tiers go by.
type Period string

// The periods of tiers.
const (
	PerCycle Period = "cycle" // of the customer's subscription, else the calendar month
	PerDay   Period = "day"
	PerMonth Period = "month"
	PerEvent Period = "event" // each event begins at zero
)

// Tiers are costs by use.
type Tiers struct {
	Mode    Mode   `json:"mode"`
	Per     Period `json:"per"`
	Steps   []Tier `json:"steps"`   // the last has no bound
	Counter string `json:"counter"` // names what is counted together
}

// Tier is the cost of the steps up to a bound.
type Tier struct {
	UpTo int64     `json:"up_to,omitempty"` // steps in the period, this one included; 0 is without end
	Cost core.Rate `json:"cost"`            // units per step
}

// bound is where a tier ends, as a quantity.
func (t Tier) bound(size Quantity) Quantity {
	if t.UpTo <= 0 || t.UpTo > int64(math.MaxInt64/size) {
		return math.MaxInt64
	}
	return Quantity(t.UpTo) * size
}

// at is the tier that the last of a quantity falls in.
func (t *Tiers) at(total, size Quantity) *Tier {
	for i := range t.Steps {
		if total <= t.Steps[i].bound(size) {
			return &t.Steps[i]
		}
	}
	return &t.Steps[len(t.Steps)-1]
}

// slices calls f with each part of a counted quantity and what a step of it costs.
func (t *Tiers) slices(used, counted, size Quantity, f func(cost core.Rate, n Quantity) error) error {
	if t.Mode == Volume {
		return f(t.at(used+counted, size).Cost, counted)
	}
	for i := range t.Steps {
		if n := min(counted, t.Steps[i].bound(size)-used); n > 0 {
			if err := f(t.Steps[i].Cost, n); err != nil {
				return err
			}
			used, counted = used+n, counted-n
		}
	}
	return nil
}

// Counter is what counts the use that an event's price depends on, and how
// much the event adds to it; "" when the price depends on none.
func (a *Action) Counter(e Event) (name string, per Period, counts Quantity, err error) {
	r, err := a.match(e.Dimensions)
	if err != nil || r.Tiers == nil || r.Tiers.Per == PerEvent {
		return "", "", 0, err
	}
	if !a.free(e.Outcome) {
		counts, err = a.counted(e.Quantity)
	}
	return r.Tiers.Counter, r.Tiers.Per, counts, err
}

// size is the quantity of one step.
func (a *Action) size() Quantity { return Quantity(max(a.Per, 1)) * One }

// maxPer bounds the quantity in one step.
const maxPer = 1_000_000_000

// counted is a quantity settled into steps: the quantity of all of them.
func (a *Action) counted(q Quantity) (Quantity, error) {
	if q < 0 || Quantity(core.MaxAmount) < q || a.Per > maxPer {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "the quantity of %q is too large", a.Name), "quantity")
	}
	mode := core.RoundUp
	switch a.Round {
	case StepNone, "":
		return q, nil
	case StepHalfEven:
		mode = core.RoundHalfEven
	}
	size := a.size()
	steps, _, err := core.MulDiv(core.Amount(q), core.Rate{Num: 1, Den: int64(size)}, mode)
	return Quantity(steps) * size, err
}
