package migrate

import (
	"maps"
	"testing"

	"scrip/core"
	"scrip/core/sale"
	"scrip/mapping"
	"scrip/mapping/config"
)

// A plan shows what changes of packs, top-ups and alerts, on lines of their own.
func TestSettingsOfPacksAndTopUps(t *testing.T) {
	off := false
	usd := func(n core.Amount) core.Money { return core.Money{Minor: n, Currency: "usd"} }
	c := &config.Config{
		Units: []config.Unit{{Unit: core.Unit{Code: "credits", Scale: 2}}},
		Packs: map[string]mapping.Pack{
			"plain": {Name: "plain", Unit: "credits", Credits: 100_00, Price: usd(8_00), Months: 12},
			"tiers": {Name: "tiers", Unit: "credits", Credits: 100_00, Minimum: 2, Cycle: true, Final: true, Tiers: []sale.PackTier{
				{UpTo: 10, Prices: []core.Money{usd(9_00), {Minor: 8_00, Currency: "eur"}}}, {Prices: []core.Money{usd(8_00), {Minor: 7_00, Currency: "eur"}}},
			}},
			"open": {Name: "open", Unit: "credits", Minimum: 5_00, Per: []core.Price{{Rate: core.Rate{Num: 2, Den: 25}, Currency: "usd"}}},
		},
		TopUp:  &config.TopUpForm{Enabled: &off, Pack: "plain", Below: "100", Percent: 25, Minimum: "50", AtMost: []string{"3 per month"}, Retry: []string{}},
		Alerts: &config.AlertsForm{Low: []string{"100", "20"}},
	}
	got := Settings{}
	for path, text := range SettingsOf(c) {
		switch path[:4] {
		case "pack", "top_", "aler":
			got[path] = text
		}
	}
	want := Settings{
		"packs.plain":    "100.00 credits for 8.00 usd, expire after 12 months",
		"packs.tiers":    "100.00 credits for 9.00 usd or 8.00 eur up to 10, 8.00 usd or 7.00 eur, expire with the period, at least 2 packs, not refundable",
		"packs.open":     "credits, 0.08 usd each, never expire, at least 5.00",
		"top_up.enabled": "false", "top_up.pack": "plain", "top_up.below": "100", "top_up.percent": "25", "top_up.minimum": "50",
		"top_up.at_most": "3 per month", "top_up.retry": "none", "alerts.low": "100, 20",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}
