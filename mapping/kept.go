package mapping

import (
	"cmp"
	"slices"
	"strconv"

	"scrip/core"
	"scrip/core/ledger"
)

// Kept is a grant that a vendor had no room for. It stays spendable in the
// core; what is consumed of it meanwhile is not told, for the vendor would ask
// money for it. It is offered again when room appears.
type Kept struct {
	Grant core.ID `json:"grant"`
	Seq   int64   `json:"seq"`             // of the account's last entry before it was kept
	Until int64   `json:"until,omitempty"` // of the last one before the vendor took it after all
	Last  int64   `json:"last,omitempty"`  // of the last one that was looked at and moved it

	Offered bool `json:"offered,omitempty"` // an order that gives it again is under way
}

// keeps reports whether an entry moved a grant while it was kept.
func (b *Book) keeps(e *core.Entry) bool {
	at := slices.IndexFunc(b.Kept, func(k Kept) bool {
		return k.Grant == e.Grant && e.Seq > k.Seq && (k.Until == 0 || e.Seq <= k.Until)
	})
	if at >= 0 {
		b.Kept[at].Last = e.Seq
	}
	return at >= 0
}

// Keeps reports whether a grant is kept in the core for want of room.
func (b *Book) Keeps(grant core.ID) bool {
	return slices.ContainsFunc(b.Kept, func(k Kept) bool { return k.Grant == grant && k.Until == 0 })
}

// Keep notes that a vendor had no room for a grant.
func (b *Book) Keep(g *GrantFacts) {
	for i := range b.Kept {
		if k := &b.Kept[i]; k.Grant == g.Grant && k.Until == 0 {
			k.Offered = false
			return
		}
	}
	b.Kept = append(b.Kept, Kept{Grant: g.Grant, Seq: g.Seq})
}

// Took notes that a vendor took a grant.
func (b *Book) Took(g *GrantFacts) {
	for i := range b.Kept {
		if k := &b.Kept[i]; k.Grant == g.Grant && k.Until == 0 {
			k.Until = g.Seq
		}
	}
}

// Settle forgets kept grants of which no entry can follow. One that was moved
// since the book had come to the entry began is remembered for once more: the
// order of its end may be on its way.
func (b *Book) Settle(a *core.Account, began int64) {
	b.Kept = slices.DeleteFunc(b.Kept, func(k Kept) bool {
		return k.Until != 0 && k.Until <= b.Seq || a.Seq <= b.Seq && a.Grant(k.Grant) == nil && k.Last <= began
	})
}

// KeptReason begins what is said of an order whose grant stays in the core.
const KeptReason = "kept in the core: "

// offers bounds the kept grants that are offered at once.
const offers = 4

// Offer gives kept grants to the vendor again, the first to expire first. Each
// is offered once, until the vendor has answered: a second order would be a
// second grant there.
func (c Connection) Offer(b *Book, a *core.Account, now core.Time) []*ledger.Intent {
	if !a.Tells(c.Name) {
		return nil
	}
	var open []*Kept
	for i := range b.Kept {
		k := &b.Kept[i]
		if g := a.Grant(k.Grant); g != nil && k.Until == 0 && !k.Offered && carried(g, now) {
			open = append(open, k)
		}
	}
	slices.SortStableFunc(open, func(x, y *Kept) int { return cmp.Compare(a.Grant(x.Grant).Expires, a.Grant(y.Grant).Expires) })
	var intents []*ledger.Intent
	for _, k := range open[:min(offers, len(open))] {
		facts, g := &GrantFacts{Grant: k.Grant}, a.Grant(k.Grant)
		facts.Priority = g.Priority
		if ok, err := c.Renew(facts, a); !ok || err != nil {
			continue
		}
		k.Offered = true
		key := string(g.ID) + "/again/" + strconv.FormatInt(a.Seq, 10) + "/" + now.String()
		intents = append(intents, newIntent(c.Name, a.Customer, string(g.ID), key, now, c.begins(now, g), &Body{Grant: facts}))
	}
	return intents
}

// Renew brings facts up to what is left of their grant now; false when there
// is nothing left to give.
func (c Connection) Renew(f *GrantFacts, a *core.Account) (bool, error) {
	g := a.Grant(f.Grant)
	if g == nil || g.Closed != "" || g.Remaining == 0 || !a.Tells(c.Name) {
		return false, nil
	}
	q, err := c.QuantumOf(a.Unit)
	if err != nil {
		return false, err
	}
	quanta, err := q.Floor(g.Remaining)
	if err != nil || quanta == 0 {
		return false, err
	}
	priority := f.Priority
	*f = *factsOf(g, a.Unit, q, quanta)
	f.Priority, f.Consumed, f.Seq, f.Late = priority, g.Amount-g.Remaining, a.Seq, true
	return true, nil
}
