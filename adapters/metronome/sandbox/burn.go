package sandbox

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// charge is a rated event: what it costs, in the unit of its rate.
type charge struct {
	at      time.Time
	product string
	unit    string
	cost    amount
	count   amount
	price   amount
}

// account is a draft as it would be finalized now.
type account struct {
	drawn   []drawn
	charges []charge
	open    map[string]amount // what no grant covered, by unit
}

// draftOf is what a draft draws at present.
func (w *world) draftOf(inv *invoice) []drawn {
	if w.drafts == nil {
		w.drafts = map[string]account{}
	}
	if _, ok := w.drafts[inv.ID]; !ok {
		w.burn(inv.Customer)
	}
	return w.drafts[inv.ID].drawn
}

// burn draws every draft of a customer, oldest first, on the grants in the
// documented order.
func (w *world) burn(customer string) {
	rest, grants := map[string]amount{}, w.order(customer)
	for _, x := range grants {
		for _, s := range x.Segments {
			rest[s.ID] = w.rest(x, s, false)
		}
	}
	for _, inv := range w.st.Invoices.Rows {
		if inv.Customer != customer || inv.Status != draft {
			continue
		}
		got := account{charges: w.charges(inv), open: map[string]amount{}}
		sums := map[string]int{}
		for _, ch := range got.charges {
			left := ch.cost
			for _, p := range w.usable(grants, inv, ch) {
				take := least(left, rest[p.segment.ID])
				if take.sign() <= 0 {
					continue
				}
				left, rest[p.segment.ID] = left.sub(take), rest[p.segment.ID].sub(take)
				i, seen := sums[p.segment.ID]
				if !seen {
					i = len(got.drawn)
					sums[p.segment.ID] = i
					got.drawn = append(got.drawn, drawn{Grant: p.grant.ID, Segment: p.segment.ID})
				}
				got.drawn[i].Amount = got.drawn[i].Amount.add(take)
			}
			got.open[ch.unit] = got.open[ch.unit].add(left)
		}
		w.drafts[inv.ID] = got
	}
}

// charges rates the usage of an invoice's period.
func (w *world) charges(inv *invoice) []charge {
	k, ok := w.st.Contracts.get(inv.Contract)
	if !ok {
		return nil
	}
	card, ok := w.st.Cards.get(k.Card)
	if !ok {
		return nil
	}
	list := kept(w.st.Usage.Rows, func(u *usage) bool {
		return u.Customer == inv.Customer && !u.At.Before(inv.Start) && u.At.Before(inv.End)
	})
	slices.SortStableFunc(list, byTime)
	var out []charge
	for _, u := range list {
		for _, r := range card.Rates {
			p, _ := w.st.Products.get(r.Product)
			m, ok := w.st.Metrics.get(p.Metric)
			if !ok || u.At.Before(r.Start) || r.End != nil && !u.At.Before(*r.End) {
				continue
			}
			if n, counts := m.quantity(u); counts && n.sign() > 0 {
				out = append(out, charge{u.At, r.Product, r.Unit, n.times(r.Price), n, r.Price})
			}
		}
	}
	return out
}

// part is a segment of a grant.
type part struct {
	grant   *grant
	segment *segment
}

// usable lists the segments that may cover a charge, first to burn first.
func (w *world) usable(grants []*grant, inv *invoice, ch charge) []part {
	var out []part
	for _, x := range grants {
		if x.Unit != ch.unit || x.Contract != "" && x.Contract != inv.Contract || x.Contracts != nil && !slices.Contains(x.Contracts, inv.Contract) || !w.applies(x, ch.product) {
			continue
		}
		for _, s := range x.Segments {
			if s.covers(ch.at) {
				out = append(out, part{x, s})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b part) int { return w.before(a, b) })
	return out
}

func (w *world) applies(x *grant, product string) bool {
	if x.Products == nil && x.Tags == nil {
		return true
	}
	p, _ := w.st.Products.get(product)
	return slices.Contains(x.Products, product) || slices.ContainsFunc(p.Tags, func(t string) bool { return slices.Contains(x.Tags, t) })
}

// order lists the grants of a customer that can burn.
func (w *world) order(customer string) []*grant {
	return kept(w.st.Grants.Rows, func(x *grant) bool { return x.Customer == customer && x.Archived == nil })
}

// before is the documented order of prepaid commits and credits: priority, cost
// basis, fewest products, fewest specifiers, earlier end, earlier start, fewest
// contracts. Postpaid commits come after all of them. What is equal then burns
// in an order that follows from the seed.
func (w *world) before(a, b part) int {
	x, y := a.grant, b.grant
	kind := func(g *grant) int {
		if g.Kind == postpaid {
			return 1
		}
		return 0
	}
	basis := func(g *grant) int {
		if g.paid() {
			return 1
		}
		return 0
	}
	level := func(g *grant) int {
		if w.a.Variant(contractLevelFirst) && g.Contract == "" {
			return 1
		}
		return 0
	}
	if d := cmp.Or(cmp.Compare(kind(x), kind(y)), or(x.Priority, amount{}).cmp(or(y.Priority, amount{})), cmp.Compare(level(x), level(y)),
		cmp.Compare(basis(x), basis(y)), cmp.Compare(w.few(x.Products), w.few(y.Products)), cmp.Compare(len(x.Specifiers), len(y.Specifiers)),
		a.segment.End.Compare(b.segment.End), a.segment.Start.Compare(b.segment.Start), cmp.Compare(w.few(x.Contracts), w.few(y.Contracts))); d != 0 {
		return d
	}
	if w.a.Variant(tiesReverse) {
		return cmp.Compare(slices.Index(w.st.Grants.Rows, y), slices.Index(w.st.Grants.Rows, x))
	}
	return strings.Compare(a.segment.ID, b.segment.ID)
}

// few counts a restriction; a grant without one comes last.
func (w *world) few(list []string) int {
	const all = 1 << 30
	if len(list) == 0 && !w.a.Variant(unrestrictedFirst) {
		return all
	}
	return len(list)
}
