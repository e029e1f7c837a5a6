package orb

import (
	"context"
	"net/url"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// realCurrency is the currency that a unit of Orb's is, and false for a pricing
// unit: a unit named by an ISO 4217 code, in whatever case, holds money.
// Source: Orb's OpenAPI document, "the currency or custom pricing unit".
func realCurrency(unit string) (core.Currency, bool) {
	c, err := core.ParseCurrency(strings.ToLower(unit))
	return c, err == nil
}

// wire is a unit as Orb is told it: currencies in upper case, pricing units as
// they are. Callers only ever see the spelling that the configuration has.
func wire(unit string) string {
	if c, ok := realCurrency(unit); ok {
		return isoCode(c)
	}
	return unit
}

// isoCode is a currency as Orb writes it.
func isoCode(c core.Currency) string { return strings.ToUpper(string(c)) }

// invoices reports whether the customer is invoiced in a currency.
func (c *customerObject) invoices(currency core.Currency) bool {
	return strings.EqualFold(c.Currency, string(currency))
}

// customer reads a customer by Orb's id.
func (a *Adapter) customer(ctx context.Context, id string) (customerObject, error) {
	var c customerObject
	err := a.api.Get(ctx, rest.Path("customers", id), nil, &c)
	if err == nil && c.ID != id {
		err = adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the customer that was asked for")
	}
	return c, err
}

// invoiceIn sees to it that a customer can have credits of a unit: those of a
// real currency only where it is Orb's invoicing currency of the customer,
// which is set if there is none, and can be set once. Pricing units need
// nothing. It returns the currency that it made sure of, "" for a pricing unit.
func (a *Adapter) invoiceIn(ctx context.Context, id, unit string, intent core.ID) (string, error) {
	currency, ok := realCurrency(unit)
	if !ok {
		return "", nil
	}
	c, err := a.customer(ctx, id)
	switch {
	case err != nil:
		return "", err
	case c.invoices(currency):
		return c.Currency, nil
	case c.Currency != "":
		return "", adapters.Errorf(adapters.CodeInvalid,
			"the vendor invoices customer %q in %q and cannot change that, so it cannot hold credits in %s for it", clip(id, 64), clip(c.Currency, 16), isoCode(currency))
	}
	err = a.setCurrency(ctx, id, currency, intent)
	if hasCode(err, adapters.CodeInvalid) {
		err = adapters.Errorf(adapters.CodeInvalid, "the vendor refuses to invoice customer %q in %s, so it cannot hold credits in it for the customer", clip(id, 64), isoCode(currency))
	}
	return isoCode(currency), err
}

// setCurrency gives a customer without a currency its invoicing currency.
func (a *Adapter) setCurrency(ctx context.Context, id string, c core.Currency, intent core.ID) error {
	_, err := a.updateCustomer(ctx, "", id, string(intent)+":currency", customerBody{Currency: isoCode(c)})
	return err
}

// holdsOnlyOther reports whether the connection holds real currencies and c is
// none of them: a customer invoiced in c could have no credits in any of these.
func (a *Adapter) holdsOnlyOther(c core.Currency) bool {
	other := false
	for _, u := range a.units {
		if held, ok := realCurrency(u); ok {
			if held == c {
				return false
			}
			other = true
		}
	}
	return other
}

// What is listed of a customer in a unit.
const (
	ofBlocks  = "/credits"
	ofEntries = "/credits/ledger"
)

// listIn reads one page of what a customer has in a unit. Orb refuses to list
// a real currency that the customer is not invoiced in, and there can be
// nothing to list then: the list is empty. The customer is read to tell this
// from any other refusal, since to find nothing has consequences.
func listIn[T any](ctx context.Context, a *Adapter, customer, unit, what string, q url.Values) (listed[T], error) {
	q.Set("currency", wire(unit))
	got, err := list[T](ctx, a, rest.Path("customers", customer)+what, q)
	currency, ok := realCurrency(unit)
	if !ok || !hasCode(err, adapters.CodeInvalid) {
		return got, err
	}
	c, readErr := a.customer(ctx, customer)
	switch {
	case readErr != nil:
		return listed[T]{}, readErr
	case c.invoices(currency):
		return listed[T]{}, err
	}
	return listed[T]{}, nil
}
