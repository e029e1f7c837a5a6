package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scrip/core/ledger"
	"scrip/mapping/config"
	"scrip/storage/copying"
)

func (s *shell) dbCopy() *cobra.Command {
	verify := false
	c := &cobra.Command{
		Use: "copy FROM TO", Short: "copy the whole database from SQLite to PostgreSQL, or back, and prove that both are the same",
		Long: "FROM and TO are written like storage in the config: sqlite:PATH, postgres://USER@HOST/DATABASE, or env:NAME or file:/path\n" +
			"where one of them stands, so that a password is on no command line. TO must be empty, FROM must not be served: stop every\n" +
			"gateway first. A copy that was cut off goes on when it is run again; until both are the same nothing else opens TO.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var places [2]copying.Place
			for i, arg := range args {
				path, database, err := config.ParseStorage(arg, config.Env{})
				if err != nil {
					return usagef("%s: %w", [...]string{"FROM", "TO"}[i], err)
				}
				places[i] = copying.Place{SQLite: path, Postgres: database.Reveal()}
			}
			return s.copyDatabase(cmd.Context(), places[0], places[1], verify)
		},
	}
	c.Flags().BoolVar(&verify, "verify", false, "copy nothing, compare two databases that are to be the same")
	return c
}

func (s *shell) copyDatabase(ctx context.Context, from, to copying.Place, verify bool) error {
	var bar *progress
	end := func() {
		if bar != nil {
			bar.end()
		}
	}
	o := copying.Options{Progress: func(what string, rows int64) {
		if bar == nil || bar.what != what {
			end()
			bar = s.progress(what)
		}
		bar.at(int(rows))
	}}
	do := copying.Run
	if verify {
		do = copying.Verify
	}
	r, err := do(ctx, from, to, o)
	end()
	if err != nil {
		return errors.New(withoutPasswords(err.Error(), from, to))
	}
	if s.json {
		err = s.printJSON(copyJSON(r))
	} else {
		err = s.printCopy(r, verify)
	}
	if err == nil && !r.Same() {
		return exit(exitDiffer)
	}
	return err
}

// withoutPasswords takes the addresses of databases out of a text. The driver
// leaves passwords out of its errors; this does not rely on it.
func withoutPasswords(text string, places ...copying.Place) string {
	for _, p := range places {
		c := &config.Config{Database: config.NewSecret("the address", p.Postgres)}
		if err := unnamed(c, errors.New(text)); err != nil {
			text = err.Error()
		}
	}
	return text
}

func (s *shell) printCopy(r *copying.Report, verify bool) error {
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "table\tsource\ttarget\tmissing\textra\tchanged\n")
	for _, t := range r.Tables {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", t.Name, t.Source, t.Target, t.Missing, t.Extra, t.Changed)
	}
	fmt.Fprintf(w, "\t\t\t\t\t\nunit\tsum of\tsource\ttarget\t\t\n")
	for _, sum := range r.Sums {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", sum.Unit, sum.What, sum.Source, sum.Target, differText(sum))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, t := range r.Tables {
		for _, example := range t.Examples {
			fmt.Fprintf(s.out, "%s: %s\n", t.Name, example)
		}
	}
	for _, f := range r.Audit.Findings {
		fmt.Fprintf(s.out, "%s: %s\n", f.Where, f.What)
	}
	s.sayCopy(r, verify)
	return nil
}

func differText(s copying.Sum) string {
	if s.Source == s.Target {
		return ""
	}
	return "differs"
}

// sayCopy says what it comes to.
func (s *shell) sayCopy(r *copying.Report, verify bool) {
	s.say("%d accounts have the head of the source's chain; audited %d accounts, %d entries, %d findings", r.Heads, r.Audit.Accounts, r.Audit.Entries, len(r.Audit.Findings))
	if r.Told > 0 {
		s.say("%d texts hold what PostgreSQL cannot keep, a replacement mark stands for it there", r.Told)
	}
	if known := len(r.Audit.Findings) - len(r.News); known > 0 {
		s.say("%d of the findings are the source's own: scrip audit lists them", known)
	}
	switch {
	case !r.Same() && verify:
		s.say("the databases are not the same")
	case !r.Same():
		s.say("the target is not what the source is and stays closed: copy into a new database, and report this")
	case verify:
		s.say("both are the same")
	case r.Resumed:
		s.say("both are the same: %d rows were copied by this run, the others before; point storage at the target", r.Copied)
	default:
		s.say("both are the same: %d rows were copied; point storage at the target", r.Copied)
	}
}

func copyJSON(r *copying.Report) map[string]any {
	list := func(findings []ledger.Finding) []ledger.Finding { return append([]ledger.Finding{}, findings...) }
	tables, sums := []map[string]any{}, []map[string]any{}
	for _, t := range r.Tables {
		tables = append(tables, map[string]any{
			"table": t.Name, "source": t.Source, "target": t.Target, "missing": t.Missing, "extra": t.Extra, "changed": t.Changed,
			"examples": append([]string{}, t.Examples...),
		})
	}
	for _, sum := range r.Sums {
		sums = append(sums, map[string]any{"unit": sum.Unit, "sum": strings.ReplaceAll(sum.What, " ", "."), "source": sum.Source, "target": sum.Target})
	}
	return map[string]any{
		"same": r.Same(), "copied": r.Copied, "resumed": r.Resumed, "tables": tables, "sums": sums, "heads": r.Heads, "replaced": r.Told,
		"audit": map[string]any{"accounts": r.Audit.Accounts, "entries": r.Audit.Entries, "findings": list(r.Audit.Findings), "new": list(r.News)},
	}
}
