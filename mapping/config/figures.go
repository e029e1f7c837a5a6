package config

import (
	"maps"
	"slices"

	"scrip/core"
	"scrip/core/convert"
	"scrip/mapping"
)

// carried reports whether a figure stands as it stood, and what is in force for it.
func (v *resolver) carried(path string) (core.Rate, bool) { return v.carriedFrom(path, path) }

// carriedFrom is carried for a figure that stood at another path.
func (v *resolver) carriedFrom(path, was string) (core.Rate, bool) {
	stood, had := v.stood[was]
	now, known := v.inForce[was]
	f, is := v.draft.figures[path]
	return now, had && known && is && stood == f.value
}

// figure settles one number of units; one that the file does not have is zero.
func (v *resolver) figure(path string, kind convert.Kind, written core.Rate) core.Rate {
	return v.figureFrom(path, path, kind, written)
}

// figureFrom is figure for one that stood at another path.
func (v *resolver) figureFrom(path, was string, kind convert.Kind, written core.Rate) core.Rate {
	f, ok := v.draft.figures[path]
	if !ok {
		return written
	}
	old, carried := v.carriedFrom(path, was)
	if !carried {
		if _, err := core.ParseAmount(f.text, v.change.To.Scale); err != nil && kind == convert.Fixed {
			v.invalid(f.at, "%s: %s", f.key, err)
		}
		return f.value
	}
	prices, faults := v.change.Prices([]convert.Price{{Name: path, Kind: kind, From: old}})
	for _, fault := range faults {
		v.invalid(f.at, "%s", fault)
	}
	if len(prices) == 0 {
		return core.Rate{}
	}
	return prices[0].To
}

func (v *resolver) packs() {
	packs := maps.Clone(v.out.Packs)
	for _, name := range slices.Sorted(maps.Keys(packs)) {
		p := packs[name]
		credits := v.figure(packPath(name), convert.Fixed, core.Rate{})
		if n, err := credits.Scaled(v.change.To.Scale); err == nil && n.Den == 1 {
			p.Credits = core.Amount(n.Num)
		}
		v.openPack(name, &p)
		packs[name] = p
	}
	v.out.Packs = packs
}

// prices settles the list prices of a unit that is no money.
func (v *resolver) prices() {
	u := v.out.Units[0]
	if isMoney(u.Code) {
		return
	}
	prices := slices.Clone(u.Prices)
	if len(prices) == 0 {
		for _, p := range v.base.Units[0].Prices {
			if p, ok := v.price("unit.price", v.draft.at, p); ok {
				prices = append(prices, p)
			}
		}
	}
	for i, p := range u.Prices {
		path := pricePath("unit.price", p.Currency)
		if old, carried := v.carried(path); carried {
			prices[i], _ = v.price("unit.price", v.draft.figures[path].at, core.Price{Rate: old, Currency: p.Currency})
		}
	}
	u.Prices = prices
	v.out.Units = []Unit{u}
}

// price carries the value of one unit over, which changes the other way than
// figures do and may be any ratio.
func (v *resolver) price(name string, at pos, old core.Price) (core.Price, bool) {
	by := v.change.Unit()
	r, err := old.Rate.Mul(core.Rate{Num: by.Den, Den: by.Num})
	p := core.Price{Rate: r, Currency: old.Currency}
	if err == nil {
		_, err = p.PerPart(v.change.To.Scale)
	}
	if err != nil {
		v.invalid(at, "%s of %q cannot be carried over exactly: %s, write it in the new unit", name, v.change.To.Code, err)
		return core.Price{}, false
	}
	return p, true
}

// figures lists what a config with one unit has in force, by path.
func (c *Config) figures() map[string]core.Rate {
	u, out := c.Units[0], map[string]core.Rate{}
	for i := range c.Cards {
		path := c.cardPath(i)
		for _, a := range c.Cards[i].Actions {
			eachFigure(path, &a, func(at string, _ convert.Kind, figure *core.Rate) { out[at] = *figure })
		}
	}
	for name, p := range c.Packs {
		if r, err := (core.Rate{Num: int64(p.Credits), Den: 1}).Scaled(-u.Scale); err == nil {
			out[packPath(name)] = r
		}
		if len(p.Per) > 0 {
			out[minimumPath(name)], _ = (core.Rate{Num: int64(p.Minimum), Den: 1}).Scaled(-u.Scale)
		}
		for _, q := range p.Per {
			out[pricePath(perPath(name), q.Currency)] = q.Rate
		}
	}
	c.watchFigures(out)
	c.planFigures(out)
	if isMoney(u.Code) {
		return out // money is worth itself
	}
	for _, p := range u.Prices {
		out[pricePath("unit.price", p.Currency)] = p.Rate
	}
	for _, k := range c.Connections {
		out[pricePath(ratePath(k.Name), k.Rate.Currency)] = k.Rate.Rate
	}
	return out
}

// The paths of figures, as people read them; each figure has one of its own.
// Those of rate cards are in figures_card.go.

func perPath(pack string) string { return "packs." + pack + ".price_per" }

func minimumPath(pack string) string { return "packs." + pack + ".minimum" }

func packPath(pack string) string { return "packs." + pack + ".credits" }

func ratePath(connection string) string { return "mapping." + connection + ".rate" }

func pricePath(path string, currency core.Currency) string { return path + " " + string(currency) }

// openPack carries over what belongs to a pack of which the buyer names the
// amount.
func (v *resolver) openPack(name string, p *mapping.Pack) {
	if len(p.Per) == 0 {
		return
	}
	p.Minimum = v.amountOf(minimumPath(name))
	p.Per = slices.Clone(p.Per)
	for i, q := range p.Per {
		path := pricePath(perPath(name), q.Currency)
		if old, carried := v.carried(path); carried {
			p.Per[i], _ = v.price(perPath(name), v.draft.figures[path].at, core.Price{Rate: old, Currency: q.Currency})
		}
	}
}

// amountOf settles a figure as an amount of the new unit.
func (v *resolver) amountOf(path string) core.Amount {
	n, err := v.figure(path, convert.Fixed, core.Rate{}).Scaled(v.change.To.Scale)
	if err != nil || n.Den != 1 {
		return 0
	}
	return core.Amount(n.Num)
}

// watch settles the amounts of top-ups and alerts, and so what they mean.
func (v *resolver) watch() {
	c, scale := v.out, v.change.To.Scale
	c.Rules = nil
	settle := func(path, text string) string {
		if text == "" {
			return ""
		}
		return v.amountOf(path).Format(scale)
	}
	if c.TopUp != nil {
		form := *c.TopUp
		form.Below, form.To = settle(topUpPath("below"), form.Below), settle(topUpPath("to"), form.To)
		form.Amount, form.Minimum = settle(topUpPath("amount"), form.Amount), settle(topUpPath("minimum"), form.Minimum)
		c.TopUp = &form
		if rule, unit, err := form.Rule(c.Packs, c.Units); v.rule(err) {
			c.rules(unit).TopUp = rule
		}
	}
	if c.Alerts != nil {
		form := *c.Alerts
		form.Low = slices.Clone(form.Low)
		for i, text := range form.Low {
			form.Low[i] = settle(lowPath(i), text)
		}
		c.Alerts = &form
		if rule, unit, err := form.Rule(c.Units); v.rule(err) {
			c.rules(unit).Alerts = rule
		}
	}
}

func (v *resolver) rule(err error) bool {
	if err != nil && len(v.faults) == 0 {
		v.invalid(v.draft.at, "in the new unit, %s", err)
	}
	return err == nil
}

// watchFigures lists the amounts of top-ups and alerts, by path.
func (c *Config) watchFigures(out map[string]core.Rate) {
	put := func(path, text string) {
		if r, err := core.ParseRate(text); text != "" && err == nil {
			out[path] = r
		}
	}
	if f := c.TopUp; f != nil {
		put(topUpPath("below"), f.Below)
		put(topUpPath("to"), f.To)
		put(topUpPath("amount"), f.Amount)
		put(topUpPath("minimum"), f.Minimum)
	}
	if f := c.Alerts; f != nil {
		for i, text := range f.Low {
			put(lowPath(i), text)
		}
	}
}
