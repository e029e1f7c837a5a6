package config

import (
	"fmt"
	"regexp"
	"strings"

	"scrip/core"
)

const maxUnits = 20

var unitCode = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$`)

// units reads unit, or units: a list of the same.
func (r *reader) units(top object) []Unit {
	one, hasOne := top.get("unit")
	several, hasSeveral := top.get("units")
	switch {
	case hasOne && hasSeveral:
		r.fault(several.at, "unit and units exclude each other, put all of them into units")
	case hasOne:
		return []Unit{r.unit(one)}
	case hasSeveral:
		return r.unitList(several)
	case !top.has("unit") && !top.has("units"):
		r.fault(top.at, "the config needs the field %q", "unit")
	}
	return nil
}

func (r *reader) unitList(f field) []Unit {
	var units []Unit
	seen := map[string]pos{}
	for _, item := range r.names(f) {
		u := r.unit(item)
		code := strings.ToLower(u.Code)
		if first, twice := seen[code]; twice && code != "" {
			r.fault(item.value.at, "unit %q stands in the list twice, first on line %d", u.Code, first.line)
		}
		seen[code] = item.value.at
		units = append(units, u)
	}
	if n := len(f.value.items); f.value.kind == aList && (n == 0 || n > maxUnits) {
		r.fault(f.value.at, "units are %d, from 1 to %d are read", n, maxUnits)
	}
	return units
}

func (r *reader) unit(f field) Unit {
	o := r.object(f, "unit", unitFields, "")
	if r.draft != nil {
		r.draft.unit = f.value.at
	}
	u := Unit{Unit: core.Unit{Scale: 2}}
	var currency core.Currency
	if code, ok := o.need("code"); ok {
		u.Code, currency = r.code(code)
		u.Scale = max(u.Scale, currency.Exponent())
	}
	if scale, ok := o.get("scale"); ok {
		least := 0
		if currency != "" {
			least = currency.Exponent()
		}
		u.Scale = int(r.integer(scale, int64(least), core.MaxScale))
	}
	price, priced := o.get("price")
	r.badPrice = r.badPrice || !o.ok
	switch {
	case priced && currency != "":
		r.fault(price.at, "unit %q is money and is worth itself, remove the price", u.Code)
	case priced:
		u.Prices = r.prices(price, u.Scale)
	case currency != "":
		u.Prices = []core.Price{{Rate: core.Rate{Num: 1, Den: 1}, Currency: currency}}
	}
	return u
}

// code reads a unit's code; a currency's code makes the unit money.
func (r *reader) code(f field) (string, core.Currency) {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return "", ""
	}
	if !unitCode.MatchString(text) {
		r.fault(f.value.at, "unit code %q must be up to 40 letters, digits, and _ . - between them", text)
		return "", ""
	}
	currency, err := core.ParseCurrency(strings.ToLower(text))
	if err != nil {
		return text, ""
	}
	if string(currency) != text {
		r.fault(f.value.at, "unit code %q is a currency, write it as %q", text, string(currency))
	}
	return string(currency), currency
}

// prices reads one price, or a list with one for each of several currencies.
func (r *reader) prices(f field, scale int) []core.Price {
	items := []field{f}
	if f.value.kind == aList {
		items = r.names(f)
		if len(items) == 0 {
			r.fault(f.value.at, "field %q is empty, give it a value or remove it", f.key)
		}
	}
	var prices []core.Price
	seen := map[core.Currency]bool{}
	for _, item := range items {
		p, ok := r.price(item, scale, "unit.price")
		if !ok {
			continue
		}
		if seen[p.Currency] {
			r.fault(item.value.at, "%s: currency %q stands in the list twice", f.key, string(p.Currency))
		}
		seen[p.Currency] = true
		prices = append(prices, p)
	}
	return prices
}

// price reads "0.08 usd", the value of a unit of that scale, which stands at path.
func (r *reader) price(f field, scale int, path string) (core.Price, bool) {
	text, ok := r.text(f, 60)
	if !ok {
		r.badPrice = true
		return core.Price{}, false
	}
	p, err := core.ParsePrice(text)
	if err == nil && p.Rate.IsZero() {
		err = fmt.Errorf("%q is no value, remove it", text)
	}
	if err == nil {
		_, err = p.PerPart(scale)
	}
	if err != nil {
		r.badPrice = true
		r.refuse(f, err)
		return core.Price{}, false
	}
	r.note(pricePath(path, p.Currency), f, p.Rate)
	return p, true
}
