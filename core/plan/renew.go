package plan

import (
	"reflect"
	"slices"

	"scrip/core"
)

// next is when the subscription acts next.
func (s *State) next() core.Time {
	sub := s.Subscription
	due := core.Never
	if sub.Ends != 0 {
		due = sub.Ends
	}
	if sub.Trial != 0 {
		return min(due, sub.Trial)
	}
	due = min(due, s.calendar(sub.Terms.Every).After(sub.Period))
	for i := range sub.Rules {
		due = min(due, s.rule(&sub.Terms.Allotments[i]).After(sub.Rules[i].Period))
	}
	return due
}

// Act does what is due at an instant, in a fixed order: the old period is
// closed, with its overage; what is left of its allotment is carried over or
// ends; the new period's is granted.
func (s *State) Act(a *core.Account, at, now core.Time) {
	if s.due <= at {
		s.act(a, at, now)
		s.reckon()
	}
	if s.Watch.Due() <= at {
		s.Watch.Act()
	}
}

func (s *State) act(a *core.Account, at, now core.Time) {
	sub := s.Subscription
	cal := s.calendar(sub.Terms.Every)
	switch {
	case sub.Ends != 0 && sub.Ends <= at:
		s.finish(a, at, now)
		return
	case sub.Trial != 0:
		sub.Trial = 0
		paid := s.ahead()
		s.refresh(at)
		s.settlePending()
		s.prove(paid)
		s.open(a, at, now)
		s.renewed(at)
		return
	}
	renews := cal.After(sub.Period) <= at
	if renews || len(sub.Rules) > 0 && s.turns(0, at) {
		s.charge(a, at, "cycle")
	}
	if renews {
		sub.Period = cal.In(at)
		was, paid := *sub, s.ahead()
		other := s.settlePending() || s.refresh(at)
		if s.prove(paid); other {
			s.replace(a, &was, at, now)
			s.renewed(at)
			return
		}
		s.renewed(at)
	}
	for i := range sub.Rules {
		if s.turns(i, at) {
			s.turn(a, i, at, now)
		}
	}
}

func (s *State) turns(i int, at core.Time) bool {
	sub := s.Subscription
	return s.rule(&sub.Terms.Allotments[i]).After(sub.Rules[i].Period) <= at
}

func (s *State) renewed(at core.Time) {
	s.demand()
	from, to := s.Span()
	s.Tell(Notice{Type: RenewedNotice, At: at, Dedupe: at.String(), Facts: map[string]string{
		"plan": s.Subscription.Terms.Plan, "period_start": from.String(), "period_end": to.String(),
	}})
}

// prove drops the payment of the period that begins, made ahead, where it was
// not of the price that the period has.
func (s *State) prove(paid core.Money) {
	sub := s.Subscription
	if sub.Paid >= sub.Period && paid != sub.Terms.Price(sub.Currency) {
		sub.Paid = sub.Period - 1
	}
	sub.Ahead = nil
}

// settlePending takes up what waited for the period; it reports whether the
// plan is another one.
func (s *State) settlePending() bool {
	sub := s.Subscription
	p := sub.Pending
	if p == nil {
		return false
	}
	sub.Pending = nil
	if p.Seats > 0 {
		sub.Seats = p.Seats
	}
	if p.Terms == nil {
		return false
	}
	sub.Terms = *p.Terms
	return true
}

// edition is the plan as the config has it at an instant, where that is another
// than the subscription has.
func (s *State) edition(at core.Time) (t Terms, is bool) {
	sub := s.Subscription
	if s.book == nil || at < s.book.Since {
		return t, false
	}
	t, is = s.book.Plans[sub.Terms.Plan]
	return t, is && t.Sells(sub.Currency) && !reflect.DeepEqual(t, sub.Terms)
}

// refresh takes up the plan as the config has it now. It reports whether its
// periods are others, so that all rules begin anew; else each goes on to its
// period's end by the terms that it began with.
func (s *State) refresh(at core.Time) bool {
	sub := s.Subscription
	t, is := s.edition(at)
	if !is {
		return false
	}
	old := sub.Terms
	sub.Terms = t
	if old.Every != t.Every || !slices.EqualFunc(old.Allotments, t.Allotments, func(x, y Allotment) bool { return x.Every == y.Every && x.Midnight == y.Midnight }) {
		return true
	}
	for i := range sub.Rules {
		if r := &sub.Rules[i]; r.Had == nil && !reflect.DeepEqual(old.Allotments[i], t.Allotments[i]) {
			r.Had = &old.Allotments[i]
		}
	}
	return false
}

// had are the terms of a rule's period in force.
func (sub *Subscription) had(i int) *Allotment {
	if had := sub.Rules[i].Had; had != nil {
		return had
	}
	return &sub.Terms.Allotments[i]
}

// replace goes over to terms whose rules are others than was had.
func (s *State) replace(a *core.Account, was *Subscription, at, now core.Time) {
	sub := s.Subscription
	paid := sub.Paid >= sub.Period
	s.retire(a, was, at)
	for i := range was.Rules {
		s.carry(a, was, i, at, now)
	}
	s.Serial++
	if sub.Terms.Every != was.Terms.Every {
		sub.Anchor = at
	}
	sub.Period = s.calendar(sub.Terms.Every).In(at)
	if sub.Paid = sub.Period - 1; paid {
		sub.Paid++
	}
	s.open(a, at, now)
}

// open begins all rules in the period that an instant lies in.
func (s *State) open(a *core.Account, at, now core.Time) {
	sub := s.Subscription
	sub.Period = s.calendar(sub.Terms.Every).In(at)
	sub.Rules = make([]Rule, len(sub.Terms.Allotments))
	for i := range sub.Rules {
		cal := s.rule(&sub.Terms.Allotments[i])
		n := cal.In(at)
		sub.Rules[i] = Rule{Period: n, Begun: cal.Start(n), Window: s.window(i, at)}
		s.fill(a, i, at, now)
	}
	s.Billing.Begun = at
}

// turn renews one rule: what is left is carried over or ends, then the new
// period's part is granted.
func (s *State) turn(a *core.Account, i int, at, now core.Time) {
	sub := s.Subscription
	s.carry(a, sub, i, at, now)
	s.stillOwed(i, at)
	r := &sub.Rules[i]
	cal := s.rule(&sub.Terms.Allotments[i])
	r.Period = cal.In(at)
	r.Begun, r.Grants, r.Given, r.Owed, r.For, r.Had = cal.Start(r.Period), 0, 0, false, 0, nil
	s.fill(a, i, at, now)
}

// window is the cap's time that an instant lies in.
func (s *State) window(i int, at core.Time) int {
	if c := s.Subscription.Terms.Allotments[i].Cap; c != nil {
		return s.calendar(c.Per).In(at)
	}
	return 0
}

// fill grants a rule's allotment for its period, or notes that it waits for
// the payment.
func (s *State) fill(a *core.Account, i int, at, now core.Time) {
	sub := s.Subscription
	t := &sub.Terms.Allotments[i]
	if t.OnPayment && sub.Paid < sub.Period {
		sub.Rules[i].Owed, sub.Rules[i].For = true, s.calendar(sub.Terms.Every).Start(sub.Period)
		return
	}
	s.give(a, i, t.Of(sub.Seats), at, now)
}

// give grants a part of a rule's allotment, as far as its cap lets it.
func (s *State) give(a *core.Account, i int, amount core.Amount, at, now core.Time) {
	sub := s.Subscription
	t, r := sub.had(i), &sub.Rules[i]
	if t.Cap != nil {
		amount = min(amount, t.Cap.Amount-r.Capped)
	}
	if amount <= 0 || r.Grants >= maxGrants {
		return
	}
	expires := core.Never
	switch {
	case t.Never:
	case !t.Life.IsZero():
		expires = Calendar{at, t.Life, s.zone}.Start(1)
	default:
		expires = s.rule(t).After(r.Period)
	}
	source := s.source(a, i, r.Begun)
	if _, err := a.Allot(core.Terms{
		ID: grantOf(a, source, r.Grants), Amount: amount, Category: core.Allotment, Priority: t.Priority,
		Starts: at, Expires: expires, Actions: t.Actions, Source: source,
	}, now); err != nil {
		return // more than an account can count: it has enough
	}
	r.Grants, r.Given = r.Grants+1, r.Given+amount
	if t.Cap != nil {
		r.Capped += amount
	}
}

// each calls f with the grants of a rule's period of which something is left.
// They are known by their source: a change of unit gives them other ids.
func (s *State) each(a *core.Account, r *Rule, i int, f func(g *core.Grant)) {
	for _, id := range left(a, s.source(a, i, r.Begun)) {
		f(a.Grant(id))
	}
}

// left are the grants from a source of which something is left.
func left(a *core.Account, source core.ID) []core.ID {
	var list []core.ID
	for k := range a.Grants {
		if g := &a.Grants[k]; g.Source == source && g.Closed == "" && g.Remaining > 0 {
			list = append(list, g.ID)
		}
	}
	return list
}

// carry ends what a rule's period has left at its end, and rolls over what its
// terms let go on. sub is the subscription with the terms that the period had.
func (s *State) carry(a *core.Account, sub *Subscription, i int, at, now core.Time) {
	t := sub.had(i)
	var room core.Amount
	roll := t.Rollover
	if roll != nil && s.lost(sub, roll) {
		s.forfeit(a, i, at, now)
		roll = nil
	}
	if roll != nil {
		room, _ = roll.bound(s.fresh(i), s.rolledBefore(a, i, at))
	}
	s.each(a, &sub.Rules[i], i, func(g *core.Grant) {
		id, part := g.ID, min(g.Free(), room)
		if part > 0 && !t.Never && t.Life.IsZero() {
			if s.roll(a, g, i, part, t.Rollover.Priority, s.rolledUntil(roll, t, at), at, now) {
				room -= part
			}
		}
		if g := a.Grant(id); g.Expires == at || at < g.Expires && !t.Never && t.Life.IsZero() {
			a.End(id, at, now)
		}
	})
}

// lost reports whether going from one plan to the one that follows forfeits.
func (s *State) lost(was *Subscription, r *Rollover) bool {
	to := s.Subscription
	return slices.Contains(r.Forfeit, OnDowngrade) && was.Terms.Plan != to.Terms.Plan &&
		to.Terms.Price(to.Currency).Minor < was.Terms.Price(to.Currency).Minor
}

// fresh is what the period that begins grants by a rule.
func (s *State) fresh(i int) core.Amount {
	if sub := s.Subscription; i < len(sub.Terms.Allotments) {
		return sub.Terms.Allotments[i].Of(sub.Seats)
	}
	return 0
}

// rolledBefore is what earlier periods' rolled parts still hold.
func (s *State) rolledBefore(a *core.Account, i int, at core.Time) core.Amount {
	var sum core.Amount
	source := rolled(a, i)
	for k := range a.Grants {
		if g := &a.Grants[k]; g.Source == source && g.Spendable(at) {
			sum += g.Remaining
		}
	}
	return sum
}

// forfeit ends what a rule has carried over.
func (s *State) forfeit(a *core.Account, i int, at, now core.Time) {
	for _, id := range left(a, rolled(a, i)) {
		a.End(id, at, now)
	}
}

// rolledUntil is when what is rolled at an instant ends.
func (s *State) rolledUntil(r *Rollover, t *Allotment, at core.Time) core.Time {
	switch {
	case !r.Life.IsZero():
		return Calendar{at, r.Life, s.zone}.Start(1)
	case r.Cycles > 0:
		cal := s.rule(t)
		return cal.Start(cal.In(at) + r.Cycles)
	}
	return core.Never
}

// roll carries a part of a grant into one of its own, with the share of the
// money that was paid for it.
func (s *State) roll(a *core.Account, g *core.Grant, i int, part core.Amount, priority int, until, at, now core.Time) bool {
	if until <= at {
		return false
	}
	_, err := a.RollOver(g.ID, core.Terms{
		ID: rolledOf(a, g.ID), Amount: part, Category: core.Rollover, Priority: priority,
		Starts: at, Expires: until, Actions: g.Actions, Source: rolled(a, i),
	}, at, now)
	return err == nil
}

// leave ends a rule's period before its time: what is left of it goes on in the
// new plan's first period, or ends where that plan replaces it.
func (s *State) leave(a *core.Account, old *Subscription, i int, now, until core.Time) {
	t := old.had(i)
	if t.Never || !t.Life.IsZero() {
		return // it has a life of its own
	}
	priority := t.Priority
	if t.Rollover != nil {
		priority = t.Rollover.Priority
	}
	s.each(a, &old.Rules[i], i, func(g *core.Grant) {
		id := g.ID
		if free := g.Free(); free > 0 && !s.Subscription.Terms.Replace {
			s.roll(a, g, i, free, priority, until, now, now)
		}
		a.End(id, now, now)
	})
}

// finish ends the subscription: its overage is charged, what its period has
// left ends, and what was rolled where the plan says so.
func (s *State) finish(a *core.Account, at, now core.Time) {
	sub := s.Subscription
	s.charge(a, at, "end")
	s.retire(a, sub, at)
	for i := range sub.Rules {
		t := sub.had(i)
		if !t.Never && t.Life.IsZero() {
			s.each(a, &sub.Rules[i], i, func(g *core.Grant) { a.End(g.ID, at, now) })
		}
		if t.Rollover != nil && slices.Contains(t.Rollover.Forfeit, OnCancel) {
			s.forfeit(a, i, at, now)
		}
	}
	if sub.Trial > at {
		for _, id := range left(a, s.source(a, -1, sub.Begun)) {
			a.End(id, at, now)
		}
	}
	sub.Ended, sub.Ends, sub.Pending, sub.Trial = at, 0, nil, 0
}
