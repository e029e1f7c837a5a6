package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scrip/bench"
)

// benchRun runs cases in a folder and hands each result to emit.
type benchRun = func(ctx context.Context, dir string, emit func(bench.Result)) error

func (s *shell) bench() *cobra.Command {
	return group("bench", "measure against limits taken in the same run",
		s.measure("debit", "durable debits against bare writes of the same rows, over HTTP against an echo, and the burn-down alone", bench.Debit),
		s.measure("batch", "debits over HTTP, a hundred a request, against bare writes of the same rows", bench.Batch),
		s.measure("webhook", "deliveries that are verified and stored durably, against an echo of the same body", bench.Webhook),
		s.measure("balance", "balance reads against the bare read of the same rows", bench.Read),
		s.sized("reconcile", "the comparison of so many customers with a vendor against a bare merge of both", "customers", "how many customers are compared", bench.Reconciles),
		s.sized("plan", "the plan of so many customers' move against writing and hashing the same rows", "customers", "how many customers are planned", bench.Plans),
		s.sized("audit", "the audit of so many entries against reading and hashing the same rows", "entries", "how many entries are audited", bench.Audits),
		s.sized("history", "debits of an account with so many entries against debits of a new one", "entries", "how many entries the account has", bench.Histories))
}

// sized is a case whose size can be chosen.
func (s *shell) sized(use, short, flag, what string, of func(int) benchRun) *cobra.Command {
	size := 1_000_000
	c := s.measure(use, short, func(ctx context.Context, dir string, emit func(bench.Result)) error {
		if size < 1 {
			return fmt.Errorf("--%s is %d, and must be at least 1", flag, size)
		}
		return of(size)(ctx, dir, emit)
	})
	c.Flags().IntVar(&size, flag, size, what)
	return c
}

func (s *shell) measure(use, short string, run benchRun) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		dir, err := os.MkdirTemp("", "scrip-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', tabwriter.AlignRight)
		if !s.json {
			fmt.Fprintln(w, "case\tper second\tp50 ms\tp99 ms\tcpu µs\tlimit\tratio\theap MiB\t")
		}
		err = run(cmd.Context(), dir, func(r bench.Result) {
			if s.json {
				_ = s.printJSON(r)
				return
			}
			heap := "-" // only where it is bounded
			if r.Heap > 0 {
				heap = fmt.Sprintf("%.1f", r.Heap)
			}
			fmt.Fprintf(w, "%s\t%.0f\t%.3f\t%.3f\t%.1f\t%.0f\t%.2f\t%s\t\n", r.Name, r.Rate, r.P50, r.P99, r.CPU, r.Limit, r.Ratio, heap)
		})
		if flushErr := w.Flush(); err == nil {
			err = flushErr
		}
		return err
	}}
}
