package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/rate"
	"scrip/core/sale"
	"scrip/mapping"
)

// canary is what every secret holds in tests; no output may contain it.
const canary = "canary-7f3a9c"

// testEnv knows two vendors, and variables that are all set.
func testEnv() Env {
	variables := map[string]string{
		"KEY": canary + "-key", "WH": canary + "-wh", "WH2": canary + "-wh2", "SECRET": canary + "-secret",
		"EMPTY": "", "PLACE": "<your key here>", "CHANGE": "changeme", "XXX": "xxxx", "TODO": "TODO",
		"URL": "postgres://me:" + canary + "@db:6432/scrip", "BAD_URL": "postgres://me:" + canary + "@db/scrip?fsync=" + canary,
		"BLANK": canary + " ", "LINES": canary + "\n" + canary,
	}
	return Env{
		Lookup: func(name string) (string, bool) { v, ok := variables[name]; return v, ok },
		Providers: []Provider{
			{Name: "stripe", Strategies: []adapters.Strategy{adapters.Meter, adapters.Totals}, WhyNot: "it has no debit of a grant",
				Live: func(key string) bool { return strings.HasSuffix(key, "-key") }},
			{Name: "orb", Strategies: []adapters.Strategy{adapters.Mirror, adapters.Meter, adapters.Totals}, HoldsUnits: true, CannotCollect: true},
		},
	}
}

const full = `version: 1
storage: sqlite:/var/lib/scrip/scrip.db
listen: 0.0.0.0:9000
secret_key: env:SECRET
retention: {raw: 400 days}
unit:
  code: credits
  scale: 3
  price: [0.10 usd, "0.09 eur"]
connections:
  main: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH, env:WH2], base_url: http://127.0.0.1:8081}
  next:
    provider: orb
    api_key: env:SECRET
route: {primary: main, payments: main, shadow: [next]}
burn_order: [cost_basis, expiry]
holds: {default: 1h30m, max: 2 days}
windows: {late: 2 weeks, skew: 90s, closed: next_open}
deficit: {limit: 0, settled_by: paid}
refunds: {shortfall: write_off}
rate_card:
  version: 2026.10
  effective_at: 2026-01-01T00:00:00+01:00
  actions:
    api.call: {cost: 1}
    text.generate:
      meter: tokens
      per: 1000
      round: up
      minimum: 0.10
      rates:
        - {when: {model: large, tier: 1}, cost: 1.5}
        - {cost: 0.000000001}
    video.export: {base: 10.005}
packs:
  starter: {credits: 1000, price: 80 usd, expires: 12 months}
  forever: {credits: "0.001", price: 0.50 eur, expires: never}
  short: {credits: 5, price: 100 jpy, expires: 2 weeks}
mapping:
  main:
    strategy: meter
    rate: 0.08 usd
    create: false
    window: 5m
    packs: {starter: price_123}
    manual_changes: flag
    share: 0.05
    limit: 250
`

func TestParseReadsEveryField(t *testing.T) {
	c, err := Parse("scrip.yaml", []byte(full), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	zero, sum := core.Rate{Num: 0, Den: 1}, sha256.Sum256([]byte(full))
	effective, _ := core.ParseTime("2025-12-31T23:00:00Z")
	want := &Config{
		Storage: "sqlite:/var/lib/scrip/scrip.db", Listen: "0.0.0.0:9000",
		SecretKey: c.SecretKey, RetainRaw: 400 * 24 * time.Hour,
		Units: []Unit{{core.Unit{Code: "credits", Scale: 3}, []core.Price{
			{Rate: core.Rate{Num: 1, Den: 10}, Currency: "usd"}, {Rate: core.Rate{Num: 9, Den: 100}, Currency: "eur"}}}},
		Connections: []Connection{
			{mapping.Connection{Name: "main", Provider: "stripe", BaseURL: "http://127.0.0.1:8081", Strategy: adapters.Meter,
				Rate: core.Price{Rate: core.Rate{Num: 2, Den: 25}, Currency: "usd"}, Window: 5 * time.Minute, ManualChanges: "flag",
				Percent: 5, Limit: 250, Packs: map[string]string{"starter": "price_123"}, Live: true},
				c.Connections[0].APIKey, c.Connections[0].WebhookSecrets},
			{mapping.Connection{Name: "next", Provider: "orb", Strategy: adapters.Mirror, Create: true, Window: time.Minute,
				ManualChanges: "flag", Percent: 50, HoldsUnits: true, Units: map[string]string{"credits": "credits"}}, c.Connections[1].APIKey, nil},
		},
		Route: mapping.Route{Primary: "main", Payments: "main", Shadow: []string{"next"}},
		Order: core.Order{core.ByCostBasis, core.ByExpiry},
		Holds: Holds{90 * time.Minute, 48 * time.Hour},
		Late:  14 * 24 * time.Hour, Skew: 90 * time.Second, NextOpen: true,
		Cards: rate.Cards{{Version: "2026.10", Effective: effective, Actions: map[string]rate.Action{
			"api.call": {Name: "api.call", Base: zero, Per: 1, Round: rate.StepNone, Minimum: zero, Rates: []rate.Rate{{Cost: core.Rate{Num: 1, Den: 1}}}},
			"text.generate": {Name: "text.generate", Meter: "tokens", Base: zero, Per: 1000, Round: rate.StepUp, Minimum: core.Rate{Num: 1, Den: 10},
				Rates: []rate.Rate{
					{When: map[string]string{"model": "large", "tier": "1"}, Cost: core.Rate{Num: 3, Den: 2}},
					{Cost: core.Rate{Num: 1, Den: 1_000_000_000}}}},
			"video.export": {Name: "video.export", Base: core.Rate{Num: 2001, Den: 200}, Per: 1, Round: rate.StepNone, Minimum: zero, Rates: []rate.Rate{{Cost: zero}}},
		}}},
		Packs: map[string]mapping.Pack{
			"starter": {Name: "starter", Unit: "credits", Credits: 1_000_000, Price: core.Money{Minor: 8000, Currency: "usd"}, Months: 12},
			"forever": {Name: "forever", Unit: "credits", Credits: 1, Price: core.Money{Minor: 50, Currency: "eur"}},
			"short":   {Name: "short", Unit: "credits", Credits: 5000, Price: core.Money{Minor: 100, Currency: "jpy"}, Days: 14},
		},
		Deficit: Deficit{Limit: zero}, Refunds: sale.WriteOff,
		Digest: hex.EncodeToString(sum[:]),
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	secrets := []string{c.SecretKey.Reveal()}
	for _, k := range c.Connections {
		secrets = append(secrets, k.APIKey.Reveal())
		for _, s := range k.WebhookSecrets {
			secrets = append(secrets, s.Ref+"="+s.Reveal())
		}
	}
	wantSecrets := []string{canary + "-secret", canary + "-key", "env:WH=" + canary + "-wh", "env:WH2=" + canary + "-wh2", canary + "-secret"}
	if !reflect.DeepEqual(secrets, wantSecrets) {
		t.Errorf("secrets are %q, want %q", secrets, wantSecrets)
	}
}

func TestParseDefaults(t *testing.T) {
	c, err := Parse("scrip.yaml", []byte(`version: 1
unit: {code: usd, scale: 6}
connections:
  main: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:WH]}
route: {primary: main}
`), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Storage: "sqlite:scrip.db", Listen: "127.0.0.1:8080",
		Units: []Unit{{core.Unit{Code: "usd", Scale: 6}, []core.Price{{Rate: core.Rate{Num: 1, Den: 1}, Currency: "usd"}}}},
		Connections: []Connection{{mapping.Connection{Name: "main", Provider: "stripe", Strategy: adapters.Meter,
			Rate: core.Price{Rate: core.Rate{Num: 1, Den: 1}, Currency: "usd"}, Create: true, Window: time.Minute,
			ManualChanges: "flag", Percent: 50, Live: true}, c.Connections[0].APIKey, c.Connections[0].WebhookSecrets}},
		Route: mapping.Route{Primary: "main", Payments: "main"},
		Order: core.DefaultOrder(), Holds: Holds{15 * time.Minute, 24 * time.Hour}, Late: 34 * 24 * time.Hour, Skew: 5 * time.Minute,
		Packs: map[string]mapping.Pack{}, Digest: c.Digest,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	c, err = Parse("scrip.yaml", []byte("version: 1\nunit: {code: credits}\n"), testEnv())
	if err != nil || c.Units[0].Scale != 2 || len(c.Units[0].Prices) != 0 {
		t.Errorf("the least config gave %+v, %v", c, err)
	}
}

// A later release may not read an older file otherwise by how it is laid out.
func TestParseReadsLayoutsAlike(t *testing.T) {
	base, err := Parse("scrip.yaml", []byte(full), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"CRLF":     strings.ReplaceAll(full, "\n", "\r\n"),
		"BOM":      "\ufeff" + full,
		"header":   "---\n" + full,
		"comments": "# é\n" + strings.ReplaceAll(full, "\n", "  # note: x\n"),
		"quoted":   strings.ReplaceAll(strings.ReplaceAll(full, "env:WH,", `"env:WH",`), "80 usd", "'80 usd'"),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse("scrip.yaml", []byte(text), testEnv())
			if err != nil {
				t.Fatal(err)
			}
			if c.Digest == base.Digest {
				t.Error("another file has the same digest")
			}
			c.Digest = base.Digest
			for _, both := range []*Config{c, base} {
				both.SecretKey = Secret{}
				for i := range both.Connections {
					both.Connections[i].APIKey, both.Connections[i].WebhookSecrets = Secret{}, nil
				}
			}
			if !reflect.DeepEqual(c, base) {
				t.Errorf("got %+v, want %+v", c, base)
			}
		})
	}
}

func TestTemplateParses(t *testing.T) {
	for _, p := range testEnv().Providers {
		env := testEnv()
		env.Lookup = func(name string) (string, bool) {
			upper := strings.ToUpper(p.Name)
			for _, known := range []string{"SCRIP_SECRET", upper + "_KEY", upper + "_WEBHOOK_SECRET"} {
				if name == known {
					return canary, true
				}
			}
			return "", false
		}
		text := Template(p.Name)
		c, err := Parse("scrip.yaml", []byte(text), env)
		if p.CannotCollect {
			// Its packs must be paid elsewhere, which only a second connection can do.
			if err == nil || !strings.Contains(err.Error(), "cannot collect money") {
				t.Errorf("%s: got %v", p.Name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Cards[0].Actions) != 5 || len(c.Packs) != 1 || c.Connections[0].Rate.IsZero() || c.Connections[0].Provider != p.Name {
			t.Errorf("the template gave %+v", c)
		}
		for _, line := range strings.Split(text, "\n") {
			if len(line) > 100 || strings.Contains(line, "@") {
				t.Errorf("line %q is too long or not filled in", line)
			}
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "scrip.yaml")
	if _, err := Load(path, testEnv()); err == nil || core.CodeOf(err) != core.CodeInvalid || !strings.Contains(err.Error(), "scrip init") {
		t.Errorf("a missing file gave %v", err)
	}
	if _, err := Load(dir, testEnv()); err == nil || core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("a folder gave %v", err)
	}
	if err := os.WriteFile(path, []byte("version: 2\nunit: {code: credits}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, testEnv())
	var faults *Faults
	if !errors.As(err, &faults) || faults.Error() != `scrip.yaml:1:10: version "2" of the format is unknown, write 1` {
		t.Errorf("got %v", err)
	}
	if core.CodeOf(err) != core.CodeInvalid || core.CodeOf(err).Class().Exit != 2 {
		t.Errorf("the code is %q", core.CodeOf(err))
	}
	if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, testEnv()); err != nil {
		t.Error(err)
	}
}

// TestUnitsAndCarrier: a unit that is not mapped has its own code at the vendor.
func TestUnitsAndCarrier(t *testing.T) {
	c, err := Parse("scrip.yaml", []byte("version: 1\nunits: [{code: a, price: 1 usd}, {code: b}]\n"+two+
		"mapping: {o: {strategy: meter, units: {b: pu_1}, carrier: plan_1}, m: {strategy: totals}}\n"), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	o, m := c.Connections[0].Connection, c.Connections[1].Connection
	if want := map[string]string{"a": "a", "b": "pu_1"}; !reflect.DeepEqual(o.Units, want) || !o.HoldsUnits || o.Carrier != "plan_1" || !o.Rate.IsZero() {
		t.Errorf("the vendor of units is mapped as %+v", o)
	}
	if m.HoldsUnits || m.Units != nil || c.Route.Payments != "m" {
		t.Errorf("the vendor of money is mapped as %+v, the route %+v", m, c.Route)
	}
	// Where grants hang on the carrier, it is named whatever draws them down.
	for strategy, fine := range map[string]bool{"mirror": true, "totals": false} {
		env := testEnv()
		env.Providers[1].CarrierLeads = true
		_, err := Parse("scrip.yaml", []byte("version: 1\nunit: {code: a, price: 1 usd}\n"+two+"mapping: {o: {strategy: "+strategy+", carrier: plan_1}, m: {strategy: totals}}\n"), env)
		if (err == nil) != fine {
			t.Errorf("a carrier with the strategy %s: %v", strategy, err)
		}
	}
}
