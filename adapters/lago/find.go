package lago

import (
	"context"
	"slices"
	"strings"

	"scrip/adapters"
	"scrip/core"
)

// Find looks an object up by the mark in its metadata, a customer by the
// application's id. All else needs the customer in the mark. Consumption that
// was cut short, and the end of a grant, are not found: repeating them goes on
// where they stopped.
func (a *Adapter) Find(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	switch {
	case m.Kind == adapters.CustomerKind:
		c, err := a.customer(ctx, m.Neutral)
		if err != nil || c.External == "" {
			return adapters.Answer{}, err
		}
		return customerAnswer(m.Neutral, c.External), nil
	case m.Kind == adapters.EndKind:
		return adapters.Answer{}, nil
	case m.Customer == "":
	case m.Kind == adapters.SellKind:
		return a.findSale(ctx, m)
	case m.Kind == adapters.GrantKind, m.Kind == adapters.ConsumeKind:
		return a.findMovement(ctx, m)
	}
	return adapters.Answer{}, adapters.Errorf(adapters.CodeNotSupported, "orders of kind %q without this mark cannot be looked up", string(m.Kind))
}

func (a *Adapter) findMovement(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	all, err := a.wallets(ctx, m.Customer)
	if err != nil {
		return adapters.Answer{}, err
	}
	var told []transaction
	var sum core.Amount
	scale := 0
	for _, w := range all {
		if !w.ours() {
			continue
		}
		found, err := a.byMark(ctx, w.ID, m)
		if err != nil {
			return adapters.Answer{}, err
		}
		if m.Kind == adapters.GrantKind && len(found) > 0 {
			return grantAnswer(m.Neutral, found), nil
		}
		if len(found) == 0 {
			continue
		}
		if scale, err = w.scale(); err != nil {
			return adapters.Answer{}, err
		}
		if found[0].inbound() {
			return backAnswer(adapters.ConsumeOrder{Window: m.Neutral, Grant: core.ID(found[0].Metadata.get(metaGrant))}, found[0]), nil
		}
		n, err := total(found, scale)
		if err != nil {
			return adapters.Answer{}, err
		}
		sum, told = sum+core.Amount(n), append(told, found...)
	}
	if len(told) == 0 || told[0].Metadata.get(metaTotal) != sum.Format(scale) {
		return adapters.Answer{}, nil
	}
	return usageAnswer(m.Neutral, told), nil
}

// Grants lists what a customer's wallets hold, wallet by wallet: a grant of ours
// with all its top-ups is one, and so is each top-up of anybody else. What was
// put back is not part of what was given.
func (a *Adapter) Grants(ctx context.Context, customer string, p adapters.Page) (adapters.Listing[adapters.VendorGrant], error) {
	var out adapters.Listing[adapters.VendorGrant]
	all, err := a.wallets(ctx, customer)
	if err != nil {
		return out, err
	}
	at, offset, err := walletCursor(all, p.Cursor)
	if err != nil || at == len(all) {
		return out, err
	}
	grants, err := a.walletGrants(ctx, &all[at])
	if err != nil {
		return out, err
	}
	offset = min(offset, len(grants))
	end := min(offset+limit(p), len(grants))
	out.Items = grants[offset:end]
	out.Next = nextWallet(all, at, end, end < len(grants))
	return out, nil
}

// walletGrants reads one wallet, oldest grant first, so that what is added while
// it is read comes last.
func (a *Adapter) walletGrants(ctx context.Context, w *wallet) ([]adapters.VendorGrant, error) {
	scale, err := w.scale()
	if err != nil {
		return nil, err
	}
	list, err := a.grouped(ctx, w.ID, scale, filter{direction: "inbound"})
	if slices.ContainsFunc(list, func(p *part) bool { return p.ins[0].settled() && p.ins[0].Left == nil }) {
		list, err = a.grouped(ctx, w.ID, scale, filter{}) // a wallet that cannot trace: voids tell
	}
	if err != nil {
		return nil, err
	}
	out := make([]adapters.VendorGrant, 0, len(list))
	for _, p := range list {
		g, err := a.vendorGrant(w, p)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// vendorGrant derives what the wallet does not say of a grant.
func (a *Adapter) vendorGrant(w *wallet, p *part) (adapters.VendorGrant, error) {
	t := &p.ins[0]
	for i := range p.ins { // the last that was given, where a grant came back after it had ended
		if p.ins[i].Metadata.get(metaWindow) == "" {
			t = &p.ins[i]
		}
	}
	g := adapters.VendorGrant{
		ID: t.ID, Neutral: t.Metadata.get(metaGrant), Starts: timeOf(t.Created), Expires: w.expires(), Priority: t.Priority,
		Category: core.Promotional, State: core.Open,
	}
	held, err := t.cents(p.scale)
	if err != nil {
		return g, err
	}
	left, err := p.holds()
	if err != nil {
		return g, err
	}
	unit := strings.ToLower(w.Currency)
	g.Held, g.Left = adapters.Holding{Quanta: held, Scale: p.scale, Unit: unit}, adapters.Holding{Quanta: left, Scale: p.scale, Unit: unit}
	g.Value = core.Money{Minor: core.Amount(held), Currency: core.Currency(unit)}
	g.Remaining = core.Money{Minor: core.Amount(left), Currency: core.Currency(unit)}
	if t.Kind == "purchased" {
		g.Category = core.Paid
	}
	if c := core.Category(t.Metadata.get("category")); c.Valid() {
		g.Category = c
	}
	switch {
	case t.Status == "failed":
		g.State = core.Void
	case !w.active() && g.Expires <= a.now():
		g.State = core.Expired
	case !w.active():
		g.State = core.Void
	case t.Status == "pending": // waits for its payment
		g.State = core.Scheduled
	case left <= 0:
		g.State = core.Spent
	}
	return g, nil
}

// holds is what Lago has left of a grant; where it does not trace that, by what
// was moved under the grant's name.
func (p *part) holds() (int64, error) {
	sum := core.Amount(0)
	for _, in := range p.ins {
		switch {
		case !in.settled():
		case in.Left == nil:
			return p.left()
		default:
			sum += core.Amount(*in.Left)
		}
	}
	return int64(sum), nil
}

var (
	_ adapters.Finder      = (*Adapter)(nil)
	_ adapters.GrantReader = (*Adapter)(nil)
)
