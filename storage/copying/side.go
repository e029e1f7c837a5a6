package copying

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"scrip/core/ledger"
)

// source is a database that nobody writes, at one state.
type source interface {
	// columns lists the columns of a table.
	columns(ctx context.Context, table string) ([]column, error)
	// read gives the rows of a selection. A row is the reader's to keep.
	read(ctx context.Context, s selection) iter.Seq2[[]any, error]
	// line is the one text that a statement answers.
	line(ctx context.Context, statement string) (string, error)
	// order says by what the rows of a table are copied, and what they are
	// selected from.
	order(p *passage) (from string, by []column)
	close() error
}

// sink is a database that is being written.
type sink interface {
	// state is how far an unfinished copy into it has come; nil when there is none.
	state(ctx context.Context) (*state, error)
	// begin makes an empty database one with an unfinished copy.
	begin(ctx context.Context, s *state) error
	// write adds rows and remembers how far the copy has come, in one transaction.
	write(ctx context.Context, p *passage, rows [][]any, s *state) error
	// settle brings what was written into order, before it is looked at.
	settle(ctx context.Context) error
	// finish makes it a database like any other.
	finish(ctx context.Context) error
}

// books is a database opened as what it is to be one day: the ledger's.
type books interface {
	reader(ctx context.Context) (ledger.Store, error)
}

// side is one of the two databases.
type side struct {
	source
	sink
	books
}

// selection is rows of one table in an order. A row has the values of columns,
// and behind them those of by: int64, string or []byte, by their kinds.
type selection struct {
	columns []column
	from    string
	by      []column // none: as they lie
	after   []any    // the values of by of the last row that is not wanted
}

// statement writes a selection in SQL; sign marks a parameter before its number.
func (s *selection) statement(sign string) string {
	order := names(s.by)
	if order == "" {
		return "SELECT " + names(s.columns) + " FROM " + s.from
	}
	text := "SELECT " + names(s.columns) + ", " + order + " FROM " + s.from
	if len(s.after) > 0 {
		marks := make([]string, len(s.by))
		for i := range s.by {
			marks[i] = fmt.Sprint(sign, i+1)
		}
		text += " WHERE (" + order + ") > (" + strings.Join(marks, ", ") + ")"
	}
	return text + " ORDER BY " + order
}
