package chargebee

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Sell makes an invoice of one charge, which nothing collects by itself, and a
// page on which the customer pays what is due. The purchase and the order stand
// in po_number, the one field of an invoice that is ours and that its events
// carry. Each step has a key of its own. The page is good for about an hour.
// Source: apidocs.chargebee.com, hosted pages, collect_now.
func (a *Adapter) Sell(ctx context.Context, o adapters.SellOrder) (adapters.Answer, error) {
	customer := o.Links.One(adapters.RoleCustomer)
	switch {
	case o.Price.Minor <= 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "pack %q costs %s, only a price above zero can be invoiced", o.Pack, o.Price)
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of purchase %q has no link, send the customer first", string(o.Purchase))
	}
	currency := strings.ToUpper(string(o.Price.Currency))
	var made struct {
		Invoice invoiceObject `json:"invoice"`
	}
	err := a.api.SendForm(ctx, "/invoices/create_for_charge_items_and_charges", string(o.Mark.ID), url.Values{
		"customer_id": {customer}, "currency_code": {currency}, "auto_collection": {"off"}, "po_number": {string(o.Purchase) + " " + string(o.Mark.ID)},
		"charges[amount][0]": {strconv.FormatInt(int64(o.Price.Minor), 10)}, "charges[description][0]": {clip(o.Text, maxText)},
	}, &made)
	switch {
	case err != nil:
		return adapters.Answer{}, err
	case made.Invoice.ID == "":
		return adapters.Answer{}, noEffectSeen()
	}
	answer := linked(string(o.Purchase), adapters.RoleInvoice, made.Invoice.ID)
	if due := made.Invoice.Due; due != nil && *due == 0 {
		return answer, nil // credits in money that the customer had have settled it
	}
	var page struct {
		Page struct {
			URL string `json:"url"`
		} `json:"hosted_page"`
	}
	err = a.api.SendForm(ctx, "/hosted_pages/collect_now", string(o.Mark.ID)+":page", url.Values{"customer[id]": {customer}, "currency_code": {currency}}, &page)
	answer.PayURL = page.Page.URL
	return answer, err
}

// findSale looks through the customer's invoices, newest first.
func (a *Adapter) findSale(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	var found adapters.Answer
	q := url.Values{"customer_id[is]": {m.Customer}, "sort_by[desc]": {"date"}}
	err := each(ctx, a, "/invoices", "invoice", q, func(x *invoiceObject) bool {
		if _, intent := x.marks(); intent == m.ID {
			found = linked(m.Neutral, adapters.RoleInvoice, x.ID)
		}
		return len(found.Links) > 0
	})
	return found, err
}

// Find looks an object up by its mark: a customer, a subscription and a ledger
// operation by their ids, which are ours, a grant and a sale in lists. The end
// of a grant is never found: repeating it looks by itself.
func (a *Adapter) Find(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	switch {
	case m.Kind == adapters.EndKind:
		return adapters.Answer{}, nil
	case m.Kind == adapters.CustomerKind:
		var got customerAnswer
		id := vendorID(m.Neutral)
		err := a.api.Get(ctx, rest.Path("customers", id), nil, &got)
		if err == nil && got.Customer.ID != id {
			err = adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the customer that was asked for")
		}
		if gone := rest.HasCode(err, adapters.CodeNotFound); gone || err != nil || got.Customer.Deleted {
			return adapters.Answer{}, unless(gone, err)
		}
		return linked(m.Neutral, adapters.RoleCustomer, id), nil
	case m.Customer == "":
	case m.Kind == adapters.CarrierKind:
		found, err := a.subscription(ctx, carrierID(m.Customer))
		if gone := rest.HasCode(err, adapters.CodeNotFound); gone || err != nil {
			return adapters.Answer{}, unless(gone, err)
		}
		return linked(m.Neutral, adapters.RoleCarrier, found.ID), nil
	case m.Kind == adapters.GrantKind:
		return a.findGrant(ctx, m, m.Customer, "")
	case m.Kind == adapters.ConsumeKind:
		op, err := a.operation(ctx, string(m.ID))
		if err != nil || op.ID == "" {
			return adapters.Answer{}, err
		}
		return linked(m.Neutral, adapters.RoleUsage, op.ID), nil
	case m.Kind == adapters.SellKind:
		return a.findSale(ctx, m)
	}
	return adapters.Answer{}, adapters.Errorf(adapters.CodeNotSupported, "orders of kind %q without a customer in their mark cannot be looked up, repeat them", string(m.Kind))
}

// unless drops the error that says "not there".
func unless(gone bool, err error) error {
	if gone {
		return nil
	}
	return err
}

// money is an amount of minor units as the vendor tells it.
func money(minor int64, currency string) (core.Money, bool) {
	c, err := core.ParseCurrency(strings.ToLower(currency))
	return core.Money{Minor: core.Amount(minor), Currency: c}, err == nil && minor >= 0
}

var (
	_ adapters.Seller = (*Adapter)(nil)
	_ adapters.Finder = (*Adapter)(nil)
)
