package main

import (
	"net/http"

	"github.com/spf13/cobra"
)

// closePeriod closes what reports were made of.
func (s *shell) closePeriod() *cobra.Command {
	var until string
	c := &cobra.Command{
		Use: "close", Short: "close what happened before an instant: no late fact is taken into it any more", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if until == "" {
				return usagef("--until is needed: the first instant that stays open")
			}
			return s.call(cmd, request{method: http.MethodPost, path: "/v1/periods", body: body{"until": until}}, func(a answer) error { return s.show(a) })
		},
	}
	c.Flags().StringVar(&until, "until", "", "first instant that stays open, RFC 3339; now at most")
	return c
}

// periods lists what is closed.
func (s *shell) periods() *cobra.Command {
	c := &cobra.Command{Use: "periods", Short: "list the periods that are closed", Args: cobra.NoArgs}
	page := paged(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/periods", query: page()}, func(a answer) error { return s.table(a, "until", "closed_at") })
	}
	return c
}
