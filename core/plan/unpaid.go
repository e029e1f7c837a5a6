package plan

import (
	"slices"

	"scrip/core"
)

// maxUnpaid bounds what a rule owes: a year of days.
const maxUnpaid = 366

// stillOwed notes what a rule's period that ends was to grant on payment, where
// that does not end with it, and goes on to the cap's window of an instant.
func (s *State) stillOwed(i int, at core.Time) {
	sub := s.Subscription
	t, r := sub.had(i), &sub.Rules[i]
	if r.Owed && (t.Never || !t.Life.IsZero()) {
		u := Unpaid{For: r.For, Begun: r.Begun, Amount: t.Of(sub.Seats), Window: r.Window}
		if u.For == 0 {
			cal := s.calendar(sub.Terms.Every)
			u.For = cal.Start(cal.In(max(r.Begun, sub.Anchor)))
		}
		if last := len(r.Unpaid) - 1; t.Never && last >= 0 && r.Unpaid[last].For == u.For && r.Unpaid[last].Window == u.Window {
			r.Unpaid[last].Amount = min(core.MaxAmount-u.Amount, r.Unpaid[last].Amount) + u.Amount
		} else {
			r.Unpaid = append(r.Unpaid, u)
		}
	}
	r.Unpaid = slices.DeleteFunc(r.Unpaid, func(u Unpaid) bool { return s.until(t, u.Begun) <= at })
	r.Unpaid = r.Unpaid[max(0, len(r.Unpaid)-maxUnpaid):]
	w := s.window(i, at)
	if w == r.Window {
		return
	}
	for k := range r.Unpaid {
		if u := &r.Unpaid[k]; u.Window == r.Window && t.Cap != nil {
			u.Room = t.Cap.Amount - r.Capped
		}
	}
	r.Window, r.Capped = w, 0
}

// until is when what a rule granted at an instant to outlast its period ends.
func (s *State) until(t *Allotment, at core.Time) core.Time {
	if t.Never || t.Life.IsZero() {
		return core.Never
	}
	return Calendar{at, t.Life, s.zone}.Start(1)
}

// owes reports whether something waits for the payment of a period that is over.
func (s *State) owes(from core.Time) bool {
	return slices.ContainsFunc(s.Subscription.Rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Unpaid, func(u Unpaid) bool { return u.For == from })
	})
}

// makeGood grants what a rule owes of a period that is over and was paid now.
// It lasts as long as if it had been paid in time.
func (s *State) makeGood(a *core.Account, i int, from, now core.Time) {
	sub := s.Subscription
	t, r := sub.had(i), &sub.Rules[i]
	var paid []Unpaid
	r.Unpaid = slices.DeleteFunc(r.Unpaid, func(u Unpaid) bool {
		if u.For == from {
			paid = append(paid, u)
		}
		return u.For == from
	})
	for k, u := range paid {
		amount, expires := u.Amount, s.until(t, u.Begun)
		switch {
		case t.Cap == nil:
		case u.Window == r.Window:
			amount = min(amount, t.Cap.Amount-r.Capped)
		default:
			amount = min(amount, u.Room)
		}
		if amount <= 0 || expires <= now {
			continue
		}
		source := s.source(a, i, u.Begun)
		if _, err := a.Allot(core.Terms{
			ID: grantOf(a, source, 0), Amount: amount, Category: core.Allotment, Priority: t.Priority,
			Starts: now, Expires: expires, Actions: t.Actions, Source: source,
		}, now); err != nil {
			continue // more than an account can count: it has enough
		}
		switch {
		case t.Cap == nil:
			continue
		case u.Window == r.Window:
			r.Capped += amount
			continue
		}
		for _, list := range [][]Unpaid{paid[k+1:], r.Unpaid} {
			for j := range list {
				if list[j].Window == u.Window {
					list[j].Room -= amount
				}
			}
		}
	}
}
