package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// demoOptions are the flags of scrip demo.
type demoOptions struct {
	once     bool
	provider string
	addr     string
	keep     string
	storage  string
}

func (s *shell) demo() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use: "demo", Short: "the whole product with nothing to install: gateway, vendor sandbox, a sample company", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			names := []string{o.provider}
			if o.provider == "all" {
				names = vendorNames()
			} else if !slices.Contains(vendorNames(), o.provider) {
				return usagef("provider %q is unknown, known are %s", o.provider, strings.Join(append(vendorNames(), "all"), ", "))
			}
			if o.storage != "" && len(names) > 1 {
				return usagef("--storage is one database, and each story needs a new one: choose one --provider")
			}
			var calls *record
			for i, name := range names {
				last := i == len(names)-1
				if err := s.playDemo(cmd.Context(), o, name, last && !o.once, &calls); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&o.once, "once", false, "end after the story; exit 0 only if every check held")
	c.Flags().StringVar(&o.provider, "provider", defaultVendor, strings.Join(append(vendorNames(), "all"), ", "))
	c.Flags().StringVar(&o.addr, "addr", "127.0.0.1:0", "address of the gateway; port 0 chooses a free one")
	c.Flags().StringVar(&o.keep, "keep", "", "folder in which database and sandbox state are left")
	c.Flags().StringVar(&o.storage, "storage", "", "a new PostgreSQL database to play on, as storage in the config; a file in a folder of its own when left out")
	return c
}

// playDemo sets the stage for one vendor, plays the story, and, when stay is
// set, keeps serving. The application's calls must be those of the story that
// was played before, if one was, whichever the vendor.
func (s *shell) playDemo(ctx context.Context, o demoOptions, provider string, stay bool, calls **record) (err error) {
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "scrip-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := emptyFolder(dir); err != nil {
		return err
	}
	st, err := s.setStage(ctx, dir, provider, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.strike(o.keep)) }()
	if err := st.announce(); err != nil {
		return err
	}
	if err := st.story(); err != nil {
		return fmt.Errorf("the story broke off after %q: %w", st.step, err)
	}
	if *calls != nil {
		st.scene("the application noticed nothing of another vendor")
		st.check("calls that it made here and not there, or there and not here", []string(nil), st.record.unlike(*calls))
	}
	*calls = &st.record
	if st.failed > 0 {
		s.say("\n%d of %d checks did not hold", st.failed, st.checks)
		return exit(exitFailed)
	}
	s.say("\nall %d checks held", st.checks)
	if !stay {
		return nil
	}
	s.say("the gateway serves %s until you stop it; try:\n  SCRIP_URL=%s SCRIP_KEY=%s scrip balance acme", st.api.base, st.api.base, st.api.key)
	<-ctx.Done()
	return nil
}

// emptyFolder makes a folder, or refuses one that holds something already.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = usagef("folder %q is not empty: --keep wants a new one", dir)
	}
	return err
}
