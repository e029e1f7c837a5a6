package reconcile

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"scrip/core"
)

// Formats lists the formats that [Report.Write] knows.
func Formats() []string { return []string{"table", "csv", "json"} }

// Write writes the report in a format: for people, for a spreadsheet, or for
// a program. The same report gives the same bytes.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "table":
		return r.table(w)
	case "csv":
		return r.csv(w)
	case "json":
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(r)
	}
	return core.Errorf(core.CodeInvalid, "format %q is not known, use %s", format, strings.Join(Formats(), ", "))
}

// row is a finding as cells, in the order of header.
func (f *Finding) row() []string {
	return []string{f.ID, f.Customer, f.Object, string(f.Cause), f.Ours, f.Vendors, f.Difference, f.VendorObject, f.Evidence}
}

func header() []string {
	return []string{"id", "customer", "object", "cause", "ours", "vendors", "difference", "vendor_object", "evidence"}
}

// csv lists findings and what is in flight. Columns are told apart by their
// names; the first says which list a line is of.
func (r *Report) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write(append([]string{"list"}, header()...)) // an error is kept for Error
	number := regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
	for i := range r.Findings {
		_ = out.Write(cells("finding", r.Findings[i].row(), number))
	}
	for i := range r.InFlight {
		_ = out.Write(cells("in_flight", r.InFlight[i].row(), number))
	}
	out.Flush()
	return out.Error()
}

// cells guards a line against spreadsheets, which run a cell that begins like
// a formula. A plain number is none.
func cells(list string, row []string, number *regexp.Regexp) []string {
	line := []string{list}
	for _, cell := range row {
		if start := strings.TrimLeft(cell, " "); start != "" && strings.ContainsRune("=+-@\t\r\n", rune(start[0])) && !number.MatchString(cell) {
			cell = "'" + cell
		}
		line = append(line, cell)
	}
	return line
}

func (r *Report) table(w io.Writer) error {
	out := &sticky{w: w}
	c := r.Counts
	fmt.Fprintf(out, "connection %s (%s) as of %s\n", r.Connection, r.Strategy, r.AsOf)
	fmt.Fprintf(out, "%d customers, %d at the vendor, %d of them not ours; %d grants compared, %d kept in the core\n",
		c.Customers, c.VendorCustomers, c.Foreign, c.Grants, c.Kept)
	fmt.Fprintf(out, "queues: %d waiting, %d open, %d parked\n", r.Queues.Waiting, r.Queues.Open, r.Queues.Parked)
	fmt.Fprintf(out, "\nfindings: %d\n", c.Findings)
	rows(out, r.Findings)
	if c.LeftOut > 0 {
		fmt.Fprintf(out, "and %d more that are not listed\n", c.LeftOut)
	}
	fmt.Fprintf(out, "\nin flight: %d\n", c.InFlight)
	rows(out, r.InFlight)
	fmt.Fprintf(out, "\nnot compared: %d\n", len(r.NotComparable))
	for _, n := range r.NotComparable {
		fmt.Fprintf(out, "%s: %s\n", plain(n.Fact), plain(n.Why))
	}
	return out.err
}

func rows(w io.Writer, list []Finding) {
	if len(list) == 0 {
		return
	}
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(out, strings.ToUpper(strings.Join(header(), "\t")))
	for i := range list {
		row := list[i].row()
		for j := range row {
			row[j] = plain(row[j])
		}
		fmt.Fprintln(out, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = out.Flush() // w keeps the error
}

// plain keeps what a vendor wrote from steering a terminal.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return '?'
		}
		return c
	}, text)
}

// sticky keeps the first error of a writer.
type sticky struct {
	w   io.Writer
	err error
}

// Write implements [io.Writer].
func (s *sticky) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}
