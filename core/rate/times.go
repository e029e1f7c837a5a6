package rate

import (
	"math"

	"scrip/core"
)

// Endless is how often something can be paid that costs nothing.
const Endless int64 = math.MaxInt64

// Times is how often an event, and the same again after it, can be paid from
// what there is of each unit: [Endless] when it costs nothing any more.
func (a *Action) Times(e Event, units []core.Unit, has func(unit string) core.Amount) (int64, error) {
	r, err := a.match(e.Dimensions)
	if err != nil {
		return 0, err
	}
	counts, err := a.counted(e.Quantity)
	if err != nil {
		return 0, err
	}
	var spent core.Amount // tiers are of one unit
	var buffer [4]Part
	for total := int64(0); ; {
		parts, err := a.Price(e, units, buffer[:0])
		if err != nil {
			return 0, err
		}
		paid, alike := Endless, a.alike(r, e, counts)
		for _, p := range parts {
			if p.Amount > 0 {
				paid = min(paid, int64(max(0, has(p.Unit)-spent)/p.Amount))
			}
		}
		switch {
		case paid == Endless && alike == Endless:
			return Endless, nil
		case paid < alike:
			return total + paid, nil
		}
		spent += parts[0].Amount * core.Amount(alike)
		e.Used += counts * Quantity(alike)
		total += alike
	}
}

// alike is how many such events in a row have one price.
func (a *Action) alike(r *Rate, e Event, counts Quantity) int64 {
	if r.Tiers == nil || r.Tiers.Per == PerEvent || counts == 0 || a.free(e.Outcome) {
		return Endless
	}
	size := a.size()
	bound := r.Tiers.at(e.Used+counts, size).bound(size)
	switch {
	case bound == math.MaxInt64 && (r.Tiers.Mode == Volume || r.Tiers.at(e.Used+1, size).bound(size) == bound):
		return Endless
	case bound == math.MaxInt64:
		return 1
	case r.Tiers.Mode == Graduated && r.Tiers.at(e.Used+1, size).bound(size) != bound:
		return 1
	}
	return int64((bound - e.Used) / counts)
}
