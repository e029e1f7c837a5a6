package stripe

import (
	"context"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
)

// The meter that consumption is told to: its events carry whole minor units of
// money, which it adds up.
const (
	meterEvent    = "scrip_credits"
	meterFormula  = "sum"
	payloadOwner  = "stripe_customer_id"
	payloadValue  = "value"
	productPrefix = "scrip_pack_"
)

type meterObject struct {
	ID        string `json:"id"`
	EventName string `json:"event_name"`
	Status    string `json:"status"`
	Default   struct {
		Formula string `json:"formula"`
	} `json:"default_aggregation"`
	Mapping struct {
		Key string `json:"event_payload_key"`
	} `json:"customer_mapping"`
	Value struct {
		Key string `json:"event_payload_key"`
	} `json:"value_settings"`
}

type productObject struct {
	ID       string `json:"id"`
	Metadata meta   `json:"metadata"`
}

// Prepare finds, or makes where the setup allows it, the meter that
// consumption is told to and a product for each pack. Without permission to
// make, what is missing is one [adapters.CodeInvalid] error that lists it.
func (a *Adapter) Prepare(ctx context.Context, o adapters.Setup) (adapters.Answer, error) {
	if err := carries(o.Currency); err != nil {
		return adapters.Answer{}, err
	}
	var answer adapters.Answer
	var missing []string
	note := func(neutral, role, vendor, name string) {
		if vendor == "" {
			missing = append(missing, name)
			return
		}
		answer.Links = append(answer.Links, adapters.Link{Neutral: neutral, Role: role, Vendor: vendor})
	}
	meter, err := a.meter(ctx, o.Create)
	if err != nil {
		return adapters.Answer{}, err
	}
	note(adapters.SetupNeutral, adapters.RoleMeter, meter, "meter "+meterEvent)
	products, err := a.products(ctx, o.Packs)
	if err != nil {
		return adapters.Answer{}, err
	}
	for _, pack := range o.Packs {
		id := products[pack]
		if id == "" && o.Create {
			if id, err = a.makeProduct(ctx, pack); err != nil {
				return adapters.Answer{}, err
			}
		}
		note(pack, adapters.RoleProduct, id, "product "+productPrefix+pack)
	}
	if len(missing) > 0 {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "missing at the vendor: %s; allow them to be made, or make them", strings.Join(missing, ", "))
	}
	return answer, nil
}

// meter is the active meter of our events; "" when there is none and none may
// be made. One that aggregates otherwise would count wrongly and is refused.
func (a *Adapter) meter(ctx context.Context, create bool) (string, error) {
	var found *meterObject
	_, err := each(ctx, a, "/v1/billing/meters", query{{"status", "active"}}, maxPages,
		func(m meterObject) string { return m.ID },
		func(m meterObject) bool {
			if m.EventName == meterEvent {
				found = &m
			}
			return found != nil
		})
	switch {
	case err != nil:
		return "", err
	case found != nil && (found.Default.Formula != meterFormula || found.Mapping.Key != payloadOwner || found.Value.Key != payloadValue):
		return "", adapters.Errorf(adapters.CodeInvalid, "the meter for %q does not add up %q per %q, archive it at the vendor", meterEvent, payloadValue, payloadOwner)
	case found != nil:
		return found.ID, nil
	case !create:
		return "", nil
	}
	made, err := a.api.BillingMeters.New(&stripego.BillingMeterParams{
		Params:             write(ctx, "scrip:meter:"+meterEvent),
		DisplayName:        stripego.String(meterEvent),
		EventName:          stripego.String(meterEvent),
		DefaultAggregation: &stripego.BillingMeterDefaultAggregationParams{Formula: stripego.String(meterFormula)},
		CustomerMapping:    &stripego.BillingMeterCustomerMappingParams{Type: stripego.String("by_id"), EventPayloadKey: stripego.String(payloadOwner)},
		ValueSettings:      &stripego.BillingMeterValueSettingsParams{EventPayloadKey: stripego.String(payloadValue)},
	})
	if err != nil {
		return "", writeFailed(err)
	}
	if made.ID == "" {
		return "", noEffectSeen()
	}
	return made.ID, nil
}

// products finds the products of packs by their metadata: the oldest of each,
// so that a copy somebody makes changes nothing.
func (a *Adapter) products(ctx context.Context, packs []string) (map[string]string, error) {
	found := map[string]string{}
	if len(packs) == 0 {
		return found, nil
	}
	_, err := each(ctx, a, "/v1/products", query{{"active", "true"}}, maxPages,
		func(p productObject) string { return p.ID },
		func(p productObject) bool {
			if pack := p.Metadata[metaPack]; pack != "" {
				found[pack] = p.ID
			}
			return false
		})
	return found, err
}

func (a *Adapter) makeProduct(ctx context.Context, pack string) (string, error) {
	made, err := a.api.Products.New(&stripego.ProductParams{
		Params:   write(ctx, clip("scrip:product:"+pack, 255)),
		Name:     stripego.String(productPrefix + pack),
		Metadata: map[string]string{metaPack: pack},
	})
	if err != nil {
		return "", writeFailed(err)
	}
	if made.ID == "" {
		return "", noEffectSeen()
	}
	return made.ID, nil
}

var _ adapters.Preparer = (*Adapter)(nil)
