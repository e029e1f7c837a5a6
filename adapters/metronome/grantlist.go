package metronome

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"scrip/adapters"
	"scrip/core"
)

// archived begins the cursors of the second part of a list of grants.
const archived = "archived:"

// Grants lists a customer's lots, spent and expired ones too, with what their
// ledgers come to: a balance leaves out what lies ahead and does not go below
// zero. A postpaid commit is an obligation and no grant. Archived ones follow
// in a list of their own, since a credit may not tell that it is archived and
// would be taken for one in force.
func (a *Adapter) Grants(ctx context.Context, customer string, p adapters.Page) (adapters.Listing[adapters.VendorGrant], error) {
	var out adapters.Listing[adapters.VendorGrant]
	cursor, over := strings.CutPrefix(p.Cursor, archived)
	got, next, err := a.page(ctx, lotQuery{Customer: customer, Contracts: true, Ledgers: !over, Archived: over, Limit: limit(p, lotPage), Next: cursor})
	if err != nil {
		return out, err
	}
	for i := range got {
		if l := &got[i]; l.Type != "POSTPAID" && (l.Archived != nil) == over {
			g, err := a.vendorGrant(l)
			if err != nil {
				return out, err
			}
			out.Items = append(out.Items, g)
		}
	}
	switch out.Next = next; {
	case over && next != "":
		out.Next = archived + next
	case !over && next == "":
		out.Next = archived
	}
	return out, nil
}

// vendorGrant derives what the object does not say: its state and category.
func (a *Adapter) vendorGrant(l *lot) (adapters.VendorGrant, error) {
	facts, now := l.facts(), a.now()
	given, left := l.sums(now)
	if l.Archived != nil {
		left.SetInt64(0)
	}
	unit := l.unit().ID
	if i := slices.IndexFunc(a.units, l.unit().is); i >= 0 {
		unit = a.units[i]
	}
	held, rest, ok := holdings(given, left, l.unit().ID, unit)
	if !ok || l.ID == "" {
		return adapters.VendorGrant{}, adapters.Errorf(adapters.CodeBadAnswer, "a listed grant has an amount that cannot be used")
	}
	out := adapters.VendorGrant{ID: l.ID, Neutral: facts[metaGrant], Held: held, Left: rest, Priority: core.DefaultPriority, Category: core.Promotional}
	if n, err := strconv.Atoi(string(l.Priority)); err == nil {
		out.Priority = n
	}
	if !l.free() && l.Invoice != nil {
		out.Category = core.Paid
	}
	if c := core.Category(facts[metaCategory]); c.Valid() && (c == core.Paid) != l.free() {
		out.Category = c
	}
	out.Starts, out.Expires = l.span()
	if told, err := core.ParseTime(facts[metaExpires]); err == nil && ExpiryAtVendor(told) > out.Expires && out.Expires > now+nearer/4 {
		out.Expires = ExpiryAtVendor(told) // it stands for a date that the vendor did not take
	} else if out.Expires >= farEnd || facts[metaExpires] == core.Never.String() && out.Expires > now+nearer/4 {
		out.Expires = core.Never
	}
	switch {
	case l.Archived != nil:
		out.State = core.Void
	case out.Expires <= now:
		out.State = core.Expired
	case rest.Quanta <= 0:
		out.State = core.Spent
	case now < out.Starts:
		out.State = core.Scheduled
	default:
		out.State = core.Open
	}
	return out, nil
}

var _ adapters.GrantReader = (*Adapter)(nil)
