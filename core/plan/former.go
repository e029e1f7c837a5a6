package plan

import (
	"slices"

	"scrip/core"
)

// Former is what a plan that a customer does not have any more still owes of a
// period, until the payment of that is proven: what would not have ended with
// its period.
type Former struct {
	For      core.Time   `json:"for"` // start of the plan's period
	To       core.Time   `json:"to"`  // its end
	Cost     core.Money  `json:"cost"`
	Source   core.ID     `json:"source"`
	Amount   core.Amount `json:"amount"`
	Expires  core.Time   `json:"expires"`
	Priority int         `json:"priority"`
	Actions  []string    `json:"actions,omitempty"`
}

// retire notes what the rules of a plan that ends now still owe, as far as their
// caps let it. It comes before the next plan's beginning.
func (s *State) retire(a *core.Account, old *Subscription, now core.Time) {
	if old.Trial != 0 {
		return
	}
	cal := Calendar{old.Anchor, old.Terms.Every, s.zone}
	for i := range old.Rules {
		t, r := old.had(i), &old.Rules[i]
		if !t.Never && t.Life.IsZero() {
			continue
		}
		list := slices.Clone(r.Unpaid)
		if r.Owed {
			list = append(list, Unpaid{For: r.For, Begun: r.Begun, Amount: t.Of(old.Seats), Window: r.Window})
		}
		rooms := map[int]core.Amount{}
		for _, u := range list {
			if t.Cap != nil {
				room, begun := rooms[u.Window]
				if !begun {
					if room = u.Room; u.Window == r.Window {
						room = t.Cap.Amount - r.Capped
					}
				}
				u.Amount = min(u.Amount, room)
				rooms[u.Window] = room - u.Amount
			}
			n := cal.In(u.For)
			f := Former{
				For: u.For, To: cal.After(n), Cost: old.Terms.Price(old.Currency), Source: s.source(a, i, u.Begun),
				Amount: u.Amount, Expires: s.until(t, u.Begun), Priority: t.Priority, Actions: t.Actions,
			}
			if f.Amount > 0 && f.Expires > now {
				s.Former = append(s.Former, f)
			}
		}
	}
	s.Former = slices.DeleteFunc(s.Former, func(f Former) bool { return f.Expires <= now })
	s.Former = s.Former[max(0, len(s.Former)-maxUnpaid):]
}

// Redeem takes the proven payment of a period of a plan that was changed or
// ended since, and grants what that still owes. It reports whether anything
// was owed for that period and price; once granted, nothing is.
func (s *State) Redeem(a *core.Account, start core.Time, paid core.Money, now core.Time) bool {
	at := -1
	start = within(start, now)
	for i := range s.Former {
		f := &s.Former[i]
		off := max(start-f.For, f.For-start)
		if f.Cost == paid && off <= (f.To-f.For)/4 && (at < 0 || off < max(start-s.Former[at].For, s.Former[at].For-start)) {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	period := s.Former[at].For
	if sub := s.running(); sub != nil && s.Cost(start, now) == paid {
		_, begins := nearest(s.calendar(sub.Terms.Every), start)
		if max(start-begins, begins-start) <= max(start-period, period-start) {
			return false // it is the plan's that is had now
		}
	}
	s.Former = slices.DeleteFunc(s.Former, func(f Former) bool {
		if f.For != period || f.Cost != paid {
			return false
		}
		if f.Expires > now {
			_, _ = a.Allot(core.Terms{ // refused only if it is more than an account can count
				ID: grantOf(a, f.Source, 0), Amount: f.Amount, Category: core.Allotment, Priority: f.Priority,
				Starts: now, Expires: f.Expires, Actions: f.Actions, Source: f.Source,
			}, now)
		}
		return true
	})
	if len(s.Former) == 0 {
		s.Former = nil
	}
	a.Keep(s)
	return true
}
