package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/plan"
	"scrip/mapping/config"
)

// plan lists what a plan promises. Whatever means something else is written
// otherwise.
func (s Settings) plan(c *config.Config, t plan.Terms) {
	at := "plans." + t.Plan
	unit := c.Units[0].Code
	amount := func(a core.Amount) string { return unitText(c, unit, a) }
	s[at+".every"] = t.Every.String()
	s.put(at+".price", words(t.Prices, core.Money.String))
	for i := range t.Allotments {
		name := at + ".allotment"
		if i > 0 {
			name = fmt.Sprintf("%s[%d]", name, i)
		}
		s[name] = allotmentText(&t.Allotments[i], amount)
	}
	s.put(at+".at_zero", string(t.AtZero))
	if o := t.Overage; o != nil {
		s[at+".overage.price"] = perText(o.Prices, o.Per)
		for _, action := range slices.Sorted(maps.Keys(o.Actions)) {
			s[at+".overage.actions."+action] = perText(o.Actions[action], o.Per)
		}
		s.put(at+".overage.limit", boundText(o.Limit, o.Times, amount))
		s.put(at+".overage.charge_at", words(o.ChargeAt, core.Money.String))
	}
	if t.Trial != nil {
		s[at+".trial"] = fmt.Sprintf("%s for %s", amount(t.Trial.Credits), t.Trial.For)
	}
	if t.Replace {
		s[at+".upgrade"] = "replace"
	}
}

func perText(prices []core.Price, per int64) string {
	text := words(prices, priceText)
	if per != 1 {
		text += fmt.Sprintf(" per %d", per)
	}
	return text
}

// boundText is an amount or a multiple; "" where there is no bound.
func boundText(most core.Amount, times core.Rate, amount func(core.Amount) string) string {
	switch {
	case !times.IsZero():
		return ratio(times) + "x"
	case most != 0:
		return amount(most)
	}
	return ""
}

func allotmentText(a *plan.Allotment, amount func(core.Amount) string) string {
	parts := []string{amount(a.Credits)}
	if len(a.Brackets) > 0 {
		mode := "graduated"
		if a.Volume {
			mode = "volume"
		}
		parts = append(parts, mode+" by seat: "+words(a.Brackets, func(b plan.Bracket) string {
			if b.UpTo == 0 {
				return amount(b.Credits) + " beyond"
			}
			return fmt.Sprintf("%s up to %d", amount(b.Credits), b.UpTo)
		}))
	}
	parts = append(parts, "every "+a.Every.String())
	if a.Midnight {
		parts = append(parts, "from midnight")
	}
	switch {
	case a.Never:
		parts = append(parts, "never expires")
	case !a.Life.IsZero():
		parts = append(parts, "expires after "+a.Life.String())
	}
	if a.Rollover != nil {
		parts = append(parts, rolloverText(a.Rollover, amount))
	}
	if a.OnPayment {
		parts = append(parts, "on payment")
	}
	if a.Cap != nil {
		parts = append(parts, fmt.Sprintf("at most %s per %s", amount(a.Cap.Amount), a.Cap.Per))
	}
	if a.Priority != core.DefaultPriority {
		parts = append(parts, fmt.Sprintf("priority %d", a.Priority))
	}
	if len(a.Actions) > 0 {
		parts = append(parts, "for "+strings.Join(a.Actions, " and ")+" only")
	}
	return strings.Join(parts, ", ")
}

func rolloverText(r *plan.Rollover, amount func(core.Amount) string) string {
	text := "rolls over"
	if most := boundText(r.Max, r.Times, amount); most != "" {
		text += " up to " + most
	}
	if r.Total {
		text += " in all"
	}
	switch {
	case !r.Life.IsZero():
		text += " for " + r.Life.String()
	case r.Cycles == 1:
		text += " for 1 cycle"
	case r.Cycles > 0:
		text += fmt.Sprintf(" for %d cycles", r.Cycles)
	}
	if r.Priority != core.DefaultPriority {
		text += fmt.Sprintf(" at priority %d", r.Priority)
	}
	for _, on := range []plan.Loss{plan.OnDowngrade, plan.OnCancel} {
		if slices.Contains(r.Forfeit, on) {
			text += ", lost at " + string(on)
		}
	}
	return text
}
