package stripe

import (
	"context"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
)

// The meters: their events carry whole minor units of money, which they add up.
// Consumption that grants pay for is told to the first, what they never cover
// to the other. The price of each has its name as look-up key.
const (
	meterEvent    = "scrip_credits"
	overageEvent  = "scrip_overage"
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

// noted is what a preparation found or made, and what it may not make.
type noted struct {
	answer  adapters.Answer
	missing []string
}

func (n *noted) add(neutral, role, vendor, name string) {
	if vendor == "" {
		n.missing = append(n.missing, name)
		return
	}
	n.answer.Links = append(n.answer.Links, adapters.Link{Neutral: neutral, Role: role, Vendor: vendor})
}

// Prepare finds, or makes where the setup allows it, what consumption is told
// to and billed at, and a product for each pack: a meter with a price for what
// grants cover, another pair for what they never do. A setup without a currency
// carries no consumption and needs the packs alone. Without permission to make,
// what is missing is one [adapters.CodeInvalid] error that lists it.
func (a *Adapter) Prepare(ctx context.Context, o adapters.Setup) (adapters.Answer, error) {
	if err := carries(o.Currency); err != nil {
		return adapters.Answer{}, err
	}
	n := &noted{}
	if o.Currency != "" {
		if err := a.prepareCarrier(ctx, o, n); err != nil {
			return adapters.Answer{}, err
		}
	}
	if err := a.preparePacks(ctx, o, n); err != nil {
		return adapters.Answer{}, err
	}
	if len(n.missing) > 0 {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "missing at the vendor: %s; allow them to be made, or make them", strings.Join(n.missing, ", "))
	}
	return n.answer, nil
}

func (a *Adapter) preparePacks(ctx context.Context, o adapters.Setup, n *noted) error {
	products, err := a.products(ctx, o.Packs)
	if err != nil {
		return err
	}
	for _, pack := range o.Packs {
		id := products[pack]
		if id == "" && o.Create {
			if id, err = a.makeProduct(ctx, pack); err != nil {
				return err
			}
		}
		n.add(pack, adapters.RoleProduct, id, "product "+productPrefix+pack)
	}
	return nil
}

// meters finds the active meters of our events, by event. One that aggregates
// otherwise would count wrongly and is refused.
func (a *Adapter) meters(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	var wrong error
	_, err := each(ctx, a, "/v1/billing/meters", query{{"status", "active"}}, maxPages,
		func(m meterObject) string { return m.ID },
		func(m meterObject) bool {
			if m.EventName != meterEvent && m.EventName != overageEvent {
				return false
			}
			if m.Default.Formula != meterFormula || m.Mapping.Key != payloadOwner || m.Value.Key != payloadValue {
				wrong = adapters.Errorf(adapters.CodeInvalid, "the meter for %q does not add up %q per %q, archive it at the vendor", m.EventName, payloadValue, payloadOwner)
			}
			found[m.EventName] = m.ID
			return wrong != nil
		})
	if err == nil {
		err = wrong
	}
	return found, err
}

func (a *Adapter) makeMeter(ctx context.Context, event string) (string, error) {
	made, err := a.api.BillingMeters.New(&stripego.BillingMeterParams{
		Params:             write(ctx, "scrip:meter:"+event),
		DisplayName:        &event,
		EventName:          &event,
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
