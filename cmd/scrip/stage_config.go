package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// demoConfig is what the sample company runs on. A sandbox takes more calls a
// second than a vendor, hence the limits.
const demoConfig = `version: 1
storage: %s
listen: %s
secret_key: env:SCRIP_SECRET
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
%sroute: {primary: %s, payments: %s}
mapping:
%srate_card:
  version: "2026-01"
  effective_at: 2026-01-01T00:00:00Z
  actions:
    image.generate: {cost: 5}
    api.call: {cost: 1}
    text.generate:
      meter: tokens
      per: 1000
      round: up
      minimum: 0.1
      rates:
        - {when: {model: large}, cost: 1.5}
        - {cost: 0.1}
packs:
  starter: {credits: 1000, price: 80 usd, expires: 12 months}
`

const demoVendorKey, demoWebhookSecret = "sk_test_demo", "whsec_demo_0123456789abcdef"

// before is the config that the company begins with.
func (st *stage) before() string { return st.configText(st.main, st.pay) }

// after is the config with the other vendor in the lead. Where that one asks
// nobody to pay, the money is collected where it was.
func (st *stage) after() string {
	if st.next.pays != "" {
		return st.configText(st.next, st.pay)
	}
	return st.configText(st.next, st.next)
}

// dollars is the config with balances in dollars, which takes the place of the
// one after the move. All figures stay as they were written.
func (st *stage) dollars() string {
	return strings.Replace(st.after(), "unit: {code: credits, scale: 2, price: 0.08 usd}\n",
		"unit: {code: usd, scale: 6}\nconvert: {from: credits, at: list}\n", 1)
}

// configText is a config in which lead holds grants and consumption and pay
// collects the money.
func (st *stage) configText(lead, pay *seat) string {
	var connections, mappings strings.Builder
	for _, s := range st.seats {
		if !slices.Contains([]*seat{st.main, st.pay, lead, pay}, s) {
			continue
		}
		fmt.Fprintf(&connections, "  %s: {provider: %s, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: %q}\n",
			s.connection, s.name, s.box.url)
		fmt.Fprintf(&mappings, "  %s: {window: 60s, limit: 1000}\n", s.connection)
	}
	return fmt.Sprintf(demoConfig, cmp.Or(st.storage, "sqlite:"+filepath.Join(st.dir, "scrip.db")), strings.TrimPrefix(st.api.base, "http://"),
		connections.String(), lead.connection, pay.connection, mappings.String())
}

func (st *stage) configPath() string { return filepath.Join(st.dir, "scrip.yaml") }

// configure writes the config file, as the company's operator would.
func (st *stage) configure(text string) error {
	return os.WriteFile(st.configPath(), []byte(text), 0o600)
}

// diff lists the lines that go, by a minus, and those that come, by a plus,
// each below the section that it stands in.
func diff(before, after string) []string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	var lines []string
	section := ""
	say := func(sign, line string) {
		if strings.HasPrefix(line, " ") && section != "" {
			lines, section = append(lines, " "+section), ""
		}
		if !strings.HasPrefix(line, " ") {
			section = ""
		}
		lines = append(lines, sign+line)
	}
	for len(old)+len(now) > 0 {
		switch {
		case len(old) > 0 && len(now) > 0 && old[0] == now[0]:
			if !strings.HasPrefix(old[0], " ") {
				section = old[0]
			}
			old, now = old[1:], now[1:]
		case len(now) > 0 && strings.HasPrefix(now[0], " ") && !slices.Contains(old, now[0]):
			say("+", now[0])
			now = now[1:]
		case len(old) > 0 && !slices.Contains(now, old[0]):
			say("-", old[0])
			old = old[1:]
		case len(now) > 0:
			say("+", now[0])
			now = now[1:]
		default:
			say("-", old[0])
			old = old[1:]
		}
	}
	return lines
}
