package config

import (
	"scrip/core"
	"scrip/core/convert"
)

// Deficit is what accounts without a plan may owe.
type Deficit struct {
	Limit core.Rate // in the first unit; none when zero
	Any   bool      // every unrestricted grant settles one, not only paid ones
}

const deficitPath = "deficit.limit"

// LimitOf is the limit in parts of a unit.
func (d Deficit) LimitOf(u core.Unit) core.Amount {
	exact, err := d.Limit.Scaled(u.Scale)
	if err != nil {
		return 0
	}
	n, _, err := core.MulDiv(1, exact, core.RoundDown)
	if err != nil {
		return 0
	}
	return n
}

// Settles are the categories whose grants pay a deficit; none means paid ones.
func (d Deficit) Settles() []core.Category {
	if !d.Any {
		return nil
	}
	return []core.Category{core.Paid, core.Promotional, core.Allotment, core.Rollover, core.Adjustment}
}

func (r *reader) deficit(top object, c *Config) {
	f, ok := top.get("deficit")
	if !ok {
		return
	}
	o := r.object(f, "deficit", deficitFields, "")
	if limit, ok := o.get("limit"); ok {
		scale := core.MaxScale
		if len(c.Units) > 0 {
			scale = c.Units[0].Scale
		}
		c.Deficit.Limit = r.exactCost(limit, deficitPath, scale)
	}
	if by, ok := o.get("settled_by"); ok {
		switch text, ok := r.text(by, maxEcho); {
		case !ok || text == "paid":
		case text == "any":
			c.Deficit.Any = true
		default:
			r.fault(by.value.at, "settled_by: %q is unknown, write paid or any", text)
		}
	}
}

// deficit carries the limit over to a new unit.
func (v *resolver) deficit() {
	v.out.Deficit.Limit = v.figure(deficitPath, convert.Fixed, v.out.Deficit.Limit)
}
