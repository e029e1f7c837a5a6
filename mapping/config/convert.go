package config

import (
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/convert"
)

// Conversion is the section convert: the unit of the file takes the place of
// the one that is in force, and every balance is carried over.
type Conversion struct {
	From string       // code of the unit that is left
	Mode convert.Mode // what a grant is worth
	Rate core.Rate    // new units for an old one, when Mode is [convert.Explicit]
}

// Retired is one change of unit: the unit that was left, what it became and how.
type Retired struct {
	Unit  Unit // with the prices it had
	To    string
	Terms convert.Terms
}

// RetiredUnits lists the units that were left and not returned to, by their
// last change, in the order of the changes. [Config.Retired] has every change;
// a unit is retired when the last one that names it has it as its Unit.
func (c *Config) RetiredUnits() []Retired {
	var out []Retired
	for i, r := range c.Retired {
		named := func(later Retired) bool { return later.Unit.Code == r.Unit.Code || later.To == r.Unit.Code }
		if !slices.ContainsFunc(c.Retired[i+1:], named) {
			out = append(out, r)
		}
	}
	return out
}

// draft is what a file with convert says before it is known what its figures
// are in: those that stood in the file before are in the old unit.
type draft struct {
	file    string
	at      pos               // of convert
	unit    pos               // of the unit
	figures map[string]figure // by path
	conns   map[string]pos    // where a connection is mapped, or else described
}

// figure is a number as the file has it.
type figure struct {
	key   string // of its field
	at    pos
	text  string
	value core.Rate
}

// note keeps a figure for [Config.Over], which must know what was written and where.
func (r *reader) note(path string, f field, value core.Rate) {
	if r.draft != nil {
		r.draft.figures[path] = figure{f.key, f.value.at, f.value.text, value}
	}
}

// conversions finds convert wherever it may stand, and makes the reader
// lenient about figures when it does.
func (r *reader) conversions(top object) []field {
	var found []field
	find := func(fields []field) {
		for _, f := range fields {
			if f.key == "convert" {
				found = append(found, f)
			}
		}
	}
	find(top.fields)
	for _, f := range top.fields {
		switch f.key {
		case "unit":
			find(f.value.fields)
		case "units":
			for _, item := range f.value.items {
				find(item.fields)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b field) int { return a.at.compare(b.at) })
	if len(found) > 0 {
		r.draft = &draft{file: r.file, at: found[0].at, figures: map[string]figure{}, conns: map[string]pos{}}
	}
	return found
}

// conversion reads convert. The units are known by now.
func (r *reader) conversion(found []field, c *Config) {
	if len(found) == 0 {
		return
	}
	c.draft = r.draft
	if len(found) > 1 {
		r.fault(found[1].at, "convert stands here a second time, the first is on line %d: keep one", found[0].at.line)
	}
	if len(c.Units) > 1 {
		r.report(found[0].at, core.CodeNotSupported, "convert beside several units is not supported yet, keep one unit or remove convert")
	}
	o := r.object(found[0], "convert", convertFields, "")
	c.Convert = &Conversion{}
	if from, ok := o.need("from"); ok {
		code, _ := r.code(from)
		if code != "" && len(c.Units) > 0 && strings.EqualFold(code, c.Units[0].Code) {
			r.fault(from.value.at, "from: unit %q cannot become itself, name the unit that is left", code)
		}
		c.Convert.From = code
	}
	if at, ok := o.need("at"); ok {
		c.Convert.Mode, c.Convert.Rate = r.worth(at)
	}
}

// worth reads cost_basis, list, or a rate: a decimal, or a ratio of two.
func (r *reader) worth(f field) (convert.Mode, core.Rate) {
	text, ok := r.text(f, maxEcho)
	mode := convert.Mode(text)
	switch {
	case !ok:
		return "", core.Rate{}
	case mode == convert.CostBasis || mode == convert.List:
		return mode, core.Rate{}
	case !strings.ContainsAny(text[:1], "0123456789.+-"):
		r.fault(f.value.at, "at: %q is none of cost_basis, list or a rate such as 30, 0.08 or 1/30", text)
		return "", core.Rate{}
	}
	over, under, isRatio := strings.Cut(text, "/")
	rate, err := core.ParseRate(over)
	if err == nil && isRatio {
		var by core.Rate
		if by, err = core.ParseRate(under); err == nil && !by.IsZero() {
			rate, err = rate.Mul(core.Rate{Num: by.Den, Den: by.Num})
		} else if err == nil {
			rate = core.Rate{}
		}
	}
	if err != nil {
		r.refuse(f, err)
		return "", core.Rate{}
	}
	if rate.IsZero() {
		r.fault(f.value.at, "at: the rate %q must be above zero, it is new units for one old unit", text)
	}
	return convert.Explicit, rate
}
