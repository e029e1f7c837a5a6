package core

// drawLate is [Account.Draw] of what happened before now: in the order of the
// grants that were in force then, from what is free of them now. Of one that
// expired meanwhile it takes what the draw says has lapsed: that much comes
// back when it ended, and its expiry has taken so much less. What is left is
// the rule's, as of now.
func (a *Account) drawLate(d Draw, now Time, dst []Allocation) (Drawn, error) {
	a.Settle(now)
	done, available := Drawn{Allocations: dst}, Amount(0)
	for i := range a.Grants {
		left, _ := d.leftOf(&a.Grants[i])
		available += left
	}
	fromGrants, err := a.divide(&d, &done, available)
	if err != nil {
		return done, err
	}
	for i := 0; i < len(a.Grants) && fromGrants > 0; i++ {
		g := &a.Grants[i]
		left, ended := d.leftOf(g)
		if left = min(left, fromGrants); left == 0 {
			continue
		}
		if g.Closed != "" {
			a.post(EntryRestore, g, d.ID, left, ended, now)
		}
		a.post(EntryDebit, g, d.ID, left, d.At, now)
		done.Allocations = append(done.Allocations, Allocation{g.ID, left})
		fromGrants -= left
	}
	a.summary = summary{}
	a.beyondGrants(&d, &done, d.At, now)
	return done, nil
}

// leftOf is what a late draw may take of a grant now, and when the grant ended
// where it has: nothing of what was made after the instant, or began or ended
// before it.
func (d *Draw) leftOf(g *Grant) (Amount, Time) {
	if d.At < g.Starts || d.At < g.Recorded && !g.Allotted() || d.At >= g.Expires || !d.mayPay(g) {
		return 0, 0
	}
	switch g.Closed {
	case "":
		return max(0, g.Free()), 0
	case Expired:
		for i := range d.Lapsed {
			if e := &d.Lapsed[i]; e.Grant == g.ID && d.At < e.Effective {
				return max(0, min(e.Amount, g.Ended-g.Away)), e.Effective
			}
		}
	}
	return 0, 0
}
