package main

import (
	"net/http"

	"github.com/spf13/cobra"
)

func (s *shell) notices() *cobra.Command {
	c := &cobra.Command{Use: "notices [CUSTOMER]", Short: "what customers were to be told", Args: cobra.MaximumNArgs(1)}
	unit := c.Flags().String("unit", "", "with a customer: the unit, needed when several are configured")
	page := paged(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		q := page()
		if len(args) == 1 {
			q.Set("customer", args[0])
		}
		if *unit != "" {
			q.Set("unit", *unit)
		}
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/notices", query: q}, func(a answer) error {
			return s.table(a, "customer", "seq", "type", "at", "data")
		})
	}
	return c
}
