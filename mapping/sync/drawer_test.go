package sync

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// drawer is a vendor that bills consumption by a carrier and draws grants down
// itself.
type drawer struct {
	canceller
	held *[]adapters.VendorGrant
}

func newDrawer() drawer {
	return drawer{canceller{finder{newVendor()}}, &[]adapters.VendorGrant{}}
}

func (d drawer) PutCarrier(_ context.Context, o adapters.CarrierOrder) (adapters.Answer, error) {
	return d.write("carrier", o.Mark, o.Links.One(adapters.RoleCustomer)+o.Links.One(adapters.RolePrice), func() adapters.Answer {
		return link("", adapters.RoleCarrier, "sub_"+o.Mark.Neutral)
	})
}

func (d drawer) CreateGrant(_ context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	for _, v := range *d.held { // what stands already serves again
		if v.State == core.Open && slices.Contains(o.Links, adapters.Link{Neutral: string(o.Grant), Role: adapters.RoleGrant, Vendor: v.ID}) {
			return link(string(o.Grant), adapters.RoleGrant, v.ID), nil
		}
	}
	return d.write("grant", o.Mark, o.Value.String()+o.Now.String(), func() adapters.Answer {
		v := adapters.VendorGrant{
			ID: fmt.Sprint("cg_", len(*d.held)), Neutral: string(o.Grant), Value: o.Value, Remaining: o.Value, State: core.Open,
		}
		*d.held = append(*d.held, v)
		return link(string(o.Grant), adapters.RoleGrant, v.ID)
	})
}

func (d drawer) EndGrant(_ context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	if o.Consumed > 0 && !o.TrueUp {
		return adapters.Answer{}, nil
	}
	return d.write("end", o.Mark, o.Links.One(adapters.RoleGrant), func() adapters.Answer {
		for i := range *d.held {
			if v := &(*d.held)[i]; slices.Contains(o.Links, adapters.Link{Neutral: v.Neutral, Role: adapters.RoleGrant, Vendor: v.ID}) {
				v.Remaining.Minor, v.State = 0, core.Void
			}
		}
		return adapters.Answer{}
	})
}

func (d drawer) Grants(_ context.Context, customer string, p adapters.Page) (adapters.Listing[adapters.VendorGrant], error) {
	if err := d.read("grants"); err != nil {
		return adapters.Listing[adapters.VendorGrant]{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := len(p.Cursor) * 2 // pages of two, whatever is asked for
	list := adapters.Listing[adapters.VendorGrant]{Items: slices.Clone((*d.held)[min(at, len(*d.held)):min(at+2, len(*d.held))])}
	if at+2 < len(*d.held) {
		list.Next = p.Cursor + "x"
	}
	return list, nil
}

// draw takes quanta off a grant.
func (d drawer) draw(grant core.ID, quanta core.Amount) {
	for i := range *d.held {
		if v := &(*d.held)[i]; v.Neutral == string(grant) && v.State == core.Open {
			v.Remaining.Minor -= quanta
			if v.Remaining.Minor == 0 {
				v.State = core.Spent
			}
		}
	}
}

// left is what the vendor holds of a grant, in all.
func (d drawer) left(grant core.ID) (sum core.Amount) {
	for _, v := range *d.held {
		if v.Neutral == string(grant) {
			sum += v.Remaining.Minor
		}
	}
	return sum
}

// final asks for a true-up as the inbox does.
func (w *world) final(invoice string, until core.Time) {
	w.t.Helper()
	w.must(w.led.Do(w.ctx, &ledger.Op{
		Names: func(*ledger.Batch) {},
		Decide: func(tx *ledger.Tx) error {
			tx.Send(mapping.TrueUpIntent("main", "acme", invoice, until, tx.Now))
			return nil
		},
	}))
}

// linked is the vendor's object of a neutral thing in a role, and how many
// there are.
func (w *world) linked(neutral, role string) (vendor string, n int) {
	w.t.Helper()
	links, err := w.led.Reader().Links.Links(w.ctx, ledger.LinkKey{Connection: "main", Neutral: neutral})
	w.must(err)
	for _, l := range links {
		if l.Role == role {
			vendor, n = l.Vendor, n+1
		}
	}
	return vendor, n
}

func (w *world) figure(grant core.ID) core.Grant {
	w.t.Helper()
	_, g, err := w.led.Reader().Accounts.Grant(w.ctx, grant)
	w.must(err)
	return *g
}

// unitVendor is a vendor that holds units, and keeps what it was told.
type unitVendor struct {
	*vendor
	setup  *adapters.Setup
	grants *[]adapters.GrantOrder
	told   *[]adapters.ConsumeOrder
	ended  *[]adapters.EndOrder
}

func newUnitVendor() unitVendor {
	return unitVendor{newVendor(), &adapters.Setup{}, &[]adapters.GrantOrder{}, &[]adapters.ConsumeOrder{}, &[]adapters.EndOrder{}}
}

func (u unitVendor) Prepare(_ context.Context, o adapters.Setup) (adapters.Answer, error) {
	*u.setup = o
	return adapters.Answer{}, nil
}

func (u unitVendor) CreateGrant(ctx context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	*u.grants = append(*u.grants, o)
	return u.vendor.CreateGrant(ctx, o)
}

func (u unitVendor) Consume(ctx context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	*u.told = append(*u.told, o)
	return u.vendor.Consume(ctx, o)
}

func (u unitVendor) EndGrant(ctx context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	*u.ended = append(*u.ended, o)
	return u.vendor.EndGrant(ctx, o)
}

func mustBe[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
