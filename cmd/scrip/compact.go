package main

import (
	"github.com/spf13/cobra"

	"scrip/storage/sqlite"
)

func (s *shell) db() *cobra.Command {
	compact := &cobra.Command{
		Use: "compact", Short: "write the database anew, without what may still be read in its free space",
		Long: "Rows that were moved within the file leave copies in its free space, which erasing a customer does not reach.\n" +
			"Stop the gateway first. As much free disk is needed as the database has.",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := s.loadConfig()
			if err != nil {
				return err
			}
			if err := onSQLiteOnly(file.config, "scrip db compact", "use VACUUM (FULL) while nothing is served, and renew backups and archives of the log, which keep what was erased"); err != nil {
				return err
			}
			if err := sqlite.Compact(cmd.Context(), sqlitePath(file.config)); err != nil {
				return err
			}
			s.say("the database is compact")
			return nil
		},
	}
	return group("db", "the database itself", compact, s.dbCopy(), s.dbDistribute())
}
