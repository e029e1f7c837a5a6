package main

import (
	"github.com/spf13/cobra"

	"scrip/mapping/config"
)

func (s *shell) schema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "print a JSON Schema of scrip.yaml, for editors", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := config.Schema(providerFacts())
			if err != nil {
				return err
			}
			_, err = s.out.Write(text)
			return err
		},
	}
}
