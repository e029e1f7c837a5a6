package convert

import (
	"fmt"
	"math/big"
	"strings"

	"scrip/core"
)

// Kind says what a price counts, and so how it changes and what can hold it.
type Kind string

// The kinds.
const (
	// Fixed is an amount of the unit by itself: the cost, base or minimum of an
	// event, the credits of a pack or an allotment, a threshold, a limit. It
	// must lie on the unit's scale.
	Fixed Kind = "fixed"
	// PerStep is units for a step of a quantity. It may be finer than the
	// scale, up to [core.MaxScale] decimals.
	PerStep Kind = "per_step"
	// PerUnit is money for one unit, such as a price of overage or the list
	// price. It changes the other way, and keeps up to [core.MaxScale] decimals.
	PerUnit Kind = "per_unit"
)

// Price is one figure of a rate card, pack or plan.
type Price struct {
	Name string // where it stands, for reports: packs.starter.credits
	Kind Kind
	From core.Rate // in whole old units, or money for one
	To   core.Rate // the same after the change; set by [Change.Prices]
}

// NoScale is the number of decimals of what no decimal ends.
const NoScale = -1

// Fault is a price that the new unit cannot hold exactly.
type Fault struct {
	Name     string
	Unit     string
	Exact    *big.Rat // the value it would need, in whole new units
	Scale    int      // decimals that may be kept
	Decimals int      // decimals it would need, or NoScale
}

// Error says what is too fine and what would hold it.
func (f *Fault) Error() string {
	var exact strings.Builder
	if f.Decimals == NoScale {
		exact.WriteString(f.Exact.RatString())
	} else {
		exact.WriteString(f.Exact.FloatString(f.Decimals))
	}
	text := fmt.Sprintf("%s would be %s in %q", f.Name, exact.String(), f.Unit)
	switch {
	case f.Decimals == NoScale:
		return text + ", which no number of decimals holds: choose a price of its own"
	case f.Decimals <= f.Scale:
		return text + ", which is too large"
	case f.Decimals > core.MaxScale:
		return fmt.Sprintf("%s, which needs %d decimals and %d are the most: choose a price of its own", text, f.Decimals, core.MaxScale)
	}
	return fmt.Sprintf("%s, which needs %d decimals and the unit keeps %d: give the unit scale %d", text, f.Decimals, f.Scale, f.Decimals)
}

// Prices converts figures exactly, by the list price or the rate, never by
// rounding. Those that the new unit cannot hold are returned as faults, all of
// them, with what they would need, and are left out of the prices.
func (c *Change) Prices(prices []Price) ([]Price, []*Fault) {
	var out []Price
	var faults []*Fault
	for _, p := range prices {
		exact, scale := rat(p.From), core.MaxScale
		if p.Kind == PerUnit {
			exact.Quo(exact, rat(c.unit))
		} else {
			exact.Mul(exact, rat(c.unit))
		}
		if p.Kind == Fixed {
			scale = c.To.Scale
		}
		need := decimals(exact)
		kept := need
		if p.Kind == Fixed {
			kept = scale // it is counted in the unit's smallest parts
		}
		if need == NoScale || need > scale || !writable(exact, kept) {
			faults = append(faults, &Fault{p.Name, c.To.Code, exact, scale, need})
			continue
		}
		p.To = core.Rate{Num: exact.Num().Int64(), Den: exact.Denom().Int64()}
		out = append(out, p)
	}
	return out, faults
}

// rat is r in numbers of any size; an unset rate is zero.
func rat(r core.Rate) *big.Rat {
	if r.Num == 0 || r.Den == 0 {
		return new(big.Rat)
	}
	return big.NewRat(r.Num, r.Den)
}

// writable reports whether x can be written as an amount of that many decimals.
func writable(x *big.Rat, scale int) bool {
	_, err := core.ParseAmount(x.FloatString(scale), scale)
	return err == nil
}

// decimals is how many decimals write x exactly, or NoScale.
func decimals(x *big.Rat) int {
	den := new(big.Int).Set(x.Denom())
	twos := int(den.TrailingZeroBits())
	den.Rsh(den, uint(twos))
	fives := 0
	var q, rem big.Int
	five := big.NewInt(5)
	for {
		if q.QuoRem(den, five, &rem); rem.Sign() != 0 {
			break
		}
		den.Set(&q)
		fives++
	}
	if den.Cmp(big.NewInt(1)) != 0 {
		return NoScale
	}
	return max(twos, fives)
}
