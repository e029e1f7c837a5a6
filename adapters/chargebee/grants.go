package chargebee

import (
	"context"
	"net/http"
	"strconv"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// allocation is the body of a new block.
type allocation struct {
	Subscription string            `json:"subscription_id"`
	Unit         string            `json:"unit_id"`
	Amount       string            `json:"amount"`
	Expires      int64             `json:"expires_at"`
	Metadata     map[string]string `json:"metadata"`
}

// outlives is how much longer than its grant a block stands: ten years.
const outlives = int64(10 * 366 * 24 * 3600)

// ExpiryAtVendor is when a block expires, in unix seconds: ten years after its
// grant, and in the year 2200 where that never does, since every block has to.
// The order in which the vendor draws on blocks is not documented, so a block
// may hold what the core counts to other grants: were it to end with its own,
// it would take that along. The core withdraws the rest of a grant at its own
// instant, from the ledger as a whole.
func ExpiryAtVendor(expires core.Time) int64 {
	if expires == core.Never {
		return farAway
	}
	return min(unixUp(expires)+outlives, farAway-1)
}

// CreateGrant gives the vendor the remaining credits of a grant as a block of
// the customer's subscription, from now on. Allocations know no key and no id of ours, so the blocks
// are read first: one that carries this order's mark is the answer.
func (a *Adapter) CreateGrant(ctx context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	h, customer := o.Holding, o.Links.One(adapters.RoleCustomer)
	switch err := carries(h); {
	case err != nil:
		return adapters.Answer{}, err
	case h.Quanta == 0:
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of grant %q has no link, send the customer first", string(o.Grant))
	case o.Expires <= o.Now:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "grant %q has expired, the vendor is given none that has", string(o.Grant))
	}
	found, err := a.findGrant(ctx, adapters.Mark{ID: o.Mark.ID, Neutral: string(o.Grant)}, customer, h.Unit)
	if err != nil || len(found.Links) > 0 {
		return found, err
	}
	var made struct {
		Blocks []block `json:"grant_blocks"`
	}
	err = a.api.Send(ctx, http.MethodPost, "/ledger_operations/allocate", "", allocation{
		Subscription: carrierID(customer), Unit: h.Unit, Amount: decimal(h), Expires: ExpiryAtVendor(o.Expires), Metadata: grantPairs(o),
	}, &made)
	if err != nil {
		return adapters.Answer{}, refusedFor(err)
	}
	for i := range made.Blocks {
		if b := &made.Blocks[i]; b.ID != "" && intentOf(b.Metadata) == o.Mark.ID {
			return linked(string(o.Grant), adapters.RoleGrant, b.ID), nil
		}
	}
	return adapters.Answer{}, noEffectSeen()
}

// grantPairs are the facts of the whole lot, which a block has no fields for.
func grantPairs(o adapters.GrantOrder) map[string]string {
	pairs := map[string]string{
		metaGrant: string(o.Grant), metaIntent: string(o.Mark.ID), "unit": o.Unit.Code, "category": string(o.Category),
		"original": o.Original.Format(o.Unit.Scale), "consumed": o.Consumed.Format(o.Unit.Scale), "priority": strconv.Itoa(o.Priority),
	}
	if !o.Basis.IsZero() {
		pairs["cost_basis"] = o.Basis.String()
	}
	if o.Source != "" {
		pairs["source"] = clip(o.Source, maxText)
	}
	return pairs
}

// refusedFor makes a conflict with the state of the vendor's objects definite:
// the ledger knows no keys, so nothing of ours can be in progress.
func refusedFor(err error) error {
	if rest.HasCode(err, adapters.CodeInProgress) {
		e := *adapters.AsError(err)
		e.Code, e.Message = adapters.CodeInvalid, "the state of the vendor's objects does not allow it"
		return &e
	}
	return err
}

// findGrant looks through the customer's blocks. One of the same grant that
// another intent made is not what was asked for; one without an intent, as an
// import leaves it, is.
func (a *Adapter) findGrant(ctx context.Context, m adapters.Mark, customer, unit string) (adapters.Answer, error) {
	var found adapters.Answer
	err := a.blocks(ctx, customer, unit, func(b *block) bool {
		intent := b.Metadata[metaIntent]
		if intent == string(m.ID) || intent == "" && m.Neutral != "" && b.Metadata[metaGrant] == m.Neutral {
			found = linked(m.Neutral, adapters.RoleGrant, b.ID)
		}
		return len(found.Links) > 0
	})
	if rest.HasCode(err, adapters.CodeNotFound) {
		err = nil // without a carrier there is none
	}
	return found, err
}

// EndGrant withdraws what is left of a grant. No block can be voided or chosen,
// so as much is captured, under a mark that tells it from consumption, from
// whatever block the vendor takes: what the customer has left as a whole is
// right, the blocks need not be. A block that is gone left nothing to withdraw.
func (a *Adapter) EndGrant(ctx context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	h, customer := o.Holding, o.Links.One(adapters.RoleCustomer)
	ours := map[string]bool{}
	for _, l := range o.Links {
		if l.Role == adapters.RoleGrant && l.Neutral == string(o.Grant) {
			ours[l.Vendor] = true
		}
	}
	if h.Quanta == 0 || len(ours) == 0 && !o.Anywhere {
		return adapters.Answer{}, nil
	}
	if err := carries(h); err != nil {
		return adapters.Answer{}, err
	}
	if customer == "" {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of grant %q has no link, send the customer first", string(o.Grant))
	}
	if done, err := a.operation(ctx, string(o.Mark.ID)); err != nil || done.ID != "" {
		return adapters.Answer{Spared: max(0, min(o.Spare, h.Quanta))}, err
	}
	alive, usable, now := o.Anywhere, core.Amount(0), a.now()
	var bad error
	err := a.blocks(ctx, customer, h.Unit, func(b *block) bool {
		if b.Unit != h.Unit || !b.serves(now) {
			return false
		}
		alive = alive || ours[b.ID]
		n, ok := b.Balance.Floor(h.Scale)
		if usable, bad = usable.Add(core.Amount(n)); !ok || bad != nil {
			bad = adapters.Errorf(adapters.CodeBadAnswer, "a listed block has a balance that cannot be used")
		}
		return bad != nil
	})
	if err == nil {
		err = bad
	}
	spared := max(0, min(o.Spare, h.Quanta))
	h.Quanta = min(h.Quanta-spared, int64(usable))
	if err != nil || !alive || h.Quanta == 0 {
		return adapters.Answer{Spared: spared}, err
	}
	return adapters.Answer{Spared: spared}, a.capture(ctx, customer, o.Mark.ID, h, now, map[string]string{metaIntent: string(o.Mark.ID), metaWithdrawn: string(o.Grant)})
}

// Grants lists a customer's blocks with what is left of each, spent and expired
// ones too.
func (a *Adapter) Grants(ctx context.Context, customer string, p adapters.Page) (adapters.Listing[adapters.VendorGrant], error) {
	q := pageOf(p)
	q.Set("subscription_id[is]", carrierID(customer))
	q.Set("account_type[is]", "provisioned")
	items, next, err := list[block](ctx, a, "/grant_blocks", "grant_block", q)
	if rest.HasCode(err, adapters.CodeNotFound) {
		err = nil // without a carrier there is none
	}
	out := adapters.Listing[adapters.VendorGrant]{Next: next}
	for i := range items {
		g, err := a.vendorGrant(&items[i])
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, g)
	}
	return out, err
}

// vendorGrant counts a block in as many decimals as fit.
func (a *Adapter) vendorGrant(b *block) (adapters.VendorGrant, error) {
	out := adapters.VendorGrant{
		ID: b.ID, Neutral: b.Metadata[metaGrant], Starts: seconds(b.From), Expires: seconds(b.Expires), Priority: core.DefaultPriority,
		Category: core.Promotional, State: core.Open,
	}
	if b.Expires >= farAway {
		out.Expires = core.Never
	}
	if c := core.Category(b.Metadata["category"]); c.Valid() {
		out.Category = c
	}
	for scale := finest; ; scale-- {
		held, ok := b.Granted.Parts(scale)
		left, also := b.Balance.Parts(scale)
		if ok && also {
			out.Held = adapters.Holding{Quanta: held, Scale: scale, Unit: b.Unit}
			out.Left = adapters.Holding{Quanta: left, Scale: scale, Unit: b.Unit}
			break
		}
		if scale == 0 || b.ID == "" {
			return out, adapters.Errorf(adapters.CodeBadAnswer, "a listed block has an amount that cannot be used")
		}
	}
	switch now := unix(a.now()); {
	case b.Expires <= now:
		out.State = core.Expired
	case out.Left.Quanta <= 0:
		out.State = core.Spent
	case b.From > now:
		out.State = core.Scheduled
	}
	return out, nil
}

var (
	_ adapters.GrantWriter = (*Adapter)(nil)
	_ adapters.GrantEnder  = (*Adapter)(nil)
	_ adapters.GrantReader = (*Adapter)(nil)
)
