package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"scrip/bench"
)

// benchRun runs cases.
type benchRun = func(context.Context, *bench.Setup) error

func (s *shell) bench() *cobra.Command {
	return group("bench", "measure against limits taken in the same run",
		s.measure("debit", "durable debits against bare writes of the same rows, over HTTP against an echo, and the burn-down alone", bench.Debit),
		s.measure("batch", "debits over HTTP, a hundred a request, against bare writes of the same rows", bench.Batch),
		s.measure("webhook", "deliveries that are verified and stored durably, against an echo of the same body", bench.Webhook),
		s.measure("balance", "balance reads against the bare read of the same rows", bench.Read),
		s.sized("reconcile", "the comparison of so many customers with a vendor against a bare merge of both", "customers", "how many customers are compared", bench.Reconciles),
		s.sized("plan", "the plan of so many customers' move against writing and hashing the same rows", "customers", "how many customers are planned", bench.Plans),
		s.sized("audit", "the audit of so many entries against reading and hashing the same rows", "entries", "how many entries are audited", bench.Audits),
		s.sized("history", "debits of an account with so many entries against debits of a new one", "entries", "how many entries the account has", bench.Histories),
		s.soak())
}

// soak is the one case that lasts as long as it is told to.
func (s *shell) soak() *cobra.Command {
	minutes := 10.0
	c := s.measure("soak", "debits over HTTP at four fifths of the full rate: nothing may grow", func(ctx context.Context, setup *bench.Setup) error {
		if minutes <= 0 || minutes > 600 {
			return usageError{fmt.Errorf("--minutes is %v, and must be above 0 and at most 600", minutes)}
		}
		return bench.Soaks(time.Duration(minutes*float64(time.Minute)))(ctx, setup)
	})
	c.Flags().Float64Var(&minutes, "minutes", minutes, "how long, on each kind of storage")
	return c
}

// sized is a case whose size can be chosen.
func (s *shell) sized(use, short, flag, what string, of func(int) benchRun) *cobra.Command {
	size := 1_000_000
	c := s.measure(use, short, func(ctx context.Context, setup *bench.Setup) error {
		if size < 1 {
			return fmt.Errorf("--%s is %d, and must be at least 1", flag, size)
		}
		return of(size)(ctx, setup)
	})
	c.Flags().IntVar(&size, flag, size, what)
	return c
}

func (s *shell) measure(use, short string, run benchRun) *cobra.Command {
	setup, storage := &bench.Setup{}, ""
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) (err error) {
		if setup.Dir, err = os.MkdirTemp("", "scrip-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(setup.Dir)
		defer func() { err = errors.Join(err, setup.Close()) }()
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', tabwriter.AlignRight)
		if !s.json {
			fmt.Fprintln(w, "case\tper second\tp50 ms\tp99 ms\tcpu µs\tof it server\tlimit\tcpu µs\tratio\theap MiB\t")
		}
		if setup.Storage, err = serverAddress(storage); err != nil {
			return err
		}
		setup.Say = func(line string) { fmt.Fprintln(s.err, line) }
		setup.Emit = func(r bench.Result) {
			if s.json {
				_ = s.printJSON(r)
				return
			}
			fmt.Fprintf(w, "%s\t%.0f\t%.3f\t%.3f\t%.1f\t%s\t%.0f\t%.1f\t%.2f\t%s\t\n", r.Name, r.Rate, r.P50, r.P99, r.CPU, orDash(r.Server), r.Limit, r.LimitCPU, r.Ratio, orDash(r.Heap))
		}
		err = run(cmd.Context(), setup)
		return errors.Join(err, w.Flush())
	}}
	c.Flags().StringVar(&setup.Only, "only", "", "run the cases whose names begin so")
	c.Flags().StringVar(&storage, "storage", "", "the PostgreSQL for the cases on one, postgres://USER@HOST/DATABASE or env:NAME: they make databases of their own there and drop them (default: one that is started and removed)")
	return c
}

// orDash is a figure that not every case has.
func orDash(n float64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", n)
}

// serverAddress is the address that a flag gives or names.
func serverAddress(text string) (string, error) {
	if name, is := strings.CutPrefix(text, "env:"); is {
		if text = os.Getenv(name); text == "" {
			return "", usageError{fmt.Errorf("--storage names the environment variable %s, and that is empty", name)}
		}
	}
	if text != "" && !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return "", usageError{errors.New("--storage is the address of a PostgreSQL, postgres://USER@HOST/DATABASE, or env:NAME")}
	}
	return text, nil
}
