package stripe

import (
	"context"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
	"scrip/core"
)

// Trace finds the purchase that money went back for: disputes name the charge
// and the payment intent alone, and so do charges in newer API versions. The
// payment intent leads to the invoice, which bears the purchase.
func (a *Adapter) Trace(ctx context.Context, e adapters.Event) (adapters.Event, error) {
	invoice := ""
	for _, id := range e.Related {
		switch {
		case strings.HasPrefix(id, "in_"):
			invoice = id
		case strings.HasPrefix(id, "pi_") && invoice == "":
			var got struct {
				stripego.APIResource
				ID      string `json:"id"`
				Invoice ref    `json:"invoice"`
			}
			if err := a.read(ctx, stripego.FormatURLPath("/v1/payment_intents/%s", id), nil, &got); err != nil {
				return unknown(e, err)
			}
			if got.ID != id {
				return e, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the payment that was asked for")
			}
			invoice = string(got.Invoice)
		}
	}
	if invoice == "" || e.Payment == nil {
		return e, nil
	}
	var got struct {
		stripego.APIResource
		invoiceObject
	}
	if err := a.read(ctx, stripego.FormatURLPath("/v1/invoices/%s", invoice), nil, &got); err != nil {
		return unknown(e, err)
	}
	if got.ID != invoice {
		return e, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the invoice that was asked for")
	}
	pay := *e.Payment
	e.Payment, pay.Object = &pay, invoice
	if id := core.ID(got.Metadata[metaPurchase]); id.Valid(core.PurchaseID) {
		pay.Purchase, e.Neutral = id, string(id)
	}
	return e, nil
}

// unknown leaves an event as it is that leads to nothing that is there.
func unknown(e adapters.Event, err error) (adapters.Event, error) {
	if hasCode(err, adapters.CodeNotFound) {
		return e, nil
	}
	return e, err
}
