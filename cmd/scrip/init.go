package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"scrip/mapping/config"
)

func (s *shell) init() *cobra.Command {
	var provider string
	c := &cobra.Command{Use: "init", Short: "write a commented scrip.yaml", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		v, ok := vendorNamed(provider)
		if !ok {
			return usagef("provider %q is unknown, known are %s", provider, strings.Join(vendorNames(), ", "))
		}
		if v.pays != "" {
			return usagef("%s cannot collect money: start with --provider %s, then add a second connection and name it in route.primary", provider, v.pays)
		}
		f, err := os.OpenFile(s.config, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) {
			return usagef("%q exists already and is left as it is: -c names another", s.config)
		}
		if err != nil {
			return err
		}
		if _, err := f.WriteString(config.Template(provider)); err != nil {
			return errors.Join(err, f.Close())
		}
		s.say("wrote %s: set the environment variables it names, then run scrip serve", s.config)
		return f.Close()
	}}
	c.Flags().StringVar(&provider, "provider", defaultVendor, strings.Join(vendorNames(), ", "))
	return c
}
