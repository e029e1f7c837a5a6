package config

import (
	"fmt"
	"slices"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/mapping"
)

// manualFlag is what happens to a person's change at the vendor: a finding.
const manualFlag = "flag"

// maxLimit bounds the calls a second that a vendor is said to allow.
const maxLimit = 10_000

// mappings gives every connection its defaults, then what the section says.
func (r *reader) mappings(top object, c *Config) {
	sections := map[string]field{}
	if f, ok := top.get("mapping"); ok {
		names := make([]string, len(c.Connections))
		for i, known := range c.Connections {
			names[i] = known.Name
		}
		for _, m := range r.each(f, "mapping", maxConnections) {
			if !slices.Contains(names, m.key) {
				r.fault(m.at, "connection %s does not exist%s", shown(m.key), near(m.key, names))
				continue
			}
			sections[m.key] = m
		}
	}
	for i := range c.Connections {
		k := &c.Connections[i].Connection
		p, ok := r.providerOf(*k)
		if !ok {
			continue
		}
		k.Create, k.Window, k.ManualChanges, k.Percent = true, time.Minute, manualFlag, 50
		k.HoldsUnits, k.Decimals, k.Draws, k.StartsNow = p.HoldsUnits, p.Decimals, p.Draws, p.StartsNow
		if len(p.Strategies) > 0 {
			k.Strategy = p.Strategies[0]
		}
		at := r.connectionAt(top, k.Name)
		if f, ok := sections[k.Name]; ok {
			at = f.at
			r.mapping(f, k, p, c)
		}
		if r.draft != nil {
			r.draft.conns[k.Name] = at // what the unit is worth there is settled later
		} else {
			r.valued(at, k, p, c.Units)
		}
		r.counted(at, k, c.Units)
	}
}

// connectionAt is where a connection is described.
func (r *reader) connectionAt(top object, name string) pos {
	f, _ := top.get("connections")
	for _, c := range f.value.fields {
		if c.key == name {
			return c.at
		}
	}
	return f.at
}

func (r *reader) mapping(f field, k *mapping.Connection, p Provider, c *Config) {
	o := r.object(f, fmt.Sprintf("mapping %q", f.key), mappingFields, "plans")
	if strategy, ok := o.get("strategy"); ok {
		k.Strategy = r.strategy(strategy, p)
	}
	if value, ok := o.get("rate"); ok {
		r.mappedRate(value, k, p, c.Units)
	}
	if create, ok := o.get("create"); ok {
		k.Create = r.boolean(create)
	}
	if window, ok := o.get("window"); ok {
		r.duration(window, &k.Window, time.Second, day)
	}
	if manual, ok := o.get("manual_changes"); ok {
		r.manualChanges(manual)
	}
	if share, ok := o.get("share"); ok {
		k.Percent = r.share(share)
	}
	if limit, ok := o.get("limit"); ok {
		k.Limit = int(r.integer(limit, 1, maxLimit))
	}
	if packs, ok := o.get("packs"); ok {
		k.Packs = r.mappedPacks(packs, c)
	}
	if units, ok := o.get("units"); ok {
		k.Units = r.mappedUnits(units, p, c)
	}
	if carrier, ok := o.get("carrier"); ok {
		k.Carrier, _ = r.text(carrier, 255)
		if k.Strategy != adapters.Meter && !p.NamesCarrier && (!p.CarrierLeads || k.Strategy == adapters.Totals) {
			r.fault(carrier.at, "carrier is what metered consumption is billed by, the strategy %q meters none, remove it", k.Strategy)
		}
	}
}

func (r *reader) strategy(f field, p Provider) adapters.Strategy {
	text, ok := r.text(f, maxEcho)
	s := adapters.Strategy(text)
	switch {
	case !ok || slices.Contains(p.Strategies, s):
	case !slices.Contains(strategyNames(), text):
		r.fault(f.value.at, "strategy %q is unknown%s", text, near(text, strategyNames()))
	default:
		why := ""
		if p.WhyNot != "" {
			why = ": " + p.WhyNot
		}
		r.fault(f.value.at, "provider %q cannot do the strategy %q%s", p.Name, text, why)
	}
	return s
}

func (r *reader) mappedRate(f field, k *mapping.Connection, p Provider, units []Unit) {
	scale := core.MaxScale
	if len(units) > 0 {
		scale = units[0].Scale
	}
	k.Rate, _ = r.price(f, scale, ratePath(k.Name))
	if p.HoldsUnits {
		r.fault(f.at, "provider %q holds units and not money, remove the rate", p.Name)
	}
}

func (r *reader) manualChanges(f field) {
	text, ok := r.text(f, maxEcho)
	switch {
	case !ok || text == manualFlag:
	case text == "accept" || text == "revert":
		r.report(f.value.at, core.CodeNotSupported, fmt.Sprintf("manual_changes: %q is not supported yet, write flag", text))
	default:
		r.fault(f.value.at, "manual_changes: %q is unknown%s", text, near(text, []string{manualFlag}))
	}
}

// share reads a part of one as percent.
func (r *reader) share(f field) int {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return 0
	}
	n, err := core.ParseAmount(text, 2)
	if err == nil && (n < 1 || n > 100) {
		err = fmt.Errorf("%q is not between 0.01 and 1", text)
	}
	if err != nil {
		r.refuse(f, err)
	}
	return int(n)
}

// mappedPacks reads which object of the vendor stands for a pack.
func (r *reader) mappedPacks(f field, c *Config) map[string]string {
	names := make([]string, 0, len(c.Packs))
	for name := range c.Packs {
		names = append(names, name)
	}
	slices.Sort(names)
	packs := map[string]string{}
	for _, p := range r.each(f, "packs", maxPacks) {
		if !slices.Contains(names, p.key) {
			r.fault(p.at, "pack %s does not exist%s", shown(p.key), near(p.key, names))
			continue
		}
		packs[p.key], _ = r.text(p, 255)
	}
	return packs
}

// mappedUnits reads which unit of the vendor stands for one of ours.
func (r *reader) mappedUnits(f field, p Provider, c *Config) map[string]string {
	if !p.HoldsUnits {
		r.fault(f.at, "provider %q holds money and no units, remove units", p.Name)
		return nil
	}
	codes := make([]string, len(c.Units), len(c.Units)+1)
	for i, u := range c.Units {
		codes[i] = u.Code
	}
	if c.Convert != nil {
		codes = append(codes, c.Convert.From) // it keeps the name it had
	}
	mapped, first := map[string]string{}, map[string]string{}
	for _, u := range r.each(f, "units", maxUnits) {
		if !slices.Contains(codes, u.key) {
			r.fault(u.at, "unit %s does not exist%s", shown(u.key), near(u.key, codes))
			continue
		}
		id, ok := r.text(u, 255)
		if other, twice := first[id]; twice && ok {
			r.fault(u.value.at, "units %q and %q are both %s at the vendor, each needs one of its own", other, u.key, shown(id))
		}
		mapped[u.key], first[id] = id, u.key
	}
	return mapped
}

// counted settles what a unit is at a vendor that holds units. One that is not
// mapped is taken to have our code there, unless every object is to be named.
func (r *reader) counted(at pos, k *mapping.Connection, units []Unit) {
	if !k.HoldsUnits || k.Strategy == adapters.Totals {
		return
	}
	for _, u := range units {
		switch {
		case u.Code == "" || k.Units[u.Code] != "":
		case !k.Create:
			r.fault(at, "connection %q needs the vendor's id of unit %q in mapping.%s.units, since create is false", k.Name, u.Code, k.Name)
		default:
			if k.Units == nil {
				k.Units = map[string]string{}
			}
			k.Units[u.Code] = u.Code
		}
	}
}

// valued settles what a unit is worth at a vendor that holds money. Without a
// rate of its own a connection takes the unit's first list price.
func (r *reader) valued(at pos, k *mapping.Connection, p Provider, units []Unit) {
	if p.HoldsUnits || len(units) == 0 {
		return
	}
	carries := k.Strategy != adapters.Totals
	if carries && len(units) > 1 {
		r.report(at, core.CodeNotSupported, fmt.Sprintf(
			"connection %q would value several units at one rate, which is not supported yet, write strategy: %s", k.Name, adapters.Totals))
		return
	}
	if k.Rate.IsZero() && len(units[0].Prices) > 0 {
		k.Rate = units[0].Prices[0]
	}
	if carries && k.Rate.IsZero() && !r.badPrice {
		r.fault(at, "connection %q needs a rate in mapping or a price of the unit, since %s holds money", k.Name, p.Name)
	}
}
