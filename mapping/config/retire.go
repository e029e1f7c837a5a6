package config

import (
	"maps"
	"slices"

	"scrip/adapters"
	"scrip/core"
	"scrip/mapping"
)

// connections gives each connection its rate, and the values and names that
// retired units have there.
func (v *resolver) connections() {
	v.out.Connections = slices.Clone(v.out.Connections)
	for i := range v.out.Connections {
		k := &v.out.Connections[i].Connection
		if v.change != nil {
			v.rate(k)
		}
		if v.base == nil {
			continue
		}
		before := mapping.Connection{}
		for _, b := range v.base.Connections {
			if b.Name == k.Name && b.Provider == k.Provider {
				before = b.Connection
			}
		}
		for _, r := range v.out.RetiredUnits() {
			if _, active := v.out.Unit(r.Unit.Code); !active {
				v.retire(k, before, r.Unit)
			}
		}
		v.distinct(k)
	}
}

// rate settles what a new unit is worth at a vendor that holds money.
func (v *resolver) rate(k *mapping.Connection) {
	if k.HoldsUnits {
		return
	}
	u, path := v.out.Units[0], pricePath(ratePath(k.Name), k.Rate.Currency)
	old, carried := v.carried(path)
	switch {
	case isMoney(u.Code):
		k.Rate = u.Prices[0]
	case carried:
		k.Rate, _ = v.price(ratePath(k.Name), v.draft.figures[path].at, core.Price{Rate: old, Currency: k.Rate.Currency})
	case k.Rate.IsZero() && len(u.Prices) > 0:
		k.Rate = u.Prices[0]
	}
	if k.Strategy != adapters.Totals && k.Rate.IsZero() && len(v.faults) == 0 {
		v.invalid(v.draft.conns[k.Name], "connection %q needs a rate in mapping or a price of the unit, since %s holds money", k.Name, k.Provider)
	}
}

// retire keeps what a retired unit is at a connection. One that did not know
// the unit values it at its list price.
func (v *resolver) retire(k *mapping.Connection, before mapping.Connection, u Unit) {
	if k.HoldsUnits {
		old, named := before.Units[u.Code], k.Units[u.Code]
		if named != "" && old != "" && named != old {
			v.invalid(v.draft.conns[k.Name], "unit %q is %s at the vendor of connection %q and keeps that, remove it from mapping.%s.units", u.Code, shown(old), k.Name, k.Name)
		}
		if old != "" {
			k.Units = with(k.Units, u.Code, old)
		}
		return
	}
	price, known := before.Rates[u.Code]
	switch {
	case isMoney(u.Code):
		return
	case known:
	case before.Name != "" && v.base.Units[0].Code == u.Code:
		price = before.Rate
	case len(u.Prices) > 0:
		price = u.Prices[0]
	}
	if !price.IsZero() {
		k.Rates = with(k.Rates, u.Code, price)
	}
}

// with is m with one more entry, m itself unchanged.
func with[V any](m map[string]V, key string, value V) map[string]V {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]V{}
	}
	out[key] = value
	return out
}

// distinct refuses a vendor's unit that would stand for a new unit and for a
// retired one.
func (v *resolver) distinct(k *mapping.Connection) {
	if v.change == nil {
		return
	}
	code := v.change.To.Code
	for _, other := range slices.Sorted(maps.Keys(k.Units)) {
		if other != code && k.Units[other] == k.Units[code] {
			v.invalid(v.draft.conns[k.Name], "units %q and %q are both %s at the vendor of connection %q, each needs one of its own", other, code, shown(k.Units[code]), k.Name)
		}
	}
}
