package stripe

import (
	"context"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
	"scrip/core"
)

// Roles of the connection's links that only this adapter knows.
const (
	roleOverageMeter = "overage_meter"
	roleOveragePrice = "overage_price"
)

// carrierProduct is the id and the name of the product that both prices hang on.
const carrierProduct = "scrip_credits"

// priceObject is a price, as far as it must be what consumption is billed at.
type priceObject struct {
	ID         string `json:"id"`
	Active     bool   `json:"active"`
	Currency   string `json:"currency"`
	LookupKey  string `json:"lookup_key"`
	UnitAmount *int64 `json:"unit_amount"`
	Recurring  struct {
		Interval string `json:"interval"`
		Count    int64  `json:"interval_count"`
		Usage    string `json:"usage_type"`
		Meter    ref    `json:"meter"`
	} `json:"recurring"`
}

// bills reports whether the price bills one minor unit for each that the meter
// counts, once a month.
func (p *priceObject) bills(c core.Currency, meter string) bool {
	r := p.Recurring
	return p.Active && strings.EqualFold(p.Currency, string(c)) && p.UnitAmount != nil && *p.UnitAmount == 1 &&
		r.Interval == "month" && r.Count == 1 && r.Usage == "metered" && string(r.Meter) == meter
}

// prepareCarrier notes the two meters and the price of each. The first price
// is the only one that grants apply to.
func (a *Adapter) prepareCarrier(ctx context.Context, o adapters.Setup, n *noted) error {
	meters, err := a.meters(ctx)
	if err != nil {
		return err
	}
	prices, err := a.prices(ctx)
	if err != nil {
		return err
	}
	for _, event := range []string{meterEvent, overageEvent} {
		meterRole, priceRole := adapters.RoleMeter, adapters.RolePrice
		if event == overageEvent {
			meterRole, priceRole = roleOverageMeter, roleOveragePrice
		}
		meter := meters[event]
		if meter == "" && o.Create {
			if meter, err = a.makeMeter(ctx, event); err != nil {
				return err
			}
		}
		n.add(adapters.SetupNeutral, meterRole, meter, "meter "+event)
		price, known := prices[event]
		switch {
		case known && meter != "" && !price.bills(o.Currency, meter):
			return adapters.Errorf(adapters.CodeInvalid, "the price with the look-up key %q does not bill its meter at one minor unit of %s a month, take the key from it at the vendor", event, string(o.Currency))
		case !known && o.Create:
			if price.ID, err = a.makePrice(ctx, event, meter, o.Currency); err != nil {
				return err
			}
		}
		n.add(adapters.SetupNeutral, priceRole, price.ID, "price "+event)
	}
	return nil
}

// prices finds the prices by their look-up keys, which the vendor keeps unique;
// archived ones hold theirs too.
func (a *Adapter) prices(ctx context.Context) (map[string]priceObject, error) {
	found := map[string]priceObject{}
	_, err := each(ctx, a, "/v1/prices", query{{"lookup_keys[0]", meterEvent}, {"lookup_keys[1]", overageEvent}}, maxPages,
		func(p priceObject) string { return p.ID },
		func(p priceObject) bool {
			found[p.LookupKey] = p
			return false
		})
	return found, err
}

// makePrice makes a price of one minor unit. The key names all that it is
// made of, so that it never meets other parameters.
func (a *Adapter) makePrice(ctx context.Context, event, meter string, c core.Currency) (string, error) {
	product, err := a.carrierProduct(ctx)
	if err != nil {
		return "", err
	}
	made, err := a.api.Prices.New(&stripego.PriceParams{
		Params:     write(ctx, clip("scrip:price:"+event+":"+string(c)+":"+meter, 255)),
		Product:    &product,
		Currency:   stripego.String(string(c)),
		UnitAmount: stripego.Int64(1),
		LookupKey:  &event,
		Nickname:   &event,
		Recurring: &stripego.PriceRecurringParams{
			Interval: stripego.String("month"), IntervalCount: stripego.Int64(1), UsageType: stripego.String("metered"), Meter: &meter,
		},
	})
	if err != nil {
		return "", writeFailed(err)
	}
	if made.ID == "" || made.LookupKey != event {
		return "", noEffectSeen()
	}
	return made.ID, nil
}

// carrierProduct finds or makes the prices' product, under an id of our choice.
func (a *Adapter) carrierProduct(ctx context.Context) (string, error) {
	var got struct {
		stripego.APIResource
		productObject
		Active bool `json:"active"`
	}
	err := a.read(ctx, "/v1/products/"+carrierProduct, nil, &got)
	switch {
	case err == nil && got.ID == carrierProduct && got.Active:
		return carrierProduct, nil
	case err == nil:
		return "", adapters.Errorf(adapters.CodeInvalid, "the product %q cannot be used, activate it at the vendor", carrierProduct)
	case !hasCode(err, adapters.CodeNotFound):
		return "", err
	}
	made, err := a.api.Products.New(&stripego.ProductParams{
		Params: write(ctx, "scrip:carrier:"+carrierProduct), ID: stripego.String(carrierProduct), Name: stripego.String(carrierProduct),
	})
	if err != nil {
		return "", writeFailed(err)
	}
	if made.ID != carrierProduct {
		return "", noEffectSeen()
	}
	return carrierProduct, nil
}
