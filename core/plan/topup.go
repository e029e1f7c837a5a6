package plan

import (
	"time"

	"scrip/core"
)

// TopUp is the rule by which an account buys credits before it runs out.
type TopUp struct {
	Off     bool        `json:"off,omitempty"`
	Pack    string      `json:"pack,omitempty"`
	Below   core.Amount `json:"below,omitempty"`   // it asks on the first move of the balance below this
	Amount  core.Amount `json:"amount,omitempty"`  // how much: always the same,
	To      core.Amount `json:"to,omitempty"`      // or what is missing to a balance, the deficit included,
	Percent int64       `json:"percent,omitempty"` // or a share of what was bought by hand in the calendar month before,
	Floor   core.Amount `json:"floor,omitempty"`   // but at least this
	Caps    []TopUpCap  `json:"at_most,omitempty"`
	Retry   []int64     `json:"retry,omitempty"` // seconds to wait after each decline in a row; one more suspends it
}

// TopUpCap bounds top-ups in a calendar day, week (from Monday), month or
// year, in UTC: by number, or by money.
type TopUpCap struct {
	Count int64      `json:"count,omitempty"`
	Money core.Money `json:"money,omitzero"`
	Per   Step       `json:"per"`
}

// TopUpState is what an account remembers of its top-ups.
type TopUpState struct {
	Rule      *TopUp      `json:"rule,omitempty"`    // the customer's own, instead of the config's
	Armed     bool        `json:"armed,omitempty"`   // a move below has not been answered yet
	Number    int64       `json:"number,omitempty"`  // how many were asked for
	Pending   core.ID     `json:"pending,omitempty"` // the purchase that is waited for
	Coming    core.Amount `json:"coming,omitempty"`  // what it brings, counted as if it were here
	Price     core.Money  `json:"price,omitzero"`
	Asked     core.Time   `json:"asked,omitempty"`
	Declines  int         `json:"declines,omitempty"` // in a row
	Retry     core.Time   `json:"retry,omitempty"`    // it does not ask before
	Suspended bool        `json:"suspended,omitempty"`
	Used      []TopUpUse  `json:"used,omitempty"`
	Month     core.Time   `json:"month,omitempty"`  // the start of the month that Bought counts
	Bought    core.Amount `json:"bought,omitempty"` // by hand
	Before    core.Amount `json:"before,omitempty"` // in the month before
}

// TopUpUse is what top-ups came to in one calendar period, the waiting one
// included and the declined ones not.
type TopUpUse struct {
	Per   Step       `json:"per"`
	Start core.Time  `json:"start"`
	Count int64      `json:"count,omitempty"`
	Spent core.Money `json:"spent,omitzero"`
}

// Offer is what a top-up would buy.
type Offer struct {
	ID      core.ID // of the purchase
	Credits core.Amount
	Price   core.Money
}

// steps are the periods that caps count in.
var steps = [...]Step{Day, Week, Month, Year}

// quiet reports whether a balance leaves the rule with nothing to do.
func (s *TopUpState) quiet(r *TopUp, net core.Amount, now core.Time) bool {
	switch {
	case r == nil || s == nil && r.Off:
		return true
	case s == nil:
		return net < r.Below
	case s.lost(now):
		return false
	case net+s.Coming >= r.Below:
		return s.Armed
	}
	return r.Off || !s.Armed || s.Pending != "" || s.Suspended || now < s.Retry
}

// look asks for credits when the balance has moved below the threshold since it
// was last at or above. offer says what buying at least so much comes to; when
// it cannot be bought the top-up is suspended.
func (s *TopUpState) look(r *TopUp, net core.Amount, now core.Time, offer func(pack string, want core.Amount, number int64) (Offer, error)) (*Offer, string) {
	if s.quiet(r, net, now) {
		return nil, ""
	}
	if s.lost(now) {
		s.abandon()
	}
	if net+s.Coming >= r.Below {
		s.Armed = true
		return nil, ""
	}
	o, err := offer(r.Pack, s.want(r, net, now), s.Number+1)
	if err != nil {
		s.Suspended = true
		return nil, "cannot_be_bought"
	}
	if until := s.capped(r, o.Price, now); until != 0 {
		s.Retry = until
		return nil, "limit_reached"
	}
	s.Armed, s.Retry = false, 0
	s.Number++
	s.Pending, s.Coming, s.Price, s.Asked = o.ID, o.Credits, o.Price, now
	s.count(now, 1, o.Price)
	return &o, ""
}

// AbandonAfter is how long a purchase that is neither paid nor declined is
// waited for. A vendor's bill may be paid for as long.
const AbandonAfter = 30 * 24 * time.Hour

// lost reports whether the purchase that is waited for was waited for too long.
func (s *TopUpState) lost(now core.Time) bool {
	return s.Pending != "" && now >= s.Asked.Add(AbandonAfter)
}

// abandon gives up the purchase that is waited for. It is no decline: the move
// below is to be answered still. If it is paid after all it counts as one that
// had been declined.
func (s *TopUpState) abandon() {
	s.count(s.Asked, -1, s.Price)
	s.Pending, s.Coming, s.Price, s.Asked = "", 0, core.Money{}, 0
	s.Armed = true
}

// want is how much is to be bought at a balance below the threshold.
func (s *TopUpState) want(r *TopUp, net core.Amount, now core.Time) core.Amount {
	switch {
	case r.To != 0:
		return max(1, r.To-net)
	case r.Percent != 0:
		s.month(now)
		share, _, err := core.MulDiv(s.Before, core.Rate{Num: r.Percent, Den: 100}, core.RoundUp)
		if err != nil {
			share = 0
		}
		return max(1, share, r.Floor)
	}
	return r.Amount
}

// capped is the instant until which the caps leave no room for a price, or 0.
// Money of another currency than a cap's cannot be held against it: there is
// no room for it.
func (s *TopUpState) capped(r *TopUp, price core.Money, now core.Time) core.Time {
	var until core.Time
	for _, c := range r.Caps {
		used := s.used(c.Per, now)
		full := c.Count > 0 && used.Count >= c.Count
		if !c.Money.IsZero() {
			full = full || c.Money.Currency != price.Currency || price.Minor > c.Money.Minor ||
				used.Count > 0 && (used.Spent.Currency != price.Currency || used.Spent.Minor > c.Money.Minor-price.Minor)
		}
		if full {
			until = max(until, nextPeriod(c.Per, now))
		}
	}
	return until
}

// used is what was used of the period that now is in.
func (s *TopUpState) used(per Step, now core.Time) TopUpUse {
	start := periodStart(per, now)
	for _, u := range s.Used {
		if u.Per == per && u.Start == start {
			return u
		}
	}
	return TopUpUse{Per: per, Start: start}
}

// count adds a top-up that was asked for at an instant, or takes it off again.
func (s *TopUpState) count(asked core.Time, n int64, price core.Money) {
	if len(s.Used) == 0 {
		s.Used = make([]TopUpUse, len(steps))
		for i, per := range steps {
			s.Used[i].Per = per
		}
	}
	for i := range s.Used {
		u := &s.Used[i]
		switch start := periodStart(u.Per, asked); {
		case u.Start == start:
		case n < 0 || start < u.Start:
			continue // it was asked for in a period that is over
		default:
			*u = TopUpUse{Per: u.Per, Start: start}
		}
		u.Count += n
		if u.Spent.Currency != price.Currency && n > 0 {
			u.Spent = core.Money{Currency: price.Currency}
		}
		u.Spent.Minor = max(0, u.Spent.Minor+core.Amount(n)*price.Minor)
	}
}

// declined notes that the purchase that is waited for was not paid, and says
// whether it was that one. The move below is to be answered still, later.
func (s *TopUpState) declined(r *TopUp, id core.ID, now core.Time) bool {
	if s == nil || s.Pending != id || id == "" {
		return false
	}
	s.count(s.Asked, -1, s.Price)
	s.Pending, s.Coming, s.Price, s.Asked = "", 0, core.Money{}, 0
	s.Armed = true
	s.Declines++
	if r == nil || s.Declines > len(r.Retry) {
		s.Suspended, s.Retry = true, 0
	} else {
		s.Retry = now + core.Time(r.Retry[s.Declines-1])*core.Time(time.Second/time.Microsecond)
	}
	return true
}

// paid notes a proven payment. It shows that the customer can pay, so that
// what declines had stopped goes on.
func (s *TopUpState) paid(id core.ID, auto bool, credits core.Amount, price core.Money, now core.Time) {
	switch {
	case s.Pending == id:
		s.Pending, s.Coming, s.Price, s.Asked = "", 0, core.Money{}, 0
	case auto: // one that had been declined
		s.count(now, 1, price)
	default:
		s.month(now)
		s.Bought += credits
	}
	s.Declines, s.Retry, s.Suspended = 0, 0, false
}

// month brings what was bought up to the month of now.
func (s *TopUpState) month(now core.Time) {
	start := periodStart(Month, now)
	if s.Month == start {
		return
	}
	s.Before = 0
	if s.Month != 0 && nextPeriod(Month, s.Month) == start {
		s.Before = s.Bought
	}
	s.Month, s.Bought = start, 0
}

// change puts another rule in force. What is waited for and what was used
// stay, so that no change makes a second purchase of one move below. A rule
// that is turned on for the first time takes a balance that is below for one
// that has just moved there. One that is turned off stays what it was, off.
func (s *TopUpState) change(own, config *TopUp) {
	was := s.rule(config)
	if own != nil && own.Off && was != nil {
		off := *was
		off.Off = true
		own = &off
	}
	s.Rule = own
	if is := s.rule(config); is != nil && !is.Off && s.Number == 0 {
		s.Armed = true
	}
	s.Declines, s.Retry, s.Suspended = 0, 0, false
}

func (s *TopUpState) rule(config *TopUp) *TopUp {
	if s != nil && s.Rule != nil {
		return s.Rule
	}
	return config
}

// due is when a move below that was not answered yet can be.
func (s *TopUpState) due(r *TopUp, net core.Amount, now core.Time) core.Time {
	if s != nil && r != nil && !r.Off && s.Pending != "" && s.Asked.Add(AbandonAfter) > now {
		return s.Asked.Add(AbandonAfter)
	}
	if s != nil && r != nil && !r.Off && s.Armed && s.Pending == "" && !s.Suspended && net < r.Below && s.Retry > now {
		return s.Retry
	}
	return core.Never
}

// periodStart is the start of the calendar period in UTC that t is in.
func periodStart(per Step, t core.Time) core.Time {
	s := t.Std()
	y, m, d := s.Date()
	switch per {
	case Week:
		d -= (int(s.Weekday()) + 6) % 7
	case Month:
		d = 1
	case Year:
		m, d = time.January, 1
	}
	return core.TimeOf(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
}

// nextPeriod is the end of the calendar period that t is in.
func nextPeriod(per Step, t core.Time) core.Time {
	s := periodStart(per, t).Std()
	switch per {
	case Week:
		s = s.AddDate(0, 0, 7)
	case Month:
		s = s.AddDate(0, 1, 0)
	case Year:
		s = s.AddDate(1, 0, 0)
	default:
		s = s.AddDate(0, 0, 1)
	}
	return core.TimeOf(s)
}
