package migrate

import (
	"strings"
	"testing"

	"scrip/mapping/config"
)

const planText = `version: 1
unit: {code: credits, scale: 1}
plans:
  pro:
    price: [22 usd, 20 eur]
    every: 1 month
    allotment:
      - {credits: 100, seats: [{up_to: 10, credits: 5.5}, {credits: 2}], mode: volume, every: 2 weeks, start: midnight, rollover: {max: 50, of: total, for: 3 cycles, priority: 10, forfeit: [downgrade, cancel]}, on: payment, cap: 150.5 per year, priority: 40, scope: [speak, sing]}
      - {credits: 7, every: 4 weeks, expires: 90 days}
    at_zero: overage
    overage: {price: [0.30 usd, 0.28 eur], per: 1000, limit: 400, charge_at: [44 usd, 40 eur], actions: {big: [1 usd, 1 eur]}}
    trial: {credits: 20, for: 14 days}
    upgrade: replace
`

func planSettings(t *testing.T, text string) Settings {
	t.Helper()
	c, err := config.Parse("scrip.yaml", []byte(text), config.Env{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return SettingsOf(c)
}

// Whatever a plan says otherwise shows up in a plan of changes, in one place.
func TestPlansAreSettings(t *testing.T) {
	base := planSettings(t, planText)
	seen := map[string]string{base.Digest(): "nothing"}
	for _, edit := range []struct{ old, new, path string }{
		{"22 usd", "23 usd", "price"}, {"every: 1 month", "every: 1 year", "every"}, {"{credits: 100", "{credits: 101", "allotment"},
		{"up_to: 10", "up_to: 11", "allotment"}, {"credits: 5.5", "credits: 5.4", "allotment"}, {"mode: volume", "mode: graduated", "allotment"},
		{"{credits: 2}", "{up_to: 99, credits: 2}", "allotment"},
		{"2 weeks", "14 days", "allotment"}, {"start: midnight", "start: anchor", "allotment"}, {"max: 50", "max: 51", "allotment"}, {"max: 50", "max: 2x", "allotment"}, {"of: total", "of: rolled", "allotment"},
		{"3 cycles", "1 cycle", "allotment"}, {"3 cycles", "3 months", "allotment"}, {"for: 3 cycles, ", "", "allotment"}, {"priority: 10", "priority: 11", "allotment"},
		{"[downgrade, cancel]", "[cancel]", "allotment"}, {"[downgrade, cancel]", "[downgrade]", "allotment"}, {"on: payment", "on: boundary", "allotment"},
		{"150.5 per year", "150.4 per year", "allotment"}, {"150.5 per year", "150.5 per month", "allotment"}, {"priority: 40", "priority: 41", "allotment"},
		{"[speak, sing]", "[speak]", "allotment"}, {"90 days", "91 days", "allotment[1]"}, {"90 days", "never", "allotment[1]"}, {"90 days", "cycle", "allotment[1]"},
		{"at_zero: overage", "at_zero: cap", "at_zero"}, {"0.28 eur", "0.29 eur", "overage.price"}, {"limit: 400", "limit: 4x", "overage.limit"},
		{"limit: 400", "limit: 401", "overage.limit"}, {"40 eur]", "41 eur]", "overage.charge_at"}, {"[1 usd, 1 eur]", "[1 usd, 2 eur]", "overage.actions.big"},
		{"credits: 20, for", "credits: 21, for", "trial"}, {"14 days}", "15 days}", "trial"}, {"upgrade: replace", "upgrade: carry", "upgrade"},
	} {
		if strings.Count(planText, edit.old) != 1 {
			t.Fatalf("%q does not stand once", edit.old)
		}
		other := planSettings(t, strings.Replace(planText, edit.old, edit.new, 1))
		if was, twice := seen[other.Digest()]; twice {
			t.Errorf("%q for %q is the same as %s", edit.new, edit.old, was)
		}
		seen[other.Digest()] = edit.new
		for _, c := range NewPlan(base, other, nil).Changes {
			if !strings.HasPrefix(c.Path, "plans.pro."+edit.path) || c.Why != "" {
				t.Errorf("%q for %q changes %+v", edit.new, edit.old, c)
			}
		}
	}
	if per := planSettings(t, strings.Replace(planText, "per: 1000", "per: 10", 1)); len(NewPlan(base, per, nil).Changes) != 2 {
		t.Error("what the price is of belongs to every price")
	}
	if gone := NewPlan(base, planSettings(t, planText[:strings.Index(planText, "plans:")]), nil); len(gone.Changes) != 11 {
		t.Errorf("without the plan %d settings change", len(gone.Changes))
	}
}
