package reports

import (
	"scrip/core"
	"scrip/core/books"
	"scrip/core/rate"
)

// reach is the least and the most that one step of an action costs by a rate
// card; without a denominator it costs nothing in the unit at hand.
type reach struct{ from, to core.Rate }

func (r *reach) add(cost core.Rate) {
	if r.from.Den == 0 || books.CompareRates(cost, r.from) < 0 {
		r.from = cost
	}
	if r.to.Den == 0 || books.CompareRates(cost, r.to) > 0 {
		r.to = cost
	}
}

// card is what the rate card in force at the report's instant says of each
// action that is priced in a unit.
func (r *run) card(unit string) map[string]reach {
	in, err := r.config.Cards.At(r.At, "")
	if err != nil {
		return nil
	}
	all := map[string]reach{}
	for name, a := range in.Actions {
		var got reach
		for i := range a.Rates {
			for _, cost := range r.costs(&a, &a.Rates[i], unit) {
				got.add(cost)
			}
		}
		if got.from.Den > 0 {
			all[name] = got
		}
	}
	return all
}

// costs are what one step can come to by one rate: by each tier, and by the
// least and the largest of each factor. What no fraction of 64 bits holds is
// left out.
func (r *run) costs(a *rate.Action, one *rate.Rate, unit string) (list []core.Rate) {
	if len(one.Parts) > 0 {
		for _, p := range one.Parts {
			if p.Unit == unit {
				list = append(list, p.Cost)
			}
		}
		return list
	}
	if own := a.Unit; own != unit && (own != "" || unit != r.config.Units[0].Code) {
		return nil
	}
	list = append(list, one.Cost)
	if one.Tiers != nil {
		list = list[:0]
		for _, t := range one.Tiers.Steps {
			list = append(list, t.Cost)
		}
	}
	for _, factors := range [...][]rate.Factor{a.Multiply, one.Multiply} {
		for i := range factors {
			list = multiplied(list, &factors[i])
		}
	}
	base, minimum := a.Base, a.Minimum
	if one.Base != nil {
		base = *one.Base
	}
	if one.Minimum != nil {
		minimum = *one.Minimum
	}
	whole := list[:0]
	for _, cost := range list {
		if sum, err := cost.Add(base); err == nil {
			if books.CompareRates(sum, minimum) < 0 {
				sum = minimum
			}
			whole = append(whole, sum)
		}
	}
	return whole
}

// multiplied is each cost by the least and by the largest value of a factor.
func multiplied(list []core.Rate, f *rate.Factor) (products []core.Rate) {
	var values reach
	for _, v := range f.Values {
		values.add(v)
	}
	if f.Otherwise != nil {
		values.add(*f.Otherwise)
	}
	for _, cost := range list {
		for _, v := range [...]core.Rate{values.from, values.to} {
			if product, err := cost.Mul(v); err == nil && v.Den > 0 {
				products = append(products, product)
			}
		}
	}
	return products
}
