package rate

import (
	"encoding/json"

	"scrip/core"
)

// Fixed is the price of an event to come, kept with what waits for it: a later
// rate card does not reach it.
type Fixed struct {
	Action     Action            `json:"action"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
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

// Cost is what a quantity costs at the fixed price, in parts of the unit.
func (f Fixed) Cost(quantity core.Rate, unit core.Unit) (core.Amount, error) {
	return f.Action.Cost(quantity, f.Dimensions, unit)
}

// Convert is the text of a fixed price after its unit became another, of which
// by make one; "" stays as it is.
func Convert(text string, by core.Rate) (string, error) {
	if text == "" {
		return "", nil
	}
	f, err := ParseFixed(text)
	if err == nil {
		f.Action, err = f.Action.times(by)
	}
	if err != nil {
		return "", err
	}
	return f.Text()
}

// times is the action at prices that many times as high, exactly.
func (a Action) times(by core.Rate) (Action, error) {
	var err error
	scale := func(r core.Rate) core.Rate {
		if err != nil || r.IsZero() {
			return r
		}
		r, err = r.Mul(by)
		return r
	}
	rates := make([]Rate, len(a.Rates))
	for i, r := range a.Rates {
		rates[i] = Rate{When: r.When, Cost: scale(r.Cost)}
	}
	a.Base, a.Minimum, a.Rates = scale(a.Base), scale(a.Minimum), rates
	return a, err
}
