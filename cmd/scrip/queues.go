package main

import (
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"scrip/core"
)

func (s *shell) webhooks() *cobra.Command {
	var since string
	backfill := &cobra.Command{Use: "backfill CONNECTION", Short: "fetch events that never arrived", Args: cobra.ExactArgs(1)}
	backfill.Flags().StringVar(&since, "since", "72h", "how far back to look")
	backfill.RunE = func(cmd *cobra.Command, args []string) error {
		back, err := time.ParseDuration(since)
		if err != nil || back <= 0 {
			return usagef("--since %q is not a duration such as 72h", since)
		}
		a, err := s.loadApp(cmd.Context(), appOptions{})
		if err != nil {
			return err
		}
		found, err := a.inward.Backfill(cmd.Context(), args[0], core.TimeOf(time.Now().Add(-back)))
		if closeErr := a.close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		if s.json {
			return s.printJSON(map[string]int{"found": found})
		}
		s.say("%d events had never arrived; they wait to be applied", found)
		return nil
	}
	c := s.queue("webhooks", "what vendors sent: the inbox", "/v1/inbox", "replay", "replay EVENT", "apply an event again; it takes effect once",
		"id", "connection", "type", "state", "attempts", "received_at", "reason")
	c.AddCommand(backfill)
	return c
}

func (s *shell) outbox() *cobra.Command {
	c := s.queue("outbox", "what vendors must hear: the outbox", "/v1/outbox", "retry", "retry INTENT", "try a waiting or parked intent now",
		"id", "connection", "customer", "kind", "ref", "state", "attempts", "due_at", "reason")
	c.AddCommand(s.act("/v1/outbox", "park", "park INTENT", "set an intent aside for a person; its stream waits"))
	return c
}

// queue makes the commands of one queue: list, show, and its one repair.
func (s *shell) queue(use, short, path, verb, verbUse, verbShort string, columns ...string) *cobra.Command {
	var state, connection string
	list := &cobra.Command{Use: "list", Short: "list items; exit 4 when some are parked", Args: cobra.NoArgs}
	list.Flags().StringVar(&state, "state", "", "waiting, applied, ignored or parked")
	list.Flags().StringVar(&connection, "connection", "", "only of this connection")
	page := paged(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		q := page()
		for name, value := range map[string]string{"state": state, "connection": connection} {
			if value != "" {
				q.Set(name, value)
			}
		}
		return s.call(cmd, request{method: http.MethodGet, path: path, query: q}, func(a answer) error {
			if err := s.table(a, columns...); err != nil {
				return err
			}
			return parked(a)
		})
	}
	show := &cobra.Command{Use: "show ID", Short: "show one item", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodGet, path: path + "/" + url.PathEscape(args[0])}, func(a answer) error { return s.show(a) })
	}}
	return group(use, short, list, show, s.act(path, verb, verbUse, verbShort))
}

// act makes a command that posts one verb to an item.
func (s *shell) act(path, verb, use, short string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return s.call(cmd, request{method: http.MethodPost, path: path + "/" + url.PathEscape(args[0]) + "/" + verb, body: body{}},
			func(a answer) error { return s.show(a) })
	}}
}

// parked turns a listing with parked items into exit code 4.
func parked(a answer) error {
	m, err := a.object()
	if err != nil {
		return err
	}
	rows, _ := m["data"].([]any)
	for _, row := range rows {
		if item, _ := row.(map[string]any); item["state"] == "parked" {
			return exit(exitParked)
		}
	}
	return nil
}
