package reconcile

import (
	"slices"
	"strconv"

	"scrip/adapters"
	"scrip/core"
	"scrip/mapping"
)

// attributes compares what the vendor's object says of a grant. One that has
// ended there has been taken back or has run out: only that is judged. It
// reports whether state and amounts hold, so that sums of them mean something.
func (r *run) attributes(s *state, g *core.Grant, v *adapters.VendorGrant, given []*mapping.GrantFacts, remade bool) bool {
	object := grantObject(string(g.ID))
	find := func(cause Cause, ours, vendors, difference, evidence string) {
		s.find(Finding{Object: object, Cause: cause, Ours: ours, Vendors: vendors, Difference: difference, VendorObject: v.ID, Evidence: evidence})
	}
	if r.stateOf(g, v, find) {
		return false
	}
	if ended(v) {
		return true
	}
	sound := amount(v, given, remade, find)
	if g.Closed == "" {
		r.expiry(g, v, find)
	}
	// A move may have encoded the core's order in the numbers it gave.
	asGiven := slices.ContainsFunc(given, func(f *mapping.GrantFacts) bool { return f.Priority == v.Priority })
	if r.fit("priority") == adapters.Exact && v.Priority != g.Priority && !asGiven {
		find(PriorityDiffers, strconv.Itoa(g.Priority), strconv.Itoa(v.Priority), strconv.Itoa(v.Priority-g.Priority), "")
	}
	if !r.sameCategory(g.Category, v.Category) {
		find(CategoryDiffers, string(g.Category), string(v.Category), "", "")
	}
	return sound
}

type finder func(cause Cause, ours, vendors, difference, evidence string)

// stateOf judges whether one side has ended what the other has not. What is
// spent here may stand at the vendor in any state: it draws in its own time.
// What was partly consumed here before it ended may be left to it for the same
// reason, and where it takes a withdrawal from any lot, only sums tell. It reports whether they differ.
func (r *run) stateOf(g *core.Grant, v *adapters.VendorGrant, find finder) bool {
	ours := g.State(r.AsOf)
	live := ours == core.Open || ours == core.Scheduled
	taken := g.Closed != "" && g.Remaining == 0 && g.Consumed() == 0
	switch {
	case live && ended(v):
		find(StateDiffers, string(ours), string(v.State), "", "the vendor's object has ended, ours is in force")
	case taken && !ended(v) && v.State != core.Spent && !r.traits.Pooled:
		find(StateDiffers, string(ours), string(v.State), "", "ours has ended, the vendor's object is in force")
	default:
		return false
	}
	return true
}

// amount judges what was given: by the last order or, where an account came
// back to an object that was left standing, by any. A grant that was made again
// at the vendor was given what was left of it then, no more than an order gave.
func amount(v *adapters.VendorGrant, given []*mapping.GrantFacts, remade bool, find finder) bool {
	value, left := heldBy(v)
	want := given[0].Holding
	for _, f := range given {
		h := f.Holding
		if equal(value, h) {
			want = h
			break
		}
		if remade && sameUnit(h, want) && sum(h).less(sum(want)).parts.Sign() > 0 {
			want = h
		}
	}
	if !sameUnit(value, want) {
		find(AmountDiffers, figure(want), figure(value), "", "they are not in the same unit")
		return false
	}
	difference := sum(value).less(sum(want))
	if sign := difference.parts.Sign(); sign > 0 || sign < 0 && !remade {
		find(AmountDiffers, figure(want), figure(value), difference.number(), "")
		return false
	}
	if over := sum(left).less(sum(value)); over.parts.Sign() > 0 {
		find(LeftDiffers, figure(value), figure(left), over.number(), "more is left than was given")
		return false
	}
	return true
}

// expiry judges that the vendor keeps a grant no shorter than the core, and
// for ever exactly when the core does. How much longer is the vendor's
// mapping; the core withdraws the rest at its own instant.
func (r *run) expiry(g *core.Grant, v *adapters.VendorGrant, find finder) {
	ours, vendors := g.Expires, v.Expires
	if ours == core.Never && r.fit("never expires") != adapters.Exact && vendors > core.TimeOf(r.AsOf.Std().AddDate(farDateYears, 0, 0)) {
		vendors = core.Never // where the vendor has no never a far date stands for it
	}
	switch {
	case ours == core.Never && vendors != core.Never:
		find(ExpiryDiffers, ours.String(), vendors.String(), "", "ours never ends, the vendor's does")
	case ours != core.Never && vendors == core.Never:
		find(ExpiryDiffers, ours.String(), vendors.String(), "", "ours ends, the vendor's never does")
	case vendors < ours:
		find(ExpiryDiffers, ours.String(), vendors.String(), vendors.Std().Sub(ours.Std()).String(), "the vendor's ends before ours")
	}
}

// sameCategory compares as finely as the vendor holds categories. Where it
// knows only paid and free, ours that are neither for certain are not judged.
func (r *run) sameCategory(ours, vendors core.Category) bool {
	switch r.fit("paid / promotional") {
	case adapters.Exact:
		return vendors == "" || ours == vendors
	case adapters.Loss:
		judged := ours == core.Paid || ours == core.Promotional
		return vendors == "" || !judged || ours == vendors
	}
	return true
}
