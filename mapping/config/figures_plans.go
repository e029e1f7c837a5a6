package config

import (
	"fmt"
	"maps"
	"slices"

	"scrip/core"
	"scrip/core/plan"
)

// eachPlanAmount calls f with every number of units that a plan has, and its
// path. A field that is not written is not among them.
func eachPlanAmount(t *plan.Terms, f func(at string, amount *core.Amount)) {
	path := planPath(t.Plan)
	for i := range t.Allotments {
		a, at := &t.Allotments[i], allotmentPath(path, i)
		f(at+"credits", &a.Credits)
		for j := range a.Brackets {
			f(bracketPath(at, j), &a.Brackets[j].Credits)
		}
		if a.Cap != nil {
			f(at+"cap", &a.Cap.Amount)
		}
		if a.Rollover != nil && a.Rollover.Times.IsZero() {
			f(at+"rollover.max", &a.Rollover.Max)
		}
	}
	if t.Overage != nil && t.Overage.Times.IsZero() {
		f(path+"overage.limit", &t.Overage.Limit)
	}
	if t.Trial != nil {
		f(path+"trial.credits", &t.Trial.Credits)
	}
}

// eachPlanPrice calls f with every money value of units that a plan has.
func eachPlanPrice(t *plan.Terms, f func(at string, price *core.Price)) {
	if t.Overage == nil {
		return
	}
	path := planPath(t.Plan)
	for i := range t.Overage.Prices {
		f(overagePath(path, ""), &t.Overage.Prices[i])
	}
	for _, action := range slices.Sorted(maps.Keys(t.Overage.Actions)) {
		for i := range t.Overage.Actions[action] {
			f(overagePath(path, action), &t.Overage.Actions[action][i])
		}
	}
}

// planFigures lists what plans have in force, by path.
func (c *Config) planFigures(out map[string]core.Rate) {
	for _, t := range c.Plans {
		eachPlanAmount(&t, func(at string, amount *core.Amount) {
			if r, err := (core.Rate{Num: int64(*amount), Den: 1}).Scaled(-c.Units[0].Scale); err == nil {
				out[at] = r
			}
		})
		eachPlanPrice(&t, func(at string, price *core.Price) { out[pricePath(at, price.Currency)] = price.Rate })
	}
}

// plans settles every figure of every plan.
func (v *resolver) plans() {
	all := maps.Clone(v.out.Plans)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t := clonePlan(all[name])
		eachPlanAmount(&t, func(at string, amount *core.Amount) {
			*amount = v.amountOf(at)
			if f, written := v.draft.figures[at]; written && *amount == 0 && !f.value.IsZero() && len(v.faults) == 0 {
				v.invalid(f.at, "%s: %q comes to nothing in %q", f.key, f.text, v.change.To.Code)
			}
		})
		eachPlanPrice(&t, func(at string, price *core.Price) {
			path := pricePath(at, price.Currency)
			if old, carried := v.carried(path); carried {
				*price, _ = v.price(at, v.draft.figures[path].at, core.Price{Rate: old, Currency: price.Currency})
			}
		})
		for i := range t.Allotments {
			if tooMuch(&t.Allotments[i]) {
				v.invalid(v.draft.at, "in the new unit, an allotment of plan %q is more than can be counted", name)
			}
		}
		all[name] = t
	}
	v.out.Plans = all
}

// clonePlan is a copy whose figures can be changed.
func clonePlan(t plan.Terms) plan.Terms {
	t.Allotments = slices.Clone(t.Allotments)
	for i := range t.Allotments {
		a := &t.Allotments[i]
		a.Brackets = slices.Clone(a.Brackets)
		a.Cap, a.Rollover = cloned(a.Cap), cloned(a.Rollover)
	}
	t.Trial, t.Overage = cloned(t.Trial), cloned(t.Overage)
	if t.Overage != nil {
		t.Overage.Prices, t.Overage.Actions = slices.Clone(t.Overage.Prices), maps.Clone(t.Overage.Actions)
		for action, list := range t.Overage.Actions {
			t.Overage.Actions[action] = slices.Clone(list)
		}
	}
	return t
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	one := *p
	return &one
}

// tooMuch reports whether an allotment could grant what no account can count.
func tooMuch(a *plan.Allotment) bool {
	for _, b := range a.Brackets {
		seats := b.UpTo
		if seats == 0 {
			seats = plan.MaxSeats
		}
		if b.Credits > maxGranted/maxBrackets/core.Amount(seats) {
			return true
		}
	}
	return a.Credits > maxGranted
}

// The paths of a plan's figures.

func planPath(name string) string { return "plans." + name + "." }

func allotmentPath(plan string, i int) string { return fmt.Sprintf("%sallotment[%d].", plan, i) }

func bracketPath(allotment string, i int) string {
	return fmt.Sprintf("%sseats[%d].credits", allotment, i)
}

func overagePath(plan, action string) string {
	if action == "" {
		return plan + "overage.price"
	}
	return plan + "overage.actions.price of " + action
}
