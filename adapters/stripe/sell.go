package stripe

import (
	"context"
	"errors"
	"net/http"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
)

// daysToPay is how long an invoice for a pack may be paid.
const daysToPay = 30

// Sell makes an invoice of one line and finalizes it; the answer says where
// it is paid. Each step has a key of its own, so that a repeat goes on where
// the first attempt stopped. Nothing is collected or mailed by Stripe itself;
// what is to be collected is charged once, by us, and not retried by Stripe.
func (a *Adapter) Sell(ctx context.Context, o adapters.SellOrder) (adapters.Answer, error) {
	customer := o.Links.One(adapters.RoleCustomer)
	switch err := carries(o.Price.Currency); {
	case err != nil:
		return adapters.Answer{}, err
	case o.Price.Minor <= 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "pack %q costs %s, only a price above zero can be invoiced", o.Pack, o.Price)
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of purchase %q has no link, send the customer first", string(o.Purchase))
	}
	draft, err := a.draftInvoice(ctx, o, customer)
	if err != nil {
		return adapters.Answer{}, err
	}
	if err := a.addLine(ctx, o, customer, draft); err != nil {
		return adapters.Answer{}, err
	}
	final, err := a.api.Invoices.FinalizeInvoice(draft, &stripego.InvoiceFinalizeInvoiceParams{
		Params: write(ctx, string(o.Mark.ID)+":finalize"), AutoAdvance: stripego.Bool(false),
	})
	if err != nil {
		return adapters.Answer{}, writeFailed(err)
	}
	if final.ID != draft || final.Status == stripego.InvoiceStatusDraft {
		return adapters.Answer{}, noEffectSeen()
	}
	if o.Collect && final.Status == stripego.InvoiceStatusOpen {
		if err := a.charge(ctx, o, draft); err != nil {
			return adapters.Answer{}, err
		}
	}
	return invoiceAnswer(string(o.Purchase), final.ID, final.HostedInvoiceURL), nil
}

// charge pays an invoice with the customer's default payment method. That it
// was declined is not an error of the sale: its event tells that, and the
// invoice can still be paid by hand. Source: docs.stripe.com/api/invoices/pay,
// docs.stripe.com/api/errors (402, card_error).
func (a *Adapter) charge(ctx context.Context, o adapters.SellOrder, invoice string) error {
	_, err := a.api.Invoices.Pay(invoice, &stripego.InvoicePayParams{
		Params: write(ctx, string(o.Mark.ID)+":pay"), OffSession: stripego.Bool(true),
	})
	var told *stripego.Error
	if errors.As(err, &told) && told.HTTPStatusCode == http.StatusPaymentRequired {
		return nil
	}
	if err != nil {
		return writeFailed(err)
	}
	return nil
}

func invoiceAnswer(purchase, invoice, url string) adapters.Answer {
	return adapters.Answer{
		Links:  []adapters.Link{{Neutral: purchase, Role: adapters.RoleInvoice, Vendor: invoice}},
		PayURL: url,
	}
}

func salePairs(o adapters.SellOrder) map[string]string {
	return map[string]string{metaPurchase: string(o.Purchase), metaIntent: string(o.Mark.ID), metaPack: clip(o.Pack, maxValue)}
}

// draftInvoice makes the invoice empty: it takes no item that waits for the
// customer's next one.
func (a *Adapter) draftInvoice(ctx context.Context, o adapters.SellOrder, customer string) (string, error) {
	p := &stripego.InvoiceParams{
		Params:                      write(ctx, string(o.Mark.ID)+":invoice"),
		Customer:                    &customer,
		Currency:                    stripego.String(string(o.Price.Currency)),
		CollectionMethod:            stripego.String(string(stripego.InvoiceCollectionMethodSendInvoice)),
		DaysUntilDue:                stripego.Int64(daysToPay),
		AutoAdvance:                 stripego.Bool(false),
		PendingInvoiceItemsBehavior: stripego.String("exclude"),
		Metadata:                    salePairs(o),
	}
	if o.Collect {
		p.CollectionMethod, p.DaysUntilDue = stripego.String(string(stripego.InvoiceCollectionMethodChargeAutomatically)), nil
	}
	draft, err := a.api.Invoices.New(p)
	if err != nil {
		return "", writeFailed(err)
	}
	if draft.ID == "" {
		return "", noEffectSeen()
	}
	return draft.ID, nil
}

func (a *Adapter) addLine(ctx context.Context, o adapters.SellOrder, customer, invoice string) error {
	currency, price := string(o.Price.Currency), int64(o.Price.Minor)
	p := &stripego.InvoiceItemParams{
		Params:      write(ctx, string(o.Mark.ID)+":item"),
		Customer:    &customer,
		Invoice:     &invoice,
		Description: stripego.String(clip(o.Text, maxValue)),
		Metadata:    salePairs(o),
	}
	if product := o.Links.One(adapters.RoleProduct); product != "" {
		p.PriceData = &stripego.InvoiceItemPriceDataParams{Currency: &currency, Product: &product, UnitAmount: &price}
	} else {
		p.Currency, p.Amount = &currency, &price
	}
	item, err := a.api.InvoiceItems.New(p)
	if err != nil {
		return writeFailed(err)
	}
	if item.ID == "" || item.Amount != price {
		return noEffectSeen()
	}
	return nil
}

var _ adapters.Seller = (*Adapter)(nil)
