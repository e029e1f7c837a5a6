package config

import (
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/convert"
)

// Over is the config that takes the place of base, the one in force before;
// neither is changed. What is retired at base stays so.
//
// With convert, a figure that stands in the file exactly as it stood in base's
// file is carried over: it is what base has in force, converted exactly by the
// list price or the rate. Any other figure is as written, in the new unit. The
// list price of a unit that is no money is carried over too when the file has
// none. What cannot be carried or held exactly is returned as [*Faults], all
// of it. A base of nil, on a database never used, is such a fault.
//
// A code that was left can come back only by the way it went: from the unit it
// became, with the decimals it had.
//
// Without convert all is as written; that the unit is still base's is not
// checked here.
func (c *Config) Over(base *Config) (*Config, error) {
	if base != nil && base.Convert != nil && len(base.Retired) == 0 {
		return nil, core.Errorf(core.CodeInternal, "a config with convert is itself to be resolved before another is put over it")
	}
	out := *c
	out.Retired = nil
	v := &resolver{base: base, out: &out, draft: c.draft}
	if base != nil {
		out.Retired = slices.Clone(base.Retired)
	}
	if c.Convert != nil {
		if c.draft == nil {
			return nil, core.Errorf(core.CodeInternal, "a config with convert was not read from a file")
		}
		if err := v.convert(); err != nil {
			return nil, err
		}
	}
	v.connections()
	if len(v.faults) > 0 {
		return nil, newFaults(v.faults)
	}
	return &out, nil
}

// resolver settles what the figures of a draft are.
type resolver struct {
	base, out *Config
	draft     *draft
	change    *convert.Change      // nil without convert
	stood     map[string]core.Rate // figures in base's file, by path
	inForce   map[string]core.Rate // the same as they are in force
	faults    []Fault
}

func (v *resolver) fault(at pos, code core.Code, message string) {
	v.faults = append(v.faults, Fault{File: v.draft.file, Line: at.line, Column: at.column, Code: code, Message: message})
}

func (v *resolver) invalid(at pos, format string, args ...any) {
	v.fault(at, core.CodeInvalid, core.Errorf(core.CodeInvalid, format, args...).Error())
}

// convert settles the unit and every figure in it. Without terms that hold
// nothing else can be said.
func (v *resolver) convert() error {
	v.permitted()
	if len(v.faults) > 0 {
		return newFaults(v.faults)
	}
	from, c := v.base.Units[0], v.out
	terms := convert.Terms{From: from.Unit, To: c.Units[0].Unit, Mode: c.Convert.Mode, Rate: c.Convert.Rate}
	if terms.Mode != convert.Explicit {
		terms.List = listPrice(from, c.Units[0])
	}
	change, err := convert.New(terms)
	if err != nil {
		v.invalid(v.draft.at, "convert: %s", err)
		return newFaults(v.faults)
	}
	v.change, v.inForce = change, v.base.figures()
	v.stood = v.inForce
	if v.base.draft != nil {
		v.stood = map[string]core.Rate{}
		for path, f := range v.base.draft.figures {
			v.stood[path] = f.value
		}
	}
	c.Retired = append(c.Retired, Retired{Unit: from, To: terms.To.Code, Terms: terms})
	v.prices()
	v.cards()
	v.packs()
	v.plans()
	v.watch()
	v.deficit()
	return nil
}

// permitted checks that there is a unit to leave, and that the new one is free.
func (v *resolver) permitted() {
	at, from, to := v.draft.at, v.out.Convert.From, v.out.Units[0]
	switch {
	case v.base == nil:
		v.invalid(at, "convert: nothing is applied yet that could be converted from %q, remove convert", from)
		return
	case len(v.base.Units) != 1:
		v.fault(at, core.CodeNotSupported, core.Errorf(core.CodeNotSupported, "convert: %d units are in force, a change from several is not supported yet", len(v.base.Units)).Error())
		return
	case v.base.Units[0].Code != from:
		v.invalid(at, "convert: the unit in force is %q, not %q, convert from that one", v.base.Units[0].Code, from)
		return
	}
	var last *Retired
	for i, r := range v.base.Retired {
		if strings.EqualFold(r.Unit.Code, to.Code) {
			last = &v.base.Retired[i]
		}
	}
	switch {
	case last == nil:
	case last.Unit.Code != to.Code:
		v.invalid(v.draft.unit, "unit %q differs from the retired unit %q by case only, take another code", to.Code, last.Unit.Code)
	case last.To != from:
		v.invalid(v.draft.unit, "unit %q was left for %q, it can come back from that unit only: take another code", to.Code, last.To)
	case last.Unit.Scale != to.Scale:
		v.invalid(v.draft.unit, "unit %q was left with scale %d and can come back with no other, write scale: %d", to.Code, last.Unit.Scale, last.Unit.Scale)
	}
}

// listPrice is the price that values a change: the old unit's in the money
// that is new, or the new unit's in the money that is old. Where there is none,
// any of the old unit's shows what is wrong.
func listPrice(from, to Unit) core.Price {
	for _, p := range from.Prices {
		if string(p.Currency) == to.Code {
			return p
		}
	}
	for _, p := range to.Prices {
		if string(p.Currency) == from.Code {
			return p
		}
	}
	if len(from.Prices) > 0 && !isMoney(from.Code) {
		return from.Prices[0]
	}
	return core.Price{}
}

func isMoney(code string) bool {
	_, err := core.ParseCurrency(code)
	return err == nil
}
