package rate

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"scrip/core"
)

// Price adds to dst what an event costs in each unit, in the units' smallest
// parts. The first of units is the card's own.
func (a *Action) Price(e Event, units []core.Unit, dst []Part) ([]Part, error) {
	r, err := a.match(e.Dimensions)
	if err != nil {
		return dst, err
	}
	if len(r.Parts) == 0 {
		return a.part(e, r, Cost{a.Unit, r.Cost}, units, dst)
	}
	for _, p := range r.Parts {
		if dst, err = a.part(e, r, p, units, dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (a *Action) part(e Event, r *Rate, c Cost, units []core.Unit, dst []Part) ([]Part, error) {
	for i, u := range units {
		if u.Code == c.Unit || i == 0 && c.Unit == "" {
			n, err := a.amount(e, r, c.Cost, u.Scale)
			return append(dst, Part{u.Code, n}), err
		}
	}
	return dst, core.Errorf(core.CodeInvalid, "action %q is priced in %q, which is not configured", a.Name, c.Unit)
}

// Cost is what an event costs in the one unit that it is priced in. An event
// that is priced in several at once is refused.
func (a *Action) Cost(e Event, unit core.Unit) (core.Amount, error) {
	r, err := a.match(e.Dimensions)
	switch {
	case err != nil:
		return 0, err
	case len(r.Parts) == 0:
		return a.amount(e, r, r.Cost, unit.Scale)
	case len(r.Parts) == 1 && r.Parts[0].Unit == unit.Code:
		return a.amount(e, r, r.Parts[0].Cost, unit.Scale)
	}
	return 0, core.InField(core.Errorf(core.CodeNotSupported, "action %q costs several units at once here, only a debit can take them", a.Name), "action")
}

// free reports whether an outcome costs nothing.
func (a *Action) free(outcome string) bool {
	return outcome != "" && slices.Contains(a.RefundOn, outcome)
}

// amount prices an event by one rate in one unit.
func (a *Action) amount(e Event, r *Rate, cost core.Rate, scale int) (core.Amount, error) {
	if a.free(e.Outcome) {
		return 0, nil
	}
	counted, err := a.counted(e.Quantity)
	if err != nil {
		return 0, err
	}
	if r.Tiers != nil && len(r.Tiers.Steps) == 0 {
		return 0, core.Errorf(core.CodeInvalid, "the tiers of %q have no steps", a.Name)
	}
	p := pricing{a: a, r: r, cost: cost, dimensions: e.Dimensions, counted: counted}
	if r.Tiers != nil && r.Tiers.Per != PerEvent {
		p.used = e.Used
	}
	if p.used < 0 || p.used > Quantity(core.MaxAmount) {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "so much of %q was used already that it cannot be counted on", a.Name), "quantity")
	}
	// Factors are looked up once more on either way: a value that is not
	// listed is the caller's fault and no matter of size.
	if err := p.factors(func(core.Rate) error { return nil }); err != nil {
		return 0, err
	}
	total, err := p.quick(scale)
	if err != nil || total < 0 {
		total, err = p.exact(scale)
	}
	if err == nil && total > core.MaxAmount {
		err = core.Errorf(core.CodeInvalid, "the cost of %q is too large", a.Name)
	}
	if err != nil {
		return 0, core.InField(err, "quantity")
	}
	return total, nil
}

// pricing is one event on its way to an amount.
type pricing struct {
	a             *Action
	r             *Rate
	cost          core.Rate
	dimensions    map[string]string
	used, counted Quantity
}

// slices calls f with each part of the quantity and what a step of it costs.
func (p *pricing) slices(f func(cost core.Rate, n Quantity) error) error {
	if p.r.Tiers == nil {
		return f(p.cost, p.counted)
	}
	return p.r.Tiers.slices(p.used, p.counted, p.a.size(), f)
}

// factors calls f with each number that the dimensions pick.
func (p *pricing) factors(f func(core.Rate) error) error {
	for _, list := range [2][]Factor{p.a.Multiply, p.r.Multiply} {
		for i := range list {
			by, err := list[i].pick(p.a.Name, p.dimensions)
			if err == nil {
				err = f(by)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Factor) pick(action string, dimensions map[string]string) (core.Rate, error) {
	value, named := dimensions[f.Dimension]
	if by, ok := f.Values[value]; ok && named {
		return by, nil
	}
	if f.Otherwise != nil {
		return *f.Otherwise, nil
	}
	what := fmt.Sprintf("%s %q", f.Dimension, value)
	if !named {
		what = f.Dimension
	}
	return core.Rate{}, core.InField(core.Errorf(core.CodeInvalid, "action %q has no factor for the dimension %s, name one of %q",
		action, what, slices.Sorted(maps.Keys(f.Values))), "dimensions")
}

// base and minimum are the rate's, or else the action's; a price in several
// units has none.
func (p *pricing) base() core.Rate    { return p.given(p.r.Base, p.a.Base) }
func (p *pricing) minimum() core.Rate { return p.given(p.r.Minimum, p.a.Minimum) }

func (p *pricing) given(own *core.Rate, other core.Rate) core.Rate {
	switch {
	case len(p.r.Parts) > 0:
		return core.Rate{Num: 0, Den: 1}
	case own != nil:
		return *own
	}
	return other
}

// quick is the amount where every step of the calculation fits 64 bits.
func (p *pricing) quick(scale int) (core.Amount, error) {
	sum, size := core.Rate{Num: 0, Den: 1}, int64(p.a.size())
	err := p.slices(func(cost core.Rate, n Quantity) error {
		one, err := cost.Mul(core.Rate{Num: int64(n), Den: size})
		if err == nil {
			sum, err = sum.Add(one)
		}
		return err
	})
	if err == nil {
		err = p.factors(func(by core.Rate) (err error) {
			sum, err = sum.Mul(by)
			return err
		})
	}
	if err != nil {
		return 0, err
	}
	total, err := inParts(p.base(), sum, scale)
	if err != nil {
		return 0, err
	}
	minimum := p.minimum()
	if minimum.IsZero() {
		return total, nil
	}
	least, err := inParts(minimum, core.Rate{}, scale)
	return max(total, least), err
}

// inParts is base + rest in the smallest parts of a unit, rounded once.
func inParts(base, rest core.Rate, scale int) (core.Amount, error) {
	exact, err := rest.Scaled(scale)
	if err != nil {
		return 0, err
	}
	if base.IsZero() && base.Den > 0 {
		n, _, err := core.MulDiv(1, exact, core.RoundHalfEven)
		return n, err
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

// exact is the amount whatever the size of the numbers between.
func (p *pricing) exact(scale int) (core.Amount, error) {
	base, err := bigRat(p.base())
	if err != nil {
		return 0, err
	}
	minimum, err := bigRat(p.minimum())
	if err != nil {
		return 0, err
	}
	sum, size := new(big.Rat), new(big.Int).SetInt64(int64(p.a.size()))
	err = p.slices(func(cost core.Rate, n Quantity) error {
		one, err := bigRat(cost)
		if err == nil {
			sum.Add(sum, one.Mul(one, new(big.Rat).SetFrac(big.NewInt(int64(n)), size)))
		}
		return err
	})
	if err == nil {
		err = p.factors(func(by core.Rate) error {
			one, err := bigRat(by)
			if err == nil {
				sum.Mul(sum, one)
			}
			return err
		})
	}
	if err != nil {
		return 0, err
	}
	if sum.Add(sum, base); sum.Cmp(minimum) < 0 {
		sum = minimum
	}
	sum.Mul(sum, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	n := nearest(sum)
	if !n.IsInt64() || n.Int64() > int64(core.MaxAmount) {
		return 0, core.Errorf(core.CodeInvalid, "the cost of %q is too large", p.a.Name)
	}
	return core.Amount(n.Int64()), nil
}

func bigRat(r core.Rate) (*big.Rat, error) {
	if r.Num < 0 || r.Den < 0 || r.Den == 0 && r.Num != 0 {
		return nil, core.Errorf(core.CodeInvalid, "rate %d/%d is undefined", r.Num, r.Den)
	}
	if r.Num == 0 {
		return new(big.Rat), nil
	}
	return big.NewRat(r.Num, r.Den), nil
}

// nearest is the whole number nearest to x, which is not negative; of two, the even one.
func nearest(x *big.Rat) *big.Int {
	n, rest := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(x.Denom()); c > 0 || c == 0 && n.Bit(0) == 1 {
		n.Add(n, big.NewInt(1))
	}
	return n
}
