package stripe

import (
	"context"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
)

// Refund gives money of an invoice's payment back, by the charge's payment
// intent. Stripe refuses more than is left of the charge. Its mark is in the
// metadata, and its key repeats it harmlessly. charge.refunded tells when the
// money has gone.
func (a *Adapter) Refund(ctx context.Context, o adapters.SellOrder) (adapters.Answer, error) {
	invoice := o.Links.One(adapters.RoleInvoice)
	if invoice == "" {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "purchase %q has no invoice here", string(o.Purchase))
	}
	var sold struct {
		stripego.APIResource
		ID     string `json:"id"`
		Intent ref    `json:"payment_intent"`
	}
	if err := a.read(ctx, stripego.FormatURLPath("/v1/invoices/%s", invoice), nil, &sold); err != nil {
		return adapters.Answer{}, err
	}
	switch {
	case sold.ID != invoice:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the invoice that was asked for")
	case sold.Intent == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "invoice %q was paid outside the vendor, give the money back there", clip(invoice, 64))
	}
	amount, intent := int64(o.Price.Minor), string(sold.Intent)
	made, err := a.api.Refunds.New(&stripego.RefundParams{
		Params: write(ctx, string(o.Mark.ID)), PaymentIntent: &intent, Amount: &amount,
		Metadata: map[string]string{metaPurchase: string(o.Purchase), metaIntent: string(o.Mark.ID)},
	})
	if err != nil {
		return adapters.Answer{}, writeFailed(err)
	}
	if made.ID == "" || made.Amount != amount {
		return adapters.Answer{}, noEffectSeen()
	}
	return refundAnswer(o.Mark.Neutral, made.ID), nil
}

func refundAnswer(neutral, id string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleRefund, Vendor: id}}}
}

// refundObject is a refund as a list shows it.
type refundObject struct {
	ID       string `json:"id"`
	Metadata meta   `json:"metadata"`
}

// findRefund looks through the newest refunds.
func (a *Adapter) findRefund(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	return findIn(ctx, a, "/v1/refunds", nil, recentPages, func(x refundObject) string { return x.ID }, func(x refundObject) (adapters.Answer, bool) {
		return refundAnswer(m.Neutral, x.ID), x.Metadata.intent() == m.ID
	})
}

var _ adapters.Refunder = (*Adapter)(nil)
