package orb

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Grants lists a customer's blocks with what is left of each, spent and
// expired ones too, unit by unit. Held and Left count millionths, or fewer
// decimals where the amount would not fit.
func (a *Adapter) Grants(ctx context.Context, customer string, p adapters.Page) (adapters.Listing[adapters.VendorGrant], error) {
	var out adapters.Listing[adapters.VendorGrant]
	number, cursor, _ := strings.Cut(p.Cursor, ":")
	at := 0
	if p.Cursor != "" {
		var err error
		if at, err = strconv.Atoi(number); err != nil || at < 0 || at >= len(a.units) {
			return out, adapters.Errorf(adapters.CodeInvalid, "the cursor is not one of this list")
		}
	}
	unit := a.units[at]
	q := url.Values{"include_all_blocks": {"true"}, "limit": {strconv.Itoa(limit(p))}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	got, err := listIn[block](ctx, a, customer, unit, ofBlocks, q)
	if err != nil {
		return out, err
	}
	for i := range got.Data {
		g, err := a.vendorGrant(&got.Data[i], unit)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, g)
	}
	switch {
	case got.next != "":
		out.Next = strconv.Itoa(at) + ":" + got.next
	case at+1 < len(a.units):
		out.Next = strconv.Itoa(at+1) + ":"
	}
	return out, nil
}

// vendorGrant derives what the object does not say: its state and category.
func (a *Adapter) vendorGrant(b *block, unit string) (adapters.VendorGrant, error) {
	now := a.now()
	out := adapters.VendorGrant{
		ID: b.ID, Neutral: b.Metadata[metaGrant], Expires: core.Never, Priority: core.DefaultPriority, Category: core.Promotional,
	}
	initial := b.Initial
	if initial == "" {
		initial = b.Balance
	}
	held, ok := holding(initial, unit)
	left, also := holding(b.Balance, unit)
	if !ok || !also || b.ID == "" {
		return out, adapters.Errorf(adapters.CodeBadAnswer, "a listed block has an amount that cannot be used")
	}
	out.Held, out.Left = held, left
	if b.Effective != nil {
		out.Starts = core.TimeOf(*b.Effective)
	}
	if b.Expiry != nil {
		out.Expires = core.TimeOf(*b.Expiry)
	}
	if strings.Trim(string(b.CostBasis), "0.") != "" {
		out.Category = core.Paid
	}
	if c := core.Category(b.Metadata["category"]); c.Valid() {
		out.Category = c
	}
	switch {
	case b.ended(now):
		out.State = core.Expired
	case b.Status == "pending_payment": // not spendable yet
		out.State = core.Scheduled
	case left.Quanta <= 0: // or voided, before it began as well
		out.State = core.Spent
	case now < out.Starts:
		out.State = core.Scheduled
	default:
		out.State = core.Open
	}
	return out, nil
}

// holding counts a number in millionths, or in as many decimals as fit.
func holding(d rest.Decimal, unit string) (adapters.Holding, bool) {
	for scale := finest; scale >= 0; scale-- {
		if n, ok := d.Parts(scale); ok {
			return adapters.Holding{Quanta: n, Scale: scale, Unit: unit}, true
		}
	}
	return adapters.Holding{}, false
}

var _ adapters.GrantReader = (*Adapter)(nil)
