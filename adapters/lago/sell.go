package lago

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// invoice is an invoice; lists show it without its fees.
type invoice struct {
	ID       string `json:"lago_id"`
	Type     string `json:"invoice_type"`
	Status   string `json:"status"`
	Payment  string `json:"payment_status"`
	Currency string `json:"currency"`
	Net      *int64 `json:"sub_total_excluding_taxes_amount_cents"`
	Total    *int64 `json:"total_amount_cents"`
	Paid     *int64 `json:"total_paid_amount_cents"`
	times
	Customer struct {
		External string `json:"external_id"`
	} `json:"customer"`
	Fees     []fee `json:"fees"`
	Metadata pairs `json:"metadata"`
}

type fee struct {
	Description string       `json:"description"`
	Unit        rest.Decimal `json:"precise_unit_amount"` // in whole units of money
	Paid        *time.Time   `json:"succeeded_at"`

	Subscription string `json:"external_subscription_id"`
	From         string `json:"from_date"` // an instant, or a day
	Net          *int64 `json:"sub_total_excluding_taxes_amount_cents"`
	Item         struct {
		Type string `json:"type"`
	} `json:"item"`
}

// saleOf is the purchase and the intent that an invoice's line names, "" when it
// is none of ours.
func saleOf(fees []fee) (purchase, intent core.ID) {
	for _, f := range fees {
		m := saleMark.FindStringSubmatch(f.Description)
		if m == nil {
			continue
		}
		purchase, intent = core.ID(m[1]), core.ID(m[2])
		if purchase.Valid(core.PurchaseID) && intent.Valid(core.IntentID) {
			return purchase, intent
		}
	}
	return "", ""
}

// saleMark ends the description of the one line of an invoice for a pack: an
// invoice takes no metadata when it is made, and its events tell none.
var saleMark = regexp.MustCompile(`\[(pur_[0-9a-z]{24}) (int_[0-9a-z]{24})\]$`)

// Sell makes a one-off invoice of one line, notes our mark on it and asks for the
// address where it is paid. A purchased top-up would be paid as well, but leaves credits of Lago's
// own making worth what was paid, and not what the core grants. An invoice may
// be charged by Lago at once, where the customer has a payment method. Taxes are
// the organization's: they come on top of the price.
func (a *Adapter) Sell(ctx context.Context, o adapters.SellOrder) (adapters.Answer, error) {
	customer, err := monetary(adapters.Holding{Scale: o.Price.Currency.Exponent(), Unit: string(o.Price.Currency)}, o.Links, "purchase "+strconv.Quote(string(o.Purchase)))
	switch {
	case err != nil:
		return adapters.Answer{}, err
	case o.Price.Minor <= 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "pack %q costs %s, only a price above zero can be invoiced", o.Pack, o.Price)
	}
	found, err := a.invoiceOf(ctx, customer, o.Mark)
	if err == nil && found.ID == "" {
		found, err = a.makeInvoice(ctx, o, customer)
	}
	if err == nil && found.Metadata.intent() == "" {
		err = a.api.Send(ctx, http.MethodPut, rest.Path("invoices", found.ID), "", map[string]any{"invoice": map[string]any{
			"metadata": notes(metaIntent, string(o.Mark.ID), metaPurchase, string(o.Purchase)),
		}}, nil)
	}
	if err != nil {
		return adapters.Answer{}, err
	}
	return a.saleAnswer(ctx, string(o.Purchase), found)
}

func (a *Adapter) makeInvoice(ctx context.Context, o adapters.SellOrder, customer string) (invoice, error) {
	code := o.Links.One(adapters.RoleProduct)
	if code == "" {
		code = addOn
	}
	line := map[string]any{
		"add_on_code": code, "invoice_display_name": clip(o.Text, 255), "units": "1", "unit_amount_cents": int64(o.Price.Minor),
		"description": clip(o.Text, maxValue) + " [" + string(o.Purchase) + " " + string(o.Mark.ID) + "]",
	}
	var made struct {
		Invoice invoice `json:"invoice"`
	}
	err := a.api.Send(ctx, http.MethodPost, "/invoices", "", map[string]any{"invoice": map[string]any{
		"external_customer_id": customer, "currency": upper(o.Price.Currency), "fees": []any{line},
	}}, &made)
	if err != nil {
		return invoice{}, err
	}
	got := made.Invoice
	if _, intent := saleOf(got.Fees); got.ID == "" || intent != o.Mark.ID || got.Net == nil || *got.Net != int64(o.Price.Minor) || got.Currency != upper(o.Price.Currency) {
		return invoice{}, noEffectSeen()
	}
	if n, ok := got.Fees[0].Unit.Parts(o.Price.Currency.Exponent()); got.Fees[0].Unit != "" && (!ok || n != int64(o.Price.Minor)) {
		return invoice{}, adapters.Errorf(adapters.CodeInvalid, "the vendor counts %s in other parts than ISO 4217: void its invoice for purchase %q, and sell in another currency", string(o.Price.Currency), string(o.Purchase))
	}
	return got, nil
}

// saleAnswer links a purchase to its invoice, and says where it is paid unless
// it was.
func (a *Adapter) saleAnswer(ctx context.Context, purchase string, i invoice) (adapters.Answer, error) {
	out := adapters.Answer{Links: []adapters.Link{{Neutral: purchase, Role: adapters.RoleInvoice, Vendor: i.ID}}}
	if i.Payment == "succeeded" || i.Status == "voided" {
		return out, nil
	}
	var where struct {
		Details struct {
			URL string `json:"payment_url"`
		} `json:"invoice_payment_details"`
	}
	err := a.api.Send(ctx, http.MethodPost, rest.Path("invoices", i.ID, "payment_url"), "", struct{}{}, &where)
	if err != nil {
		return adapters.Answer{}, err
	}
	if u, err := url.Parse(where.Details.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return adapters.Answer{}, noEffectSeen()
	}
	out.PayURL = where.Details.URL
	return out, nil
}

// invoiceOf looks for the invoice of an order among the customer's one-off
// invoices. Those without a note of ours are read: one may be of an order that
// was cut short, and lists show no lines.
func (a *Adapter) invoiceOf(ctx context.Context, customer string, m adapters.Mark) (invoice, error) {
	var found invoice
	var failed error
	q := url.Values{"external_customer_id": {customer}, "invoice_type": {"one_off"}}
	err := each(ctx, a, "/invoices", "invoices", q, func(i *invoice) string { return i.ID }, func(i *invoice) bool {
		if i.Type != "one_off" || i.Customer.External != "" && i.Customer.External != customer {
			return false
		}
		if noted := i.Metadata.intent(); noted != "" && noted != m.ID {
			return false
		}
		var got struct {
			Invoice invoice `json:"invoice"`
		}
		if failed = a.api.Get(ctx, rest.Path("invoices", i.ID), nil, &got); failed != nil {
			return true
		}
		if _, intent := saleOf(got.Invoice.Fees); intent == m.ID {
			found = got.Invoice
		}
		return found.ID != ""
	})
	if err == nil {
		err = failed
	}
	return found, err
}

// findSale finds no invoice that is not noted: selling again goes on with it.
func (a *Adapter) findSale(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	found, err := a.invoiceOf(ctx, m.Customer, m)
	if err != nil || found.Metadata.intent() != m.ID {
		return adapters.Answer{}, err
	}
	return a.saleAnswer(ctx, m.Neutral, found)
}

var _ adapters.Seller = (*Adapter)(nil)
