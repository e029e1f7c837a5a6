package plan

import (
	"slices"

	"scrip/core"
)

// Exchange is the state of an account that is counted in another unit from
// now on, of which by whole ones are worth one of the old: every number of
// credits that it keeps, its own copy of the plan included, becomes the
// nearest part of the new unit, and what one credit of overage costs stays
// exact. The plan in the config takes over with the next renewal.
func (s *State) Exchange(from, to core.Unit, by core.Rate) (*State, error) {
	other, err := s.Copy()
	if err != nil {
		return nil, err
	}
	parts, err := by.Scaled(to.Scale - from.Scale)
	if err != nil {
		return nil, err
	}
	x := &exchange{parts: parts, back: core.Rate{Num: by.Den, Den: by.Num}}
	if sub := other.Subscription; sub != nil {
		x.terms(&sub.Terms)
		for i := range sub.Rules {
			r := &sub.Rules[i]
			if x.amounts(&r.Given, &r.Capped); r.Had != nil {
				x.allotment(r.Had)
			}
			for k := range r.Unpaid {
				x.amounts(&r.Unpaid[k].Amount, &r.Unpaid[k].Room)
			}
		}
		if p := sub.Pending; p != nil && p.Terms != nil {
			x.terms(p.Terms)
		}
	}
	for i := range other.Former {
		x.amounts(&other.Former[i].Amount)
	}
	other.Billing.Moved = other.Billing.Moved || s.Subscription != nil
	for i := range other.Billing.Over {
		x.amounts(&other.Billing.Over[i].Units, &other.Billing.Over[i].Billed)
	}
	for i := range other.Billing.Charges {
		x.amounts(&other.Billing.Charges[i].Units)
	}
	if other.Watch != nil {
		x.watch(other.Watch)
		if other.Watch.Home == "" {
			other.Watch.Home = from.Code
		}
	}
	return other, x.err
}

// exchange converts figures, and remembers the first that cannot be.
type exchange struct {
	parts core.Rate // new parts for an old one
	back  core.Rate // old whole units for a new one
	err   error
}

func (x *exchange) amounts(list ...*core.Amount) {
	for _, a := range list {
		below := *a < 0
		n, _, err := core.MulDiv(max(*a, -*a), x.parts, core.RoundHalfEven)
		if err != nil && x.err == nil {
			x.err = err
		}
		if *a = n; below {
			*a = -n
		}
	}
}

// bound converts an amount of which zero would mean that there is no bound.
func (x *exchange) bound(a *core.Amount) {
	if *a != 0 {
		x.amounts(a)
		*a = max(*a, 1)
	}
}

// price is what Per new units cost that cost so much as old ones.
func (x *exchange) price(list []core.Price) []core.Price {
	list = slices.Clone(list)
	for i := range list {
		r, err := list[i].Rate.Mul(x.back)
		if err != nil && x.err == nil {
			x.err = err
		}
		list[i].Rate = r
	}
	return list
}

func (x *exchange) terms(t *Terms) {
	t.Allotments = slices.Clone(t.Allotments)
	for i := range t.Allotments {
		x.allotment(&t.Allotments[i])
	}
	if t.Overage != nil {
		o := *t.Overage
		x.bound(&o.Limit)
		o.Prices = x.price(o.Prices)
		actions := map[string][]core.Price{}
		for action, prices := range o.Actions {
			actions[action] = x.price(prices)
		}
		if len(actions) > 0 {
			o.Actions = actions
		}
		t.Overage = &o
	}
	if t.Trial != nil {
		trial := *t.Trial
		x.amounts(&trial.Credits)
		t.Trial = &trial
	}
}

func (x *exchange) allotment(a *Allotment) {
	x.amounts(&a.Credits)
	a.Brackets = slices.Clone(a.Brackets)
	for j := range a.Brackets {
		x.amounts(&a.Brackets[j].Credits)
	}
	if a.Cap != nil {
		c := *a.Cap
		x.amounts(&c.Amount)
		a.Cap = &c
	}
	if a.Rollover != nil {
		r := *a.Rollover
		x.bound(&r.Max)
		a.Rollover = &r
	}
}

func (x *exchange) watch(w *Watch) {
	if s := w.TopUp; s != nil {
		x.amounts(&s.Coming, &s.Bought, &s.Before)
		if r := s.Rule; r != nil {
			x.amounts(&r.Below, &r.Amount, &r.To, &r.Floor)
		}
	}
	if s := w.Alerts; s != nil {
		for _, list := range [][]core.Amount{s.Armed, s.Low} {
			for i := range list {
				if list[i] != exhausted { // which is the least there is, in any unit
					x.amounts(&list[i])
				}
			}
		}
		if s.Rule != nil {
			for i := range s.Rule.Low {
				x.amounts(&s.Rule.Low[i])
			}
		}
	}
}
