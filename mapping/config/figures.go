package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/convert"
)

// carried reports whether a figure stands as it stood, and what is in force for it.
func (v *resolver) carried(path string) (core.Rate, bool) {
	stood, was := v.stood[path]
	now, known := v.inForce[path]
	f, is := v.draft.figures[path]
	return now, was && known && is && stood == f.value
}

// figure settles one number of units; one that the file does not have is zero.
func (v *resolver) figure(path string, kind convert.Kind, written core.Rate) core.Rate {
	f, ok := v.draft.figures[path]
	if !ok {
		return written
	}
	old, carried := v.carried(path)
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

func (v *resolver) card() {
	actions := maps.Clone(v.out.Card.Actions)
	for _, name := range v.out.Card.Names() {
		a := actions[name]
		a.Base = v.figure(actionPath(name, "base"), convert.Fixed, a.Base)
		a.Minimum = v.figure(actionPath(name, "minimum"), convert.Fixed, a.Minimum)
		a.Rates = slices.Clone(a.Rates)
		for i, r := range a.Rates {
			path := costPath(name, r.When)
			a.Rates[i].Cost = v.figure(path, convert.PerStep, r.Cost)
			f, ok := v.draft.figures[path]
			if ok && !priceable(a.Rates[i].Cost, a, v.change.To.Scale) {
				v.invalid(f.at, "%s: %q per %d is too fine to be priced exactly in %q, use fewer decimals or a smaller per", f.key, f.text, a.Per, v.change.To.Code)
			}
		}
		actions[name] = a
	}
	v.out.Card.Actions = actions
}

func (v *resolver) packs() {
	packs := maps.Clone(v.out.Packs)
	for _, name := range slices.Sorted(maps.Keys(packs)) {
		p := packs[name]
		credits := v.figure(packPath(name), convert.Fixed, core.Rate{})
		if n, err := credits.Scaled(v.change.To.Scale); err == nil && n.Den == 1 {
			p.Credits = core.Amount(n.Num)
		}
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
	for name, a := range c.Card.Actions {
		out[actionPath(name, "base")], out[actionPath(name, "minimum")] = a.Base, a.Minimum
		for _, r := range a.Rates {
			out[costPath(name, r.When)] = r.Cost
		}
	}
	for name, p := range c.Packs {
		if r, err := (core.Rate{Num: int64(p.Credits), Den: 1}).Scaled(-u.Scale); err == nil {
			out[packPath(name)] = r
		}
	}
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

func actionPath(action, figure string) string { return "rate_card.actions." + action + "." + figure }

// costPath names a cost by its conditions, which the order in the file does
// not change.
func costPath(action string, when map[string]string) string {
	path := actionPath(action, "cost")
	if len(when) == 0 {
		return path
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(when)) {
		parts = append(parts, fmt.Sprintf("%s=%q", name, when[name]))
	}
	return path + " (" + strings.Join(parts, ", ") + ")"
}

func packPath(pack string) string { return "packs." + pack + ".credits" }

func ratePath(connection string) string { return "mapping." + connection + ".rate" }

func pricePath(path string, currency core.Currency) string { return path + " " + string(currency) }
