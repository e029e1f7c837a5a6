// Package asof answers what an account held at an instant, as it was known at
// another. Facts have two times: when they happened, which entries call
// effective, and when the ledger learned of them, which they call recorded. A
// late fact is effective before it is recorded, so it changes what is known of
// the past now, and never what was known then.
//
// An [History] reads an account's entries once, in their order, and keeps only
// what stood at the instant. It is pure.
package asof

import (
	"maps"
	"slices"
	"strings"

	"scrip/core"
)

// History adds up the entries of one account that were effective at an instant
// and known at another.
type History struct {
	at, known core.Time
	lots      map[core.ID]*lot
	holds     map[core.ID][]core.Allocation // what each hold reserves, in the order it did
	allotted  map[core.ID]*core.Entry       // grants recorded later that may be a policy's
	seq       int64
	consumed  core.Amount
	overdrawn core.Amount
	captured  [2]core.ID // the capture looked up last, and its hold
	released  core.Entry // what a hold let go of last
}

// lot is what is there of one grant.
type lot struct {
	free, held core.Amount
	closed     core.GrantState
}

// New begins a history as of an instant, as known at another.
func New(at, known core.Time) *History {
	return &History{at: at, known: known, lots: map[core.ID]*lot{}, holds: map[core.ID][]core.Allocation{}, allotted: map[core.ID]*core.Entry{}}
}

// Add takes the account's next entry in. holdOf finds the hold that a capture
// was of; it is asked only where several holds reserve of one grant. more is
// false when no entry that follows can count.
func (h *History) Add(e *core.Entry, holdOf func(capture core.ID) (core.ID, error)) (more bool, err error) {
	byTime := h.byTime(e)
	if e.Recorded > h.known {
		if e.Effective > h.known {
			return false, nil
		}
		if e.Kind == core.EntryGrant && e.Effective <= h.at {
			late := *e
			h.allotted[e.Grant] = &late
		}
		if !byTime {
			return true, nil
		}
	}
	if e.Effective > h.at {
		return true, nil
	}
	h.seq = e.Seq
	return true, h.take(e, holdOf)
}

// byTime reports whether an entry says what time alone decided: it was known
// when it was effective, however late it was posted.
func (h *History) byTime(e *core.Entry) bool {
	if e.Kind == core.EntryRelease {
		h.released = *e
	}
	if e.Effective >= e.Recorded {
		return false
	}
	switch e.Kind {
	case core.EntryRelease, core.EntrySettle, core.EntryRollOut, core.EntryRollIn, core.EntryVoid:
		return true
	case core.EntryExpire: // of a grant by itself, or of what a hold let go of; not of what was given back
		return e.Source == e.Grant || e.Source == h.released.Source && e.Seq == h.released.Seq+1
	}
	return false
}

func (h *History) take(e *core.Entry, holdOf func(core.ID) (core.ID, error)) error {
	from, to := e.Kind.Pots()
	if from == core.Owed {
		h.overdrawn += e.Amount
	}
	if to == core.Owed {
		h.overdrawn -= e.Amount
	}
	switch e.Kind {
	case core.EntryDebit, core.EntryCapture, core.EntrySettle:
		h.consumed += e.Amount
	case core.EntryReverse:
		h.consumed -= e.Amount
	}
	if e.Grant == "" {
		return nil
	}
	l := h.lots[e.Grant]
	if l == nil {
		l = &lot{}
		h.lots[e.Grant] = l
	}
	l.move(e, from, to)
	err := h.reserve(e, l, holdOf)
	if l.free == 0 && l.held == 0 {
		delete(h.lots, e.Grant)
	}
	return err
}

func (l *lot) move(e *core.Entry, from, to core.Pot) {
	switch from {
	case core.Available:
		l.free -= e.Amount
	case core.Held:
		l.held -= e.Amount
	}
	switch to {
	case core.Available:
		l.free += e.Amount
	case core.Held:
		l.held += e.Amount
	}
	switch e.Kind {
	case core.EntryExpire:
		l.closed = core.Expired
	case core.EntryVoid:
		l.closed = core.Void
	case core.EntryConvertOut:
		l.closed = core.Converted
	case core.EntryConvertIn:
		l.closed = ""
	}
}

// reserve follows what single holds keep of a grant.
func (h *History) reserve(e *core.Entry, l *lot, holdOf func(core.ID) (core.ID, error)) error {
	switch e.Kind {
	case core.EntryHold:
		h.holds[e.Source] = append(h.holds[e.Source], core.Allocation{Grant: e.Grant, Amount: e.Amount})
	case core.EntryRelease:
		h.drop(e.Source, e.Grant, e.Amount)
	case core.EntryCapture:
		if l.held == 0 { // no hold keeps anything of it any more
			for id := range h.holds {
				h.drop(id, e.Grant, core.MaxAmount)
			}
			return nil
		}
		if h.captured[0] != e.Source {
			hold, err := holdOf(e.Source)
			if err != nil {
				return err
			}
			h.captured = [2]core.ID{e.Source, hold}
		}
		h.drop(h.captured[1], e.Grant, e.Amount)
	}
	return nil
}

// drop takes up to amount off what a hold keeps of a grant.
func (h *History) drop(hold, grant core.ID, amount core.Amount) {
	parts := h.holds[hold]
	for i := 0; i < len(parts) && amount > 0; i++ {
		if parts[i].Grant == grant {
			n := min(amount, parts[i].Amount)
			parts[i].Amount -= n
			amount -= n
		}
	}
	parts = slices.DeleteFunc(parts, func(p core.Allocation) bool { return p.Amount == 0 })
	if h.holds[hold] = parts; len(parts) == 0 {
		delete(h.holds, hold)
	}
}

// Grants are the grants whose facts the account needs, in the order of their ids.
func (h *History) Grants() []core.ID {
	all := maps.Clone(h.lots)
	for id := range h.allotted {
		all[id] = nil
	}
	return sorted(all)
}

// Holds are the holds whose facts the account needs, in the order of their ids.
func (h *History) Holds() []core.ID { return sorted(h.holds) }

func sorted[V any](m map[core.ID]V) []core.ID {
	return slices.SortedFunc(maps.Keys(m), func(x, y core.ID) int { return strings.Compare(string(x), string(y)) })
}

// Fill gives an account of which only the name, the unit and its rules are set
// what stood: grants and holds are the facts of those asked for, of which only
// what never changes is used. Nothing is settled in it yet.
func (h *History) Fill(a *core.Account, grants []core.Grant, holds []core.Hold) {
	a.Seq, a.Consumed, a.Overdrawn = h.seq, h.consumed, h.overdrawn
	a.Grants, a.Holds, a.Entries = a.Grants[:0:0], a.Holds[:0:0], nil
	for i := range grants {
		g := &grants[i]
		l := h.lots[g.ID]
		if e := h.allotted[g.ID]; e != nil && g.Allotted() {
			if l == nil {
				l = &lot{}
			}
			l.free += e.Amount
		}
		if l == nil || l.free == 0 && l.held == 0 {
			continue
		}
		a.Grants = append(a.Grants, core.Grant{
			Terms: g.Terms, Recorded: g.Recorded, Seq: g.Seq, Remaining: l.free + l.held, Held: l.held, Closed: l.closed,
		})
	}
	for i := range holds {
		hold := holds[i]
		hold.State, hold.Resolved, hold.Parts = core.HoldOpen, 0, h.holds[hold.ID]
		a.Holds = append(a.Holds, hold)
	}
	a.Sort()
}
