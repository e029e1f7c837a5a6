package sim

import (
	"net/http"
	"time"

	"scrip/core"
)

// simPlans are what customers can subscribe to.
const simPlans = `plans:
  weekly: {every: 1 week, allotment: {credits: 150, expires: cycle, rollover: {max: 50, of: rolled, for: 1 cycle}}}
  drip: {every: 2 days, allotment: {credits: 12, expires: cycle}}
`

// plans are the same in the judge's words.
var plans = map[string]struct {
	every   time.Duration
	credits core.Amount
	rolls   core.Amount // at most
}{
	"weekly": {7 * 24 * time.Hour, 150_00, 50_00},
	"drip":   {2 * 24 * time.Hour, 12_00, 0},
}

// sub is a customer's subscription.
type sub struct {
	plan   string
	anchor core.Time // its first period's start, 0 before it was granted
	last   core.Time // start of the last period that was granted
	count  int
	ending bool // somebody asked to end it
	over   bool // at once, and its credits with it
}

// renews reports whether a period has begun that is not granted yet.
func (s *sub) renews(now core.Time) bool {
	return !s.over && (s.last == 0 || now >= s.last.Add(plans[s.plan].every))
}

// subscribe begins a customer's plan, asks for it again, which must change
// nothing, or ends it with its period.
func (c *client) subscribe(customer string) {
	w := c.w
	name, end := []string{"weekly", "drip"}[w.dice.IntN(2)], w.dice.IntN(6) == 0
	path := "/v1/customers/" + customer + "/subscription"
	s := w.judge.subs[customer]
	switch {
	case !w.plan.sells():
	case s == nil:
		w.judge.subs[customer] = &sub{plan: name}
		c.call(http.MethodPut, path, "", map[string]any{"plan": name})
	case s.ending:
	case end && s.last != 0:
		s.ending = true
		c.call(http.MethodDelete, path, "", nil)
	default:
		c.call(http.MethodPut, path, "", map[string]any{"plan": s.plan})
	}
}

// settleDown ends all subscriptions at once, and what accounts buy by
// themselves: both would go on for ever.
func (c *client) settleDown() {
	for i := range c.w.plan.customers {
		customer := c.name(i)
		if c.w.judge.buyers[customer] {
			c.call(http.MethodPut, "/v1/customers/"+customer+"/settings", "", map[string]any{"top_up": map[string]any{"enabled": false}})
		}
		if s := c.w.judge.subs[customer]; s != nil {
			s.ending, s.over = true, true
			c.call(http.MethodDelete, "/v1/customers/"+customer+"/subscription?when=now", "", nil)
		}
	}
}

// renewed is the allotment of a period that has begun, granted once, whoever
// was the first to see it.
func (j *judge) renewed(l *lot, e *core.Entry) bool {
	s := j.subs[e.Customer]
	if s == nil {
		return false
	}
	p := plans[s.plan]
	if s.anchor == 0 {
		s.anchor, s.last = e.Effective, e.Effective.Add(-p.every)
	}
	due := s.last.Add(p.every)
	if e.Effective != due || e.Recorded < due || e.Amount != p.credits {
		j.w.fail("%d were allotted to %s for a period from %s, %d from %s on were due", e.Amount, e.Customer, e.Effective, p.credits, due)
	}
	s.last = e.Effective
	s.count++
	l.starts, l.expires, l.priority, l.sub = e.Effective, e.Effective.Add(p.every), 50, s
	return true
}

// renewals holds how often subscriptions were renewed against the calendar.
func (w *world) renewals() {
	for i := range w.plan.customers {
		customer := w.client.name(i)
		s := w.judge.subs[customer]
		if s == nil || s.anchor == 0 { // the call never arrived
			continue
		}
		p, now := plans[s.plan], w.now()
		status, answer := w.client.call(http.MethodGet, "/v1/customers/"+customer+"/subscription", "", nil)
		until := now + 1
		for _, name := range []string{"ends_at", "ended_at"} {
			if text, ok := answer[name].(string); ok {
				at, err := core.ParseTime(text)
				if err != nil || !s.ending {
					w.fail("the plan of %s has %s %q", customer, name, text)
				}
				until = min(until, at)
			}
		}
		want := int(until.Std().Sub(s.anchor.Std())+p.every-1) / int(p.every)
		if first := s.anchor.Add(time.Duration(want) * p.every); s.over && until == first && s.count == want+1 {
			want++ // it was ended at the very instant at which a period began
		}
		if status != http.StatusOK || s.count != want {
			w.fail("%s, on %s since %s, was renewed %d times until %s, %d were due (%d)", customer, s.plan, s.anchor, s.count, until, want, status)
		}
	}
}
