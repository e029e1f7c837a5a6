package main

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (s *shell) keys() *cobra.Command {
	var scope, name string
	create := &cobra.Command{Use: "create", Short: "make an API key; it is shown once", Args: cobra.NoArgs}
	create.Flags().StringVar(&scope, "scope", "", "read, write or admin")
	create.Flags().StringVar(&name, "name", "", "what it is for")
	create.RunE = func(cmd *cobra.Command, _ []string) error {
		if scope == "" {
			return usagef("--scope is needed: read, write or admin")
		}
		return s.call(cmd, request{method: http.MethodPost, path: "/v1/keys", body: body{"scope": scope}.set("name", name)},
			func(a answer) error { return s.show(a) })
	}
	list := &cobra.Command{Use: "list", Short: "list API keys", Args: cobra.NoArgs}
	page := paged(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: "/v1/keys", query: page()},
			func(a answer) error { return s.table(a, "id", "scope", "name", "created_at") })
	}
	revoke := &cobra.Command{Use: "revoke KEY_ID", Short: "revoke an API key", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodDelete, path: "/v1/keys/" + url.PathEscape(args[0])}, func(a answer) error {
			s.say("key %s is revoked", args[0])
			return nil
		})
	}}
	return group("keys", "API keys", create, list, revoke)
}
