package gateway

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/rate"
	"scrip/mapping/config"
)

type unitCostView struct {
	Unit  string     `json:"unit"`
	Cost  decimal    `json:"cost" doc:"units per step"`
	Value *moneyView `json:"value" doc:"the cost at the unit's list price, exact"`
}

type tierView struct {
	UpTo  int64      `json:"up_to,omitempty" doc:"the last step of the period with this cost; left out, it has no end"`
	Cost  decimal    `json:"cost" doc:"units per step"`
	Value *moneyView `json:"value" doc:"the cost at the unit's list price, exact"`
}

type tiersView struct {
	Mode  string     `json:"mode" enum:"graduated,volume" doc:"graduated: each step by its tier; volume: an event by the tier it ends in"`
	Per   string     `json:"per" enum:"cycle,day,month,event" doc:"how long use is counted"`
	Steps []tierView `json:"steps"`
}

type factorView struct {
	Dimension string             `json:"dimension"`
	Values    map[string]decimal `json:"values" doc:"the factor of each value"`
	Otherwise decimal            `json:"otherwise,omitempty" doc:"the factor of other values; left out, they are refused"`
}

type actionRateView struct {
	When     map[string]string `json:"when,omitempty" doc:"the dimensions that this cost is for"`
	Cost     decimal           `json:"cost,omitempty" doc:"units per step; left out where costs or tiers say it"`
	Value    *moneyView        `json:"value" doc:"the cost at the unit's list price, exact"`
	Costs    []unitCostView    `json:"costs,omitempty" doc:"units per step of several units, taken together"`
	Tiers    *tiersView        `json:"tiers,omitempty" doc:"costs by what was used before"`
	Base     decimal           `json:"base,omitempty" doc:"instead of the action's"`
	Minimum  decimal           `json:"minimum,omitempty" doc:"instead of the action's"`
	Multiply []factorView      `json:"multiply,omitempty" doc:"beside the action's"`
}

type actionView struct {
	Action   string           `json:"action"`
	Unit     string           `json:"unit" doc:"of every figure but costs"`
	Meter    string           `json:"meter,omitempty" doc:"what the quantity counts"`
	Per      int64            `json:"per" doc:"quantity in one step"`
	Round    string           `json:"round" enum:"none,up,half_even" doc:"how a begun step counts"`
	Base     decimal          `json:"base" doc:"units per event, on top"`
	Minimum  decimal          `json:"minimum" doc:"units per event, at least"`
	Multiply []factorView     `json:"multiply,omitempty" doc:"numbers that dimensions multiply the cost of the steps by"`
	RefundOn []string         `json:"refund_on,omitempty" doc:"outcomes that cost nothing"`
	NotFrom  []string         `json:"not_from,omitempty" doc:"categories of grants that never pay for it"`
	AtZero   string           `json:"at_zero,omitempty" enum:"reject,cap,overage,deficit" doc:"what happens when credits do not suffice; left out, the plan says"`
	Rates    []actionRateView `json:"rates"`
}

type cardVersionView struct {
	RateCard    string  `json:"rate_card"`
	EffectiveAt *string `json:"effective_at" format:"date-time"`
}

type priceListView struct {
	RateCard    string            `json:"rate_card" doc:"the version in force"`
	EffectiveAt *string           `json:"effective_at" format:"date-time"`
	Versions    []cardVersionView `json:"versions" doc:"all versions, those to come too, the oldest first"`
	Unit        string            `json:"unit"`
	UnitPrices  []moneyView       `json:"unit_prices" doc:"list price of one unit"`
	Data        []actionView      `json:"data"`
}

func (g *gateway) mountActions() {
	register(g, public, route{method: http.MethodGet, path: "/v1/actions", id: "list-actions", summary: "The public price list", tag: "prices"},
		func(context.Context, *none, *none) (*answer[priceListView], error) { return ok(g.priceList()) })
}

func (g *gateway) priceList() priceListView {
	view := priceListView{Versions: []cardVersionView{}, UnitPrices: []moneyView{}, Data: []actionView{}}
	for _, card := range g.Config.Cards {
		view.Versions = append(view.Versions, cardVersionView{card.Version, timeView(card.Effective)})
	}
	if len(g.Config.Units) > 0 {
		u := g.Config.Units[0]
		view.Unit = u.Code
		for _, p := range u.Prices {
			view.UnitPrices = append(view.UnitPrices, moneyView{exactDecimal(p.Rate), string(p.Currency)})
		}
	}
	card, err := g.Config.Cards.At(g.now(), "")
	if err != nil {
		return view // nothing has a price yet
	}
	view.RateCard, view.EffectiveAt = card.Version, timeView(card.Effective)
	for _, name := range card.Names() {
		a := card.Actions[name]
		view.Data = append(view.Data, g.viewAction(name, &a))
	}
	return view
}

func (g *gateway) viewAction(name string, a *rate.Action) actionView {
	v := actionView{
		Action: name, Meter: a.Meter, Per: max(a.Per, 1), Round: cmp.Or(string(a.Round), string(rate.StepNone)),
		Base: exactDecimal(a.Base), Minimum: exactDecimal(a.Minimum), Multiply: viewFactors(a.Multiply),
		RefundOn: a.RefundOn, AtZero: string(a.AtZero), Rates: []actionRateView{},
	}
	for _, c := range a.NotFrom {
		v.NotFrom = append(v.NotFrom, string(c))
	}
	u := g.priceUnit(a.Unit)
	v.Unit = u.Code
	for i := range a.Rates {
		v.Rates = append(v.Rates, g.viewRate(&a.Rates[i], u))
	}
	return v
}

// priceUnit is a unit of the rate card, its own when it is not named.
func (g *gateway) priceUnit(code string) config.Unit {
	if code == "" && len(g.Config.Units) > 0 {
		return g.Config.Units[0]
	}
	u, _ := g.Config.Unit(code)
	return u
}

func (g *gateway) viewRate(r *rate.Rate, u config.Unit) actionRateView {
	v := actionRateView{When: r.When, Multiply: viewFactors(r.Multiply)}
	switch {
	case r.Tiers != nil:
		v.Tiers = &tiersView{Mode: string(r.Tiers.Mode), Per: string(r.Tiers.Per)}
		for _, t := range r.Tiers.Steps {
			v.Tiers.Steps = append(v.Tiers.Steps, tierView{t.UpTo, exactDecimal(t.Cost), costValue(t.Cost, u)})
		}
	case len(r.Parts) > 0:
		for _, p := range r.Parts {
			v.Costs = append(v.Costs, unitCostView{p.Unit, exactDecimal(p.Cost), costValue(p.Cost, g.priceUnit(p.Unit))})
		}
	default:
		v.Cost, v.Value = exactDecimal(r.Cost), costValue(r.Cost, u)
	}
	if r.Base != nil {
		v.Base = exactDecimal(*r.Base)
	}
	if r.Minimum != nil {
		v.Minimum = exactDecimal(*r.Minimum)
	}
	return v
}

func viewFactors(list []rate.Factor) []factorView {
	var views []factorView
	for _, f := range list {
		v := factorView{Dimension: f.Dimension, Values: map[string]decimal{}}
		for _, value := range slices.Sorted(maps.Keys(f.Values)) {
			v.Values[value] = exactDecimal(f.Values[value])
		}
		if f.Otherwise != nil {
			v.Otherwise = exactDecimal(*f.Otherwise)
		}
		views = append(views, v)
	}
	return views
}

// costValue is a cost at the unit's first list price, or nil where it has none.
func costValue(cost core.Rate, u config.Unit) *moneyView {
	if len(u.Prices) == 0 {
		return nil
	}
	exact, err := cost.Mul(u.Prices[0].Rate)
	if err != nil {
		return nil
	}
	return &moneyView{exactDecimal(exact), string(u.Prices[0].Currency)}
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
