package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"scrip/core"
	"scrip/gateway"
	"scrip/gateway/reports"
)

// reportFlags are how a report is called.
type reportFlags struct {
	at, known, format, by, file string
	top                         int
}

func (s *shell) reportGroup() *cobra.Command {
	var children []*cobra.Command
	for _, r := range []struct{ name, short string }{
		{"liability", "unspent paid credits by customer, grant, age and expiry, in units and in money"},
		{"revenue", "what of the money paid is recognised, deferred, lapsed, refunded or written off, by month"},
		{"breakage", "credits that expired unspent by month, and those that will"},
		{"price", "what a credit cost, by month and category"},
		{"hoarding", "balances against what is spent: how long they last, what will lapse, what discounts cost"},
		{"unit", "whether the unit fits the rate card and real use"},
	} {
		var f reportFlags
		c := &cobra.Command{Use: r.name, Short: r.short, Args: cobra.NoArgs,
			Long: strings.ToUpper(r.short[:1]) + r.short[1:] + ".\nExit code 3: money does not tie out, which scrip audit looks into.",
			RunE: func(cmd *cobra.Command, _ []string) error { return s.runReport(cmd.Context(), r.name, f) }}
		c.Flags().StringVar(&f.at, "at", "", "as of this instant, RFC 3339 (default now); what happened at it counts")
		c.Flags().StringVar(&f.known, "known-at", "", "as it was known at this instant (default as it is known now)")
		c.Flags().StringVar(&f.format, "format", "table", "format of the report: "+strings.Join(reports.Formats(), ", "))
		c.Flags().StringVarP(&f.file, "output", "o", "", "write the report to this file instead of printing it")
		switch r.name {
		case "liability", "revenue":
			c.Flags().StringVar(&f.by, "by", "customer", "how fine the rows are: "+strings.Join(reports.Grains(), ", "))
		case "hoarding":
			c.Flags().IntVar(&f.top, "top", 20, "how many customers are listed for each unit; 0 lists all")
		}
		children = append(children, c)
	}
	return group("report", "what finance and pricing ask of the ledger", append(children, s.closePeriod(), s.periods())...)
}

func (s *shell) runReport(ctx context.Context, name string, f reportFlags) error {
	q, err := f.request(name, s.json)
	if err != nil {
		return usageError{err}
	}
	var done reports.Result
	write := func(w io.Writer) (err error) {
		done, err = s.writeReportOf(ctx, w, q)
		return err
	}
	if f.file != "" {
		err = replaceFile(f.file, write)
	} else {
		err = write(s.out)
	}
	if err == nil && !done.TiesOut {
		s.say("money does not tie out: scrip audit looks into it")
		return exit(exitDiffer)
	}
	return err
}

// request reads the flags; what they ask for is checked where the report is made.
func (f *reportFlags) request(name string, asJSON bool) (q reports.Request, err error) {
	q = reports.Request{Name: name, Format: f.format, By: f.by, Top: f.top}
	if asJSON {
		q.Format = "json"
	}
	if !slices.Contains(reports.Formats(), q.Format) {
		return q, fmt.Errorf("format %q is not known, use %s", q.Format, strings.Join(reports.Formats(), ", "))
	}
	for _, instant := range [...]struct {
		text string
		into *core.Time
	}{{f.at, &q.At}, {f.known, &q.Known}} {
		if instant.text != "" {
			if *instant.into, err = core.ParseTime(instant.text); err != nil {
				return q, err
			}
		}
	}
	return q, nil
}

// writeReportOf asks a running gateway where one is named, else the storage
// itself; either way the report passes through as it comes.
func (s *shell) writeReportOf(ctx context.Context, w io.Writer, q reports.Request) (reports.Result, error) {
	if base, key := os.Getenv("SCRIP_URL"), os.Getenv("SCRIP_KEY"); base != "" || key != "" {
		c, err := s.client(ctx)
		if err != nil {
			return reports.Result{}, err
		}
		done, err := c.stream(ctx, w, q)
		return done, errors.Join(err, c.close())
	}
	a, err := s.loadApp(ctx, appOptions{})
	if err != nil {
		return reports.Result{}, err
	}
	if err := q.Check(a.ledger.Now()); err != nil {
		return reports.Result{}, errors.Join(err, a.close())
	}
	done, err := reports.Write(ctx, w, a.ledger, a.config, q)
	return done, errors.Join(err, a.close())
}

// stream copies a report of the API.
func (c *client) stream(ctx context.Context, w io.Writer, q reports.Request) (done reports.Result, err error) {
	query := url.Values{"format": {q.Format}, "top": {fmt.Sprint(q.Top)}}
	for name, t := range map[string]core.Time{"at": q.At, "known_at": q.Known} {
		if t != 0 {
			query.Set(name, t.String())
		}
	}
	if q.By != "" {
		query.Set("by", q.By)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/reports/"+q.Name+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return done, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	resp, err := (&http.Client{Transport: c.http.Transport}).Do(req) // as long as it takes
	if err != nil {
		return done, core.Errorf(core.CodeUnavailable, "scrip at %q did not answer: is it serving there?", c.base)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return done, core.Errorf(core.CodeUnavailable, "the answer of scrip at %q broke off", c.base)
		}
		return done, problem(resp.StatusCode, raw)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return done, core.Errorf(core.CodeUnavailable, "the report of scrip at %q broke off", c.base)
	}
	done.TiesOut = resp.Trailer.Get(gateway.TiesOutTrailer) == "true"
	return done, nil
}
