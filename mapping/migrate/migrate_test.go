package migrate_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
	"scrip/storage/sqlite"
)

const base = `version: 1
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
  main: {provider: acme, api_key: env:KEY, webhook_secrets: [env:WH], base_url: "http://127.0.0.1:1"}
route: {primary: main}
rate_card:
  version: "1"
  effective_at: 2026-01-01T00:00:00Z
  actions:
    image.generate: {cost: 5}
packs:
  starter: {credits: 1000, price: 80 usd, expires: 12 months}
`

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("scrip.yaml", []byte(text), config.Env{
		Lookup:    func(name string) (string, bool) { return "canary_" + name, true },
		Providers: []config.Provider{{Name: "acme", Strategies: []adapters.Strategy{adapters.Meter, adapters.Totals}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func settings(t *testing.T, text string) migrate.Settings { return migrate.SettingsOf(parse(t, text)) }

func openLedger(t *testing.T) *ledger.Ledger {
	store, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "scrip.db"))
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.Open(store, ledger.Options{Now: func() core.Time { return 1_764_000_000_000_000 }, Order: core.DefaultOrder()})
	t.Cleanup(func() { l.Close(); _ = store.Close() })
	return l
}

func TestSettingsMeanTheSameHoweverTheyAreWritten(t *testing.T) {
	same := strings.Replace(base, "{cost: 5}", "{cost: 5.00, per: 1}", 1) + "# a comment\nlisten: 127.0.0.1:9999\n"
	a, b := settings(t, base), settings(t, same)
	if a.Digest() != b.Digest() {
		t.Errorf("digests differ: %v", migrate.NewPlan(a, b, nil).Changes)
	}
	raw, _ := json.Marshal(a)
	if strings.Contains(string(raw), "canary") {
		t.Errorf("a secret's value stands in the settings: %s", raw)
	}
}

func TestPlanListsEveryChange(t *testing.T) {
	desired := strings.NewReplacer("{cost: 5}", "{cost: 6}", "80 usd", "75 usd", `version: "1"`, `version: "2"`).Replace(base)
	p := migrate.NewPlan(settings(t, base), settings(t, desired), nil)
	var lines []string
	for _, c := range p.Changes {
		lines = append(lines, c.Sign()+" "+c.Path+": "+c.Before+" -> "+c.After)
	}
	want := []string{
		"~ packs.starter: 1000.00 credits for 80.00 usd, expire after 12 months -> 1000.00 credits for 75.00 usd, expire after 12 months",
		"~ rate_card.actions.image.generate.cost (otherwise): 5 -> 6",
		"~ rate_card.version: 1 -> 2",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("changes are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if len(p.Blocked()) != 0 {
		t.Errorf("blocked: %v", p.Blocked())
	}
}

// A new version stands beside what it changes, and every figure of a card has
// a line of its own.
func TestPlanListsEveryFigureOfACard(t *testing.T) {
	card := func(cards string) string {
		return base[:strings.Index(base, "rate_card:")] + "rate_card:\n" + cards + base[strings.Index(base, "packs:"):]
	}
	old := `- version: "1"
  actions:
    ci: {cost: 1, multiply: {os: {linux: 1, macos: 10}}}
    gpu: {rates: [{when: {class: large}, cost: 20}, {cost: 1}]}
    archive: {tiers: {mode: graduated, steps: [{up_to: 100, cost: 1}, {cost: 0.5}]}}
`
	renewed := strings.NewReplacer(`version: "1"`, "version: \"2\"\n  effective_at: 2027-01-01T00:00:00Z", "macos: 10", "macos: 8, \"*\": 2", "{cost: 1, multiply", "{cost: 1, refund_on: [failed], at_zero: cap, not_from: [allotment], multiply",
		"cost: 20}", "cost: 20, base: 3, minimum: 2}", "mode: graduated", "mode: volume, per: day").Replace(old)
	var lines []string
	for _, c := range migrate.NewPlan(settings(t, card(old)), settings(t, card(old+renewed)), nil).Changes {
		if strings.HasPrefix(c.Path, "rate_card.1.") { // the version before, which stays
			if c.Before != "" {
				t.Errorf("%s was %q", c.Path, c.Before)
			}
			continue
		}
		lines = append(lines, c.Sign()+" "+c.Path+": "+c.Before+" -> "+c.After)
	}
	want := []string{
		"~ rate_card.actions.archive.tiers (otherwise): graduated per cycle: 1 up to 100, 0.5 beyond -> volume per day: 1 up to 100, 0.5 beyond",
		"+ rate_card.actions.ci.at_zero:  -> cap",
		"~ rate_card.actions.ci.multiply.os: linux=1, macos=10 -> linux=1, macos=8, *=2",
		"+ rate_card.actions.ci.not_from:  -> allotment",
		"+ rate_card.actions.ci.refund_on:  -> failed",
		"+ rate_card.actions.gpu.base (class=large):  -> 3",
		"+ rate_card.actions.gpu.minimum (class=large):  -> 2",
		"+ rate_card.effective_at:  -> 2027-01-01T00:00:00Z",
		"~ rate_card.version: 1 -> 2",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("changes are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatTouchesBalancesOrVendorsIsBlocked(t *testing.T) {
	for name, replace := range map[string][2]string{
		"unit":   {"scale: 2", "scale: 4"},
		"code":   {"code: credits", "code: points"},
		"shadow": {"route: {primary: main}", "  next: {provider: acme, api_key: env:KEY, webhook_secrets: [env:WH]}\nroute: {primary: main, shadow: [next]}"},
		"mode":   {"route: {primary: main}", "route: {primary: main}\nmapping: {main: {strategy: totals}}"},
	} {
		p := migrate.NewPlan(settings(t, base), settings(t, strings.Replace(base, replace[0], replace[1], 1)), nil)
		if len(p.Blocked()) == 0 {
			t.Errorf("%s: nothing of %v is blocked", name, p.Changes)
		}
	}
}

// MG-01.
func TestApply(t *testing.T) {
	ctx, l := context.Background(), openLedger(t)
	desired := strings.Replace(base, "{cost: 5}", "{cost: 6}", 1)
	from, to := settings(t, base), settings(t, desired)
	plan := migrate.NewPlan(from, to, nil)
	if err := migrate.Apply(ctx, l, plan, desired, to); core.CodeOf(err) != core.CodePlanStale {
		t.Errorf("applied on an unused database: %v", err)
	}
	first, err := migrate.Begin(ctx, l, base, from)
	if err != nil || first.Text != base || first.Version != 1 {
		t.Fatalf("began with %+v, %v", first, err)
	}
	if again, err := migrate.Begin(ctx, l, desired, to); err != nil || again.Text != base {
		t.Errorf("a second start replaced what is applied: %+v, %v", again, err)
	}
	if err := migrate.Apply(ctx, l, plan, base, from); core.CodeOf(err) != core.CodePlanStale {
		t.Errorf("applied another file than was planned: %v", err)
	}
	for range 2 { // running it twice changes nothing
		if err := migrate.Apply(ctx, l, plan, desired, to); err != nil {
			t.Fatal(err)
		}
	}
	now, err := migrate.Current(ctx, l.Reader())
	if err != nil || now.Text != desired || now.Version != 2 || now.Digest != to.Digest() {
		t.Errorf("applied is %+v, %v", now, err)
	}
	other := settings(t, strings.Replace(base, "{cost: 5}", "{cost: 7}", 1))
	if err := migrate.Apply(ctx, l, migrate.NewPlan(from, other, nil), "x", other); core.CodeOf(err) != core.CodePlanStale {
		t.Errorf("a stale plan was applied: %v", err)
	}
}

func TestNoChangeIsAppliedUnderAMove(t *testing.T) {
	ctx, l := context.Background(), openLedger(t)
	moved := strings.Replace(base, "route: {primary: main}", "  next: {provider: acme, api_key: env:KEY, webhook_secrets: [env:WH]}\nroute: {primary: next, payments: main}", 1)
	from, to := settings(t, base), settings(t, moved)
	if _, err := migrate.Begin(ctx, l, base, from); err != nil {
		t.Fatal(err)
	}
	v := &migrate.Mover{Ledger: l}
	if err := v.Begin(ctx, migrate.NewPlan(from, to, nil), moved, parse(t, moved)); err != nil {
		t.Fatal(err)
	}
	dearer := strings.Replace(base, "{cost: 5}", "{cost: 6}", 1)
	wanted := settings(t, dearer)
	if err := migrate.Apply(ctx, l, migrate.NewPlan(from, wanted, nil), dearer, wanted); core.CodeOf(err) != core.CodeConversionInProgress {
		t.Errorf("a price was applied under a move: %v", err)
	}
	if err := v.Begin(ctx, migrate.NewPlan(from, to, nil), moved, parse(t, moved)); core.CodeOf(err) != core.CodeConversionInProgress {
		t.Errorf("a second move was begun: %v", err)
	}
}

// met is a carrier that only introduces customers.
type met struct{ names []string }

func (m *met) Introduce(now core.Time, c ledger.Customer, connection string) []*ledger.Intent {
	m.names = append(m.names, connection+" "+c.ID)
	return nil
}

func (m *met) Backfill(core.Time, *core.Account, string) []*ledger.Intent { return nil }
func (m *met) Withdraw(core.Time, *core.Account, string) []*ledger.Intent { return nil }

// Customers that come while a move is under way are introduced to its target
// too, before it is compared and after it leads.
func TestAMoveIntroducesWhoComesMeanwhile(t *testing.T) {
	ctx, l, m := context.Background(), openLedger(t), &met{}
	moved := strings.Replace(base, "route: {primary: main}", "  next: {provider: acme, api_key: env:KEY, webhook_secrets: [env:WH]}\nroute: {primary: next, payments: main}", 1)
	from, to := settings(t, base), settings(t, moved)
	if _, err := migrate.Begin(ctx, l, base, from); err != nil {
		t.Fatal(err)
	}
	come := func(id string) {
		if _, _, err := l.PutCustomer(ctx, ledger.Customer{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	come("early")
	failed := false
	v := &migrate.Mover{
		Ledger: l, Carrier: m, Rest: func(context.Context, string) error { return nil },
		Verify: func(context.Context, string) (int, error) {
			if failed = !failed; failed {
				come("meanwhile")
				return 1, nil
			}
			come("after")
			return 0, nil
		},
	}
	if err := v.Begin(ctx, migrate.NewPlan(from, to, nil), moved, parse(t, moved)); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Run(ctx); core.CodeOf(err) != core.CodeInvalid {
		t.Fatalf("a target that differs is let pass: %v", err)
	}
	now, err := v.Run(ctx)
	if err != nil || now.Phase != migrate.Moved {
		t.Fatalf("the move stands at %+v: %v", now, err)
	}
	for _, id := range []string{"early", "meanwhile", "after"} {
		if !slices.Contains(m.names, "next "+id) {
			t.Errorf("%q was never introduced: %v", id, m.names)
		}
	}
}

// An operator who is held up while another takes the move over, and back,
// changes nothing any more.
func TestAnOperatorWhoLostTheMoveIsRefused(t *testing.T) {
	ctx, l, m := context.Background(), openLedger(t), &met{}
	moved := strings.Replace(base, "route: {primary: main}", "  next: {provider: acme, api_key: env:KEY, webhook_secrets: [env:WH]}\nroute: {primary: next, payments: main}", 1)
	from, to := settings(t, base), settings(t, moved)
	if _, err := migrate.Begin(ctx, l, base, from); err != nil {
		t.Fatal(err)
	}
	rest := func(context.Context, string) error { return nil }
	other := &migrate.Mover{Ledger: l, Carrier: m, Rest: rest}
	v := &migrate.Mover{
		Ledger: l, Carrier: m, Rest: rest,
		Verify: func(context.Context, string) (int, error) {
			if err := other.Turn(ctx, migrate.Undo); err != nil {
				return 0, err
			}
			_, err := other.Run(ctx)
			return 0, err
		},
	}
	if err := v.Begin(ctx, migrate.NewPlan(from, to, nil), moved, parse(t, moved)); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Run(ctx); core.CodeOf(err) != core.CodeConversionInProgress {
		t.Errorf("it goes on: %v", err)
	}
	now, err := migrate.CurrentMove(ctx, l.Reader())
	if err != nil || now.Phase != migrate.Undone {
		t.Errorf("the move stands at %+v: %v", now, err)
	}
	if a, err := migrate.Current(ctx, l.Reader()); err != nil || a.Digest != from.Digest() || a.Lead != nil {
		t.Errorf("in force is %+v: %v", a, err)
	}
}
