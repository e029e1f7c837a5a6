package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scrip/core/ledger"
)

func (s *shell) audit() *cobra.Command {
	return &cobra.Command{
		Use: "audit", Short: "verify the chains of entries, and everything that is kept beside them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := s.loadConfig()
			if err != nil {
				return err
			}
			store, err := openStore(cmd.Context(), file.config, ownership{})
			if err != nil {
				return err
			}
			defer store.Close()
			bar := s.progress("accounts audited")
			report, err := store.Reader().AuditAll(cmd.Context(), func(r ledger.AuditReport) { bar.at(r.Accounts) })
			bar.end()
			if err != nil {
				return err
			}
			return s.printAudit(report)
		},
	}
}

func (s *shell) printAudit(r ledger.AuditReport) error {
	if s.json {
		if r.Findings == nil {
			r.Findings = []ledger.Finding{}
		}
		if err := s.printJSON(map[string]any{"accounts": r.Accounts, "entries": r.Entries, "answers": r.Answers, "findings": r.Findings}); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
		for _, f := range r.Findings {
			fmt.Fprintf(w, "%s\t%s\n", f.Where, f.What)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		s.say("%d accounts, %d entries, %d answers, %d findings", r.Accounts, r.Entries, r.Answers, len(r.Findings))
	}
	if len(r.Findings) > 0 {
		return exit(exitDiffer)
	}
	return nil
}
