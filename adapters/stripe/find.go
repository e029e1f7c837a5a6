package stripe

import (
	"context"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
	"scrip/core"
)

// recentPages bounds the walk through the newest objects of an account, among
// which one whose creation was just lost must be.
const recentPages = 10

// Find looks an object up by the mark in its metadata. Ends and meter events
// cannot be looked up: [adapters.CodeNotSupported] says to repeat the order
// with its key, which Stripe and the identifier of the event make harmless.
func (a *Adapter) Find(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	switch m.Kind {
	case adapters.CustomerKind:
		return a.findCustomer(ctx, m)
	case adapters.GrantKind:
		return a.findGrant(ctx, m, m.Customer)
	case adapters.SellKind:
		return a.findInvoice(ctx, m)
	case adapters.RefundKind:
		return a.findRefund(ctx, m)
	case adapters.CarrierKind:
		found, err := a.findCarrier(ctx, m.Customer)
		if err != nil || found == nil {
			return adapters.Answer{}, err
		}
		return carrierAnswer(m.Neutral, found.ID), nil
	}
	return adapters.Answer{}, adapters.Errorf(adapters.CodeNotSupported, "orders of kind %q cannot be looked up, repeat them with their key", string(m.Kind))
}

// findCustomer asks the known customer, else the search, and since that lags
// behind by up to an hour, the newest customers.
func (a *Adapter) findCustomer(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	if m.Customer != "" {
		var c struct {
			stripego.APIResource
			customerObject
		}
		err := a.read(ctx, stripego.FormatURLPath("/v1/customers/%s", m.Customer), nil, &c)
		if err == nil && !c.Deleted && c.ID != "" && ours(c.Metadata, m, metaCustomer) {
			return customerAnswer(m.Neutral, c.ID), nil
		}
		if err != nil && !hasCode(err, adapters.CodeNotFound) {
			return adapters.Answer{}, err
		}
	}
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	text := "metadata['" + metaCustomer + "']:'" + quote.Replace(m.Neutral) + "'"
	if hits, err := list[customerObject](ctx, a, "/v1/customers/search", query{{"query", text}, {"limit", "10"}}); err == nil {
		for _, c := range hits.Data {
			if !c.Deleted && ours(c.Metadata, m, metaCustomer) {
				return customerAnswer(m.Neutral, c.ID), nil
			}
		}
	}
	return findIn(ctx, a, "/v1/customers", nil, recentPages, customerID, func(c customerObject) (adapters.Answer, bool) {
		return customerAnswer(m.Neutral, c.ID), !c.Deleted && ours(c.Metadata, m, metaCustomer)
	})
}

// findGrant looks through the customer's grants. A grant of the same lot made
// by another intent is not what was asked for.
func (a *Adapter) findGrant(ctx context.Context, m adapters.Mark, customer string) (adapters.Answer, error) {
	q, pages := query{{"customer", customer}}, maxPages
	if customer == "" {
		q, pages = nil, recentPages
	}
	return findIn(ctx, a, grantsPath, q, pages, grantID, func(g creditGrant) (adapters.Answer, bool) {
		return grantAnswer(m.Neutral, g.ID), ours(g.Metadata, m, metaGrant)
	})
}

// standing is the linked object of a grant that Stripe still draws on, "" when
// there is none. One that was partly consumed stays when its account leaves,
// see [Adapter.EndGrant]. When the account comes back before it was trued up, a
// second object would let Stripe draw twice for the same credits; the next
// true-up sets what is left of the one right.
func (a *Adapter) standing(ctx context.Context, o adapters.GrantOrder, customer string) (string, error) {
	for _, l := range o.Links {
		if l.Role != adapters.RoleGrant || l.Neutral != string(o.Grant) {
			continue
		}
		var g creditGrant
		err := a.read(ctx, stripego.FormatURLPath(grantsPath+"/%s", l.Vendor), nil, &g)
		switch {
		case hasCode(err, adapters.CodeNotFound):
			continue
		case err != nil:
			return "", err
		case g.ID != l.Vendor:
			return "", adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the grant that was asked for")
		case !strings.EqualFold(g.Amount.Monetary.Currency, string(o.Value.Currency)):
			continue
		}
		held, err := a.vendorGrant(ctx, customer, &g)
		if err != nil {
			return "", err
		}
		if held.State == core.Open || held.State == core.Scheduled {
			return g.ID, nil
		}
	}
	return "", nil
}

type invoiceObject struct {
	ID               string `json:"id"`
	Status           string `json:"status"`
	HostedInvoiceURL string `json:"hosted_invoice_url"`
	Collection       string `json:"collection_method"`
	Attempted        bool   `json:"attempted"`
	Metadata         meta   `json:"metadata"`
}

// half reports whether a sale stopped half-way: it cannot be paid yet, or was
// to be charged and was not.
func (x *invoiceObject) half() bool {
	return x.Status == "draft" || x.Status == "open" && x.Collection == "charge_automatically" && !x.Attempted
}

// findInvoice looks through the customer's invoices. Of a sale that stopped
// half-way nothing is found: repeating the order finishes it.
func (a *Adapter) findInvoice(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	q, pages := query{{"customer", m.Customer}}, maxPages
	if m.Customer == "" {
		q, pages = nil, recentPages
	}
	return findIn(ctx, a, "/v1/invoices", q, pages, func(x invoiceObject) string { return x.ID }, func(x invoiceObject) (adapters.Answer, bool) {
		return invoiceAnswer(m.Neutral, x.ID, x.HostedInvoiceURL), !x.half() && ours(x.Metadata, m, metaPurchase)
	})
}

// findIn answers with the first object of a list that match accepts.
func findIn[T any](ctx context.Context, a *Adapter, path string, q query, pages int, id func(T) string, match func(T) (adapters.Answer, bool)) (adapters.Answer, error) {
	var found adapters.Answer
	_, err := each(ctx, a, path, q, pages, id, func(x T) bool {
		answer, ok := match(x)
		if ok {
			found = answer
		}
		return ok
	})
	return found, err
}

// ours reports whether metadata say that the order with mark m made the
// object. Without our intent in them, our id of the thing decides.
func ours(pairs meta, m adapters.Mark, key string) bool {
	if intent := pairs[metaIntent]; intent != "" && key != metaCustomer {
		return intent == string(m.ID)
	}
	return pairs[metaIntent] == string(m.ID) || m.Neutral != "" && pairs[key] == m.Neutral
}

var _ adapters.Finder = (*Adapter)(nil)
