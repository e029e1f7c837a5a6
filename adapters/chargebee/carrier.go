package chargebee

import (
	"context"
	"net/url"
	"strings"

	"scrip/adapters"
	"scrip/internal/rest"
)

// What Prepare makes where no item price is configured: a plan without cost.
const (
	ownFamily = "scrip"
	ownPlan   = "scrip_carrier"
	ownPrice  = "scrip_carrier_yearly"
)

// wanted is an object of the catalogue that has to be there, and how it is made.
type wanted struct {
	id   string
	look func(ctx context.Context) error // CodeNotFound when it is not there
	make []creation                      // none for what only a person makes
}

type creation struct {
	path string
	form url.Values
}

// Prepare sees to it that the credit units exist, of which a site has at most
// five, and the item price that customers are subscribed to. Units are made
// without overdraft, so that the ledger refuses what the core would.
func (a *Adapter) Prepare(ctx context.Context, o adapters.Setup) (adapters.Answer, error) {
	price, own := a.carrier, []creation(nil)
	if price == "" {
		price, own = ownPrice, []creation{
			{"/item_families", url.Values{"id": {ownFamily}, "name": {"Scrip"}}},
			{"/items", url.Values{"id": {ownPlan}, "name": {ownPlan}, "type": {"plan"}, "item_family_id": {ownFamily}}},
			{"/item_prices", url.Values{"id": {ownPrice}, "name": {ownPrice}, "item_id": {ownPlan}, "pricing_model": {"flat_fee"}, "price": {"0"}, "period": {"1"}, "period_unit": {"year"}}},
		}
	}
	list := []wanted{{price, func(ctx context.Context) error {
		return a.api.Get(ctx, rest.Path("item_prices", price), nil, new(map[string]any))
	}, own}}
	for _, u := range o.Units {
		list = append(list, wanted{u, func(ctx context.Context) error { return a.hasUnit(ctx, u) },
			[]creation{{"/credit_units", url.Values{"id": {u}, "name": {clip(u, maxID)}, "is_unlimited": {"false"}}}}})
	}
	var names []string
	var missing []creation
	for _, w := range list {
		switch err := w.look(ctx); {
		case err == nil:
		case !rest.HasCode(err, adapters.CodeNotFound):
			return adapters.Answer{}, err
		case !o.Create || len(w.make) == 0:
			names = append(names, w.id)
		default:
			missing = append(missing, w.make...)
		}
	}
	if len(names) > 0 {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the vendor has no %s (item price or credit unit): make it there, or allow create", strings.Join(names, ", "))
	}
	for _, m := range missing {
		// What somebody else made in between is there as well.
		if err := a.api.SendForm(ctx, m.path, "", m.form, new(map[string]any)); err != nil && !exists(err) {
			return adapters.Answer{}, err
		}
	}
	return linked(adapters.SetupNeutral, adapters.RolePrice, price), nil
}

// hasUnit looks for a credit unit, which has no call to be read by its id.
func (a *Adapter) hasUnit(ctx context.Context, id string) error {
	found := false
	err := each(ctx, a, "/credit_units", "credit_unit", url.Values{"status[is]": {"active"}}, func(u *struct {
		ID string `json:"id"`
	}) bool {
		found = found || u.ID == id
		return found
	})
	if err == nil && !found {
		err = adapters.Errorf(adapters.CodeNotFound, "there is no such credit unit")
	}
	return err
}

// PutCarrier makes the customer's subscription, or finds it: its id follows from
// the customer's, so that there is one. Nothing is collected for it.
func (a *Adapter) PutCarrier(ctx context.Context, o adapters.CarrierOrder) (adapters.Answer, error) {
	customer, price := o.Links.One(adapters.RoleCustomer), o.Links.One(adapters.RolePrice)
	switch {
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "customer %q has no link, send the customer first", o.Mark.Neutral)
	case price == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the connection's item price has no link, prepare the connection first")
	}
	var made struct {
		Subscription subscriptionObject `json:"subscription"`
	}
	id := carrierID(customer)
	err := a.api.SendForm(ctx, rest.Path("customers", customer, "subscription_for_items"), string(o.Mark.ID), url.Values{
		"id": {id}, "subscription_items[item_price_id][0]": {price}, "auto_collection": {"off"},
	}, &made)
	switch {
	case exists(err):
		found, err := a.subscription(ctx, id)
		if err == nil && (found.Customer != customer || found.Deleted || found.Status == "cancelled" || found.Status == "transferred") {
			err = adapters.Errorf(adapters.CodeInvalid, "subscription %q is %s or another customer's, reactivate it at the vendor", id, clip(found.Status, 20))
		}
		if err != nil {
			return adapters.Answer{}, err
		}
	case err != nil:
		return adapters.Answer{}, err
	case made.Subscription.ID != id:
		return adapters.Answer{}, noEffectSeen()
	}
	return linked(o.Mark.Neutral, adapters.RoleCarrier, id), nil
}

func (a *Adapter) subscription(ctx context.Context, id string) (subscriptionObject, error) {
	var got struct {
		Subscription subscriptionObject `json:"subscription"`
	}
	err := a.api.Get(ctx, rest.Path("subscriptions", id), nil, &got)
	if err == nil && got.Subscription.ID != id {
		err = adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the subscription that was asked for")
	}
	return got.Subscription, err
}

var (
	_ adapters.Preparer      = (*Adapter)(nil)
	_ adapters.CarrierWriter = (*Adapter)(nil)
)
