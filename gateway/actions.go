package gateway

import (
	"context"
	"math/big"
	"net/http"
	"strings"

	"scrip/core"
	"scrip/core/rate"
	"scrip/mapping/config"
)

type actionRateView struct {
	When  map[string]string `json:"when,omitempty" doc:"the dimensions that this cost is for"`
	Cost  decimal           `json:"cost" doc:"units per step"`
	Value *moneyView        `json:"value" doc:"the cost at the unit's list price, exact"`
}

type actionView struct {
	Action  string           `json:"action"`
	Meter   string           `json:"meter,omitempty" doc:"what the quantity counts"`
	Per     int64            `json:"per" doc:"quantity in one step"`
	Round   string           `json:"round" enum:"none,up,half_even" doc:"how a begun step counts"`
	Base    decimal          `json:"base" doc:"units per event, on top"`
	Minimum decimal          `json:"minimum" doc:"units per event, at least"`
	Rates   []actionRateView `json:"rates"`
}

type priceListView struct {
	RateCard    string       `json:"rate_card"`
	EffectiveAt *string      `json:"effective_at" format:"date-time"`
	Unit        string       `json:"unit"`
	UnitPrices  []moneyView  `json:"unit_prices" doc:"list price of one unit"`
	Data        []actionView `json:"data"`
}

func (g *gateway) mountActions() {
	register(g, public, route{method: http.MethodGet, path: "/v1/actions", id: "list-actions", summary: "The public price list", tag: "prices"},
		func(context.Context, *none, *none) (*answer[priceListView], error) { return ok(g.priceList()) })
}

func (g *gateway) priceList() priceListView {
	var card rate.Card
	if inForce, err := g.Config.Cards.At(g.now(), ""); err == nil {
		card = *inForce
	}
	view := priceListView{RateCard: card.Version, EffectiveAt: timeView(card.Effective), UnitPrices: []moneyView{}, Data: []actionView{}}
	var u config.Unit
	if len(g.Config.Units) > 0 {
		u = g.Config.Units[0]
		view.Unit = u.Code
	}
	for _, p := range u.Prices {
		view.UnitPrices = append(view.UnitPrices, moneyView{exactDecimal(p.Rate), string(p.Currency)})
	}
	for _, name := range card.Names() {
		view.Data = append(view.Data, viewAction(card.Actions[name], name, u))
	}
	return view
}

func viewAction(a rate.Action, name string, u config.Unit) actionView {
	v := actionView{
		Action: name, Meter: a.Meter, Per: max(a.Per, 1), Round: string(a.Round),
		Base: exactDecimal(a.Base), Minimum: exactDecimal(a.Minimum), Rates: []actionRateView{},
	}
	if v.Round == "" {
		v.Round = string(rate.StepNone)
	}
	for _, r := range a.Rates {
		rv := actionRateView{When: r.When, Cost: exactDecimal(r.Cost)}
		if len(u.Prices) > 0 {
			if exact, err := r.Cost.Mul(u.Prices[0].Rate); err == nil {
				rv.Value = &moneyView{exactDecimal(exact), string(u.Prices[0].Currency)}
			}
		}
		v.Rates = append(v.Rates, rv)
	}
	return v
}

// exactDecimal writes a rate with all its decimals and no more. Rates come
// from decimals, so 18 places, those of a product of two, hold them exactly.
func exactDecimal(r core.Rate) decimal {
	if r.Den <= 0 {
		return "0"
	}
	const places = 18
	whole := new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil)
	whole.Mul(whole, big.NewInt(r.Num)).Quo(whole, big.NewInt(r.Den))
	digits := whole.String()
	if missing := places + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	at := len(digits) - places
	return decimal(strings.TrimSuffix(digits[:at]+"."+strings.TrimRight(digits[at:], "0"), "."))
}
