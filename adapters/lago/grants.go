package lago

import (
	"context"
	"strconv"

	"scrip/adapters"
)

// CreateGrant gives Lago the remaining value of a grant as a granted top-up of
// the wallet for its quarter of expiry. Lago's purchased credits would make an
// invoice of their own; that it was paid for stands in metadata. Nothing is held
// of nothing: the answer has no link then.
func (a *Adapter) CreateGrant(ctx context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	h := o.Holding
	switch {
	case h.Quanta < 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "a grant of %d parts cannot be given to the vendor", h.Quanta)
	case h.Quanta == 0:
		return adapters.Answer{}, nil
	}
	customer, err := monetary(h, o.Links, "grant "+strconv.Quote(string(o.Grant)))
	if err != nil {
		return adapters.Answer{}, err
	}
	all, err := a.wallets(ctx, customer)
	if err != nil {
		return adapters.Answer{}, err
	}
	b := bucket{customer, h.Unit, ExpiryAtVendor(o.Expires)}
	for _, w := range all {
		if w.Code != b.code() {
			continue
		}
		if found, err := a.byMark(ctx, w.ID, o.Mark); err != nil || len(found) > 0 {
			return grantAnswer(string(o.Grant), found), err
		}
	}
	w, err := a.room(ctx, b, all)
	if err != nil {
		return adapters.Answer{}, err
	}
	made, err := a.topUp(ctx, movement{Wallet: w.ID, Name: clip("Credits: "+string(o.Grant), 255), Priority: priority(o.Priority), Metadata: grantPairs(o)}, h.Quanta, h.Scale)
	switch {
	case err != nil:
		return adapters.Answer{}, err
	case made.Left != nil && *made.Left != h.Quanta:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the vendor counts %s in other parts than ISO 4217: void the top-up of grant %q there, and value units in another currency", h.Unit, string(o.Grant))
	}
	return grantAnswer(string(o.Grant), []transaction{made}), nil
}

// grantAnswer links a grant to its top-up, none to nothing.
func grantAnswer(grant string, made []transaction) adapters.Answer {
	if len(made) == 0 {
		return adapters.Answer{}
	}
	return adapters.Answer{Links: []adapters.Link{{Neutral: grant, Role: adapters.RoleGrant, Vendor: made[0].ID}}}
}

// byMark finds the movements that an order has made in a wallet.
func (a *Adapter) byMark(ctx context.Context, wallet string, m adapters.Mark) (found []transaction, err error) {
	err = a.transactions(ctx, wallet, filter{key: metaIntent, value: string(m.ID)}, func(t *transaction) bool {
		found = append(found, *t)
		return false
	})
	return found, err
}

// grantPairs are the facts of the whole lot, which a top-up has no fields for.
func grantPairs(o adapters.GrantOrder) pairs {
	basis := ""
	if !o.Basis.IsZero() {
		basis = o.Basis.String()
	}
	return notes(metaGrant, string(o.Grant), metaIntent, string(o.Mark.ID), "unit", o.Unit.Code, "category", string(o.Category),
		"original", o.Original.Format(o.Unit.Scale), "consumed", o.Consumed.Format(o.Unit.Scale), "priority", strconv.Itoa(o.Priority),
		"cost_basis", basis, "source", o.Source, "expires", o.Expires.String())
}

// EndGrant takes what is left of a grant off its wallets, by what our own
// movements say: a repeat finds less to take. Where the grant's top-ups hold
// less than that, the rest is taken from the wallet, which has spent them before
// others; but not what somebody else has taken from it. Wallets that have ended
// hold nothing that could be spent.
func (a *Adapter) EndGrant(ctx context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	if o.Links.One(adapters.RoleGrant) == "" {
		return adapters.Answer{}, nil
	}
	if err := carries(o.Holding.Scale, o.Holding.Unit); err != nil {
		return adapters.Answer{}, err
	}
	parts, err := a.parts(ctx, o.Grant, o.Links, o.Holding.Scale)
	if err != nil {
		return adapters.Answer{}, err
	}
	m := movement{Name: clip("End of "+string(o.Grant), 255), Metadata: notes(metaIntent, string(o.Mark.ID), metaGrant, string(o.Grant))}
	for _, p := range parts {
		left, err := p.left()
		if err != nil {
			return adapters.Answer{}, err
		}
		_, rest, gone, err := a.take(ctx, p, left, false, m)
		if err == nil && !gone && rest > 0 {
			var others int64
			if others, err = a.foreign(ctx, p); err == nil {
				_, _, _, err = a.take(ctx, p, rest-others, true, m)
			}
		}
		if err != nil {
			return adapters.Answer{}, err
		}
	}
	return adapters.Answer{}, nil
}

var (
	_ adapters.GrantWriter = (*Adapter)(nil)
	_ adapters.GrantEnder  = (*Adapter)(nil)
)
