package reconcile

import (
	"context"
	"encoding/json"
	"slices"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
	"scrip/mapping"
)

// together makes one of a grant's objects where we move the vendor's lots by
// name: what was given back later may be an object of its own there. It is the
// one that was given first, with what is left of all.
func together(list []adapters.VendorGrant, links adapters.Links, want adapters.Holding) []adapters.VendorGrant {
	at, one := -1, []adapters.VendorGrant{}
	for _, v := range list {
		if !linked(links, v.ID) || ended(&v) {
			one = append(one, v)
			continue
		}
		if at < 0 {
			at = len(one)
			one = append(one, v)
			continue
		}
		first := &one[at]
		value, left := heldBy(&v)
		was, rest := heldBy(first)
		if rest.Scale != left.Scale || !sameUnit(rest, left) {
			one = append(one, v)
			continue
		}
		if equal(value, want) && !equal(was, want) {
			first.ID, first.Held, first.State = v.ID, value, v.State
		} else {
			first.Held = was
		}
		if first.State == core.Spent && left.Quanta > 0 {
			first.State = core.Open
		}
		rest.Quanta += left.Quanta
		first.Left = rest
	}
	return slices.Clip(one)
}

// reinstated reports whether a part of a grant was taken back with the money
// that had bought it and returned, so that it may be several objects where we
// move the vendor's ledger.
func (r *run) reinstated(ctx context.Context, g *core.Grant) (bool, error) {
	if r.Connection.Strategy != adapters.Mirror || !g.Source.Valid(core.PurchaseID) {
		return false, nil
	}
	record, err := r.Reader.Records.Record(ctx, ledger.RecordKey{Kind: ledger.PurchaseKind, ID: string(g.Source)})
	var p sale.Purchase
	if err != nil || record == nil || json.Unmarshal(record.Body, &p) != nil || p.Returns == nil {
		return false, err
	}
	return slices.ContainsFunc(p.Returns.Claims, func(c sale.Claim) bool { return c.State == sale.Won }), nil
}

// compareLot holds what is left of one lot at the vendor against what should
// be, once what was told of it is taken off.
func (r *run) compareLot(s *state, a *core.Account, g *core.Grant, v *adapters.VendorGrant, lot mapping.Lot) error {
	want, err := held(r.Connection, a.Unit, lot.Left())
	if err != nil {
		return err
	}
	_, left := heldBy(v)
	if equal(left, want) {
		return nil
	}
	f := Finding{
		Object: grantObject(string(g.ID)), Cause: LeftDiffers, Ours: figure(want), Vendors: figure(left), VendorObject: v.ID,
		Difference: sum(left).less(sum(want)).number(),
	}
	if r.fresh(s.told) {
		s.lag(f.Object, f.Cause, "a window was told so shortly ago that the vendor's reads may lag")
	}
	s.find(f)
	return nil
}
