package ledger_test

import (
	"scrip/core"
	"scrip/core/plan"
)

// lifePlan is a plan, in the model's words; a period is ten days.
type lifePlan struct {
	name    string
	dollars core.Amount
	credits core.Amount // and for each seat
	seat    core.Amount
	roll    core.Amount // the most that is rolled over, for one period
	rule    core.Shortfall
}

const (
	lifeDay    = 24 * hour
	lifePeriod = 10 * lifeDay
)

var lifePlans = []*lifePlan{
	{name: "basic", dollars: 10, credits: 60, seat: 20, roll: 70, rule: core.Reject},
	{name: "team", dollars: 20, seat: 20, rule: core.Cap},
	{name: "pro", dollars: 30, credits: 300, rule: core.Overage},
}

// terms are those that the ledger is given.
func (p *lifePlan) terms() plan.Terms {
	every := plan.Span{N: 10, Of: plan.Day}
	a := plan.Allotment{Credits: p.credits, Every: every, Priority: core.DefaultPriority}
	if p.seat > 0 {
		a.Brackets = []plan.Bracket{{Credits: p.seat}}
	}
	if p.roll > 0 {
		a.Rollover = &plan.Rollover{Max: p.roll, Cycles: 1, Priority: core.DefaultPriority - 1}
	}
	t := plan.Terms{Plan: p.name, Prices: []core.Money{{Minor: p.dollars * 100, Currency: "usd"}}, Every: every, Allotments: []plan.Allotment{a}, AtZero: p.rule}
	if p.rule == core.Overage {
		t.Overage = &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 1, Den: 100}, Currency: "usd"}}, Per: 1, Limit: lifeOverages}
	}
	return t
}

// lifeSub is a subscription.
type lifeSub struct {
	plan    *lifePlan
	started core.Time // of the period in force
	seats   int
	lots    []*lifeLot // of the period in force
	given   core.Amount
	then    *lifePlan // with the next period
	fewer   int       // seats with the next period
	ends    bool
	over    bool
}

func (s *lifeSub) next() core.Time {
	if s.over {
		return core.Never
	}
	return s.started + lifePeriod
}

func (p *lifePlan) of(seats int) core.Amount { return p.credits + core.Amount(seats)*p.seat }

func (l *life) give(n core.Amount, at core.Time) {
	if s := l.sub; n > 0 {
		lot := l.add(core.Terms{Amount: n, Category: core.Allotment, Priority: core.DefaultPriority, Starts: at, Expires: s.next()}, at)
		lot.auto, s.lots, s.given = true, append(s.lots, lot), s.given+n
	}
}

func (l *life) begin(at core.Time) {
	l.sub.started, l.sub.lots, l.sub.given = at, nil, 0
	l.give(l.sub.plan.of(l.sub.seats), at)
}

// roll carries what is free of a lot over, up to a bound.
func (l *life) roll(lot *lifeLot, most core.Amount, priority int, at, until core.Time) core.Amount {
	n := min(lot.free, most)
	if n > 0 {
		lot.free -= n
		if at < lot.terms.Expires {
			lot.wentAt = at
		}
		next := l.add(core.Terms{Amount: n, Category: core.Rollover, Priority: priority, Starts: at, Expires: until}, at)
		next.auto, next.rolled, next.parent = true, true, lot
	}
	return n
}

// turn ends a period and begins the next.
func (l *life) turn(at core.Time) {
	s := l.sub
	l.over, l.cycle = 0, l.cycle+1
	if s.ends {
		l.finish(at)
		return
	}
	room := s.plan.roll
	for _, lot := range l.lots {
		if lot.rolled && lot.open(at) {
			room -= lot.free + l.held(lot)
		}
	}
	old := s.lots
	for _, lot := range old {
		if lot.gone == "" && lot.free+l.held(lot) > 0 {
			room -= l.roll(lot, max(0, room), core.DefaultPriority-1, at, at+lifePeriod)
			l.close(lot, at)
		}
	}
	if s.fewer > 0 {
		s.seats = s.fewer
	}
	if s.then != nil {
		s.plan = s.then
	}
	s.then, s.fewer = nil, 0
	l.begin(at)
}

func (l *life) finish(at core.Time) {
	l.over, l.cycle = 0, l.cycle+1
	for _, lot := range l.sub.lots {
		l.end(lot, at)
	}
	l.sub.over = true
}

// wish makes the subscription what is wished.
func (l *life) wish(p *lifePlan, seats int) {
	s := l.sub
	switch {
	case s == nil || s.over:
		l.sub = &lifeSub{plan: p, seats: max(1, seats)}
		l.begin(l.now)
		return
	case p == s.plan:
		s.ends, s.then = false, nil
	case p.dollars > s.plan.dollars:
		l.over, l.cycle = 0, l.cycle+1
		priority := core.DefaultPriority
		if s.plan.roll > 0 {
			priority--
		}
		for _, lot := range s.lots {
			if lot.gone == "" && lot.free+l.held(lot) > 0 {
				l.roll(lot, lot.free, priority, l.now, l.now+lifePeriod)
				l.close(lot, l.now)
			}
		}
		s.plan, s.then, s.fewer, s.ends = p, nil, 0, false
		if seats > 0 {
			s.seats = seats
		}
		l.begin(l.now)
		return
	default:
		s.then, s.ends = p, false
	}
	l.seat(seats)
}

func (l *life) seat(seats int) {
	s := l.sub
	switch {
	case seats == 0:
	case seats < s.seats:
		s.fewer = seats
	default:
		s.seats, s.fewer = seats, 0
		l.give(s.plan.of(seats)-s.given, l.now)
	}
}

// cancel lets the subscription end with its period.
func (l *life) cancel() {
	if s := l.sub; s != nil && !s.over {
		s.ends, s.then, s.fewer = true, nil, 0
	}
}

// lifePurchase is a purchase of fifty credits for ten dollars.
type lifePurchase struct {
	id                core.ID
	state             string // pending, paid, failed
	lot               *lifeLot
	refunded, dispute core.Amount // dollars, in all
	won               bool
	takings           []*lifeTaking
}

type lifeTaking struct {
	dispute bool
	at      core.Time
	asked   core.Amount
	taken   core.Amount // of the lot
	owed    core.Amount
}

const (
	lifeCredits core.Amount = 50
	lifePrice   core.Amount = 10
)

// claimed brings the credits to where refunds and disputes leave them.
func (l *life) claimed(p *lifePurchase, dispute bool) {
	money := p.refunded
	if !p.won {
		money += p.dispute
	}
	due := lifeCredits * min(money, lifePrice) / lifePrice
	for _, t := range p.takings {
		due -= t.asked
	}
	if due > 0 {
		t := &lifeTaking{dispute: dispute, at: l.now, asked: due}
		if p.lot.gone == "" && l.now < p.lot.terms.Expires {
			t.taken = min(due, p.lot.free)
		}
		p.lot.free -= t.taken
		t.owed = due - t.taken
		l.owed += t.owed
		p.takings = append(p.takings, t)
		l.settle(l.now)
	}
	for _, own := range []bool{true, false} {
		for i := len(p.takings) - 1; i >= 0 && due < 0; i-- {
			t := p.takings[i]
			if own != (t.dispute == dispute) {
				continue
			}
			n := min(-due, t.asked)
			t.asked -= n
			due += n
			back := min(n, t.owed)
			t.owed -= back
			l.forgive(back)
			if n -= back; n > 0 {
				t.taken -= n
				l.revive(p.lot, n, t.at)
			}
			l.settle(l.now)
		}
	}
}

// revive returns what a claim took to its lot, or, where that is over, to a new
// one with the life that it had left.
func (l *life) revive(lot *lifeLot, n core.Amount, taken core.Time) {
	switch {
	case lot.gone == core.Void:
	case lot.gone == "" && l.now < lot.terms.Expires:
		lot.free += n
	default:
		lot.gone = core.Expired
		t := lot.terms
		t.Amount, t.Starts, t.Expires = n, l.now, l.now+max(1, t.Expires-max(taken, t.Starts))
		l.add(t, l.now).parent = lot
	}
}
