package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"scrip/storage/postgres"
)

func (s *shell) dbDistribute() *cobra.Command {
	var d postgres.Distribution
	c := &cobra.Command{
		Use: "distribute", Short: "spread a PostgreSQL database over the nodes of a Citus cluster",
		Long: "Prints the statements that spread every table over nodes by its bucket, and with --apply runs them. Storage must name the coordinator of a\n" +
			"Citus cluster. Writers wait while rows are moved; all is counted and summed before and after, and undone where it differs. Repeating it\n" +
			"leaves alone what is done already, and adds nodes. See docs/scale.md for what changes.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := s.loadConfig()
			if err != nil {
				return err
			}
			if !onPostgres(file.config) {
				return usagef("storage is %s: only a PostgreSQL can be distributed, scrip db copy brings a database there", file.config.Storage)
			}
			var told []string
			d.Tell = func(statement string) {
				if told = append(told, statement); !s.json {
					fmt.Fprintf(s.out, "%s;\n", statement)
				}
			}
			report, err := postgres.Distribute(cmd.Context(), file.config.Database.Reveal(), d)
			if err != nil {
				return unnamed(file.config, err)
			}
			return s.printDistributed(d, report, told)
		},
	}
	c.Flags().BoolVar(&d.Apply, "apply", false, "run the statements")
	c.Flags().StringArrayVar(&d.Workers, "worker", nil, "host:port of a node to add, as the coordinator reaches it (repeatable); without any the coordinator holds all until nodes are added")
	c.Flags().StringVar(&d.Coordinator, "coordinator", "", "host:port by which the nodes reach the coordinator, when not the one in storage")
	c.Flags().IntVar(&d.Shards, "shards", 0, "parts of each table, 32 by default; choose it once")
	return c
}

func (s *shell) printDistributed(d postgres.Distribution, r *postgres.Distributed, told []string) error {
	if s.json {
		tables := map[string]int64{}
		for _, t := range r.Tables {
			tables[t.Name] = t.Rows
		}
		return s.printJSON(map[string]any{"applied": d.Apply, "statements": told, "tables": tables, "nodes": append([]string{}, r.Nodes...), "notes": append([]string{}, r.Notes...)})
	}
	for _, note := range r.Notes {
		s.say("note: %s", note)
	}
	switch {
	case !d.Apply && len(told) == 0:
		s.say("there is nothing left to do")
	case !d.Apply:
		s.say("nothing was done: --apply runs these statements, counts and sums every table before and after, and undoes all where they differ")
	case len(r.Tables) == 0:
		s.say("the tables were distributed already, over %s", strings.Join(r.Nodes, ", "))
	default:
		for _, t := range r.Tables {
			s.say("%s: %d rows, before and after", t.Name, t.Rows)
		}
		s.say("%d tables are distributed over %s; from here on an idempotency key is unique within a customer's bucket: start every scrip serve anew", len(r.Tables), strings.Join(r.Nodes, ", "))
	}
	return nil
}
