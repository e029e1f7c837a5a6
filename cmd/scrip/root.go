package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"scrip/core"
	"scrip/mapping/config"
)

// Exit codes.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
	exitDiffer = 3 // differences were found
	exitParked = 4 // parked items wait for a person
)

// shell is what every subcommand shares.
type shell struct {
	in     io.Reader
	out    io.Writer // data
	err    io.Writer // words
	config string    // path of scrip.yaml
	json   bool
}

// exit is an error that only sets the exit code; what there was to say has
// been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError marks a wrong call of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	s := &shell{in: in, out: out, err: errOut}
	root := s.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	return s.report(err)
}

// report says an error and turns it into an exit code.
func (s *shell) report(err error) int {
	var code exit
	var faults *config.Faults
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &faults):
		fmt.Fprintln(s.err, faults.Error())
		return exitUsage
	}
	var usage usageError
	if errors.As(err, &usage) || isCobraUsage(err) {
		fmt.Fprintf(s.err, "scrip: %v\nhint: scrip --help lists the commands, scrip COMMAND --help their flags\n", err)
		return exitUsage
	}
	if s.json {
		_ = json.NewEncoder(s.err).Encode(map[string]any{"code": core.CodeOf(err), "message": err.Error()})
	} else {
		fmt.Fprintf(s.err, "scrip: %v\n", err)
	}
	var known *core.Error
	if errors.As(err, &known) {
		return known.Code.Class().Exit
	}
	return exitFailed
}

// isCobraUsage recognises cobra's own complaints, which have no type.
func isCobraUsage(err error) bool {
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires ", "required flag", "invalid argument", "flag needs an argument", "bad flag syntax"} {
		if strings.HasPrefix(err.Error(), start) {
			return true
		}
	}
	return false
}

func (s *shell) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "scrip",
		Short:         "the credit layer between an application and its billing vendor",
		Long:          "Scrip keeps the ledger of prepaid credits, carries it to a billing vendor, and proves that both agree.\nTo see it work: scrip demo",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVarP(&s.config, "config", "c", "scrip.yaml", "the config file")
	root.PersistentFlags().BoolVar(&s.json, "json", false, "print data as JSON")
	root.AddCommand(
		s.demo(), s.init(), s.schema(), s.serve(), s.sandbox(), s.providers(), s.keys(),
		s.customer(), s.grant(), s.debit(), s.hold(), s.purchase(), s.subscription(), s.balance(), s.quote(), s.entries(), s.notices(),
		s.plan(), s.apply(), s.status(), s.rollback(), s.webhooks(), s.outbox(), s.audit(), s.backup(), s.db(), s.doctor(), s.reconcile(), s.reportGroup(), s.bench(), s.version(),
	)
	return root
}

// group makes a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return usagef("%s needs a subcommand: %s", cmd.CommandPath(), childNames(cmd))
	}}
	c.AddCommand(children...)
	return c
}

func childNames(cmd *cobra.Command) string {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return strings.Join(names, ", ")
}

// printJSON writes v as one line of JSON.
func (s *shell) printJSON(v any) error { return json.NewEncoder(s.out).Encode(v) }

// say writes words for people to stderr.
func (s *shell) say(format string, args ...any) { fmt.Fprintf(s.err, format+"\n", args...) }
