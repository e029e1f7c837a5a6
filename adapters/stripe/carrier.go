package stripe

import (
	"context"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
)

type subscriptionObject struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Metadata meta   `json:"metadata"`
	Items    struct {
		Data []struct {
			Price ref `json:"price"`
		} `json:"data"`
	} `json:"items"`
}

// carries reports whether the subscription is a customer's carrier that runs.
func (s *subscriptionObject) carries() bool {
	return s.Metadata[metaCarrier] != "" && s.Status != "canceled" && s.Status != "incomplete_expired"
}

// has reports whether the subscription bills at a price.
func (s *subscriptionObject) has(price string) bool {
	for _, item := range s.Items.Data {
		if string(item.Price) == price {
			return true
		}
	}
	return false
}

// PutCarrier makes the customer's subscription to the two metered prices, or
// finds the one that is there. Its periods are calendar months in UTC, which
// [ExpiryAtVendor] rests on: the first lasts from now to the end of the month.
// The vendor works the anchor out (billing_cycle_anchor_config), so the request
// never differs, whenever it is repeated. Nothing is billed in advance.
// Consumption told with a time before the carrier was made is never billed.
// Source: docs.stripe.com/api/subscriptions/create.
func (a *Adapter) PutCarrier(ctx context.Context, o adapters.CarrierOrder) (adapters.Answer, error) {
	customer, neutral := o.Links.One(adapters.RoleCustomer), o.Mark.Neutral
	credits, overage := o.Links.One(adapters.RolePrice), o.Links.One(roleOveragePrice)
	switch {
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "customer %q has no link, send the customer first", neutral)
	case credits == "" || overage == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the connection's prices have no links, prepare the connection first")
	}
	found, err := a.findCarrier(ctx, customer)
	switch {
	case err != nil:
		return adapters.Answer{}, err
	case found != nil && !found.has(credits):
		// A second one would bill the same meter again.
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the carrier %q bills at other prices than the connection's, cancel it at the vendor", clip(found.ID, 64))
	case found != nil:
		return carrierAnswer(neutral, found.ID), nil
	}
	made, err := a.api.Subscriptions.New(&stripego.SubscriptionParams{
		Params:           write(ctx, string(o.Mark.ID)),
		Customer:         &customer,
		Items:            []*stripego.SubscriptionItemsParams{{Price: &credits}, {Price: &overage}},
		CollectionMethod: stripego.String(string(stripego.SubscriptionCollectionMethodChargeAutomatically)),
		BillingCycleAnchorConfig: &stripego.SubscriptionBillingCycleAnchorConfigParams{
			DayOfMonth: stripego.Int64(1), Hour: stripego.Int64(0), Minute: stripego.Int64(0), Second: stripego.Int64(0),
		},
		ProrationBehavior: stripego.String("none"),
		Metadata:          map[string]string{metaCarrier: clip(neutral, maxValue), metaIntent: string(o.Mark.ID)},
	})
	if err != nil {
		return adapters.Answer{}, writeFailed(err)
	}
	if made.ID == "" {
		return adapters.Answer{}, noEffectSeen()
	}
	return carrierAnswer(neutral, made.ID), nil
}

func carrierAnswer(neutral, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleCarrier, Vendor: vendor}}}
}

// findCarrier looks through the customer's subscriptions that have not ended;
// nil when none is a carrier. The oldest wins over a copy.
func (a *Adapter) findCarrier(ctx context.Context, customer string) (*subscriptionObject, error) {
	if customer == "" {
		return nil, nil // unknown to the vendor, so it has none
	}
	var found *subscriptionObject
	whole, err := each(ctx, a, "/v1/subscriptions", query{{"customer", customer}}, maxPages,
		func(s subscriptionObject) string { return s.ID },
		func(s subscriptionObject) bool {
			if s.carries() {
				found = &s
			}
			return false
		})
	if err == nil && !whole {
		return nil, adapters.Errorf(adapters.CodeBadAnswer, "the list of subscriptions has no end")
	}
	return found, err
}

var _ adapters.CarrierWriter = (*Adapter)(nil)
