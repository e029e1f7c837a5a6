package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

func (s *shell) backup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "copy the database into a new file, also while it is served, and check the copy",
		Long: "Copies the database as it is at one instant, also while a gateway serves, and checks the copy before it gets its name.\n" +
			"FILE must not exist. To restore: stop the gateway, put the copy where storage says, start again.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := s.loadConfig()
			if err != nil {
				return err
			}
			if err := onSQLiteOnly(file.config, "scrip backup", "use pg_dump, or pg_basebackup with an archive of the log to lose nothing, and try it out with scrip audit on what was restored"); err != nil {
				return err
			}
			return s.makeBackup(cmd.Context(), sqlitePath(file.config), args[0])
		},
	}
}

func (s *shell) makeBackup(ctx context.Context, from, to string) error {
	copying := s.progress("% copied")
	var report ledger.AuditReport
	c, err := sqlite.Backup(ctx, from, to, sqlite.BackupOptions{
		Progress: func(done, total int64) { copying.at(int(100 * done / max(1, total))) },
		Check: func(ctx context.Context, copied *sqlite.Store) (err error) {
			copying.end()
			bar := s.progress("accounts audited")
			defer bar.end()
			report, err = copied.Reader().AuditAll(ctx, func(r ledger.AuditReport) { bar.at(r.Accounts) })
			return err
		},
	})
	copying.end()
	if err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	if err := s.printBackup(to, c, report); err != nil {
		return err
	}
	if n := len(report.Findings); n > 0 {
		s.say("scrip: the copy is whole, but the audit finds %d faults in it, which the database has too: scrip audit lists them", n)
		return exit(exitFailed)
	}
	return nil
}

func (s *shell) printBackup(to string, c *sqlite.Copied, r ledger.AuditReport) error {
	if s.json {
		findings := r.Findings
		if findings == nil {
			findings = []ledger.Finding{}
		}
		return s.printJSON(map[string]any{
			"file": to, "bytes": c.Bytes, "schema": c.Schema, "rows": c.Rows,
			"audit": map[string]any{"accounts": r.Accounts, "entries": r.Entries, "findings": findings},
		})
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "file\t%s\nbytes\t%d\nschema\t%d\n", to, c.Bytes, c.Schema)
	for _, table := range sortedNames(c.Rows) {
		fmt.Fprintf(w, "%s\t%d\n", table, c.Rows[table])
	}
	fmt.Fprintf(w, "audited\t%d accounts, %d entries, %d findings\n", r.Accounts, r.Entries, len(r.Findings))
	return w.Flush()
}
