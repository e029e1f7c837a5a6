package chargebee

import (
	"context"
	"net/url"
	"strconv"

	"scrip/adapters"
	"scrip/internal/rest"
)

// Refund gives money of an invoice's payments back, by a credit note that the
// vendor makes with it. payment_refunded tells of it. A refund cannot be looked
// up by its mark: it is repeated while the vendor knows its key.
func (a *Adapter) Refund(ctx context.Context, o adapters.SellOrder) (adapters.Answer, error) {
	invoice := o.Links.One(adapters.RoleInvoice)
	if invoice == "" {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "purchase %q has no invoice here", string(o.Purchase))
	}
	var made struct {
		Transaction transactionObject `json:"transaction"`
	}
	err := a.api.SendForm(ctx, rest.Path("invoices", invoice, "refund"), string(o.Mark.ID), url.Values{
		"refund_amount": {strconv.FormatInt(int64(o.Price.Minor), 10)}, "credit_note[reason_code]": {"other"}, "comment": {string(o.Mark.ID)},
	}, &made)
	switch {
	case err != nil:
		return adapters.Answer{}, err
	case made.Transaction.ID == "":
		return adapters.Answer{}, noEffectSeen()
	}
	return linked(o.Mark.Neutral, adapters.RoleRefund, made.Transaction.ID), nil
}

// Trace has nothing to find: whatever the vendor tells of money names the
// invoice, which bears the purchase.
func (a *Adapter) Trace(_ context.Context, e adapters.Event) (adapters.Event, error) { return e, nil }

var _ adapters.Refunder = (*Adapter)(nil)
