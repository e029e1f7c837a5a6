package lago

import (
	"cmp"
	"context"
	"slices"

	"scrip/adapters"
	"scrip/core"
)

// part is what one wallet holds of a grant, or of a top-up of somebody else's.
type part struct {
	wallet string
	scale  int
	ins    []transaction // top-ups, oldest first
	outs   []transaction // voids marked as taken from the grant
}

// left is what the wallet must hold of the grant by all that we moved.
func (p *part) left() (int64, error) {
	in, err := total(p.ins, p.scale)
	if err != nil {
		return 0, err
	}
	out, err := total(p.outs, p.scale)
	return in - out, err
}

// done are the movements that an intent has made, oldest first.
func (p *part) done(intent core.ID) []transaction {
	var out []transaction
	for _, t := range slices.Concat(p.ins, p.outs) {
		if t.madeBy(intent) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, earlier)
	return out
}

// total adds up what is settled.
func total(list []transaction, scale int) (int64, error) {
	sum := core.Amount(0)
	for i := range list {
		if !list[i].settled() {
			continue
		}
		n, err := list[i].cents(scale)
		if err == nil {
			sum, err = sum.Add(core.Amount(n))
		}
		if err != nil {
			return 0, err
		}
	}
	return int64(sum), nil
}

// parts reads what is kept of a grant, by its links: one wallet, but where a
// wallet ended and something came back to the grant after that.
func (a *Adapter) parts(ctx context.Context, grant core.ID, links adapters.Links, scale int) ([]*part, error) {
	var out []*part
	var seen []string
	for _, l := range links {
		if l.Role != adapters.RoleGrant || l.Neutral != string(grant) || slices.Contains(seen, l.Vendor) {
			continue
		}
		t, err := a.transaction(ctx, l.Vendor)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(p *part) bool { return p.wallet == t.Wallet }) {
			continue
		}
		p, err := a.part(ctx, t.Wallet, grant, scale)
		if err != nil {
			return nil, err
		}
		for _, one := range p.ins {
			seen = append(seen, one.ID)
		}
		out = append(out, p)
	}
	return out, nil
}

// part reads what one wallet holds of a grant.
func (a *Adapter) part(ctx context.Context, wallet string, grant core.ID, scale int) (*part, error) {
	list, err := a.grouped(ctx, wallet, scale, filter{key: metaGrant, value: string(grant)})
	if err != nil || len(list) == 0 {
		return &part{wallet: wallet, scale: scale}, err
	}
	return list[0], nil
}

// grouped reads a wallet's movements by the grant that they name, the oldest
// grant first; those that name none stand alone.
func (a *Adapter) grouped(ctx context.Context, wallet string, scale int, f filter) ([]*part, error) {
	groups := map[string]*part{}
	err := a.transactions(ctx, wallet, f, func(t *transaction) bool {
		key := cmp.Or(t.Metadata.get(metaGrant), t.ID)
		p := groups[key]
		if p == nil {
			p = &part{wallet: wallet, scale: scale}
			groups[key] = p
		}
		if t.inbound() {
			p.ins = append(p.ins, *t)
		} else {
			p.outs = append(p.outs, *t)
		}
		return false
	})
	var out []*part
	for _, p := range groups {
		slices.SortFunc(p.ins, earlier)
		if len(p.ins) > 0 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(x, y *part) int { return earlier(x.ins[0], y.ins[0]) })
	return out, err
}

// take voids cents of a grant in one wallet: of its top-ups by name as far as
// they hold something, and with pool the rest from the wallet, where Lago has
// taken it in an order of its own. It returns what it has made and what is
// still to be taken; a wallet that has ended holds nothing any more, and gone
// tells so.
func (a *Adapter) take(ctx context.Context, p *part, cents int64, pool bool, m movement) (made []transaction, rest int64, gone bool, err error) {
	m.Wallet = p.wallet
	void := func(n int64) bool {
		t, failed := a.void(ctx, m, n, p.scale)
		switch {
		case refusedFor(failed, terminated):
			gone = true
		case failed != nil:
			err = failed
		default:
			made, cents = append(made, t), cents-n
			return true
		}
		return false
	}
	for i := range p.ins {
		in := &p.ins[i]
		if in.Left == nil || *in.Left <= 0 || cents <= 0 || pool {
			continue // what a wallet that cannot trace has left of each is not known
		}
		if m.From = in.ID; !void(min(cents, *in.Left)) {
			return made, cents, gone, err
		}
	}
	if m.From = ""; pool && cents > 0 {
		void(cents)
	}
	return made, cents, gone, err
}

// foreign is what somebody else has taken from a wallet.
func (a *Adapter) foreign(ctx context.Context, p *part) (int64, error) {
	var others []transaction
	err := a.transactions(ctx, p.wallet, filter{direction: "outbound"}, func(t *transaction) bool {
		if t.settled() && t.Metadata.get(metaGrant) == "" {
			others = append(others, *t)
		}
		return false
	})
	if err != nil {
		return 0, err
	}
	return total(others, p.scale)
}

// priority is a grant's at Lago, which knows 1 to 50: it burns in the same
// order, but neighbours may share a place.
func priority(core int) int { return 1 + max(0, min(core, 100))*49/100 }

// monetary checks that an order's value is money that can be counted in cents,
// and names the customer.
func monetary(h adapters.Holding, links adapters.Links, what string) (customer string, err error) {
	if customer = links.One(adapters.RoleCustomer); customer == "" {
		return "", adapters.Errorf(adapters.CodeInvalid, "the customer of %s has no link, send the customer first", what)
	}
	return customer, carries(h.Scale, h.Unit)
}
