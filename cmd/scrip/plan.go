package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"scrip/core"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
)

func (s *shell) plan() *cobra.Command {
	var out, format string
	c := &cobra.Command{
		Use: "plan", Short: "compare the config file with what is applied; exit 3 when they differ", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" && format != "html" {
				return usagef("--format %q is not table, json or html", format)
			}
			if s.json {
				format = "json"
			}
			file, err := s.loadConfig()
			if err != nil {
				return err
			}
			p, err := s.writePlan(cmd.Context(), file, out, format)
			if err != nil {
				return err
			}
			if len(p.Changes) > 0 {
				return exit(exitDiffer)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "also write the plan to a file, for scrip apply")
	c.Flags().StringVar(&format, "format", "table", "table, json or html; json is the plan's file")
	return c
}

// writePlan makes a plan, writes it to a file where one is named, and shows it.
func (s *shell) writePlan(ctx context.Context, file *configFile, out, format string) (*migrate.Plan, error) {
	to, seen := io.Discard, &gallery{limit: shownRows}
	switch format {
	case "json":
		to = s.out
	case "html":
		seen.limit = pageRows
	}
	var p *migrate.Plan
	draw := func(w io.Writer) (err error) {
		p, err = drawPlan(ctx, file, io.MultiWriter(w, to), seen)
		return err
	}
	var err error
	if out == "" {
		err = draw(io.Discard)
	} else if err = replaceFile(out, draw); err == nil {
		s.say("wrote %s", out)
	}
	if err != nil {
		return nil, err
	}
	switch format {
	case "json":
		return p, nil
	case "html":
		return p, printPage(s.out, p, seen)
	}
	return p, s.printPlan(p, seen)
}

// drawPlan compares the file with what is applied, and writes the plan with its
// effect on every account as it is worked out.
func drawPlan(ctx context.Context, file *configFile, to io.Writer, seen *gallery) (p *migrate.Plan, err error) {
	a, err := openApp(ctx, file, appOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if p, err = a.plan(); err == nil {
		err = a.keepsCards(ctx)
	}
	if err != nil {
		return nil, err
	}
	w, err := migrate.NewWriter(to, p)
	if err != nil {
		return nil, err
	}
	var effect *migrate.Effect
	each := func(c *migrate.CustomerEffect) error {
		seen.see(c)
		return w.Add(c)
	}
	switch {
	case p.IsMove():
		effect, err = migrate.MeasureMove(ctx, a.ledger, targetOf(a.wanted, p.Target), each)
	case p.Unit != nil:
		effect, err = a.measureUnit(ctx, each)
	}
	if err != nil {
		return nil, err
	}
	return p, w.Close(effect)
}

// makePlan compares the file with what is applied, its effect on the customers
// apart.
func (s *shell) makePlan(cmd *cobra.Command) (*migrate.Plan, *configFile, error) {
	file, err := s.loadConfig()
	if err != nil {
		return nil, nil, err
	}
	a, err := openApp(cmd.Context(), file, appOptions{})
	if err != nil {
		return nil, nil, err
	}
	p, err := a.plan()
	return p, file, errors.Join(err, a.close())
}

// keepsCards refuses a file without a version of the rate card that a customer
// keeps: its actions would have no price.
func (a *app) keepsCards(ctx context.Context) error {
	kept, err := a.ledger.KeptCards(ctx)
	if err != nil {
		return err
	}
	for _, version := range slices.Sorted(maps.Keys(kept)) {
		if a.wanted.Cards.Version(version) == nil {
			return core.Errorf(core.CodeInvalid, "customer %q keeps rate card %q, by a setting or a grant, and it is not in the file: keep it there, or take the setting back and let the grant be spent", kept[version], version)
		}
	}
	return nil
}

// targetOf is a connection as the target of a vendor move.
func targetOf(cfg *config.Config, connection string) migrate.Target {
	t := migrate.Target{Collects: cfg.Route.Collector() == connection}
	for _, c := range cfg.Connections {
		if v, ok := vendorNamed(c.Provider); ok && c.Name == connection {
			t.Connection, t.Traits = c.Connection, v.traits
		}
	}
	return t
}

func (s *shell) apply() *cobra.Command {
	var yes, drain bool
	c := &cobra.Command{
		Use: "apply [PLAN]", Short: "put the config file, or a saved plan, in force", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := s.loadConfig()
			if err != nil {
				return err
			}
			if drain {
				return s.carryOut(cmd.Context(), file, func(v *migrate.Mover) error { return v.Turn(cmd.Context(), migrate.Drain) })
			}
			switch going, err := s.underWay(cmd.Context(), file); {
			case err != nil:
				return err
			case going == aMove:
				return s.carryOut(cmd.Context(), file, nil)
			case going == aUnit:
				return s.changeUnit(cmd.Context(), file, nil)
			}
			p, err := s.planToApply(cmd.Context(), file, args)
			if err != nil {
				return err
			}
			if len(p.Changes) > 0 && !yes && !s.agrees() {
				return core.Errorf(core.CodeInvalid, "nothing was applied: read the plan and say --yes")
			}
			if (p.IsMove() || p.Unit != nil) && len(p.Blocked()) == 0 {
				if err := s.prepared(cmd.Context(), file, p); err != nil {
					return err
				}
			}
			if p.IsMove() && len(p.Blocked()) == 0 {
				return s.carryOut(cmd.Context(), file, func(v *migrate.Mover) error { return v.Begin(cmd.Context(), p, file.text, file.config) })
			}
			if p.Unit != nil && len(p.Blocked()) == 0 {
				return s.changeUnit(cmd.Context(), file, func(a *app) error {
					return migrate.BeginConversion(cmd.Context(), a.ledger, p, file.text, a.wanted)
				})
			}
			a, err := openApp(cmd.Context(), file, appOptions{})
			if err != nil {
				return err
			}
			if err = a.keepsCards(cmd.Context()); err == nil {
				err = migrate.Apply(cmd.Context(), a.ledger, p, file.text, migrate.SettingsOf(a.wanted))
			}
			if err == nil {
				s.say("applied; a gateway that serves takes it up within seconds")
			}
			return errors.Join(err, a.close())
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&drain, "drain", false, "end the source of a vendor move; there is no way back after it")
	return c
}

// work is what an apply may find begun.
type work int

const (
	nothing work = iota
	aMove
	aUnit
)

// underWay says what was begun and waits to be carried on.
func (s *shell) underWay(ctx context.Context, file *configFile) (work, error) {
	a, err := openApp(ctx, file, appOptions{})
	if err != nil {
		return nothing, err
	}
	m, err := migrate.CurrentMove(ctx, a.store.Reader())
	c, errUnit := migrate.CurrentConversion(ctx, a.store.Reader())
	err = errors.Join(err, errUnit, a.close())
	switch {
	case err == nil && c != nil && !c.Ended():
		return aUnit, nil
	case err == nil && m != nil && !m.Phase.Ended() && m.Phase != migrate.Moved:
		return aMove, nil
	}
	return nothing, err
}

// planToApply reads the plan that is named, or makes one, and shows it.
func (s *shell) planToApply(ctx context.Context, file *configFile, args []string) (p *migrate.Plan, err error) {
	seen := &gallery{limit: shownRows}
	if len(args) == 0 {
		p, err = drawPlan(ctx, file, io.Discard, seen)
	} else {
		p, err = s.readPlan(ctx, file, args[0], seen)
	}
	if err != nil {
		return nil, err
	}
	if s.json {
		return p, s.printJSON(p)
	}
	return p, s.printPlan(p, seen)
}

// readPlan reads a plan file. Balances move all the time: for a plan that
// touches them it says how many accounts did since, which are carried or
// converted as they are by then and never as the plan found them.
func (s *shell) readPlan(ctx context.Context, file *configFile, path string, seen *gallery) (p *migrate.Plan, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer f.Close()
	a, err := openApp(ctx, file, appOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	p, drift, err := migrate.ReadDrift(ctx, a.store.Reader(), f, seen.see)
	if err == nil && (p.IsMove() || p.Unit != nil) {
		s.say("since the plan was made %d of its %d accounts have moved, %d are new and %d are gone: each is taken as it is now",
			drift.Moved, seen.total, drift.New, drift.Gone)
	}
	return p, err
}

// agrees asks on a terminal; elsewhere nobody agrees.
func (s *shell) agrees() bool {
	if !isTerminal(s.in) {
		return false
	}
	fmt.Fprint(s.err, "apply this? yes or no: ")
	var word string
	_, _ = fmt.Fscanln(s.in, &word)
	return word == "yes"
}
