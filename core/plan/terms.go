package plan

import (
	"slices"

	"scrip/core"
)

// Terms are what a plan promises. A subscription keeps its own copy, taken
// when it begins and again at each renewal, so that a new edition of a plan
// never reaches back. Amounts are parts of the account's unit.
type Terms struct {
	Plan       string         `json:"plan"`
	Prices     []core.Money   `json:"prices,omitempty"` // of one period, one for each currency; none is free
	Every      Span           `json:"every"`
	Allotments []Allotment    `json:"allotments,omitempty"` // the first one's period is the cycle that overage and use are counted in
	AtZero     core.Shortfall `json:"at_zero,omitempty"`
	Overage    *Overage       `json:"overage,omitempty"`
	Trial      *Trial         `json:"trial,omitempty"`
	Collect    Collect        `json:"collect,omitempty"`
	Replace    bool           `json:"replace,omitempty"` // what is left at an upgrade ends; else it is carried into the new plan's first period
}

// Allotment is what each period grants.
type Allotment struct {
	Credits   core.Amount `json:"credits,omitempty"`  // whatever the seats
	Brackets  []Bracket   `json:"brackets,omitempty"` // by seats, on top
	Volume    bool        `json:"volume,omitempty"`   // every seat by the bracket that their number falls in, else each by its own
	Every     Span        `json:"every"`
	Midnight  bool        `json:"midnight,omitempty"` // its periods begin with the anchor's day, not at its time of day
	Never     bool        `json:"never,omitempty"`    // what is left does not expire
	Life      Span        `json:"life,omitzero"`      // how long it lasts; unset and not Never, until the next period
	Rollover  *Rollover   `json:"rollover,omitempty"`
	OnPayment bool        `json:"on_payment,omitempty"` // it waits for the period's payment
	Cap       *Cap        `json:"cap,omitempty"`
	Priority  int         `json:"priority"`
	Actions   []string    `json:"actions,omitempty"` // the only ones it may pay for; none means any
}

// Bracket is what a seat grants, up to a number of seats.
type Bracket struct {
	UpTo    int         `json:"up_to,omitempty"` // 0 is without end
	Credits core.Amount `json:"credits"`
}

// Cap bounds what an allotment grants in a longer time than its own period.
type Cap struct {
	Amount core.Amount `json:"amount"`
	Per    Span        `json:"per"`
}

// Rollover carries what is left of an allotment into the next period.
type Rollover struct {
	Max      core.Amount `json:"max,omitempty"`   // 0 with Times unset is without bound
	Times    core.Rate   `json:"times,omitzero"`  // instead of Max: a multiple of the new period's allotment
	Total    bool        `json:"total,omitempty"` // the bound holds for what is rolled and the new allotment together
	Cycles   int         `json:"cycles,omitempty"`
	Life     Span        `json:"life,omitzero"` // how long the rolled part lasts, as cycles or time; neither: for ever
	Priority int         `json:"priority"`
	Forfeit  []Loss      `json:"forfeit,omitempty"`
}

// Loss is an occasion at which rolled credits are lost.
type Loss string

// The occasions.
const (
	OnDowngrade Loss = "downgrade"
	OnCancel    Loss = "cancel"
)

// Overage is what money buys once an allotment is spent.
type Overage struct {
	Prices   []core.Price            `json:"prices"`            // of Per whole units, one for each currency
	Actions  map[string][]core.Price `json:"actions,omitempty"` // instead, for one action
	Per      int64                   `json:"per"`
	Limit    core.Amount             `json:"limit,omitempty"`
	Times    core.Rate               `json:"times,omitzero"`      // instead of Limit: a multiple of the cycle's allotment; neither: no limit
	ChargeAt []core.Money            `json:"charge_at,omitempty"` // more than this is charged at once, not at the cycle's end
}

// Trial is what comes before the first period.
type Trial struct {
	Credits core.Amount `json:"credits"`
	For     Span        `json:"for"`
}

// Of is what a period grants to so many seats.
func (t *Allotment) Of(seats int) core.Amount {
	sum, from := t.Credits, 0
	if n := len(t.Brackets); t.Volume && n > 0 {
		for _, b := range t.Brackets {
			if b.UpTo == 0 || seats <= b.UpTo {
				return sum + core.Amount(seats)*b.Credits
			}
		}
		return sum + core.Amount(t.Brackets[n-1].UpTo)*t.Brackets[n-1].Credits
	}
	for _, b := range t.Brackets {
		upTo := b.UpTo
		if upTo == 0 || seats < upTo {
			upTo = seats
		}
		if upTo > from {
			sum += core.Amount(upTo-from) * b.Credits
			from = upTo
		}
	}
	return sum
}

// Sells reports whether the plan can be had in a currency; a free one can in any.
func (t *Terms) Sells(c core.Currency) bool {
	priced := len(t.Prices) == 0 || slices.ContainsFunc(t.Prices, func(m core.Money) bool { return m.Currency == c })
	return priced && (t.Overage == nil || slices.ContainsFunc(t.Overage.Prices, func(p core.Price) bool { return p.Currency == c }))
}

// Price is what a period costs in a currency, zero when the plan is free.
func (t *Terms) Price(c core.Currency) core.Money {
	for _, m := range t.Prices {
		if m.Currency == c {
			return m
		}
	}
	return core.Money{}
}

// Currency is the one that a customer without one of their own pays in: the
// first that a price names.
func (t *Terms) Currency() core.Currency {
	switch {
	case len(t.Prices) > 0:
		return t.Prices[0].Currency
	case t.Overage != nil && len(t.Overage.Prices) > 0:
		return t.Overage.Prices[0].Currency
	}
	return ""
}

// price is what one action's overage costs.
func (o *Overage) price(action string, c core.Currency) core.Price {
	for _, list := range [][]core.Price{o.Actions[action], o.Prices} {
		for _, p := range list {
			if p.Currency == c {
				return p
			}
		}
	}
	return core.Price{}
}

// bound is the most that may be rolled beside what was rolled before.
func (r *Rollover) bound(fresh, before core.Amount) (core.Amount, error) {
	most := r.Max
	if !r.Times.IsZero() {
		var err error
		if most, _, err = core.MulDiv(fresh, r.Times, core.RoundDown); err != nil {
			return 0, err
		}
	}
	if most == 0 {
		return core.MaxAmount, nil
	}
	if r.Total {
		most -= fresh
	}
	return max(0, most-before), nil
}
