package mapping

import (
	"maps"
	"slices"

	"scrip/core"
)

// Where a vendor debits the lot that the caller names, a window is split over
// the lots that the core drew on. What a vendor holds of a lot is then by
// itself the floor of what is left of it: each draw is the difference of two
// such floors.

// Lot is a grant that a vendor was given.
type Lot struct {
	Given core.Amount `json:"given"`           // of the grant, when it was given
	Taken core.Amount `json:"taken,omitempty"` // net consumption told since; below zero when more came back
	Seq   int64       `json:"seq"`             // of the account's last entry that the giving took in
	Until core.Time   `json:"until"`           // the grant's end
}

// Left is what the vendor must hold of a lot.
func (l Lot) Left() core.Amount { return l.Given - l.Taken }

// Draw is what one window takes off one lot.
type Draw struct {
	Grant  core.ID `json:"grant"`
	Quanta int64   `json:"quanta"` // below zero: so much is put back
	Done   bool    `json:"done,omitempty"`
}

// lotLimit bounds the lots that a book keeps of grants of which nothing is
// left: what comes back to an older one stays in the core.
const lotLimit = 64

// Give notes that a vendor was given a grant.
func (b *Book) Give(g *GrantFacts) {
	if b.Lots == nil {
		b.Lots = map[core.ID]Lot{}
	}
	b.Lots[g.Grant] = Lot{Given: g.Original - g.Consumed, Seq: g.Seq, Until: g.Expires}
}

// Drawn is the last entry that needs no looking at any more: before the first
// lot, and the first kept grant, nothing was consumed of any.
func (b *Book) Drawn() int64 {
	first, any := int64(0), false
	at := func(seq int64) {
		if !any || seq < first {
			first, any = seq, true
		}
	}
	for _, l := range b.Lots {
		at(l.Seq)
	}
	for _, k := range b.Kept {
		at(k.Seq)
	}
	return max(b.Seq, first)
}

// Split is consumption by grant, of entries that follow each other.
type Split struct {
	Apart core.Amount // net consumption of kept grants

	book *Book
	q    Quantum
	was  map[core.ID]core.Amount // what was left of the lots drawn on
	back core.Entry              // the last that brought something of an expired grant back
}

// Split begins to split consumption over the book's lots.
func (b *Book) Split(q Quantum) *Split { return &Split{book: b, q: q, was: map[core.ID]core.Amount{}} }

// Add takes an entry in. What was consumed of a grant that the vendor was not
// given is the core's own.
func (s *Split) Add(e *core.Entry) {
	s.book.Seq = e.Seq
	if e.Kind == core.EntryRestore {
		s.back = *e
		return
	}
	if e.Kind == core.EntryDebit && e.Seq == s.back.Seq+1 && e.Grant == s.back.Grant && e.Source == s.back.Source {
		return // late, of a grant that had ended: the window keeps it apart
	}
	amount := e.Amount
	switch e.Kind {
	case core.EntryDebit, core.EntryCapture, core.EntrySettle, core.EntryClawback:
	case core.EntryReverse, core.EntryReinstate:
		amount = -amount
	default:
		return
	}
	if s.book.keeps(e) {
		if !takenBack(e.Kind) {
			s.Apart += amount
		}
		return
	}
	lot, ok := s.book.Lots[e.Grant]
	if !ok || e.Seq <= lot.Seq || e.Kind == core.EntryReinstate && e.Effective >= lot.Until {
		return // what comes back to a lot that is over is another one
	}
	if _, ok := s.was[e.Grant]; !ok {
		s.was[e.Grant] = lot.Left()
	}
	lot.Taken += amount
	s.book.Lots[e.Grant] = lot
}

// Draws are what the vendor must hear of, in the order of the lots' ids. Lots
// of which nothing is left and nothing can come back are forgotten.
func (s *Split) Draws(now core.Time) ([]Draw, error) {
	var draws []Draw
	for _, id := range slices.Sorted(maps.Keys(s.was)) {
		before, err := s.q.Floor(s.was[id])
		if err != nil {
			return nil, err
		}
		after, err := s.q.Floor(s.book.Lots[id].Left())
		if err != nil {
			return nil, err
		}
		if before != after {
			draws = append(draws, Draw{Grant: id, Quanta: before - after})
			s.book.Told += before - after
		}
	}
	s.book.forget(now)
	return draws, nil
}

func (b *Book) forget(now core.Time) {
	var empty []core.ID
	for id, l := range b.Lots {
		switch {
		case l.Left() > 0:
		case now >= l.Until:
			delete(b.Lots, id)
		default:
			empty = append(empty, id)
		}
	}
	if over := len(empty) - lotLimit; over > 0 {
		slices.SortFunc(empty, func(x, y core.ID) int { return int(b.Lots[x].Seq - b.Lots[y].Seq) })
		for _, id := range empty[:over] {
			delete(b.Lots, id)
		}
	}
}

// NextDraw is the draw to be told next, nil when all are.
func (c *Consumption) NextDraw() *Draw {
	for i := range c.Draws {
		if !c.Draws[i].Done {
			return &c.Draws[i]
		}
	}
	return nil
}
