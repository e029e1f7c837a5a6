package config

import (
	"fmt"
	"regexp"
	"slices"

	"scrip/core"
	"scrip/mapping"
)

const maxPacks = 1000

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
	if credits, ok := o.need("credits"); ok {
		if text, ok := r.text(credits, maxEcho); ok {
			p.Credits = r.packCredits(credits, text, p.Name, unit.Scale)
		}
	}
	if price, ok := o.need("price"); ok {
		if text, ok := r.text(price, 60); ok {
			money, err := core.ParseMoney(text)
			if err == nil && money.Minor == 0 {
				err = fmt.Errorf("a pack that costs nothing cannot be sold, grant its credits instead")
			}
			if err != nil {
				r.refuse(price, err)
			}
			p.Price = money
		}
	}
	if expires, ok := o.get("expires"); ok {
		p.Months, p.Days = r.life(expires)
	}
	return p
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
