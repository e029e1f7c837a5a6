// Package reports writes what finance and pricing ask of the ledger: what is
// owed, earned, lapsed and hoarded, at what price, and whether the unit fits.
//
// A report reads one committed state, one customer at a time in the order of
// the ledger, and writes rows as it comes to them and totals at the end, so
// that its memory does not grow with the number of customers.
package reports

import (
	"context"
	"io"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/books"
	"scrip/core/ledger"
	"scrip/mapping/config"
)

// Request says which report is wanted.
type Request struct {
	Name   string
	At     core.Time // as of this instant; now when zero
	Known  core.Time // as it was known at this instant; as it is known now when zero
	Format string    // table, csv or json
	By     string    // grant, customer or total: how fine the rows of liability and revenue are; customer when empty
	Top    int       // how many customers hoarding lists for each unit; 0 lists all
}

// Result is what a report found beside its rows.
type Result struct {
	TiesOut bool // every sum of money equals its parts
}

// Names lists the reports.
func Names() []string {
	return []string{"liability", "revenue", "breakage", "price", "hoarding", "unit"}
}

// Formats lists the formats.
func Formats() []string { return []string{"table", "csv", "json"} }

// Grains lists how fine rows may be.
func Grains() []string { return []string{"grant", "customer", "total"} }

// MostTop bounds [Request.Top].
const MostTop = 10_000

// ContentType is the media type of a format.
func ContentType(format string) string {
	switch format {
	case "csv":
		return "text/csv; charset=utf-8; header=present"
	case "json":
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// Check fills in what was left out and refuses what is not known.
func (q *Request) Check(now core.Time) error {
	for _, c := range [...]struct {
		field, text string
		known       []string
		code        core.Code
	}{
		{"name", q.Name, Names(), core.CodeNotFound},
		{"format", q.Format, Formats(), core.CodeInvalid},
		{"by", orElse(&q.By, "customer"), Grains(), core.CodeInvalid},
	} {
		if !slices.Contains(c.known, c.text) {
			return core.InField(core.Errorf(c.code, "%s %q is not known, use %s", c.field, clip(c.text), strings.Join(c.known, ", ")), c.field)
		}
	}
	if q.At == 0 {
		q.At = now
	}
	switch {
	case q.At > now:
		return core.InField(core.Errorf(core.CodeNotSupported, "a report of the future is not told, ask for now or an instant before"), "at")
	case q.Known == 0:
		q.Known = core.Never
	}
	if q.Top < 0 || q.Top > MostTop {
		return core.InField(core.Errorf(core.CodeInvalid, "the number of customers must be from 0 to %d", MostTop), "top")
	}
	return nil
}

func orElse(text *string, other string) string {
	if *text == "" {
		*text = other
	}
	return *text
}

func clip(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// run is one report on its way.
type run struct {
	Request
	ledger *ledger.Ledger
	config *config.Config
	scales map[string]int
	sheet  *sheet
	broken bool // money that does not tie out was found
}

// Write writes a report to w. The request must have been checked. Of one that
// fails half way no end is written: a table without its totals, CSV without
// its last rows, JSON that is not closed.
func Write(ctx context.Context, w io.Writer, l *ledger.Ledger, c *config.Config, q Request) (Result, error) {
	r := &run{Request: q, ledger: l, config: c, scales: map[string]int{}}
	for _, u := range c.Units {
		r.scales[u.Code] = u.Scale
	}
	for _, u := range c.RetiredUnits() {
		r.scales[u.Unit.Code] = u.Unit.Scale
	}
	report := map[string]func(context.Context, io.Writer) error{
		"liability": r.liability, "revenue": r.revenue, "breakage": r.breakage, "price": r.price, "hoarding": r.hoarding, "unit": r.unit,
	}[q.Name]
	all := func(ctx context.Context) error {
		if err := report(ctx, w); err != nil {
			return err
		}
		return r.sheet.end()
	}
	var err error
	if snapshot := l.Reader().Snapshot; snapshot != nil {
		err = snapshot(ctx, all)
	} else {
		err = all(ctx)
	}
	return Result{TiesOut: err == nil && !r.broken}, err
}

// open begins the rows.
func (r *run) open(w io.Writer, columns ...column) { r.sheet = newSheet(w, &r.Request, columns) }

// units writes an amount of a unit.
func (r *run) units(unit string, a core.Amount) string { return a.Format(r.scales[unit]) }

// ties notes whether money ties out, and says so.
func (r *run) ties(ok bool) string {
	if !ok {
		r.broken = true
		return "no"
	}
	return "yes"
}

// minor writes an amount of a currency; nothing of none.
func minor(c core.Currency, a core.Amount) string {
	if c == "" {
		return ""
	}
	return a.Format(c.Exponent())
}

func sum(c core.Currency, s *books.Sum) string {
	if c == "" {
		return ""
	}
	return s.Text(c.Exponent())
}
