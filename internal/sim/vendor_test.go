package sim

import (
	"context"
	"encoding/json"
	"math/big"
	"strings"

	"scrip/adapters/sandbox"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/migrate"
)

// vendor recomputes what a vendor must hold, from its sandbox's state and the
// judge's own figures alone: a part of a credit is 0.08 cents, and a vendor of
// money holds whole cents; a vendor of units holds parts.
func (w *world) vendor(name string) {
	unit := w.proc.unit().Code
	seen := map[string]bool{}
	state := w.boxes[name].state()
	for i := range state.Customers {
		c := &state.Customers[i]
		if c.ExternalID != "" && seen[c.ExternalID] {
			w.fail("%s has customer %q twice", name, c.ExternalID)
		}
		seen[c.ExternalID] = true
		a := w.judge.accounts[ledger.AccountKey{Customer: c.ExternalID, Unit: unit}]
		if a == nil || !w.tells(name, a) {
			continue
		}
		by := w.objects(name, c)
		if vendors[map[string]string{"main": "stripe", "next": "orb"}[name]].units {
			w.unitsOf(name, c, a)
		} else if !w.office.moved && !w.office.turned {
			w.metered(name, c, a)
		}
		for _, l := range a.lots {
			if l.closed == "" && by[l.id] == nil && l.remaining >= 1000 && !l.returned && !w.drained(name, c, l) {
				w.fail("%s has no object for grant %q of %s, which has %d left", name, l.id, c.ExternalID, l.remaining)
			}
		}
	}
	for key := range w.judge.accounts {
		if left := w.judge.accounts[key]; !seen[key.Customer] && key.Unit == unit && left.left() > 0 {
			w.fail("%s does not know customer %q", name, key.Customer)
		}
	}
}

// tells reports whether a vendor hears of an account: the one that leads of
// all; one that was moved from of those that it had, and of those made since
// that joined it before everybody knew of the move.
func (w *world) tells(name string, a *jAccount) bool {
	ctx := context.Background()
	m, err := migrate.CurrentMove(ctx, w.inner.Reader())
	if err != nil || m == nil || m.Phase != migrate.Moved || m.Source != name || a.begun < m.Started {
		return true
	}
	stored, err := w.inner.Reader().Accounts.Account(ctx, a.key)
	return err != nil || stored == nil || stored.Tells(name)
}

// gone holds a vendor that is no longer told against having anything left that
// customers could spend there. One that bills a meter keeps what it has still
// to draw.
func (w *world) gone(name string) {
	state := w.boxes[name].state()
	for i := range state.Customers {
		c := &state.Customers[i]
		for id, g := range w.objects(name, c) {
			w.fail("%s is not told any more and has %s of grant %q of %s", name, g.Remaining, id, c.ExternalID)
		}
	}
}

// left is all that is left of an account.
func (a *jAccount) left() (sum core.Amount) {
	for _, l := range a.lots {
		sum += l.remaining
	}
	return sum
}

// objects are the vendor's objects in force by our grants, one for each.
func (w *world) objects(name string, c *sandbox.Customer) map[core.ID]*sandbox.Grant {
	by := map[core.ID]*sandbox.Grant{}
	for i := range c.Grants {
		g := &c.Grants[i]
		id := core.ID(g.Metadata["scrip_grant"])
		switch g.State {
		case "void", "voided", "expired", "debt", "depleted":
			continue
		}
		if left, ok := new(big.Rat).SetString(g.Remaining); id == "" || ok && left.Sign() == 0 {
			continue
		}
		if l := w.judge.lots[id]; by[id] != nil && (l == nil || !l.reinstated) {
			w.fail("%s has two objects in force for grant %q of %s: %+v and %+v", name, id, c.ExternalID, *by[id], *g)
		}
		if w.judge.lots[id] == nil {
			w.fail("%s has %s for grant %q, which nobody made", name, g.ID, id)
		}
		by[id] = g
	}
	return by
}

// unitsOf holds all that a vendor of units has left of a customer against all
// that is left: it draws in an order of its own.
func (w *world) unitsOf(name string, c *sandbox.Customer, a *jAccount) {
	have := new(big.Rat)
	for i := range c.Grants {
		r, ok := new(big.Rat).SetString(c.Grants[i].Remaining)
		if !ok {
			w.fail("%s: %q is no number", name, c.Grants[i].Remaining)
			return
		}
		have.Add(have, r)
	}
	book := w.book(name, a)
	left := core.Amount(book.Carry)
	for _, l := range a.lots {
		switch {
		case book.Keeps(l.id): // what a hold keeps of a grant that has expired
		case l.closed == core.Void && l.held > 0: // its end is told when the hold ends
			left += l.remaining + l.ended
		default:
			left += l.remaining
		}
	}
	if want := big.NewRat(int64(left), 100); have.Cmp(want) != 0 {
		w.fail("%s has %s left of %s, the entries say %s", name, have.FloatString(4), c.ExternalID, want.FloatString(4))
	}
}

// metered holds the vendor's meter against the consumption of a customer that
// it was told of from the first entry on.
func (w *world) metered(name string, c *sandbox.Customer, a *jAccount) {
	have, ok := new(big.Rat).SetString(c.Consumed)
	// What was given back too late to be taken back is carried to windows to come.
	want := new(big.Rat).SetInt64(int64(a.consumed)*8/100 - w.book(name, a).Carry)
	if !ok || have.Cmp(want) != 0 {
		w.fail("%s has counted %s of %s, the entries say %s", name, c.Consumed, c.ExternalID, want.FloatString(0))
	}
}

// book is what a connection was told of an account.
func (w *world) book(name string, a *jAccount) (book mapping.Book) {
	r, err := w.inner.Reader().Records.Record(context.Background(), mapping.BookKey(name, a.key))
	if err != nil || r != nil && json.Unmarshal(r.Body, &book) != nil || book.Carry > 0 {
		w.fail("the book of %v cannot be read: %v", a.key, err)
	}
	return book
}

// drained reports whether the vendor has an object for a grant that it has
// drawn down, in its own order, and which waits for its next invoice.
func (w *world) drained(name string, c *sandbox.Customer, l *lot) bool {
	for i := range c.Grants {
		if g := &c.Grants[i]; g.Metadata["scrip_grant"] == string(l.id) && (g.State == "depleted" || strings.Trim(g.Remaining, "0.") == "") {
			return true
		}
	}
	return false
}
