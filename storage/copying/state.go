package copying

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// state is how far an unfinished copy has come. It lies in the target, in the
// table copying, and is written with the rows that it is about. A database
// that has this table is opened by nobody else.
type state struct {
	source string // what the source is, see fingerprint
	table  string // that is being copied; none when all are
	last   []any  // the last row of it that is there, by the source's order
	rows   int64  // of it that are there
}

// createState makes the table; both databases take the text.
const createState = "CREATE TABLE copying (source text NOT NULL, tab text NOT NULL, last text NOT NULL, rows bigint NOT NULL)"

// lastText writes the values of an order: numbers, or texts in quotes.
func lastText(values []any) string {
	text, _ := json.Marshal(values) // numbers and texts always marshal
	return string(text)
}

func parseLast(text string) ([]any, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("how far the copy has come cannot be read: %w", err)
	}
	values := make([]any, len(raw))
	for i, r := range raw {
		if n, err := strconv.ParseInt(string(r), 10, 64); err == nil {
			values[i] = n
			continue
		}
		var s string
		if err := json.Unmarshal(r, &s); err != nil {
			return nil, fmt.Errorf("how far the copy has come cannot be read: %w", err)
		}
		values[i] = s
	}
	return values, nil
}
