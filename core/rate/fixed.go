package rate

import (
	"encoding/json"
	"slices"

	"scrip/core"
)

// Fixed is the price of an event to come, kept with what waits for it: a later
// rate card does not reach it.
type Fixed struct {
	Action     Action            `json:"action"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	Quantity   Quantity          `json:"quantity,omitempty"` // that it was made for
	Used       Quantity          `json:"used,omitempty"`     // before it, where the price goes by use
}

// Text is the form that [ParseFixed] reads.
func (f Fixed) Text() (string, error) {
	raw, err := json.Marshal(f)
	return string(raw), err
}

// ParseFixed reads a fixed price.
func ParseFixed(text string) (Fixed, error) {
	var f Fixed
	err := json.Unmarshal([]byte(text), &f)
	return f, err
}

// Event is a quantity of what the price was fixed for.
func (f *Fixed) Event(quantity Quantity) Event {
	return Event{Quantity: quantity, Dimensions: f.Dimensions, Used: f.Used}
}

// Cost is what a quantity costs at the fixed price, in parts of the unit.
func (f *Fixed) Cost(quantity Quantity, unit core.Unit) (core.Amount, error) {
	return f.Action.Cost(f.Event(quantity), unit)
}

// Convert is the text of a fixed price after one unit became another, of which
// by make one; "" stays as it is. What it costs in other units stays too, and
// so do factors, which are numbers of no unit.
func Convert(text, from, to string, by core.Rate) (string, error) {
	if text == "" {
		return "", nil
	}
	f, err := ParseFixed(text)
	if err == nil {
		f.Action, err = f.Action.converted(from, to, by)
	}
	if err != nil {
		return "", err
	}
	return f.Text()
}

// converted is the action with its prices in one unit that many times as high,
// in another, exactly.
func (a Action) converted(from, to string, by core.Rate) (Action, error) {
	var err error
	scale := func(r core.Rate) core.Rate {
		if err != nil || r.IsZero() {
			return r
		}
		r, err = r.Mul(by)
		return r
	}
	scaled := func(r *core.Rate) *core.Rate {
		if r == nil {
			return nil
		}
		by := scale(*r)
		return &by
	}
	rates := slices.Clone(a.Rates)
	for i := range rates {
		r := &rates[i]
		r.Parts = slices.Clone(r.Parts)
		for j := range r.Parts {
			if p := &r.Parts[j]; p.Unit == from {
				p.Unit, p.Cost = to, scale(p.Cost)
			}
		}
	}
	a.Rates = rates
	if a.Unit != "" && a.Unit != from {
		return a, err
	}
	if a.Unit == from {
		a.Unit = to
	}
	a.Base, a.Minimum = scale(a.Base), scale(a.Minimum)
	for i := range rates {
		r := &rates[i]
		r.Cost, r.Base, r.Minimum = scale(r.Cost), scaled(r.Base), scaled(r.Minimum)
		if r.Tiers != nil {
			t := *r.Tiers
			t.Steps = slices.Clone(t.Steps)
			for j := range t.Steps {
				t.Steps[j].Cost = scale(t.Steps[j].Cost)
			}
			r.Tiers = &t
		}
	}
	return a, err
}
