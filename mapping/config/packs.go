package config

import (
	"fmt"
	"regexp"
	"slices"

	"scrip/core"
	"scrip/core/sale"
	"scrip/mapping"
)

const (
	maxPacks     = 1000
	maxPackTiers = 50
)

var packName = regexp.MustCompile(`^[a-z0-9_-]{1,40}$`)

func (r *reader) packs(top object, c *Config) {
	c.Packs = map[string]mapping.Pack{}
	f, ok := top.get("packs")
	if !ok {
		return
	}
	for _, p := range r.each(f, "packs", maxPacks) {
		if !packName.MatchString(p.key) {
			r.fault(p.at, "pack name %s must be 1 to 40 of a-z 0-9 _ -", shown(p.key))
			continue
		}
		c.Packs[p.key] = r.pack(p, c.Units)
	}
	if len(c.Packs) > 0 && !top.has("connections") {
		r.fault(f.at, "packs need a connection that collects money, describe one in connections")
	}
}

func (r *reader) pack(f field, units []Unit) mapping.Pack {
	p := mapping.Pack{Name: f.key}
	o := r.object(f, fmt.Sprintf("pack %q", f.key), packFields, "")
	unit := r.packUnit(o, units)
	p.Unit = unit.Code
	if o.has("price_per") {
		r.openPack(o, &p, unit)
	} else {
		r.fixedPack(o, &p, unit)
	}
	if expires, ok := o.get("expires"); ok {
		if expires.value.kind == aScalar && expires.value.text == "cycle" {
			p.Cycle = true
		} else {
			p.Months, p.Days = r.life(expires)
		}
	}
	if final, ok := o.get("non_refundable"); ok {
		p.Final = r.boolean(final)
	}
	return p
}

// fixedPack is one of so many credits, at a price or at one by how many are
// bought at once.
func (r *reader) fixedPack(o object, p *mapping.Pack, unit core.Unit) {
	if credits, ok := o.need("credits"); ok {
		if text, ok := r.text(credits, maxEcho); ok {
			p.Credits = r.packCredits(credits, text, p.Name, unit.Scale)
		}
	}
	if minimum, ok := o.get("minimum"); ok {
		p.Minimum = core.Amount(r.integer(minimum, 1, sale.MaxPacks))
	}
	tiers, has := o.get("tiers")
	if !has {
		if price, ok := o.need("price"); ok {
			if prices := r.packPrices(price); len(prices) > 1 {
				p.Tiers = []sale.PackTier{{Prices: prices}}
				p.Price = prices[0]
			} else if len(prices) == 1 {
				p.Price = prices[0]
			}
		}
		return
	}
	if price, ok := o.get("price"); ok {
		r.fault(price.at, "price and tiers of %s exclude each other, the tiers have the prices", o.what)
	}
	p.Tiers = r.packTiers(tiers)
	if len(p.Tiers) > 0 && len(p.Tiers[0].Prices) > 0 {
		p.Price = p.Tiers[0].Prices[0]
	}
}

// packTiers reads what a pack costs by how many are bought.
func (r *reader) packTiers(f field) []sale.PackTier {
	items := r.names(f)
	if n := len(items); f.value.kind == aList && (n == 0 || n > maxPackTiers) {
		r.fault(f.value.at, "tiers are %d, from 1 to %d are read", n, maxPackTiers)
	}
	var tiers []sale.PackTier
	for i, item := range items {
		var t sale.PackTier
		o := r.object(item, "a tier", packTierFields, "")
		last := i == len(items)-1
		switch upTo, ok := o.get("up_to"); {
		case ok && last:
			r.fault(upTo.at, "the last tier has no end, remove up_to")
		case ok:
			if t.UpTo = r.integer(upTo, 1, sale.MaxPacks); i > 0 && len(tiers) > 0 && t.UpTo <= tiers[i-1].UpTo {
				r.fault(upTo.value.at, "up_to %d is not above %d, where the tier before ends", t.UpTo, tiers[i-1].UpTo)
			}
		case o.ok && !last && !o.has("up_to"):
			r.fault(item.value.at, "only the last tier may be without up_to")
		}
		if price, ok := o.need("price"); ok {
			t.Prices = r.packPrices(price)
		}
		if i > 0 && len(t.Prices) > 0 && !slices.EqualFunc(t.Prices, tiers[0].Prices, func(x, y core.Money) bool { return x.Currency == y.Currency }) {
			r.fault(item.value.at, "every tier has prices in the same currencies, in the same order")
		}
		tiers = append(tiers, t)
	}
	return tiers
}

// packPrices reads one price, or a list of one for each currency.
func (r *reader) packPrices(f field) []core.Money {
	items := []field{f}
	if f.value.kind == aList {
		if items = r.names(f); len(items) == 0 {
			r.fault(f.value.at, "field %q is empty, give it a value or remove it", f.key)
		}
	}
	var prices []core.Money
	for _, item := range items {
		text, ok := r.text(item, 60)
		if !ok {
			continue
		}
		money, err := core.ParseMoney(text)
		if err == nil && money.Minor == 0 {
			err = fmt.Errorf("a pack that costs nothing cannot be sold, grant its credits instead")
		}
		if err == nil && slices.ContainsFunc(prices, func(m core.Money) bool { return m.Currency == money.Currency }) {
			err = fmt.Errorf("currency %q stands in the list twice", string(money.Currency))
		}
		if err != nil {
			r.refuse(item, err)
			continue
		}
		prices = append(prices, money)
	}
	return prices
}

// openPack is one of which the buyer names the amount.
func (r *reader) openPack(o object, p *mapping.Pack, unit core.Unit) {
	for _, name := range []string{"credits", "price", "tiers"} {
		if f, ok := o.get(name); ok {
			r.fault(f.at, "%s and price_per of %s exclude each other, the buyer names the amount", name, o.what)
		}
	}
	if per, ok := o.get("price_per"); ok {
		items := []field{per}
		if per.value.kind == aList {
			items = r.names(per)
		}
		for _, item := range items {
			q, ok := r.price(item, unit.Scale, perPath(p.Name))
			if ok && slices.ContainsFunc(p.Per, func(x core.Price) bool { return x.Currency == q.Currency }) {
				r.fault(item.value.at, "price_per: currency %q stands in the list twice", string(q.Currency))
			}
			if ok {
				p.Per = append(p.Per, q)
			}
		}
	}
	if minimum, ok := o.get("minimum"); ok {
		text := r.figureText(minimum, minimumPath(p.Name))
		if text == "" || r.draft != nil {
			return
		}
		n, err := core.ParseAmount(text, unit.Scale)
		if err != nil {
			r.refuse(minimum, err)
		}
		p.Minimum = n
	}
}

// packCredits reads how many credits a pack has. With convert their unit is
// not known yet, and they stay a note.
func (r *reader) packCredits(f field, text, pack string, scale int) core.Amount {
	var n core.Amount
	exact, err := core.ParseRate(text)
	if r.draft == nil {
		n, err = core.ParseAmount(text, scale)
	}
	if err == nil && exact.IsZero() {
		err = fmt.Errorf("a pack of none cannot be sold")
	}
	if err != nil {
		r.refuse(f, err)
		return 0
	}
	r.note(packPath(pack), f, exact)
	return n
}

// packUnit is the unit of a pack's credits, which only one of several must name.
func (r *reader) packUnit(o object, units []Unit) core.Unit {
	unknown := core.Unit{Scale: core.MaxScale}
	f, named := o.get("unit")
	switch {
	case len(units) == 0 || !o.ok:
		return unknown
	case !named && len(units) == 1:
		return units[0].Unit
	case !named:
		if !o.has("unit") {
			r.fault(o.at, "%s needs the field \"unit\", since there are several units", o.what)
		}
		return unknown
	}
	code, ok := r.text(f, maxEcho)
	if !ok {
		return unknown
	}
	codes := make([]string, len(units))
	for i, u := range units {
		codes[i] = u.Code
	}
	if i := slices.Index(codes, code); i >= 0 {
		return units[i].Unit
	}
	r.fault(f.value.at, "unit %q does not exist%s", code, near(code, codes))
	return unknown
}
