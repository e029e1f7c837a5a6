package core

import (
	"cmp"
	"slices"
)

// drawLate is [Account.Draw] of what happened before now: in the order of the
// grants that were in force then, from what is free now of each and of what was
// rolled over from it. Of one that expired meanwhile it takes what the draw says
// has lapsed: that much comes back when it ended, and its expiry has taken so
// much less. What is taken of a grant that began since counts from its start,
// before which nothing was in it. What is left is the rule's, as of now.
func (a *Account) drawLate(d Draw, now Time, dst []Allocation) (Drawn, error) {
	a.Settle(now)
	done, available := Drawn{Allocations: dst}, Amount(0)
	parts := a.lateParts(&d)
	for _, p := range parts {
		available += p.left
	}
	fromGrants, err := a.divide(&d, &done, available)
	if err != nil {
		return done, err
	}
	for _, p := range parts {
		left := min(p.left, fromGrants)
		if left == 0 {
			break
		}
		g := &a.Grants[p.at]
		if g.Closed != "" {
			a.post(EntryRestore, g, d.ID, left, p.ended, now)
		}
		a.post(EntryDebit, g, d.ID, left, max(d.At, g.Starts), now)
		done.Allocations = append(done.Allocations, Allocation{g.ID, left})
		fromGrants -= left
	}
	a.summary = summary{}
	a.beyondGrants(&d, &done, d.At, now)
	return done, nil
}

// latePart is what a late draw may take of a grant.
type latePart struct {
	at    int // of the grant
	place int // of the one that was in force then, in burn order
	far   int // how often it was rolled over since
	left  Amount
	ended Time // when the grant did, where it has
}

// lateParts are what a late draw may take, in the order it takes them.
func (a *Account) lateParts(d *Draw) []latePart {
	var parts []latePart
	for i := range a.Grants {
		p := latePart{at: i, place: i}
		for d.At < a.Grants[p.place].Starts && p.far < len(d.Rolled) {
			from, rolled := d.Rolled[a.Grants[p.place].ID]
			if !rolled {
				break
			}
			next := slices.IndexFunc(a.Grants, func(g Grant) bool { return g.ID == from })
			if next < 0 {
				break
			}
			p.place, p.far = next, p.far+1
		}
		if p.left, p.ended = d.leftOf(&a.Grants[i]); p.left > 0 && d.inForce(&a.Grants[p.place]) {
			parts = append(parts, p)
		}
	}
	if len(d.Rolled) > 0 {
		slices.SortStableFunc(parts, func(x, y latePart) int { return cmp.Or(cmp.Compare(x.place, y.place), cmp.Compare(x.far, y.far)) })
	}
	return parts
}

// inForce reports whether a grant could pay a late draw when that happened:
// nothing pays that was made after the instant, or began or ended before it.
func (d *Draw) inForce(g *Grant) bool {
	return g.Starts <= d.At && d.At < g.Expires && (g.Recorded <= d.At || g.Allotted()) && d.mayPay(g)
}

// leftOf is what a late draw may take of a grant now, and when the grant ended
// where it has.
func (d *Draw) leftOf(g *Grant) (Amount, Time) {
	switch g.Closed {
	case "":
		return max(0, g.Free()), 0
	case Expired:
		for i := range d.Lapsed {
			if e := &d.Lapsed[i]; e.Grant == g.ID && max(d.At, g.Starts) < e.Effective {
				return max(0, min(e.Amount, g.Ended-g.Away)), e.Effective
			}
		}
	}
	return 0, 0
}
