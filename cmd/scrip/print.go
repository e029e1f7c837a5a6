package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"
)

// show prints an answer: as it came with --json, else the named fields, or
// all of them, one a line.
func (s *shell) show(a answer, fields ...string) error {
	if s.json {
		_, err := fmt.Fprintln(s.out, string(bytes.TrimSpace(a.raw)))
		return err
	}
	if a.replayed {
		s.say("this key was used before: the first answer again")
	}
	m, err := a.object()
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		fields = append([]string{"id"}, slices.DeleteFunc(sortedKeys(m), func(k string) bool { return k == "id" })...)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, f := range fields {
		if text := plain(m[f]); text != "" {
			fmt.Fprintf(w, "%s\t%s\n", f, text)
		}
	}
	return w.Flush()
}

// table prints the data of a list answer in columns.
func (s *shell) table(a answer, columns ...string) error {
	if s.json {
		_, err := fmt.Fprintln(s.out, string(bytes.TrimSpace(a.raw)))
		return err
	}
	m, err := a.object()
	if err != nil {
		return err
	}
	rows, _ := m["data"].([]any)
	printRows(s.out, rows, columns)
	if next := plain(m["next_cursor"]); next != "" {
		s.say("there is more: --cursor %s", next)
	}
	return nil
}

func printRows(out io.Writer, rows []any, columns []string) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(columns, "\t")))
	for _, row := range rows {
		cells := make([]string, len(columns))
		m, _ := row.(map[string]any)
		for i, c := range columns {
			cells[i] = plain(m[c])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush()
}

// plain writes a decoded JSON value for people, on one line and without
// control characters.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = plain(v[i])
		}
		return strings.Join(parts, "; ")
	case map[string]any:
		var parts []string
		for _, k := range sortedKeys(v) {
			if text := plain(v[k]); text != "" {
				parts = append(parts, k+" "+text)
			}
		}
		return strings.Join(parts, ", ")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, fmt.Sprint(v))
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
