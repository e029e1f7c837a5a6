package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

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
			if format != "table" && format != "json" {
				return usagef("--format %q is not table or json", format)
			}
			p, _, err := s.makePlan(cmd)
			if err != nil {
				return err
			}
			if out != "" {
				if err := writePlan(out, p); err != nil {
					return err
				}
				s.say("wrote %s", out)
			}
			if err := s.printPlan(p, format == "json" || s.json); err != nil {
				return err
			}
			if len(p.Changes) > 0 {
				return exit(exitDiffer)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "also write the plan to a file, for scrip apply")
	c.Flags().StringVar(&format, "format", "table", "table or json")
	return c
}

// makePlan compares the file with what is applied.
func (s *shell) makePlan(cmd *cobra.Command) (*migrate.Plan, *configFile, error) {
	file, err := s.loadConfig()
	if err != nil {
		return nil, nil, err
	}
	a, err := openApp(cmd.Context(), file, appOptions{})
	if err != nil {
		return nil, nil, err
	}
	p := migrate.NewPlan(migrate.SettingsOf(a.config), migrate.SettingsOf(file.config))
	if p.IsMove() {
		effect, err := migrate.Measure(cmd.Context(), a.ledger, ratePerSecond(file.config, p.Target))
		if err != nil {
			return nil, nil, errors.Join(err, a.close())
		}
		p.With(effect)
	}
	return p, file, a.close()
}

// ratePerSecond is our share of what a connection's vendor allows.
func ratePerSecond(cfg *config.Config, connection string) int {
	for _, c := range cfg.Connections {
		if v, ok := vendorNamed(c.Provider); ok && c.Name == connection {
			return max(1, v.traits.PerSecond*c.Percent/100)
		}
	}
	return 1
}

func writePlan(path string, p *migrate.Plan) error {
	raw, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

func (s *shell) printPlan(p *migrate.Plan, asJSON bool) error {
	if asJSON {
		return s.printJSON(p)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, c := range p.Changes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Sign(), c.Path, c.Before, c.After)
		if c.Why != "" {
			fmt.Fprintf(w, "\tcannot be applied: %s\n", c.Why)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	s.say("%d changes", len(p.Changes))
	if e := p.Effect; e != nil {
		for unit, sum := range e.Left {
			s.say("%s %s are left in all, before and after", sum, unit)
		}
		s.say("%d accounts and %d grants are carried: %d calls or more, about %s at our share of the vendor's limit", e.Accounts, e.Grants, e.Calls, e.Takes())
	}
	return nil
}

func (s *shell) apply() *cobra.Command {
	var yes, drain bool
	c := &cobra.Command{
		Use: "apply [PLAN]", Short: "put the config file, or a saved plan, in force", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, file, err := s.makePlan(cmd)
			if err != nil {
				return err
			}
			if drain {
				return s.carryOut(cmd.Context(), file, func(v *migrate.Mover) error { return v.Turn(cmd.Context(), migrate.Drain) })
			}
			if m, err := s.moveUnderWay(cmd.Context(), file); err != nil {
				return err
			} else if m {
				return s.carryOut(cmd.Context(), file, nil)
			}
			if len(args) == 1 {
				if p, err = readPlan(args[0]); err != nil {
					return err
				}
			}
			if err := s.printPlan(p, s.json); err != nil {
				return err
			}
			if len(p.Changes) > 0 && !yes && !s.agrees() {
				return core.Errorf(core.CodeInvalid, "nothing was applied: read the plan and say --yes")
			}
			if p.IsMove() && len(p.Blocked()) == 0 {
				return s.carryOut(cmd.Context(), file, func(v *migrate.Mover) error { return v.Begin(cmd.Context(), p, file.text, file.config) })
			}
			a, err := openApp(cmd.Context(), file, appOptions{})
			if err != nil {
				return err
			}
			err = migrate.Apply(cmd.Context(), a.ledger, p, file.text, migrate.SettingsOf(file.config))
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

// moveUnderWay reports whether a move was begun and waits to be carried on.
func (s *shell) moveUnderWay(ctx context.Context, file *configFile) (bool, error) {
	a, err := openApp(ctx, file, appOptions{})
	if err != nil {
		return false, err
	}
	m, err := migrate.CurrentMove(ctx, a.store.Reader())
	return m != nil && !m.Phase.Ended() && m.Phase != migrate.Moved, errors.Join(err, a.close())
}

func readPlan(path string) (*migrate.Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, 32<<20))
	if err != nil {
		return nil, err
	}
	return migrate.ReadPlan(raw)
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
