package reports

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"regexp"
	"strings"

	"scrip/core"
)

// column is one of a report's. Cells that are longer than its width are not
// cut; the line is then longer than the others.
type column struct {
	name  string
	width int
	right bool // amounts
	fine  bool // a table leaves it out unless its rows are by grant
}

// The widths of what the columns of reports hold.
func text(name string, width int) column { return column{name: name, width: max(width, len(name))} }
func amount(name string) column          { return column{name: name, width: max(14, len(name)), right: true} }
func fine(c column) column               { c.fine = true; return c }

func short(name string) column { return column{name: name, width: max(4, len(name))} }

// sheet writes rows in a format as they come. The first error is kept.
type sheet struct {
	out     *bufio.Writer
	csv     *csv.Writer
	format  string
	at      string
	columns []column
	byGrant bool
	cells   []string
	rows    int
	err     error
}

// number is a cell that no spreadsheet takes for a formula although it may
// begin like one.
var number = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

func newSheet(w io.Writer, q *Request, columns []column) *sheet {
	s := &sheet{out: bufio.NewWriterSize(w, 32<<10), format: q.Format, at: q.At.String(), columns: columns, byGrant: q.By == "grant"}
	known := ""
	if q.Known != core.Never {
		known = q.Known.String()
	}
	switch s.format {
	case "csv":
		s.csv = csv.NewWriter(s.out)
		s.cells = append(s.cells, "at", "known_at")
		for _, c := range columns {
			s.cells = append(s.cells, c.name)
		}
		s.keep(s.csv.Write(s.cells))
		s.cells[0], s.cells[1] = s.at, known
	case "json":
		s.raw(`{"report":`, quoted(q.Name), `,"at":`, quoted(s.at))
		if known != "" {
			s.raw(`,"known_at":`, quoted(known))
		}
		s.raw(`,"rows":[`)
	default:
		s.raw(q.Name, " as of ", s.at)
		if known != "" {
			s.raw(", as known at ", known)
		}
		s.raw("\n\n")
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = strings.ToUpper(c.name)
		}
		s.line(names)
	}
	return s
}

func (s *sheet) keep(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *sheet) raw(parts ...string) {
	for _, p := range parts {
		_, err := s.out.WriteString(p)
		s.keep(err)
	}
}

// row writes one row: a cell for each column.
func (s *sheet) row(cells ...string) error {
	switch s.format {
	case "csv":
		for i, cell := range cells {
			if start := strings.TrimLeft(cell, " "); start != "" && strings.ContainsRune("=+-@\t\r\n", rune(start[0])) && !number.MatchString(cell) {
				cell = "'" + cell // spreadsheets run a cell that begins like a formula
			}
			s.cells[2+i] = cell
		}
		s.keep(s.csv.Write(s.cells))
	case "json":
		s.object(cells)
	default:
		s.line(cells)
	}
	s.rows++
	return s.err
}

// object writes the cells that hold something.
func (s *sheet) object(cells []string) {
	if s.rows > 0 {
		s.raw(",")
	}
	s.raw("\n{")
	comma := ""
	for i, cell := range cells {
		if cell != "" {
			s.raw(comma, quoted(s.columns[i].name), ":", quoted(cell))
			comma = ","
		}
	}
	s.raw("}")
}

// line writes the cells one under the other.
func (s *sheet) line(cells []string) {
	gap := 0 // blanks owed before the next cell
	for i, cell := range cells {
		c := &s.columns[i]
		if c.fine && !s.byGrant {
			continue
		}
		pad := max(c.width-len(cell), 0)
		if c.right {
			gap, pad = gap+pad, 0
		}
		if cell != "" {
			s.raw(strings.Repeat(" ", gap), cell)
			gap = 0
		}
		gap += pad + 2
	}
	s.raw("\n")
}

// end writes what follows the last row.
func (s *sheet) end() error {
	switch s.format {
	case "csv":
		s.csv.Flush()
		s.keep(s.csv.Error())
	case "json":
		s.raw("\n]}\n")
	}
	s.keep(s.out.Flush())
	return s.err
}

// quoted is text as JSON.
func quoted(text string) string {
	raw, _ := json.Marshal(text) // strings always marshal
	return string(raw)
}
