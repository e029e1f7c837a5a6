package stripe

import (
	"context"
	"strings"

	"github.com/sourcegraph/conc/pool"
	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
	"scrip/core"
)

// balanceReads is how many balances are read at the same time.
const balanceReads = 4

// Grants lists a customer's grants with what is left of each: one page and
// one balance summary per grant that is neither voided nor expired.
func (a *Adapter) Grants(ctx context.Context, customer string, p adapters.Page) (adapters.Listing[adapters.VendorGrant], error) {
	var out adapters.Listing[adapters.VendorGrant]
	got, next, err := listing(ctx, a, grantsPath, query{{"customer", customer}}, p, grantID)
	if err != nil {
		return out, err
	}
	items := make([]adapters.VendorGrant, len(got.Data))
	reads := pool.New().WithContext(ctx).WithMaxGoroutines(balanceReads).WithCancelOnError().WithFirstError()
	for i := range got.Data {
		reads.Go(func(ctx context.Context) error {
			item, err := a.vendorGrant(ctx, customer, &got.Data[i])
			items[i] = item
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return out, err
	}
	out.Items, out.Next = items, next
	return out, nil
}

func grantID(g creditGrant) string { return g.ID }

// vendorGrant derives what the object does not say: its state and remainder.
func (a *Adapter) vendorGrant(ctx context.Context, customer string, g *creditGrant) (adapters.VendorGrant, error) {
	value, err := money(g.Amount.Monetary.Value, g.Amount.Monetary.Currency)
	if err != nil {
		return adapters.VendorGrant{}, adapters.Errorf(adapters.CodeBadAnswer, "a listed grant has an amount that cannot be used")
	}
	now := a.now()
	out := adapters.VendorGrant{
		ID: g.ID, Neutral: g.Metadata[metaGrant], Value: value, Remaining: core.Money{Currency: value.Currency},
		Starts: seconds(g.Created), Expires: core.Never, Priority: core.DefaultPriority, Category: core.Promotional,
	}
	if g.EffectiveAt != nil {
		out.Starts = seconds(*g.EffectiveAt)
	}
	if g.ExpiresAt != nil {
		out.Expires = seconds(*g.ExpiresAt)
	}
	if g.Priority != nil {
		out.Priority = *g.Priority
	}
	if g.Category == "paid" {
		out.Category = core.Paid
	}
	switch {
	case g.VoidedAt != nil:
		out.State = core.Void
	case g.ended(now):
		out.State = core.Expired
	case now < out.Starts: // its credit is not in the vendor's ledger yet
		out.State, out.Remaining = core.Scheduled, value
	default:
		out.Remaining.Minor, err = a.remaining(ctx, customer, g.ID, value.Currency)
		if out.State = core.Open; out.Remaining.Minor == 0 {
			out.State = core.Spent
		}
	}
	out.Held, out.Left = holding(out.Value), holding(out.Remaining)
	return out, err
}

// holding is money as the vendor keeps it, in whole minor units.
func holding(m core.Money) adapters.Holding {
	return adapters.Holding{Quanta: int64(m.Minor), Scale: exponent(m.Currency), Unit: string(m.Currency)}
}

// balanceSummary is the answer of GET /v1/billing/credit_balance_summary.
type balanceSummary struct {
	stripego.APIResource
	Object   string `json:"object"`
	Balances []struct {
		Ledger monetary `json:"ledger_balance"`
	} `json:"balances"`
}

// remaining is the ledger balance of a grant in minor units: what invoices
// that are final have left of it. What draft invoices reserve is still in it.
func (a *Adapter) remaining(ctx context.Context, customer, grant string, c core.Currency) (core.Amount, error) {
	var s balanceSummary
	q := query{{"customer", customer}, {"filter[type]", "credit_grant"}, {"filter[credit_grant]", grant}}
	if err := a.read(ctx, "/v1/billing/credit_balance_summary", q, &s); err != nil {
		return 0, err
	}
	if s.Object != "billing.credit_balance_summary" {
		return 0, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not a balance summary")
	}
	for _, b := range s.Balances {
		if strings.EqualFold(b.Ledger.Monetary.Currency, string(c)) {
			return core.Amount(b.Ledger.Monetary.Value), nil
		}
	}
	return 0, nil
}

var _ adapters.GrantReader = (*Adapter)(nil)
