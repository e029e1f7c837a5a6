package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"scrip/core"
	"scrip/core/rate"
)

// card lists a version of the rate card. The newest stands without its name, so
// that a plan shows what a new version changes; those before it stand by theirs.
func (s Settings) card(c rate.Card, newest bool) {
	at := "rate_card"
	if newest {
		s.put(at+".version", c.Version)
	} else {
		at += "." + c.Version
	}
	s.put(at+".effective_at", c.Effective.String())
	for name, action := range c.Actions {
		s.action(at+".actions."+name, &action)
	}
}

func (s Settings) action(at string, a *rate.Action) {
	s[at+".per"], s[at+".round"] = strconv.FormatInt(a.Per, 10), string(a.Round)
	s.put(at+".meter", a.Meter)
	s.put(at+".unit", a.Unit)
	if !a.Base.IsZero() {
		s[at+".base"] = ratio(a.Base)
	}
	if !a.Minimum.IsZero() {
		s[at+".minimum"] = ratio(a.Minimum)
	}
	s.factors(at, "", a.Multiply)
	s.put(at+".refund_on", strings.Join(a.RefundOn, ", "))
	s.put(at+".not_from", words(a.NotFrom, func(c core.Category) string { return string(c) }))
	s.put(at+".at_zero", string(a.AtZero))
	for i := range a.Rates {
		s.rate(at, &a.Rates[i])
	}
}

func (s Settings) rate(at string, r *rate.Rate) {
	when := pairs(r.When)
	if when == "" {
		when = "otherwise"
	}
	when = " (" + when + ")"
	switch {
	case r.Tiers != nil:
		s[at+".tiers"+when] = tiersText(r.Tiers)
	case len(r.Parts) > 0:
		s[at+".cost"+when] = words(r.Parts, func(c rate.Cost) string { return ratio(c.Cost) + " " + c.Unit })
	default:
		s[at+".cost"+when] = ratio(r.Cost)
	}
	if r.Base != nil {
		s[at+".base"+when] = ratio(*r.Base)
	}
	if r.Minimum != nil {
		s[at+".minimum"+when] = ratio(*r.Minimum)
	}
	s.factors(at, when, r.Multiply)
}

func (s Settings) factors(at, when string, list []rate.Factor) {
	for _, f := range list {
		var parts []string
		for _, value := range slices.Sorted(maps.Keys(f.Values)) {
			parts = append(parts, value+"="+ratio(f.Values[value]))
		}
		if f.Otherwise != nil {
			parts = append(parts, "*="+ratio(*f.Otherwise))
		}
		s[at+".multiply."+f.Dimension+when] = strings.Join(parts, ", ")
	}
}

func tiersText(t *rate.Tiers) string {
	var steps []string
	for _, tier := range t.Steps {
		if tier.UpTo > 0 {
			steps = append(steps, fmt.Sprintf("%s up to %d", ratio(tier.Cost), tier.UpTo))
		} else {
			steps = append(steps, ratio(tier.Cost)+" beyond")
		}
	}
	return fmt.Sprintf("%s per %s: %s", t.Mode, t.Per, strings.Join(steps, ", "))
}
