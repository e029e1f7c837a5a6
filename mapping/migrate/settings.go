package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"scrip/core"
	"scrip/core/convert"
	"scrip/mapping/config"
)

// Settings are the parts of a config that are applied and not merely read at
// a start, each by its path in the file, written for people. Secrets stand as
// their references.
type Settings map[string]string

// SettingsOf lists a config's settings.
func SettingsOf(c *config.Config) Settings {
	s := Settings{}
	for _, u := range c.Units {
		at := "unit." + u.Code
		s[at+".scale"] = strconv.Itoa(u.Scale)
		s.put(at+".price", words(u.Prices, priceText))
	}
	s.put("burn_order", words(c.Order, func(k core.OrderKey) string { return string(k) }))
	s.put("route.primary", c.Route.Primary)
	s.put("route.payments", c.Route.Collector())
	s.put("route.shadow", strings.Join(c.Route.Shadow, ", "))
	for i, card := range c.Cards {
		s.card(card, i == len(c.Cards)-1)
	}
	for name, p := range c.Packs {
		s["packs."+name] = packText(c, p)
	}
	s.watch(c)
	for _, t := range c.Plans {
		s.plan(c, t)
	}
	for _, conn := range c.Connections {
		s.connection(conn, activeUnits(c, conn.Units))
	}
	return s
}

func (s Settings) put(path, value string) {
	if value != "" {
		s[path] = value
	}
}

func (s Settings) connection(c config.Connection, units map[string]string) {
	at := "connections." + c.Name
	s[at+".provider"] = c.Provider
	s.put(at+".base_url", c.BaseURL)
	s[at+".api_key"] = c.APIKey.String()
	s.put(at+".webhook_secrets", words(c.WebhookSecrets, config.Secret.String))
	at = "mapping." + c.Name
	s[at+".strategy"], s[at+".window"] = string(c.Strategy), c.Window.String()
	s[at+".share"], s[at+".create"] = strconv.Itoa(c.Percent)+" %", strconv.FormatBool(c.Create)
	if c.Limit > 0 {
		s[at+".limit"] = strconv.Itoa(c.Limit)
	}
	if !c.Rate.IsZero() {
		s[at+".rate"] = priceText(c.Rate)
	}
	s.put(at+".packs", pairs(c.Packs))
	s.put(at+".units", pairs(units))
	s.put(at+".carrier", c.Carrier)
	s.put(at+".manual_changes", c.ManualChanges)
}

// Digest is a hash of all settings, in hex: two configs with the same digest
// mean the same, however they are written.
func (s Settings) Digest() string {
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(h, "%q %q\n", path, s[path])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func words[T any](list []T, text func(T) string) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = text(v)
	}
	return strings.Join(parts, ", ")
}

func pairs(m map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, name+"="+m[name])
	}
	return strings.Join(parts, ", ")
}

func priceText(p core.Price) string { return ratio(p.Rate) + " " + string(p.Currency) }

// ratio writes a rate as the decimal it was read from; one that is no decimal
// stays a fraction.
func ratio(r core.Rate) string {
	for scale := range core.MaxScale + 1 {
		if scaled, err := r.Scaled(scale); err == nil && scaled.Den == 1 {
			return core.Amount(scaled.Num).Format(scale)
		}
	}
	return fmt.Sprintf("%d/%d", r.Num, r.Den)
}

func unitText(c *config.Config, code string, a core.Amount) string {
	u, _ := c.Unit(code)
	return a.Format(u.Scale)
}

func life(months, days int) string {
	switch {
	case months == 0 && days == 0:
		return "never expire"
	case days == 0:
		return fmt.Sprintf("expire after %d months", months)
	case months == 0:
		return fmt.Sprintf("expire after %d days", days)
	}
	return fmt.Sprintf("expire after %d months and %d days", months, days)
}

// activeUnits are the vendor's ids of units that something is counted in.
func activeUnits(c *config.Config, ids map[string]string) map[string]string {
	active := map[string]string{}
	for code, id := range ids {
		if _, ok := c.Unit(code); ok {
			active[code] = id
		}
	}
	return active
}

// Unit says from which unit to which a plan goes, and at what.
type Unit struct {
	From string `json:"from"`
	To   string `json:"to"`
	At   string `json:"at"` // cost_basis, list, or new units for an old one
}

// UnitOf is the change of unit that lies between what is in force and what is
// wanted, or nil.
func UnitOf(now, wanted *config.Config) *Unit {
	if len(wanted.Retired) <= len(now.Retired) {
		return nil
	}
	t := wanted.Retired[len(wanted.Retired)-1].Terms
	u := &Unit{From: t.From.Code, To: t.To.Code, At: string(t.Mode)}
	if t.Mode == convert.Explicit {
		u.At = ratio(t.Rate)
	}
	return u
}
