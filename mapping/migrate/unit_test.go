package migrate_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/rate"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
	"scrip/storage/sqlite"
)

// office is a database as commands find it, one after the other: each opens it
// with what is applied, as a process does.
type office struct {
	*testing.T
	path string
}

// with opens the ledger as what is applied says.
func (o *office) with(do func(ctx context.Context, l *ledger.Ledger, now *migrate.Applied, s *migrate.State)) {
	o.Helper()
	ctx := context.Background()
	store, err := sqlite.Open(ctx, o.path)
	o.need(err)
	now, err := migrate.Current(ctx, store.Reader())
	o.need(err)
	s := &migrate.State{Config: parse(o.T, base)}
	if now != nil {
		s, err = now.Resolve(o.parse)
		o.need(err)
	}
	options := ledger.Options{Now: func() core.Time { return 1_764_000_000_000_000 }, Order: core.DefaultOrder(), Conversions: s.Conversions}
	for _, u := range s.Config.Units {
		options.Units = append(options.Units, u.Unit)
	}
	for _, u := range s.Config.RetiredUnits() {
		options.Units = append(options.Units, u.Unit.Unit)
	}
	l := ledger.Open(store, options)
	do(ctx, l, now, s)
	l.Close()
	o.need(store.Close())
}

func (o *office) parse(text string) (*config.Config, error) { return parse(o.T, text), nil }

func (o *office) need(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// begin plans and begins what a file asks for.
func (o *office) begin(text string) (err error) {
	o.Helper()
	o.with(func(ctx context.Context, l *ledger.Ledger, now *migrate.Applied, s *migrate.State) {
		wanted, wantErr := now.Want(parse(o.T, text), o.parse)
		o.need(wantErr)
		p := migrate.NewPlan(migrate.SettingsOf(s.Config), migrate.SettingsOf(wanted), migrate.UnitOf(s.Config, wanted))
		if p.Unit == nil {
			err = migrate.Apply(ctx, l, p, text, migrate.SettingsOf(wanted))
			return
		}
		err = migrate.BeginConversion(ctx, l, p, text, wanted)
	})
	return err
}

// finish carries on what was begun.
func (o *office) finish(phase migrate.Phase) {
	o.Helper()
	o.with(func(ctx context.Context, l *ledger.Ledger, _ *migrate.Applied, _ *migrate.State) {
		v := migrate.Converter{Ledger: l, Rest: func(context.Context) error { return nil }, Verify: func(context.Context) (int, error) { return 0, nil }}
		c, err := v.Run(ctx)
		o.need(err)
		if c.Phase != phase {
			o.Errorf("it came to %q, want %q", c.Phase, phase)
		}
	})
}

// wantState checks the balance of ann, the cost of an image, and that a file
// asks for nothing more.
func (o *office) wantState(file, unit, balance, cost string) {
	o.Helper()
	o.with(func(ctx context.Context, l *ledger.Ledger, now *migrate.Applied, s *migrate.State) {
		u := s.Config.Units[0]
		a, err := l.Account(ctx, ledger.AccountKey{Customer: "ann", Unit: u.Code})
		o.need(err)
		if got := a.Balance(l.Now()).Posted.Format(u.Scale); u.Code != unit || got != balance {
			o.Errorf("ann has %s %s, want %s %s", got, u.Code, balance, unit)
		}
		image := s.Config.Cards[0].Actions["image.generate"]
		c, err := image.Cost(rate.Event{Quantity: rate.One}, u.Unit)
		o.need(err)
		if got := c.Format(u.Scale); got != cost {
			o.Errorf("an image costs %s, want %s", got, cost)
		}
		wanted, err := now.Want(parse(o.T, file), o.parse)
		o.need(err)
		if p := migrate.NewPlan(migrate.SettingsOf(s.Config), migrate.SettingsOf(wanted), migrate.UnitOf(s.Config, wanted)); len(p.Changes) > 0 || p.Unit != nil {
			o.Errorf("the file differs from what is applied: %+v %+v", p.Changes, p.Unit)
		}
		if now.Digest != migrate.SettingsOf(s.Config).Digest() {
			o.Error("the digest of what is applied is not that of its settings")
		}
		report, err := ledger.Audit(ctx, l.Reader(), nil)
		o.need(err)
		if len(report.Findings) > 0 {
			o.Errorf("the audit finds %+v", report.Findings)
		}
	})
}

const credits = "unit: {code: credits, scale: 2, price: 0.08 usd}"

// A company goes from credits to dollars, back, again, on to another unit and
// back to credits by a file; each state is what the files say, each step goes
// on where it was left, and what would undo another change unseen is refused.
func TestUnitChanges(t *testing.T) {
	o := &office{t, filepath.Join(t.TempDir(), "scrip.db")}
	inUnit := func(unit string) string { return strings.Replace(base, credits, unit, 1) }
	dollars := inUnit("unit: {code: usd, scale: 6}\nconvert: {from: credits, at: list}")
	o.with(func(ctx context.Context, l *ledger.Ledger, _ *migrate.Applied, s *migrate.State) {
		_, err := migrate.Begin(ctx, l, base, migrate.SettingsOf(s.Config))
		o.need(err)
		_, _, err = l.PutCustomer(ctx, ledger.Customer{ID: "ann"})
		o.need(err)
		_, _, err = l.Issue(ctx, "g", ledger.AccountKey{Customer: "ann", Unit: "credits"}, core.Terms{Amount: 100_00, Category: core.Promotional})
		o.need(err)
	})
	o.wantState(base, "credits", "100.00", "5.00")

	o.need(o.begin(dollars))
	o.wantState(dollars, "usd", "8.000000", "0.400000") // before anybody was converted
	if err := o.begin(strings.Replace(dollars, "{cost: 5}", "{cost: 1}", 1)); core.CodeOf(err) != core.CodeConversionInProgress {
		t.Errorf("a price was applied under a change of the unit: %v", err)
	}
	o.finish(migrate.Converted)
	o.finish(migrate.Converted)
	rewritten := strings.NewReplacer("convert: {from: credits, at: list}\n", "", "{cost: 5}", "{cost: 0.4}", "{credits: 1000,", "{credits: 80,").Replace(dollars)
	o.wantState(dollars, "usd", "8.000000", "0.400000")
	o.wantState(rewritten, "usd", "8.000000", "0.400000")

	undo := func() (err error) {
		o.with(func(ctx context.Context, l *ledger.Ledger, _ *migrate.Applied, _ *migrate.State) {
			err = migrate.UndoConversion(ctx, l)
		})
		return err
	}
	o.need(undo())
	o.need(undo()) // as after a kill
	o.finish(migrate.Undone)
	o.wantState(base, "credits", "100.00", "5.00")
	if err := undo(); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("undone twice: %v", err)
	}
	dearer := strings.Replace(base, "{cost: 5}", "{cost: 6}", 1)
	o.need(o.begin(dearer))
	o.wantState(dearer, "credits", "100.00", "6.00")
	o.need(o.begin(base))

	o.need(o.begin(dollars))
	o.finish(migrate.Converted)
	cheaper := strings.Replace(dollars, "{cost: 5}", "{cost: 0.3}", 1)
	o.need(o.begin(cheaper))
	o.wantState(cheaper, "usd", "8.000000", "0.300000")
	if err := undo(); core.CodeOf(err) != core.CodePlanStale {
		t.Errorf("a rollback would have undone a price unseen: %v", err)
	}
	points := inUnit("unit: {code: points, scale: 2, price: 0.01 usd}\nconvert: {from: usd, at: list}")
	points = strings.NewReplacer("{cost: 5}", "{cost: 0.3}").Replace(points)
	o.need(o.begin(points))
	o.finish(migrate.Converted)
	o.wantState(points, "points", "800.00", "30.00")
	o.with(func(ctx context.Context, l *ledger.Ledger, _ *migrate.Applied, s *migrate.State) {
		if n := len(s.Conversions); n != 4 || s.Conversions[n-1].Open {
			t.Errorf("%d changes of unit are known: %+v", n, s.Conversions)
		}
		if got := l.Current(ledger.AccountKey{Customer: "ann", Unit: "credits"}).Unit; got != "points" {
			t.Errorf("credits lead to %q", got)
		}
	})
}

// What a change of the unit cannot be is said before anything is begun.
func TestUnitChangesThatAreRefused(t *testing.T) {
	o := &office{t, filepath.Join(t.TempDir(), "scrip.db")}
	dollars := strings.Replace(base, credits, "unit: {code: usd, scale: 6}\nconvert: {from: credits, at: list}", 1)
	if _, err := parse(t, dollars).Over(nil); err == nil || !strings.Contains(err.Error(), "nothing is applied yet") {
		t.Errorf("a first config converts: %v", err)
	}
	o.with(func(ctx context.Context, l *ledger.Ledger, _ *migrate.Applied, s *migrate.State) {
		_, err := migrate.Begin(ctx, l, base, migrate.SettingsOf(s.Config))
		o.need(err)
	})
	for what, text := range map[string]string{
		"the unit changes without convert": strings.Replace(base, credits, "unit: {code: usd, scale: 6}", 1),
		"the decimals change":              strings.Replace(base, "scale: 2", "scale: 3", 1),
		"the vendor changes with the unit": strings.Replace(dollars, "route: {primary: main}", "  next: {provider: acme, api_key: env:KEY, webhook_secrets: [env:WH]}\nroute: {primary: next, payments: main}", 1),
	} {
		if err := o.begin(text); core.CodeOf(err) != core.CodeNotSupported {
			t.Errorf("%s: %v", what, err)
		}
	}
	o.wantState(base, "credits", "0.00", "5.00")
}
