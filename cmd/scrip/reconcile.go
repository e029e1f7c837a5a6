package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"scrip/core"
	"scrip/internal/clock"
	"scrip/mapping"
	"scrip/mapping/reconcile"
)

// reconcileFlags are how the command is called.
type reconcileFlags struct {
	connection, customer, format, file, asOf string
}

func (s *shell) reconcile() *cobra.Command {
	var f reconcileFlags
	c := &cobra.Command{
		Use: "reconcile", Short: "compare the ledger with what a vendor holds, and name every difference", Args: cobra.NoArgs,
		Long: "Compares customers, grants and consumption with what a connection's vendor holds, and changes nothing.\n" +
			"Exit code 0: both sides agree; 3: there are findings; 1: a side could not be read.\n" +
			"What is on its way is listed as in flight and is no finding.",
		RunE: func(cmd *cobra.Command, _ []string) error { return s.runReconcile(cmd.Context(), f) },
	}
	c.Flags().StringVar(&f.connection, "connection", "", "the connection to compare with (default the route's primary)")
	c.Flags().StringVar(&f.customer, "customer", "", "compare this customer only")
	c.Flags().StringVar(&f.format, "format", "table", "format of the report: "+strings.Join(reconcile.Formats(), ", "))
	c.Flags().StringVarP(&f.file, "output", "o", "", "write the report to this file instead of printing it")
	c.Flags().StringVar(&f.asOf, "as-of", "", "instant that windows and expiries are judged at, RFC 3339 (default now); the vendor is read as it stands")
	return c
}

func (s *shell) runReconcile(ctx context.Context, f reconcileFlags) error {
	if s.json {
		f.format = "json"
	}
	if !slices.Contains(reconcile.Formats(), f.format) {
		return usagef("format %q is not known, use %s", f.format, strings.Join(reconcile.Formats(), ", "))
	}
	var o appOptions
	if f.asOf != "" {
		at, err := core.ParseTime(f.asOf)
		if err != nil {
			return usageError{err}
		}
		o.clock = clock.Test(at) // which the vendor's objects are judged by too
	}
	a, err := s.loadApp(ctx, o)
	if err != nil {
		return err
	}
	report, err := s.compare(ctx, a, f)
	if err == nil && f.customer == "" && f.asOf == "" {
		err = a.noteDrift(ctx, report, clock.WallNow())
	}
	if err := errors.Join(err, a.close()); err != nil {
		return err
	}
	if err := s.writeReport(report, f); err != nil {
		return err
	}
	if !report.Agrees() {
		s.say("%d findings", report.Counts.Findings)
		return exit(exitDiffer)
	}
	return nil
}

func (s *shell) compare(ctx context.Context, a *app, f reconcileFlags) (*reconcile.Report, error) {
	connection, err := a.connectionNamed(f.connection)
	if err != nil {
		return nil, err
	}
	bar := s.progress("customers compared")
	defer bar.end()
	return reconcile.Run(ctx, reconcile.Options{
		Reader: a.store.Reader(), Port: a.ports[connection.Name], Connection: connection, Route: a.config.Route,
		Units: units(a.config), AsOf: a.ledger.Now(), Customer: f.customer, Progress: bar.at,
	})
}

// connectionNamed is a configured connection, the route's primary when name
// is empty.
func (a *app) connectionNamed(name string) (mapping.Connection, error) {
	if name == "" {
		name = a.config.Route.Primary
	}
	var known []string
	for _, c := range a.connections() {
		if c.Name == name {
			return c, nil
		}
		known = append(known, c.Name)
	}
	if name == "" {
		return mapping.Connection{}, usagef("the route names no primary connection, choose with --connection: %s", strings.Join(known, ", "))
	}
	return mapping.Connection{}, usagef("connection %q is not configured, known are %s", name, strings.Join(known, ", "))
}

func (s *shell) writeReport(report *reconcile.Report, f reconcileFlags) error {
	if f.file == "" {
		return report.Write(s.out, f.format)
	}
	return replaceFile(f.file, func(w io.Writer) error { return report.Write(w, f.format) })
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, write func(io.Writer) error) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".scrip-*")
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", path, err)
	}
	if err := errors.Join(write(draft), draft.Close()); err != nil {
		return errors.Join(fmt.Errorf("cannot write %q: %w", path, err), os.Remove(draft.Name()))
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return nil
}
