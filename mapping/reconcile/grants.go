package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

func grantObject(id string) string { return "grant " + id }

// lots are the vendor's grants of one customer by our id, and what those in
// force add up to.
type lots struct {
	byNeutral map[string][]adapters.VendorGrant
	sums      map[string]*sums // by the vendor's unit, in lower case
}

// sums are what the grants that both sides hold come to in one unit.
type sums struct {
	grants int
	drawn  total // given less left, at the vendor
	left   total // at the vendor
	ours   total // what should be left
	slack  int64 // quanta that rounding may part the two by
}

func (l *lots) of(unit string) *sums {
	key := strings.ToLower(unit)
	if l.sums[key] == nil {
		l.sums[key] = &sums{}
	}
	return l.sums[key]
}

// ended reports whether a vendor's grant can no longer give anything.
func ended(g *adapters.VendorGrant) bool { return g.State == core.Void || g.State == core.Expired }

// inForce reports whether a vendor's grant has something to give, now or later.
func inForce(g *adapters.VendorGrant) bool { return !ended(g) && g.State != core.Spent }

// grants compares a customer's grants. It returns what the vendor has drawn.
func (r *run) grants(ctx context.Context, s *state) (*lots, error) {
	if !r.can["read grants"] {
		return nil, nil
	}
	l, err := r.vendorGrants(ctx, s)
	if err != nil || l == nil {
		return nil, err
	}
	for _, a := range s.accounts {
		exact := whole(r.Connection, a.Unit)
		book, err := r.book(ctx, a)
		if err != nil {
			return nil, err
		}
		for after := int64(0); ; {
			page, err := r.Reader.Accounts.Grants(ctx, ledger.AccountKey{Customer: s.id, Unit: a.Unit.Code}, after, ourPage)
			if err != nil {
				return nil, err
			}
			if len(page) == 0 {
				break
			}
			for i := range page {
				if err := r.grant(ctx, s, a, &page[i], l, book, exact); err != nil {
					return nil, err
				}
			}
			after = page[len(page)-1].Seq
		}
	}
	return l, r.strangers(ctx, s, l)
}

// vendorGrants reads what the vendor holds for a customer. It is nil, and the
// customer a finding, when the vendor knows no such customer after all.
func (r *run) vendorGrants(ctx context.Context, s *state) (*lots, error) {
	l := &lots{byNeutral: map[string][]adapters.VendorGrant{}, sums: map[string]*sums{}}
	page, count := adapters.Page{Limit: vendorPage}, 0
	for range maxPages {
		got, err := ask(ctx, func(ctx context.Context) (adapters.Listing[adapters.VendorGrant], error) {
			return r.Port.Grants(ctx, s.vendor, page)
		})
		if err != nil && adapters.AsError(err).Code == adapters.CodeNotFound {
			s.find(Finding{Object: "customer", Cause: MissingAtVendor, Ours: s.id, VendorObject: s.vendor, Evidence: "the vendor does not know it when asked for its grants"})
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range got.Items {
			if err := r.sort(ctx, l, &got.Items[i], s); err != nil {
				return nil, err
			}
		}
		count += len(got.Items)
		if got.Next == "" {
			return l, nil
		}
		if page.Cursor == got.Next || count > maxOfOne {
			break
		}
		page.Cursor = got.Next
	}
	return nil, adapters.Errorf(adapters.CodeBadAnswer, "the list of the grants of customer %q has no end", s.id)
}

// sort files a vendor's grant under our id: the one it bears, or the one that
// is linked to it.
func (r *run) sort(ctx context.Context, l *lots, g *adapters.VendorGrant, s *state) error {
	neutral := g.Neutral
	if neutral == "" {
		linked, err := r.neutralOf(ctx, g.ID, adapters.RoleGrant)
		if err != nil {
			return err
		}
		if neutral = linked; linked != "" && !ended(g) {
			s.find(Finding{Object: grantObject(linked), Cause: MarkLost, Ours: linked, VendorObject: g.ID, Evidence: "our id is gone from the vendor's object"})
		}
	}
	l.byNeutral[neutral] = append(l.byNeutral[neutral], *g)
	return nil
}

// strangers finds what the vendor holds and we know nothing of.
func (r *run) strangers(ctx context.Context, s *state, l *lots) error {
	for neutral, list := range l.byNeutral {
		for i := range list {
			g := &list[i]
			if ended(g) {
				continue
			}
			value, left := heldBy(g)
			if t := l.of(value.Unit); neutral == "" && left.Quanta < 0 && -left.Quanta <= t.slack {
				t.left.add(left, 1) // by rounding it was told more than it was given
				continue
			}
			f := Finding{Object: "grants", Cause: ExtraAtVendor, Vendors: figure(value), VendorObject: g.ID, Evidence: "it bears no id of ours"}
			if neutral != "" {
				f.Object = grantObject(neutral)
				key, ours, err := r.Reader.Accounts.Grant(ctx, core.ID(neutral))
				if err != nil {
					return err
				}
				f.Evidence = "it bears an id that we do not know"
				if ours != nil {
					f.Evidence = fmt.Sprintf("the grant that it names belongs to customer %q", key.Customer)
				}
			}
			s.find(f)
		}
	}
	return nil
}

// grant compares one grant of ours.
func (r *run) grant(ctx context.Context, s *state, a *core.Account, g *core.Grant, l *lots, book *mapping.Book, exact bool) error {
	list := l.byNeutral[string(g.ID)]
	delete(l.byNeutral, string(g.ID))
	want, err := held(r.Connection, a.Unit, g.Amount)
	if err != nil {
		r.blind("grants that are too large", "their value at this vendor cannot be counted")
		return nil
	}
	if !a.Tells(r.Connection.Name) {
		return nil // it was never given to this vendor, or was withdrawn from it
	}
	if len(list) == 0 && want.Quanta == 0 {
		s.kept++ // less than one quantum: all of it is residual
		return nil
	}
	links, err := r.linksOf(ctx, string(g.ID), adapters.RoleGrant)
	if err != nil {
		return err
	}
	intent, given, err := r.ordered(ctx, a, g)
	if err != nil {
		return err
	}
	if late, err := r.notGiven(ctx, a, g, book); err != nil || late {
		s.kept++
		return r.pooled(a, g, l, err)
	}
	want, given, err = r.wanted(a, g, book, want, given)
	if err != nil {
		return err
	}
	lot, named := book.Lots[g.ID]
	several := r.Connection.ByLot()
	if !several && len(list) > 1 {
		if several, err = r.reinstated(ctx, g); err != nil {
			return err
		}
	}
	if several {
		list = together(list, links, want)
	}
	if len(list) == 0 {
		return r.absent(s, a, g, intent, want, links)
	}
	s.grants++
	slices.SortFunc(list, func(x, y adapters.VendorGrant) int { return strings.Compare(x.ID, y.ID) })
	v, remade := pick(s, g, list, links, given, r.Connection.TruesUp())
	if r.Connection.TruesUp() && (ended(v) || remade && !inForce(v)) && !linked(links, v.ID) {
		s.kept++ // a true-up found nothing left to draw; what came back since is given after the next invoice
		return nil
	}
	if !r.attributes(s, g, v, given, remade) || ended(v) {
		return nil // what differs already would only differ again in the sums
	}
	value, left := heldBy(v)
	if r.Connection.ByLot() {
		if named {
			return r.compareLot(s, a, g, v, lot)
		}
		return nil // nothing is left of it on either side that could be told
	}
	return r.count(a, g, l, value, left, exact)
}

// count adds a grant that both sides hold to the sums.
func (r *run) count(a *core.Account, g *core.Grant, l *lots, value, left adapters.Holding, exact bool) error {
	standing := g.Remaining
	if g.Closed != "" && g.Remaining > 0 && !(r.Connection.Pools() && g.Closed == core.Expired) {
		standing += g.Ended - g.Away // it is withdrawn when the holds on its rest are resolved
	}
	ours, err := held(r.Connection, a.Unit, standing)
	if err != nil {
		return err
	}
	t := l.of(ours.Unit)
	t.grants++
	t.drawn.add(value, 1)
	t.drawn.add(left, -1)
	t.left.add(left, 1)
	t.ours.add(ours, 1)
	if !exact {
		t.slack++
	}
	return nil
}

// notGiven reports whether nothing was left of a grant when its account joined,
// so that the vendor was not given it. What came back since raises what is left
// of the others there, where the vendor chooses the lots. What came back with the
// money that had bought it was given as an object of its own.
func (r *run) notGiven(ctx context.Context, a *core.Account, g *core.Grant, book *mapping.Book) (bool, error) {
	if book.Keeps(g.ID) && r.Connection.Pools() {
		return true, nil
	}
	if g.Seq > book.Joined || g.Closed != "" || g.Remaining == 0 {
		return false, nil
	}
	intent, err := r.intentOf(ctx, a.Customer, adapters.GrantKind, fmt.Sprintf("%s/move/%d", g.ID, r.window(a).Moves))
	if err != nil || intent != nil {
		return false, err
	}
	left := g.Remaining
	for after := book.Joined; ; {
		page, err := r.Reader.Entries.Entries(ctx, ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}, after, ourPage)
		if err != nil || len(page) == 0 {
			return left == 0, err
		}
		for i := range page {
			e := &page[i]
			after = e.Seq
			switch {
			case e.Grant != g.ID:
			case e.Kind == core.EntryReverse:
				left -= e.Amount
			case e.Kind == core.EntryDebit, e.Kind == core.EntryCapture, e.Kind == core.EntrySettle, e.Kind == core.EntryClawback:
				left += e.Amount
			}
		}
	}
}

// pooled counts what is left of a grant of which the vendor was given no lot.
func (r *run) pooled(a *core.Account, g *core.Grant, l *lots, err error) error {
	if err != nil || !r.Connection.Pools() || g.Closed != "" {
		return err
	}
	ours, err := held(r.Connection, a.Unit, g.Remaining)
	l.of(ours.Unit).ours.add(ours, 1)
	return err
}

// wanted is what a vendor was given of a grant: by its last order, or where it
// was given later than it was made, by what was left then.
func (r *run) wanted(a *core.Account, g *core.Grant, book *mapping.Book, want adapters.Holding, given []*mapping.GrantFacts) (adapters.Holding, []*mapping.GrantFacts, error) {
	if len(given) == 0 {
		given = append(given, &mapping.GrantFacts{Holding: want, Priority: g.Priority})
	}
	want = given[0].Holding // an account that joined later gave what was left then
	lot, named := book.Lots[g.ID]
	if !named {
		return want, given, nil
	}
	want, err := held(r.Connection, a.Unit, lot.Given)
	return want, append([]*mapping.GrantFacts{{Holding: want, Priority: given[0].Priority}}, given...), err
}

// linked reports whether a link leads to a vendor's object.
func linked(links adapters.Links, vendor string) bool {
	return slices.ContainsFunc(links, func(l adapters.Link) bool { return l.Vendor == vendor })
}

// pick chooses the vendor's object that stands for a grant of ours: one in
// force before a spent one before an ended one, then a linked one before
// another, then one that was given what an order of ours gave. Others in force
// give the customer more than the core does. remade says that a grant was ended
// or used up at the vendor and made again there.
func pick(s *state, g *core.Grant, list []adapters.VendorGrant, links adapters.Links, given []*mapping.GrantFacts, truesUp bool) (best *adapters.VendorGrant, remade bool) {
	for i, rank := 0, -1; i < len(list); i++ {
		v, score := &list[i], 0
		if value, _ := heldBy(v); slices.ContainsFunc(given, func(f *mapping.GrantFacts) bool { return equal(value, f.Holding) }) {
			score++
		}
		if linked(links, v.ID) {
			score += 2
		}
		if !ended(v) {
			score += 4
		}
		if inForce(v) {
			score += 4
		}
		if score > rank {
			best, rank = v, score
		}
	}
	object := grantObject(string(g.ID))
	lost := !slices.ContainsFunc(list, func(v adapters.VendorGrant) bool { return linked(links, v.ID) })
	// One that is used up may have given way to another, which a true-up may have
	// ended since.
	if over := ended(best) || truesUp && len(list) > 1; !linked(links, best.ID) && (inForce(best) || lost && !over) {
		s.find(Finding{Object: object, Cause: Unlinked, Ours: string(g.ID), Vendors: best.ID, VendorObject: best.ID})
	}
	for i := range list {
		other := &list[i]
		if other == best {
			continue
		}
		if !inForce(other) {
			remade = true
			continue
		}
		value, _ := heldBy(other)
		f := Finding{
			Object: object, Cause: Duplicate, Ours: best.ID, Vendors: figure(value), VendorObject: other.ID,
			Evidence: "it bears the id of a grant that the vendor holds already",
		}
		if linked(links, other.ID) {
			f.Evidence = "it was made for the same grant earlier and is still in force"
		}
		s.find(f)
	}
	return best, remade
}

// equal reports whether two holdings are worth the same.
func equal(a, b adapters.Holding) bool {
	return sameUnit(a, b) && sum(a).less(sum(b)).parts.Sign() == 0
}

// absent judges a grant that the vendor does not list. One that has ended may
// be left out of a list; one that the vendor could not be given is kept here.
func (r *run) absent(s *state, a *core.Account, g *core.Grant, intent *ledger.Intent, want adapters.Holding, links adapters.Links) error {
	live := g.Closed == "" && g.Remaining > 0 && r.AsOf < g.Expires
	if !live && (len(links) > 0 || intent == nil || g.Consumed() == 0) {
		return nil
	}
	left, err := held(r.Connection, a.Unit, g.Remaining)
	if err != nil {
		return err
	}
	f := Finding{Object: grantObject(string(g.ID)), Cause: MissingAtVendor, Ours: figure(want)}
	switch {
	case len(links) > 0:
		f.VendorObject, f.Evidence = links[0].Vendor, "the linked object is not there any more"
	case intent == nil && left.Quanta == 0:
		s.kept++ // too little was left when the account joined
		return nil
	case intent == nil:
		f.Evidence = "it was never ordered"
	case intent.State == ledger.Applied:
		s.kept++
		r.blind("grants that are kept in the core", "the vendor took the order and holds no object for it")
		return nil
	case intent.State == ledger.Ignored && strings.HasPrefix(intent.Reason, mapping.KeptReason):
		s.kept++
		r.blind("grants that are kept in the core", strings.TrimPrefix(intent.Reason, mapping.KeptReason))
		return nil
	case intent.State == ledger.Ignored:
		f.Evidence = fmt.Sprintf("order %s was ignored: %s", intent.ID, intent.Reason)
	}
	if intent != nil && r.fresh(intent.Settled) {
		s.lag(f.Object, f.Cause, "it was given so shortly ago that the vendor's reads may lag")
	}
	s.find(f)
	return nil
}
