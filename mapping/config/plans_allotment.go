package config

import (
	"slices"

	"scrip/core"
	"scrip/core/plan"
)

// allotments reads one allotment, or a list of them.
func (r *planReader) allotments(f field, t *plan.Terms) []plan.Allotment {
	items := r.oneOrEach(f)
	if len(items) > maxAllotments {
		r.fault(f.value.at, "allotment: %d are too many, at most %d are read", len(items), maxAllotments)
		return nil
	}
	list := make([]plan.Allotment, len(items))
	for i, item := range items {
		list[i] = r.allotment(item, t, allotmentPath(r.path, i))
	}
	return list
}

func (r *planReader) allotment(f field, t *plan.Terms, path string) plan.Allotment {
	a := plan.Allotment{Every: t.Every, Priority: core.DefaultPriority}
	o := r.object(f, "allotment", allotmentFields, "")
	if every, ok := o.get("every"); ok {
		if a.Every = r.calendar(every); days(a.Every) > days(t.Every) {
			r.fault(every.value.at, "every: an allotment of %s is longer than the plan's %s", a.Every, t.Every)
		}
	}
	if start, ok := o.get("start"); ok {
		a.Midnight = r.choice(start, "anchor", "midnight") == "midnight"
	}
	if credits, ok := o.get("credits"); ok {
		a.Credits = r.amount(credits, path+"credits")
	}
	r.seats(o, &a, path)
	if !o.has("credits") && !o.has("seats") && o.ok {
		r.fault(o.at, "allotment needs the field \"credits\" or \"seats\"")
	}
	if tooMuch(&a) {
		r.fault(o.at, "allotment: for %d seats it may grant more than can be counted", plan.MaxSeats)
	}
	if priority, ok := o.get("priority"); ok {
		a.Priority = int(r.integer(priority, 0, core.MaxPriority))
	}
	if scope, ok := o.get("scope"); ok {
		for _, item := range r.names(scope) {
			if name, ok := r.text(item, maxEcho); ok {
				a.Actions = append(a.Actions, name)
			}
		}
		if scope.value.kind == aList && len(scope.value.items) == 0 {
			r.fault(scope.value.at, "scope is empty, remove it to let the credits pay for anything")
		}
	}
	r.lives(o, &a, path)
	r.occasion(o, &a, t)
	if most, ok := o.get("cap"); ok {
		a.Cap = r.cap(most, &a, path)
	}
	return a
}

// seats reads what each seat grants.
func (r *planReader) seats(o object, a *plan.Allotment, path string) {
	f, ok := o.get("seats")
	mode, hasMode := o.get("mode")
	if hasMode && !o.has("seats") {
		r.fault(mode.at, "mode goes with seats")
	} else if hasMode {
		a.Volume = r.choice(mode, "graduated", "volume") == "volume"
	}
	if !ok {
		return
	}
	items := r.names(f)
	if n := len(items); f.value.kind == aList && (n == 0 || n > maxBrackets) {
		r.fault(f.value.at, "seats: %d brackets, from 1 to %d are read", n, maxBrackets)
		return
	}
	for i, item := range items {
		one := r.object(item, "a bracket", bracketFields, "")
		var b plan.Bracket
		if upTo, ok := one.get("up_to"); ok {
			b.UpTo = int(r.integer(upTo, 1, plan.MaxSeats))
		}
		if credits, ok := one.need("credits"); ok {
			b.Credits = r.amount(credits, bracketPath(path, i))
		}
		before := 0
		if i > 0 && len(a.Brackets) == i {
			before = a.Brackets[i-1].UpTo
		}
		switch {
		case i > 0 && before == 0:
			r.fault(item.value.at, "seats: the bracket before has no up_to, so that nothing is left for this one")
		case b.UpTo != 0 && b.UpTo <= before:
			r.fault(item.value.at, "seats: up_to %d is not above %d, that of the bracket before", b.UpTo, before)
		}
		a.Brackets = append(a.Brackets, b)
	}
}

// lives reads how long an allotment lasts and what is carried over.
func (r *planReader) lives(o object, a *plan.Allotment, path string) {
	if expires, ok := o.get("expires"); ok {
		if text, ok := r.text(expires, maxEcho); ok && text == "never" {
			a.Never = true
		} else if ok && text != "cycle" {
			a.Life = r.calendar(expires)
		}
	}
	f, ok := o.get("rollover")
	if !ok {
		return
	}
	if a.Never || !a.Life.IsZero() {
		r.fault(f.at, "rollover: what does not end with its cycle is not carried over, write expires: cycle or remove rollover")
	}
	a.Rollover = r.rollover(f, path+"rollover.")
}

func (r *planReader) rollover(f field, path string) *plan.Rollover {
	roll := &plan.Rollover{Priority: core.DefaultPriority}
	o := r.object(f, "rollover", rolloverFields, "")
	if most, ok := o.get("max"); ok {
		roll.Max, roll.Times = r.bound(most, path+"max")
	}
	if of, ok := o.get("of"); ok {
		if roll.Total = r.choice(of, "rolled", "total") == "total"; !o.has("max") {
			r.fault(of.at, "of goes with max, it says what max bounds")
		}
	}
	if life, ok := o.get("for"); ok {
		if text, ok := r.text(life, maxEcho); ok {
			if m := cycleSpan.FindStringSubmatch(text); m != nil {
				if roll.Cycles = int(number(m[1])); roll.Cycles == 0 || roll.Cycles > 1200 {
					r.fault(life.value.at, "for: %q is not from 1 to 1200 cycles", text)
				}
			} else {
				roll.Life = r.calendar(life)
			}
		}
	}
	if priority, ok := o.get("priority"); ok {
		roll.Priority = int(r.integer(priority, 0, core.MaxPriority))
	}
	if forfeit, ok := o.get("forfeit"); ok {
		for _, item := range r.names(forfeit) {
			if on := plan.Loss(r.choice(item, string(plan.OnDowngrade), string(plan.OnCancel))); on != "" && !slices.Contains(roll.Forfeit, on) {
				roll.Forfeit = append(roll.Forfeit, on)
			}
		}
	}
	return roll
}

// occasion reads when an allotment is granted.
func (r *planReader) occasion(o object, a *plan.Allotment, t *plan.Terms) {
	on, ok := o.get("on")
	if !ok {
		return
	}
	if a.OnPayment = r.choice(on, "boundary", "payment") == "payment"; a.OnPayment && len(t.Prices) == 0 {
		r.fault(on.value.at, "on: a plan without a price is never paid, write boundary")
	}
}

// cap reads "150 per month".
func (r *planReader) cap(f field, a *plan.Allotment, path string) *plan.Cap {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return nil
	}
	m := capSpan.FindStringSubmatch(text)
	if m == nil {
		r.fault(f.value.at, "cap: %q is not a bound such as 150 per month", text)
		return nil
	}
	number := *f.value
	number.text = m[1]
	c := &plan.Cap{Amount: r.amount(field{f.key, f.at, &number}, path+"cap"), Per: plan.Span{N: 1, Of: plan.Step(m[2])}}
	if days(c.Per) <= days(a.Every) {
		r.fault(f.value.at, "cap: %s is not longer than the allotment's %s", c.Per, a.Every)
	}
	return c
}
