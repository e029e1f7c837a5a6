package ledger_test

import (
	"cmp"
	"fmt"
	"slices"

	"scrip/core"
)

// life is a second, naive reading of an account's rules: lots in a list,
// holds in a list, one plan with periods of ten days. It keeps no entries.
type life struct {
	now   core.Time
	lots  []*lifeLot // in the order they were made
	holds []*lifeHold
	owed  core.Amount
	over  core.Amount // overage of the cycle
	cycle int
	sub   *lifeSub
}

type lifeLot struct {
	terms   core.Terms
	seq     int
	made    core.Time
	auto    bool // by a plan
	rolled  bool
	free    core.Amount
	gone    core.GrantState // void or expired, "" while neither
	lapsed  core.Amount     // what expired
	endedAt core.Time       // when it came to its end with something left
	early   bool            // it was ended before its time
	backAt  core.Time       // when something first came back to it after its end
	wentAt  core.Time       // when what was left of it was rolled over before its time
	parent  *lifeLot        // that it was rolled over from
}

type lifePart struct {
	lot    *lifeLot
	amount core.Amount
}

type lifeHold struct {
	id               core.ID
	amount, captured core.Amount
	parts            []lifePart
	state            core.HoldState
	made, expires    core.Time
	protect          bool
}

// lifeDebit is what a debit took.
type lifeDebit struct {
	parts                  []lifePart
	over, deficit, forgone core.Amount
	given                  core.Amount
	cycle                  int // that the overage is of
}

func (d *lifeDebit) total() core.Amount {
	sum := d.over + d.deficit
	for _, p := range d.parts {
		sum += p.amount
	}
	return sum
}

// name tells lots apart as far as the rules do.
func (l *lifeLot) name() string { return lotName(&l.terms) }

func lotName(t *core.Terms) string {
	return fmt.Sprint(t.Category, t.Priority, t.Starts, t.Expires, t.Actions)
}

func (l *life) held(lot *lifeLot) (sum core.Amount) {
	for _, h := range l.holds {
		for _, p := range h.parts {
			if h.state == core.HoldOpen && p.lot == lot {
				sum += p.amount
			}
		}
	}
	return sum
}

// sorted is the lots in burn order.
func (l *life) sorted() []*lifeLot {
	free := func(t *core.Terms) int {
		if t.Category == core.Promotional || t.Category == core.Adjustment {
			return 0
		}
		return 1
	}
	list := slices.Clone(l.lots)
	slices.SortFunc(list, func(x, y *lifeLot) int {
		a, b := &x.terms, &y.terms
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Expires, b.Expires), cmp.Compare(free(a), free(b)),
			cmp.Compare(a.Starts, b.Starts), cmp.Compare(x.seq, y.seq))
	})
	return list
}

func (l *life) add(t core.Terms, made core.Time) *lifeLot {
	lot := &lifeLot{terms: t, seq: len(l.lots), made: made, free: t.Amount}
	l.lots = append(l.lots, lot)
	return lot
}

func (l *lifeLot) open(at core.Time) bool {
	return l.gone == "" && l.terms.Starts <= at && at < l.terms.Expires
}

// play lives through every instant up to one.
func (l *life) play(to core.Time) {
	for {
		at := l.next()
		if at > to {
			l.now = to
			return
		}
		slices.SortStableFunc(l.holds, func(x, y *lifeHold) int {
			return cmp.Or(cmp.Compare(x.made, y.made), cmp.Compare(x.id, y.id))
		})
		for _, h := range l.holds {
			if h.state == core.HoldOpen && h.expires == at {
				l.free(h, at)
				h.state = core.HoldExpired
			}
		}
		if l.sub != nil && l.sub.next() == at {
			l.turn(at)
		}
		for _, lot := range l.sorted() {
			if lot.terms.Expires == at {
				l.end(lot, at)
			}
		}
		l.now = at
		l.settle(at)
	}
}

// next is the next instant at which anything may happen.
func (l *life) next() core.Time {
	at := core.Never
	for _, h := range l.holds {
		if h.state == core.HoldOpen {
			at = min(at, h.expires)
		}
	}
	for _, lot := range l.lots {
		for _, t := range []core.Time{lot.terms.Starts, lot.terms.Expires} {
			if t > l.now {
				at = min(at, t)
			}
		}
	}
	if l.sub != nil {
		at = min(at, l.sub.next())
	}
	return at
}

// end lets what is left of a lot go, but for what holds protect.
func (l *life) end(lot *lifeLot, at core.Time) {
	if lot.free+l.held(lot) > 0 { // also where a hold that ended at this very instant gave some back
		l.close(lot, at)
	}
}

// close is end of a lot of which something was left.
func (l *life) close(lot *lifeLot, at core.Time) {
	for _, h := range l.holds {
		for i := range h.parts {
			if p := &h.parts[i]; p.lot == lot && h.state == core.HoldOpen && !h.protect {
				lot.free += p.amount
				p.amount = 0
			}
		}
	}
	if lot.gone == "" {
		lot.gone = core.Expired
		if lot.early = at < lot.terms.Expires; lot.free > 0 {
			lot.endedAt = at
		}
	}
	l.spill(lot)
}

// spill lets what is free of a lot that has ended go.
func (l *life) spill(lot *lifeLot) {
	if lot.gone == core.Expired {
		lot.lapsed += lot.free
	}
	if lot.gone != "" {
		lot.free = 0
	}
}

// back returns a part to its lot.
func (l *life) back(lot *lifeLot, n core.Amount, at core.Time) {
	if n == 0 {
		return
	}
	if lot.gone == "" && at >= lot.terms.Expires {
		lot.gone = core.Expired
	}
	if lot.gone == core.Expired && lot.backAt == 0 {
		lot.backAt = at
	}
	lot.free += n
	l.spill(lot)
}

func (l *life) free(h *lifeHold, at core.Time) {
	for _, p := range h.parts {
		l.back(p.lot, p.amount, at)
	}
	h.parts = nil
}

// settle pays what is owed with paid lots that may pay for anything.
func (l *life) settle(at core.Time) {
	for _, lot := range l.sorted() {
		if lot.terms.Category == core.Paid && lot.terms.Actions == nil && lot.open(at) {
			n := min(l.owed, lot.free)
			l.owed, lot.free = l.owed-n, lot.free-n
		}
	}
}

// lifeDraw is what a debit asks for.
type lifeDraw struct {
	amount core.Amount
	action string
	not    core.Category
	rule   core.Shortfall
	at     core.Time // 0: now
}

func (d *lifeDraw) pays(t *core.Terms) bool {
	return (t.Actions == nil || slices.Contains(t.Actions, d.action)) && t.Category != d.not
}

// root is the lot that the credits of one lay in when a late draw happened.
func (d *lifeDraw) root(lot *lifeLot) *lifeLot {
	for lot.parent != nil && d.at < lot.terms.Starts {
		lot = lot.parent
	}
	return lot
}

// then reports whether a lot could pay a late draw when that happened.
func (d *lifeDraw) then(lot *lifeLot) bool {
	return d.pays(&lot.terms) && lot.terms.Starts <= d.at && d.at < lot.terms.Expires && (lot.made <= d.at || lot.auto)
}

// order is the lots in the order that a draw takes of them: of those that were
// in force then each with what was rolled over from it.
func (l *life) order(d *lifeDraw) []*lifeLot {
	list := l.sorted()
	if d.at == 0 {
		return list
	}
	place := map[*lifeLot]int{}
	for i, lot := range list {
		place[lot] = i
	}
	slices.SortStableFunc(list, func(x, y *lifeLot) int {
		return cmp.Or(cmp.Compare(place[d.root(x)], place[d.root(y)]), cmp.Compare(x.seq, y.seq))
	})
	return list
}

// has is what a draw may take of a lot.
func (l *life) has(d *lifeDraw, lot *lifeLot) core.Amount {
	switch {
	case d.at == 0:
		if !d.pays(&lot.terms) || !lot.open(l.now) {
			return 0
		}
		return lot.free
	case !d.then(d.root(lot)):
		return 0
	case lot.gone == "":
		return lot.free
	}
	ended := lot.endedAt
	if ended == 0 {
		if lot.early && lot.backAt < lot.terms.Expires {
			return 0 // nothing was left when it ended: nobody knows when that was
		}
		if lot.wentAt != 0 && d.at >= lot.wentAt {
			return 0
		}
		ended = lot.terms.Expires
	}
	if lot.gone == core.Expired && max(d.at, lot.terms.Starts) < ended && ended <= l.now {
		return lot.lapsed
	}
	return 0
}

const (
	lifeLimit    core.Amount = 40 // of a deficit
	lifeOverages core.Amount = 50 // of a cycle
)

// draw takes what a debit asks for, or returns why not.
func (l *life) draw(d lifeDraw) (*lifeDebit, core.Code) {
	rule := d.rule
	running := l.sub != nil && !l.sub.over
	if rule == "" {
		rule = core.Deficit
		if running {
			rule = l.sub.plan.rule
		}
	}
	if rule == core.Overage && (!running || l.sub.plan.rule != core.Overage) {
		rule = core.Reject
	}
	done, rest := &lifeDebit{cycle: l.cycle}, d.amount
	for _, lot := range l.order(&d) {
		if n := min(rest, l.has(&d, lot)); n > 0 {
			done.parts = append(done.parts, lifePart{lot, n})
			rest -= n
		}
	}
	switch {
	case rest == 0:
	case rule == core.Reject:
		return nil, core.CodeInsufficientCredits
	case rule == core.Cap:
		done.forgone = rest
	case rule == core.Overage && rest > lifeOverages-max(0, l.over), rule == core.Deficit && rest > max(0, lifeLimit-l.owed):
		return nil, core.CodeLimitReached
	case rule == core.Overage:
		done.over, l.over = rest, l.over+rest
	default:
		done.deficit, l.owed = rest, l.owed+rest
	}
	for _, p := range done.parts {
		if p.lot.gone != "" {
			p.lot.lapsed -= p.amount
		} else {
			p.lot.free -= p.amount
		}
	}
	if done.deficit > 0 {
		l.settle(l.now)
	}
	return done, ""
}

// reverse gives a part of a debit back, the last taken first.
func (l *life) reverse(d *lifeDebit, amount core.Amount) core.Code {
	if amount <= 0 || amount > d.total()-d.given {
		return core.CodeInvalid
	}
	skip := d.given
	d.given += amount
	part := func(of core.Amount) core.Amount {
		done := min(skip, of)
		n := min(of-done, amount)
		skip, amount = skip-done, amount-n
		return n
	}
	if n := part(d.over); l.sub != nil && !l.sub.over && d.cycle == l.cycle { // else it is charged already
		l.over -= n
	}
	l.forgive(part(d.deficit))
	for i := len(d.parts) - 1; i >= 0; i-- {
		l.back(d.parts[i].lot, part(d.parts[i].amount), l.now)
	}
	l.settle(l.now)
	return ""
}

// forgive makes a debt less; what was paid of it becomes a lot.
func (l *life) forgive(n core.Amount) {
	still := min(n, l.owed)
	l.owed -= still
	if n > still {
		l.add(core.Terms{Amount: n - still, Category: core.Adjustment, Priority: core.DefaultPriority, Starts: l.now, Expires: core.Never}, l.now)
	}
}
