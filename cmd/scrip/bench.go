package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scrip/bench"
)

func (s *shell) bench() *cobra.Command {
	entries := 1_000_000
	audit := s.measure("audit", "the audit of so many entries against reading and hashing the same rows",
		func(ctx context.Context, dir string, emit func(bench.Result)) error {
			return bench.Audits(entries)(ctx, dir, emit)
		})
	audit.Flags().IntVar(&entries, "entries", entries, "how many entries are audited")
	return group("bench", "measure against limits taken in the same run",
		s.measure("debit", "durable debits against bare writes of the same rows, over HTTP against an echo, and the burn-down alone", bench.Debit),
		s.measure("balance", "balance reads against the bare read of the same rows", bench.Read), audit)
}

func (s *shell) measure(use, short string, run func(context.Context, string, func(bench.Result)) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		dir, err := os.MkdirTemp("", "scrip-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', tabwriter.AlignRight)
		if !s.json {
			fmt.Fprintln(w, "case\tper second\tp50 ms\tp99 ms\tcpu µs\tlimit\tratio\t")
		}
		err = run(cmd.Context(), dir, func(r bench.Result) {
			if s.json {
				_ = s.printJSON(r)
				return
			}
			fmt.Fprintf(w, "%s\t%.0f\t%.3f\t%.3f\t%.1f\t%.0f\t%.2f\t\n", r.Name, r.Rate, r.P50, r.P99, r.CPU, r.Limit, r.Ratio)
		})
		if flushErr := w.Flush(); err == nil {
			err = flushErr
		}
		return err
	}}
}
