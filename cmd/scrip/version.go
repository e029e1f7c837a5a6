package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"scrip/storage/sqlite"
)

func (s *shell) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version, and those of Go and SQLite", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if s.json {
				return s.printJSON(map[string]string{"version": version(), "go": runtime.Version(), "sqlite": sqlite.Version})
			}
			_, err := fmt.Fprintf(s.out, "scrip %s (%s, sqlite %s)\n", version(), runtime.Version(), sqlite.Version)
			return err
		},
	}
}

// version is what the build says of itself: a module version, a commit, or
// devel when it was built without either.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return setting.Value[:12]
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "devel"
}
