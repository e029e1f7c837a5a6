package plan

import (
	"math/big"

	"scrip/core"
)

// Draw takes what a debit costs: from grants, and what they cannot pay by the
// draw's own rule, else by the plan's, else by the deficit that every account
// may have. Overage is counted, and charged at once where it has become more
// than the plan lets stand; charged is its money, exact.
func (s *State) Draw(a *core.Account, d core.Draw, now core.Time) (done core.Drawn, charged string, err error) {
	if s.Due() <= now {
		a.Settle(now) // the rule, the limit and the cycle are those of now
	}
	d.Rule, d.Room = s.roomOf(a, d.Rule, d.Action)
	if done, err = a.Draw(d, now, nil); err == nil && done.Overage > 0 {
		charged = s.bill(a, d.Action, done.Overage, now)
		a.Keep(s)
	}
	return done, charged, err
}

// Capture takes from a hold, and what that does not reserve by the capture's
// own rule, else by the plan's, as [State.Draw] does.
func (s *State) Capture(a *core.Account, c core.Capture, now core.Time) (done core.Drawn, charged string, err error) {
	a.Settle(now)
	action := ""
	if h := a.Hold(c.Hold); h != nil {
		action = h.Action
	}
	c.Rule, c.Room = s.roomOf(a, c.Rule, action)
	if done, err = a.Capture(c, now); err == nil && done.Overage > 0 {
		charged = s.bill(a, action, done.Overage, now)
		a.Keep(s)
	}
	return done, charged, err
}

// roomOf is the rule for what grants cannot pay of an action, by its own rule
// or else the plan's, and how much that may be.
func (s *State) roomOf(a *core.Account, rule core.Shortfall, action string) (core.Shortfall, core.Amount) {
	if rule == "" {
		rule, _ = s.Rule()
	}
	switch {
	case rule == core.Deficit:
		return rule, max(0, s.book.deficit()-a.Overdrawn)
	case rule == core.Overage && s.priced(action):
		return rule, s.room()
	case rule == core.Overage: // nobody has agreed to a price
		return core.Reject, 0
	}
	return rule, 0
}

// Back is overage of a debit that is given back, in part or whole.
type Back struct {
	Action      string
	Units       core.Amount // in the account's unit
	Part, Whole core.Amount // the share of the debit's overage, in the unit that it was of
	Charged     string      // the money of the whole, exact, as [State.Draw] told it
	Unit        string      // the one that the debit was of
	Seq         int64       // the debit's last entry there
}

// Unwound takes overage of a debit back that was reversed: out of what is not
// charged yet, else as a correction of the very money that it was charged with.
func (s *State) Unwound(a *core.Account, back Back, now core.Time) {
	if back.Units == 0 && back.Part == 0 || s.Subscription == nil {
		return
	}
	if s.Billing.closed(a.Unit.Code, &back) && s.Billing.correct(&back, now) {
		a.Keep(s)
		return
	}
	s.over(back.Action).Units -= back.Units
	if s.running() == nil {
		s.charge(a, now, "correction")
	}
	a.Keep(s)
}

// Rule is what becomes of what grants cannot pay, for an action without a rule
// of its own, and how much room overage has.
func (s *State) Rule() (core.Shortfall, core.Amount) {
	sub := s.running()
	switch {
	case sub != nil && sub.Terms.AtZero == core.Overage && s.priced(""):
		return core.Overage, s.room()
	case sub != nil && sub.Terms.AtZero != "":
		return sub.Terms.AtZero, 0
	case s.book.deficit() > 0:
		return core.Deficit, 0
	}
	return core.Reject, 0
}

// priced reports whether the plan has a price for an action's overage.
func (s *State) priced(action string) bool {
	sub := s.running()
	return sub != nil && sub.Terms.Overage != nil && !sub.Terms.Overage.price(action, sub.Currency).IsZero()
}

// running is the subscription in force, or nil.
func (s *State) running() *Subscription {
	if s == nil || s.Subscription == nil || s.Subscription.Ended != 0 {
		return nil
	}
	return s.Subscription
}

// room is how much of the cycle's overage limit is left.
func (s *State) room() core.Amount {
	sub := s.Subscription
	o := sub.Terms.Overage
	limit := o.Limit
	if !o.Times.IsZero() && len(sub.Terms.Allotments) > 0 {
		var err error
		if limit, _, err = core.MulDiv(sub.Terms.Allotments[0].Of(sub.Seats), o.Times, core.RoundDown); err != nil {
			limit = core.MaxAmount
		}
	} else if limit == 0 {
		limit = core.MaxAmount
	}
	var used core.Amount
	for _, over := range s.Billing.Over {
		used += over.Units
	}
	return max(0, limit-max(0, used))
}

// bill counts overage at the price of its action, and returns its exact money.
func (s *State) bill(a *core.Account, action string, units core.Amount, now core.Time) string {
	sub := s.Subscription
	terms := sub.Terms.Overage
	price := terms.price(action, sub.Currency)
	text := terms.costText(a.Unit.Scale, price, units)
	s.over(action).Units += units
	for _, m := range terms.ChargeAt {
		if m.Currency == sub.Currency && s.worth(a, true).Cmp(new(big.Rat).SetInt64(int64(m.Minor))) > 0 {
			s.charge(a, now, "threshold")
		}
	}
	return text
}

// costText is the exact money of so many parts of a unit, as text.
func (o *Overage) costText(scale int, price core.Price, units core.Amount) string {
	each, err := price.Rate.Mul(core.Rate{Num: 1, Den: max(1, o.Per)})
	for decimals := price.Currency.Exponent(); err == nil && decimals <= core.MaxScale; decimals++ {
		var parts core.Rate
		if parts, err = each.Scaled(decimals - scale); err != nil {
			break
		}
		if n, exact, failed := core.MulDiv(units, parts, core.RoundDown); failed == nil && exact {
			return n.Format(decimals) + " " + string(price.Currency)
		}
	}
	return exactText(o.cost(scale, price, units), price.Currency)
}

// exactText writes money in minor units as an exact decimal of its currency,
// or as a ratio where no decimal is exact.
func exactText(minor *big.Rat, c core.Currency) string {
	major := new(big.Rat).Mul(minor, power(-c.Exponent()))
	if digits, exact := major.FloatPrec(); exact {
		return major.FloatString(max(digits, c.Exponent())) + " " + string(c)
	}
	return major.RatString() + " " + string(c)
}

// over is the count of what has the same price.
func (s *State) over(action string) *Over {
	if terms := s.Subscription.Terms.Overage; terms == nil || len(terms.Actions[action]) == 0 {
		action = ""
	}
	for i := range s.Billing.Over {
		if o := &s.Billing.Over[i]; o.Action == action {
			return o
		}
	}
	s.Billing.Over = append(s.Billing.Over, Over{Action: action})
	return &s.Billing.Over[len(s.Billing.Over)-1]
}
