package migrate

import (
	"fmt"
	"strconv"
	"strings"

	"scrip/core"
	"scrip/core/sale"
	"scrip/mapping"
	"scrip/mapping/config"
)

// packText is a pack on one line.
func packText(c *config.Config, p mapping.Pack) string {
	ends := life(p.Months, p.Days)
	if p.Cycle {
		ends = "expire with the period"
	}
	var rest []string
	sold := fmt.Sprintf("%s %s for %s", unitText(c, p.Unit, p.Credits), p.Unit, packPrices(p))
	if len(p.Per) > 0 {
		sold = fmt.Sprintf("%s, %s each", p.Unit, words(p.Per, priceText))
		if p.Minimum > 0 {
			rest = append(rest, "at least "+unitText(c, p.Unit, p.Minimum))
		}
	} else if p.Minimum > 1 {
		rest = append(rest, "at least "+strconv.FormatInt(int64(p.Minimum), 10)+" packs")
	}
	if p.Final {
		rest = append(rest, "not refundable")
	}
	return strings.Join(append([]string{sold, ends}, rest...), ", ")
}

// packPrices is what one pack costs, by how many are bought.
func packPrices(p mapping.Pack) string {
	if len(p.Tiers) == 0 {
		return p.Price.String()
	}
	return words(p.Tiers, func(t sale.PackTier) string {
		text := strings.ReplaceAll(words(t.Prices, core.Money.String), ", ", " or ")
		if t.UpTo > 0 {
			text += " up to " + strconv.FormatInt(t.UpTo, 10)
		}
		return text
	})
}

// watch lists top-ups and alerts, which make purchases and notices.
func (s Settings) watch(c *config.Config) {
	put := func(path string, enabled *bool, pairs ...string) {
		if enabled != nil {
			s[path+".enabled"] = strconv.FormatBool(*enabled)
		}
		for i := 0; i < len(pairs); i += 2 {
			s.put(path+"."+pairs[i], pairs[i+1])
		}
	}
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	if f := c.TopUp; f != nil {
		put("top_up", f.Enabled, "pack", f.Pack, "below", f.Below, "to", f.To, "amount", f.Amount, "packs", number(f.Packs),
			"percent", number(f.Percent), "minimum", f.Minimum, "at_most", strings.Join(f.AtMost, ", "), "retry", strings.Join(f.Retry, ", "))
		if f.Retry != nil && len(f.Retry) == 0 {
			s["top_up.retry"] = "none"
		}
	}
	if f := c.Alerts; f != nil {
		put("alerts", f.Enabled, "unit", f.Unit, "low", strings.Join(f.Low, ", "), "expiring", strings.Join(f.Expiring, ", "))
	}
}
