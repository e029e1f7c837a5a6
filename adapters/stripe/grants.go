package stripe

import (
	"context"
	"net/http"
	"time"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
	"scrip/core"
)

const (
	grantsPath = "/v1/billing/credit_grants"
	maxGrants  = 100 // unused ones of a customer
)

type moneyParams struct {
	Currency *string `form:"currency"`
	Value    *int64  `form:"value"`
}

type amountParams struct {
	Type     *string      `form:"type"`
	Monetary *moneyParams `form:"monetary"`
}

type priceParams struct {
	ID *string `form:"id"`
}

type scopeParams struct {
	PriceType *string        `form:"price_type"`
	Prices    []*priceParams `form:"prices"`
}

type applicabilityParams struct {
	Scope *scopeParams `form:"scope"`
}

// grantParams are the parameters of POST /v1/billing/credit_grants, for which
// stripe-go v76 has no type.
type grantParams struct {
	stripego.Params     `form:"*"`
	Customer            *string              `form:"customer"`
	Amount              *amountParams        `form:"amount"`
	ApplicabilityConfig *applicabilityParams `form:"applicability_config"`
	Category            *string              `form:"category"`
	EffectiveAt         *int64               `form:"effective_at"`
	ExpiresAt           *int64               `form:"expires_at"`
	Priority            *int64               `form:"priority"`
	Name                *string              `form:"name"`
	Metadata            map[string]string    `form:"metadata"`
}

// ExpiryAtVendor is when Stripe is told that a grant expires: one day after
// the end of the calendar month (UTC) that holds the core's expiry. Credits
// are applied when a period's invoice is final, and only if its period ends
// before they expire, so an earlier expiry would lose what was consumed in the
// grant's last month. It is later than the core's expiry by 1 to 32 days; the
// core withdraws the rest at its own instant. Never stays [core.Never].
// Source: docs.stripe.com/billing/subscriptions/usage-based/billing-credits, eligibility.
func ExpiryAtVendor(expires core.Time) core.Time {
	if expires == core.Never {
		return core.Never
	}
	t := expires.Std()
	return core.TimeOf(time.Date(t.Year(), t.Month()+1, 2, 0, 0, 0, 0, time.UTC))
}

// CreateGrant gives Stripe the remaining value of a grant. A value below one
// minor unit cannot be held and stays in the core: the answer has no link.
// Where the grant is linked to an object that still has something to give, it
// is that one, whatever its amount: see [Adapter.standing].
func (a *Adapter) CreateGrant(ctx context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	customer := o.Links.One(adapters.RoleCustomer)
	switch err := carries(o.Value.Currency); {
	case err != nil:
		return adapters.Answer{}, err
	case o.Value.Minor < 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "a grant of %s cannot be given to the vendor", o.Value)
	case o.Value.Minor == 0:
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of grant %q has no link, send the customer first", string(o.Grant))
	}
	id, err := a.standing(ctx, o, customer)
	if err != nil {
		return adapters.Answer{}, err
	}
	if id != "" {
		return grantAnswer(string(o.Grant), id), nil
	}
	var made creditGrant
	err = a.backend.Call(http.MethodPost, grantsPath, a.key, newGrantParams(ctx, o, customer), &made)
	if err != nil {
		failed := writeFailed(err)
		if hasCode(failed, adapters.CodeConflict) {
			// A repeat after the grant's start no longer says when it starts. If
			// the first attempt made the grant, all is well.
			if found, err := a.findGrant(ctx, o.Mark, customer); err == nil && len(found.Links) > 0 {
				return found, nil
			}
		}
		if hasCode(failed, adapters.CodeInvalid) && a.full(ctx, customer) {
			return adapters.Answer{}, adapters.Errorf(adapters.CodeFull, "the customer has %d unused grants, the vendor takes no more", maxGrants)
		}
		return adapters.Answer{}, failed
	}
	if made.ID == "" {
		return adapters.Answer{}, noEffectSeen()
	}
	return grantAnswer(string(o.Grant), made.ID), nil
}

// full reports whether a customer has as many unused grants as Stripe takes:
// the refusal of one more has no code that tells.
// Source: docs.stripe.com/billing/subscriptions/usage-based/billing-credits, limits.
func (a *Adapter) full(ctx context.Context, customer string) bool {
	unused := 0
	for p := (adapters.Page{Limit: maxGrants}); ; {
		list, err := a.Grants(ctx, customer, p)
		if err != nil {
			return false
		}
		for i := range list.Items {
			if s := list.Items[i].State; s == core.Open || s == core.Scheduled {
				unused++
			}
		}
		if unused >= maxGrants || list.Next == "" || list.Next == p.Cursor {
			return unused >= maxGrants
		}
		p.Cursor = list.Next
	}
}

func grantAnswer(neutral, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleGrant, Vendor: vendor}}}
}

func newGrantParams(ctx context.Context, o adapters.GrantOrder, customer string) *grantParams {
	p := &grantParams{
		Params:   write(ctx, string(o.Mark.ID)),
		Customer: &customer,
		Amount: &amountParams{Type: stripego.String("monetary"), Monetary: &moneyParams{
			Currency: stripego.String(string(o.Value.Currency)), Value: stripego.Int64(int64(o.Value.Minor)),
		}},
		ApplicabilityConfig: &applicabilityParams{Scope: scope(o.Links.One(adapters.RolePrice))},
		Category:            stripego.String(category(o.Category)),
		Priority:            stripego.Int64(int64(o.Priority)),
		Name:                stripego.String(clip(o.Original.Format(o.Unit.Scale)+" "+o.Unit.Code, 100)),
		Metadata:            grantPairs(o),
	}
	p.Headers = versioned(grantsPath)
	// A start in the past may be refused; without one the grant is in force at once.
	if o.Starts > o.Now {
		p.EffectiveAt = stripego.Int64(unix(o.Starts))
	}
	if o.Expires != core.Never {
		p.ExpiresAt = stripego.Int64(unix(ExpiryAtVendor(o.Expires)))
	}
	return p
}

// scope is the one price that grants pay for; every metered one where the
// connection was prepared without it.
func scope(price string) *scopeParams {
	if price == "" {
		return &scopeParams{PriceType: stripego.String("metered")}
	}
	return &scopeParams{Prices: []*priceParams{{ID: &price}}}
}

// category ranks what somebody paid for, allotments and rollovers included,
// after what nobody did.
func category(c core.Category) string {
	switch c {
	case core.Paid, core.Allotment, core.Rollover:
		return "paid"
	}
	return "promotional"
}

// grantPairs are the facts of the whole lot, which the vendor's object has no
// fields for.
func grantPairs(o adapters.GrantOrder) map[string]string {
	pairs := map[string]string{
		metaGrant: string(o.Grant), metaIntent: string(o.Mark.ID), "unit": o.Unit.Code, "category": string(o.Category),
		"original": o.Original.Format(o.Unit.Scale), "consumed": o.Consumed.Format(o.Unit.Scale),
	}
	if !o.Basis.IsZero() {
		pairs["cost_basis"] = o.Basis.String()
	}
	if o.Source != "" {
		pairs["source"] = clip(o.Source, maxValue)
	}
	return pairs
}

// EndGrant withdraws what is left of a grant: voids it, or expires it where
// some of it was applied to an invoice. A grant that has ended already counts
// as done. Where the core consumed from it, Stripe may still have to draw for
// that: nothing is sent, the answer has no link, and the rest stays there until
// a true-up, which comes when Stripe has drawn and ends it whatever it gave.
func (a *Adapter) EndGrant(ctx context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	if o.Consumed > 0 && !o.TrueUp {
		return adapters.Answer{}, nil
	}
	seen := map[string]bool{}
	for _, l := range o.Links {
		if l.Role != adapters.RoleGrant || l.Neutral != string(o.Grant) || seen[l.Vendor] {
			continue
		}
		seen[l.Vendor] = true
		if err := a.endGrant(ctx, string(o.Mark.ID), l.Vendor); err != nil {
			return adapters.Answer{}, err
		}
	}
	return adapters.Answer{}, nil
}

// endGrant asks for void, then for expire. Whether a refusal means "applied"
// or "ended" is not told by any documented code, so the object itself is asked.
func (a *Adapter) endGrant(ctx context.Context, key, id string) error {
	var refused error
	for _, step := range []string{"void", "expire"} {
		var got creditGrant
		params := write(ctx, key+":"+step+":"+id)
		params.Headers = versioned(grantsPath)
		err := a.backend.Call(http.MethodPost, stripego.FormatURLPath(grantsPath+"/%s/"+step, id), a.key, &params, &got)
		if err == nil {
			if got.ID != id {
				return noEffectSeen()
			}
			return nil
		}
		if refused = writeFailed(err); !hasCode(refused, adapters.CodeInvalid) {
			return refused
		}
		if err := a.read(ctx, stripego.FormatURLPath(grantsPath+"/%s", id), nil, &got); err == nil && got.ended(a.now()) {
			return nil
		}
	}
	return refused
}

var (
	_ adapters.GrantWriter = (*Adapter)(nil)
	_ adapters.GrantEnder  = (*Adapter)(nil)
)
