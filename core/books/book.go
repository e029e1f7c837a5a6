package books

import (
	"cmp"
	"slices"

	"scrip/core"
)

// Book is one customer at a time: all of its accounts, in any unit, since a
// change of unit carries money from one to the other. Begin, then for each
// account its grants and then its entries in sequence, then Close.
type Book struct {
	at, known, since core.Time

	lots  []*Lot // those in use lead; the others are room to use again
	used  int
	byID  map[core.ID]*Lot
	moves []move
	dates []Month
}

// move is an entry by which credits leave one lot for another, or come.
type move struct {
	lot      *Lot
	source   core.ID // where it came from; of one that comes only
	amount   core.Amount
	month    Month
	recorded core.Time
	comes    bool
	fresh    bool // it makes its lot
	renewed  bool // it comes in the unit that it left in
	counts   bool // it lies within the book's instants
}

// New is a book as of an instant: of what was effective by at and recorded by
// known. Consumption after since is counted apart.
func New(at, known, since core.Time) *Book {
	return &Book{at: at, known: known, since: since, byID: map[core.ID]*Lot{}}
}

// Begin turns to another customer. What lots were given before is void.
func (b *Book) Begin() {
	b.used, b.moves, b.dates = 0, b.moves[:0], b.dates[:0]
	clear(b.byID)
}

// Grant adds a grant; only its terms, its sequence and its unit count. One that
// is there already is left.
func (b *Book) Grant(unit string, g *core.Grant) {
	if b.byID[g.ID] != nil {
		return
	}
	if b.used == len(b.lots) {
		b.lots = append(b.lots, &Lot{})
	}
	l := b.lots[b.used]
	b.used++
	l.reset(unit, g)
	b.byID[g.ID] = l
}

// Entry adds an entry. What the account owes or is billed beside its grants has
// no part in them.
func (b *Book) Entry(e *core.Entry) {
	l := b.byID[e.Grant]
	if l == nil {
		return
	}
	// Nothing happens to a grant before it begins: a scheduled one that was
	// voided or converted ahead is neither here nor there until then.
	at := max(e.Effective, l.Grant.Starts)
	counts := at <= b.at && knownSince(e, &l.Grant) <= b.known
	m := MonthOf(at)
	from, to := e.Kind.Pots()
	fresh := e.Seq == l.Grant.Seq
	gone, out := placeOf(to)
	came, in := placeOf(from)
	switch {
	case in && came == moved:
		b.moves = append(b.moves, move{lot: l, source: e.Source, amount: e.Amount, month: m, recorded: e.Recorded,
			comes: true, fresh: fresh, renewed: from == core.Rolled, counts: counts})
		if fresh {
			came = issued
		}
	case out && gone == moved:
		b.moves = append(b.moves, move{lot: l, amount: e.Amount, month: m, recorded: e.Recorded, counts: counts})
	}
	if !counts {
		return
	}
	if in {
		sign := core.Amount(-1)
		if came == issued {
			sign = 1
		}
		l.add(m, came, sign*e.Amount)
		if came == consumed && at > b.since {
			l.Burnt -= e.Amount
		}
	}
	if out {
		l.add(m, gone, e.Amount)
		if gone == consumed && at > b.since {
			l.Burnt += e.Amount
		}
	}
}

// knownSince is when an entry could be known: what time alone decides, when it
// happened, whenever it was posted.
func knownSince(e *core.Entry, g *core.Grant) core.Time {
	byTime := false
	switch e.Kind {
	case core.EntryExpire:
		byTime = e.Source == e.Grant
	case core.EntryGrant:
		byTime = g.Allotted()
	case core.EntrySettle, core.EntryRollOut, core.EntryRollIn:
		byTime = true
	}
	if byTime {
		return min(e.Effective, e.Recorded)
	}
	return e.Recorded
}

// Step is what changed of a lot in one month.
type Step struct {
	Month Month
	Lot   *Lot
	Units Units
	Money Money
}

// Close works out every lot month by month, and tells step, where it is set, of
// each change; afterwards the lots stand as of the book's instant.
func (b *Book) Close(step func(Step)) {
	b.join()
	for _, l := range b.lots[:b.used] {
		for i := range l.months {
			b.dates = append(b.dates, l.months[i].month)
		}
	}
	slices.Sort(b.dates)
	b.dates = slices.Compact(b.dates)
	for _, m := range b.dates {
		for _, l := range b.lots[:b.used] {
			for i := range l.months {
				if t := &l.months[i]; t.month == m {
					for place, amount := range t.by {
						l.now[place] += amount
					}
				}
			}
		}
		for _, l := range b.lots[:b.used] {
			l.was, l.wasMoney = l.Units, l.Money
		}
		for _, l := range b.lots[:b.used] {
			l.settle(m)
		}
		if step == nil {
			continue
		}
		for _, l := range b.lots[:b.used] {
			if l.Units != l.was || l.Money != l.wasMoney {
				step(Step{m, l, l.Units.less(l.was), l.Money.less(l.wasMoney)})
			}
		}
	}
}

// Lots are the customer's lots, in the order they were given; those that have
// not begun by the book's instant have issued nothing.
func (b *Book) Lots() []*Lot { return b.lots[:b.used] }

// join finds for what came into a lot where it had left. Departures and
// arrivals of one instant belong together.
func (b *Book) join() {
	slices.SortStableFunc(b.moves, func(x, y move) int {
		return cmp.Or(cmp.Compare(x.recorded, y.recorded), compareBool(x.comes, y.comes))
	})
	for i := range b.moves {
		m := &b.moves[i]
		if !m.comes {
			m.lot.out += m.amount
			continue
		}
		source := b.byID[m.source]
		switch {
		case source == nil:
		case source == m.lot: // it had become nothing elsewhere
			source.out -= m.amount
		case m.fresh:
			m.link(source)
		default:
			m.giveBack(source)
		}
	}
}

// link makes the lot that came one of what its source became.
func (m *move) link(source *Lot) {
	parts := source.out - source.claimed
	if m.renewed {
		parts = m.amount
	}
	source.claimed += parts
	m.lot.parent = source
	source.children = append(source.children, m.lot)
	if m.counts {
		m.lot.add(m.month, linked, parts)
	}
}

// giveBack unmakes a link as far as credits went back to the lot they had come
// from, be it at another figure in its unit.
func (m *move) giveBack(source *Lot) {
	parts := source.out - source.claimed
	source.claimed = source.out
	if !m.counts {
		return
	}
	source.add(m.month, moved, -parts)
	source.add(m.month, issued, -parts)
	if source.parent == m.lot {
		source.add(m.month, linked, -m.amount)
	}
}

// compareBool puts false first.
func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}
