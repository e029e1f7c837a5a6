package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"scrip/storage/sqlite"
)

func (s *shell) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version, and those of Go, SQLite and the time zones", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if s.json {
				return s.printJSON(map[string]string{"version": version(), "go": runtime.Version(), "sqlite": sqlite.Version, "tzdata": tzdata()})
			}
			_, err := fmt.Fprintf(s.out, "scrip %s (%s, sqlite %s, tzdata %s)\n", version(), runtime.Version(), sqlite.Version, tzdata())
			return err
		},
	}
}

// tzdata is the version of the time zones that are used: the machine's, or
// those that Go brings.
func tzdata() string {
	for _, dir := range []string{"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"} {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		for _, file := range []string{"tzdata.zi", "+VERSION", "version"} {
			raw, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				continue
			}
			line, _, _ := strings.Cut(string(raw), "\n")
			if name := strings.TrimPrefix(line, "# version "); len(name) >= 5 && len(name) < 20 {
				return name
			}
		}
		return "of the machine"
	}
	return "of " + runtime.Version()
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
