package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sourcegraph/conc/pool"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/convert"
	"scrip/core/rate"
	"scrip/mapping/migrate"
)

// plan compares what the app runs with with what the file asks for.
func (a *app) plan() (*migrate.Plan, error) {
	if a.fault != nil {
		return nil, usageError{a.fault}
	}
	return migrate.NewPlan(migrate.SettingsOf(a.config), migrate.SettingsOf(a.wanted), migrate.UnitOf(a.config, a.wanted)), nil
}

// measureUnit works out what a change of the unit does to every account.
func (a *app) measureUnit(ctx context.Context, each func(*migrate.CustomerEffect) error) (*migrate.Effect, error) {
	change, err := convert.New(a.wanted.Retired[len(a.wanted.Retired)-1].Terms)
	if err != nil {
		return nil, err
	}
	return migrate.MeasureChange(ctx, a.ledger, change, charges(cardAt(a.config.Cards, a.ledger.Now()), cardAt(a.wanted.Cards, a.ledger.Now()), change), each)
}

// cardAt is the card that prices what happens now, else the newest.
func cardAt(cards rate.Cards, now core.Time) rate.Card {
	if card, err := cards.At(now, ""); err == nil {
		return *card
	}
	return cards.Newest()
}

// charges are what one step of each action that both rate cards have costs,
// before and after, for each of its dimensions' prices.
func charges(before, after rate.Card, change *convert.Change) []convert.Charge {
	var list []convert.Charge
	for _, name := range before.Names() {
		was, is := before.Actions[name], after.Actions[name]
		for _, r := range was.Rates {
			e := rate.Event{Quantity: rate.Quantity(was.Per) * rate.One, Dimensions: plainest(&was, &r)}
			from, errFrom := was.Cost(e, change.From)
			to, errTo := is.Cost(e, change.To)
			if errFrom != nil || errTo != nil {
				continue // it is on one of the cards only
			}
			c := convert.Charge{Action: name, Moved: convert.Moved{From: from, To: to}}
			var when []string
			for _, d := range slices.Sorted(maps.Keys(e.Dimensions)) {
				when = append(when, d+"="+e.Dimensions[d])
			}
			c.When = strings.Join(when, " ")
			list = append(list, c)
		}
	}
	return list
}

// plainest are dimensions that a rate is for, with a value for each that has to
// have a factor: the first by name, since a change of unit leaves factors alone.
func plainest(a *rate.Action, r *rate.Rate) map[string]string {
	dimensions := maps.Clone(r.When)
	for _, f := range slices.Concat(a.Multiply, r.Multiply) {
		if _, named := dimensions[f.Dimension]; named || f.Otherwise != nil || len(f.Values) == 0 {
			continue
		}
		if dimensions == nil {
			dimensions = map[string]string{}
		}
		dimensions[f.Dimension] = slices.Sorted(maps.Keys(f.Values))[0]
	}
	return dimensions
}

// changeUnit carries a change of the unit on from where its journal stands.
// begin, where it is not nil, first writes a new journal, or turns the one
// there is.
func (s *shell) changeUnit(ctx context.Context, file *configFile, begin func(*app) error) error {
	ctx, release, err := onlyOperator(ctx, file.config)
	if err != nil {
		return err
	}
	defer func() { _ = release() }()
	if begin != nil {
		a, err := openApp(ctx, file, appOptions{})
		if err != nil {
			return err
		}
		if err := errors.Join(begin(a), a.close()); err != nil {
			return err
		}
	}
	a, err := openApp(ctx, file, appOptions{serve: true, stays: true})
	if isServed(err) {
		a, err = openApp(ctx, file, appOptions{stays: true})
	}
	if err != nil {
		return err
	}
	work, stop := context.WithCancel(ctx)
	workers := pool.New().WithErrors()
	if a.owns {
		workers.Go(func() error { return a.run(work) })
	}
	c, err := s.converter(a).Run(ctx)
	stop()
	err = errors.Join(err, workers.Wait(), a.close())
	if err == nil && c != nil {
		s.sayConversion(c)
	}
	return lost(ctx, err)
}

func (s *shell) converter(a *app) *migrate.Converter {
	return &migrate.Converter{
		Ledger: a.ledger, Settle: settleOf(a.file.config),
		Rest: func(ctx context.Context) error {
			return a.carriers(func(name string) error { return s.rest(ctx, a, name) })
		},
		Verify: func(ctx context.Context) (n int, err error) {
			err = a.carriers(func(name string) error {
				report, err := s.compare(ctx, a, reconcileFlags{connection: name})
				if err != nil {
					return err
				}
				for _, f := range report.Findings {
					s.say("%s %s %s: ours %s, the vendor's %s", f.Customer, f.Object, f.Cause, f.Ours, f.Vendors)
				}
				n += report.Counts.Findings
				return nil
			})
			return n, err
		},
		Tell: func(c migrate.Conversion) { s.say("%s -> %s: %s", c.From, c.To, c.Phase) },
	}
}

// carriers calls do for the connections of the route that hold grants and
// consumption.
func (a *app) carriers(do func(connection string) error) error {
	for _, c := range a.config.Connections {
		routed := c.Name == a.config.Route.Primary || slices.Contains(a.config.Route.Shadow, c.Name)
		if !routed || c.Strategy == adapters.Totals {
			continue
		}
		if err := do(c.Name); err != nil {
			return fmt.Errorf("connection %q: %w", c.Name, err)
		}
	}
	return nil
}

func (s *shell) sayConversion(c *migrate.Conversion) {
	switch c.Phase {
	case migrate.Converted:
		s.say("balances are counted in %q now: scrip rollback goes back", c.To)
	case migrate.Undone:
		s.say("balances are counted in %q again", c.From)
	}
}

// lastChange says what a rollback would undo: what is not ended, else what was
// begun last.
func (s *shell) lastChange(ctx context.Context, file *configFile) (work, error) {
	a, err := openApp(ctx, file, appOptions{})
	if err != nil {
		return nothing, err
	}
	m, err := migrate.CurrentMove(ctx, a.store.Reader())
	c, errUnit := migrate.CurrentConversion(ctx, a.store.Reader())
	err = errors.Join(err, errUnit, a.close())
	switch {
	case err != nil || m == nil && c == nil:
		return nothing, err
	case c == nil || m != nil && !m.Phase.Ended():
		return aMove, nil
	case m == nil || !c.Ended() || cmp.Compare(c.Started, m.Started) > 0:
		return aUnit, nil
	}
	return aMove, nil
}
