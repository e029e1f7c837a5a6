package metronome

import (
	"context"

	"scrip/adapters"
	"scrip/internal/rest"
)

// EndGrant withdraws what is left of a grant's lots: each is archived or, where
// a final invoice has used it or the vendor does not archive, ended at the next
// full hour. A lot that is archived, or that ends by then anyway, is done.
func (a *Adapter) EndGrant(ctx context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	customer := o.Links.One(adapters.RoleCustomer)
	switch {
	case on(o.Links, string(o.Grant), adapters.RoleGrant) == "":
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of grant %q has no link, send the customer first", string(o.Grant))
	}
	lots, err := a.ofGrant(ctx, customer, o.Grant, o.Links)
	if err != nil {
		return adapters.Answer{}, err
	}
	for i := range lots {
		if _, ends := lots[i].span(); lots[i].Archived != nil || ends <= a.now() {
			continue
		}
		if err := a.end(ctx, customer, &lots[i]); err != nil {
			return adapters.Answer{}, err
		}
	}
	return adapters.Answer{}, nil
}

// end archives a lot, or has it end soon.
func (a *Adapter) end(ctx context.Context, customer string, l *lot) error {
	archive, update, name := "/v2/contracts/commits/archive", "/v1/contracts/customerCommits/updateEndDate", "commit_id"
	if l.free() {
		archive, update, name = "/v2/contracts/credits/archive", "/v1/contracts/customerCredits/updateEndDate", "credit_id"
	}
	b := body{"customer_id": customer, name: l.ID}
	_, err := a.makes(ctx, archive, "", b)
	if !rest.HasCode(err, cannot...) {
		return err
	}
	// Whether a list tells that a credit is archived is not documented.
	open := false
	if err := a.lots(ctx, lotQuery{Customer: customer, ID: l.ID}, func(got *lot) bool {
		open = got.ID == l.ID
		return open
	}); err != nil {
		return err
	}
	starts, ends := l.span()
	soon := max(floorHour(a.now()), floorHour(starts)) + hour
	if !open || ends <= soon {
		return nil
	}
	b["access_ending_before"] = instant(soon)
	_, err = a.makes(ctx, update, "", b)
	return err
}

var _ adapters.GrantEnder = (*Adapter)(nil)
