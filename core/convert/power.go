package convert

import "scrip/core"

// Power is how often an action can be paid for before and after.
type Power struct {
	Action        string
	Before, After int64 // events, or Unlimited
}

// Unlimited is the count of what costs nothing.
const Unlimited = -1

// Changed reports whether the customer can afford more or less than before.
func (w Power) Changed() bool { return w.Before != w.After }

// Charge is what one event of an action costs, as its rate card rounds it, in
// parts of the old unit by the old card and of the new by the new one.
type Charge struct {
	Action string
	When   string // the dimensions that it is priced for, "" for any
	Moved
}

// name is the action with its dimensions.
func (c Charge) name() string {
	if c.When == "" {
		return c.Action
	}
	return c.Action + " (" + c.When + ")"
}

// Power compares what the free, spendable balance buys at now before and after
// the plan for the account a it was made from. With a new unit fine enough
// for each grant and each price to be exact, nothing changes.
func (p *Plan) Power(a *core.Account, charges []Charge, now core.Time) []Power {
	out := make([]Power, 0, len(charges))
	for _, c := range charges {
		var free Moved
		for i := range p.Lots {
			l := &p.Lots[i]
			if g := a.Grant(l.Grant); g != nil && g.Spendable(now) && g.Pays(c.Action) {
				free.From += l.Total.From - l.Held.From
				free.To += l.Total.To - l.Held.To
			}
		}
		out = append(out, Power{c.name(), times(free.From, c.From), times(free.To, c.To)})
	}
	return out
}

func times(free, charge core.Amount) int64 {
	if charge <= 0 {
		return Unlimited
	}
	return int64(free / charge)
}
