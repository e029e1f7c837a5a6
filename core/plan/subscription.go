package plan

import (
	"fmt"
	"slices"
	"time"

	"scrip/core"
)

// Subscription is a customer's plan: the terms it runs on and how far it has
// come.
type Subscription struct {
	Terms    Terms         `json:"terms"`
	Currency core.Currency `json:"currency,omitempty"` // that prices are taken in
	Zone     string        `json:"zone,omitempty"`
	Anchor   core.Time     `json:"anchor"` // start of period 0
	Begun    core.Time     `json:"begun"`
	Seats    int           `json:"seats"`
	Trial    core.Time     `json:"trial,omitempty"` // when it ends, while it lasts
	Period   int           `json:"period"`          // in force; meaningless during the trial
	Paid     int           `json:"paid"`            // the last period of which a payment was proven
	Ahead    *core.Money   `json:"ahead,omitempty"` // what was paid for the period that follows
	Rules    []Rule        `json:"rules,omitempty"` // one for each allotment
	Pending  *Pending      `json:"pending,omitempty"`
	Ends     core.Time     `json:"ends,omitempty"`     // it is cancelled and ends then
	Ended    core.Time     `json:"ended,omitempty"`    // it is over
	Purchase core.ID       `json:"purchase,omitempty"` // by which a period's price was asked for last
}

// Rule is how far one allotment has come.
type Rule struct {
	Period int         `json:"period"` // in its own calendar
	Begun  core.Time   `json:"begun"`  // start of that period
	Grants int         `json:"grants,omitempty"`
	Given  core.Amount `json:"given,omitempty"` // what the period's grants come to
	Owed   bool        `json:"owed,omitempty"`  // the payment is waited for
	For    core.Time   `json:"for,omitempty"`   // it is of the plan's period that begins then
	Unpaid []Unpaid    `json:"unpaid,omitempty"`
	Had    *Allotment  `json:"had,omitempty"` // the terms of the period in force, where those of the next are others
	Window int         `json:"window,omitempty"`
	Capped core.Amount `json:"capped,omitempty"` // granted in the cap's window
}

// Unpaid is what a rule owes of periods that are over, because it would not
// have ended with them, until the payment is proven.
type Unpaid struct {
	For    core.Time   `json:"for"`   // start of the plan's period that is to be paid
	Begun  core.Time   `json:"begun"` // start of the rule's
	Amount core.Amount `json:"amount"`
	Window int         `json:"window,omitempty"` // of the rule's cap
	Room   core.Amount `json:"room,omitempty"`   // what the cap lets of it, once that window is over
}

// Pending is what changes with the next period.
type Pending struct {
	Terms *Terms `json:"terms,omitempty"`
	Seats int    `json:"seats,omitempty"`
}

// When says when a change of plan takes effect.
type When string

// The times of a change. The default is the first for a plan that costs more,
// the second for any other.
const (
	AtOnce     When = "now"
	NextPeriod When = "next_period"
)

// Wish is the subscription that somebody wants.
type Wish struct {
	Terms    Terms
	Currency core.Currency
	Zone     string    // taken when a plan begins
	Anchor   core.Time // 0: now, or what it is
	Seats    int       // 0: 1, or as many as there are
	When     When      // of a change of plan
}

// Put makes the subscription what is wished, and reports whether anything
// changed: wishing for what is there does nothing. The account must be settled.
func (s *State) Put(a *core.Account, w Wish, now core.Time) (bool, error) {
	sub := s.Subscription
	if err := w.check(sub, now); err != nil {
		return false, err
	}
	switch {
	case sub == nil || sub.Ended != 0:
		return true, s.begin(a, w, now)
	case w.Terms.Plan != sub.Terms.Plan:
		return s.change(a, w, now)
	case w.Anchor != 0 && w.Anchor != sub.Anchor:
		return false, core.InField(core.Errorf(core.CodeInvalid, "the subscription's periods count from %s, end it first to begin with another instant", sub.Anchor), "anchor_at")
	}
	changed := sub.Ends != 0 || sub.Pending != nil && sub.Pending.Terms != nil
	sub.Ends = 0
	if sub.Pending != nil {
		sub.Pending.Terms = nil
	}
	return s.seat(a, w.Seats, now) || changed, s.kept(a)
}

// kept hands the changed state to its account.
func (s *State) kept(a *core.Account) error {
	if p := s.Subscription.Pending; p != nil && *p == (Pending{}) {
		s.Subscription.Pending = nil
	}
	s.reckon()
	a.Keep(s)
	return nil
}

// maxAhead bounds how far from now periods may count from.
const maxAhead = 5 * 366 * dayLength

func (w *Wish) check(sub *Subscription, now core.Time) error {
	switch {
	case w.Seats < 0 || w.Seats > MaxSeats:
		return core.InField(core.Errorf(core.CodeInvalid, "%d seats are not between 1 and %d", w.Seats, MaxSeats), "seats")
	case w.Anchor != 0 && (w.Anchor > now+maxAhead || w.Anchor < now-4*maxAhead):
		return core.InField(core.Errorf(core.CodeInvalid, "periods cannot count from %s, that is more than 5 years ahead or 20 ago", w.Anchor), "anchor_at")
	case w.When != "" && w.When != AtOnce && w.When != NextPeriod:
		return core.InField(core.Errorf(core.CodeInvalid, "%q is not %s or %s", string(w.When), AtOnce, NextPeriod), "when")
	case w.Currency != "" && !w.Terms.Sells(w.Currency) && (sub == nil || sub.Terms.Plan != w.Terms.Plan):
		return core.InField(core.Errorf(core.CodeInvalid, "plan %q has no price in %q", w.Terms.Plan, string(w.Currency)), "plan")
	}
	return nil
}

// MaxSeats bounds the seats of a subscription.
const MaxSeats = 100_000

// begin starts a plan for somebody who has none.
func (s *State) begin(a *core.Account, w Wish, now core.Time) error {
	if err := s.in(w.Zone); err != nil {
		return core.InField(err, "timezone")
	}
	s.Serial++
	sub := &Subscription{Terms: w.Terms, Currency: w.Currency, Zone: w.Zone, Anchor: w.Anchor, Begun: now, Seats: max(1, w.Seats)}
	if sub.Currency == "" {
		sub.Currency = w.Terms.Currency()
	}
	s.Subscription, s.Billing.Begun = sub, now
	if t := w.Terms.Trial; t != nil && !s.tried(w.Terms.Plan) {
		s.Tried = append(s.Tried, w.Terms.Plan)
		sub.Trial = Calendar{now, t.For, s.zone}.Start(1)
		sub.Anchor, sub.Paid = sub.Trial, -1
		sub.Rules = make([]Rule, len(w.Terms.Allotments))
		s.grantTrial(a, t.Credits, now)
		return s.kept(a)
	}
	if sub.Anchor == 0 {
		sub.Anchor = now
	}
	sub.Paid = s.calendar(sub.Terms.Every).In(now) - 1
	s.open(a, now, now)
	s.demand()
	return s.kept(a)
}

func (s *State) grantTrial(a *core.Account, credits core.Amount, now core.Time) {
	if credits <= 0 {
		return
	}
	source := s.source(a, -1, now)
	_, _ = a.Allot(core.Terms{
		ID: grantOf(a, source, 0), Amount: credits, Category: core.Promotional, Priority: core.DefaultPriority,
		Starts: now, Expires: s.Subscription.Trial, Source: source,
	}, now)
}

// change moves to another plan: at once to a dearer one, else when the period
// ends.
func (s *State) change(a *core.Account, w Wish, now core.Time) (bool, error) {
	sub := s.Subscription
	when := w.When
	if when == "" {
		when = NextPeriod
		if w.Terms.Price(sub.Currency).Minor > sub.Terms.Price(sub.Currency).Minor {
			when = AtOnce
		}
	}
	if !w.Terms.Sells(sub.Currency) {
		return false, core.InField(core.Errorf(core.CodeInvalid, "plan %q has no price in %q", w.Terms.Plan, string(sub.Currency)), "plan")
	}
	if when == NextPeriod {
		if w.Anchor != 0 {
			return false, core.InField(core.Errorf(core.CodeInvalid, "a plan that waits for the next period begins with it"), "anchor_at")
		}
		if p := sub.Pending; p != nil && p.Terms != nil && p.Terms.Plan == w.Terms.Plan && sub.Ends == 0 {
			return s.seat(a, w.Seats, now), s.kept(a)
		}
		if sub.Pending == nil {
			sub.Pending = &Pending{}
		}
		sub.Pending.Terms, sub.Ends = &w.Terms, 0
		s.seat(a, w.Seats, now)
		return true, s.kept(a)
	}
	s.upgrade(a, w, now)
	return true, s.kept(a)
}

// upgrade closes the period at once, revokes before it grants, and begins the
// new plan with a period of its own.
func (s *State) upgrade(a *core.Account, w Wish, now core.Time) {
	sub := s.Subscription
	s.charge(a, now, "change")
	s.retire(a, sub, now)
	old := *sub
	sub.Terms, sub.Pending, sub.Ends, sub.Trial, sub.Ahead = w.Terms, nil, 0, 0, nil
	if sub.Anchor = w.Anchor; w.Anchor == 0 {
		sub.Anchor = now
	}
	if w.Seats > 0 {
		sub.Seats = w.Seats
	}
	if old.Trial == 0 {
		until := s.cycle().After(s.cycle().In(now))
		for i := range old.Rules {
			s.leave(a, &old, i, now, until)
		}
	}
	s.Serial++
	sub.Paid = s.calendar(sub.Terms.Every).In(now) - 1
	s.open(a, now, now)
	s.demand()
}

// seat changes the number of seats: more of them count at once, fewer with the
// next period.
func (s *State) seat(a *core.Account, seats int, now core.Time) bool {
	sub := s.Subscription
	pending := 0
	if sub.Pending != nil {
		pending = sub.Pending.Seats
	}
	switch {
	case seats == 0 || seats == pending || seats == sub.Seats && pending == 0:
		return false
	case seats < sub.Seats:
		if sub.Pending == nil {
			sub.Pending = &Pending{}
		}
		sub.Pending.Seats = seats
		return true
	}
	sub.Seats = seats
	if sub.Pending != nil {
		sub.Pending.Seats = 0
	}
	for i := range sub.Rules {
		if r := &sub.Rules[i]; sub.Trial == 0 && !r.Owed {
			s.give(a, i, sub.had(i).Of(seats)-r.Given, now, now)
		}
	}
	return true
}

// Cancel ends the subscription, with its period or at once. It reports whether
// anything changed. The account must be settled.
func (s *State) Cancel(a *core.Account, when When, now core.Time) (bool, error) {
	sub := s.Subscription
	if sub == nil || sub.Ended != 0 {
		return false, nil
	}
	if when == AtOnce {
		s.finish(a, now, now)
		return true, s.kept(a)
	}
	ends := sub.Trial
	if ends == 0 {
		ends = s.calendar(sub.Terms.Every).After(sub.Period)
	}
	changed := sub.Ends != ends
	sub.Ends = ends
	if sub.Pending != nil {
		sub.Pending = nil
	}
	return changed, s.kept(a)
}

// Close ends everything at once, of a customer who is erased.
func (s *State) Close(a *core.Account, now core.Time) {
	if s.Subscription != nil {
		_, _ = s.Cancel(a, AtOnce, now) // ending at once is never refused
		s.Subscription.Zone, s.zone = "", time.UTC
	}
	if s.Watch != nil {
		s.Watch.Close()
	}
	s.reckon()
	a.Keep(s)
}

// Renewal is what somebody who collects money says about a period's payment.
type Renewal struct {
	Start  core.Time // of the period
	Object string    // the invoice or payment, unique where it comes from
	Paid   core.Money
}

// Subscribed is an account that has, or had, a subscription.
type Subscribed struct {
	Account *core.Account
	State   *State
}

// Pay takes a proven payment of the period that begins at start, or nearest to
// it, and grants what waited for it. A payment may come before its period; of
// one that was proven already nothing happens and false is returned.
func (s *State) Pay(a *core.Account, start, now core.Time) (bool, error) {
	sub := s.Subscription
	if sub == nil || sub.Ended != 0 {
		return false, core.Errorf(core.CodeNotFound, "there is no subscription that could be paid")
	}
	cal := s.calendar(sub.Terms.Every)
	start = within(start, now)
	n, from := nearest(cal, start)
	current, cost := s.current(), s.Cost(start, now)
	switch to := cal.After(n); {
	case max(start-from, from-start) > (to-from)/4:
		return false, core.InField(core.Errorf(core.CodeInvalid, "%s is the start of no period, one begins at %s", start, from), "period")
	case n <= sub.Paid && (n <= current || s.ahead() == cost) && !s.owes(from):
		return false, nil
	case n > current+1:
		return false, core.InField(core.Errorf(core.CodeInvalid, "the period from %s is more than one ahead", from), "period")
	}
	if sub.Paid = max(sub.Paid, n); n > current {
		sub.Ahead = &cost
	}
	for i := range sub.Rules {
		if r := &sub.Rules[i]; r.Owed && n >= sub.Period && sub.Trial == 0 {
			r.Owed = false
			s.give(a, i, sub.had(i).Of(sub.Seats), now, now)
		}
		s.makeGood(a, i, from, now)
	}
	return true, s.kept(a)
}

// within bounds an instant that somebody tells: none so far ahead begins a
// period that could be paid.
func within(start, now core.Time) core.Time { return min(max(start, 0), now+2*maxAhead) }

// nearest is the period that begins nearest to an instant.
func nearest(cal Calendar, start core.Time) (n int, from core.Time) {
	n = cal.In(start)
	from = cal.Start(n)
	if to := cal.After(n); start-from > to-start {
		return cal.In(to), to
	}
	return n, from
}

// current is the period in force, -1 before the first.
func (s *State) current() int {
	if s.Subscription.Trial != 0 {
		return -1
	}
	return s.Subscription.Period
}

// Cost is the price of the period that begins nearest to an instant. One that
// is ahead costs what the plan will that is known to follow by now.
func (s *State) Cost(start, now core.Time) core.Money {
	sub := s.Subscription
	terms := &sub.Terms
	start = within(start, now)
	if n, _ := nearest(s.calendar(terms.Every), start); n > s.current() {
		if p := sub.Pending; p != nil && p.Terms != nil {
			terms = p.Terms
		} else if t, is := s.edition(max(start, now)); is {
			terms = &t
		}
	}
	return terms.Price(sub.Currency)
}

// ahead is what the period that follows was paid for with.
func (s *State) ahead() core.Money {
	sub := s.Subscription
	if sub.Ahead != nil {
		return *sub.Ahead
	}
	return sub.Terms.Price(sub.Currency)
}

// Upcoming lists the next n instants at which the plan's period renews; none
// follow a cancellation.
func (s *State) Upcoming(n int) []core.Time {
	sub := s.Subscription
	if sub == nil || sub.Ended != 0 {
		return nil
	}
	var list []core.Time
	cal, period := s.calendar(sub.Terms.Every), sub.Period
	if sub.Trial != 0 {
		list, period = append(list, sub.Trial), 0
	}
	for len(list) < n {
		next := cal.After(period)
		list, period = append(list, next), cal.In(next)
	}
	if sub.Ends != 0 {
		list = slices.DeleteFunc(list, func(t core.Time) bool { return t >= sub.Ends })
	}
	return list[:min(n, len(list))]
}

// Span is the period in force, [from, to); the trial is one.
func (s *State) Span() (from, to core.Time) {
	sub := s.Subscription
	switch {
	case sub == nil:
		return 0, 0
	case sub.Trial != 0:
		return sub.Begun, sub.Trial
	}
	cal := s.calendar(sub.Terms.Every)
	return cal.Start(sub.Period), cal.After(sub.Period)
}

// cycle counts the periods that overage and use are counted in.
func (s *State) cycle() Calendar {
	t := &s.Subscription.Terms
	if len(t.Allotments) > 0 {
		return s.rule(&t.Allotments[0])
	}
	return s.calendar(t.Every)
}

// rule counts an allotment's periods.
func (s *State) rule(t *Allotment) Calendar {
	cal := s.calendar(t.Every)
	if t.Midnight {
		year, month, day := cal.Anchor.Std().In(s.zone).Date()
		cal.Anchor = core.TimeOf(firstShown(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), s.zone))
	}
	return cal
}

func (s *State) calendar(every Span) Calendar {
	return Calendar{s.Subscription.Anchor, every, s.zone}
}

// source names what made a grant: the period of a rule. Whoever knows a grant
// can tell from its source and id that no command made it, see [Made].
func (s *State) source(a *core.Account, rule int, begun core.Time) core.ID {
	return core.NewID(SourceID, a.Customer, "period", fmt.Sprintf("%s/%d/%d/%d", a.Customer, s.Serial, rule, int64(begun)), 0)
}

// rolled names what a rule has carried over, in whatever period.
func rolled(a *core.Account, rule int) core.ID {
	return core.NewID(SourceID, a.Customer, "rolled", fmt.Sprintf("%s/%d", a.Customer, rule), 0)
}

// Period is what one period of a rule granted.
type Period struct {
	Grants int
	Given  core.Amount
}

// Periods are the periods in force, by what their grants name as their source;
// nil where they were begun in another unit.
func (s *State) Periods(a *core.Account) map[core.ID]Period {
	sub := s.running()
	if sub == nil || s.Billing.Moved {
		return nil
	}
	list := map[core.ID]Period{}
	for i, r := range sub.Rules {
		list[s.source(a, i, r.Begun)] = Period{r.Grants, r.Given}
	}
	return list
}

// SourceID is the prefix of what a subscription's grants name as their source.
const SourceID = "sub"

func grantOf(a *core.Account, source core.ID, index int) core.ID {
	return core.NewID(core.GrantID, a.Customer, "allotment", string(source), index)
}

func rolledOf(a *core.Account, from core.ID) core.ID {
	return core.NewID(core.GrantID, a.Customer, "rollover", string(from), 0)
}

// maxGrants bounds the grants of one period of a rule: one, and one for each
// raise of the seats.
const maxGrants = 1000

// Made reports whether the terms are those of a grant that a subscription of
// the customer may have made by itself; from is the grant that it was rolled
// over from, or "".
func Made(customer string, t *core.Terms, from core.ID) bool {
	a := &core.Account{Customer: customer}
	if !t.Source.Valid(SourceID) || !t.Paid.IsZero() && from == "" {
		return false
	}
	if from != "" {
		return t.Category == core.Rollover && t.ID == rolledOf(a, from)
	}
	if t.Category != core.Allotment && t.Category != core.Promotional {
		return false
	}
	for i := range maxGrants {
		if t.ID == grantOf(a, t.Source, i) {
			return true
		}
	}
	return false
}
